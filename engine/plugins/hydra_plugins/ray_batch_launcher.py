"""hydra/launcher=ray_batch: the batches of hydra/launcher=batch as tasks of a Ray cluster."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from hydra_plugins.batch_launcher import BatchLauncher
from omegaconf import DictConfig


@dataclass
class RayBatchLauncherConf:
    """Settings of the launcher."""

    _target_: str = "hydra_plugins.ray_batch_launcher.RayBatchLauncher"
    _convert_: str = "all"  # ray.init takes plain dictionaries and lists
    # null starts a cluster of this machine's cores for this sweep, which nobody else can reach; auto finds a running
    # one; or its host:port
    address: str | None = None
    num_cpus: float = 1.0  # of a task
    num_gpus: float = 1.0  # of a task, where the cluster has GPUs and backend is not numpy
    retries: int = 3  # of a task whose worker or node died
    # auto: nodes that see the panel's folder map it into memory, others get it from the object store; or object_store
    panel: str = "auto"
    init: dict = field(default_factory=dict)  # further arguments of ray.init, such as runtime_env


ConfigStore.instance().store(
    group="hydra/launcher", name="ray_batch", node=RayBatchLauncherConf, provider="dispersion-engine"
)


class RayBatchLauncher(BatchLauncher):
    """Stores what Hydra hands over; `engine.sweep.ray` does the work, imported only when it is asked for."""

    def __init__(self, **settings: Any):
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Check that Ray is there before anything is composed."""
        from engine.sweep.ray import check_ray

        check_ray()
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs and return one JobReturn each."""
        from engine.sweep.ray import run_sweep_on_ray

        return run_sweep_on_ray(self.settings, self.hydra_context, self.config, job_overrides, initial_job_idx)
