"""Tests of all trials at once against doing nothing: is the best of them more than the best of as many by luck?"""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats
from engine.errors import InputError
from engine.statistics import varies

REPETITIONS = 1000


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


def superior_ability(
    results: Floats, holding_days: int = 1, *, repetitions: int = REPETITIONS, seed: int = 0
) -> Ability:
    """Test for superior predictive ability by the stationary bootstrap, `arch.bootstrap.SPA`.

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

    References
    ----------
    Hansen, "A test for superior predictive ability" (2005); White, "A reality check for data snooping" (2000).
    """
    from arch.bootstrap import SPA

    moving, block = _moving(results), _block(results, holding_days)
    test = SPA(np.zeros(moving.shape[1]), -moving.T, block_size=block, reps=repetitions, seed=seed)
    test.compute()
    lower, consistent, upper = (float(value) for value in np.asarray(test.pvalues))
    return Ability(lower, consistent, upper, trials=len(moving))


def survivors(
    results: Floats, holding_days: int = 1, *, size: float = 0.05, repetitions: int = REPETITIONS, seed: int = 0
) -> np.ndarray:
    """Return the trials that earn something, by stepwise multiple testing, `arch.bootstrap.StepM`.

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
    from arch.bootstrap import StepM

    results = np.asarray(results, dtype=np.float64)
    moving, block = _moving(results), _block(results, holding_days)
    test = StepM(np.zeros(moving.shape[1]), -moving.T, size=size, block_size=block, reps=repetitions, seed=seed)
    test.compute()
    return np.flatnonzero(_moves(results))[np.sort(np.asarray(test.superior_models, dtype=int))]


def _moves(results: Floats) -> np.ndarray:
    off = results - results.mean(axis=1, keepdims=True)
    return varies((off * off).sum(axis=1), (results * results).sum(axis=1))


def _moving(results: Floats) -> Floats:
    results = np.asarray(results, dtype=np.float64)
    moving = results[_moves(results)]
    if len(moving) == 0:
        raise InputError("no trial has results that move; there is nothing to test")
    return moving


def _block(results: Floats, holding_days: int) -> int:
    """Mean length of a block: what overlaps, and the root of the sample at least, as `arch` has it by default."""
    return max(int(holding_days), int(np.sqrt(np.shape(results)[1])))
