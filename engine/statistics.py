"""Means and regressions with standard errors that allow for overlapping results."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.arrays import Floats
from engine.backend import special
from engine.errors import InputError

ROUNDING = 1e-10  # of the numbers themselves: deviations below it are what summing thousands of them leaves


def varies(deviations: Floats | float, squares: Floats | float) -> Any:
    """Tell whether a sum of squared deviations is more than rounding, given the sum of the squares themselves.

    A constant series has deviations of 1e-17, not of 0, and a ratio to them says nothing.

    Examples
    --------
    >>> constant = np.full(10, 0.1)
    >>> off = constant - constant.mean()
    >>> bool(varies((off**2).sum(), (constant**2).sum())), bool(varies(0.01, 1.0))
    (False, True)
    """
    return deviations > ROUNDING**2 * squares


@dataclass(frozen=True, eq=False)
class Regression:
    """Least squares with errors consistent with heteroskedasticity and autocorrelation (HAC, Newey-West).

    Parameters
    ----------
    names : tuple of str, length k
        The constant, then the regressors.
    coefficients : array (k,)
    covariance : array (k, k)
        HAC covariance of the coefficients; NaN where nothing but rounding is left to explain.
    r2 : float
        Share of the variance explained.
    n : int
        Observations used.
    lags : int
        Lags of the Bartlett kernel.
    """

    names: tuple
    coefficients: np.ndarray
    covariance: np.ndarray
    r2: float
    n: int
    lags: int

    @property
    def errors(self) -> np.ndarray:
        """HAC standard errors, (k,)."""
        return np.sqrt(np.diagonal(self.covariance))

    @property
    def t(self) -> np.ndarray:
        """HAC t-statistics against zero, (k,)."""
        return self.coefficients / self.errors

    def contrast(self, weights: Sequence[float]) -> tuple[float, float]:
        """Return a combination of the coefficients, such as a difference of slopes, and its t; NaN without an error."""
        w = np.asarray(weights, dtype=float)
        value, variance = float(w @ self.coefficients), float(w @ self.covariance @ w)
        return value, value / variance**0.5 if variance > 0.0 else float("nan")

    def wald(self, hypothesis: Sequence[float]) -> tuple[float, float]:
        """Return the Wald statistic, chi-squared with k degrees, of all coefficients at once, and its p-value."""
        away = self.coefficients - np.asarray(hypothesis, dtype=float)
        statistic = float(away @ np.linalg.solve(self.covariance, away))
        return statistic, float(special(np).chdtrc(len(away), statistic))


def hac_lags(count: int, holding_days: int = 1) -> int:
    """Lags of the kernel: max(floor(4 (T/100)^(2/9)), holding_days - 1), fewer than the observations.

    Examples
    --------
    >>> hac_lags(5000, 22), hac_lags(5000)
    (21, 9)
    """
    return min(max(int(4 * (count / 100) ** (2 / 9)), holding_days - 1), count - 1)


def hac_regression(y: Floats, X: Floats, lags: int | None = None, names: Sequence[str] | None = None) -> Regression:
    """Regress y on a constant and X by least squares, with Newey-West errors.

        y_t = a + sum_j b_j X_tj + e_t

    Parameters
    ----------
    y : array (T,)
    X : array (T,) or (T, k)
        Without the constant. Rows in which y or any regressor is unknown are left out; the rows before and after them
        then count as neighbours.
    lags : int or None
        None = floor(4 (T/100)^(2/9)). Where outcomes span h days and so overlap, h - 1 at least.
    names : sequence of str or None
        Of the columns of X; None = x1, x2, ...

    Raises
    ------
    InputError
        When the shapes differ, too few rows are known, or a column repeats the constant or another one.

    References
    ----------
    Newey and West (1987), without correction for small samples, as statsmodels' OLS with cov_type="HAC".

    Examples
    --------
    >>> fit = hac_regression(np.array([1.0, 3.1, 4.9, 7.0]), np.arange(4.0), lags=0)
    >>> fit.names, fit.coefficients.round(2).tolist(), fit.n
    (('constant', 'x1'), [1.03, 1.98], 4)
    """
    y, X = (np.asarray(values, dtype=float) for values in (y, X))
    X = X[:, None] if X.ndim == 1 else X
    if len(y) != len(X):
        raise InputError(f"y has {len(y)} rows and X {len(X)}: align them on the same dates")
    names = ("constant", *(names or (f"x{j + 1}" for j in range(X.shape[1]))))
    if len(names) != X.shape[1] + 1:
        raise InputError(f"X has {X.shape[1]} columns and {len(names) - 1} names")
    known = np.isfinite(y) & np.isfinite(X).all(axis=1)
    y, X = y[known], np.column_stack([np.ones(int(known.sum())), X[known]])
    count = len(y)
    if count <= X.shape[1]:
        raise InputError(f"a regression with {X.shape[1]} coefficients needs more than {count} known rows")
    orthogonal, upper = np.linalg.qr(X)
    if np.linalg.matrix_rank(upper, rtol=count * np.finfo(float).eps) < X.shape[1]:
        raise InputError(f"the regressors {', '.join(names[1:])} repeat the constant or one another; drop one")
    inverse = np.linalg.solve(upper, orthogonal.T)  # (k, T)
    coefficients = inverse @ y
    left = y - X @ coefficients
    pulls = inverse * left  # of each row on each coefficient
    covariance = pulls @ pulls.T
    lags = min(hac_lags(count) if lags is None else lags, count - 1)
    for lag in range(1, lags + 1):
        neighbours = pulls[:, lag:] @ pulls[:, :-lag].T
        covariance += (1.0 - lag / (lags + 1)) * (neighbours + neighbours.T)
    off, missed, squares = ((values * values).sum() for values in (y - y.mean(), left, y))
    r2 = float(1.0 - missed / off) if X.shape[1] > 1 and varies(off, squares) else float("nan")
    covariance = covariance if varies(missed, squares) else np.full_like(covariance, np.nan)
    return Regression(tuple(names), coefficients, covariance, r2, count, lags)


def hac_tstat(series: Floats, holding_days: int = 1) -> float:
    """t-statistic of the mean of daily results, consistent with autocorrelation (Newey-West).

        t = mean / HAC standard error,   lags = max(floor(4 (T/100)^(2/9)), holding_days - 1)

    Parameters
    ----------
    series : array (T,)
        Daily results in any unit; NaN days are left out.
    holding_days : int
        Sessions a position is held: results that near to each other share positions.

    Returns
    -------
    float
        NaN where fewer than two results are known, or all are equal but for rounding.

    References
    ----------
    Newey and West (1987); the automatic number of lags as in Newey and West (1994).

    Examples
    --------
    >>> round(hac_tstat(np.array([1.0, 3.0, 2.0, 4.0, 1.0, 3.0])), 4)
    8.0335
    """
    results = np.asarray(series, dtype=float)
    count = len(results := results[np.isfinite(results)])
    if count < 2:
        return float("nan")
    return float(hac_regression(results, np.empty((count, 0)), hac_lags(count, holding_days)).t[0])


def forward_sum(daily: Floats, horizon: int) -> np.ndarray:
    """Sum of the `horizon` days **after** each date, (T,); not tradable: row t is known on t + horizon.

    Examples
    --------
    >>> forward_sum(np.array([1.0, 2.0, 3.0, 4.0]), 2).tolist()
    [5.0, 7.0, nan, nan]
    """
    daily = np.asarray(daily, dtype=float)
    out = np.full(len(daily), np.nan)
    if len(daily) > horizon:
        out[:-horizon] = np.lib.stride_tricks.sliding_window_view(daily[1:], horizon).sum(axis=1)
    return out


def predictive_regression(signal: Floats, daily: Floats, horizon: int) -> Regression:
    """Test whether a signal forecasts: regress the sum of the next `horizon` days on it.

        sum_{t+1..t+h} daily = a + b signal_t + e,   lags >= h - 1 because neighbours share h - 1 days

    Parameters
    ----------
    signal : array (T,)
        Known at the close of its date, such as the correlation risk premium.
    daily : array (T,)
        Returns or P&L of each day.
    horizon : int
        Sessions.
    """
    ahead = forward_sum(daily, horizon)
    known = int((np.isfinite(ahead) & np.isfinite(signal)).sum())
    return hac_regression(ahead, signal, hac_lags(known, horizon), ("signal",))


def mincer_zarnowitz(realized: Floats, implied: Floats, horizon: int) -> Regression:
    """Test whether implied is an unbiased forecast: regress what was realised on it.

        realized_{t..t+h} = a + b implied_t + e;   unbiased is a = 0, b = 1: `.wald((0, 1))`

    Parameters
    ----------
    realized : array (T,)
        Realised over the `horizon` sessions after each date.
    implied : array (T,)
        Implied on that date, in the same unit.
    horizon : int
        Sessions; the lags are at least horizon - 1.

    References
    ----------
    Mincer and Zarnowitz (1969).
    """
    known = int((np.isfinite(realized) & np.isfinite(implied)).sum())
    return hac_regression(realized, implied, hac_lags(known, horizon), ("implied",))


def asymmetric_regression(y: Floats, returns: Floats, lags: int | None = None) -> Regression:
    """Regress y on the rises and on the falls of a market, each with a slope of its own.

        y = a + b_up max(r, 0) + b_down min(r, 0) + e

    `.contrast((0, -1, 1))` is the slope in falls less that in rises, and its t.
    """
    returns = np.asarray(returns, dtype=float)
    sides = np.column_stack([np.maximum(returns, 0.0), np.minimum(returns, 0.0)])
    return hac_regression(y, sides, lags, ("rises", "falls"))


@dataclass(frozen=True, eq=False)
class RollingRegression:
    """Regressions on one regressor over the window that ends on each date; arrays (T,), NaN before the first.

    NaN too where a window's series is constant but for rounding, and t where its fit leaves nothing but rounding.
    """

    slope: np.ndarray
    t: np.ndarray
    correlation: np.ndarray


def rolling_regression(y: Floats, x: Floats, window: int, lags: int | None = None) -> RollingRegression:
    """Regress y on a constant and x over each trailing window, with the HAC t of the slope; all windows at once.

    Parameters
    ----------
    y, x : array (T,)
        A window in which either is unknown on some day gives NaN.
    window : int
        Sessions, today's included.
    lags : int or None
        As for `hac_regression`, of which each window's slope and t are those.
    """
    y, x = (np.asarray(values, dtype=float) for values in (y, x))
    if not 3 <= window <= len(y) == len(x):
        raise InputError(f"window={window} does not fit series of {len(y)} and {len(x)} days; use 3 days or more")
    lags = hac_lags(window) if lags is None else lags
    dy, dx = (w - w.mean(axis=1, keepdims=True) for w in map(_windows(window), (y, x)))
    sxx, syy, sxy = ((a * b).sum(axis=1) for a, b in ((dx, dx), (dy, dy), (dx, dy)))
    x_moves = varies(sxx, (_windows(window)(x) ** 2).sum(axis=1))
    y_squares = (_windows(window)(y) ** 2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(x_moves, sxy / sxx, np.nan)
        left = dy - slope[:, None] * dx
        score = dx * left
        long_run = (score * score).sum(axis=1)
        for lag in range(1, lags + 1):
            long_run += 2.0 * (1.0 - lag / (lags + 1)) * (score[:, lag:] * score[:, :-lag]).sum(axis=1)
        t = np.where(varies((left * left).sum(axis=1), y_squares), slope / (np.sqrt(long_run) / sxx), np.nan)
        both_move = x_moves & varies(syy, y_squares)
        parts = slope, t, np.where(both_move, sxy / np.sqrt(sxx * syy), np.nan)
    before = np.full(window - 1, np.nan)
    return RollingRegression(*(np.concatenate([before, part]) for part in parts))


def _windows(length: int):
    return lambda series: np.lib.stride_tricks.sliding_window_view(series, length)
