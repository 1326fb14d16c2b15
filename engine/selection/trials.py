"""What is kept of each trial so that it can be judged without its sessions: sums over blocks, and moments."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats
from engine.errors import InputError
from engine.selection.cscv import BLOCKS, BlockSums, block_sums
from engine.selection.deflated import expected_best_sharpe, moments, probabilistic_sharpe


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
    """

    sums: Floats
    squares: Floats
    counts: np.ndarray
    sharpe: np.ndarray
    skew: np.ndarray
    kurtosis: np.ndarray
    sessions: int

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
        return Trials(cut.sums, cut.squares, cut.counts, *moments(results), sessions=np.shape(results)[1])
    return None
