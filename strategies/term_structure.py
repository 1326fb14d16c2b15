"""Short correlation while the near tenor costs more than the far one: the stress is priced, and tends to pass."""

from dataclasses import dataclass, field

from engine.arrays import Floats
from engine.backtest import MarketView, ThresholdStrategy


@dataclass(frozen=True)
class TermStructure(ThresholdStrategy):
    """Start when near less far implied correlation reaches `enter`, stop when it falls to `leave`.

    Parameters
    ----------
    near, far, delta : int
        Cells of the surface: calendar days, call delta.
    enter, leave : float
        Correlation, decimals: above 0 the term structure is in backwardation.
    """

    near: int = 30
    far: int = 91
    delta: int = 50
    enter: float = field(default=0.0, metadata={"batch": True})
    leave: float = field(default=-0.02, metadata={"batch": True})

    follows = "implied correlation, near less far"

    def followed(self, market: MarketView) -> Floats:
        """Return near less far, (T,) decimals."""
        near, far = (market.implied_correlation(tenor, self.delta) for tenor in (self.near, self.far))
        return near - far
