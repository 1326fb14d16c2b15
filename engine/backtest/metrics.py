"""Metrics of daily P&L along the last axis; money in, plain numbers out. Annualisation is 252 sessions."""

import numpy as np

from engine.arrays import Floats

SESSIONS_PER_YEAR = 252


def sharpe(pnl: Floats) -> Floats:
    """Annualised Sharpe ratio of daily P&L on fixed capital: sqrt(252) mean / standard deviation.

    Parameters
    ----------
    pnl : array (..., T)
        Daily P&L; the capital it is measured on cancels.

    Returns
    -------
    array (...)
        NaN where the P&L never moves.

    Examples
    --------
    >>> sharpe(np.array([1.0, 3.0])).round(3)
    np.float64(31.749)
    """
    deviation = np.std(pnl, axis=-1)
    moves = deviation > 0.0
    return np.where(
        moves, np.sqrt(SESSIONS_PER_YEAR) * np.mean(pnl, axis=-1) / np.where(moves, deviation, 1.0), np.nan
    )[()]


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


def bartlett_lags(count: int, holding_days: int) -> int:
    """Lags of the Newey-West variance: max(floor(4 (T/100)^(2/9)), holding days - 1), below T.

    Examples
    --------
    >>> bartlett_lags(5000, 22), bartlett_lags(5000, 1)
    (21, 9)
    """
    return min(max(int(4 * (count / 100) ** (2 / 9)), holding_days - 1), count - 1)


def hac_t(pnl: Floats, holding_days: int) -> Floats:
    """t-statistic of mean daily P&L, robust to the overlap of cohorts: Newey-West with Bartlett weights.

        t = mean / sqrt(S / T),   S = g_0 + 2 sum_l (1 - l / (L + 1)) g_l,   L = bartlett_lags(T, days)

    `engine.statistics.hac_tstat`, from statsmodels, row by row; here for all parameter sets at once.

    Parameters
    ----------
    pnl : array (..., T)
    holding_days : int
        Longest life of a cohort, in sessions.

    Returns
    -------
    array (...)
        NaN where the P&L never moves.
    """
    count = pnl.shape[-1]
    mean = pnl.mean(axis=-1, keepdims=True)
    lags = bartlett_lags(count, holding_days)
    off = pnl - mean
    spread = (off * off).sum(axis=-1)
    moves = spread > 0.0
    for lag in range(1, lags + 1):
        spread = spread + 2.0 * (1.0 - lag / (lags + 1)) * (off[..., lag:] * off[..., :-lag]).sum(axis=-1)
    known = moves & (spread > 0.0)
    return np.where(known, count * mean[..., 0] / np.sqrt(np.where(known, spread, 1.0)), np.nan)


def share(part: Floats, whole: Floats) -> Floats:
    """part / whole, and NaN where there is no whole.

    Examples
    --------
    >>> share(np.array([1.0, 1.0]), np.array([4.0, 0.0])).tolist()
    [0.25, nan]
    """
    whole = np.asarray(whole, dtype=float)
    return np.where(whole != 0.0, part / np.where(whole != 0.0, whole, 1.0), np.nan)
