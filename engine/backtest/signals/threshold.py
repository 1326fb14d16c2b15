"""Strategies that trade while a series is beyond a level."""

from abc import abstractmethod
from typing import ClassVar

from engine.arrays import Floats
from engine.backtest.market import MarketView
from engine.backtest.signals.strategy import AbstractStrategy, Signal
from engine.backtest.signals.transforms import held_while, refuse_crossed
from engine.kinds import check_kinds


class ThresholdStrategy(AbstractStrategy):
    """Short correlation once what is followed reaches `enter`, until it falls to `leave`.

    Subclasses are frozen dataclasses with the fields `enter` and `leave`, in the unit of the series, that say what they
    follow: in words, and as a series.
    """

    enter: float
    leave: float
    follows: ClassVar[str]

    def __post_init__(self):
        check_kinds(self)
        refuse_crossed(self.enter, self.leave)

    @abstractmethod
    def followed(self, market: MarketView) -> Floats:
        """Return the series, (T,), NaN where unknown; date t uses nothing later than its close."""

    def exposure(self, market: MarketView) -> Floats:
        """Return 1 once it has reached `enter`, 0 once it has fallen to `leave`, NaN before it is known; (T,)."""
        return held_while(self.followed(market), self.enter, self.leave)

    def signal(self, market: MarketView) -> Signal:
        """Return the series with both levels."""
        return Signal(self.follows, self.followed(market), {"enter": self.enter, "leave": self.leave})
