"""What trading costs: half-spreads in vol points by leg class, basis points on hedges and deliveries."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol, runtime_checkable

from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest.batch import refuse_below
from engine.data.panel import MarketPanel
from engine.errors import InputError
from engine.kinds import check_kinds

LEG_CLASSES = ("index", "component")
WHOLE = 10_000.0  # basis points


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
        for name in (f.name for f in fields(self) if f.name.endswith("_bps")):
            value = getattr(self, name)
            if not namespace(value).all(value <= WHOLE):
                raise InputError(
                    f"{type(self).__name__}.{name}={value} is more than all there is; use {WHOLE:g} at most"
                )


@dataclass(frozen=True)
class DeskCosts(VolPoints):
    """Vol points, shares of premium, commissions per contract, wider spreads under stress, and borrowed stock.

    Half-spreads add up: what is not to be charged is 0. Published effective half-spreads of options on S&P 500 members
    are 6.8 % of premium (Muravyev, Pearson 2020): 2 vol points at a volatility of 30 %.

    Parameters
    ----------
    index_premium, component_premium : float
        Half-spread as a share of the premium traded, decimals.
    commission : float
        Currency per contract; of 100 shares where none are listed, a straddle being two.
    stress : float
        Share by which half-spreads widen for every vol point of the index above `calm`.
    calm : float
        Volatility of the index, decimals, up to which they do not.
    stress_tenor : int
        Calendar days of that volatility, at 50 delta; on a close without one the last one known counts.
    borrow_bps : float
        Basis points a year on the stock that members' hedges sell short.
    index_hedge_bps : float
        Basis points of the notional of the index's hedges, futures; `hedge_bps` is then of the members' stock.
    """

    index_premium: float = field(default=0.0, metadata={"batch": True})
    component_premium: float = field(default=0.0, metadata={"batch": True})
    commission: float = field(default=0.65, metadata={"batch": True})
    stress: float = field(default=0.02, metadata={"batch": True})
    calm: float = field(default=0.20, metadata={"batch": True})
    borrow_bps: float = field(default=30.0, metadata={"batch": True})
    index_hedge_bps: float = field(default=0.5, metadata={"batch": True})
    stress_tenor: int = 30

    def __post_init__(self):
        super().__post_init__()
        rates = ("index_premium", "component_premium", "commission", "stress", "calm", "borrow_bps")
        refuse_below(self, 0.0, *rates, "index_hedge_bps")

    def half_spread(self, amounts: Mapping[str, Floats], when: str) -> Floats:
        """Return what `traded`, or selling what is `held`, pays in half-spreads when all is calm; of `by_day`."""
        paid = self.index * amounts[f"index_{when}"] + self.component * amounts[f"component_{when}"]
        paid = paid + self.index_premium * amounts[f"index_premium_{when}"]
        return paid + self.component_premium * amounts[f"component_premium_{when}"]

    def widened(self, index_vol: Floats) -> Floats:
        """Return the factor of half-spreads at a volatility of the index, decimals."""
        xp = namespace(index_vol, self.stress)
        return 1.0 + self.stress * 100.0 * xp.maximum(index_vol - self.calm, 0.0)


@dataclass(frozen=True)
class BidAsk(DeskCosts):
    """The surface's own bid and ask at the strike and time left, where it has both; elsewhere as `DeskCosts`.

    Parameters
    ----------
    fill : float
        Where trades are done, from 0, the middle of bid and ask, to 1, the far side; more than 1 is worse than quoted.
    """

    stress: float = field(default=0.0, metadata={"batch": True})  # quotes are wider by themselves
    fill: float = field(default=1.0, metadata={"batch": True})

    def __post_init__(self):
        super().__post_init__()
        refuse_below(self, 0.0, "fill")

    def half_spread(self, amounts: Mapping[str, Floats], when: str) -> Floats:
        """Return what `traded`, or selling what is `held`, pays in half-spreads when all is calm; of `by_day`."""
        unquoted = {f"{c}_{when}": amounts[f"{c}_{when}"] - amounts[f"{c}_banded_vega_{when}"] for c in LEG_CLASSES}
        band = amounts[f"index_band_{when}"] + amounts[f"component_band_{when}"]
        return super().half_spread({**amounts, **unquoted}, when) + self.fill * band


@dataclass(frozen=True)
class NoCosts:
    """Trade for free: only for checking formulas, never for judging a strategy."""

    index: float = 0.0
    component: float = 0.0
    hedge_bps: float = 0.0
    delivery_bps: float = 0.0


def check_costs(costs: Costs, market: MarketPanel) -> None:
    """Raise InputError where a market has nothing to charge by."""
    if isinstance(costs, BidAsk) and market.band is None:
        raise InputError(
            f"costs=bid_ask needs volatilities at bid and at ask, and {market.info.name} has one side only; "
            "use costs=desk, or quotes with both sides"
        )


def option_cost(costs: Costs, amounts: Mapping[str, Floats], when: str, widened: Floats | float = 1.0) -> Floats:
    """Return what `traded` costs in options, or selling what is `held`, in currency per unit of index vega.

    Parameters
    ----------
    costs : Costs
    amounts : mapping of name to array
        As `TradeBook.by_day`; arrays that broadcast with the rates.
    when : str
        traded or held.
    widened : array or float
        Factor of half-spreads.
    """
    if isinstance(costs, DeskCosts):
        paid = widened * costs.half_spread(amounts, when) + costs.commission * amounts[f"contracts_{when}"]
    else:
        paid = costs.index * amounts[f"index_{when}"] + costs.component * amounts[f"component_{when}"]
    listed = amounts.get(f"spread_{when}")  # of listed contracts, their own
    return paid if listed is None else paid + listed


def hedge_cost(
    costs: Costs,
    hedge: Floats,
    delivered: Floats,
    index_hedge: Floats | float = 0.0,
    short_stock: Floats | float = 0.0,
) -> Floats:
    """Return what hedges traded, deliveries and borrowed stock cost, in currency per unit of index vega.

    `index_hedge` is the index's part of `hedge`; it and the stock sold short are charged by `DeskCosts` alone.
    """
    if not isinstance(costs, DeskCosts):
        return 1e-4 * (costs.hedge_bps * hedge + costs.delivery_bps * delivered)
    paid = costs.hedge_bps * (hedge - index_hedge) + costs.index_hedge_bps * index_hedge
    return 1e-4 * (paid + costs.delivery_bps * delivered + costs.borrow_bps * short_stock)


def with_rates(costs: Costs, rates: Mapping[str, Any]) -> Costs:
    """Return the same costs at other rates."""
    known: Any = costs  # a frozen dataclass, which its protocol cannot say
    return replace(known, **rates) if rates else costs
