"""Metrics of daily P&L along the last axis; money in, plain numbers out. Annualisation is 252 sessions."""

import numpy as np

from engine.arrays import Floats
from engine.statistics import ROUNDING, hac_lags, varies

SESSIONS_PER_YEAR = 252


def sharpe(pnl: Floats, hurdle: Floats | float = 0.0) -> Floats:
    """Annualised Sharpe ratio of daily P&L on fixed capital, with the sample standard deviation.

        sqrt(252) (mean - hurdle) / deviation,   deviation^2 = sum (p - mean)^2 / (T - 1)

    Parameters
    ----------
    pnl : array (..., T)
        Daily P&L; the capital it is measured on cancels.
    hurdle : float or array (...)
        P&L of a session that the capital would have earned at the risk-free rate. 0 where it earns that beside the
        P&L, which pays the financing of its own positions.

    Returns
    -------
    array (...)
        NaN where the P&L is constant but for rounding, or has one day.

    References
    ----------
    Sharpe, "The Sharpe ratio" (1994), which divides by T - 1.

    Examples
    --------
    >>> sharpe(np.array([1.0, 3.0])).round(3), sharpe(np.array([1.0, 3.0]), hurdle=1.0).round(3)
    (np.float64(22.45), np.float64(11.225))
    """
    mean = np.mean(pnl, axis=-1)
    spread = _squares(pnl - mean[..., None])
    moves = varies(spread, _squares(pnl))
    deviation = np.sqrt(np.where(moves, spread, 1.0) / max(pnl.shape[-1] - 1, 1))
    return np.where(moves, np.sqrt(SESSIONS_PER_YEAR) * (mean - hurdle) / deviation, np.nan)[()]


def drawdown(pnl: Floats) -> Floats:
    """Fall of cumulative P&L below its running maximum, in currency, (..., T); 0 at a new high, never positive.

    The account starts at 0, so a first-day loss is a drawdown.

    Examples
    --------
    >>> drawdown(np.array([1.0, -3.0, 1.0])).tolist()
    [0.0, -3.0, -2.0]
    """
    equity = np.cumsum(pnl, axis=-1)
    return equity - np.maximum(np.maximum.accumulate(equity, axis=-1), 0.0)


def hac_t(pnl: Floats, holding_days: int) -> Floats:
    """t-statistic of mean daily P&L, robust to the overlap of cohorts: Newey-West with Bartlett weights.

        t = mean / sqrt(S / T),   S = g_0 + 2 sum_l (1 - l / (L + 1)) g_l,   L = hac_lags(T, days)

    `engine.statistics.hac_tstat` row by row; here for all parameter sets at once.

    Parameters
    ----------
    pnl : array (..., T)
    holding_days : int
        Longest life of a cohort, in sessions.

    Returns
    -------
    array (...)
        NaN where the P&L is constant but for rounding, or its days cancel until only rounding is left of S.
    """
    count = pnl.shape[-1]
    mean = pnl.mean(axis=-1, keepdims=True)
    lags = hac_lags(count, holding_days)
    off = pnl - mean
    spread = _squares(off)
    long_run = spread
    for lag in range(1, lags + 1):
        long_run = long_run + 2.0 * (1.0 - lag / (lags + 1)) * (off[..., lag:] * off[..., :-lag]).sum(axis=-1)
    known = varies(spread, _squares(pnl)) & (long_run > ROUNDING * spread)
    return np.where(known, count * mean[..., 0] / np.sqrt(np.where(known, long_run, 1.0)), np.nan)


def _squares(values):
    return (values * values).sum(axis=-1)


def share(part: Floats, whole: Floats) -> Floats:
    """part / whole, and NaN where there is no whole.

    Examples
    --------
    >>> share(np.array([1.0, 1.0]), np.array([4.0, 0.0])).tolist()
    [0.25, nan]
    """
    whole = np.asarray(whole, dtype=float)
    return np.where(whole != 0.0, part / np.where(whole != 0.0, whole, 1.0), np.nan)
