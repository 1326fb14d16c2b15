"""Jobs that share a trade book, run as one batch of array arithmetic."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from engine.backend import namespace
from engine.backtest.batch import stack
from engine.backtest.cohorts.costs import check_costs
from engine.backtest.market import MarketView
from engine.backtest.outcome.result import BacktestResult
from engine.backtest.simulate import decide, open_book, simulate
from engine.errors import InputError
from engine.sweep.jobs import Job

# Parameter sets simulated at once: what a batch does once is then cheap, and its rows of thirty years take 0.2 GB.
LARGEST_BATCH = 1024


@dataclass(frozen=True, eq=False)
class Books:
    """Every view of a market made so far, and the last book only: books are large, and jobs come sorted by book."""

    views: dict = field(default_factory=dict)
    last: dict = field(default_factory=dict)

    def open(self, job: Job) -> tuple:
        """Return the view and the book of a job; they are made only if they are not here yet."""
        at, wanted = (id(job.market), job.basket), job.book
        view = self.views.setdefault(at, MarketView(job.market, job.basket))
        if wanted not in self.last:
            self.last.clear()
            self.last[wanted] = open_book(view, job.schedule, job.recipe, job.lag)
        return view, self.last[wanted]


def books_of(jobs: list[Job]) -> list[list[list[int]]]:
    """Return the numbers of the jobs, by book and within a book by batch."""
    books = {}
    for number, job in enumerate(jobs):
        books.setdefault(job.book, {}).setdefault(job.batch, []).append(number)
    return [list(batches.values()) for batches in books.values()]


def batches(jobs: list[Job], books: Books | None = None) -> Iterator[tuple[list[int], BacktestResult | InputError]]:
    """Run backtests in batches, book by book; each job's numbers are, bit for bit on numpy, those of running it alone.

    Parameters
    ----------
    jobs : list of Job
    books : Books or None
        Where views and books are kept, for callers that come again with jobs of the same market.

    Yields
    ------
    list of int, BacktestResult or InputError
        Numbers of the jobs of a batch and their common result, one parameter set each; or why they cannot be run.
    """
    books = books or Books()
    for whole in chain.from_iterable(books_of(jobs)):
        for first in range(0, len(whole), LARGEST_BATCH):
            numbers = whole[first : first + LARGEST_BATCH]
            try:
                check_costs(jobs[numbers[0]].costs, jobs[numbers[0]].market)
                view, book = books.open(jobs[numbers[0]])
                result = _simulated([jobs[n] for n in numbers], view, book)
            except InputError as error:
                yield numbers, error
            else:
                yield numbers, result


def run_batch(jobs: list[Job], progress: Callable[[int], object] | None = None) -> list[tuple[BacktestResult, int]]:
    """Run backtests in batches and return them all.

    Parameters
    ----------
    jobs : list of Job
    progress : callable or None
        Called with the number of jobs finished.

    Returns
    -------
    list of (BacktestResult, int)
        For each job, in order: the result of its batch, and its parameter set there.

    Raises
    ------
    InputError
        When one of them cannot be run.
    """
    outcome = {}
    for numbers, result in batches(jobs):
        if isinstance(result, InputError):
            raise result
        for p, number in enumerate(numbers):
            outcome[number] = (result, p)
        if progress is not None:
            progress(len(numbers))
    return [outcome[number] for number in range(len(jobs))]


def _simulated(jobs: list[Job], view: MarketView, book) -> BacktestResult:
    xp = namespace(view.panel.spot)
    strategy, exits, sizing, scale, limits, costs = (
        stack([getattr(job, part) for job in jobs], xp)
        for part in ("strategy", "exits", "sizing", "scale", "limits", "costs")
    )
    decision = decide(strategy, exits, view, book, jobs[0].lag)
    return simulate(view, book, decision, sizing.index_vega, costs, jobs[0].risk_free, scale, jobs[0].lag, limits)
