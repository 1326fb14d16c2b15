"""Stacks of correlation matrices (T, M, M): which names they know, and the variance they give a portfolio."""

from engine.arrays import Flags, Floats, PerDate
from engine.backend import namespace


def of_names(pairs: Floats, names: Flags) -> Floats:
    """Return the matrices with 1 on the diagonal, and NaN in the rows and columns where `names`, (T, M), is False."""
    xp = namespace(pairs, names)
    pairs = xp.where(xp.eye(names.shape[1], dtype=bool), 1.0, pairs)
    return xp.where(names[:, :, None] & names[:, None, :], pairs, xp.nan)


def known_names(correlation: Floats) -> Flags:
    """Return which names each matrix knows, (T, M): those whose diagonal is not NaN."""
    return namespace(correlation).isfinite(correlation.diagonal(axis1=1, axis2=2))


def weighted_sums(correlation: Floats, x: Floats) -> Floats:
    """Return C x of each date, (T, M); a pair that is not known adds 0."""
    xp = namespace(correlation, x)
    return (xp.where(xp.isfinite(correlation), correlation, 0.0) @ x[:, :, None])[:, :, 0]


def portfolio_variance(correlation: Floats, x: Floats) -> PerDate:
    """Return x' C x of each date, (T,); x is weight times volatility of each name, (T, M)."""
    return (weighted_sums(correlation, x) * x).sum(axis=1)
