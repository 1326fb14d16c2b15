"""Many backtests as few: parameter sets that share a book are one batch of array arithmetic."""

from dataclasses import dataclass

import numpy as np

from engine.backtest.batch import group_key, stack
from engine.backtest.market import MarketView
from engine.backtest.result import BacktestResult
from engine.backtest.simulate import decide, open_book, simulate

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
        traded = (self.basket, self.structure, self.schedule, self.exits, self.hedge)
        return (id(self.market), traded, group_key(self.sizing), self.lag)

    @property
    def batch(self) -> tuple:
        """What two jobs must share to be one batch: the book, and all that is not declared to batch."""
        return (self.book, group_key(self.strategy), group_key(self.costs))


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
    strategy, sizing, costs = (stack([getattr(job, part) for job in jobs]) for part in ("strategy", "sizing", "costs"))
    taken = decide(strategy, view, book, jobs[0].lag)
    taken = np.broadcast_to(taken, (len(jobs), taken.shape[1]))  # a strategy without parameters decides once for all
    return simulate(view, jobs[0].structure, book, taken, sizing.index_vega, costs)
