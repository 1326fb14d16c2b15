"""The probability of backtest overfitting: how often the best trial of one half is below the median in the other."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import kernels
from engine.arrays import Floats
from engine.backend import blocks, each, namespace, to_host
from engine.errors import InputError
from engine.kernels.entries import SPLITS, THREADS

BLOCKS = 16
FEWEST_BLOCKS = 6  # which make 20 splits
FEWEST_TRIALS = 2
TENTHS = 10
_TRIALS = 1024  # that array code looks at at once, of `SPLITS` splits: they stay in the cache of a core


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


def most_blocks(results: Floats, holding_days: int = 1) -> BlockSums | None:
    """Cut the sessions into 16 blocks, or as many as they hold; None where that is fewer than 6.

    Examples
    --------
    >>> cut = most_blocks(np.random.default_rng(0).standard_normal((2, 200)), holding_days=22)
    >>> cut.counts.tolist(), most_blocks(np.zeros((2, 100)), holding_days=22)
    ([25, 4, 4, 4, 4, 4, 4, 4], None)
    """
    for count in range(BLOCKS, FEWEST_BLOCKS - 1, -2):
        try:
            return block_sums(results, holding_days, count)
        except InputError:
            continue
    return None


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
    counts = to_host(cut.counts)
    sessions = np.stack([inside @ counts, (1.0 - inside) @ counts], axis=1)
    if kernels.usable(namespace(cut.sums)):
        half = (inside.astype(np.int64) << np.arange(count)).sum(axis=1)
        found = _by_kernel(namespace(cut.sums), cut, half, _constant(sessions))
    else:
        sums, squares = (np.ascontiguousarray(to_host(of).T) for of in (cut.sums, cut.squares))
        columns = BlockSums(sums, squares, counts)
        parts = blocks(len(inside), 1, SPLITS)
        found = np.concatenate(list(each(np, lambda n: _looked_at(columns, inside[n], sessions[n]), parts)), axis=1)
    rank, chosen, later = found
    rank = rank / trials
    later = _sharpe(later, sessions[:, ::-1])
    tenths = np.bincount(np.ceil(TENTHS * rank).astype(int).ravel() - 1, minlength=TENTHS)
    return Overfitting(
        probability=float((rank <= 0.5).mean()),
        loss=float((later < 0.0).mean()),
        chosen_sharpe=float(_sharpe(chosen, sessions).mean()),
        later_sharpe=float(np.where(np.isfinite(later), later, 0.0).mean()),
        splits=rank.size,
        later_ranks=tuple((tenths / rank.size).tolist()),
    )


def _by_kernel(xp: Any, cut: BlockSums, half: np.ndarray, constant: np.ndarray) -> Floats:
    """What `_looked_at` returns of all splits, by kernels/overfitting.cu; `half` has a bit for each block chosen on."""
    columns = [xp.ascontiguousarray(of.T) for of in (cut.sums, cut.squares)]
    found = xp.empty((3, *constant.shape))
    arguments = (*cut.sums.shape, *columns, xp.asarray(half), xp.asarray(constant), *found)
    kernels.launch(
        xp, "overfitting", "overfitting", len(half), arguments, dtype="float64", threads=THREADS, least=SPLITS
    )
    return to_host(found)


def _looked_at(columns: BlockSums, inside: np.ndarray, sessions: np.ndarray) -> Floats:
    """What becomes of the best trial of either half of each split, (3, splits, 2): its rank among the P in the other
    half, where a tie counts as half below, and its `_order` in both."""
    halves = [_order(columns, chosen, n) for chosen, n in zip((inside, 1.0 - inside), sessions.T, strict=True)]
    found = np.empty((3, *sessions.shape))
    for h, (here, there) in enumerate((halves, halves[::-1])):
        best = here.argmax(axis=1)
        rows = np.arange(len(best))
        later = there[rows, best]
        lower = np.count_nonzero(there < later[:, None], axis=1)
        rank = lower + 0.5 * np.count_nonzero(there == later[:, None], axis=1)
        found[:, :, h] = rank, here[rows, best], later
    return found


def _constant(sessions: np.ndarray) -> Floats:
    """From where on a trial of so many sessions does not move: a variance of 1e-12 of the mean square is none."""
    return sessions * (1.0 - 1e-12)


def _order(columns: BlockSums, chosen: np.ndarray, sessions: np.ndarray) -> Floats:
    """What orders trials as their Sharpe ratios over the blocks that are chosen do, (splits, P); -inf where constant.

    Of n sessions with the sum A and the sum of squares B it is A |A| / B, which rises with A / sqrt(n B - A A), takes
    no root, and is n or -n where nothing moves.

    Parameters
    ----------
    columns : BlockSums
        With its arrays as (S, P).
    chosen : array (splits, S)
        1 for the blocks that are chosen.
    sessions : array (splits,)
        In those blocks.
    """
    constant = _constant(sessions)[:, None]
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
