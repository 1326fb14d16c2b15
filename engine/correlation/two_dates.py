"""One basket on two dates, over the names that are quoted on both: what a change is explained from."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from engine import records
from engine.arrays import Integers, PerDate, PerName, Weights
from engine.backend import block_budget, blocks, each, namespace
from engine.correlation.basket import held_weights
from engine.correlation.checks import check_shapes, is_quote
from engine.correlation.pairs import sum_over_pairs
from engine.errors import InputError

_ARRAYS = 16  # what a block holds of (dates, N, ...) at once


@dataclass(frozen=True, eq=False)
class BasketState:
    """One of two dates: all that the index variance is made of, over the names quoted on both."""

    index: np.ndarray  # (T, ...)
    vol: np.ndarray  # (T, N, ...), 0 where not quoted
    weight: np.ndarray  # (T, N, ...), summing to 1
    rho: np.ndarray  # (T, ...)
    coverage: np.ndarray  # (T, ...)


def explain_changes(
    explain: Callable,
    index_iv: PerDate,
    component_iv: PerName,
    weights: Weights,
    since: int | Integers | None,
    budget: int | None,
):
    """Explain every date against an earlier one, in blocks of dates.

    Parameters
    ----------
    explain : callable
        Takes the array library and the two `BasketState`s, returns a record of arrays with a row per date.
    index_iv, component_iv, weights, since, budget
        As for `variance_change`.

    Returns
    -------
    record
        What `explain` returns, for all dates; the first row NaN where each date is held against the one before.
    """
    xp = namespace(index_iv, component_iv, weights)
    check_shapes(index_iv, component_iv, weights)
    dates, names, *cells = component_iv.shape
    earlier = _earlier(since, dates)

    def change(part):
        rows = (xp.asarray(earlier[part]), xp.arange(part.start, part.stop))
        return explain(xp, *_states(*([a[row] for a in (index_iv, component_iv, weights)] for row in rows)))

    parts = blocks(dates, _ARRAYS * 8 * names * math.prod(cells), budget or block_budget(xp))
    whole = records.concatenate(list(each(xp, change, parts)))
    if since is None:
        for values in vars(whole).values():
            values[:1] = xp.nan
    return whole


def _earlier(since, dates: int) -> np.ndarray:
    """Row of the date that each is compared with, (T,) on the host."""
    if dates == 0:
        raise InputError("there are no dates to compare; a change needs two")
    if since is None:
        return np.maximum(np.arange(dates) - 1, 0)
    rows = np.asarray(since)
    if rows.shape not in ((), (dates,)) or rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= dates:
        raise InputError(f"since={since} names no row; use one of 0 to {dates - 1}, or one such row per date")
    return np.broadcast_to(rows, (dates,))


def _states(first, last) -> tuple[BasketState, BasketState]:
    """Two dates of (index_iv, component_iv, weights) over the names that are quoted on both."""
    xp = namespace(*first)
    quoted = is_quote(first[1]) & is_quote(last[1])
    states = []
    for index_iv, component_iv, weights in (first, last):
        held = held_weights(weights)
        held = held.reshape(*held.shape, *(1 for _ in component_iv.shape[2:]))
        whole = held.sum(axis=1)
        weight = xp.where(quoted, held, 0.0)
        total = weight.sum(axis=1)
        weight = weight / xp.where(total > 0.0, total, 1.0)[:, None]
        vol = xp.where(quoted, component_iv, 0.0).astype(float)
        index = xp.where(is_quote(index_iv), index_iv, xp.nan).astype(float)
        pairs = sum_over_pairs(weight * vol)
        own = ((weight * vol) ** 2).sum(axis=1)
        rho = (index**2 - own) / xp.where(pairs > 0.0, pairs, xp.nan)
        states.append(BasketState(index, vol, weight, rho, total / xp.where(whole > 0.0, whole, 1.0)))
    earlier, later = states
    known = xp.isfinite(earlier.rho) & xp.isfinite(later.rho)
    return _where(known, earlier), _where(known, later)


def _where(known, state: BasketState) -> BasketState:
    """Make index volatility and correlation NaN where they are not known on both dates."""
    xp = namespace(known)
    return replace(state, index=xp.where(known, state.index, xp.nan), rho=xp.where(known, state.rho, xp.nan))
