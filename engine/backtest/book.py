"""The trade book: the P&L of every cohort on every holding day, before any signal, size or cost rate is known.

For a structure, schedule, basket, sizing rule and hedge the book is computed once. Legs are marked and explained in
blocks of cohorts, then reduced over legs at once: what remains per cohort, day and leg class is the explain, the vega
traded at entry and the notional of hedges and deliveries. Every parameter set is a cheap reduction over that.
Everything is per unit of index vega (1 of currency per vol point) and of full exposure.
"""

from dataclasses import dataclass, fields

import numpy as np

from engine.backend import blocks, namespace
from engine.backtest.attribution import PARTS, explain
from engine.backtest.marks import LegStatus, mark_cohorts
from engine.backtest.sizing import leg_units
from engine.backtest.structure import Cohorts, choose_contracts
from engine.calendar import year_fraction
from engine.pricing import straddle

INDEX, COMPONENT = 0, 1  # leg classes, in this order on every class axis


@dataclass(frozen=True, eq=False)
class LegTable:
    """One row per cohort and leg; arrays (C, 1 + L), leg 0 is the index. Sizes are per unit of index vega.

    Parameters
    ----------
    name : int
        Position on the panel's name axis; -1 for the index.
    units : straddles in entry shares, signed; 0 where the leg is not in the cohort.
    strike, forward, iv, value, vega : at entry, per straddle.
    exit_value : value per straddle on the last day (entry shares); shares : strike factor since entry on that day.
    end : holding days; status : `LegStatus`.
    pnl_option, pnl_hedge, financing : P&L over the life.
    hedge_notional, delivery_notional : traded over the life, in currency.
    """

    name: np.ndarray
    units: np.ndarray
    strike: np.ndarray
    forward: np.ndarray
    iv: np.ndarray
    value: np.ndarray
    vega: np.ndarray
    exit_value: np.ndarray
    shares: np.ndarray
    end: np.ndarray
    status: np.ndarray
    pnl_option: np.ndarray
    pnl_hedge: np.ndarray
    financing: np.ndarray
    hedge_notional: np.ndarray
    delivery_notional: np.ndarray


@dataclass(frozen=True, eq=False)
class TradeBook:
    """Cohorts reduced over their legs; axes (C, H + 1, class, ...) with day 0 the entry and class (index, component).

    Parameters
    ----------
    cohorts : Cohorts
    entered : array (C,), bool
        False where no expiry is listed, the index is not quoted, or too few names are.
    coverage : array (C,)
        Share of the basket's weight in names quoted at entry.
    explain : array (C, H + 1, 2, len(PARTS))
        P&L by source on each holding day.
    entry_vega : array (C, 2)
        Absolute vega traded at entry by class, per vol point.
    hedge_notional, delivery_notional : array (C, H + 1, 2)
        Absolute notional of hedges traded and shares delivered.
    absolute_pnl, stale_pnl, extrapolated_pnl : array (C, H + 1)
        Sum over legs of |P&L|: all, on days marked stale, on days marked beyond the surface.
    legs : LegTable
    """

    cohorts: Cohorts
    entered: np.ndarray
    coverage: np.ndarray
    explain: np.ndarray
    entry_vega: np.ndarray
    hedge_notional: np.ndarray
    delivery_notional: np.ndarray
    absolute_pnl: np.ndarray
    stale_pnl: np.ndarray
    extrapolated_pnl: np.ndarray
    legs: LegTable

    @property
    def days(self) -> int:
        """H, the longest holding period in sessions."""
        return self.explain.shape[1] - 1


def build_book(panel, weights, entry, structure, sizing, hedge, budget: int = 64 * 2**20, progress=None) -> TradeBook:
    """Build the trade book of one structure, schedule, basket, sizing rule and hedge.

    Parameters
    ----------
    panel : MarketPanel
    weights : array (T, N)
        Basket weights, usable on their own date.
    entry : array (C,), int
        Sessions of entry.
    structure : Straddle; sizing : VegaNeutral, ...; hedge : DailyDelta or NoHedge
    budget : int
        Bytes the temporaries of one block of cohorts may take.
    progress : callable or None
        Called with the number of cohorts finished after each block.

    Returns
    -------
    TradeBook
        The same, bit for bit, whatever the budget.
    """
    cohorts = choose_contracts(panel, entry, structure)
    days = int((cohorts.last - cohorts.entry).max(initial=0))
    legs = _widest_basket(weights, entry)
    bytes_per_cohort = (1 + legs) * (days + 1) * 8 * (4 * len(panel.deltas) + 40)
    parts = []
    for block in blocks(len(entry), bytes_per_cohort, budget):
        parts.append(_block(panel, weights, cohorts[block], legs, days, structure, sizing, hedge))
        if progress is not None:
            progress(len(parts[-1].entered))
    return _joined(parts, cohorts)


def _widest_basket(weights, entry) -> int:
    return int((weights > 0.0).sum(axis=1)[namespace(weights).asarray(entry)].max())


def _block(panel, weights, cohorts, legs, days, structure, sizing, hedge) -> TradeBook:
    xp = namespace(panel.spot)
    basket = weights[xp.asarray(cohorts.entry)]
    name = xp.argsort(basket <= 0.0, axis=1, kind="stable")[:, :legs]  # members first, in name order
    weight = xp.take_along_axis(basket, name, axis=1)

    marks = mark_cohorts(panel, cohorts, name, days)
    session = cohorts.sessions(panel.dates, days)
    gone = xp.asarray(panel.dates[session].astype(int))
    rate = panel.rate[xp.asarray(session)]
    rate = xp.where(xp.isfinite(rate), rate, 0.0)[:, None, :]
    greeks = straddle(marks.forward, marks.strike[:, :, None], marks.iv, marks.years, rate)

    at_entry = type(greeks)(*(getattr(greeks, f.name)[:, :, 0] for f in fields(greeks)))
    quoted = xp.isfinite(at_entry.value) & (at_entry.vega > 0.0) & ~marks.stale[:, :, 0]
    held = xp.where(quoted[:, 1:] & (weight > 0.0), weight, 0.0)
    total = held.sum(axis=1)
    coverage = total / xp.where(weight.sum(axis=1) > 0.0, weight.sum(axis=1), 1.0)
    entered = xp.asarray(cohorts.last > cohorts.entry) & quoted[:, 0] & (coverage >= structure.min_coverage)
    held = xp.where(entered[:, None], held / xp.where(total > 0.0, total, 1.0)[:, None], 0.0)
    leg_weight = xp.concatenate([xp.ones((len(cohorts), 1)), held], axis=1)
    included = (leg_weight > 0.0) & entered[:, None]

    sized = leg_units(sizing, leg_weight, at_entry, marks.forward[:, :, 0])
    units = xp.where(included, sized, 0.0)

    # From each close to the next: alive on the second of the two.
    lives = (marks.alive[..., 1:] & included[:, :, None])[..., None, :]
    held_delta = hedge.held(greeks.delta[..., :-1])
    parts = explain(
        greeks, marks.forward, marks.iv, xp.diff(gone, axis=1)[:, None, :], year_fraction(rate[..., :-1]), held_delta
    )
    by_leg = xp.where(lives, xp.stack(parts, axis=2) * units[:, :, None, None], 0.0)  # (C, 1 + L, parts, H)
    pnl = by_leg.sum(axis=2)

    holds = (xp.arange(days) < marks.end[:, :, None]) & included[:, :, None]
    held_delta = xp.where(holds, held_delta * units[:, :, None], 0.0)
    nothing = xp.zeros((*held_delta.shape[:2], 1))
    traded = xp.abs(xp.diff(xp.concatenate([nothing, held_delta, nothing], axis=2), axis=2))
    hedge_notional = xp.where(traded > 0.0, traded * marks.forward, 0.0)
    delivers = (xp.arange(days + 1) == marks.end[:, :, None]) & (marks.status == LegStatus.EXPIRED)[..., None]
    delivers[:, 0] = False  # the index is settled in cash
    delivered = xp.abs(units * marks.strike)[:, :, None] if panel.info.physical_delivery else 0.0
    delivery_notional = xp.where(delivers & included[:, :, None], delivered, 0.0)

    last = marks.end[:, :, None]
    flags = {kind: _either_close(getattr(marks, kind)) for kind in ("stale", "extrapolated")}
    absolute = xp.abs(pnl)
    vega = xp.abs(units) * xp.where(included, at_entry.vega, 0.0)
    index = xp.full((len(cohorts), 1), -1)
    life = by_leg.sum(axis=3)
    hedge_part, financing_part = PARTS.index("hedge"), PARTS.index("financing")
    return TradeBook(
        cohorts=cohorts,
        entered=entered,
        coverage=coverage,
        explain=_from_entry(xp.moveaxis(_by_class(by_leg), -1, 1)),
        entry_vega=_by_class(vega),
        hedge_notional=xp.moveaxis(_by_class(hedge_notional), -1, 1),
        delivery_notional=xp.moveaxis(_by_class(delivery_notional), -1, 1),
        absolute_pnl=_from_entry(absolute.sum(axis=1)),
        stale_pnl=_from_entry(xp.where(flags["stale"], absolute, 0.0).sum(axis=1)),
        extrapolated_pnl=_from_entry(xp.where(flags["extrapolated"], absolute, 0.0).sum(axis=1)),
        legs=LegTable(
            name=xp.concatenate([index, name], axis=1),
            units=units,
            strike=marks.strike,
            forward=marks.forward[:, :, 0],
            iv=marks.iv[:, :, 0],
            value=at_entry.value,
            vega=at_entry.vega,
            exit_value=xp.take_along_axis(greeks.value, last, axis=2)[:, :, 0],
            shares=xp.take_along_axis(marks.shares, last, axis=2)[:, :, 0],
            end=marks.end,
            status=marks.status,
            pnl_option=life.sum(axis=2) - life[:, :, hedge_part] - life[:, :, financing_part],
            pnl_hedge=life[:, :, hedge_part],
            financing=life[:, :, financing_part],
            hedge_notional=hedge_notional.sum(axis=2),
            delivery_notional=delivery_notional.sum(axis=2),
        ),
    )


def _by_class(by_leg):
    """Sum legs into their two classes: axis 1 becomes (index, component)."""
    xp = namespace(by_leg)
    return xp.stack([by_leg[:, 0], by_leg[:, 1:].sum(axis=1)], axis=1)


def _from_entry(daily):
    """Put a zero entry day in front of the H daily values on axis 1."""
    xp = namespace(daily)
    return xp.concatenate([xp.zeros_like(daily[:, :1]), daily], axis=1)


def _either_close(flag):
    """A day's P&L is doubtful when the mark at either of its closes is."""
    return flag[..., 1:] | flag[..., :-1]


def _joined(parts, cohorts) -> TradeBook:
    """Concatenate blocks of cohorts."""
    xp = namespace(parts[0].explain)

    def joined(kind, items, **given):
        names = [f.name for f in fields(kind) if f.name not in given]
        return kind(**{n: xp.concatenate([getattr(item, n) for item in items]) for n in names}, **given)

    legs = joined(LegTable, [part.legs for part in parts])
    return joined(TradeBook, parts, cohorts=cohorts, legs=legs)
