"""A column of your own file decides: whatever it measures, as it was known at each close."""

from dataclasses import dataclass, field

from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest import AbstractStrategy, MarketView, held_while, refuse_crossed
from engine.data.series import own_signal
from engine.kinds import check_kinds


@dataclass(frozen=True)
class ExternalSignal(AbstractStrategy):
    """Start selling correlation when the signal reaches `enter`, in its own unit, stop when it falls to `leave`.

    Parameters
    ----------
    file, column : str
        Table of `date` and the column, one row for each day.
    delay, max_age : int
        Calendar days until a value is known after its date, and for which it then counts; older is no opinion.
    """

    file: str = ""
    column: str = "signal"
    delay: int = 1
    max_age: int = 7
    enter: float = field(default=1.0, metadata={"batch": True})
    leave: float = field(default=0.0, metadata={"batch": True})

    def __post_init__(self):
        check_kinds(self)
        refuse_crossed(self.enter, self.leave)

    def exposure(self, market: MarketView) -> Floats:
        """Return 1 while the signal is high, else 0; NaN where none is known; (T,)."""
        xp = namespace(market.panel.spot)
        signal = xp.asarray(own_signal(self.file, self.column, market.dates, self.delay, self.max_age))
        return xp.where(xp.isfinite(signal), held_while(signal, self.enter, self.leave), xp.nan)
