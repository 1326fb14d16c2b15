"""The probability of backtest overfitting: how often the best trial of one half is below the median in the other."""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats
from engine.backend import blocks
from engine.errors import InputError

BLOCKS = 16
FEWEST_TRIALS = 2
TENTHS = 10
_BYTES = 1_000_000  # of the splits x trials at work at once: they stay in the cache of a core


@dataclass(frozen=True, eq=False)
class BlockSums:
    """What is kept of each trial's sessions: enough for the mean and deviation of any set of blocks.

    Parameters
    ----------
    sums, squares : array (P, S)
        Sums of the results, and of their squares, in each of S blocks of sessions that follow one another.
    counts : array (S,)
        Sessions of each block.
    """

    sums: Floats
    squares: Floats
    counts: np.ndarray


def block_sums(results: Floats, holding_days: int = 1, count: int = BLOCKS) -> BlockSums:
    """Cut the sessions into blocks and sum each trial over them.

    Parameters
    ----------
    results : array (P, T)
    holding_days : int
        The first `holding_days - 1` sessions of every block but the first are left out: what was entered before it is
        still held then, and would carry what one half knows into the other.
    count : int
        S, even.

    Raises
    ------
    InputError
        When a block would be left without a session.

    Examples
    --------
    >>> cut = block_sums(np.arange(8.0)[None], holding_days=2, count=2)
    >>> cut.sums.tolist(), cut.counts.tolist()
    ([[6.0, 18.0]], [4, 3])
    """
    results = np.asarray(results, dtype=np.float64)
    sessions = results.shape[1]
    edges = np.linspace(0, sessions, count + 1).astype(int)
    starts = edges[:-1] + np.where(np.arange(count) > 0, holding_days - 1, 0)
    counts = edges[1:] - starts
    if count % 2 or (counts < 2).any():
        raise InputError(
            f"{sessions} sessions do not hold {count} blocks of more than {holding_days} sessions (an even number of "
            "them); take fewer blocks, or more dates"
        )
    parts = [results[:, start:end] for start, end in zip(starts, edges[1:], strict=True)]
    sums = np.stack([part.sum(axis=1) for part in parts], axis=1)
    squares = np.stack([(part * part).sum(axis=1) for part in parts], axis=1)
    return BlockSums(sums, squares, counts)


@dataclass(frozen=True, eq=False)
class Overfitting:
    """What becomes of the best trial outside the sessions it was chosen on.

    Parameters
    ----------
    probability : float
        Share of the splits in which the trial that is best in one half is in the lower half of the other.
    loss : float
        Share of the splits in which it loses money in the other half.
    chosen_sharpe, later_sharpe : float
        Its mean Sharpe ratio of a session where it was chosen, and in the other half.
    splits : int
    later_ranks : tuple of float
        Share of the splits in which it ranks in each tenth of the other half, from last to first; the first five sum to
        `probability`.
    """

    probability: float
    loss: float
    chosen_sharpe: float
    later_sharpe: float
    splits: int
    later_ranks: tuple[float, ...]


def overfitting(cut: BlockSums) -> Overfitting:
    """Choose by Sharpe ratio on every half of the blocks, and look at the other half.

    All splits are two matrix products: of which blocks a split chooses on, with the sums and with the squares.

    Parameters
    ----------
    cut : BlockSums
        Of all trials that were made. Trials that are constant are never chosen, and rank last.

    Raises
    ------
    InputError
        When there are fewer than two trials.

    References
    ----------
    Bailey, Borwein, Lopez de Prado and Zhu, "The probability of backtest overfitting" (2017): combinatorially symmetric
    cross-validation.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> noise = rng.standard_normal((100, 800))
    >>> lasting = noise + np.linspace(0.0, 0.3, 100)[:, None]
    >>> overfitting(block_sums(noise)).probability > 0.25, overfitting(block_sums(lasting)).probability < 0.05
    (True, True)
    """
    trials, count = cut.sums.shape
    if trials < FEWEST_TRIALS:
        raise InputError(f"{trials} trial(s): there is nothing to choose from; give two or more")
    # Every split has a mirror image, which chooses on the other half: here stands the one with the first block.
    halves = np.array([half for half in itertools.combinations(range(count), count // 2) if half[0] == 0])
    inside = np.zeros((len(halves), count))
    inside[np.arange(len(halves))[:, None], halves] = 1.0
    below = loss = 0
    tenths = np.zeros(TENTHS, dtype=int)
    chosen_sharpe = later_sharpe = 0.0
    for part in blocks(len(inside), 8 * trials * 4, _BYTES):
        one, other = _sharpe(cut, inside[part]), _sharpe(cut, 1.0 - inside[part])
        for here, there in ((one, other), (other, one)):
            best = here.argmax(axis=1)
            rows = np.arange(len(best))
            later = there[rows, best]
            # Relative rank among P trials, in (0, 1); a tie counts as half below.
            lower = np.count_nonzero(there < later[:, None], axis=1)
            rank = lower + 0.5 * np.count_nonzero(there == later[:, None], axis=1)
            below += int((rank / trials <= 0.5).sum())
            tenths += np.bincount(np.ceil(TENTHS * rank / trials).astype(int) - 1, minlength=TENTHS)
            loss += int((later < 0.0).sum())
            chosen_sharpe += float(here[rows, best].sum())
            later_sharpe += float(np.where(np.isfinite(later), later, 0.0).sum())
    splits = math.comb(count, count // 2)
    ranks = tuple((tenths / splits).tolist())
    return Overfitting(below / splits, loss / splits, chosen_sharpe / splits, later_sharpe / splits, splits, ranks)


def _sharpe(cut: BlockSums, chosen: np.ndarray) -> np.ndarray:
    """Sharpe ratio of a session over the blocks that are chosen, (splits, P); -inf where it is not known."""
    sessions = (chosen @ cut.counts)[:, None]
    ratio = chosen @ cut.sums.T
    ratio /= sessions
    variance, squares = ratio * ratio, chosen @ cut.squares.T  # in place from here on: the splits are many
    variance *= sessions
    np.subtract(squares, variance, out=variance)
    variance /= sessions - 1.0
    squares *= 1e-12
    squares /= sessions
    moves = variance > squares
    np.sqrt(variance, out=variance, where=moves)
    np.divide(ratio, variance, out=ratio, where=moves)
    ratio[~moves] = -np.inf
    return ratio
