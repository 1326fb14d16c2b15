"""The Sharpe ratio of the best of many trials, less what the best of as many without any skill would show."""

import math
from statistics import NormalDist

import numpy as np

from engine.arrays import Floats
from engine.backend import blocks, special
from engine.errors import InputError
from engine.statistics import varies

EULER = 0.5772156649015329
CACHED = 1_000_000  # bytes


def probabilistic_sharpe(
    sharpe: Floats, benchmark: Floats | float, count: int, skew: Floats, kurtosis: Floats
) -> Floats:
    """Probability that the true Sharpe ratio is above a benchmark, allowing for skew and fat tails.

        N((SR - SR*) sqrt(T - 1) / sqrt(1 - skew SR + (kurtosis - 1) / 4 SR^2))

    Parameters
    ----------
    sharpe : array
        Of one session, never annualised.
    benchmark : array or float
        SR*, of one session.
    count : int
        T, the sessions.
    skew, kurtosis : array
        Of the sessions' results; kurtosis is 3 for the normal distribution.

    Returns
    -------
    array
        Between 0 and 1; NaN where an input is, or the variance of the estimate is not positive.

    References
    ----------
    Bailey and Lopez de Prado, "The Sharpe ratio efficient frontier" (2012).

    Examples
    --------
    >>> round(float(probabilistic_sharpe(0.1, 0.0, 101, 0.0, 3.0)), 4)
    0.8407
    """
    variance = 1.0 - np.asarray(skew) * sharpe + 0.25 * (np.asarray(kurtosis) - 1.0) * np.square(sharpe)
    known = variance > 0.0
    distance = (np.asarray(sharpe) - benchmark) * math.sqrt(count - 1) / np.sqrt(np.where(known, variance, 1.0))
    return np.where(known, special(np).ndtr(distance), np.nan)[()]


def effective_trials(*results: Floats) -> float:
    """Count the independent trials that P correlated ones amount to.

        N = r + (1 - r) P,   r the mean correlation of two of them, not below 0

    Parameters
    ----------
    *results : array (P, T)
        Of one sweep or of several, on the same sessions. Trials that are constant count for nothing.

    Returns
    -------
    float
        Between 1 and P.

    References
    ----------
    Bailey and Lopez de Prado, "The deflated Sharpe ratio" (2014), appendix 3.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> one = rng.standard_normal(500)
    >>> round(effective_trials(np.stack([one, 2.0 * one, one])), 6)
    1.0
    """
    sessions = np.shape(results[0])[1]
    trials, total = 0, np.zeros(sessions)  # of the trials that move, each with mean 0 and variance 1
    parts = (of[part] for of in map(np.asarray, results) for part in blocks(len(of), 8 * sessions * 4, CACHED))
    for rows in (part.astype(np.float64) for part in parts):
        off = rows - rows.mean(axis=1, keepdims=True)
        squares = np.einsum("pt,pt->p", off, off)
        moves = varies(squares, np.einsum("pt,pt->p", rows, rows))
        trials += int(moves.sum())
        total += np.sqrt(sessions / squares[moves]) @ off[moves]
    if trials < 2:
        return float(trials)
    mean = (float(total @ total) / sessions - trials) / (trials * (trials - 1))
    mean = max(mean, 0.0)
    return mean + (1.0 - mean) * trials


def expected_best_sharpe(variance: float, trials: float) -> float:
    """Expected largest Sharpe ratio of so many independent trials without skill.

        SR0 = sqrt(V) [(1 - g) q(1 - 1 / N) + g q(1 - 1 / (N e))],   g = .5772, q the normal quantile

    Parameters
    ----------
    variance : float
        V, of the trials' Sharpe ratios.
    trials : float
        N, as from `effective_trials`; 1 or fewer give 0: nothing was chosen.

    References
    ----------
    Bailey and Lopez de Prado, "The deflated Sharpe ratio" (2014), equation 1.

    Examples
    --------
    >>> round(expected_best_sharpe(1.0, 100), 3), expected_best_sharpe(1.0, 1)
    (2.531, 0.0)
    """
    if trials <= 1.0:
        return 0.0
    quantile = NormalDist().inv_cdf  # asked after each run: scipy.special takes a tenth of it to import
    best = (1.0 - EULER) * quantile(1.0 - 1.0 / trials) + EULER * quantile(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(variance) * float(best)


def deflated_sharpe(results: Floats, trials: float | None = None) -> Floats:
    """Probability that each trial's true Sharpe ratio beats the best that luck alone would have shown among them.

    Parameters
    ----------
    results : array (P, T)
        Results of every trial that was made, the bad ones too; net of costs.
    trials : float or None
        Independent trials behind the choice, those of earlier sweeps included; None = `effective_trials` of these.

    Returns
    -------
    array (P,)
        NaN where a trial is constant.

    Notes
    -----
    The benchmark is the expected maximum, so for pure noise the best of the trials has a value near one half, and one
    above .95 is far rarer than one in twenty: this is no test of a size. `superior_ability` is.

    References
    ----------
    Bailey and Lopez de Prado, "The deflated Sharpe ratio" (2014).

    Raises
    ------
    InputError
        When there are fewer than three sessions.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> noise = rng.standard_normal((50, 1000))
    >>> skilled = np.vstack([noise, noise[:1] + 0.25])
    >>> bool(deflated_sharpe(noise).max() < 0.95), bool(deflated_sharpe(skilled)[-1] > 0.99)
    (True, True)
    """
    results = np.asarray(results, dtype=np.float64)
    count = results.shape[1]
    if count < 3:
        raise InputError(f"{count} sessions are too few for a Sharpe ratio; give three or more")
    sharpe, skew, kurtosis = moments(results)
    known = sharpe[np.isfinite(sharpe)]
    variance = float(known.var(ddof=1)) if len(known) > 1 else 0.0
    hurdle = expected_best_sharpe(variance, effective_trials(results) if trials is None else trials)
    return probabilistic_sharpe(sharpe, hurdle, count, skew, kurtosis)


def moments(results: Floats) -> tuple[Floats, Floats, Floats]:
    """Return Sharpe ratio of a session, skew and kurtosis (3 = normal) of each trial, (P,); NaN where constant."""
    results = np.asarray(results, dtype=np.float64)
    trials, count = results.shape
    first, second, third, fourth = np.empty((4, trials))
    for part in blocks(trials, 8 * count * 4, CACHED):  # which stay in the cache of one core
        mean = results[part].mean(axis=1)
        off = results[part] - mean[:, None]
        square = off * off
        total = square.sum(axis=1)
        moves = varies(total, np.einsum("pt,pt->p", results[part], results[part]))
        first[part], second[part] = mean, np.where(moves, total, np.nan)
        third[part] = np.einsum("pt,pt->p", square, off)
        fourth[part] = np.einsum("pt,pt->p", square, square)
    spread = np.sqrt(second / count)
    sharpe = first / np.sqrt(second / (count - 1))
    return sharpe, third / count / spread**3, fourth / count / spread**4
