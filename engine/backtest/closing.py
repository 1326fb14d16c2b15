"""What selling the cohorts that the data leave unsettled would trade."""

from typing import TYPE_CHECKING

import numpy as np

from engine.backend import to_host
from engine.backtest.book import build_book
from engine.backtest.structure import Cohorts, LegStatus

if TYPE_CHECKING:
    from engine.backtest.result import BacktestResult


def closing(result: "BacktestResult") -> tuple[np.ndarray, np.ndarray]:
    """Follow the unsettled cohorts again as if they were sold at their last mark.

    Returns
    -------
    vega : array (C, 2)
        Traded by leg class, per unit of index vega; 0 for cohorts that the data settle.
    spread : array (C,)
        Half-spreads of listed contracts that are paid beside, in currency per unit of index vega.
    """
    book, cohorts = result.book, result.book.cohorts
    vega, spread = np.zeros((len(cohorts), 2)), np.zeros(len(cohorts))
    unsettled = np.flatnonzero(to_host(book.entered) & ~cohorts.settled)
    if len(unsettled):
        sold = Cohorts(
            cohorts.entry[unsettled],
            cohorts.last[unsettled],
            cohorts.expiry[unsettled],
            np.full(len(unsettled), int(LegStatus.EXITED)),
        )
        followed = build_book(result.market, result.view.weights, sold, book.recipe)
        at = np.arange(len(unsettled)), sold.life
        vega[unsettled] = to_host(followed.vega_traded)[at]
        if followed.listed is not None:
            spread[unsettled] = to_host(followed.listed.spread_traded)[at].sum(axis=1)
    return vega, spread
