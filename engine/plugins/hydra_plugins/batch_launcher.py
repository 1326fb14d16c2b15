"""hydra/launcher=batch: a whole sweep of backtests as a few batches, in the folders of the basic launcher."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class BatchLauncherConf:
    """Settings of the launcher: none."""

    _target_: str = "hydra_plugins.batch_launcher.BatchLauncher"


ConfigStore.instance().store(group="hydra/launcher", name="batch", node=BatchLauncherConf, provider="dispersion-engine")


class BatchLauncher(Launcher):
    """Stores what Hydra hands over; `engine.sweep.local` does the work, imported only when it is asked for."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what launching needs; the task itself is not called, its backtests are batched."""
        from engine.sweep.composer import SweepComposer

        composer: Any = SweepComposer(hydra_context.config_loader, config)  # a loader in all but class
        hydra_context.config_loader = composer  # the sweeper checks by it too
        self.hydra_context, self.config = hydra_context, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs and return one JobReturn each."""
        from engine.sweep.local import run_sweep

        return run_sweep(self.hydra_context, self.config, job_overrides, initial_job_idx)
