"""Walk-forward selection: choose on the past, earn what the choice makes next, again and again."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats
from engine.errors import InputError
from engine.statistics import hac_tstat, varies


@dataclass(frozen=True, eq=False)
class WalkForward:
    """What choosing as one goes would have made.

    Parameters
    ----------
    first : array (W,), int
        Session on which each choice begins to count; it holds to the next one's.
    chosen : array (W,), int
        Position along P; -1 where the training knew no score: nothing is held.
    trained, earned : array (W,)
        Sharpe ratio of a session of the choice, where it was chosen and where it counted; NaN where it did not move.
    curve : array (T,)
        Results out of sample; NaN before the first choice.
    t : float
        HAC t-statistic of their mean.
    """

    first: np.ndarray
    chosen: np.ndarray
    trained: np.ndarray
    earned: np.ndarray
    curve: np.ndarray
    t: float

    @property
    def kept(self) -> float:
        """Mean Sharpe ratio where choices counted over that where they were made; NaN where that is not above 0."""
        trained = float(np.nanmean(self.trained)) if np.isfinite(self.trained).any() else np.nan
        return float(np.nanmean(self.earned)) / trained if trained > 0.0 and np.isfinite(self.earned).any() else np.nan

    def __repr__(self) -> str:
        sharpe = sharpe_of(self.curve[np.isfinite(self.curve)][None])[0] * np.sqrt(252)
        return (
            f"Walk-forward: {len(self.first):,} choices of {len(set(self.chosen.tolist()) - {-1}):,} different trials\n"
            f"  Sharpe ratio out of sample, a year   {sharpe:.2f}\n"
            f"  t-statistic out of sample (HAC)      {self.t:.2f}\n"
            f"  Share of the Sharpe ratio kept       {self.kept:.2f}"
        )


def walk_forward(
    results: Floats,
    train: int,
    test: int,
    holding_days: int = 1,
    *,
    expanding: bool = False,
    score: Callable[[Floats], Floats] | None = None,
) -> WalkForward:
    """Choose the best trial of each training window and hold it over the test window after it.

    The last `holding_days - 1` sessions before a test window are not trained on: what is held then is still held in it.

    Parameters
    ----------
    results : array (P, T)
        Daily results of every trial, all known, such as `result.pnl_net`; net of costs. A choice takes over the
        positions its trial has, at no cost: let `test` be several holding periods.
    train, test : int
        Sessions trained on, and sessions a choice holds.
    holding_days : int
        Longest life of a position.
    expanding : bool
        Train on everything from the first session on; `train` is then the least.
    score : callable or None
        Of results (P, sessions) to one number a trial, more is better; None = the Sharpe ratio.

    Raises
    ------
    InputError
        When the sessions do not hold one training and one test.

    Examples
    --------
    >>> results = np.random.default_rng(0).standard_normal((3, 400)) + np.array([[0.0], [0.4], [0.0]])
    >>> found = walk_forward(results, train=100, test=50)
    >>> found.first.tolist(), found.chosen.tolist()
    ([100, 150, 200, 250, 300, 350], [1, 1, 1, 1, 1, 1])
    """
    results = np.asarray(results, dtype=np.float64)
    if results.ndim != 2:
        raise InputError(f"results has shape {results.shape}; give (P, T), a row per trial")
    if not np.isfinite(results).all():
        raise InputError("results holds days that are not known; give trials on the same sessions")
    sessions, gap = results.shape[1], holding_days - 1
    if min(train, test, holding_days) < 1 or train - gap < 2 or sessions <= train:
        raise InputError(
            f"train={train}, test={test} and holding_days={holding_days} do not fit {sessions} sessions; train on two "
            "sessions more than positions are held, and leave some to test on"
        )
    judged = score or sharpe_of
    first = np.arange(train, sessions, test)
    curve = np.full(sessions, np.nan)
    chosen, trained, earned = [], [], []
    for start in first:
        past = results[:, 0 if expanding else start - train : start - gap]
        scores = np.asarray(judged(past), dtype=float)
        best = int(np.nanargmax(scores)) if np.isfinite(scores).any() else -1
        next_ones = results[best, start : start + test] if best >= 0 else np.zeros(min(test, sessions - start))
        curve[start : start + test] = next_ones
        chosen.append(best)
        trained.append(sharpe_of(past[best][None])[0] if best >= 0 else np.nan)
        earned.append(sharpe_of(next_ones[None])[0])
    t = hac_tstat(curve, holding_days)
    return WalkForward(first, np.array(chosen), np.array(trained), np.array(earned), curve, t)


def sharpe_of(results: Floats) -> Floats:
    """Sharpe ratio of a session of each row, (P,); NaN where it is constant but for rounding, or has one session."""
    off = results - results.mean(axis=1, keepdims=True)
    squares = (off * off).sum(axis=1)
    moves = varies(squares, (results * results).sum(axis=1)) & (results.shape[1] > 1)
    deviation = np.sqrt(np.where(moves, squares, 1.0) / max(results.shape[1] - 1, 1))
    return np.where(moves, results.mean(axis=1) / deviation, np.nan)
