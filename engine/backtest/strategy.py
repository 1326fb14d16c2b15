"""What a strategy is: one pure function from the market to an exposure per date."""

from abc import ABC, abstractmethod

from engine.arrays import Floats
from engine.backtest.market import MarketView


class AbstractStrategy(ABC):
    """When, and how strongly, to be short correlation.

    Subclasses are frozen dataclasses with one method. A field that may differ inside one batch of parameter sets is
    declared so: `enter: float = field(default=1.5, metadata={"batch": True})`; it may then hold a column (P, 1).
    """

    @abstractmethod
    def exposure(self, market: MarketView) -> Floats:
        """Return the exposure asked for at each close.

        Parameters
        ----------
        market : MarketView
            Series by date on the basket that is traded.

        Returns
        -------
        array (T,), or (P, T) where a field holds a column (P, 1)
            +1 is fully short correlation (short index straddles, long component straddles), 0 no trade, -1 the
            reverse; NaN means no opinion yet and trades nothing. Date t uses nothing later than its close.
        """
