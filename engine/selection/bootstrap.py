"""The stationary bootstrap: which sessions a sample is drawn from, in blocks that keep what depends together."""

import math
from collections.abc import Iterator

import numpy as np

from engine.arrays import Floats


def samples(count: int, block: float, repetitions: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Yield the rows of each sample, (count,): blocks of geometric length, which go on at the start.

    The same rows as `arch.bootstrap.StationaryBootstrap` draws of the seed.

    Parameters
    ----------
    count : int
        Rows there are.
    block : float
        Mean length of a block, 1 or more.
    repetitions, seed : int

    References
    ----------
    Politis and Romano, "The stationary bootstrap" (1994).
    """
    rng = np.random.default_rng(seed)
    session = np.arange(count)
    for _ in range(repetitions):
        start = rng.integers(0, count, count)
        fresh = rng.random(count) <= 1.0 / block
        fresh[0] = True
        last = np.maximum.accumulate(np.where(fresh, session, 0))
        yield (start[last] + session - last) % count


def block_length(results: Floats, holding_days: int = 1) -> int:
    """Mean length of blocks that keeps the dependence of results: the optimal one, and the holding period at least."""
    known = np.asarray(results, dtype=np.float64)
    optimal = 1.0 if np.ptp(known) == 0.0 else optimal_block(known)
    return max(math.ceil(optimal), holding_days, 1)


def optimal_block(results: Floats) -> float:
    """Mean length of blocks by which the bootstrap's variance of the mean of results, (T,), is off the least.

        b = (G^2 T / s^4)^(1/3),   G = sum_k h(k/m) |k| g_k,   s^2 = sum_k h(k/m) g_k,   h(x) = min(1, 2 (1 - |x|))

    g_k are autocovariances, m twice the lag after which max(5, log10 T) correlations in a row are not told from 0. As
    `arch.bootstrap.optimal_block_length`.

    References
    ----------
    Politis and White (2004), corrected by Patton, Politis and White (2009).
    """
    count = len(results)
    off = results - results.mean()
    band, run = 2.0 * math.sqrt(math.log10(count) / count), max(5, int(math.log10(count)))
    most = min(math.ceil(math.sqrt(count)) + run, count - 2)
    cross = np.array([off[lag:] @ off[: count - lag] for lag in range(most + 1)])
    size = np.array(
        [(off[lag + 1 :] @ off[lag + 1 :]) * (off[: -lag - 1] @ off[: -lag - 1]) for lag in range(most + 1)]
    )
    small = np.abs(cross) < band * np.sqrt(size)
    quiet = (lag for lag in range(most + 1 - run) if small[lag : lag + run].all())
    m = min(2 * max(next(quiet, most), 1), most)
    lag = np.arange(1, m + 1)
    weighed = 2.0 * np.minimum(1.0, 2.0 * (1.0 - lag / m)) * cross[1 : m + 1] / count
    long_run = cross[0] / count + weighed.sum()
    optimal = float((lag @ weighed) ** 2 / long_run**2 * count) ** (1.0 / 3.0)
    return min(optimal, math.ceil(min(3.0 * math.sqrt(count), count / 3.0)))
