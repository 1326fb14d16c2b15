"""Work on parameter sets: sweeps of one strategy on twenty years of weekly cohorts."""

from functools import partial

from engine.backend import to_host
from engine.backtest import DailyDelta, Straddle, VegaNeutral, VolPoints, Weekly
from engine.backtest.exits import HoldToExpiry
from engine.backtest.market import MarketView
from engine.backtest.signals import zscore
from engine.backtest.simulate import open_book
from engine.benchmark.books import book_work, holding_days
from engine.benchmark.inputs import Market
from engine.benchmark.plain_loops import plain_sweep
from engine.benchmark.sizes import Sizes
from engine.benchmark.work import BOOK_LOOP, COHORT_DAY, SESSION, SWEEP_LOOP, Work
from engine.correlation import TopWeights
from engine.sweep import Job, run_batch
from strategies.rich_correlation import RichCorrelation


def sweep_book(market: Market, sizes: Sizes) -> Work:
    """The book that the sweep's parameter sets share."""
    panel = _sweep_panel(market, sizes)
    legs, entry = 1 + int((market.top[0] > 0.0).sum()), Weekly().entries(panel.dates, 1)

    def run():
        return open_book(MarketView(panel, TopWeights(50)), Weekly(), Straddle(), VegaNeutral(), DailyDelta(), 1)

    return book_work(panel, entry, Straddle().tenor, legs, run, "weekly")


def sweep(market: Market, sizes: Sizes, count: int) -> Work:
    """Backtests that differ in signal levels, costs and size, book included."""
    panel = _sweep_panel(market, sizes)  # one for all: jobs share a book only on the same panel
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
    book, (written, operations, dates) = sweep_book(market, sizes), _per_set(market, sizes)
    return Work(
        f"{dates:,} dates, weekly cohorts, book included",
        partial(run_batch, jobs),
        count,
        book.read + count * written,
        book.operations + count * operations,
        {BOOK_LOOP: book.count, SWEEP_LOOP: count},
    )


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
    """A few of the same backtests on a book that exists, cohort by cohort and day by day."""
    lists, count = sweep_lists(_sweep_panel(market, sizes)), sizes.loop_sets
    written, operations, _ = _per_set(market, sizes)
    run = partial(plain_sweep, lists, parameter_sets(count))
    return Work(f"{count} sets, book given", run, count, count * written, count * operations)


def sweep_lists(panel) -> dict:
    """Return signal and book as `plain_sweep` takes them."""
    view = MarketView(panel, TopWeights(50))
    book = open_book(view, Weekly(), Straddle(), VegaNeutral(), DailyDelta(), 1)
    strategy = RichCorrelation()
    score = zscore(view.implied_correlation(strategy.tenor, strategy.delta), strategy.window)
    arrays = {
        "score": score,
        "entered": book.entered,
        "gross": book.explain.sum(axis=(2, 3)),
        "hedged": book.hedge_notional.sum(axis=2),
        "entry_vega": book.entry_vega,
    }
    return {name: to_host(array).tolist() for name, array in arrays.items()} | {"entry": book.cohorts.entry.tolist()}


def _sweep_panel(market: Market, sizes: Sizes):
    panel = market.panel
    return panel.slice(end=panel.dates[min(sizes.sweep_dates, len(panel)) - 1])


def _per_set(market: Market, sizes: Sizes) -> tuple[int, int, int]:
    """Bytes of the three daily series a parameter set writes, its multiply-adds, and the number of dates."""
    dates = _sweep_panel(market, sizes).dates
    cohort_days = int(holding_days(dates, Weekly().entries(dates, 1), Straddle().tenor).sum())
    return 3 * 8 * len(dates), COHORT_DAY * cohort_days + SESSION * len(dates), len(dates)
