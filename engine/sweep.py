"""Many backtests as few: parameter sets that share a book are one batch of array arithmetic."""

import functools
import time
from dataclasses import dataclass
from pathlib import Path

from engine.backend import namespace, resolve
from engine.backtest.batch import group_key, stack
from engine.backtest.market import MarketView
from engine.backtest.result import BacktestResult
from engine.backtest.simulate import decide, open_book, simulate
from engine.config import load, resolved
from engine.errors import InputError
from engine.progress import progress_bar
from engine.run import choices, write_run

# Parameter sets simulated at once: their (P, T) arrays of twenty years then stay in a CPU's cache.
LARGEST_BATCH = 64


@dataclass(frozen=True)
class Job:
    """One backtest to be run: what `backtest` takes, nothing left out."""

    market: object
    strategy: object
    basket: object
    structure: object
    sizing: object
    schedule: object
    exits: object
    hedge: object
    costs: object
    lag: int = 1

    @property
    def book(self) -> tuple:
        """What two jobs must share to share a trade book."""
        traded = (self.basket, self.structure, self.schedule, self.hedge)
        return (id(self.market), traded, group_key(self.sizing), self.lag)

    @property
    def batch(self) -> tuple:
        """What two jobs must share to be one batch: the book, and all that is not declared to batch."""
        return (self.book, *(group_key(part) for part in (self.strategy, self.exits, self.costs)))


def run_batch(jobs: list[Job], progress=None) -> list[tuple[BacktestResult, int]]:
    """Run backtests in batches; each job's numbers are, bit for bit on numpy, those of running it alone.

    Parameters
    ----------
    jobs : list of Job
    progress : callable or None
        Called with the number of jobs finished.

    Returns
    -------
    list of (BacktestResult, int)
        For each job, in order: the result of its batch, and its parameter set there.
    """
    batches = {}
    for number, job in enumerate(jobs):
        batches.setdefault(job.batch, []).append(number)
    views, books = {}, {}
    outcome = [None] * len(jobs)
    for whole in batches.values():
        job = jobs[whole[0]]
        at = (id(job.market), job.basket)
        view = views.setdefault(at, MarketView(job.market, job.basket))
        if job.book not in books:
            books[job.book] = open_book(view, job.schedule, job.structure, job.sizing, job.hedge, job.lag)
        for first in range(0, len(whole), LARGEST_BATCH):
            numbers = whole[first : first + LARGEST_BATCH]
            result = _simulated([jobs[n] for n in numbers], view, books[job.book])
            for p, number in enumerate(numbers):
                outcome[number] = (result, p)
            if progress is not None:
                progress(len(numbers))
    return outcome


def _simulated(jobs: list[Job], view: MarketView, book) -> BacktestResult:
    xp = namespace(view.panel.spot)
    strategy, exits, sizing, costs = (
        stack([getattr(job, part) for job in jobs], xp) for part in ("strategy", "exits", "sizing", "costs")
    )
    taken, exit_day = decide(strategy, exits, view, book, jobs[0].lag)
    # A strategy without parameters decides once for all.
    taken, exit_day = (None if a is None else xp.broadcast_to(a, (len(jobs), a.shape[1])) for a in (taken, exit_day))
    return simulate(view, book, taken, exit_day, sizing.index_vega, costs)


def launch_batch(hydra_context, config, job_overrides, first_number: int) -> list:
    """Run the jobs of a Hydra sweep as batches, then fill each one's folder as running it alone would have.

    Parameters
    ----------
    hydra_context, config : as Hydra hands them to a launcher
    job_overrides : sequence of sequence of str
        What the sweep asks of each job.
    first_number : int
        Number of the first job.

    Returns
    -------
    list of hydra.core.utils.JobReturn

    Raises
    ------
    InputError
        When the command is not a backtest, or a job's configuration is wrong: then no job is run.
    """
    from hydra.core.utils import configure_log, run_job, setup_globals
    from omegaconf import OmegaConf

    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    started = time.perf_counter()
    composed = [
        _composed(hydra_context, config, overrides, first_number + i) for i, overrides in enumerate(job_overrides)
    ]
    settings = [resolved(OmegaConf.masked_copy(job, [key for key in job if key != "hydra"])) for job in composed]
    if "strategy" not in config:
        raise InputError("hydra/launcher=batch batches backtests; leave it out of this command")
    made = [choices(job) for job in settings]
    loaded = {}
    jobs = []
    for job, (strategy, parts, lag) in zip(settings, made, strict=True):
        data = repr([job[key] for key in ("market", "start", "end", "backend")])
        if data not in loaded:
            loaded[data] = load(job)
        jobs.append(Job(market=loaded[data][0], strategy=strategy, **parts, lag=lag))
    with progress_bar("Backtests", len(jobs)) as advance:
        outcome = run_batch(jobs, advance)

    returns = []
    with progress_bar("Writing runs", len(jobs)) as advance:
        for job, plain, (result, p) in zip(composed, settings, outcome, strict=True):
            write = functools.partial(_write, result, p, plain, started)
            returns.append(
                run_job(
                    hydra_context=hydra_context,
                    task_function=write,
                    config=job,
                    job_dir_key="hydra.sweep.dir",
                    job_subdir_key="hydra.sweep.subdir",
                )
            )
            configure_log(config.hydra.hydra_logging, config.hydra.verbose)
            advance(1)
    return returns


def _composed(hydra_context, config, overrides, number: int):
    from omegaconf import open_dict

    job = hydra_context.config_loader.load_sweep_config(config, list(overrides))
    with open_dict(job):
        job.hydra.job.id = number
        job.hydra.job.num = number
    return job


def _write(result, p, plain, started, _) -> None:
    from hydra.core.hydra_config import HydraConfig

    folder = Path(HydraConfig.get().runtime.output_dir)
    folder = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    write_run(result, p, plain, folder, resolve(str(plain["backend"])), started)
