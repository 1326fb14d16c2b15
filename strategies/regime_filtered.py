"""Short correlation only while the index is calm: the trade loses when everything falls at once."""

from dataclasses import dataclass, field

from engine.arrays import Floats
from engine.backtest import AbstractStrategy, MarketView, Signal, held_while, refuse_crossed, zscore
from engine.kinds import check_kinds


@dataclass(frozen=True)
class RegimeFiltered(AbstractStrategy):
    """Trade while the z-score of the index's volatility is below `calm`; stop at `stressed`, for the exposure asked.

    Parameters
    ----------
    tenor, delta : int
        Cell of the index's surface: calendar days, call delta.
    window : int
        Sessions in the z-score.
    calm, stressed : float
        Z-scores at or below which the trade starts, and at or above which it stops.
    """

    tenor: int = 30
    delta: int = 50
    window: int = 252
    calm: float = field(default=0.5, metadata={"batch": True})
    stressed: float = field(default=1.5, metadata={"batch": True})

    def __post_init__(self):
        check_kinds(self)
        refuse_crossed(self.stressed, self.calm)

    def exposure(self, market: MarketView) -> Floats:
        """Return 1 in calm markets, else 0; NaN before the first z-score; (T,)."""
        return held_while(-self.signal(market).values, -self.calm, -self.stressed)

    def signal(self, market: MarketView) -> Signal:
        """Return the z-score with both levels."""
        stress = zscore(market.index_iv(self.tenor, self.delta), self.window)
        levels = {"calm": self.calm, "stressed": self.stressed}
        return Signal("z-score of the index's implied volatility", stress, levels)
