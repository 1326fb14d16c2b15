"""A strategy that takes a Ray worker, or its whole node, down with it: once, and never on the first node."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from strategies.rich_correlation import RichCorrelation


@dataclass(frozen=True)
class Mortal(RichCorrelation):
    """Trades like RichCorrelation; a file named by MORTAL says who dies, and is gone afterwards."""

    def exposure(self, market):
        """Die, or decide."""
        wanted = Path(os.environ.get("MORTAL", "-"))
        if wanted.exists():
            import ray

            victim, first_node = wanted.read_text().split()
            if ray.get_runtime_context().get_node_id() != first_node:
                wanted.unlink()
                if victim == "node":
                    os.kill(os.getppid(), signal.SIGKILL)
                os.kill(os.getpid(), signal.SIGKILL)
            deadline = time.monotonic() + 60.0
            while wanted.exists() and time.monotonic() < deadline:  # leave work for the one that is to die
                time.sleep(0.05)
        return super().exposure(market)
