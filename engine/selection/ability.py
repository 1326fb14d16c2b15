"""Tests of all trials at once against doing nothing: is the best of them more than the best of as many by luck?"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats
from engine.errors import InputError
from engine.selection.bootstrap import samples
from engine.statistics import varies

REPETITIONS = 1000
TOGETHER = 512  # trials whose means over all samples are at work at once: 4 MB of a thousand samples


@dataclass(frozen=True)
class Ability:
    """p-values of the hypothesis that no trial earns anything.

    Parameters
    ----------
    lower, consistent, upper : float
        Hansen's three ways to treat trials that did badly; `consistent` is the one to read. `upper`, which lets all of
        them count, is White's Reality Check.
    trials : int
        Trials that move.
    """

    lower: float
    consistent: float
    upper: float
    trials: int


@dataclass(frozen=True, eq=False)
class Resampled:
    """The means of all trials over the same samples of the stationary bootstrap; `resampled` draws them.

    Trials are in order of their means, the highest first: stepwise testing takes them away from that end only, so of
    all samples the highest of each `TOGETHER` trials is kept, and no P x B means are.

    Parameters
    ----------
    results : array (P, T)
        Of the trials that move.
    order : array (P,)
        Positions of the trials by their means.
    means, centres : array (P,), (3, P)
        In that order: the mean of each, and what is taken off its samples' means in Hansen's three ways.
    weights : array (B, T)
        How often each sample has each session, over T.
    highest : array (3, G, B)
        Of each sample the highest mean less its centre among the trials of each group.
    """

    results: Floats
    order: np.ndarray
    means: Floats
    centres: Floats
    weights: Floats
    highest: Floats

    def ability(self) -> Ability:
        """Return the p-values of the best trial."""
        lower, consistent, upper = (self.highest.max(axis=1) > self.means[0]).mean(axis=1).tolist()
        return Ability(lower, consistent, upper, trials=len(self.order))

    def better(self, size: float = 0.05) -> np.ndarray:
        """Return the positions of the trials that earn something, ascending, by stepwise testing at a size."""
        taken = 0
        while taken < len(self.order):
            hurdle = np.percentile(self._highest_from(taken), 100.0 * (1.0 - size))
            above = int((self.means > hurdle).sum())
            if above <= taken:
                break
            taken = above
        return np.sort(self.order[:taken])

    def _highest_from(self, first: int) -> Floats:
        """Of each sample the highest mean less its centre, Hansen's consistent one, of the trials from a place on."""
        group = -(-first // TOGETHER)
        found = [self.highest[1, group:].max(axis=0)] if group < self.highest.shape[1] else []
        if first % TOGETHER:
            part = slice(first, min(group * TOGETHER, len(self.order)))
            drawn = self.results[self.order[part]] @ self.weights.T
            found.append((drawn - self.centres[1, part, None]).max(axis=0))
        return np.max(found, axis=0)


def resampled(results: Floats, block: float, *, repetitions: int = REPETITIONS, seed: int = 0) -> Resampled:
    """Draw the samples of all trials at once: how often each has each session, times the results.

    Parameters
    ----------
    results : array (P, T)
        Of trials that move; net of costs. The benchmark is to do nothing: 0.
    block : float
        Mean length of a block, in sessions.
    repetitions, seed : int
        Of the bootstrap; the samples are those of `arch.bootstrap.SPA` and `StepM` of the seed.
    """
    sessions = results.shape[1]
    weights = np.stack([np.bincount(rows, minlength=sessions) for rows in samples(sessions, block, repetitions, seed)])
    weights = weights / sessions
    means = results.mean(axis=1)
    order = np.argsort(-means, kind="stable")
    means = means[order]
    centres = np.stack([np.maximum(means, 0.0), means, means])
    highest = np.empty((3, -(-len(order) // TOGETHER), repetitions))
    for group, part in enumerate(_groups(len(order))):
        chosen = results[order[part]]
        # A trial that did badly beyond what chance allows is left where it is, so it is no rival of the best.
        centres[1, part][means[part] < -_bounds(chosen, block)] = 0.0
        drawn = chosen @ weights.T
        for way, centre in enumerate(centres[:, part, None]):
            highest[way, group] = (drawn - centre).max(axis=0)
    return Resampled(results, order, means, centres, weights, highest)


def _groups(count: int) -> Iterator[slice]:
    return (slice(first, min(first + TOGETHER, count)) for first in range(0, count, TOGETHER))


def _bounds(results: Floats, block: float) -> Floats:
    """How far below 0 means may lie by chance: sqrt(V / T 2 ln ln T), V the variance that the bootstrap's means have.

        V = g_0 + 2 sum_k h_k g_k,   h_k = (1 - k/T) (1 - p)^k + k/T (1 - p)^(T - k),   p = 1 / block

    g_k are autocovariances. The sum is one over the frequencies of the results, filled up with T zeros.
    """
    sessions = results.shape[1]
    lag = np.arange(1, sessions)
    stay, far = 1.0 - 1.0 / block, lag / sessions
    kept = (1.0 - far) * stay**lag + far * stay ** (sessions - lag)
    length = 2 * sessions
    around = np.concatenate([[1.0], kept, [0.0], kept[::-1]])  # what lags of either sign count for
    by_frequency = np.fft.rfft(around).real
    by_frequency[1:-1] *= 2.0  # the frequencies below 0
    power = np.abs(np.fft.rfft(results - results.mean(axis=1, keepdims=True), length, axis=1)) ** 2
    variance = power @ by_frequency / length / sessions
    return np.sqrt(variance / sessions * 2.0 * math.log(math.log(sessions)))


def superior_ability(
    results: Floats, holding_days: int = 1, *, repetitions: int = REPETITIONS, seed: int = 0
) -> Ability:
    """Test for superior predictive ability by the stationary bootstrap, as `arch.bootstrap.SPA` does.

    Parameters
    ----------
    results : array (P, T)
        Results of every trial that was made; net of costs. The benchmark is to do nothing: 0.
    holding_days : int
        Mean length of a block, at least: results of cohorts that overlap depend on one another that long.
    repetitions, seed : int
        Of the bootstrap.

    Raises
    ------
    InputError
        When no trial moves.

    Notes
    -----
    Of noise alone, 10 or 20 trials, a test at 5 % rejects 7.3 % of samples of 300 sessions (standard error 1.1), 3.3 %
    of 1,000 (1.1) and 5.7 % of 2,520 (1.3).

    References
    ----------
    Hansen, "A test for superior predictive ability" (2005); White, "A reality check for data snooping" (2000).
    """
    results = np.asarray(results, dtype=np.float64)
    drawn = resampled(
        results[moving(results)], block_of(results.shape[1], holding_days), repetitions=repetitions, seed=seed
    )
    return drawn.ability()


def survivors(
    results: Floats, holding_days: int = 1, *, size: float = 0.05, repetitions: int = REPETITIONS, seed: int = 0
) -> np.ndarray:
    """Return the trials that earn something, by stepwise multiple testing, as `arch.bootstrap.StepM` does.

    Parameters
    ----------
    results, holding_days, repetitions, seed
        As for `superior_ability`.
    size : float
        Probability that any trial without ability is among them.

    Returns
    -------
    array, int
        Positions along P, ascending.

    References
    ----------
    Romano and Wolf, "Stepwise multiple testing as formalized data snooping" (2005).
    """
    results = np.asarray(results, dtype=np.float64)
    rows = moving(results)
    drawn = resampled(results[rows], block_of(results.shape[1], holding_days), repetitions=repetitions, seed=seed)
    return rows[drawn.better(size)]


def moving(results: Floats) -> np.ndarray:
    """Return the positions of the trials whose results move.

    Raises
    ------
    InputError
        When there is none.
    """
    off = results - results.mean(axis=1, keepdims=True)
    rows = np.flatnonzero(varies((off * off).sum(axis=1), (results * results).sum(axis=1)))
    if len(rows) == 0:
        raise InputError("no trial has results that move; there is nothing to test")
    return rows


def block_of(sessions: int, holding_days: int) -> int:
    """Mean length of a block: what overlaps, and the root of the sample at least, as `arch` has it by default."""
    return max(int(holding_days), int(math.sqrt(sessions)))
