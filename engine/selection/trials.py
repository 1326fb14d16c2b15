"""What is kept of each trial so that it can be judged without its sessions: sums over blocks and spans, and moments."""

import math
from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats
from engine.errors import InputError
from engine.selection.ability import REPETITIONS, Resampled, block_of, moving, resampled
from engine.selection.cscv import BlockSums, most_blocks
from engine.selection.deflated import expected_best_sharpe, moments, probabilistic_sharpe

MOST_SPANS = 512  # 2 KB of a trial: ten years by the week, two by the session


@dataclass(frozen=True, eq=False)
class Trials:
    """P trials without their sessions.

    Parameters
    ----------
    cut : BlockSums or None
        None where the sessions hold too few blocks, or trials are held differently long and were cut apart.
    sharpe, skew, kurtosis : array (P,)
        Of a session; NaN where a trial is constant.
    sessions : int
    spans : array (P, F), float32, or None
        Sums over spans of `span_width(sessions)` sessions that follow one another, the last one perhaps shorter; None
        where they were not kept. Their rounding is a ten-millionth of a span's result, where the tests they serve err
        by a thirtieth of its deviation.
    holding_days : int
    """

    cut: BlockSums | None
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

    def blocks(self) -> BlockSums | None:
        """Return what `overfitting` asks for, of spans instead of sessions where those were not cut alike."""
        if self.cut is not None or self.spans is None:
            return self.cut
        held = math.ceil((self.holding_days - 1) / span_width(self.sessions)) + 1  # spans that what is held may reach
        return most_blocks(self.spans, held)

    def deflated(self, independent: float) -> np.ndarray:
        """Return `deflated_sharpe` of each trial, given how many independent ones are behind the choice; (P,)."""
        known = self.sharpe[np.isfinite(self.sharpe)]
        variance = float(known.var(ddof=1)) if len(known) > 1 else 0.0
        hurdle = expected_best_sharpe(variance, independent)
        return probabilistic_sharpe(self.sharpe, hurdle, self.sessions, self.skew, self.kurtosis)


def trials_of(results: Floats, holding_days: int = 1) -> Trials:
    """Keep of trials what judging them takes.

    Parameters
    ----------
    results : array (P, T)
    holding_days : int
        As for `most_blocks`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> kept = trials_of(rng.standard_normal((40, 800)), holding_days=5)
    >>> kept.cut.sums.shape, bool(kept.deflated(40.0).max() < 0.95)
    ((40, 16), True)
    """
    sessions = np.shape(results)[1]
    cut, spans = most_blocks(results, holding_days), span_sums(results)
    return Trials(cut, *moments(results), sessions=sessions, spans=spans, holding_days=holding_days)


def span_sums(results: Floats) -> Floats:
    """Return the sums over spans that `Trials` keeps, (P, F) float32."""
    sessions = np.shape(results)[1]
    return np.add.reduceat(results, np.arange(0, sessions, span_width(sessions)), axis=1).astype(np.float32)


def span_width(sessions: int) -> int:
    """Return how many sessions a span has, of which at most `MOST_SPANS` are kept.

    Examples
    --------
    >>> span_width(512), span_width(2520)
    (1, 5)
    """
    return math.ceil(sessions / MOST_SPANS)
