"""Short the index's correlation while it is rich to the correlation inside its sectors."""

from dataclasses import dataclass, field

from engine.arrays import Floats
from engine.backtest import AbstractStrategy, MarketView, held_while, refuse_crossed, zscore
from engine.kinds import check_kinds


@dataclass(frozen=True)
class SectorDispersion(AbstractStrategy):
    """Start when the z-score of the index's less the mean sector's implied correlation reaches `enter`.

    Only sectors with options of their own count. Stop at `leave`; fields as of `RichCorrelation`.
    """

    tenor: int = 30
    delta: int = 50
    window: int = 252
    enter: float = field(default=1.0, metadata={"batch": True})
    leave: float = field(default=0.0, metadata={"batch": True})

    def __post_init__(self):
        check_kinds(self)
        refuse_crossed(self.enter, self.leave)

    def exposure(self, market: MarketView) -> Floats:
        """Return 1 while the index is dear, else 0; NaN before the first z-score; (T,)."""
        rich = market.implied_correlation(self.tenor, self.delta) - market.sector_correlation(self.tenor, self.delta)
        return held_while(zscore(rich, self.window), self.enter, self.leave)
