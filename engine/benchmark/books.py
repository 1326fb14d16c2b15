"""What is timed on trades: building the trade book of a cohort per session, and a plain loop that does the same."""

from dataclasses import replace
from functools import partial

import numpy as np

from engine.backtest import (
    CorrelationSwap,
    DailyDelta,
    ForwardStart,
    Straddle,
    Strangle,
    Structure,
    VarianceSwap,
    VegaNeutral,
    VolatilitySwap,
    build_book,
)
from engine.backtest.cohorts.recipe import Recipe
from engine.backtest.contracts.structure import choose_contracts
from engine.benchmark.inputs import Market
from engine.benchmark.plain_book import as_lists, plain_book
from engine.benchmark.sizes import Sizes
from engine.benchmark.work import BOOK_LOOP, LATER, MARK, STRIP_NODE, SWAP, VOLATILITY_SWAP, Work

MOST_ARRAY_DATES = 504  # array code takes long enough for that many


def trade_book(market: Market, sizes: Sizes, tenor: int, dates: int | None = None) -> Work:
    """Build the book of one new cohort per session, held to expiry; each leg is marked, explained and hedged daily."""
    panel = market.panel
    entry = np.arange(1, dates or len(panel))
    legs = 1 + int((market.top[0] > 0.0).sum())
    structure = Straddle(tenor=tenor)
    recipe = Recipe(structure, VegaNeutral(), DailyDelta())

    def run():
        return build_book(panel, market.top, choose_contracts(panel, entry, structure), recipe)

    return book_work(panel, entry, tenor, legs, run, "daily")


def strangle_book(market: Market, sizes: Sizes, tenor: int) -> Work:
    """Build the book of 25-delta strangles: two instruments a leg, struck by array code and followed by the kernel."""
    work = _structure_book(market, Strangle(tenor=tenor), market.panel)
    return replace(work, count=2 * work.count, operations=2 * work.operations)


def variance_book(market: Market, sizes: Sizes, tenor: int) -> Work:
    """Build the book of variance swaps: a strip and a price for each mark."""
    strip = len(market.panel.deltas) * STRIP_NODE
    return _array_book(market, VarianceSwap(tenor=tenor), strip + SWAP)


def volatility_book(market: Market, sizes: Sizes, tenor: int) -> Work:
    """Build the book of volatility swaps: two volatilities of a smile and a price for each mark."""
    strip = len(market.panel.deltas) * STRIP_NODE
    return _array_book(market, VolatilitySwap(tenor=tenor), strip + VOLATILITY_SWAP)


def correlation_book(market: Market, sizes: Sizes, tenor: int) -> Work:
    """Build the book of correlation swaps: a strip for each mark, and all returns since entry once more."""
    strip, days = len(market.panel.deltas) * STRIP_NODE, 252 * tenor // 365
    return _array_book(market, CorrelationSwap(tenor=tenor), strip + 3 * days)


def later_book(market: Market, sizes: Sizes, tenor: int) -> Work:
    """Build the book of straddles struck half way to their expiry: two smiles and a price for each mark."""
    return _array_book(market, ForwardStart(tenor=tenor, start=tenor // 2), LATER)


def _array_book(market: Market, structure: Structure, operations: float) -> Work:
    """Build the book of what array code alone follows, of fewer dates; `operations` are those of a mark."""
    panel = market.panel.slice(end=market.panel.dates[min(len(market.panel), MOST_ARRAY_DATES) - 1])
    work = _structure_book(market, structure, panel)
    return replace(work, operations=work.count * operations)


def _structure_book(market: Market, structure: Structure, panel) -> Work:
    entry = np.arange(1, len(panel))
    weights = market.top[: len(panel)]
    recipe = Recipe(structure, VegaNeutral(), DailyDelta())

    def run():
        return build_book(panel, weights, choose_contracts(panel, entry, structure), recipe)

    work = book_work(panel, entry, structure.tenor, 1 + int((weights[0] > 0.0).sum()), run, "daily")
    return replace(work, plain={})  # the plain loop knows straddles only


def book_work(panel, entry, tenor: int, legs: int, run, often: str) -> Work:
    """Return the work of `run`, which builds the book of cohorts entered on the sessions `entry`."""
    held = holding_days(panel.dates, entry, tenor)
    marks = int(held.sum()) * legs
    size = f"{len(entry):,} {often} cohorts x {legs} legs x {held.max()} days"
    # Each session, a leg needs the smiles of the two tenors around its days to expiry. They are counted once:
    # cohorts held on the same session read the same ones.
    read = ((entry + held).max() - entry[0] + 1) * legs * 2 * len(panel.deltas) * panel.component_iv.itemsize
    return Work(size, run, marks, read, marks * MARK, {BOOK_LOOP: marks})


def holding_days(dates, entry, tenor: int):
    """Return the sessions each cohort is held after its entry, (C,)."""
    return np.searchsorted(dates, dates[entry] + np.timedelta64(tenor, "D"), side="right") - 1 - entry


def trade_book_loop(market: Market, sizes: Sizes) -> Work:
    """Build a few cohorts of the same book in plain Python, mark by mark."""
    tenor = sizes.expiries[0]
    cohorts = min(sizes.loop_cohorts, len(market.panel) - 2)
    sessions = min(len(market.panel), cohorts + 2 + tenor)
    lists = as_lists(market.panel, market.top, sessions)
    entries = range(1, 1 + cohorts)
    work = trade_book(market, sizes, tenor)
    marks = sum(record["marks"] for record in plain_book(lists, entries, tenor))
    share = marks / work.count
    size = f"{cohorts} cohorts, {marks:,} marks"
    return Work(size, partial(plain_book, lists, entries, tenor), marks, share * work.read, share * work.operations)
