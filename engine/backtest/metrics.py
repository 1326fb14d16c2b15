"""Metrics of daily P&L along the last axis; money in, plain numbers out. Annualisation is 252 sessions."""

import numpy as np

SESSIONS_PER_YEAR = 252


def sharpe(pnl):
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


def drawdown(pnl):
    """Fall of cumulative P&L below its running maximum, in currency, (..., T); 0 at a new high, never positive.

    The account starts at 0, so a first-day loss is a drawdown.

    Examples
    --------
    >>> drawdown(np.array([1.0, -3.0, 1.0])).tolist()
    [0.0, -3.0, -2.0]
    """
    equity = np.cumsum(pnl, axis=-1)
    return equity - np.maximum(np.maximum.accumulate(equity, axis=-1), 0.0)


def share(part: float, whole: float) -> float:
    """part / whole, and NaN where there is no whole.

    Examples
    --------
    >>> share(1.0, 4.0)
    0.25
    """
    return float(part / whole) if whole else float("nan")
