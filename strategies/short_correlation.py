"""Always short correlation: the benchmark every timing rule has to beat."""

from dataclasses import dataclass

from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest import AbstractStrategy, MarketView


@dataclass(frozen=True)
class ShortCorrelation(AbstractStrategy):
    """Enter every cohort at full size, whatever correlation costs."""

    def exposure(self, market: MarketView) -> Floats:
        """Return 1 on every date, (T,)."""
        xp = namespace(market.panel.spot)
        return xp.ones(len(market.dates))
