"""Which names the level of implied correlation comes from."""

from engine.arrays import PerName
from engine.backend import block_budget, blocks, namespace
from engine.correlation.matrix.algebra import known_names, weighted_sums
from engine.correlation.matrix.implied import ImpliedMatrix
from engine.correlation.pairs import sum_over_pairs


def correlation_contribution(matrix: ImpliedMatrix, names: int, *, budget: int | None = None) -> PerName:
    """Each name's contribution to the level of clean implied correlation: its pairs' share of the average.

        c_i = x_i sum_{j != i} x_j rho_ij / (A^2 - B)        x = w s        sum_i c_i = level

    The contributions of two dates differ by parts that sum to the change of the level.

    Parameters
    ----------
    matrix : ImpliedMatrix
    names : int
        N, the number of names of the panel.
    budget : int or None
        As for `realized_matrix`.

    Returns
    -------
    array (T, N)
        0 for names not used; NaN on dates without a matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from engine.correlation import implied_matrix, realized_matrix
    >>> r = np.array([[0.01, 0.02, 0.01], [0.02, 0.01, -0.01], [-0.01, -0.01, 0.02]])
    >>> weights, vols = np.full((3, 3), 1 / 3), np.full((3, 3), 0.3)
    >>> m = implied_matrix(np.full(3, 0.2), vols, realized_matrix(r, weights, window=3))
    >>> correlation_contribution(m, names=3)[2].round(4).tolist(), m.level[2].round(4).item()
    ([0.0882, 0.1373, -0.0588], 0.1667)
    """
    xp = namespace(matrix.correlation)
    dates, members = matrix.position.shape
    used = known_names(matrix.correlation)
    x = xp.where(used, matrix.weight * matrix.vol, 0.0)
    share = xp.empty((dates, members))
    for part in blocks(dates, 24 * members**2, budget or block_budget(xp)):
        share[part] = x[part] * (weighted_sums(matrix.correlation[part], x[part]) - x[part])
    pairs = sum_over_pairs(x)[:, None]
    contribution = xp.zeros((dates, names))
    contribution[xp.arange(dates)[:, None], matrix.position] = share / xp.where(pairs > 0.0, pairs, xp.nan)
    contribution[~used.any(axis=1)] = xp.nan
    return contribution
