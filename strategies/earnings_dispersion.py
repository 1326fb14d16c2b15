"""Buy dispersion while many members report within the tenor: earnings move names apart."""

from dataclasses import dataclass, field

from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest import AbstractStrategy, MarketView, held_while, refuse_crossed
from engine.data.series import reports_within
from engine.kinds import check_kinds


@dataclass(frozen=True)
class EarningsDispersion(AbstractStrategy):
    """Start when members with `enter` of the basket's weight report within the tenor, stop at `leave`.

    Parameters
    ----------
    file : str
        Table of `date`, `ticker` and `known`, the day from which the date was known.
    tenor : int
        Calendar days.
    enter, leave : float
        Share of the basket's weight, 0 to 1.
    """

    file: str = ""
    tenor: int = 30
    enter: float = field(default=0.5, metadata={"batch": True})
    leave: float = field(default=0.25, metadata={"batch": True})

    def __post_init__(self):
        check_kinds(self)
        refuse_crossed(self.enter, self.leave)

    def exposure(self, market: MarketView) -> Floats:
        """Return 1 in the season, else 0, (T,)."""
        xp = namespace(market.weights)
        soon = xp.asarray(reports_within(self.file, self.tenor, market.dates, market.panel.names))
        return held_while(xp.where(soon, market.weights, 0.0).sum(axis=1), self.enter, self.leave)
