"""Short correlation only while implied correlation is rich to its own history."""

from dataclasses import dataclass, field

from engine.arrays import Floats
from engine.backtest import AbstractStrategy, MarketView, held_while, refuse_crossed, zscore
from engine.errors import InputError
from engine.kinds import check_kinds


@dataclass(frozen=True)
class RichCorrelation(AbstractStrategy):
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

    def __post_init__(self):
        check_kinds(self)
        if self.window < 2:
            raise InputError(f"strategy.window={self.window} has no deviation; use 2 sessions or more")
        refuse_crossed(self.enter, self.leave)

    def exposure(self, market: MarketView) -> Floats:
        """Return 1 while correlation is rich, else 0; NaN before the first z-score is known; (T,)."""
        return held_while(
            zscore(market.implied_correlation(self.tenor, self.delta), self.window), self.enter, self.leave
        )
