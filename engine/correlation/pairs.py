"""What holds for all pairs of a basket's names, computed from sums over its names."""

from engine.arrays import Floats, Integers, PerDate, PerName
from engine.backend import namespace


def sum_over_pairs(x: PerName) -> PerDate:
    """Sum of x_i x_j over all i != j, A^2 - B; names on axis 1.

    Examples
    --------
    >>> import numpy as np
    >>> sum_over_pairs(np.array([[1.0, 2.0, 3.0]])).tolist()
    [22.0]
    """
    return x.sum(axis=1) ** 2 - (x * x).sum(axis=1)


def equal_correlation_variance(correlation: PerDate | float, x: PerName) -> PerDate:
    """Variance of a portfolio whose names all have one correlation, B + rho (A^2 - B).

    Parameters
    ----------
    correlation : float or array (T, ...)
    x : array (T, N, ...)
        Weight times volatility of each name.

    Returns
    -------
    array (T, ...)

    Examples
    --------
    >>> import numpy as np
    >>> equal_correlation_variance(0.5, np.array([[0.1, 0.1]])).round(9).tolist()
    [0.03]
    """
    own = (x * x).sum(axis=1)
    return own + correlation * (x.sum(axis=1) ** 2 - own)


def lowest_correlation(names: Integers) -> Floats:
    """Lowest correlation that all pairs of so many names can have at once, -1 / (n - 1); -1 for fewer than two."""
    return -1.0 / namespace(names).maximum(names - 1, 1)
