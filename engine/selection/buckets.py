"""Results by bucket of a signal: whether more of the signal means more of the result, or only its extremes differ."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats
from engine.errors import InputError
from engine.selection.bootstrap import samples
from engine.statistics import hac_tstat

BUCKETS = 5
REPETITIONS = 2000


@dataclass(frozen=True, eq=False)
class Buckets:
    """Results of trades by the signal they were entered on.

    Parameters
    ----------
    edges : array (B + 1,)
        Of the signal.
    counts : array (B,), int
        Trades of each bucket.
    signal, mean, t : array (B,)
        Mean signal, mean result, and its t-statistic.
    p_monotonic : float
        p-value of "no bucket's mean is above that of the one before": small where they rise throughout.
    p_falling : float
        The same the other way round: small where they fall throughout.
    """

    edges: np.ndarray
    counts: np.ndarray
    signal: np.ndarray
    mean: np.ndarray
    t: np.ndarray
    p_monotonic: float
    p_falling: float


def by_bucket(
    signal: Floats,
    result: Floats,
    buckets: int = BUCKETS,
    *,
    overlap: int = 1,
    repetitions: int = REPETITIONS,
    seed: int = 0,
) -> Buckets:
    """Sort trades into buckets of equal numbers by their signal, and test whether their results rise with it.

    The edges come from the whole sample: this describes, it is no rule that could have been traded.

    Parameters
    ----------
    signal, result : array (C,)
        Of each trade, in the order of entry; trades without a signal or a result are left out.
    buckets : int
    overlap : int
        Trades that are open at the same time: the length of the bootstrap's blocks, and the lags of the t-statistic.
    repetitions, seed : int
        Of the bootstrap.

    Raises
    ------
    InputError
        When there are fewer than two trades a bucket.

    Notes
    -----
    The hypothesis is that nothing rises. Where one bucket stands out and the others do not differ, neither it nor its
    opposite is true: such means pass at a size of .05 in one of six samples. Look at the means too.

    References
    ----------
    Patton and Timmermann, "Monotonicity in asset returns" (2010): the smallest difference of neighbouring means against
    its distribution by the stationary bootstrap, with the means themselves taken away.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> signal = rng.standard_normal(400)
    >>> rising = by_bucket(signal, signal + rng.standard_normal(400))
    >>> flat = by_bucket(signal, rng.standard_normal(400))
    >>> rising.p_monotonic < 0.01, flat.p_monotonic > 0.2
    (True, True)
    """
    signal, result = (np.asarray(a, dtype=np.float64) for a in (signal, result))
    known = np.isfinite(signal) & np.isfinite(result)
    signal, result = signal[known], result[known]
    if len(signal) < 2 * buckets:
        raise InputError(f"{len(signal)} trades are too few for {buckets} buckets; take fewer, or more dates")
    order = np.argsort(signal, kind="stable")
    place = np.empty(len(order), dtype=int)
    place[order] = np.arange(len(order)) * buckets // len(order)
    edges = np.append(signal[order[np.searchsorted(place[order], np.arange(buckets))]], signal.max())
    inside = place == np.arange(buckets)[:, None]
    counts = inside.sum(axis=1)
    means = inside @ result / counts
    t = [hac_tstat(result[rows], holding_days=max(overlap // buckets, 1)) for rows in inside]
    rises = np.diff(means)
    centred = result - means[place]
    risen = fallen = 0
    for rows in samples(len(result), max(overlap, 1), repetitions, seed):
        hits = np.bincount(place[rows], minlength=buckets)
        sums = np.bincount(place[rows], weights=centred[rows], minlength=buckets)
        drawn = np.diff(sums / np.maximum(hits, 1))
        risen += bool(drawn.min() >= rises.min())
        fallen += bool(drawn.max() <= rises.max())
    p = risen / repetitions, fallen / repetitions
    return Buckets(edges, counts, inside @ signal / counts, means, np.array(t), *p)
