"""What is timed on trades: building the trade book of a cohort per session, and a plain loop that does the same."""

from functools import partial

import numpy as np

from engine.backtest import DailyDelta, Straddle, VegaNeutral, build_book
from engine.backtest.book import Recipe
from engine.backtest.structure import choose_contracts
from engine.benchmark.inputs import Market
from engine.benchmark.plain_book import as_lists, plain_book
from engine.benchmark.sizes import Sizes
from engine.benchmark.work import BOOK_LOOP, MARK, Work


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
