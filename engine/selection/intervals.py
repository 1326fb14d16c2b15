"""Intervals of statistics of daily results by the stationary bootstrap, which keeps runs of days together."""

from collections.abc import Callable

import numpy as np

from engine.arrays import Floats
from engine.errors import InputError
from engine.selection.bootstrap import block_length, samples

REPETITIONS = 1000


def bootstrap_interval(
    results: Floats,
    statistic: Callable[[Floats], Floats],
    holding_days: int = 1,
    *,
    size: float = 0.95,
    repetitions: int = REPETITIONS,
    seed: int = 0,
) -> tuple[Floats, Floats]:
    """Return the interval of a statistic between percentiles of its stationary bootstrap.

    Parameters
    ----------
    results : array (T,)
        Daily results, all of them known.
    statistic : callable
        Of results (T,), to one number or an array (k,) of them.
    holding_days : int
        Mean length of a block, at least; more where the autocorrelation asks for it (`optimal_block`).
    size : float
        Of the interval.
    repetitions, seed : int

    Returns
    -------
    low, high : array (k,)

    Raises
    ------
    InputError
        When there are fewer than ten results, or one is not known.

    References
    ----------
    Politis and Romano (1994); the length of blocks by Patton, Politis and White (2009).

    Examples
    --------
    >>> low, high = bootstrap_interval(np.random.default_rng(0).standard_normal(500) + 0.2, np.mean)
    >>> bool(low[0] < 0.2 < high[0])
    True
    """
    results = np.asarray(results, dtype=np.float64)
    if len(results) < 10 or not np.isfinite(results).all():
        raise InputError(f"an interval takes ten results or more, all known; {np.isfinite(results).sum()} given are")
    drawn = samples(len(results), block_length(results, holding_days), repetitions, seed)
    values = np.array([np.atleast_1d(statistic(results[rows])) for rows in drawn])
    outside = 0.5 * (1.0 - size)
    low, high = np.quantile(values, [outside, 1.0 - outside], axis=0)
    return low, high
