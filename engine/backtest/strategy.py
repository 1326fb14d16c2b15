"""What a strategy is: one pure function from the market to an exposure per date."""

from abc import ABC, abstractmethod


class AbstractStrategy(ABC):
    """When, and how strongly, to be short correlation.

    Subclasses are frozen dataclasses with one method. A field that may differ inside one batch of parameter sets is
    declared so: `enter: float = field(default=1.5, metadata={"batch": True})`; it may then hold a column (P, 1).
    """

    @abstractmethod
    def exposure(self, market):
        """Return the exposure decided at each close, (T,) or (P, T).

        +1 is fully short correlation (short index straddles, long component straddles), 0 no trade, -1 the reverse;
        NaN means no opinion yet and trades nothing. Row t may use nothing later than the close of date t.
        """
