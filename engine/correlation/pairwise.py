"""Realised correlation by pairs, and of the basket with anything else: other measures than the index formula."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats, PerDate, PerName, Weights
from engine.backend import block_budget, blocks, namespace
from engine.correlation.checks import check_returns
from engine.errors import InputError
from engine.statistics import ROUNDING


@dataclass(frozen=True, eq=False)
class PairwiseCorrelation:
    """Means of the correlations of all pairs of the basket over the window ending on each date; arrays (T,).

    Parameters
    ----------
    equal : array
        Every pair counts the same. NaN with fewer than two names.
    weighted : array
        Pair i, j counts w_i w_j: capitalisation weights give the cap-weighted mean.
    names : array, int32
        Names with a full window.
    """

    equal: np.ndarray
    weighted: np.ndarray
    names: np.ndarray


def pairwise_correlation(returns: PerName, weights: Weights, window: int = 63) -> PairwiseCorrelation:
    """Mean pairwise realised correlation of the basket held at the end of each window, never forming a pair.

        rho_ij = sum_u z_iu z_ju,  z_iu = r_iu / sqrt(sum_u r_iu^2)
        sum_{i != j} w_i w_j rho_ij = sum_u (sum_i w_i z_iu)^2 - sum_i w_i^2

    Returns are not de-meaned, as in `realized_correlation`; that one weighs pairs by volatility too, so differs.

    Parameters
    ----------
    returns : array (T, N)
        Simple daily returns, decimals, NaN where unknown.
    weights : array (T, N)
        Basket weights usable on their date; 0 = not in the basket. Only ratios matter.
    window : int
        Sessions. Names without a full window, or that never moved in it, are left out.

    Returns
    -------
    PairwiseCorrelation
        Row t depends on nothing later than t.

    Examples
    --------
    >>> r = np.array([[0.01, 0.01], [-0.02, 0.02], [0.03, 0.03]])
    >>> pairwise_correlation(r, np.full((3, 2), 0.5), window=3).equal.round(6).tolist()
    [nan, nan, 0.428571]
    """
    xp = namespace(returns, weights)
    check_returns(returns, weights)
    if window < 2:
        raise InputError(f"window={window} has no correlation; use 2 sessions or more")
    dates, names = returns.shape
    known = xp.concatenate([xp.full((window - 1, names), xp.nan), returns])
    equal, weighted = xp.empty(dates), xp.empty(dates)
    count = xp.empty(dates, dtype=xp.int32)
    for part in blocks(dates, 6 * 8 * names, block_budget(xp)):
        ago = [known[window - 1 - u + part.start : window - 1 - u + part.stop] for u in range(window)]
        squares = xp.zeros(ago[0].shape)
        for moved in ago:
            squares += moved * moved
        member = (weights[part] > 0.0) & (squares > 0.0)  # a NaN return makes the sum NaN, so not greater
        scale = xp.where(member, 1.0 / xp.sqrt(xp.where(member, squares, 1.0)), 0.0)
        count[part] = member.sum(axis=1)
        for mean, w in ((equal, member.astype(xp.float64)), (weighted, xp.where(member, weights[part], 0.0))):
            load = w * scale
            together = xp.zeros(len(w))
            for moved in ago:
                together += xp.where(member, load * moved, 0.0).sum(axis=1) ** 2
            own = (w * w).sum(axis=1)
            pairs = w.sum(axis=1) ** 2 - own
            several = pairs > ROUNDING * own  # else one name has all the weight
            mean[part] = xp.where(several, (together - own) / xp.where(several, pairs, 1.0), xp.nan)
    return PairwiseCorrelation(equal, weighted, count)


def basket_returns(returns: PerName, weights: Weights) -> PerDate:
    """Daily returns of the basket, (T,): each day's weights, usable on it, over the names with a return that day.

    Examples
    --------
    >>> basket_returns(np.array([[0.01, 0.03], [np.nan, 0.02]]), np.array([[0.5, 0.5], [0.5, 0.5]])).tolist()
    [0.02, 0.02]
    """
    xp = namespace(returns, weights)
    held = xp.where(xp.isfinite(returns), weights, 0.0)
    total = held.sum(axis=1)
    moved = (held * xp.where(held > 0.0, returns, 0.0)).sum(axis=1)
    return xp.where(total > 0.0, moved / xp.where(total > 0.0, total, 1.0), xp.nan)


def rolling_correlation(series: PerDate, basket: PerDate, window: int = 63, min_known: float = 0.8) -> PerDate:
    """Realised correlation of external series with the basket over the window that ends on each date.

        rho_t = sum x b / sqrt(sum x^2 sum b^2),   over the days of the window on which both are known

    Parameters
    ----------
    series : array (T,) or (T, S)
        Daily returns, or changes of a rate, on the basket's dates.
    basket : array (T,)
        Daily returns of the basket (`basket_returns`), not de-meaned, nor are the series.
    window : int
        Sessions.
    min_known : float
        Share of the window's days that must be known.

    Returns
    -------
    array, shape of `series`
        NaN before the first full window and where too few days are known. Row t depends on nothing later than t.

    Examples
    --------
    >>> rolling_correlation(np.array([0.01, -0.01, 0.02]), np.array([0.02, -0.02, 0.04]), 2).round(9).tolist()
    [nan, 1.0, 1.0]
    """
    xp = namespace(series, basket)
    if len(series) != len(basket):
        raise InputError(f"the series have {len(series)} dates and the basket {len(basket)}: put them on the same")
    if window < 2:
        raise InputError(f"window={window} has no correlation; use 2 sessions or more")
    out = xp.full(series.shape, xp.nan)
    if len(series) < window:
        return out
    other = basket.reshape(-1, *(1 for _ in series.shape[1:]))
    both = xp.isfinite(series) & xp.isfinite(other)
    x, b = xp.where(both, series, 0.0), xp.where(both, other, 0.0)

    def total(product: Floats) -> Floats:
        return xp.lib.stride_tricks.sliding_window_view(product, window, axis=0).sum(axis=-1)

    norm = xp.sqrt(total(x * x) * total(b * b))
    usable = (total(both.astype(xp.float64)) >= min_known * window) & (norm > 0.0)
    out[window - 1 :] = xp.where(usable, total(x * b) / xp.where(usable, norm, 1.0), xp.nan)
    return out


def smoothed_for_display(series: PerDate, window: int = 21) -> PerDate:
    """Trailing mean of a series for a chart, (T,): **for display only**.

    When the basket changes, each quarter on the same day, realised correlation jumps. A mean hides the jump in a chart.
    It would also hide it from a test: do not use the result in a signal, a premium or a regression.

    Examples
    --------
    >>> smoothed_for_display(np.array([1.0, 3.0, np.nan, 5.0]), 2).tolist()
    [nan, 2.0, 3.0, 5.0]
    """
    xp = namespace(series)
    out = xp.full(series.shape, xp.nan)
    if len(series) < window:
        return out
    windows = xp.lib.stride_tricks.sliding_window_view(series, window)
    known = xp.isfinite(windows)
    count = known.sum(axis=-1)
    total = xp.where(known, windows, 0.0).sum(axis=-1)
    out[window - 1 :] = xp.where(count > 0, total / xp.maximum(count, 1), xp.nan)
    return out
