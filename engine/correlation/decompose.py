"""What moved: the index variance and the correlation, taken apart between two dates without remainder."""

import math
from dataclasses import dataclass, fields, replace

import numpy as np

from engine.backend import block_budget, blocks, each, namespace
from engine.correlation.matrix import ImpliedMatrix, known_names, weighted_sums
from engine.errors import InputError

_ARRAYS = 16  # what a block holds of (dates, N, ...) at once


@dataclass(frozen=True, eq=False)
class VarianceChange:
    """Change of the index variance since an earlier date, by cause; every array (T, ...) unless said otherwise.

    Parameters
    ----------
    total : component_vol + correlation + weight + cross, exactly what the index variance changed by
    component_vol : had only the members' volatilities changed
    correlation : had only the clean implied correlation changed
    weight : had only the basket's weights changed, names entering and leaving included
    cross : what is left, because they changed together
    component : array (T, N, ...), each name's part of `component_vol`; they add up to it
    coverage : share of the basket's weight held by names quoted on both dates, the smaller of the two dates'
    vol_sum : index volatility of the later plus the earlier date, by which a change of variance is one of volatility
    """

    total: np.ndarray
    component_vol: np.ndarray
    correlation: np.ndarray
    weight: np.ndarray
    cross: np.ndarray
    component: np.ndarray
    coverage: np.ndarray
    vol_sum: np.ndarray

    def in_vol(self) -> "VarianceChange":
        """The same change as one of index volatility: a^2 - b^2 = (a - b)(a + b), so every part is divided by a + b.

        Times 100 it reads in points of a volatility index; `VarianceChange` itself times 10,000 in its square's.
        """
        shares = {
            f.name: getattr(self, f.name) / (self.vol_sum[:, None] if f.name == "component" else self.vol_sum)
            for f in fields(self)
            if f.name not in ("coverage", "vol_sum")
        }
        return VarianceChange(**shares, coverage=self.coverage, vol_sum=self.vol_sum)


@dataclass(frozen=True, eq=False)
class CorrelationChange:
    """Change of clean implied correlation since an earlier date, by cause and name.

    Parameters
    ----------
    total : array (T, ...), index + the sum of `component` and `weight` over names
    index : array (T, ...), from the index volatility
    component : array (T, N, ...), from each name's volatility
    weight : array (T, N, ...), from each name's weight
    coverage : array (T, ...), share of the basket's weight quoted on both dates, the smaller of the two dates'
    """

    total: np.ndarray
    index: np.ndarray
    component: np.ndarray
    weight: np.ndarray
    coverage: np.ndarray


def variance_change(index_iv, component_iv, weights, since=None, *, budget=None) -> VarianceChange:
    """Take the change of index variance apart into members' volatilities, correlation, weights and cross.

        s_I^2 = V(s, rho, w) = B + rho (A^2 - B)         A = sum w s         B = sum w^2 s^2
        component_vol = V(s1, rho0, w0) - V0             correlation = V(s0, rho1, w0) - V0
        weight        = V(s0, rho0, w1) - V0             cross       = V1 - V0 - the three

    Each name's part of `component_vol` is w_k (s1_k - s0_k) 2 [(1 - rho0) w_k m_k + rho0 sum w m] at the mean m of the
    two volatilities: V is quadratic in them, so the parts add up exactly.

    Parameters
    ----------
    index_iv : array (T, ...); component_iv : array (T, N, ...); weights : array (T, N)
        As for `implied_correlation`. A model-free index and its members' model-free volatilities serve as well.
    since : None, int, or array (T,) of int
        Row of the earlier date: None = each date against the one before it, so that row 0 is NaN; an int = all
        against one date. For two dates alone pass their two rows.
    budget : int or None
        Bytes of one block of dates; None = what suits the machine the arrays are on. Changes not a bit of the result.

    Returns
    -------
    VarianceChange
        Names without a quote on both dates are left out on both, the weights of the rest scaled to sum to 1; the
        correlation is that of the rest. NaN where it is not computable on either date.

    Raises
    ------
    InputError
        When the shapes do not belong together or `since` names no row.

    Examples
    --------
    >>> s, w = np.array([[0.25, 0.35, 0.18], [0.27, 0.34, 0.20]]), np.array([[0.3, 0.4, 0.3], [0.32, 0.38, 0.3]])
    >>> change = variance_change(np.array([0.21, 0.23]), s, w)
    >>> parts = (change.total, change.component_vol, change.correlation, change.weight, change.cross)
    >>> [round(1e4 * part[1].item(), 1) for part in parts]
    [88.0, 19.1, 71.1, -11.1, 9.0]
    """

    def explain(xp, first, last):
        before = _index_variance(first.vol, first.rho, first.weight)
        parts = {
            "component_vol": _index_variance(last.vol, first.rho, first.weight) - before,
            "correlation": _index_variance(first.vol, last.rho, first.weight) - before,
            "weight": _index_variance(first.vol, first.rho, last.weight) - before,
        }
        total = last.index**2 - first.index**2
        mean = 0.5 * first.weight * (first.vol + last.vol)
        pull = (1.0 - first.rho)[:, None] * mean + (first.rho * mean.sum(axis=1))[:, None]
        return VarianceChange(
            **parts,
            total=total,
            cross=total - parts["component_vol"] - parts["correlation"] - parts["weight"],
            component=2.0 * first.weight * (last.vol - first.vol) * pull,
            coverage=xp.minimum(first.coverage, last.coverage),
            vol_sum=first.index + last.index,
        )

    return _each_change(VarianceChange, explain, index_iv, component_iv, weights, since, budget)


def correlation_change(index_iv, component_iv, weights, since=None, *, budget=None) -> CorrelationChange:
    """Take the change of clean implied correlation apart by index volatility, each name's volatility and its weight.

        P d rho = d s_I^2 - 2 sum_k [(1 - rho) x_k + rho A] d x_k        x = w s        P = A^2 - B
        d s_I^2 = 2 s_I d s_I                                            d x_k = w_k d s_k + s_k d w_k

    with d the whole change and s_I, s, w, x, A, rho, P the means of the two dates: then it holds exactly, however large
    the change, with no cross part. For small changes these are the sensitivities times the moves.

    Parameters
    ----------
    index_iv, component_iv, weights, since, budget
        As for `variance_change`.

    Returns
    -------
    CorrelationChange
        Names without a quote on both dates are left out on both, as in `variance_change`.

    Raises
    ------
    InputError
        When the shapes do not belong together or `since` names no row.

    Examples
    --------
    >>> s, w = np.array([[0.25, 0.35, 0.18], [0.27, 0.34, 0.20]]), np.array([[0.3, 0.4, 0.3], [0.3, 0.4, 0.3]])
    >>> change = correlation_change(np.array([0.21, 0.23]), s, w)
    >>> change.total[1].round(4).item(), change.index[1].round(4).item(), change.component[1].round(4).tolist()
    (0.1434, 0.1907, [-0.0422, 0.034, -0.0391])
    """

    def explain(xp, first, last):
        first_x, last_x = first.weight * first.vol, last.weight * last.vol
        x, pairs = 0.5 * (first_x + last_x), 0.5 * (_pairs(first_x) + _pairs(last_x))
        rho = 0.5 * (first.rho + last.rho)
        pull = -2.0 * ((1.0 - rho)[:, None] * x + (rho * x.sum(axis=1))[:, None]) / pairs[:, None]
        return CorrelationChange(
            total=last.rho - first.rho,
            index=(last.index**2 - first.index**2) / pairs,
            component=pull * 0.5 * (first.weight + last.weight) * (last.vol - first.vol),
            weight=pull * 0.5 * (first.vol + last.vol) * (last.weight - first.weight),
            coverage=xp.minimum(first.coverage, last.coverage),
        )

    return _each_change(CorrelationChange, explain, index_iv, component_iv, weights, since, budget)


def correlation_contribution(matrix: ImpliedMatrix, names: int):
    """Each name's contribution to the level of clean implied correlation: its pairs' share of the average.

        c_i = x_i sum_{j != i} x_j rho_ij / (A^2 - B)        x = w s        sum_i c_i = level

    The contributions of two dates differ by parts that sum to the change of the level.

    Parameters
    ----------
    matrix : ImpliedMatrix
    names : int
        N, the number of names of the panel.

    Returns
    -------
    array (T, N)
        0 for names not used; NaN on dates without a matrix.

    Examples
    --------
    >>> from engine.correlation.matrix import implied_matrix, realized_matrix
    >>> r = np.array([[0.01, 0.02, 0.01], [0.02, 0.01, -0.01], [-0.01, -0.01, 0.02]])
    >>> weights, vols = np.full((3, 3), 1 / 3), np.full((3, 3), 0.3)
    >>> m = implied_matrix(np.full(3, 0.2), vols, realized_matrix(r, weights, window=3))
    >>> correlation_contribution(m, names=3)[2].round(4).tolist(), m.level[2].round(4).item()
    ([0.0882, 0.1373, -0.0588], 0.1667)
    """
    xp = namespace(matrix.correlation)
    dates, members = matrix.position.shape
    used = known_names(matrix.correlation)
    x = xp.where(used, matrix.weight * matrix.vol, 0.0)
    share = xp.empty((dates, members))
    for part in blocks(dates, 24 * members**2, block_budget(xp)):
        share[part] = x[part] * (weighted_sums(matrix.correlation[part], x[part]) - x[part])
    pairs = _pairs(x)[:, None]
    contribution = xp.zeros((dates, names))
    contribution[xp.arange(dates)[:, None], matrix.position] = share / xp.where(pairs > 0.0, pairs, xp.nan)
    contribution[~used.any(axis=1)] = xp.nan
    return contribution


@dataclass(frozen=True, eq=False)
class _State:
    """One of the two dates: all that the index variance is made of, over the names quoted on both."""

    index: np.ndarray  # (T, ...)
    vol: np.ndarray  # (T, N, ...), 0 where not quoted
    weight: np.ndarray  # (T, N, ...), summing to 1
    rho: np.ndarray  # (T, ...)
    coverage: np.ndarray  # (T, ...)


def _each_change(record, explain, index_iv, component_iv, weights, since, budget):
    """Explain every date against its earlier one, in blocks of dates."""
    xp = namespace(index_iv, component_iv, weights)
    dates, names, *cells = component_iv.shape
    if index_iv.shape != (dates, *cells) or weights.shape != (dates, names):
        raise InputError(
            f"index_iv {index_iv.shape}, component_iv {component_iv.shape} and weights {weights.shape} do not belong "
            "together; expected (T, ...), (T, N, ...) and (T, N)"
        )
    earlier = _earlier(since, dates)

    def change(part):
        rows = (xp.asarray(earlier[part]), xp.arange(part.start, part.stop))
        return explain(xp, *_states(*([a[row] for a in (index_iv, component_iv, weights)] for row in rows)))

    parts = blocks(dates, _ARRAYS * 8 * names * math.prod(cells), budget or block_budget(xp))
    found = list(each(xp, change, parts))
    whole = {f.name: xp.concatenate([getattr(part, f.name) for part in found]) for f in fields(record)}
    if since is None:
        for values in whole.values():
            values[:1] = xp.nan
    return record(**whole)


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


def _states(first, last) -> tuple[_State, _State]:
    """Two dates of (index_iv, component_iv, weights) over the names that are quoted on both."""
    xp = namespace(*first)
    quoted = xp.isfinite(first[1]) & xp.isfinite(last[1])
    states = []
    for index, iv, weights in (first, last):
        held = xp.where(weights > 0.0, weights, 0.0).astype(float)
        held = held.reshape(*held.shape, *(1 for _ in iv.shape[2:]))
        weight, whole = xp.where(quoted, held, 0.0), held.sum(axis=1)
        total = weight.sum(axis=1)
        weight = weight / xp.where(total > 0.0, total, 1.0)[:, None]
        vol, index = xp.where(quoted, iv, 0.0).astype(float), index.astype(float)
        pairs = _pairs(weight * vol)
        own = ((weight * vol) ** 2).sum(axis=1)
        rho = (index**2 - own) / xp.where(pairs > 0.0, pairs, xp.nan)
        states.append(_State(index, vol, weight, rho, total / xp.where(whole > 0.0, whole, 1.0)))
    known = xp.isfinite(states[0].rho) & xp.isfinite(states[1].rho)
    return tuple(
        replace(state, index=xp.where(known, state.index, xp.nan), rho=xp.where(known, state.rho, xp.nan))
        for state in states
    )


def _pairs(exposure):
    """Return A^2 - B: twice the sum over distinct pairs of the products of their exposures."""
    return exposure.sum(axis=1) ** 2 - (exposure * exposure).sum(axis=1)


def _index_variance(vol, rho, weight):
    """Index variance of members that all have the same correlation."""
    exposure = weight * vol
    own = (exposure * exposure).sum(axis=1)
    return own + rho * (exposure.sum(axis=1) ** 2 - own)
