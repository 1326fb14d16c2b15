"""Short correlation only while it is implied well above what was realised."""

from dataclasses import dataclass, field

from engine.arrays import Floats
from engine.backtest import MarketView, ThresholdStrategy
from engine.correlation import matched_window


@dataclass(frozen=True)
class CorrelationPremium(ThresholdStrategy):
    """Start when implied less realised correlation of the same basket reaches `enter`, stop when it falls to `leave`.

    Parameters
    ----------
    tenor, delta : int
        Cell of the surface; the realised window holds as many sessions as the tenor.
    enter, leave : float
        Correlation, decimals: 0.05 is five points.
    """

    tenor: int = 30
    delta: int = 50
    enter: float = field(default=0.05, metadata={"batch": True})
    leave: float = field(default=0.0, metadata={"batch": True})

    follows = "implied less realised correlation"

    def followed(self, market: MarketView) -> Floats:
        """Return the premium, (T,) decimals."""
        realized = market.realized_correlation(matched_window(self.tenor))
        return market.implied_correlation(self.tenor, self.delta) - realized
