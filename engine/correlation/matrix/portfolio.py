"""What correlation does to a portfolio: its expected volatility, and how much of it the names take off each other."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats, PerName
from engine.backend import block_budget, blocks, namespace
from engine.correlation.matrix.algebra import known_names, portfolio_variance, weighted_sums
from engine.correlation.matrix.implied import ImpliedMatrix
from engine.correlation.pairs import equal_correlation_variance, lowest_correlation, sum_over_pairs
from engine.errors import InputError


@dataclass(frozen=True, eq=False)
class Diversification:
    """What a portfolio's names do for each other; every array (T,), annualised decimals unless said otherwise.

    Parameters
    ----------
    vol : expected volatility of the portfolio
    undiversified_vol : sum |w| s, its volatility if all positions moved together
    ratio : undiversified_vol / vol; 1 = no diversification
    benefit : undiversified_vol - vol
    correlation : average of the pairs, each weighing as much as it counts in the volatility; a decimal. A short and a
        long position count as moving against each other where their names move together
    stressed_vol : volatility once the average correlation of the basket has risen
    benefit_lost : stressed_vol - vol, negative for a portfolio that gains from it
    coverage : share of the gross weight held by names of the matrix; the weights of the rest are spread over them
    """

    vol: np.ndarray
    undiversified_vol: np.ndarray
    ratio: np.ndarray
    benefit: np.ndarray
    correlation: np.ndarray
    stressed_vol: np.ndarray
    benefit_lost: np.ndarray
    coverage: np.ndarray


def diversification(
    matrix: ImpliedMatrix, portfolio: Floats, rise: float = 0.1, *, budget: int | None = None
) -> Diversification:
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
    budget : int or None
        As for `realized_matrix`.

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
    >>> from engine.correlation import implied_matrix, realized_matrix
    >>> r = np.array([[0.01, 0.02], [0.02, 0.01], [-0.01, -0.01]])
    >>> realized = realized_matrix(r, np.full((3, 2), 0.5), window=3)
    >>> m = implied_matrix(np.full(3, 0.16), np.full((3, 2), 0.2), realized)
    >>> d = diversification(m, np.array([0.5, 0.5]), rise=0.1)
    >>> d.vol[2].round(4).item(), d.ratio[2].round(4).item(), d.benefit_lost[2].round(4).item()
    (0.16, 1.25, 0.0061)
    """
    xp = namespace(matrix.correlation, portfolio)
    x, coverage = _positions(matrix, portfolio)
    dates, members = x.shape
    variance = xp.empty(dates)
    for part in blocks(dates, 24 * members**2, budget or block_budget(xp)):
        variance[part] = portfolio_variance(matrix.correlation[part], x[part])
    goal = 1.0 if rise >= 0.0 else lowest_correlation(matrix.names)
    reach = goal - matrix.level
    share = rise / xp.where(reach != 0.0, reach, xp.nan)
    moved = variance + share * (equal_correlation_variance(goal, x) - variance)
    # Rounding may leave the variance of a hedged portfolio a hair below zero.
    vol = xp.sqrt(xp.maximum(variance, 0.0))
    stressed = xp.where(share <= 1.0, xp.sqrt(xp.maximum(moved, 0.0)), xp.nan)
    undiversified = xp.abs(x).sum(axis=1)
    own = (x**2).sum(axis=1)
    pairs = sum_over_pairs(xp.abs(x))
    return Diversification(
        vol=vol,
        undiversified_vol=undiversified,
        ratio=undiversified / xp.where(vol > 0.0, vol, xp.nan),
        benefit=undiversified - vol,
        correlation=(variance - own) / xp.where(pairs > 0.0, pairs, xp.nan),
        stressed_vol=stressed,
        benefit_lost=stressed - vol,
        coverage=coverage,
    )


def volatility_contribution(matrix: ImpliedMatrix, portfolio: Floats, *, budget: int | None = None) -> PerName:
    """Each position's contribution to the portfolio's expected volatility; they sum to it.

        c_i = x_i (C x)_i / vol        x = w s

    Parameters
    ----------
    matrix, portfolio, budget
        As for `diversification`.

    Returns
    -------
    array (T, N)
        Annualised decimals, negative for a position that hedges the others; 0 for names that are not held or not in
        the matrix, NaN where there is no volatility.

    Examples
    --------
    >>> from engine.correlation import implied_matrix, realized_matrix
    >>> r = np.array([[0.01, 0.02], [0.02, 0.01], [-0.01, -0.01]])
    >>> realized = realized_matrix(r, np.full((3, 2), 0.5), window=3)
    >>> m = implied_matrix(np.full(3, 0.16), np.full((3, 2), 0.2), realized)
    >>> volatility_contribution(m, np.array([0.7, 0.3]))[2].round(4).tolist()
    [0.1314, 0.0356]
    """
    xp = namespace(matrix.correlation, portfolio)
    x, _ = _positions(matrix, portfolio)
    dates, members = x.shape
    share = xp.empty((dates, members))
    for part in blocks(dates, 24 * members**2, budget or block_budget(xp)):
        share[part] = x[part] * weighted_sums(matrix.correlation[part], x[part])
    vol = xp.sqrt(xp.maximum(share.sum(axis=1), 0.0))
    contribution = xp.zeros((dates, portfolio.shape[-1]))
    contribution[xp.arange(dates)[:, None], matrix.position] = share / xp.where(vol > 0.0, vol, xp.nan)[:, None]
    return xp.where((vol > 0.0)[:, None], contribution, xp.nan)


def _positions(matrix: ImpliedMatrix, portfolio: Floats) -> tuple[Floats, Floats]:
    """Weight times volatility of each name of the matrix, (T, M), scaled to the whole portfolio; and the coverage."""
    xp = namespace(matrix.correlation, portfolio)
    dates = len(matrix.position)
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
    x = held * xp.where(known, matrix.vol, 0.0) / xp.where(coverage > 0.0, coverage, xp.nan)[:, None]
    return x, coverage
