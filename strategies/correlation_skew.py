"""Short correlation while crashes are priced as unusually common to all: the skew of correlation is steep."""

from dataclasses import dataclass, field

from engine.arrays import Floats
from engine.backtest import AbstractStrategy, MarketView, held_while, refuse_crossed, zscore
from engine.kinds import check_kinds


@dataclass(frozen=True)
class CorrelationSkew(AbstractStrategy):
    """Start when the z-score of put-side less call-side correlation reaches `enter`, stop when it falls to `leave`.

    Parameters
    ----------
    tenor, put, call : int
        Cells of the surface: calendar days, call deltas (75 is the 25-delta put).
    window : int
        Sessions in the z-score.
    enter, leave : float
        Z-scores.
    """

    tenor: int = 30
    put: int = 75
    call: int = 25
    window: int = 252
    enter: float = field(default=1.0, metadata={"batch": True})
    leave: float = field(default=0.0, metadata={"batch": True})

    def __post_init__(self):
        check_kinds(self)
        refuse_crossed(self.enter, self.leave)

    def exposure(self, market: MarketView) -> Floats:
        """Return 1 while the skew is steep, else 0; NaN before the first z-score; (T,)."""
        put, call = (market.implied_correlation(self.tenor, delta) for delta in (self.put, self.call))
        return held_while(zscore(put - call, self.window), self.enter, self.leave)
