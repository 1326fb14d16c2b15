"""Short correlation only while implied correlation is rich to its own history."""

from dataclasses import dataclass, field

from engine.arrays import Floats
from engine.backtest import MarketView, ThresholdStrategy, zscore
from engine.errors import InputError


@dataclass(frozen=True)
class RichCorrelation(ThresholdStrategy):
    """Start selling correlation when its z-score reaches `enter`, stop when it falls to `leave`.

    Parameters
    ----------
    tenor, delta : int
        Cell of the implied correlation surface the signal reads: calendar days, call delta.
    window : int
        Sessions in the z-score.
    """

    tenor: int = 30
    delta: int = 50
    window: int = 252
    enter: float = field(default=1.0, metadata={"batch": True})
    leave: float = field(default=0.0, metadata={"batch": True})

    follows = "z-score of implied correlation"

    def __post_init__(self):
        super().__post_init__()
        if self.window < 2:
            raise InputError(f"strategy.window={self.window} has no deviation; use 2 sessions or more")

    def followed(self, market: MarketView) -> Floats:
        """Return the z-score, (T,)."""
        return zscore(market.implied_correlation(self.tenor, self.delta), self.window)
