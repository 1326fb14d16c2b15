"""What selling the cohorts that the data leave unsettled would trade."""

from typing import TYPE_CHECKING

import numpy as np

from engine.backend import to_host
from engine.backtest.cohorts.book import build_book
from engine.backtest.contracts.structure import Cohorts, LegStatus

if TYPE_CHECKING:
    from engine.backtest.outcome.result import BacktestResult


def closing(result: "BacktestResult") -> dict[str, np.ndarray]:
    """Return what selling each cohort at its last mark would trade, of `TradeBook.by_day`, (C,) per unit of index vega.

    0 for cohorts that the data settle; the others are not sold, and followed again here as if they were.
    """
    cohorts = result.book.cohorts
    traded = {name: np.zeros(len(cohorts)) for name in result.book.by_day if name.endswith("_traded")}
    unsettled = np.flatnonzero(to_host(result.book.entered) & ~cohorts.settled)
    if len(unsettled):
        sold = Cohorts(
            cohorts.entry[unsettled],
            cohorts.last[unsettled],
            cohorts.expiry[unsettled],
            np.full(len(unsettled), int(LegStatus.EXITED)),
        )
        followed = build_book(result.market, result.view.weights, sold, result.book.recipe)
        for name, amounts in traded.items():
            amounts[unsettled] = to_host(followed.by_day[name])[np.arange(len(unsettled)), sold.life]
    return traded
