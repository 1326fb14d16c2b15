"""What is timed on parameter sets: sweeps of one strategy on twenty years of weekly cohorts."""

from functools import partial

from engine.backend import to_host
from engine.backtest import DailyDelta, Recipe, Straddle, VegaNeutral, VolPoints, Weekly
from engine.backtest.cohorts.exits import HoldToExpiry
from engine.backtest.market import MarketView
from engine.backtest.signals.transforms import zscore
from engine.backtest.simulate import open_book
from engine.benchmark.books import book_work, holding_days
from engine.benchmark.inputs import Market
from engine.benchmark.plain_sweep import plain_sweep
from engine.benchmark.sizes import Sizes
from engine.benchmark.work import BOOK_LOOP, COHORT_DAY, SESSION, SWEEP_LOOP, Work
from engine.correlation import TopWeights
from engine.statistics import hac_lags
from engine.sweep.batches import run_batch
from engine.sweep.jobs import Job
from strategies.rich_correlation import RichCorrelation


def sweep_book(market: Market, sizes: Sizes) -> Work:
    """Build the book that all parameter sets of the sweep share."""
    panel = _sweep_panel(market, sizes)
    legs, entry = 1 + int((market.top[0] > 0.0).sum()), Weekly().entries(panel.dates, 1)

    def run():
        return open_book(MarketView(panel, TopWeights(50)), Weekly(), Recipe(), 1)

    return book_work(panel, entry, Straddle().tenor, legs, run, "weekly")


def sweep(market: Market, sizes: Sizes, count: int) -> Work:
    """Backtest sets that differ in signal levels, costs and size: build their book, compute every metric of each."""
    panel = _sweep_panel(market, sizes)  # the same object for all: jobs share a book only if they share the panel
    jobs = [
        Job(
            market=panel,
            strategy=RichCorrelation(enter=enter, leave=leave),
            basket=TopWeights(50),
            structure=Straddle(),
            sizing=VegaNeutral(index_vega),
            schedule=Weekly(),
            exits=HoldToExpiry(),
            hedge=DailyDelta(),
            costs=costs,
        )
        for enter, leave, index_vega, costs in parameter_sets(count)
    ]
    book, (read, operations) = sweep_book(market, sizes), _reduction(panel)
    return Work(
        f"{len(panel):,} dates, weekly cohorts, book included",
        partial(summarised, jobs),
        count,
        book.read + read,
        book.operations + count * operations,
        {BOOK_LOOP: book.count, SWEEP_LOOP: count},
    )


def summarised(jobs: list[Job]) -> list[dict]:
    """Run backtests and compute every metric of each."""
    results = {id(result): result for result, _ in run_batch(jobs)}
    return [result.summaries for result in results.values()]


def parameter_sets(count: int) -> list[tuple]:
    """Return `count` different (enter, leave, index_vega, costs)."""
    return [
        (
            0.5 + 0.01 * (p % 100),
            -0.5 + 0.05 * (p // 100 % 10),
            50_000.0 * (1 + p // 1000),
            VolPoints(component=0.4 + 0.01 * (p % 50)),
        )
        for p in range(count)
    ]


def sweep_loop(market: Market, sizes: Sizes) -> Work:
    """Backtest a few of the same sets in plain Python, on a book built before, cohort by cohort and day by day."""
    panel, count = _sweep_panel(market, sizes), sizes.loop_sets
    read, operations = _reduction(panel)
    run = partial(plain_sweep, sweep_lists(panel), parameter_sets(count))
    return Work(f"{count} sets, book given", run, count, read, count * operations)


def sweep_lists(panel) -> dict:
    """Return the signal and the book as the lists that `plain_sweep` takes."""
    view = MarketView(panel, TopWeights(50))
    book = open_book(view, Weekly(), Recipe(), 1)
    strategy = RichCorrelation()
    score = zscore(view.implied_correlation(strategy.tenor, strategy.delta), strategy.window)
    arrays = {"score": score, "entered": book.entered, **book.by_day}
    return {name: to_host(array).tolist() for name, array in arrays.items()} | {"entry": book.cohorts.entry.tolist()}


def _sweep_panel(market: Market, sizes: Sizes):
    panel = market.panel
    return panel.slice(end=panel.dates[min(sizes.sweep_dates, len(panel)) - 1])


def _reduction(panel) -> tuple[int, int]:
    """Return the bytes of the book that a sweep reads once, and the multiply-adds of each of its parameter sets."""
    held = holding_days(panel.dates, Weekly().entries(panel.dates, 1), Straddle().tenor)
    lags = hac_lags(len(panel), int(held.max()))
    read = 8 * (COHORT_DAY + 1) * int(held.sum())  # P&L, vega of two classes, hedges
    return read, COHORT_DAY * int(held.sum()) + (SESSION + lags) * len(panel)
