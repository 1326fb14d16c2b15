"""Volatilities of an index and its members under a stress, of any levels, so that the market could be.

Variance is moved forward by forward: what a member has between two tenors is multiplied, and the index has what its
members make of it at a correlation that has moved a share of the way to 1, or to 0. So no forward variance turns
negative that was not, and no correlation leaves its bounds, whatever the level a date starts from.
"""

from typing import TYPE_CHECKING

import numpy as np

from engine.arrays import Floats
from engine.backend import namespace

if TYPE_CHECKING:
    from engine.backtest.risk.stresses import Stress

ROUNDING = 1e-12
ENDS = (0.0, 30.0, 91.0, 182.0)  # days up to which each multiple and share holds


def between(values: tuple[float, ...], start: Floats, end: Floats) -> Floats:
    """Mean of a step function over days, from `start` to `end`: `values[k]` up to `ENDS[k + 1]`, the last beyond.

    Examples
    --------
    >>> between((4.0, 1.0, 2.0), np.array([0.0, 20.0]), np.array([30.0, 40.0])).tolist()
    [4.0, 2.5]
    """
    xp = namespace(start, end)
    total = xp.zeros_like(start + end)
    for value, low, high in zip(values, ENDS[:-1], (*ENDS[1:-1], np.inf), strict=True):
        total = total + value * xp.maximum(xp.minimum(end, high) - xp.maximum(start, low), 0.0)
    return total / xp.where(end > start, end - start, xp.nan)


def stressed_vols(
    stress: "Stress", index: Floats, members: Floats, weight: Floats, days: np.ndarray, moves: Floats
) -> tuple[Floats, Floats]:
    """Return the volatilities of an index and its members under a stress.

    Of the time between two tenors, with f the variance of a member and F that of the index there, A = sum w sqrt(f) and
    B = sum w^2 f, and with the correlation r = (F - B) / (A^2 - B) between them:

        f' = g f        F' = (1 - a) [B' + r (A'^2 - B')] + a (A'^2 or B')

    Over all the time to a tenor the index has at most the variance of a correlation of 1, or as much above as before,
    and no more than it may have to a later tenor.

    Parameters
    ----------
    stress : Stress
    index : array (K, D); members : array (N, K, D)
        Annualised decimals, NaN where there is no quote; it stays NaN, and its time counts to the next that has one.
    weight : array (N,)
        Basket weights; those of members with a quote at both ends count, and as if they were all. Without any the
        index's variance is multiplied as a member's.
    days : array (K,)
        Ascending, on the host; what is not above 0 stays as it is.
    moves : array (N,), bool
        Which members' variances are multiplied.

    Returns
    -------
    index (K, D), members (N, K, D)
        NaN where nothing is left of a variance: a negative forward variance of the market's own was multiplied.
    """
    ends = [(k, float(day)) for k, day in enumerate(days) if float(day) > 0.0]
    members_out, totals = _stressed_members(stress, members, ends, moves)
    most = _most(index, members, totals, weight, ends)
    return _stressed_index(stress, index, members, weight, ends, moves, most), members_out


def _stressed_members(stress: "Stress", members: Floats, ends: list, moves: Floats) -> tuple[Floats, list]:
    """Return the members' volatilities, (N, K, D), and their total variance to each end, (N, D): NaN if not quoted."""
    xp = namespace(members)
    out, totals = members.astype(xp.float64), []
    known = known_days = known_out = xp.zeros((members.shape[0], members.shape[2]))
    for k, end in ends:
        was = out[:, k] ** 2 * end
        quoted, here = xp.isfinite(was), xp.full(known.shape, end)
        multiple = xp.where(moves[:, None], between(stress.variance, known_days, here), 1.0)
        known_out = xp.where(quoted, known_out + multiple * (was - known), known_out)
        known, known_days = xp.where(quoted, was, known), xp.where(quoted, here, known_days)
        totals.append(xp.where(quoted, known_out, xp.nan))
        out[:, k] = _root(totals[-1] / end)
    return out, totals


def _most(index: Floats, members: Floats, totals: list, weight: Floats, ends: list) -> list:
    """Return the most total variance that the index may have to each end, (D,): a later bound holds earlier as well.

    The names quoted differ by tenor, and so do their bounds; one that fell with time would leave none for the time
    between.
    """
    xp = namespace(index, members)
    bounds, least = [], xp.full(index.shape[1], xp.inf)
    for (k, end), total in reversed(list(zip(ends, totals, strict=True))):
        of_index = index[k].astype(xp.float64) ** 2 * end
        _, first, _ = _of_basket(members[:, k].astype(xp.float64) ** 2 * end, weight)
        _, bound, _ = _of_basket(total, weight)
        bound = bound * xp.maximum(1.0, of_index / xp.where(first > 0.0, first, xp.nan))
        least = xp.where(bound < least, bound, least)
        bounds.append(least)
    return bounds[::-1]


def _stressed_index(
    stress: "Stress", index: Floats, members: Floats, weight: Floats, ends: list, moves: Floats, most: list
) -> Floats:
    xp = namespace(index, members, weight)
    out = index.astype(xp.float64)
    beside = xp.zeros((members.shape[0], members.shape[2]))
    level = level_days = level_out = xp.zeros(index.shape[1])
    for (k, end), bound in zip(ends, most, strict=True):
        of_index, was = out[k] ** 2 * end, members[:, k].astype(xp.float64) ** 2 * end
        here = xp.full(level.shape, end)
        multiple, share = (between(of, level_days, here) for of in (stress.variance, stress.correlation))
        of_time, now = was - beside, xp.where(moves[:, None], multiple, 1.0)
        added = _index_variance(of_index - level, of_time, now * of_time, weight, share, stress.towards, multiple)
        summed = level_out + added
        summed = xp.where(summed > bound, bound, summed)

        quoted = xp.isfinite(of_index)
        out[k] = _root(xp.where(quoted, summed / end, xp.nan))
        level, level_days = xp.where(quoted, of_index, level), xp.where(quoted, here, level_days)
        level_out, beside = xp.where(quoted, summed, level_out), xp.where(quoted, was, beside)
    return out


def _of_basket(variance: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """A^2 - B, A^2 and B of the members' variances, (N, D): each (D,), of the members that have one."""
    xp = namespace(variance, weight)
    held = xp.where(xp.isfinite(variance), weight[:, None], 0.0)
    total = held.sum(axis=0)
    x = held / xp.where(total > 0.0, total, 1.0) * xp.sqrt(xp.where(variance > 0.0, variance, 0.0))
    first, own = x.sum(axis=0) ** 2, (x * x).sum(axis=0)
    return xp.where(first - own > ROUNDING * first, first - own, 0.0), first, own  # of one name there are no pairs


def _index_variance(
    index: Floats, before: Floats, after: Floats, weight: Floats, share: Floats, towards: float, alone: Floats
) -> Floats:
    """Variance that the index has of some time, (D,), once its members', (N, D), is `after` and no longer `before`."""
    xp = namespace(index, before)
    (pairs, _, own), (pairs_after, _, own_after) = (_of_basket(of, weight) for of in (before, after))
    correlation = (index - own) / xp.where(pairs > 0.0, pairs, xp.nan)
    correlation = correlation + share * (towards - correlation)
    return xp.where(pairs > 0.0, own_after + correlation * pairs_after, alone * index)


def _root(variance: Floats) -> Floats:
    xp = namespace(variance)
    return xp.sqrt(xp.where(variance >= 0.0, variance, xp.nan))
