"""The table of cases: what is measured, on what, and the least that any program must read and compute to do it.

Multiply-adds are counted for the leanest way known to do the work, not for what this engine happens to do; a function
counts as the polynomial that gives it in double precision. Bytes are those of the inputs, each counted once.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import partial

import numpy as np

from engine.backend import block_budget, blocks, namespace, to_host
from engine.backtest import DailyDelta, Straddle, VegaNeutral, VolPoints, Weekly, build_book
from engine.backtest.exits import HoldToExpiry
from engine.backtest.market import MarketView
from engine.backtest.signals import zscore
from engine.backtest.simulate import open_book
from engine.benchmark.inputs import Market, Options, make_market, make_options
from engine.benchmark.plain_book import as_lists, plain_book
from engine.benchmark.plain_loops import plain_correlation, plain_implied_vol, plain_sweep
from engine.correlation import TopWeights, implied_correlation
from engine.data.storage import open_panel, save_panel
from engine.pricing import implied_vol, straddle
from engine.sweep import Job, run_batch
from strategies.rich_correlation import RichCorrelation

EXP, LOG, ERF, ROOT = 12, 14, 25, 4  # multiply-adds; a division counts as a square root
QUOTE = 4  # four sums: w s, w s^2, w^2 s^2, w
# Smile: four nodes of eight and a root, then 10 to interpolate; forward, straddle, greeks, explain and hedge.
MARK = 4 * (8 + ROOT) + 10 + EXP + (LOG + 2 * ERF + 2 * EXP + 3 * ROOT + 25) + 40
PRICE_AND_GREEKS = LOG + 2 * ERF + 2 * EXP + 4 * ROOT + 30
# Normalised price, a guess, and the two steps of Jaeckel's method, each two scaled erfc, exp, log and a ratio.
INVERSION = (EXP + LOG + 4 * ROOT) + (LOG + ERF + 3 * ROOT) + 2 * (2 * ERF + EXP + LOG + 3 * ROOT + 30)
STRADDLE_BYTES = 200  # temporaries of one option whose greeks are taken


@dataclass(frozen=True)
class Work:
    """Something to time.

    Parameters
    ----------
    size : str
    run : callable without arguments
        Does `count` units.
    count : int
    read, operations : float
        Bytes it must read (or, where that is more, write) and multiply-adds it must do.
    plain : dict
        Names of the plain loops that together do the same, and how many of their units that takes.
    """

    size: str
    run: Callable[[], object]
    count: int
    read: float
    operations: float
    plain: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Growth:
    """A point of the growth picture: a series, the axis it grows along (T, N or P), and the length there."""

    series: str
    axis: str
    length: int


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Parameters
    ----------
    name, unit : str
        What is done, and what is counted.
    inputs : callable (sizes, backend) -> object
        Makes what the case works on; neighbours in the table with the same inputs share them.
    prepare : callable (inputs, sizes) -> Work
    limit : "memory" or "arithmetic"
        What the time is compared with.
    label : str
        Name in the roofline picture; empty = not drawn.
    growth : Growth or None
    listed : bool
        False for a case that is only a point of the growth picture.
    """

    name: str
    unit: str
    inputs: Callable
    prepare: Callable
    limit: str
    label: str = ""
    growth: Growth | None = None
    listed: bool = True


CORRELATION, BOOK, SWEEP, VOLS = "Implied correlation", "Trade book", "Sweep", "Implied vols"
SWEEP_BOOK, PRICE = "Book of the sweep", "Price and greeks"
CORRELATION_LOOP, BOOK_LOOP, SWEEP_LOOP, VOLS_LOOP = (
    f"{name}, plain loop" for name in (CORRELATION, BOOK, SWEEP, VOLS)
)


def cases(sizes: dict) -> list[Case]:
    """Return the table for the sizes asked; the points of growth are cases too, of the same functions."""
    dates, names, (shorter, longer) = sizes["dates"], sizes["names"], sizes["expiries"]
    top, everyone, book = f"{CORRELATION}, top 50", f"{CORRELATION}, all members", f"{BOOK}, {shorter} days"

    def quotes(name, prepare, label, growth=None, listed=True):
        return Case(name, "quotes", make_market, prepare, "memory", label, growth, listed)

    def marks(name, prepare, label="", growth=None, listed=True):
        return Case(name, "marks", make_market, prepare, "arithmetic", label, growth, listed)

    def sets(name, prepare, label, growth=None):
        return Case(name, "sets", make_market, prepare, "memory", label, growth)

    def options(name, prepare, label):
        return Case(name, "options", make_options, prepare, "arithmetic", label)

    def grown(row, series, axis, whole, prepare):
        for length in (max(2, int(part * whole)) for part in sizes["growth"]):
            part = partial(prepare, **{"names" if axis == "N" else "dates": length})
            yield row(f"{series}, {axis}={length:,}", part, "", Growth(series, axis, length), listed=False)

    first_top, first_book = partial(correlation, top=50), partial(trade_book, tenor=shorter)
    largest = max(sizes["sets"])
    return [
        Case("Load a panel", "bytes", make_market, load, "memory"),
        *grown(quotes, top, "T", dates, first_top),
        quotes(top, first_top, "top 50", Growth(top, "T", dates)),
        *grown(quotes, everyone, "N", names, correlation_of_largest),
        quotes(everyone, correlation, "all members", Growth(everyone, "N", names)),
        quotes(f"{CORRELATION}, 13 baskets", thirteen_baskets, "13 baskets"),
        quotes(CORRELATION_LOOP, correlation_loop, "correlation, loop"),
        *grown(marks, book, "T", dates, first_book),
        marks(book, first_book, f"book, {shorter} days", Growth(book, "T", dates)),
        marks(f"{BOOK}, {longer} days", partial(trade_book, tenor=longer), f"book, {longer} days"),
        marks(BOOK_LOOP, trade_book_loop, "book, loop"),
        marks(SWEEP_BOOK, sweep_book),
        *(
            sets(
                f"{SWEEP} of {n:,}",
                partial(sweep, count=n),
                f"sweep of {n:,}" if n == largest else "",
                Growth("Sweep, book included", "P", n),
            )
            for n in sizes["sets"]
        ),
        sets(SWEEP_LOOP, sweep_loop, "sweep, loop"),
        options(VOLS, inversion, "implied vols"),
        options(PRICE, price_and_greeks, "price + greeks"),
        options(VOLS_LOOP, inversion_loop, "implied vols, loop"),
    ]


def derived(rows: list[dict]) -> dict:
    """Return what follows from several rows; None where the sizes asked do not tell, or noise hides it."""
    seconds, rates = ({row["name"]: row[key] for row in rows} for key in ("seconds", "rate"))
    sweeps = {row["count"]: row["seconds"] for row in rows if row["unit"] == "sets" and row["name"] != SWEEP_LOOP}
    largest = max(sweeps)
    beyond_book = sweeps[largest] - seconds[SWEEP_BOOK]
    return {
        "sets_per_second_book_given": largest / beyond_book if beyond_book > 0.0 else None,
        "time_of_1000_sets_over_one": sweeps[1000] / sweeps[1] if {1, 1000} <= sweeps.keys() else None,
        "inversions_per_price_and_greeks": rates[VOLS] / rates[PRICE],
    }


def load(market: Market, sizes: dict) -> Work:
    """Open a saved panel and bring every array of it into memory, on the backend."""
    panel = market.panel
    part = panel.slice(end=panel.dates[min(sizes["load_dates"], len(panel)) - 1]).to("numpy")
    folder = tempfile.TemporaryDirectory()
    save_panel(part, folder.name)
    on_device = namespace(market.top) is not np
    stored = []
    part.map_arrays(lambda _, array: stored.append(array.nbytes))

    def run():
        opened = open_panel(folder.name)
        return opened.to("cupy") if on_device else opened.map_arrays(lambda _, array: np.array(array))

    size = f"T={len(part):,} N={len(panel.names)} from files the system has cached"
    return Work(size, run, sum(stored), sum(stored), 0)


def correlation(market: Market, sizes: dict, top: int | None = None, dates: int | None = None) -> Work:
    """Implied correlation of all members, or of the 50 largest, on all dates or the first."""
    dates = dates or len(market.panel)
    weights = market.everyone if top is None else market.top
    return _correlations(market, [weights[:dates]], f"T={dates:,}")


def correlation_of_largest(market: Market, sizes: dict, names: int) -> Work:
    """Implied correlation of the largest members, on all dates."""
    host = to_host(market.panel.weights)
    weights = namespace(market.top).asarray(TopWeights(names).select(host, market.panel.names))
    return _correlations(market, [weights], f"N={names}")


def thirteen_baskets(market: Market, sizes: dict) -> Work:
    """Implied correlation of the top 50, all members and eleven sectors."""
    return _correlations(market, market.baskets, f"T={len(market.panel):,}")


def _correlations(market: Market, baskets: list, size: str) -> Work:
    dates = len(baskets[0])
    index, members = market.panel.index_iv[:dates], market.panel.component_iv[:dates]
    cells = index[0].size
    used = sum(int((weights > 0.0).sum()) for weights in baskets) * cells
    names = int(sum(weights > 0.0 for weights in baskets).astype(bool).sum())  # each read once, whatever its baskets
    return Work(
        f"{size} K={index.shape[1]} D={index.shape[2]} {members.dtype}, {used / dates / cells:,.0f} members",
        lambda: _all_correlations(index, members, baskets),
        used,
        (names * cells + index.size) * members.itemsize,
        used * QUOTE,
        {CORRELATION_LOOP: used},
    )


def _all_correlations(index, members, baskets: list) -> list:
    return [implied_correlation(index, members, weights) for weights in baskets]


def correlation_loop(market: Market, sizes: dict) -> Work:
    """Implied correlation of the top 50 on a few dates, cell by cell."""
    dates = min(sizes["loop_dates"], len(market.panel))
    weights = to_host(market.top[:dates])
    index, members = (to_host(iv[:dates]) for iv in (market.panel.index_iv, market.panel.component_iv))
    index_rows = index.reshape(dates, -1).astype(float).tolist()
    held = [np.flatnonzero(row) for row in weights]
    by_cell = [m[h].reshape(len(h), -1).T.astype(float).tolist() for m, h in zip(members, held, strict=True)]
    weight_rows = [row[h].tolist() for row, h in zip(weights, held, strict=True)]
    used = sum(map(len, weight_rows)) * index[0].size
    run = partial(plain_correlation, index_rows, by_cell, weight_rows)
    return Work(f"T={dates} top 50", run, used, used * members.itemsize, used * QUOTE)


def trade_book(market: Market, sizes: dict, tenor: int, dates: int | None = None) -> Work:
    """Book of a cohort a day, held to expiry: every leg and day marked, explained and hedged."""
    panel = market.panel
    entry = np.arange(1, dates or len(panel))
    legs = 1 + int((market.top[0] > 0.0).sum())
    run = partial(build_book, panel, market.top, entry, Straddle(tenor=tenor), VegaNeutral(), DailyDelta())
    return _book_work(panel, entry, tenor, legs, run, "daily")


def _book_work(panel, entry, tenor: int, legs: int, run, often: str) -> Work:
    last = np.searchsorted(panel.dates, panel.dates[entry] + np.timedelta64(tenor, "D"), side="right") - 1
    marks = int((last - entry).sum()) * legs
    size = f"{len(entry):,} {often} cohorts x {legs} legs x {(last - entry).max()} days"
    # Every smile of every leg's name, at two tenors, once; the cohorts that hold it share it.
    read = (last.max() - entry[0] + 1) * legs * 2 * len(panel.deltas) * panel.component_iv.itemsize
    return Work(size, run, marks, read, marks * MARK, {BOOK_LOOP: marks})


def trade_book_loop(market: Market, sizes: dict) -> Work:
    """A few cohorts of the same book, mark by mark."""
    tenor, cohorts = sizes["expiries"][0], min(sizes["loop_cohorts"], len(market.panel) - 2)
    sessions = min(len(market.panel), cohorts + 2 + tenor)
    lists, entries = as_lists(market.panel, market.top, sessions), range(1, 1 + cohorts)
    work = trade_book(market, sizes, tenor)
    marks = sum(record["marks"] for record in plain_book(lists, entries, tenor))
    share = marks / work.count
    size = f"{cohorts} cohorts, {marks:,} marks"
    return Work(size, partial(plain_book, lists, entries, tenor), marks, share * work.read, share * work.operations)


def sweep_book(market: Market, sizes: dict) -> Work:
    """The book that the sweep's parameter sets share."""
    panel = _sweep_panel(market, sizes)
    legs, entry = 1 + int((market.top[0] > 0.0).sum()), Weekly().entries(panel.dates, 1)

    def run():
        return open_book(MarketView(panel, TopWeights(50)), Weekly(), Straddle(), VegaNeutral(), DailyDelta(), 1)

    return _book_work(panel, entry, Straddle().tenor, legs, run, "weekly")


def sweep(market: Market, sizes: dict, count: int) -> Work:
    """Backtests that differ in signal levels, costs and size, book included."""
    jobs = [
        Job(
            market=_sweep_panel(market, sizes),
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
    cohort_days, dates = _sweep_days(market, sizes)
    # Per set: three products per cohort and day, two comparisons per date; three daily series are written.
    return Work(
        f"{dates:,} dates, weekly cohorts, book included",
        partial(run_batch, jobs),
        count,
        count * 3 * 8 * dates,
        count * (3 * cohort_days + 2 * dates),
        {BOOK_LOOP: sweep_book(market, sizes).count, SWEEP_LOOP: count},
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


def sweep_loop(market: Market, sizes: dict) -> Work:
    """A few of the same backtests on a book that exists, cohort by cohort and day by day."""
    lists = sweep_lists(_sweep_panel(market, sizes))
    cohort_days, dates = _sweep_days(market, sizes)
    count = sizes["loop_sets"]
    run = partial(plain_sweep, lists, parameter_sets(count))
    return Work(f"{count} sets, book given", run, count, count * 24 * dates, count * (3 * cohort_days + 2 * dates))


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


def _sweep_panel(market: Market, sizes: dict):
    panel = market.panel
    return panel.slice(end=panel.dates[min(sizes["sweep_dates"], len(panel)) - 1])


def _sweep_days(market: Market, sizes: dict) -> tuple[int, int]:
    """Number of (cohort, holding day) pairs and of dates."""
    dates = _sweep_panel(market, sizes).dates
    entry = Weekly().entries(dates, 1)
    last = np.searchsorted(dates, dates[entry] + np.timedelta64(Straddle().tenor, "D"), side="right") - 1
    return int((last - entry).sum()), len(dates)


def inversion(options: Options, sizes: dict) -> Work:
    """Implied volatilities of all options."""
    given = (options.price, options.forward, options.strike, options.years, options.is_call, options.rate)
    read = sum(array.nbytes for array in given)
    size = f"{len(options.price):,} options, wings to 5 sd"
    count = len(options.price)
    return Work(size, partial(implied_vol, *given), count, read, count * INVERSION, {VOLS_LOOP: count})


def price_and_greeks(options: Options, sizes: dict) -> Work:
    """Value and six greeks of a straddle on each, in blocks that stay in cache."""
    given = (options.forward, options.strike, options.iv, options.years, options.rate)
    count, budget = len(options.price), block_budget(namespace(*given))

    def run():
        for part in blocks(count, STRADDLE_BYTES, budget):
            straddle(*(array[part] for array in given))

    return Work(f"{count:,} straddles", run, count, sum(a.nbytes for a in given), count * PRICE_AND_GREEKS)


def inversion_loop(options: Options, sizes: dict) -> Work:
    """A few of the same options, one by one."""
    count = min(sizes["loop_options"], len(options.price))
    columns = [to_host(getattr(options, f.name)[:count]).tolist() for f in fields(Options) if f.name != "iv"]
    rows = list(zip(*columns, strict=True))
    return Work(f"{count:,} options", partial(plain_implied_vol, rows), count, 41 * count, count * INVERSION)
