"""One day of open cohorts, leg by leg: what each instrument earned and traded on it, and what would have moved it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import records
from engine.backend import block_budget, blocks, namespace, to_host
from engine.backtest.cohorts.cohort_windows import cohort_windows
from engine.backtest.cohorts.recipe import Recipe
from engine.backtest.contracts.structure import Cohorts, LegStatus, dated_cohorts
from engine.backtest.explain.split import Split, split
from engine.backtest.explain.vega_split import VegaSplit, vega_split
from engine.backtest.legs.detail import AMOUNTS, leg_amounts
from engine.backtest.legs.hedge_paths import held_deltas
from engine.backtest.legs.hedging import Hedge
from engine.backtest.legs.legs import Legs
from engine.calendar import DAY
from engine.data.panel import MarketPanel

# What a session without an event has of these; all else of it may be that of the session before.
NO_EVENT = {"strike_factor": 1.0, "return_factor": 1.0, "settlement": np.nan, "strike_reduction": 0.0}


# What a book holds on from a close, in currency: delta that is not hedged per 100 % of the forward, change of that per
# 1 %, vega per vol point, theta per calendar day, change of vega per 1 % of the forward and per vol point.
GREEKS = ("delta", "gamma", "vega", "theta", "vanna", "volga")


@dataclass(frozen=True, eq=False)
class Greeks:
    """Greeks of cohorts, (C, H + 1, 2, len(GREEKS))."""

    by_class: np.ndarray


@dataclass(frozen=True, eq=False)
class Earned:
    """What each instrument of some cohorts earned and traded on one day, per unit of index vega.

    Parameters
    ----------
    alive : array (C, 1 + L)
        The leg was held into the day.
    parts : array (C, 1 + L, I, len(PARTS))
    vega_traded, delivered : array (C, 1 + L, I)
    hedge_traded : array (C, 1 + L)
    spread : array (C, 1 + L, I)
        Half-spreads paid, of listed contracts.
    amounts : array (C, 1 + L, I, len(AMOUNTS)); short_stock : array (C, 1 + L)
        What a detailed book charges; 0 of others.
    """

    alive: np.ndarray
    parts: np.ndarray
    vega_traded: np.ndarray
    delivered: np.ndarray
    hedge_traded: np.ndarray
    spread: np.ndarray
    amounts: np.ndarray
    short_stock: np.ndarray


def follow(
    panel: MarketPanel,
    cohorts: Cohorts,
    recipe: Recipe,
    name,
    units,
    days: np.ndarray,
    work: Callable,
    *more: np.ndarray,
) -> Any:
    """Follow cohorts once more, leg by leg, and return the records that `work` makes of them, on the host.

    Parameters
    ----------
    panel : MarketPanel
    cohorts : Cohorts
    recipe : Recipe
    name, units : array (C, 1 + L)
        Of `LegTable`.
    days : array (C,), int
        Holding day up to which each is followed.
    work : callable
        Of the `Legs` of some cohorts, their units, their days and what `more` says; a record of arrays, cohorts first.
    *more : array (C, ...)
    """
    found, done, longest = [], 0, int(days.max())
    panel = recipe.marks.ending_halts(panel)
    for _, window, held in cohort_windows(panel, cohorts, longest):
        xp = namespace(window.spot)
        size = Legs.bytes_per_cohort(window, name.shape[1] - 1, longest, recipe.structure)
        for block in blocks(len(held), size, 8 * block_budget(xp)):
            here = slice(done + block.start, done + block.stop)
            legs = recipe.legs(window, held[block], xp.asarray(name[here, 1:]), longest, recipe.structure)
            legs.weigh(xp.asarray(units[here, 1:]))
            given = (xp.asarray(array[here]) for array in (units, days, *more))
            found.append(records.map_arrays(work(legs, *given), to_host))
        done += len(held)
    return records.concatenate(found)


def earned(panel: MarketPanel, cohorts: Cohorts, recipe: Recipe, name, units, session: int) -> Earned:
    """Return what cohorts earned on a session on which all of them are held; parameters as of `follow`."""

    def work(legs, units, days) -> Earned:
        return earned_on_day(legs, units, days, recipe.hedge, recipe.detailed)

    return follow(panel, cohorts, recipe, name, units, session - cohorts.entry, work)


def held_greeks(panel: MarketPanel, cohorts: Cohorts, recipe: Recipe, name, units) -> np.ndarray:
    """Return the greeks that cohorts hold on from each close, (C, H + 1, 2, len(GREEKS)), per unit of index vega.

    Parameters as of `follow`; the cohorts are followed to their ends.
    """
    life = np.full(len(cohorts), int(cohorts.life.max(initial=0)))

    def work(legs, units, days) -> Greeks:
        return Greeks(_greeks(legs, units, recipe.hedge))

    return follow(panel, cohorts, recipe, name, units, life, work).by_class


def held_split(panel: MarketPanel, cohorts: Cohorts, recipe: Recipe, name, units, weights) -> np.ndarray:
    """Return the P&L of cohorts by what it came from, (C, H + 1, len(SPLIT)), per unit of index vega.

    Parameters as of `follow`; `weights` (T, N) are the basket's. The cohorts are followed to their ends.
    """

    def work(legs, units, days, weights) -> Split:
        return split(legs, units, weights, recipe.hedge)

    return _with_weights(panel, cohorts, recipe, name, units, weights, work).by_day


def held_vega_split(panel: MarketPanel, cohorts: Cohorts, recipe: Recipe, name, units, weights) -> np.ndarray:
    """Return what changes of volatility earned, (C, H + 1, len(VEGA_SPLIT)); parameters as of `held_split`."""

    def work(legs, units, days, weights) -> VegaSplit:
        return vega_split(legs, units, weights)

    return _with_weights(panel, cohorts, recipe, name, units, weights, work).by_day


def held_greeks_and_splits(
    panel: MarketPanel, cohorts: Cohorts, recipe: Recipe, name, units, weights, vega: bool
) -> np.ndarray:
    """Return `held_greeks`, `held_split` and, with `vega`, `held_vega_split` side by side, of one following.

    An array (C, H + 1, 2 len(GREEKS) + len(SPLIT)), or (..., + len(VEGA_SPLIT)).
    """

    def work(legs, units, days, weights) -> Split:
        greeks = _greeks(legs, units, recipe.hedge)
        found = [greeks.reshape(*greeks.shape[:2], -1), split(legs, units, weights, recipe.hedge).by_day]
        if vega:
            found.append(vega_split(legs, units, weights).by_day)
        return Split(namespace(units).concatenate(found, axis=2))

    return _with_weights(panel, cohorts, recipe, name, units, weights, work).by_day


def _with_weights(panel: MarketPanel, cohorts: Cohorts, recipe: Recipe, name, units, weights, work: Callable) -> Any:
    """Follow cohorts to their ends with the weights of their legs on each day, (C, 1 + L, H + 1)."""
    longest = int(cohorts.life.max(initial=0))
    sessions = cohorts.sessions(panel.dates, longest)
    on_legs = to_host(weights)[sessions[:, None, :], name[:, :, None]]
    return follow(panel, cohorts, recipe, name, units, np.full(len(cohorts), longest), work, on_legs)


def _greeks(legs: Legs, units, hedge: Hedge):
    xp = namespace(units)
    day = xp.arange(legs.marks.forward.shape[-1])
    end, status = legs.marks.end[:, :, None], legs.marks.status[:, :, None]
    # Where the data end, what is open is still held.
    on = ((day < end) | ((day == end) & (status == int(LegStatus.OPEN)))) & (units != 0.0)[:, :, None]
    total = xp.zeros((len(units), len(day), 2, len(GREEKS)))
    for held, ratio, hedged in zip(legs.instruments, legs.ratios, held_deltas(legs, units, hedge), strict=True):
        greeks, forward, quantity = held.greeks, held.marks.forward, (units * ratio)[:, :, None]
        unhedged = (greeks.delta - hedged) * forward
        cash_gamma = 0.01 * forward * forward * greeks.gamma
        columns = (unhedged, cash_gamma, greeks.vega, greeks.theta, 0.01 * forward * greeks.vanna, greeks.volga)
        of_legs = xp.where(on[..., None], quantity[..., None] * xp.stack(columns, axis=-1), 0.0)
        total = total + xp.stack([of_legs[:, 0], of_legs[:, 1:].sum(axis=1)], axis=2)
    return total


def earned_on_day(legs: Legs, units, days, hedge: Hedge, detailed: bool = False) -> Earned:
    """Return what the instruments of legs earn on the holding day that each cohort has reached, (C,)."""
    xp = namespace(units)
    flows = legs.flows(units, hedge)
    at = days[:, None, None]
    amounts = xp.zeros((*units.shape, len(flows), len(AMOUNTS)))
    short_stock = xp.zeros(units.shape)

    def pick(daily):
        return xp.take_along_axis(daily, at, axis=-1)[..., 0]

    def pick_parts(parts):
        daily = xp.concatenate([xp.zeros((*parts.shape[:3], 1)), parts], axis=-1)
        return xp.take_along_axis(daily, at[..., None], axis=-1)[..., 0]

    if detailed:
        found = leg_amounts(legs, units, hedge)
        amounts = xp.take_along_axis(found.traded, at[..., None, None], axis=-1)[..., 0]
        short_stock = pick(found.short_stock)
    return Earned(
        alive=(legs.marks.end >= at[:, :, 0]) & (units != 0.0),
        parts=xp.stack([pick_parts(flow.parts) for flow in flows], axis=2),
        vega_traded=xp.stack([pick(flow.vega_traded) for flow in flows], axis=2),
        delivered=xp.stack([pick(flow.delivered) for flow in flows], axis=2),
        hedge_traded=pick(legs.hedges(flows)[0]),
        spread=xp.stack([pick(spread) for spread in legs.spreads(units)], axis=2),
        amounts=amounts,
        short_stock=short_stock,
    )


def next_session(dates: np.ndarray, session: int) -> np.datetime64:
    """Return the date of the session after one; the next weekday where the data end."""
    if session + 1 < len(dates):
        return dates[session + 1]
    date = dates[session] + DAY
    while not np.is_busday(date):
        date = date + DAY
    return date


def imagined(
    panel: MarketPanel, cohorts: Cohorts, session: int, date: np.datetime64, move: Callable
) -> tuple[MarketPanel, Cohorts, int]:
    """Return a market that ends with a session which never was, the cohorts held into it, and its position.

    It has the quotes and prices of the session before as `move(name, row)` leaves them, and no event.

    Parameters
    ----------
    panel : MarketPanel
    cohorts : Cohorts
        Held on from `session`, ascending by entry.
    session : int
        The last one that is kept.
    date : numpy.datetime64
        Of the imagined one; that of `session` itself for what happens at once.
    move : callable
        Of the name and the last row (1, ...) of each array of the panel.
    """
    first = int(cohorts.entry[0])

    def longer(name, array):
        row = array[session : session + 1]
        if name == "dates":
            row = np.array([date])
        elif name in NO_EVENT:
            row = namespace(array).full_like(row, NO_EVENT[name])
        else:
            row = move(name, row)
        if namespace(array) is np:  # volatilities that stay on the host, moved by those of the index on a device
            row = to_host(row)
        return namespace(array).concatenate([array[first : session + 1], row])

    market = panel.map_arrays(longer)
    return (
        market,
        dated_cohorts(market.dates, cohorts.entry - first, cohorts.expiry, panel.info.calendar),
        session + 1 - first,
    )
