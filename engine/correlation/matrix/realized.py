"""The realised correlation of every pair of names."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import PerName, Weights
from engine.backend import block_budget, blocks, namespace
from engine.correlation.checks import check_fraction, check_returns
from engine.correlation.matrix.algebra import of_names
from engine.correlation.moments import ranked_members
from engine.errors import InputError

ROUNDING = 1e-12  # root of a sum of squared returns below which a price never moved: a return is a ratio less 1


@dataclass(frozen=True, eq=False)
class RealizedMatrix:
    """Realised correlation of every pair of a basket's names, over the window that ends on each date.

    Parameters
    ----------
    correlation : array (T, M, M)
        Symmetric, positive semidefinite, 1 on the diagonal; NaN in the row and column of a name that is not known.
    position : array (T, M), int
        Which name of the panel each row and column is: the basket's names by falling weight.
    weight : array (T, M)
        Their basket weights; 0 fills up dates with fewer names.
    """

    correlation: np.ndarray
    position: np.ndarray
    weight: np.ndarray


def realized_matrix(
    returns: PerName,
    weights: Weights,
    window: int = 252,
    *,
    shrinkage: float = 0.0,
    min_returns: float = 0.8,
    dates: slice = slice(None),
    budget: int | None = None,
) -> RealizedMatrix:
    """Realised correlation matrix of each date's basket over the window that ends on it.

        C_ij = sum r_i r_j / sqrt(sum r_i^2 sum r_j^2)

    Returns are not de-meaned, as in `realized_correlation`. A missing return counts as no move. That keeps the matrix
    a matrix of inner products, so positive semidefinite without any repair. Sessions that all names miss change
    nothing; a name that alone misses a share m of its sessions has correlations about sqrt(1 - m) times as large.

    Parameters
    ----------
    returns : array (T, N)
        Simple daily returns, decimals, NaN where unknown.
    weights : array (T, N)
        Basket weights usable on their date; 0 = not in the basket.
    window : int
        Sessions in the window.
    shrinkage : float
        Weight given to the matrix whose pairs all have the average correlation: 0 = as measured. Any value in 0..1
        keeps the average pair, equally weighted, and the matrix positive semidefinite; above 0 no portfolio of names
        looks riskless because the window is short.
    min_returns : float
        A name is known where at least this share of the window's sessions has a return.
    dates : slice
        Rows to make, where all of them (8 T M^2 bytes) are too many; their windows still reach back before it.
    budget : int or None
        Bytes of one block of dates; None = what suits the machine the arrays are on. Changes not a bit of the result on
        numpy, and the last bits on a device, whose library adds up by how many matrices it is given.

    Returns
    -------
    RealizedMatrix
        Row t depends on nothing later than t.

    Raises
    ------
    InputError
        When the shapes differ, the window is empty, or a share is not a fraction.

    Examples
    --------
    >>> r = np.array([[0.01, 0.02], [0.02, 0.01], [-0.01, -0.01]])
    >>> realized_matrix(r, np.full((3, 2), 0.5), window=3).correlation[2].round(4).tolist()
    [[1.0, 0.8333], [0.8333, 1.0]]
    """
    xp = namespace(returns, weights)
    check_returns(returns, weights)
    if window < 1:
        raise InputError(f"a window of {window} session(s) measures nothing; use 252 for a year")
    check_fraction("shrinkage", shrinkage)
    check_fraction("min_returns", min_returns)
    position, weight = ranked_members(weights[dates])
    rows = xp.arange(len(returns))[dates]
    seen = xp.isfinite(returns)
    total = xp.concatenate([xp.zeros((1, returns.shape[1]), dtype=int), xp.cumsum(seen, axis=0)])
    count = total[rows + 1] - total[xp.maximum(rows + 1 - window, 0)]
    enough = (xp.take_along_axis(count, position, axis=1) >= min_returns * window) & (weight > 0.0)
    moves = xp.where(seen, returns, 0.0).T
    moves = xp.concatenate([xp.zeros((len(moves), window - 1)), moves], axis=1)
    windows = xp.lib.stride_tricks.sliding_window_view(moves, window, axis=1)  # (N, T, window)
    members = position.shape[1]
    correlation = xp.empty((len(rows), members, members))

    # One block after the other: the matrix product has threads of its own, and two of it at once hinder each other.
    for part in blocks(len(rows), 8 * members * (window + 5 * members), budget or block_budget(xp)):
        moves = windows[position[part], rows[part][:, None]]
        pairs = moves @ moves.swapaxes(1, 2)
        size = xp.sqrt(pairs.diagonal(axis1=1, axis2=2))
        known = enough[part] & (size > ROUNDING)
        scale = xp.where(known, 1.0 / xp.where(known, size, 1.0), 0.0)
        # A matrix product need not be symmetric to the last bit.
        pairs = 0.5 * (pairs + pairs.swapaxes(1, 2)) * (scale[:, :, None] * scale[:, None, :])
        n = known.sum(axis=1)
        average = (pairs.sum(axis=2).sum(axis=1) - n) / xp.maximum(n * (n - 1), 1)
        pairs = (1.0 - shrinkage) * pairs + shrinkage * average[:, None, None]
        correlation[part] = of_names(pairs, known)
    return RealizedMatrix(correlation, position, weight)
