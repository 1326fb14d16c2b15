"""Short the index's correlation while it is rich to the correlation inside its sectors."""

from dataclasses import dataclass, field

from engine.arrays import Floats
from engine.backtest import MarketView, ThresholdStrategy, zscore


@dataclass(frozen=True)
class SectorDispersion(ThresholdStrategy):
    """Start when the z-score of the index's less the mean sector's implied correlation reaches `enter`.

    Only sectors with options of their own count. Stop at `leave`; fields as of `RichCorrelation`.
    """

    tenor: int = 30
    delta: int = 50
    window: int = 252
    enter: float = field(default=1.0, metadata={"batch": True})
    leave: float = field(default=0.0, metadata={"batch": True})

    follows = "z-score of the index's less the mean sector's implied correlation"

    def followed(self, market: MarketView) -> Floats:
        """Return the z-score, (T,)."""
        rich = market.implied_correlation(self.tenor, self.delta) - market.sector_correlation(self.tenor, self.delta)
        return zscore(rich, self.window)
