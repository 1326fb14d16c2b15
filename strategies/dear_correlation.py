"""Short correlation only while it is dear among all that was known so far."""

from dataclasses import dataclass, field

from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest import AbstractStrategy, MarketView, Signal, expanding_rank, refuse_no_quantile
from engine.kinds import check_kinds


@dataclass(frozen=True)
class DearCorrelation(AbstractStrategy):
    """Be in while implied correlation is at or above a quantile of its closes until today, never of later ones.

    Parameters
    ----------
    tenor, delta : int
        Cell of the implied correlation surface: calendar days, call delta.
    least : int
        Closes that must be known before there is an opinion.
    quantile : float
        0.5 is the median so far; 0 is always in.
    """

    tenor: int = 30
    delta: int = 50
    least: int = 252
    quantile: float = field(default=0.5, metadata={"batch": True})

    def __post_init__(self):
        check_kinds(self)
        refuse_no_quantile(self.quantile)

    def exposure(self, market: MarketView) -> Floats:
        """Return 1 at or above the quantile, else 0; NaN before enough is known; (T,)."""
        rank = self.signal(market).values
        xp = namespace(rank, self.quantile)
        return xp.where(xp.isfinite(rank), 1.0 * (rank >= self.quantile), xp.nan)

    def signal(self, market: MarketView) -> Signal:
        """Return the rank with the quantile."""
        rank = expanding_rank(market.implied_correlation(self.tenor, self.delta), self.least)
        return Signal("implied correlation, its rank among all closes so far", rank, {"in from": self.quantile})
