"""Batches on a Slurm cluster: a sweep is cut into the tasks of one array, whose results come back by a shared disk."""

import functools
import getpass
import importlib.util
import math
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from engine.command.start import import_from_here_last
from engine.errors import InputError
from engine.runs.folder_store import FolderStore
from engine.runs.plan import Plan
from engine.runs.table_store import TableStore
from engine.sweep.jobs import Job
from engine.sweep.local import run_sweep
from engine.sweep.pieces import PanelSource, open_on_host, panel_source, run_piece
from engine.sweep.shards import cut

if TYPE_CHECKING:
    import submitit

CLUSTERS = ("slurm", "local")
SECONDS_BETWEEN_LOOKS = 0.2  # at the disk
SECONDS_BETWEEN_QUEUES = 5.0  # so that the controller of a busy cluster is not asked too often
SECONDS_A_DISK_IS_LATE = 30.0  # a shared one shows the result of a job that has ended, at most


@dataclass(frozen=True)
class SlurmSettings:
    """What Slurm is asked for; see `hydra_plugins.slurm_batch_launcher` for what each means."""

    cluster: str = "slurm"
    tasks: int = 64
    array_parallelism: int = 256
    timeout_min: int = 240
    cpus_per_task: int = 2
    mem_gb: float = 8.0
    gpus_per_node: int | None = None
    partition: str | None = None
    account: str | None = None
    retries: int = 2
    more: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        if self.cluster not in CLUSTERS:
            raise InputError(f"hydra.launcher.cluster={self.cluster} is unknown; choose {' or '.join(CLUSTERS)}")
        for name, least in (("tasks", 1), ("array_parallelism", 1), ("timeout_min", 1), ("retries", 0)):
            if getattr(self, name) < least:
                raise InputError(f"hydra.launcher.{name}={getattr(self, name)} is too few; write {least} or more")


def check_slurm(settings: dict[str, Any]) -> None:
    """Raise InputError where Slurm cannot be asked: submitit is not installed, or a setting is wrong."""
    if importlib.util.find_spec("submitit") is None:
        raise InputError("hydra/launcher=slurm_batch needs submitit: pip install 'dispersion-engine[slurm]'")
    if SlurmSettings(**settings).cluster == "slurm" and shutil.which("sbatch") is None:
        raise InputError(
            "hydra/launcher=slurm_batch needs Slurm, and this machine has no sbatch; run the command on a login node, "
            "or try it out by hydra.launcher.cluster=local"
        )


def run_sweep_on_slurm(
    settings: dict[str, Any], hydra_context: Any, config: DictConfig, job_overrides: Sequence[Sequence[str]], first: int
) -> list:
    """Run the jobs of a Hydra sweep on a cluster, as `engine.sweep.local.run_sweep` does here."""
    compute = functools.partial(on_slurm, SlurmSettings(**settings))
    return run_sweep(hydra_context, config, job_overrides, first, compute, open_on_host)


def on_slurm(
    settings: SlurmSettings, plans: list[Plan], jobs: list[Job], store: FolderStore | TableStore, started: float
) -> Iterator[tuple]:
    """Run jobs as the tasks of an array, as `engine.sweep.local.in_this_process` does here.

    Raises
    ------
    InputError
        When a task failed, or was killed more often than `settings.retries`; what others made is kept before.
    """
    if not jobs:
        return
    import submitit

    # With the sweep lies what tasks are given and leave: its disk is shared, that for temporary files may not be.
    folder = Path(tempfile.mkdtemp(prefix=".slurm-", dir=store.sweep))
    array = _executor(submitit, settings, folder)
    tasks = {}
    for numbers in _tasks(plans, jobs, settings.tasks):
        source = panel_source(plans[numbers[0]].settings, jobs[numbers[0]].market)
        tasks[tuple(numbers)] = functools.partial(run_task, source, [plans[n] for n in numbers], store.packed)
    lost = []
    try:
        for numbers, outcome in _outcomes(submitit, array, tasks, settings.retries):
            if isinstance(outcome, str):
                lost.append(outcome)
                continue
            for inside, found in outcome:
                yield [plans[numbers[i]] for i in inside], found
    finally:
        if not lost:
            shutil.rmtree(folder, ignore_errors=True)
    if lost:
        raise InputError(
            f"{len(lost)} of {len(tasks)} tasks of Slurm were lost ({lost[0]}); their logs are in {folder}. What is "
            f"finished is kept: go on with sweep.resume={store.sweep}"
        )


def run_task(source: PanelSource, plans: list[Plan], packed: Callable) -> list[tuple]:
    """Run a task where Slurm sent it.

    Raises
    ------
    InputError
        When the panel cannot be seen there.
    """
    import_from_here_last()
    found = run_piece(source, plans, packed)
    if found is None:
        whole = list(range(len(plans)))
        where = f"on node {socket.gethostname()} there is no panel {source.folder}"
        return [(whole, InputError(f"{where}; keep panels on a disk that all nodes see: DISPERSION_CACHE=FOLDER"))]
    return found


def _tasks(plans: list[Plan], jobs: list[Job], most: int) -> Iterator[list[int]]:
    """Cut jobs into tasks of one market each, of about equal size."""
    for part in cut(plans, min(most, len(plans))):
        for _, numbers in groupby(part, key=lambda n: id(jobs[n].market)):
            yield list(numbers)


def _executor(submitit, settings: SlurmSettings, folder: Path) -> "submitit.AutoExecutor":
    made = submitit.AutoExecutor(folder=folder, cluster=settings.cluster)
    asked = {
        "name": "dispersion",
        "timeout_min": settings.timeout_min,
        "cpus_per_task": settings.cpus_per_task,
        "mem_gb": settings.mem_gb,
        "gpus_per_node": settings.gpus_per_node,
        "slurm_array_parallelism": settings.array_parallelism,
        "slurm_partition": settings.partition,
        "slurm_account": settings.account,
        "slurm_additional_parameters": settings.more or None,
    }
    made.update_parameters(**{name: value for name, value in asked.items() if value is not None})
    return made


def _outcomes(submitit, array: "submitit.AutoExecutor", tasks: dict, retries: int) -> Iterator[tuple]:
    """Submit tasks and yield, as each ends, its key and what it returned, or why it was lost; none outlives this."""
    with array.batch():
        submitted = [(array.submit(task), key) for key, task in tasks.items()]
    waiting, tried = dict(submitted), dict.fromkeys(tasks, 1)
    queue = _Queue(in_slurm=array.cluster == "slurm")
    try:
        while waiting:
            for job in queue.ended(list(waiting)):
                key = waiting.pop(job)
                if not job.paths.result_pickle.exists():  # it was killed, or its node died
                    job.cancel()
                    if tried[key] > retries:
                        yield key, f"job {job.job_id} was the last of {tried[key]} tries that ended without a result"
                    else:
                        tried[key] += 1
                        waiting[array.submit(tasks[key])] = key
                    continue
                try:
                    yield key, job.result()
                except submitit.core.utils.FailedJobError as error:  # of code: it would fail again
                    yield key, _last_line(error)
            time.sleep(SECONDS_BETWEEN_LOOKS)
    finally:
        for job in waiting:
            job.cancel()


class _Queue:
    """Which jobs have ended: they left a result, or are gone from the queue without one.

    Slurm's accounting, which submitit asks, is switched off on many a cluster; its queue is always there.

    Parameters
    ----------
    in_slurm : bool
        Jobs are Slurm's, not processes of this machine.
    """

    def __init__(self, in_slurm: bool):
        self.in_slurm = in_slurm
        self._asked, self._gone = -math.inf, {}

    def ended(self, jobs: list) -> list:
        """Return those of the jobs that have ended."""
        if not self.in_slurm:
            return [job for job in jobs if job.done()]
        now = time.monotonic()
        if now - self._asked > SECONDS_BETWEEN_QUEUES:
            self._asked, queued = now, _queued()
            for job in jobs if queued is not None else ():
                if job.job_id in queued:
                    self._gone.pop(job.job_id, None)
                else:
                    self._gone.setdefault(job.job_id, now)
        late = {name for name, since in self._gone.items() if now - since > SECONDS_A_DISK_IS_LATE}
        return [job for job in jobs if job.paths.result_pickle.exists() or job.job_id in late]


def _queued() -> set[str] | None:
    """Return the jobs of this user that wait or run; None where Slurm gives no answer just now."""
    asked = ["squeue", "--noheader", "--array", "--format=%i", f"--user={getpass.getuser()}"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    return None if told.returncode else set(told.stdout.split())


def _last_line(error: Exception) -> str:
    """Return the error that ended a task, of the traceback that submitit reports."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("-")]
    return next((line for line in reversed(lines) if "You can check" not in line), type(error).__name__)
