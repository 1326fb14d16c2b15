"""Short correlation only while it is implied well above what was realised."""

from dataclasses import dataclass, field

from engine.arrays import Floats
from engine.backtest import AbstractStrategy, MarketView, held_while, refuse_crossed
from engine.correlation import matched_window
from engine.kinds import check_kinds


@dataclass(frozen=True)
class CorrelationPremium(AbstractStrategy):
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

    def __post_init__(self):
        check_kinds(self)
        refuse_crossed(self.enter, self.leave)

    def exposure(self, market: MarketView) -> Floats:
        """Return 1 while the premium is paid, else 0; NaN before it is first known; (T,)."""
        realized = market.realized_correlation(matched_window(self.tenor))
        return held_while(market.implied_correlation(self.tenor, self.delta) - realized, self.enter, self.leave)
