"""The trade book: the P&L of every cohort on every holding day, before any signal, size or cost rate is known.

For a structure, schedule, basket, sizing rule and hedge the book is computed once. Legs are followed in blocks of
cohorts and reduced at once: what remains per cohort, day and leg class is the explain, and what is traded and held of
vega and hedges, so that costs and early exits need no second pass. Every parameter set is a cheap reduction over that.
Everything is per unit of index vega (1 of currency per vol point) and of full exposure.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from engine import records
from engine.arrays import Weights
from engine.backend import block_budget, blocks, each, namespace
from engine.backtest.cohorts.book_lines import book_lines
from engine.backtest.cohorts.cohort_windows import cohort_windows
from engine.backtest.cohorts.recipe import Recipe
from engine.backtest.cohorts.sizing import leg_units
from engine.backtest.contracts.structure import Cohorts
from engine.backtest.legs.correlation_swap import CorrelationLegs
from engine.backtest.legs.detail import Detail, detail
from engine.backtest.legs.listed import ListedBook, ListedLegs
from engine.backtest.legs.netting import HedgeTrades
from engine.backtest.legs.opening import openings, settle_at_open
from engine.correlation.checks import least_coverage
from engine.data.panel import MarketPanel

INDEX, COMPONENT = 0, 1  # leg classes, in this order on every class axis


@dataclass(frozen=True, eq=False)
class LegTable:
    """One row per cohort and leg, (C, 1 + L), or per instrument of it, (C, 1 + L, I); leg 0 is the index.

    Sizes are per unit of index vega.

    Parameters
    ----------
    name : int
        Position on the panel's name axis; -1 for the index.
    units : signed, in entry shares; 0 where the leg is not in the cohort: ignore its other fields.
    forward, theta, cash_gamma : at entry, of a unit; theta per calendar day, gamma times the forward squared.
    shares : strike factor from entry to the end.
    end : holding day of the end; status : `LegStatus`.
    hedge_traded : notional over the life, in currency.
    strike, iv, value, vega : of one instrument at entry, (C, 1 + L, I); a unit holds `Instrument.ratio` of it.
    exit_value : value of one (in entry shares) it was settled, sold or last marked at, (C, 1 + L, I).
    pnl_option, pnl_hedge, financing, settlement : P&L over the life, (C, 1 + L, I); see `opening` for the last.
    vega_traded : absolute, bought and sold over the life, (C, 1 + L, I).
    delivered : strike value of shares delivered, in currency, (C, 1 + L, I).
    """

    name: np.ndarray
    units: np.ndarray
    forward: np.ndarray
    theta: np.ndarray
    cash_gamma: np.ndarray
    shares: np.ndarray
    end: np.ndarray
    status: np.ndarray
    hedge_traded: np.ndarray
    strike: np.ndarray
    iv: np.ndarray
    value: np.ndarray
    vega: np.ndarray
    exit_value: np.ndarray
    pnl_option: np.ndarray
    pnl_hedge: np.ndarray
    financing: np.ndarray
    settlement: np.ndarray
    vega_traded: np.ndarray
    delivered: np.ndarray


@dataclass(frozen=True, eq=False)
class TradeBook:
    """Cohorts reduced over their legs; axes (C, H + 1, class, ...) with day 0 the entry and class (index, component).

    Parameters
    ----------
    recipe : Recipe; cohorts : Cohorts
    shortest_tenor : int
        Calendar days below which the surface reaches no expiry; 0 where listed expiries have smiles of their own.
    entered : array (C,), bool
        False where no expiry is listed, the index is not quoted, or too few names are.
    coverage : array (C,)
        Share of the basket's weight in names quoted at entry.
    explain : array (C, H + 1, 2, len(PARTS))
        P&L by source on each holding day.
    vega_traded, vega_held : array (C, H + 1, 2)
        Absolute vega per vol point bought and sold at each close, and held on from it: what selling all would trade.
    hedge_traded, hedge_held : array (C, H + 1, 2)
        Absolute notional of hedges traded at each close, and held into it: what giving all up would trade.
    delivered : array (C, H + 1, 2)
        Strike value of shares delivered.
    magnitude : array (C, H + 1, len(MAGNITUDES))
        Sums over legs of absolute values, in the order of `MAGNITUDES`.
    legs : LegTable
    detail : Detail or None; hedges : HedgeTrades or None
        What a detailed recipe keeps beside, and one whose hedges are netted.
    listed : ListedBook or None
        Of listed contracts only: what is theirs alone. Vega traded and held is then that of contracts which do not have
        two sides.
    """

    recipe: Recipe
    cohorts: Cohorts
    shortest_tenor: int
    entered: np.ndarray
    coverage: np.ndarray
    explain: np.ndarray
    vega_traded: np.ndarray
    vega_held: np.ndarray
    hedge_traded: np.ndarray
    hedge_held: np.ndarray
    delivered: np.ndarray
    magnitude: np.ndarray
    legs: LegTable
    detail: Detail | None = None
    hedges: HedgeTrades | None = None
    listed: ListedBook | None = None

    @property
    def share(self) -> float:
        """Part of the exposure asked for that each cohort is entered with."""
        return self.recipe.share

    @property
    def days(self) -> int:
        """H, the longest holding period in sessions."""
        return self.explain.shape[1] - 1

    @functools.cached_property
    def by_day(self) -> dict:
        """What a parameter set scales and charges, each (C, H + 1): P&L, vega, hedges and deliveries of each day."""
        xp = namespace(self.explain)
        days = {"gross": self.explain.sum(axis=(2, 3))}
        for name, vega in (("traded", self.vega_traded), ("held", self.vega_held)):
            days |= {f"index_{name}": vega[:, :, INDEX], f"component_{name}": vega[:, :, COMPONENT]}
        days |= {
            "hedge_traded": self.hedge_traded.sum(axis=2),
            "hedge_held": self.hedge_held.sum(axis=2),
            "delivered": self.delivered.sum(axis=2),
        }
        if self.listed is not None:
            days |= {name: getattr(self.listed, name).sum(axis=2) for name in ("spread_traded", "spread_held")}
        if self.detail is not None:
            days |= self.detail.by_day
            days |= {f"index_{name}": getattr(self, name)[:, :, INDEX] for name in ("hedge_traded", "hedge_held")}
        return {name: xp.ascontiguousarray(array) for name, array in days.items()}

    @property
    def most_held(self) -> int:
        """Cohorts held at once at most, each from its entry to the session before its last."""
        entry, last = self.cohorts.entry, self.cohorts.last
        return int((np.arange(1, len(entry) + 1) - np.searchsorted(np.sort(last), entry, side="right")).max(initial=1))

    def __repr__(self) -> str:
        """How it is made, what it holds and its P&L by source, as aligned tables."""
        return "\n".join(book_lines(self))


def build_book(
    panel: MarketPanel,
    weights: Weights,
    cohorts: Cohorts,
    recipe: Recipe,
    budget: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> TradeBook:
    """Build the trade book of one structure, schedule, basket, sizing rule and hedge.

    Parameters
    ----------
    panel : MarketPanel
    weights : array (T, N)
        Basket weights, usable on their own date.
    cohorts : Cohorts
        From `choose_contracts`; `cohorts.until(day)` are followed to an early sale only.
    recipe : Recipe
    budget : int or None
        Bytes the temporaries of one block of cohorts may take; None = what suits the machine.
    progress : callable or None
        Called with the number of cohorts finished after each block.

    Returns
    -------
    TradeBook
        The same, bit for bit, whatever the budget.

    Raises
    ------
    InputError
        As `Recipe.follows` does.
    """
    panel, days = recipe.marks.ending_halts(panel), int(cohorts.life.max(initial=0))
    xp = namespace(panel.spot)
    legs = _widest_basket(weights, cohorts.entry)
    follow, sizes = recipe.follows(panel, legs)
    bytes_per_cohort = sizes.bytes_per_cohort(panel, legs, days, recipe.structure)
    parts = []
    counted = recipe.sizing.counted(panel, weights, recipe.structure.tenor)
    at_open = openings(panel, recipe.structure)
    for first, window, held in cohort_windows(panel, cohorts, days):
        on_dates = weights[first : first + len(window)]
        # As it was known at the close before each entry.
        before = None if counted is None else counted[xp.maximum(xp.asarray(held.entry) + first - 1, 0)]
        build = functools.partial(_block, follow, window, on_dates, held, recipe, legs, days, before, at_open[first:])
        for part in each(xp, build, blocks(len(held), bytes_per_cohort, budget or 8 * block_budget(xp))):
            parts.append(part)
            if progress is not None:
                progress(len(part.entered))
    return _joined(parts, cohorts)


def _widest_basket(weights, entry) -> int:
    return int((weights > 0.0).sum(axis=1)[namespace(weights).asarray(entry)].max())


def _block(follow, panel, weights, cohorts, recipe, width, days, counted, opening, block) -> TradeBook:
    cohorts = cohorts[block]
    xp = namespace(panel.spot)
    name, weight = _members(weights[xp.asarray(cohorts.entry)], width)
    legs = follow(panel, cohorts, name, days, recipe.structure)
    legs.weigh(weight)
    entry = legs.entry()
    counts = xp.ones(entry.quoted.shape) if counted is None else _of_legs(counted[block], name)
    held = xp.where(entry.quoted[:, 1:] & (weight > 0.0) & xp.isfinite(counts[:, 1:]), weight, 0.0)
    total, of, least = held.sum(axis=1), weight.sum(axis=1), least_coverage(recipe.structure.min_coverage)
    coverage = total / xp.where(of > 0.0, of, 1.0)
    entered = xp.asarray(cohorts.life > 0) & entry.quoted[:, 0] & (coverage >= least)
    held = xp.where(entered[:, None], held / xp.where(total > 0.0, total, 1.0)[:, None], 0.0)
    leg_weight = xp.concatenate([xp.ones((len(cohorts), 1)), held], axis=1)
    if isinstance(legs, CorrelationLegs):
        sized = legs.sized(leg_weight, entry)
    else:
        sized = leg_units(recipe.sizing, leg_weight, entry.greeks, entry.forward, entry.vol, counts)
    # No size: nothing to balance, no count of the index, or members that would have to be sold beside it.
    entered = entered & (sized[:, 0] != 0) & xp.isfinite(counts[:, 0]) & ((sized[:, 1:] >= 0) | (held <= 0)).all(axis=1)
    units = xp.where((leg_weight > 0.0) & entered[:, None], sized, 0.0)
    listed = None
    if isinstance(legs, ListedLegs):
        units, listed = legs.entered(units, recipe.share * recipe.sizing.index_vega)
        entered = entered & (units[:, 0] != 0.0)
    reduced, by_leg = legs.held(units, entry, recipe.hedge)
    settle_at_open(opening, cohorts, recipe.structure, units, entry.strike, listed and listed.morning, reduced, by_leg)
    table = LegTable(
        name=xp.concatenate([xp.full((len(cohorts), 1), -1), name], axis=1),
        units=units,
        forward=entry.forward,
        theta=entry.greeks.theta,
        cash_gamma=entry.forward**2 * entry.greeks.gamma,
        strike=entry.strike,
        iv=entry.iv,
        value=entry.value,
        vega=entry.vega,
        **by_leg,
    )
    return TradeBook(
        recipe=recipe,
        cohorts=cohorts,
        shortest_tenor=int(panel.tenors[0]) if panel.listed is None else 0,
        entered=entered,
        coverage=coverage,
        legs=table,
        detail=detail(legs, units, recipe.hedge) if recipe.detailed else None,
        listed=listed,
        **reduced,
    )


def _of_legs(by_name, name):
    """Pick of the index and of every name, (C, 1 + N), those of the legs, (C, 1 + L)."""
    xp = namespace(by_name)
    return xp.concatenate([by_name[:, :1], xp.take_along_axis(by_name[:, 1:], name, axis=1)], axis=1)


def _members(basket, width: int):
    """Positions and weights of each row's members in name order, (C, width); shorter rows end in weight 0."""
    xp = namespace(basket)
    holds = basket > 0.0
    row, column = xp.nonzero(holds)
    at = xp.cumsum(holds, axis=1)[row, column] - 1
    name, weight = xp.zeros((len(basket), width), dtype=xp.int64), xp.zeros((len(basket), width))
    name[row, at], weight[row, at] = column, basket[row, column]
    return name, weight


def _joined(parts, cohorts) -> TradeBook:
    """Concatenate blocks of cohorts."""
    if len(parts) == 1:
        return replace(parts[0], cohorts=cohorts)
    legs = records.concatenate([part.legs for part in parts])
    known = {name: getattr(parts[0], name) for name in ("recipe", "shortest_tenor")}
    for name in ("listed", "detail", "hedges"):
        known[name] = getattr(parts[0], name) and records.concatenate([getattr(part, name) for part in parts])
    return records.concatenate(parts, cohorts=cohorts, legs=legs, **known)
