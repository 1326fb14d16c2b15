"""Short correlation while crashes are priced as unusually common to all: the skew of correlation is steep."""

from dataclasses import dataclass, field

from engine.arrays import Floats
from engine.backtest import MarketView, ThresholdStrategy, zscore


@dataclass(frozen=True)
class CorrelationSkew(ThresholdStrategy):
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

    follows = "z-score of implied correlation, put side less call side"

    def followed(self, market: MarketView) -> Floats:
        """Return the z-score, (T,)."""
        put, call = (market.implied_correlation(self.tenor, delta) for delta in (self.put, self.call))
        return zscore(put - call, self.window)
