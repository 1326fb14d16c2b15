"""A Hydra sweep run as batches: composed, what is finished left out, the rest computed (in this process) and kept."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from engine.command.hydra import plain
from engine.command.markets import open_market
from engine.data.panel import MarketPanel
from engine.errors import InputError
from engine.runs.folder_store import FolderStore
from engine.runs.manifest import config_hashes
from engine.runs.plan import Plan
from engine.runs.table_store import TableStore
from engine.sweep.batches import batches
from engine.sweep.causality import check_causal
from engine.sweep.jobs import Job, jobs_of
from engine.sweep.run_table import showing
from engine.sweep.shards import Shard


def in_this_process(
    plans: list[Plan], jobs: list[Job], store: FolderStore | TableStore, started: float
) -> Iterator[tuple]:
    """Run jobs here.

    Yields
    ------
    list of Plan, what the store packed or InputError
        The jobs of a batch, and what came of them.
    """
    for numbers, result in batches(jobs):
        done = [plans[n] for n in numbers]
        yield done, result if isinstance(result, InputError) else store.packed(result, done, started)


def run_sweep(
    hydra_context: Any,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    first_number: int,
    compute: Callable[..., Iterator[tuple]] = in_this_process,
    open_market: Callable[[dict], tuple[MarketPanel, str]] = open_market,
) -> list:
    """Run the jobs of a Hydra sweep as batches, and keep each as running it alone would have.

    Parameters
    ----------
    hydra_context, config : as Hydra hands them to a launcher; the context's loader is a SweepComposer
    job_overrides : sequence of sequence of str
        What the sweep asks of each job.
    first_number : int
        Number of the first job.
    compute, open_market : callable
        Run jobs as `in_this_process` does, and load the market of a configuration.

    Returns
    -------
    list of hydra.core.utils.JobReturn

    Raises
    ------
    InputError
        When the command is not a backtest, or a job's configuration is wrong: then no job is run.
    """
    from hydra.core.utils import JobReturn, JobStatus, configure_log, setup_globals

    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    if "strategy" not in config:
        raise InputError("this launcher batches backtests; leave hydra/launcher out of this command")
    if plain(config.hydra.sweep)["subdir"] != "${hydra.job.num}":
        raise InputError("hydra.sweep.subdir cannot be set with this launcher: its folders are the jobs' numbers")
    started = time.perf_counter()
    composer = hydra_context.config_loader
    every = [composer.plan(first_number + i, overrides) for i, overrides in enumerate(job_overrides)]
    shard = config.sweep.shard
    plans = every if shard is None else [every[i] for i in Shard.of(shard).numbers(every)]
    jobs = jobs_of(plans, open_market)
    for wanted, job in {(p.settings["causality"], job.signal): job for p, job in zip(plans, jobs, strict=True)}.items():
        check_causal(job.strategy, job.market, job.basket, wanted[0])
    hashed = config_hashes()
    plans = [replace(p, config_hash=hashed(p.settings, j.market)) for p, j in zip(plans, jobs, strict=True)]
    composed = time.perf_counter()

    folder = Path(config.hydra.sweep.dir)
    store = TableStore(folder) if config.sweep.store == "table" else FolderStore(folder, composer)
    finished = store.finished(plans)
    todo = [i for i, plan in enumerate(plans) if plan.number not in finished]
    returns = {plan.number: JobReturn(overrides=plan.overrides, status=JobStatus.COMPLETED) for plan in every}
    work = compute([plans[i] for i in todo], [jobs[i] for i in todo], store, started)
    try:
        with showing(len(todo), store) as advance:
            for done, outcome in work:
                if isinstance(outcome, InputError):
                    for plan in done:
                        failed = JobReturn(overrides=plan.overrides, status=JobStatus.FAILED, _return_value=outcome)
                        returns[plan.number] = failed
                else:
                    store.keep(done, outcome)
                advance(len(done))
    finally:
        store.flush()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)  # a job folder's own may have replaced it
    _tell(len(every), len(plans), len(finished), composed - started, time.perf_counter() - composed)
    return [returns[plan.number] for plan in every]


def _tell(jobs: int, own: int, finished: int, composing: float, running: float) -> None:
    ran = own - finished
    already = f", of which {own:,} are of this shard" if own < jobs else ""
    already += f", {finished:,} were finished already" if finished else ""
    rate = f" ({ran / running:,.0f} sets/s)" if running else ""
    print(f"Composed {jobs:,} sets in {composing:.1f} s{already}; ran {ran:,} in {running:.1f} s{rate}")
