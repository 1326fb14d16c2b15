"""What trading costs: half-spreads in vol points by leg class, basis points on hedges and deliveries."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from engine.backtest.batch import refuse_below
from engine.kinds import check_kinds


@runtime_checkable
class Costs(Protocol):
    """The rates that costs of your own offer, in a frozen dataclass; each may be a column (P, 1) where it may batch."""

    @property
    def index(self) -> float:
        """Half-spread of index straddles, in vol points of the vega traded."""
        ...

    @property
    def component(self) -> float:
        """Half-spread of component straddles, in vol points of the vega traded."""
        ...

    @property
    def hedge_bps(self) -> float:
        """Cost of trading hedges, in basis points of their notional."""
        ...

    @property
    def delivery_bps(self) -> float:
        """Cost of taking or making delivery of shares, in basis points of the strike value."""
        ...


@dataclass(frozen=True)
class VolPoints:
    """Half-spreads in vol points on the vega traded, and basis points on the notional of hedges and deliveries.

    Options held to expiry pay once, at entry. The defaults are desk conventions: index straddles .15-.30 vol points,
    mega caps .4-.8, other names .8-1.5; hedges 1-2 basis points.

    Parameters
    ----------
    index, component : float
        Half-spread in vol points of an index straddle and of a component straddle.
    hedge_bps : float
        Cost of trading the hedge, in basis points of its notional. Cohorts are hedged one by one (not netted).
    delivery_bps : float
        Cost of taking or making delivery of shares at expiry, in basis points of the strike value; charged only in
        markets whose stock options are physically settled.
    """

    index: float = field(default=0.25, metadata={"batch": True})
    component: float = field(default=0.8, metadata={"batch": True})
    hedge_bps: float = field(default=1.0, metadata={"batch": True})
    delivery_bps: float = field(default=10.0, metadata={"batch": True})

    def __post_init__(self):
        check_kinds(self)
        refuse_below(self, 0.0, "index", "component", "hedge_bps", "delivery_bps")


@dataclass(frozen=True)
class NoCosts:
    """Trade for free: only for checking formulas, never for judging a strategy."""

    index: float = 0.0
    component: float = 0.0
    hedge_bps: float = 0.0
    delivery_bps: float = 0.0
