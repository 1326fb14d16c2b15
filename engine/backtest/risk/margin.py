"""Margin by revaluation, as portfolio margin does it, with what a house adds."""

from dataclasses import dataclass, field

import numpy as np

from engine.arrays import Floats, PerCohort
from engine.backend import namespace
from engine.backtest.batch import refuse_below, refuse_nothing
from engine.backtest.risk.scale import Unscaled
from engine.backtest.risk.stresses import Shock, Shocked, shocked
from engine.kinds import check_kinds

# Ten prices, equally far from each other: a broad index from 8 % below to 6 % above its close, a stock 15 % either way
# (OCC, Customer Portfolio Margin; FINRA Rule 4210(g)). Volatilities stay.
INDEX_MOVES = np.linspace(-0.08, 0.06, 10)
STOCK_MOVES = np.linspace(-0.15, 0.15, 10)
LEAST_PER_CONTRACT = 37.5  # of a contract of 100 shares, whatever the moves


@dataclass(frozen=True)
class MarginScale:
    """As much margin in every cohort, at its entry.

    A leg with its hedge is a class of its own: it needs its worst loss over ten prices, and no less than 37.50 for each
    of its contracts. Gains of one class do not offset losses of another, members those of the index included. The house
    asks for a share more.

    Parameters
    ----------
    margin : float
        Currency, at full exposure.
    add_on : float
        Share that the house adds.
    """

    margin: float = field(default=10_000_000.0, metadata={"batch": True})
    add_on: float = field(default=0.2, metadata={"batch": True})

    def __post_init__(self):
        check_kinds(self)
        refuse_nothing(self, "margin")
        refuse_below(self, 0.0, "add_on")

    def multiples(self, unscaled: Unscaled) -> PerCohort:
        """Return the margin asked for over that of each cohort."""
        accounts = unscaled.accounts
        xp = namespace(accounts.entry_exposure, accounts.book.explain)
        moves = [Shock(float(i), float(m)) for i, m in zip(INDEX_MOVES, STOCK_MOVES, strict=True)]
        found = shocked(unscaled.view.panel, accounts.book, moves)
        short, long = (xp.asarray(requirement(found, side)) for side in (1.0, -1.0))
        needed = accounts.index_vega * xp.where(accounts.entry_exposure < 0.0, long, short) * (1.0 + self.add_on)
        return xp.where(needed > 0.0, self.margin / xp.where(needed > 0.0, needed, 1.0), 0.0)


def requirement(found: Shocked, side: float) -> Floats:
    """Margin of each cohort without the house's share, (C,), per unit of index vega.

    Parameters
    ----------
    found : Shocked
    side : float
        1 = short the index, -1 = long.
    """
    xp = namespace(found.pnl)
    worst = -(side * found.pnl).min(axis=2)
    return xp.maximum(worst, LEAST_PER_CONTRACT * found.contracts).sum(axis=1)
