"""Buy dispersion while many members report within the tenor: earnings move names apart."""

from dataclasses import dataclass, field

from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest import MarketView, ThresholdStrategy
from engine.data.series import reports_within


@dataclass(frozen=True)
class EarningsDispersion(ThresholdStrategy):
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

    follows = "share of the weight that reports within the tenor"

    def followed(self, market: MarketView) -> Floats:
        """Return the share, (T,)."""
        xp = namespace(market.weights)
        soon = xp.asarray(reports_within(self.file, self.tenor, market.dates, market.panel.names))
        return xp.where(soon, market.weights, 0.0).sum(axis=1)
