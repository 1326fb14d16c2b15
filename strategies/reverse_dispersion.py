"""Long correlation, index options against short members, while correlation is cheap to its own history."""

from dataclasses import dataclass, field

from engine.arrays import Floats
from engine.backtest import MarketView, ThresholdStrategy, zscore


@dataclass(frozen=True)
class ReverseDispersion(ThresholdStrategy):
    """Start buying correlation when its z-score is `enter` below 0, stop when it is less than `leave` below.

    Parameters
    ----------
    tenor, delta : int
        Cell of the surface: calendar days, call delta.
    window : int
        Sessions in the z-score.
    enter, leave : float
        Z-scores, counted downwards.
    """

    tenor: int = 30
    delta: int = 50
    window: int = 252
    enter: float = field(default=1.0, metadata={"batch": True})
    leave: float = field(default=0.0, metadata={"batch": True})

    follows = "z-score of implied correlation, downwards"

    def exposure(self, market: MarketView) -> Floats:
        """Return -1 while correlation is cheap, else 0; NaN before the first z-score; (T,)."""
        return -super().exposure(market)

    def followed(self, market: MarketView) -> Floats:
        """Return minus the z-score, (T,)."""
        return -zscore(market.implied_correlation(self.tenor, self.delta), self.window)
