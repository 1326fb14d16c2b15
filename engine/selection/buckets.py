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
    rank_correlation, rank_interval : float, (float, float)
        Spearman's, of signal and result (information coefficient), and where 95 % of the bootstrap's lie.
    """

    edges: np.ndarray
    counts: np.ndarray
    signal: np.ndarray
    mean: np.ndarray
    t: np.ndarray
    p_monotonic: float
    p_falling: float
    rank_correlation: float
    rank_interval: tuple[float, float]


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

    Trades of one signal stay together, in the bucket of their mean rank.

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
        When there are fewer than two trades in a bucket.

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
    ranked = np.stack([_ranks(signal), _ranks(result)])
    place = (ranked[0] * buckets // len(signal)).astype(int)
    inside = place == np.arange(buckets)[:, None]
    counts = inside.sum(axis=1)
    if counts.min() < 2:
        values = len(np.unique(signal))
        raise InputError(f"{values} different signals do not make {buckets} buckets of two trades and more; take fewer")
    edges = np.append([signal[rows].min() for rows in inside], signal.max())
    means = inside @ result / counts
    t = [hac_tstat(result[rows], holding_days=max(overlap // buckets, 1)) for rows in inside]
    rises = np.diff(means)
    centred = result - means[place]
    risen = fallen = 0
    coefficients = []
    for rows in samples(len(result), max(overlap, 1), repetitions, seed):
        hits = np.bincount(place[rows], minlength=buckets)
        sums = np.bincount(place[rows], weights=centred[rows], minlength=buckets)
        drawn = np.diff(sums / np.maximum(hits, 1))
        risen += bool(drawn.min() >= rises.min())
        fallen += bool(drawn.max() <= rises.max())
        coefficients.append(_correlation(*ranked[:, rows]))
    p = risen / repetitions, fallen / repetitions
    low, high = np.nanquantile(coefficients, (0.025, 0.975)) if np.isfinite(coefficients).any() else (np.nan, np.nan)
    of_ranks = _correlation(*ranked), (float(low), float(high))
    return Buckets(edges, counts, inside @ signal / counts, means, np.array(t), *p, *of_ranks)


def _ranks(values: Floats) -> Floats:
    """Rank of each value, that of equal ones their mean.

    Examples
    --------
    >>> _ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist()
    [2.5, 0.0, 2.5, 1.0]
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - 0.5 * (counts + 1.0))[place]


def _correlation(one: Floats, other: Floats) -> float:
    """Correlation of two samples; NaN where one does not move."""
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / scale if scale > 0.0 else np.nan
