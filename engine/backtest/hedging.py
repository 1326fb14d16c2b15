"""How much of each straddle's delta is held against it."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@runtime_checkable
class Hedge(Protocol):
    """What a hedge of your own offers; a frozen dataclass, so that equal hedges share a trade book."""

    @property
    def ratio(self) -> float:
        """Share of each straddle's delta that is held against it from each close to the next: 1 = all of it."""
        ...


@dataclass(frozen=True)
class DailyDelta:
    """Trade the underlying's forward to zero delta at every close, each cohort by itself."""

    ratio = 1.0  # of the straddles' delta held from each close to the next


@dataclass(frozen=True)
class NoHedge:
    """Leave the deltas alone."""

    ratio = 0.0
