"""What costs beyond vol points need of a book: premium, contracts, the surface's own bid and ask, short stock."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest.contracts.instruments import PAYOFFS
from engine.backtest.legs.hedge_paths import held_deltas
from engine.backtest.legs.hedging import Hedge
from engine.backtest.legs.leg_sums import by_day, class_sums, day_before, total
from engine.backtest.legs.marks import mark_cohorts
from engine.calendar import year_fraction
from engine.kernels.codes import Kind

if TYPE_CHECKING:
    from engine.backtest.legs.held import Held
    from engine.backtest.legs.legs import Legs

# What is traded of options: vega per vol point, absolute present value, contracts, half the width between the surface's
# bid and ask in currency, and the vega of what has both. Options with a quoted spread of their own have no part but of
# the contracts.
AMOUNTS = ("vega", "premium", "contracts", "band", "banded_vega")
SHARES_PER_CONTRACT = 100.0  # where no listed contract says so


@dataclass(frozen=True, eq=False)
class Detail:
    """Amounts per unit of index vega, the last but one axis as `AMOUNTS`.

    Parameters
    ----------
    by_class : array (C, H + 1, 2, len(AMOUNTS), 2)
        Traded at each close, and held on from it.
    by_leg : array (C, 1 + L, I, len(AMOUNTS), 2)
        Traded at entry, and later.
    short_stock : array (C, H + 1)
        Notional of members' hedges sold short at the close before, times the years since: what borrowing is paid on.
    leg_short_stock : array (C, 1 + L)
    """

    by_class: np.ndarray
    by_leg: np.ndarray
    short_stock: np.ndarray
    leg_short_stock: np.ndarray

    @property
    def by_day(self) -> dict:
        """What a parameter set charges beside vega and hedges, each (C, H + 1)."""
        amounts = self.by_class
        days = {
            f"{leg_class}_{name}_{when}": amounts[:, :, c, AMOUNTS.index(name), w]
            for c, leg_class in enumerate(("index", "component"))
            for name in ("premium", "band", "banded_vega")
            for w, when in enumerate(("traded", "held"))
        }
        contracts = amounts[:, :, :, AMOUNTS.index("contracts")].sum(axis=2)
        days |= {"contracts_traded": contracts[..., 0], "contracts_held": contracts[..., 1]}
        return days | {"short_stock": self.short_stock}


@dataclass(frozen=True, eq=False)
class LegAmounts:
    """What each leg trades on each day.

    Parameters
    ----------
    traded, held : array (C, 1 + L, I, len(AMOUNTS), H + 1)
    short_stock : array (C, 1 + L, H + 1)
    """

    traded: np.ndarray
    held: np.ndarray
    short_stock: np.ndarray


def leg_amounts(legs: "Legs", units: Floats, hedge: Hedge) -> LegAmounts:
    """Return what `units` of each leg, (C, 1 + L), trade and hold of `AMOUNTS`, and the stock that is sold short."""
    xp = namespace(units)
    traded, held = [], []
    for i, (one, ratio) in enumerate(zip(legs.instruments, legs.ratios, strict=True)):
        quantity = xp.abs(units * ratio)[:, :, None]
        found = [one.trades(a, quantity != 0.0) for a in _amounts(legs, one, i, quantity)]
        traded.append(xp.stack([a for a, _ in found], axis=2))
        held.append(xp.stack([a for _, a in found], axis=2))
    return LegAmounts(xp.stack(traded, axis=2), xp.stack(held, axis=2), _short_stock(legs, units, hedge))


def detail(legs: "Legs", units: Floats, hedge: Hedge) -> Detail:
    """Return the amounts of a book's legs, summed as the book sums them."""
    xp = namespace(units)
    found = leg_amounts(legs, units, hedge)
    daily = xp.stack([found.traded.sum(axis=2), found.held.sum(axis=2)], axis=3)  # (C, 1 + L, A, 2, H + 1)
    return Detail(
        by_class=by_day(class_sums(daily)),
        by_leg=xp.stack([found.traded[..., 0], found.traded[..., 1:].sum(axis=-1)], axis=-1),
        short_stock=found.short_stock.sum(axis=1),
        leg_short_stock=found.short_stock.sum(axis=2),
    )


def _amounts(legs: "Legs", one: "Held", i: int, quantity: Floats) -> list[Floats]:
    xp, marks = namespace(quantity), one.marks
    included = quantity != 0.0

    def own(amount: Floats) -> Floats:  # what has a spread of its own pays that
        return one.without_quotes(xp.where(included, quantity * amount, 0.0))

    options = _options(one, quantity.shape[1])
    shares = legs.contract_shares(i, SHARES_PER_CONTRACT)[:, :, None] * marks.shares
    vega, half_width = one.greeks.vega, _half_width(legs, one)
    banded = xp.isfinite(half_width)
    return [
        own(vega),
        own(xp.abs(one.greeks.value)),
        xp.where(included, quantity * options[:, None] / shares, 0.0),
        own(xp.where(banded, vega * half_width, 0.0)),
        own(xp.where(banded, vega, 0.0)),
    ]


def contracts_of(legs: "Legs", units: Floats, otherwise: float) -> Floats:
    """Return the contracts `units` of each leg make at entry, (C, 1 + L): of `otherwise` shares if none is listed."""
    xp = namespace(units)
    held = xp.zeros(units.shape)
    for i, (one, ratio) in enumerate(zip(legs.instruments, legs.ratios, strict=True)):
        held = held + xp.abs(units * ratio) * _options(one, units.shape[1]) / legs.contract_shares(i, otherwise)
    return held


def _options(one: "Held", legs: int) -> Floats:
    """Contracts that one of an instrument is in each leg, (1 + L,)."""
    index, member = (_contracts(each.kind) for each in one.pair)
    return namespace(one.strike).asarray([index] + [member] * (legs - 1))


def _contracts(kind: Kind) -> float:
    """Listed contracts of an instrument: a swap is none."""
    return {Kind.STRADDLE: 2.0, Kind.CALL: 1.0, Kind.PUT: 1.0}.get(kind, 0.0)


def _half_width(legs: "Legs", one: "Held") -> Floats:
    """Half of what the surface's volatility at ask is above that at bid, vol points; NaN where it has not both."""
    xp, panel, marks = namespace(one.strike), legs.panel, one.marks
    band = panel.band
    if band is None or any(each.kind not in PAYOFFS or each.start is not None for each in one.pair):
        return xp.full(marks.forward.shape, xp.nan)
    sides = []
    for index, members in ((band.index_bid, band.bid), (band.index_ask, band.ask)):
        quoted = {"index_iv": xp.asarray(index), "component_iv": xp.asarray(members)}
        surface = replace(panel, listed=None, validate=False, **quoted)
        reading = mark_cohorts(surface, legs.contracts[one.pair[0].tenor], legs.name, legs.days).at(one.strike)
        sides.append(xp.where(reading.stale | ~marks.quotable, xp.nan, reading.iv))
    return 50.0 * (sides[1] - sides[0])


def _short_stock(legs: "Legs", units: Floats, hedge: Hedge) -> Floats:
    """Notional of members' hedges sold short at the close before, times the years since, (C, 1 + L, H + 1)."""
    xp = namespace(units)
    deltas = held_deltas(legs, units, hedge)
    held = total([ratio[:, None] * one for ratio, one in zip(legs.ratios, deltas, strict=True)])
    marks, dates = legs.marks, legs.panel.dates
    on = (xp.arange(held.shape[-1]) < marks.end[:, :, None]) & (units != 0.0)[:, :, None]
    sold = xp.where(on, xp.maximum(held * units[:, :, None], 0.0) * marks.forward, 0.0)
    sold[:, 0] = 0.0  # the index is hedged in futures
    since = xp.zeros(legs.session.shape)
    since[:, 1:] = year_fraction(xp.diff(xp.asarray(dates[legs.session].astype(int)), axis=1))
    return day_before(sold) * since[:, None]
