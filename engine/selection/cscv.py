"""The probability of backtest overfitting: how often the best trial of one half is below the median in the other."""

import itertools
from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats
from engine.backend import blocks, each
from engine.errors import InputError

BLOCKS = 16
FEWEST_TRIALS = 2
TENTHS = 10
_SPLITS, _TRIALS = 16, 1024  # at work at once: they stay in the cache of a core


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
    columns = BlockSums(np.ascontiguousarray(cut.sums.T), np.ascontiguousarray(cut.squares.T), cut.counts)

    def judged(part: slice) -> np.ndarray:
        one, other = _order(columns, inside[part]), _order(columns, 1.0 - inside[part])
        sessions = inside[part] @ cut.counts
        others = cut.counts.sum() - sessions
        return np.hstack([_chosen(one, other, sessions, others), _chosen(other, one, others, sessions)])

    parts = blocks(len(inside), 1, _SPLITS)
    rank, chosen, later = np.hstack(list(each(np, judged, parts)))
    tenths = np.bincount(np.ceil(TENTHS * rank).astype(int) - 1, minlength=TENTHS)
    return Overfitting(
        probability=float((rank <= 0.5).mean()),
        loss=float((later < 0.0).mean()),
        chosen_sharpe=float(chosen.mean()),
        later_sharpe=float(np.where(np.isfinite(later), later, 0.0).mean()),
        splits=len(rank),
        later_ranks=tuple((tenths / len(rank)).tolist()),
    )


def _chosen(here: Floats, there: Floats, sessions: Floats, others: Floats) -> np.ndarray:
    """What becomes of the best trial of each split, (3, splits): its relative rank in the other half, and its Sharpe
    ratio of a session here and there.

    The rank is among P trials, in (0, 1); a tie counts as half below.
    """
    best = here.argmax(axis=1)
    rows = np.arange(len(best))
    later = there[rows, best]
    lower = np.count_nonzero(there < later[:, None], axis=1)
    rank = lower + 0.5 * np.count_nonzero(there == later[:, None], axis=1)
    return np.stack([rank / here.shape[1], _sharpe(here[rows, best], sessions), _sharpe(later, others)])


def _order(columns: BlockSums, chosen: np.ndarray) -> Floats:
    """What orders trials as their Sharpe ratios over the blocks that are chosen do, (splits, P); -inf where constant.

    Of n sessions with the sum A and the sum of squares B it is A |A| / B, which rises with A / sqrt(n B - A A), takes
    no root, and is n or -n where nothing moves: a variance of less than 1e-12 of the mean square is none.

    Parameters
    ----------
    columns : BlockSums
        With its arrays as (S, P).
    chosen : array (splits, S)
        1 for the blocks that are chosen.
    """
    constant = (chosen @ columns.counts)[:, None] * (1.0 - 1e-12)
    order = np.empty((len(chosen), columns.sums.shape[1]))
    for part in blocks(order.shape[1], 1, _TRIALS):
        sums, squares, ratio = chosen @ columns.sums[:, part], chosen @ columns.squares[:, part], order[:, part]
        np.abs(sums, out=ratio)
        ratio *= sums
        with np.errstate(invalid="ignore"):  # of a trial that did nothing
            ratio /= squares
        if not (ratio.max() < constant.min() and -ratio.min() < constant.min()):  # NaN is neither
            ratio[~(np.abs(ratio) < constant)] = -np.inf
    return order


def _sharpe(order: Floats, sessions: Floats) -> Floats:
    """Sharpe ratio of a session, from what `_order` says over so many."""
    known = np.isfinite(order)
    square = np.where(known, np.abs(order), 0.0)
    ratio = np.sqrt((sessions - 1.0) / sessions * square / (sessions - square))
    return np.where(known, np.copysign(ratio, order), -np.inf)
