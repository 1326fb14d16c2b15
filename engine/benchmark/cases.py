"""The table of cases: one row per thing measured. What each does, and on what, is in the files beside this one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from engine.benchmark import commands
from engine.benchmark.books import (
    correlation_book,
    later_book,
    strangle_book,
    trade_book,
    trade_book_loop,
    variance_book,
    volatility_book,
)
from engine.benchmark.builds import make_folder, vendor_build
from engine.benchmark.correlations import (
    correlation,
    correlation_loop,
    correlation_of_top,
    load,
    thirteen_baskets,
)
from engine.benchmark.inputs import make_market, make_options
from engine.benchmark.options import inversion, inversion_loop, price_and_greeks
from engine.benchmark.quotes import make_chains, surfaces
from engine.benchmark.sizes import Sizes
from engine.benchmark.sweeps import sweep, sweep_book, sweep_loop
from engine.benchmark.work import BOOK_LOOP, CORRELATION_LOOP, SWEEP_LOOP, VOLS_LOOP

CORRELATION = "Implied correlation"
BOOK = "Trade book"
SWEEP = "Sweep"
SWEEP_BOOK = "Book of the sweep"
VOLS = "Implied vols"
PRICE = "Price and greeks"
SURFACE = "Quotes to surface"


@dataclass(frozen=True)
class Growth:
    """One point of the growth picture: its series, the axis that grows (T, N or P), and the axis's length here."""

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
        Makes what the case works on. Cases that follow each other in the table and have the same inputs share them.
    prepare : callable (inputs, sizes) -> Work
    limit : "memory" or "arithmetic"
        The limit of the machine that its time is compared with.
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


def cases(sizes: Sizes) -> list[Case]:
    """Return the table for the given sizes. Points of the growth picture are cases too: same work, smaller inputs."""
    dates, names = sizes.dates, sizes.names
    shortest, *longer = sizes.expiries
    top = f"{CORRELATION}, top 50"
    everyone = f"{CORRELATION}, all members"
    book = f"{BOOK}, {shortest} days"

    def quotes(name, prepare, label, growth=None, listed=True):
        return Case(name, "quotes", make_market, prepare, "memory", label, growth, listed)

    def marks(name, prepare, label="", growth=None, listed=True):
        return Case(name, "marks", make_market, prepare, "arithmetic", label, growth, listed)

    def sets(name, prepare, label, growth=None):
        return Case(name, "sets", make_market, prepare, "arithmetic", label, growth)

    def options(name, prepare, label):
        return Case(name, "options", make_options, prepare, "arithmetic", label)

    def grown(row, series, axis, whole, prepare):
        for length in (max(2, int(part * whole)) for part in sizes.growth):
            part = partial(prepare, **{"names" if axis == "N" else "dates": length})
            yield row(f"{series}, {axis}={length:,}", part, "", Growth(series, axis, length), listed=False)

    def chains(name, prepare, label="", growth=None, listed=True):
        return Case(name, "quotes", make_chains, prepare, "arithmetic", label, growth, listed)

    european, american = f"{SURFACE}, European", f"{SURFACE}, American"
    of_style = {series: partial(surfaces, style=series.split(", ")[1].lower()) for series in (european, american)}
    first_book = partial(trade_book, tenor=shortest)
    largest = max(sizes.sets)
    return [
        Case("Load a panel", "bytes", make_market, load, "memory"),
        *grown(quotes, top, "T", dates, correlation_of_top),
        quotes(top, correlation_of_top, "top 50", Growth(top, "T", dates)),
        *grown(quotes, everyone, "N", names, correlation),
        quotes(everyone, correlation, "all members", Growth(everyone, "N", names)),
        quotes(f"{CORRELATION}, 13 baskets", thirteen_baskets, "13 baskets"),
        quotes(CORRELATION_LOOP, correlation_loop, "correlation, loop"),
        *grown(marks, book, "T", dates, first_book),
        marks(book, first_book, f"book, {shortest} days", Growth(book, "T", dates)),
        *(marks(f"{BOOK}, {days} days", partial(trade_book, tenor=days), f"book, {days} days") for days in longer),
        marks(f"{book}, strangles", partial(strangle_book, tenor=shortest), "strangles"),
        marks(f"{book}, variance swaps", partial(variance_book, tenor=shortest), "variance swaps"),
        marks(f"{book}, volatility swaps", partial(volatility_book, tenor=shortest), "volatility swaps"),
        marks(f"{book}, correlation swaps", partial(correlation_book, tenor=shortest), "correlation swaps"),
        marks(f"{book}, forward starts", partial(later_book, tenor=shortest), "forward starts"),
        marks(BOOK_LOOP, trade_book_loop, "book, loop"),
        marks(SWEEP_BOOK, sweep_book),
        *(
            sets(
                f"{SWEEP} of {n:,}",
                partial(sweep, count=n),
                f"sweep of {n:,}" if n == largest else "",
                Growth("Sweep, book included", "P", n),
            )
            for n in sizes.sets
        ),
        sets(SWEEP_LOOP, sweep_loop, "sweep, loop"),
        options(VOLS, inversion, "implied vols"),
        options(PRICE, price_and_greeks, "price + greeks"),
        options(VOLS_LOOP, inversion_loop, "implied vols, loop"),
        *grown(chains, european, "N", sizes.chain_names, of_style[european]),
        chains(european, of_style[european], "surface, European", Growth(european, "N", sizes.chain_names)),
        chains(american, of_style[american], "surface, American"),
        Case("Vendor's folder to panel", "quotes", make_folder, vendor_build, "arithmetic", "vendor's folder"),
        Case("Command: a backtest with its page", "runs", commands.make_folder, commands.one_run, "memory"),
        Case("Command: a sweep in folders", "runs", commands.make_folder, commands.folder_sweep, "memory"),
        Case("Command: a sweep in a table", "runs", commands.make_folder, commands.table_sweep, "memory"),
    ]


def derived(rows: list[dict]) -> dict:
    """Return the figures that need several rows; None where a row is not there, or noise is larger than the figure."""
    seconds, rates = ({row["name"]: row[key] for row in rows} for key in ("seconds", "rate"))
    sweeps = {row["count"]: row["seconds"] for row in rows if row["unit"] == "sets" and row["name"] != SWEEP_LOOP}
    largest = max(sweeps)
    beyond_book = sweeps[largest] - seconds[SWEEP_BOOK]
    return {
        "sets_per_second_book_given": largest / beyond_book if beyond_book > 0.0 else None,
        "time_of_1000_sets_over_one": sweeps[1000] / sweeps[1] if {1, 1000} <= sweeps.keys() else None,
        "inversions_per_price_and_greeks": rates[VOLS] / rates[PRICE],
    }
