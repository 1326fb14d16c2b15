"""Short correlation while the near tenor costs more than the far one: the stress is priced, and tends to pass."""

from dataclasses import dataclass, field

from engine.arrays import Floats
from engine.backtest import AbstractStrategy, MarketView, held_while, refuse_crossed
from engine.kinds import check_kinds


@dataclass(frozen=True)
class TermStructure(AbstractStrategy):
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

    def __post_init__(self):
        check_kinds(self)
        refuse_crossed(self.enter, self.leave)

    def exposure(self, market: MarketView) -> Floats:
        """Return 1 while the near tenor is dear, else 0; NaN before both are first known; (T,)."""
        near, far = (market.implied_correlation(tenor, self.delta) for tenor in (self.near, self.far))
        return held_while(near - far, self.enter, self.leave)
