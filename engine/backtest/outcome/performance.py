"""What daily P&L amounts to beyond its mean: errors of ratios, tails, drawdowns, and parts of the sample; arrays in."""

import math
from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats
from engine.backtest.metrics import SESSIONS_PER_YEAR, drawdown
from engine.errors import InputError
from engine.selection.deflated import moments
from engine.statistics import hac_lags, hac_regression, varies

TAIL = 0.05  # share of the days that the tail loss is the mean of
LEAST_LAGS = 2  # lags of its t-statistic that a part must be longer than


def sharpe_error(pnl: Floats) -> float:
    """Standard error of the annual Sharpe ratio of daily P&L, allowing for skew and fat tails.

        sqrt(252 (1 - skew SR + (kurtosis - 1) / 4 SR^2) / (T - 1)),   SR of a session

    Days are taken as independent: where cohorts overlap, the bootstrap interval is the one to read.

    References
    ----------
    Mertens, "Comments on variance of the IID estimator in Lo (2002)" (2002); Lo, "The statistics of Sharpe ratios".

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> round(sharpe_error(rng.standard_normal(2521)), 2)  # of a Sharpe ratio near 0: sqrt(252 / 2520)
    0.32
    """
    (ratio,), (skew,), (kurtosis,) = moments(np.asarray(pnl, dtype=float)[None])
    variance = 1.0 - skew * ratio + 0.25 * (kurtosis - 1.0) * ratio**2
    return math.sqrt(SESSIONS_PER_YEAR * variance / (len(pnl) - 1)) if variance > 0.0 else math.nan


def expected_shortfall(pnl: Floats, tail: float = TAIL) -> float:
    """Mean P&L of the worst share of the days: the day that the share cuts counts for the part of it inside.

    NaN where a day's P&L is not known.

    References
    ----------
    Acerbi and Tasche, "On the coherence of expected shortfall" (2002).

    Examples
    --------
    >>> expected_shortfall(np.arange(1.0, 31.0), 0.05)  # one and a half days of thirty
    1.3333333333333333
    """
    worst = np.sort(np.asarray(pnl, dtype=float))
    if np.isnan(worst[-1:]).any():  # sorted last, it would count as the best day
        return math.nan
    days = tail * len(worst)
    whole = int(days)
    part = (days - whole) * worst[whole] if whole < len(worst) else 0.0
    return float((worst[:whole].sum() + part) / days)


def hit_rate(pnl: Floats) -> float:
    """Share of the days with a P&L on which it is positive; NaN where there is none, or a day's is not known.

    Examples
    --------
    >>> hit_rate(np.array([0.0, 1.0, -1.0, 2.0, 0.0, 1.0]))
    0.75
    """
    moved = np.asarray(pnl)[np.asarray(pnl) != 0.0]
    return float((moved > 0.0).mean()) if len(moved) and not np.isnan(moved).any() else math.nan


def sortino(pnl: Floats) -> float:
    """Mean P&L over the root mean square of the losses, a year; days without a loss count as 0. NaN without a loss.

    References
    ----------
    Sortino and Price, "Performance measurement in a downside risk framework" (1994), target 0.

    Examples
    --------
    >>> round(sortino(np.array([0.02, -0.01, 0.01, -0.01])), 3)
    5.612
    """
    pnl = np.asarray(pnl, dtype=float)
    downside = float(np.sqrt((np.minimum(pnl, 0.0) ** 2).mean()))
    return math.sqrt(SESSIONS_PER_YEAR) * float(pnl.mean()) / downside if downside > 0.0 else math.nan


def gains_over_losses(pnl: Floats) -> float:
    """Sum of what is above zero over that of what is below (profit factor); NaN where nothing was lost.

    Examples
    --------
    >>> gains_over_losses(np.array([3.0, -1.0, 1.0, -1.0]))
    2.0
    """
    pnl = np.asarray(pnl, dtype=float)
    lost = -float(pnl[pnl < 0.0].sum())
    return float(pnl[pnl > 0.0].sum()) / lost if lost > 0.0 else math.nan


def tail_ratio(pnl: Floats, tail: float = TAIL) -> float:
    """Quantile of the best days over that of the worst, both from zero; NaN where the worst days lose nothing.

    Examples
    --------
    >>> round(tail_ratio(np.array([-2.0, -1.0, 0.0, 1.0, 4.0])), 3)
    1.889
    """
    worst, best = np.quantile(np.asarray(pnl, dtype=float), (tail, 1.0 - tail))
    return abs(float(best) / float(worst)) if worst < 0.0 else math.nan


@dataclass(frozen=True)
class Drawdown:
    """One fall below a high, by session: the last at the high, the lowest, and the first back at it.

    `start` is -1 where the account falls from its first day; `end` is None while it is not back.
    """

    start: int
    trough: int
    end: int | None
    depth: float


def drawdowns(pnl: Floats) -> list[Drawdown]:
    """Return every drawdown of cumulative P&L, deepest first; the account starts at 0.

    Examples
    --------
    >>> drawdowns(np.array([1.0, -3.0, 1.0, 2.0, -1.0]))
    [Drawdown(start=0, trough=1, end=3, depth=-3.0), Drawdown(start=3, trough=4, end=None, depth=-1.0)]
    """
    fall = np.concatenate([[0.0], drawdown(np.asarray(pnl, dtype=float))])  # from before the first day
    under = fall < 0.0
    starts = np.flatnonzero(under[1:] & ~under[:-1])
    ends = np.flatnonzero(~under[1:] & under[:-1]) + 1
    found = []
    for i, start in enumerate(starts):
        end = int(ends[i]) if i < len(ends) else len(fall)
        low = int(start + 1 + np.argmin(fall[start + 1 : end]))
        found.append(Drawdown(int(start) - 1, low - 1, end - 1 if i < len(ends) else None, float(fall[low])))
    return sorted(found, key=lambda one: one.depth)


@dataclass(frozen=True, eq=False)
class Parts:
    """Means of parts of a sample, and how sure they are.

    Parameters
    ----------
    labels : tuple of str
    sessions : array (G,), int
    mean, t : array (G,)
        Mean of a session, and its HAC t-statistic; NaN of a part that is constant but for rounding, or not longer than
        twice the lags: of noise alone it would then be above 2 in one part of five, and of a day in nearly all.
    apart : float
        HAC t-statistic of the last part's mean less the first's; NaN where there is one part, or either has no t.
    """

    labels: tuple[str, ...]
    sessions: np.ndarray
    mean: np.ndarray
    t: np.ndarray
    apart: float


def parts_of(pnl: Floats, part: np.ndarray, labels: tuple[str, ...], holding_days: int = 1) -> Parts:
    """Compare parts of a sample by one regression on all of it, so that neighbours across parts count as such.

        p_t = sum_g m_g [t in g] + e_t,   HAC errors

    Parameters
    ----------
    pnl : array (T,)
    part : array (T,), int
        Position along `labels`; -1 where a day belongs to none.
    labels : tuple of str
        Parts without a day are left out.
    holding_days : int

    Raises
    ------
    InputError
        When no day belongs to a part.
    """
    there = [g for g in range(len(labels)) if (part == g).any()]
    if not there:
        raise InputError("no day belongs to a part; parts need days to compare")
    known = part >= 0
    y = np.asarray(pnl, dtype=float)[known]
    member = np.stack([part[known] == g for g in there], axis=1).astype(float)
    count = member.sum(axis=0).astype(int)
    mean, t, apart = member.T @ y / count, np.full(len(there), np.nan), math.nan
    lags = hac_lags(len(y), holding_days)
    off = y[:, None] - mean
    sure = varies((member * off**2).sum(axis=0), member.T @ y**2) & (count > LEAST_LAGS * lags)
    if len(y) > len(there):
        fit = hac_regression(y, member[:, 1:], lags)
        picks = np.eye(len(there))
        picks[:, 0] = 1.0
        t[sure] = [fit.contrast(weights)[1] for weights in picks[sure].tolist()]
        if len(there) > 1 and sure[0] and sure[-1]:
            apart = fit.contrast((picks[-1] - picks[0]).tolist())[1]
    return Parts(tuple(labels[g] for g in there), count, mean, t, apart)
