"""hydra/launcher=slurm_batch: the batches of hydra/launcher=batch as the tasks of one Slurm array."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from hydra_plugins.batch_launcher import BatchLauncher
from omegaconf import DictConfig


@dataclass
class SlurmBatchLauncherConf:
    """Settings of the launcher."""

    _target_: str = "hydra_plugins.slurm_batch_launcher.SlurmBatchLauncher"
    _convert_: str = "all"
    cluster: str = "slurm"  # or local: processes of this machine, to try a command out
    tasks: int = 64  # of the array, at most; sites limit it (MaxArraySize)
    array_parallelism: int = 256  # tasks running at once
    timeout_min: int = 240  # of a task
    cpus_per_task: int = 2
    mem_gb: float = 8.0
    gpus_per_node: int | None = None  # 1 with backend=cupy
    partition: str | None = None  # null = the cluster's default
    account: str | None = None
    retries: int = 2  # of a task that was killed, or whose node died
    more: dict = field(default_factory=dict)  # further options of sbatch: +hydra.launcher.more.qos=high


ConfigStore.instance().store(
    group="hydra/launcher", name="slurm_batch", node=SlurmBatchLauncherConf, provider="dispersion-engine"
)


class SlurmBatchLauncher(BatchLauncher):
    """Stores what Hydra hands over; `engine.sweep.slurm` does the work, imported only when it is asked for."""

    def __init__(self, **settings: Any):
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Check that Slurm can be asked before anything is composed."""
        from engine.sweep.slurm import check_slurm

        check_slurm(self.settings)
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs and return one JobReturn each."""
        from engine.sweep.slurm import run_sweep_on_slurm

        return run_sweep_on_slurm(self.settings, self.hydra_context, self.config, job_overrides, initial_job_idx)
