"""Buy dispersion while DSPX, what options charge for it, is below the dispersion that was realised."""

from dataclasses import dataclass, field

from engine.arrays import Floats
from engine.backtest import MarketView, ThresholdStrategy


@dataclass(frozen=True)
class VarianceDispersion(ThresholdStrategy):
    """Start when realised less implied dispersion reaches `enter`, stop when it falls to `leave`.

        dispersion = sqrt(sum w s^2 - s_I^2),  implied of model-free volatilities as Cboe's DSPX has it

    Parameters
    ----------
    tenor : int
        Calendar days; realised dispersion is of as many.
    enter, leave : float
        Annualised decimals: 0.02 is two points of DSPX.
    """

    tenor: int = 30
    enter: float = field(default=0.0, metadata={"batch": True})
    leave: float = field(default=-0.02, metadata={"batch": True})

    follows = "realised less implied dispersion"

    def followed(self, market: MarketView) -> Floats:
        """Return realised less implied, (T,) annualised decimals."""
        return market.realized_dispersion(self.tenor) - market.implied_dispersion(self.tenor)
