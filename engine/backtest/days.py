"""One day of open cohorts, leg by leg: what each instrument earned and traded on it, and what would have moved it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine import records
from engine.backend import block_budget, blocks, namespace, to_host
from engine.backtest.book import Recipe
from engine.backtest.cohort_windows import cohort_windows
from engine.backtest.legs import Legs
from engine.backtest.structure import Cohorts, dated_cohorts
from engine.calendar import DAY
from engine.data.panel import MarketPanel

# What a session without an event has of these; all else of it may be that of the session before.
NO_EVENT = {"strike_factor": 1.0, "return_factor": 1.0, "settlement": np.nan}


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
    """

    alive: np.ndarray
    parts: np.ndarray
    vega_traded: np.ndarray
    delivered: np.ndarray
    hedge_traded: np.ndarray


def earned(panel: MarketPanel, cohorts: Cohorts, recipe: Recipe, name, units, session: int) -> Earned:
    """Follow cohorts to a session on which all of them are held, and return what they earned there, on the host.

    Parameters
    ----------
    panel : MarketPanel
    cohorts : Cohorts
    recipe : Recipe
    name, units : array (C, 1 + L)
        Of `LegTable`.
    session : int
    """
    days = session - cohorts.entry
    found, done = [], 0
    for _, window, held in cohort_windows(panel, cohorts, int(days.max())):
        size = Legs.bytes_per_cohort(panel, name.shape[1] - 1, int(days.max()), recipe.structure)
        for block in blocks(len(held), size, 8 * block_budget(namespace(panel.spot))):
            here = slice(done + block.start, done + block.stop)
            found.append(_on_day(window, held[block], recipe, name[here], units[here], days[here]))
        done += len(held)
    return records.concatenate(found)


def _on_day(panel, cohorts, recipe, name, units, days) -> Earned:
    xp = namespace(panel.spot)
    legs = Legs(panel, cohorts, xp.asarray(name)[:, 1:], int(days.max()), recipe.structure)
    flows = legs.flows(xp.asarray(units), recipe.hedge.ratio)
    at = xp.asarray(days)[:, None, None]

    def pick(daily):
        return xp.take_along_axis(daily, at, axis=-1)[..., 0]

    def pick_parts(parts):
        daily = xp.concatenate([xp.zeros((*parts.shape[:3], 1)), parts], axis=-1)
        return xp.take_along_axis(daily, at[..., None], axis=-1)[..., 0]

    day = Earned(
        alive=(legs.marks.end >= at[:, :, 0]) & (xp.asarray(units) != 0.0),
        parts=xp.stack([pick_parts(flow.parts) for flow in flows], axis=2),
        vega_traded=xp.stack([pick(flow.vega_traded) for flow in flows], axis=2),
        delivered=xp.stack([pick(flow.delivered) for flow in flows], axis=2),
        hedge_traded=pick(legs.hedges(flows)[0]),
    )
    return records.map_arrays(day, to_host)


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
        return namespace(array).concatenate([array[first : session + 1], row])

    market = panel.map_arrays(longer)
    return (
        market,
        dated_cohorts(market.dates, cohorts.entry - first, cohorts.expiry, panel.info.calendar),
        session + 1 - first,
    )
