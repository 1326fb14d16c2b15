"""A column of your own file decides: whatever it measures, as it was known at each close."""

from dataclasses import dataclass, field

from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest import MarketView, ThresholdStrategy
from engine.data.series import own_signal


@dataclass(frozen=True)
class ExternalSignal(ThresholdStrategy):
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

    follows = "the file's column"

    def exposure(self, market: MarketView) -> Floats:
        """Return 1 while the signal is high, else 0; NaN where none is known; (T,)."""
        xp = namespace(market.panel.spot)
        return xp.where(xp.isfinite(self.followed(market)), super().exposure(market), xp.nan)

    def followed(self, market: MarketView) -> Floats:
        """Return the column as it is known at each close, (T,)."""
        known = own_signal(self.file, self.column, market.dates, self.delay, self.max_age)
        return namespace(market.panel.spot).asarray(known)
