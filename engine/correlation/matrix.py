"""A correlation for every pair of names: the realised matrix, moved until it prices the index."""

from dataclasses import dataclass

import numpy as np

from engine.backend import block_budget, blocks, namespace
from engine.correlation.basket import ranked_members
from engine.correlation.implied import implied_correlation
from engine.errors import InputError


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


def realized_matrix(
    returns, weights, window: int = 252, *, shrinkage: float = 0.0, min_returns=0.8, dates=slice(None), budget=None
) -> RealizedMatrix:
    """Realised correlation matrix of each date's basket over the window that ends on it.

        C_ij = sum r_i r_j / sqrt(sum r_i^2 sum r_j^2)

    Returns are not de-meaned, as in `realized_correlation`. A missing return counts as no move. That keeps the matrix
    one of inner products, so positive semidefinite without any repair: sessions that all names miss leave no trace,
    a name that alone misses a share m of its sessions has correlations about sqrt(1 - m) of what they were.

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
        Bytes of one block of dates; None = what suits the machine the arrays are on. Changes not a bit of the result.

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
    if returns.shape != weights.shape:
        raise InputError(f"returns {returns.shape} and weights {weights.shape} differ in shape; both are (T, N)")
    if window < 1:
        raise InputError(f"a window of {window} session(s) measures nothing; use 252 for a year")
    for name, share in (("shrinkage", shrinkage), ("min_returns", min_returns)):
        if not 0.0 <= share <= 1.0:
            raise InputError(f"{name}={share} is not a fraction; use a number from 0 to 1")
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
        known = enough[part] & (size > 0.0)
        scale = xp.where(known, 1.0 / xp.where(known, size, 1.0), 0.0)
        # A matrix product need not be symmetric to the last bit.
        pairs = 0.5 * (pairs + pairs.swapaxes(1, 2)) * (scale[:, :, None] * scale[:, None, :])
        n = known.sum(axis=1)
        average = (pairs.sum(axis=2).sum(axis=1) - n) / xp.maximum(n * (n - 1), 1)
        pairs = (1.0 - shrinkage) * pairs + shrinkage * average[:, None, None]
        correlation[part] = _of_names(pairs, known)
    return RealizedMatrix(correlation, position, weight)


def implied_matrix(
    index_iv, component_iv, realized: RealizedMatrix, *, min_coverage: float = 0.8, budget=None
) -> ImpliedMatrix:
    """Implied correlation matrix of each date: the realised one, moved evenly until it prices the index.

        v_C = sum_ij w_i w_j s_i s_j C_ij         A = sum w s        B = sum w^2 s^2
        index richer than realised:   rho = C + alpha (1 - C),            alpha = (s_I^2 - v_C) / (A^2 - v_C)
        index cheaper than realised:  rho = C + |alpha| (L - C),        |alpha| = (v_C - s_I^2) / (v_C - v_L)

    L has every pair at -1/(n-1), the lowest equal correlation that n names can have, and v_L is its variance. Both ways
    rho lies between two correlation matrices, so it is one. It exists exactly where the clean correlation lies
    between -1/(n-1) and 1.

    Parameters
    ----------
    index_iv : array (T,)
        Volatility s_I of the index, annualised decimals, NaN where there is no quote: one tenor and delta.
    component_iv : array (T, N)
        Volatility s of each name, same cell.
    realized : RealizedMatrix
        Realised matrix C and basket weights w of the same dates.
    min_coverage, budget
        As for `implied_correlation` and `realized_matrix`.

    Returns
    -------
    ImpliedMatrix

    Raises
    ------
    InputError
        When the shapes do not belong together or `min_coverage` is not a fraction.

    References
    ----------
    Buss and Vilkov, "Measuring equity risk with option-implied correlations" (2012) towards 1; Numpacharoen and
    Numpacharoen, "Estimating realistic implied correlation matrix from option prices" (2013) for weighing it with a
    second valid matrix instead where the index is cheaper.

    Examples
    --------
    >>> r = np.array([[0.01, 0.02], [0.02, 0.01], [-0.01, -0.01]])
    >>> realized = realized_matrix(r, np.full((3, 2), 0.5), window=3)
    >>> m = implied_matrix(np.full(3, 0.19), np.full((3, 2), 0.2), realized)
    >>> m.correlation[2].round(4).tolist(), m.alpha[2].round(4).item()
    ([[1.0, 0.805], [0.805, 1.0]], -0.0155)
    """
    xp = namespace(index_iv, component_iv, realized.correlation)
    dates = len(realized.position)
    if index_iv.shape != (dates,) or component_iv.ndim != 2 or len(component_iv) != dates:
        raise InputError(
            f"index_iv {index_iv.shape} and component_iv {component_iv.shape} do not belong to a realised matrix of "
            f"{dates} dates; choose one tenor and delta, so that they are (T,) and (T, N)"
        )
    vol = xp.take_along_axis(component_iv, realized.position, axis=1).astype(float)
    used = xp.isfinite(vol) & known_names(realized.correlation)
    vol = xp.where(used, vol, xp.nan)
    basket = implied_correlation(index_iv, vol, realized.weight, min_coverage=min_coverage)
    weight = xp.where(used, realized.weight, 0.0)
    total = weight.sum(axis=1, keepdims=True)
    weight = weight / xp.where(total > 0.0, total, 1.0)
    exposure = weight * xp.where(used, vol, 0.0)
    index_variance = xp.asarray(index_iv).astype(float) ** 2
    lowest = _lowest(basket.names)
    # A comparison with NaN is false: dates without a level have no matrix.
    exists = (basket.clean >= lowest) & (basket.clean <= 1.0)
    correlation, alpha = xp.empty(realized.correlation.shape), xp.empty(dates)

    for part in blocks(dates, 40 * used.shape[1] ** 2, budget or block_budget(xp)):
        pairs, x = realized.correlation[part], exposure[part]
        before = _variance(pairs, x)
        rise = index_variance[part] - before
        goal = xp.where(rise >= 0.0, 1.0, lowest[part])
        reach = _equal_variance(goal, x) - before
        share = rise / xp.where(reach != 0.0, reach, 1.0)
        alpha[part] = xp.where(rise >= 0.0, share, -share)
        moved = pairs + share[:, None, None] * (goal[:, None, None] - pairs)
        correlation[part] = _of_names(moved, used[part] & exists[part][:, None])
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
    )


@dataclass(frozen=True, eq=False)
class Diversification:
    """What a portfolio's names do for each other; every array (T,), annualised decimals unless said otherwise.

    Parameters
    ----------
    vol : expected volatility of the portfolio
    undiversified_vol : sum |w| s, its volatility if all positions moved together
    ratio : undiversified_vol / vol; 1 = no diversification
    benefit : undiversified_vol - vol
    stressed_vol : volatility once the average correlation of the basket has risen
    benefit_lost : stressed_vol - vol, negative for a portfolio that gains from it
    coverage : share of the gross weight held by names of the matrix; the weights of the rest are spread over them
    """

    vol: np.ndarray
    undiversified_vol: np.ndarray
    ratio: np.ndarray
    benefit: np.ndarray
    stressed_vol: np.ndarray
    benefit_lost: np.ndarray
    coverage: np.ndarray


def diversification(matrix: ImpliedMatrix, portfolio, rise: float = 0.1, *, budget=None) -> Diversification:
    """Expected volatility of any portfolio of the matrix's names, and what a rise of correlation does to it.

    The rise moves every pair the same share of the way to 1 (to -1/(n-1) if it is a fall), so that the average
    correlation of the basket changes by `rise` and the matrix stays one.

    Parameters
    ----------
    matrix : ImpliedMatrix
    portfolio : array (N,) or (T, N)
        Weights of the panel's names as fractions of capital, short positions negative; they need not sum to 1.
    rise : float
        Change of the basket's clean correlation, decimals: 0.1 = ten points.

    Returns
    -------
    Diversification
        NaN where there is no matrix, or no name of the portfolio in it; stressed values also where the average
        correlation would rise above 1 or fall below -1/(n-1).

    Raises
    ------
    InputError
        When the portfolio has too few names or another number of dates.

    References
    ----------
    Choueifaty and Coignard, "Toward maximum diversification" (2008) for the ratio.

    Examples
    --------
    >>> r = np.array([[0.01, 0.02], [0.02, 0.01], [-0.01, -0.01]])
    >>> realized = realized_matrix(r, np.full((3, 2), 0.5), window=3)
    >>> m = implied_matrix(np.full(3, 0.16), np.full((3, 2), 0.2), realized)
    >>> d = diversification(m, np.array([0.5, 0.5]), rise=0.1)
    >>> d.vol[2].round(4).item(), d.ratio[2].round(4).item(), d.benefit_lost[2].round(4).item()
    (0.16, 1.25, 0.0061)
    """
    xp = namespace(matrix.correlation, portfolio)
    dates, members = matrix.position.shape
    needed = int(matrix.position.max()) + 1 if matrix.position.size else 0
    if portfolio.ndim not in (1, 2) or portfolio.shape[-1] < needed or portfolio.shape[:-1] not in ((), (dates,)):
        raise InputError(
            f"portfolio {portfolio.shape} does not fit the matrix; give a weight to every name of the panel, "
            f"as (N,) or ({dates}, N)"
        )
    held = xp.take_along_axis(xp.broadcast_to(portfolio, (dates, portfolio.shape[-1])), matrix.position, axis=1)
    known = known_names(matrix.correlation)
    held = xp.where(known, held, 0.0)
    gross = xp.abs(portfolio).sum(axis=-1)
    coverage = xp.abs(held).sum(axis=1) / xp.where(gross > 0.0, gross, 1.0)
    exposure = held * xp.where(known, matrix.vol, 0.0) / xp.where(coverage > 0.0, coverage, xp.nan)[:, None]
    variance = xp.empty(dates)
    for part in blocks(dates, 24 * members**2, budget or block_budget(xp)):
        variance[part] = _variance(matrix.correlation[part], exposure[part])
    goal = 1.0 if rise >= 0.0 else _lowest(matrix.names)
    reach = goal - matrix.level
    share = rise / xp.where(reach != 0.0, reach, xp.nan)
    moved = variance + share * (_equal_variance(goal, exposure) - variance)
    # Rounding may leave the variance of a hedged portfolio a hair below zero.
    vol = xp.sqrt(xp.maximum(variance, 0.0))
    stressed = xp.where(share <= 1.0, xp.sqrt(xp.maximum(moved, 0.0)), xp.nan)
    undiversified = xp.abs(exposure).sum(axis=1)
    return Diversification(
        vol=vol,
        undiversified_vol=undiversified,
        ratio=undiversified / xp.where(vol > 0.0, vol, xp.nan),
        benefit=undiversified - vol,
        stressed_vol=stressed,
        benefit_lost=stressed - vol,
        coverage=coverage,
    )


def _of_names(pairs, names):
    """Put 1 on the diagonal, and NaN in the rows and columns of all but the names (T, M)."""
    xp = namespace(pairs, names)
    pairs = xp.where(xp.eye(names.shape[1], dtype=bool), 1.0, pairs)
    return xp.where(names[:, :, None] & names[:, None, :], pairs, xp.nan)


def known_names(correlation):
    """Which names a stack of matrices knows: those with a diagonal, (T, M)."""
    return namespace(correlation).isfinite(correlation.diagonal(axis1=1, axis2=2))


def weighted_sums(correlation, exposure):
    """C x of each date, (T, M); pairs that are not known count nothing."""
    xp = namespace(correlation, exposure)
    return (xp.where(xp.isfinite(correlation), correlation, 0.0) @ exposure[:, :, None])[:, :, 0]


def _variance(correlation, exposure):
    """x' C x of each date."""
    return (weighted_sums(correlation, exposure) * exposure).sum(axis=1)


def _equal_variance(level, exposure):
    """x' C x of each date where every pair has the same correlation."""
    own = (exposure * exposure).sum(axis=1)
    return own + level * (exposure.sum(axis=1) ** 2 - own)


def _lowest(names):
    """Lowest equal correlation that so many names can have."""
    return -1.0 / namespace(names).maximum(names - 1, 1)
