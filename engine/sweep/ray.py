"""Batches on a Ray cluster: a piece of a sweep that shares a book is one task, and a node opens its panel once."""

import contextlib
import functools
import importlib.util
import logging
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from omegaconf import DictConfig

from engine.errors import InputError
from engine.places import ROOT
from engine.runs.folder_store import FolderStore
from engine.runs.plan import Plan
from engine.runs.table_store import TableStore
from engine.sweep.jobs import Job
from engine.sweep.local import run_sweep
from engine.sweep.pieces import PanelSource, open_on_host, panel_source, pieces, run_piece

PANELS = ("auto", "object_store")
# Ray's switch, read when it is imported: with 0, what it starts listens on 127.0.0.1 only, not on every network.
LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"


@dataclass(frozen=True)
class RaySettings:
    """How a sweep uses a cluster; see `hydra_plugins.ray_batch_launcher` for what each means."""

    address: str | None = None
    num_cpus: float = 1.0
    num_gpus: float = 1.0
    retries: int = 3
    panel: str = "auto"
    init: dict | None = None

    @property
    def starts_cluster(self) -> bool:
        """Whether a cluster of this machine is started, and no running one is used."""
        return self.address == "local" or (self.address is None and not os.environ.get("RAY_ADDRESS"))


def check_ray() -> None:
    """Raise InputError where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise InputError("hydra/launcher=ray_batch needs Ray: pip install 'dispersion-engine[ray]'")


def run_sweep_on_ray(
    settings: dict, hydra_context: Any, config: DictConfig, job_overrides: Sequence[Sequence[str]], first_number: int
) -> list:
    """Run the jobs of a Hydra sweep on a cluster, as `engine.sweep.local.run_sweep` does here."""
    if settings["panel"] not in PANELS:
        raise InputError(f"hydra.launcher.panel={settings['panel']} is unknown; choose {' or '.join(PANELS)}")
    compute = functools.partial(on_ray, RaySettings(**settings))
    return run_sweep(hydra_context, config, job_overrides, first_number, compute, open_on_host)


def on_ray(
    settings: RaySettings, plans: list[Plan], jobs: list[Job], store: FolderStore | TableStore, started: float
) -> Iterator[tuple]:
    """Run jobs on a cluster, as `engine.sweep.local.in_this_process` does here.

    Tasks whose worker or node dies are run again elsewhere, up to `settings.retries` times.

    Raises
    ------
    InputError
        When there is no cluster at the address, or tasks died more often than that.
    """
    if not jobs:
        return
    if settings.starts_cluster and "_node_ip_address" not in (settings.init or {}):
        os.environ.setdefault(LOOPBACK, "0")
    import ray

    ours = not ray.is_initialized()
    if ours:
        _connect(ray, settings)
    try:
        yield from _run(ray, settings, plans, jobs, store)
    finally:
        if ours:
            ray.shutdown()


def _connect(ray, settings: RaySettings) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    own = {"include_dashboard": False} if settings.starts_cluster else {}
    _check_address(settings.address)
    address = "local" if settings.starts_cluster else settings.address  # None would take one that runs here already
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    job = ray.job_config.JobConfig()
    job._py_driver_sys_path.append(os.getcwd())
    try:
        # Workers put the folder that `init` runs in first on their path, and the job's own after it. Ours goes first:
        # a folder of the user's named strategies/ would be taken for the engine's.
        with contextlib.chdir(ROOT):
            ray.init(address=address, **({"job_config": job} | quiet | own | dict(settings.init or {})))
    except ConnectionError as error:
        raise InputError(f"there is no Ray cluster at hydra.launcher.address={settings.address}: {error}") from error


def _check_address(address: str | None) -> None:
    """Raise InputError where nothing listens at a host:port: Ray itself would wait for minutes."""
    host, colon, port = (address or "").rpartition(":")
    if not colon or "/" in host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=10.0).close()
    except (OSError, ValueError) as error:
        raise InputError(f"there is no Ray cluster at hydra.launcher.address={address}: {error}") from error


def _run(ray, settings, plans, jobs, store) -> Iterator[tuple]:
    needs, slots = _needs(ray, settings, plans)
    task = ray.remote(**needs, max_retries=settings.retries, scheduling_strategy="SPREAD")(run_piece)
    sources, stored = {}, {}

    def kept(job: Job) -> PanelSource:
        """Put a panel into the object store, once."""
        if id(job.market) not in stored:
            plain = job.market.moved(lambda _, array: np.asarray(array))  # memory maps would be copied to each task
            stored[id(job.market)] = ray.put(plain)
        return replace(sources[id(job.market)], stored=stored[id(job.market)])

    def submitted(numbers: list[int], source: PanelSource):
        return task.remote(source, [plans[n] for n in numbers], store.packed)

    waiting = {}
    for numbers in pieces(jobs, slots, store.largest_piece):
        job, config = jobs[numbers[0]], plans[numbers[0]].settings
        if id(job.market) not in sources:
            sources[id(job.market)] = panel_source(config, job.market)
        source = kept(job) if settings.panel == "object_store" else sources[id(job.market)]
        waiting[submitted(numbers, source)] = numbers
    while waiting:
        (ready,), _ = ray.wait(list(waiting))
        numbers = waiting.pop(ready)
        try:
            outcome = ray.get(ready)
        except (
            ray.exceptions.WorkerCrashedError,
            ray.exceptions.NodeDiedError,
            ray.exceptions.OutOfMemoryError,
        ) as error:
            raise InputError(
                f"Ray lost {len(numbers)} sets {settings.retries + 1} times ({type(error).__name__}); what is finished "
                "is kept: go on with sweep.resume=FOLDER of this sweep"
            ) from error
        if outcome is None:  # this node does not see the folder
            waiting[submitted(numbers, kept(jobs[numbers[0]]))] = numbers
            continue
        for inside, found in outcome:
            yield [plans[numbers[i]] for i in inside], found


def _needs(ray, settings, plans) -> tuple[dict, int]:
    """What a task asks of its node, and how many the cluster then runs at once.

    Raises
    ------
    InputError
        When no node has as much: Ray would wait for one for ever.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    needs = {"num_cpus": settings.num_cpus}
    wants_gpu = settings.num_gpus and any(plan.settings["backend"] != "numpy" for plan in plans)
    if wants_gpu and any(node.get("GPU") for node in nodes):
        needs["num_gpus"] = settings.num_gpus
    names = {"num_cpus": "CPU", "num_gpus": "GPU"}
    held = [[int(node.get(names[key], 0) / need) for key, need in needs.items() if need] for node in nodes]
    slots = sum(min(fitting, default=1) for fitting in held)
    if not slots:
        most = ", ".join(f"{max(node.get(names[key], 0) for node in nodes):g} {names[key]}" for key in needs)
        asked = " and ".join(f"hydra.launcher.{key}={need:g}" for key, need in needs.items())
        raise InputError(f"no node of the cluster holds a task of {asked}: its nodes have {most} at most")
    return needs, slots
