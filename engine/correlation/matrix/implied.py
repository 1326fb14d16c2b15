"""The implied correlation of every pair of names: the realised matrix, moved until it prices the index."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Flags, Floats, PerDate, PerName
from engine.backend import block_budget, blocks, namespace
from engine.correlation.checks import check_arrays, is_quote
from engine.correlation.implied import implied_correlation
from engine.correlation.matrix.algebra import known_names, of_names, portfolio_variance
from engine.correlation.matrix.nearest import ROUNDING, MatrixStatus, nearest_correlation
from engine.correlation.matrix.realized import RealizedMatrix
from engine.correlation.pairs import equal_correlation_variance, lowest_correlation
from engine.errors import InputError


@dataclass(frozen=True, eq=False)
class ImpliedMatrix:
    """Implied correlation of every pair of a basket's names; each array has one row per date.

    Parameters
    ----------
    correlation : array (T, M, M)
        Symmetric, positive semidefinite, 1 on the diagonal, and with `weight` and `vol` exact on the index variance.
        NaN for names not used, and on dates whose index variance no correlation matrix can give (see `status`).
    position : array (T, M), int
        Which name of the panel each row and column is.
    weight : array (T, M)
        Basket weights scaled to sum to 1 over the names used; 0 for the others.
    vol : array (T, M)
        Implied volatilities of the names used, annualised decimals; NaN for the others.
    level : array (T,)
        Clean implied correlation: the average of the pairs. Kept, not clipped, where no matrix exists.
    alpha : array (T,)
        How far the realised matrix was moved: the share of the way to correlation 1 where positive, to the lowest
        equal correlation -1/(n-1) where negative. Beyond 1 in size where no matrix exists.
    status : array (T,), uint8
        `CorrelationStatus` of the level; `above_one` and `below_psd_bound` are the dates without a matrix.
    coverage : array (T,)
        Share of the basket's weight held by the names used, which have both a quote and enough returns.
    names : array (T,), int32
        Number of names used.
    matrix_status : array (T,), uint8
        `MatrixStatus`: whether the realised matrix was one, or had to be repaired first.
    repair : array (T,)
        Distance of the matrix that was moved from the realised one, the root of the sum of squared differences; 0 where
        nothing was repaired.
    """

    correlation: np.ndarray
    position: np.ndarray
    weight: np.ndarray
    vol: np.ndarray
    level: np.ndarray
    alpha: np.ndarray
    status: np.ndarray
    coverage: np.ndarray
    names: np.ndarray
    matrix_status: np.ndarray
    repair: np.ndarray


def implied_matrix(
    index_iv: PerDate,
    component_iv: PerName,
    realized: RealizedMatrix,
    *,
    min_coverage: float = 0.8,
    budget: int | None = None,
) -> ImpliedMatrix:
    """Implied correlation matrix of each date: the realised one, moved evenly until it prices the index.

        v_C = sum_ij w_i w_j s_i s_j C_ij         A = sum w s        B = sum w^2 s^2
        index richer than realised:   rho = C + alpha (1 - C),            alpha = (s_I^2 - v_C) / (A^2 - v_C)
        index cheaper than realised:  rho = C + |alpha| (L - C),        |alpha| = (v_C - s_I^2) / (v_C - v_L)

    L has every pair at -1/(n-1), the lowest equal correlation that n names can have, and v_L is its variance. Both ways
    rho lies between two correlation matrices, so it is one. It exists exactly where the clean correlation lies
    between -1/(n-1) and 1. A matrix C that is none, because an eigenvalue is negative, is replaced by the nearest one
    that is (`nearest_correlation`), and `matrix_status` says so.

    Parameters
    ----------
    index_iv : array (T,)
        Volatility s_I of the index, annualised decimals, NaN where there is no quote: one tenor and delta.
    component_iv : array (T, N)
        Volatility s of each name, same cell.
    realized : RealizedMatrix
        Realised matrix C and basket weights w of the same dates, from `realized_matrix` or your own.
    min_coverage, budget
        As for `implied_correlation` and `realized_matrix`.

    Returns
    -------
    ImpliedMatrix

    Raises
    ------
    InputError
        When the shapes do not belong together, `min_coverage` is not a fraction, or a realised matrix is not symmetric.

    References
    ----------
    Buss and Vilkov, "Measuring equity risk with option-implied correlations" (2012) towards 1; Numpacharoen and
    Numpacharoen, "Estimating realistic implied correlation matrix from option prices" (2013) for weighing it with a
    second valid matrix instead where the index is cheaper.

    Examples
    --------
    >>> from engine.correlation import realized_matrix
    >>> r = np.array([[0.01, 0.02], [0.02, 0.01], [-0.01, -0.01]])
    >>> realized = realized_matrix(r, np.full((3, 2), 0.5), window=3)
    >>> m = implied_matrix(np.full(3, 0.19), np.full((3, 2), 0.2), realized)
    >>> m.correlation[2].round(4).tolist(), m.alpha[2].round(4).item()
    ([[1.0, 0.805], [0.805, 1.0]], -0.0155)
    """
    xp = namespace(index_iv, component_iv, realized.correlation)
    dates = len(realized.position)
    check_arrays(index_iv=index_iv, component_iv=component_iv)
    if index_iv.shape != (dates,) or component_iv.ndim != 2 or len(component_iv) != dates:
        raise InputError(
            f"index_iv {index_iv.shape} and component_iv {component_iv.shape} do not belong to a realised matrix of "
            f"{dates} dates; choose one tenor and delta, so that they are (T,) and (T, N)"
        )
    vol = xp.take_along_axis(component_iv, realized.position, axis=1).astype(float)
    used = is_quote(vol) & known_names(realized.correlation)
    vol = xp.where(used, vol, xp.nan)
    basket = implied_correlation(index_iv, vol, realized.weight, min_coverage=min_coverage, budget=budget)
    weight = xp.where(used, realized.weight, 0.0)
    total = weight.sum(axis=1, keepdims=True)
    weight = weight / xp.where(total > 0.0, total, 1.0)
    weighted_vol = weight * xp.where(used, vol, 0.0)
    index_variance = xp.asarray(index_iv).astype(float) ** 2
    lowest = lowest_correlation(basket.names)
    # A comparison with NaN is false: dates without a level have no matrix.
    exists = (basket.clean >= lowest) & (basket.clean <= 1.0)
    correlation = xp.empty(realized.correlation.shape)
    alpha, repair = xp.empty(dates), xp.empty(dates)

    for part in blocks(dates, 40 * used.shape[1] ** 2, budget or block_budget(xp)):
        pairs, repair[part] = _made_valid(realized.correlation[part], used[part])
        x = weighted_vol[part]
        before = portfolio_variance(pairs, x)
        rise = index_variance[part] - before
        goal = xp.where(rise >= 0.0, 1.0, lowest[part])
        reach = equal_correlation_variance(goal, x) - before
        share = rise / xp.where(reach != 0.0, reach, 1.0)
        alpha[part] = xp.where(rise >= 0.0, share, -share)
        moved = pairs + share[:, None, None] * (goal[:, None, None] - pairs)
        correlation[part] = of_names(moved, used[part] & exists[part][:, None])
    return ImpliedMatrix(
        correlation,
        realized.position,
        weight,
        vol,
        level=basket.clean,
        alpha=xp.where(xp.isfinite(basket.clean), alpha, xp.nan),
        status=basket.status,
        coverage=basket.coverage,
        names=basket.names,
        matrix_status=xp.where(
            exists, xp.where(repair > 0.0, int(MatrixStatus.REPAIRED), int(MatrixStatus.OK)), int(MatrixStatus.ABSENT)
        ).astype(xp.uint8),
        repair=repair,
    )


def _made_valid(pairs: Floats, used: Flags) -> tuple[Floats, Floats]:
    """Pairs of the names used, 0 elsewhere, as correlation matrices with 1 on the diagonal, and what that changed."""
    xp = namespace(pairs)
    both = used[:, :, None] & used[:, None, :]
    known = xp.where(both & xp.isfinite(pairs), pairs, 0.0)
    known = xp.where(xp.eye(used.shape[1], dtype=bool), 1.0, known)
    mirrored = known.swapaxes(1, 2)
    if not bool((xp.abs(known - mirrored) <= ROUNDING).all()):
        raise InputError("a realised correlation matrix is not symmetric; give every pair one correlation")
    return nearest_correlation(0.5 * (known + mirrored))
