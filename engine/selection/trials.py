"""What is kept of each trial so that it can be judged without its sessions: sums over blocks and spans, and moments."""

import math
from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats
from engine.errors import InputError
from engine.selection.ability import REPETITIONS, Resampled, block_of, moving, resampled
from engine.selection.cscv import BLOCKS, BlockSums, block_sums
from engine.selection.deflated import expected_best_sharpe, moments, probabilistic_sharpe

MOST_SPANS = 512  # 2 KB of a trial: ten years by the week, two by the session


@dataclass(frozen=True, eq=False)
class Trials:
    """P trials without their sessions.

    Parameters
    ----------
    sums, squares : array (P, S)
        As in `BlockSums`.
    counts : array (S,)
        Sessions of each block.
    sharpe, skew, kurtosis : array (P,)
        Of a session; NaN where a trial is constant.
    sessions : int
    spans : array (P, F), float32, or None
        Sums over spans of `span_width(sessions)` sessions that follow one another, the last one perhaps shorter; None
        where they were not kept. Their rounding is a ten-millionth of a span's result, where the tests they serve err
        by a thirtieth of its deviation.
    holding_days : int
    """

    sums: Floats
    squares: Floats
    counts: np.ndarray
    sharpe: np.ndarray
    skew: np.ndarray
    kurtosis: np.ndarray
    sessions: int
    spans: Floats | None
    holding_days: int

    def resampled(self, repetitions: int = REPETITIONS, seed: int = 0) -> tuple[np.ndarray, Resampled]:
        """Return which trials move, and their means over samples of the bootstrap, drawn span by span.

        Raises
        ------
        InputError
            When no trial moves, or their spans are not known.
        """
        if self.spans is None:
            raise InputError("these trials are known by 16 blocks only; sampling takes their spans")
        spans = np.asarray(self.spans, dtype=np.float64)
        rows = moving(spans)
        block = max(1.0, block_of(self.sessions, self.holding_days) / span_width(self.sessions))
        return rows, resampled(spans[rows], block, repetitions=repetitions, seed=seed)

    def blocks(self) -> BlockSums:
        """Return what `overfitting` asks for."""
        return BlockSums(self.sums, self.squares, self.counts)

    def deflated(self, independent: float) -> np.ndarray:
        """Return `deflated_sharpe` of each trial, given how many independent ones are behind the choice; (P,)."""
        known = self.sharpe[np.isfinite(self.sharpe)]
        variance = float(known.var(ddof=1)) if len(known) > 1 else 0.0
        hurdle = expected_best_sharpe(variance, independent)
        return probabilistic_sharpe(self.sharpe, hurdle, self.sessions, self.skew, self.kurtosis)


def trials_of(results: Floats, holding_days: int = 1) -> Trials | None:
    """Keep of trials what judging them takes.

    Parameters
    ----------
    results : array (P, T)
    holding_days : int
        As for `block_sums`: 16 blocks, or as many as the sessions hold.

    Returns
    -------
    Trials or None
        None where the sessions do not hold two blocks.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> kept = trials_of(rng.standard_normal((40, 800)), holding_days=5)
    >>> kept.sums.shape, bool(kept.deflated(40.0).max() < 0.95)
    ((40, 16), True)
    """
    for count in range(BLOCKS, 0, -2):
        try:
            cut = block_sums(results, holding_days, count)
        except InputError:
            continue
        sessions = np.shape(results)[1]
        spans = np.add.reduceat(results, np.arange(0, sessions, span_width(sessions)), axis=1).astype(np.float32)
        return Trials(cut.sums, cut.squares, cut.counts, *moments(results), sessions, spans, holding_days)
    return None


def span_width(sessions: int) -> int:
    """Return how many sessions a span has, of which at most `MOST_SPANS` are kept.

    Examples
    --------
    >>> span_width(512), span_width(2520)
    (1, 5)
    """
    return math.ceil(sessions / MOST_SPANS)
