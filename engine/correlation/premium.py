"""Premia: what options charge over what was, for correlation and for the variance of index and members."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import PerDate, PerName, Weights
from engine.backend import namespace
from engine.correlation.realized import RealizedCorrelation
from engine.errors import InputError


def correlation_premium(implied: PerDate, realized: PerDate) -> PerDate:
    """Implied less realised correlation of the same basket, in correlation points / 100.

        premium_t = implied_t - realized_t

    With trailing realised correlation the value is known on t and may drive a signal; with forward realised
    correlation it is what a seller would have kept, known only when the window is over.

    Parameters
    ----------
    implied : array (T, ...)
        Clean implied correlation, decimals.
    realized : array (T,)
        Clean realised correlation, decimals, of the same names, weights and underlyings (`basket_realized`) over the
        sessions that the tenor holds (`matched_window`).

    Returns
    -------
    array (T, ...)
        NaN where either is not known.

    Examples
    --------
    >>> import numpy as np
    >>> correlation_premium(np.array([[0.40, 0.45], [0.30, np.nan]]), np.array([0.35, 0.32])).round(9).tolist()
    [[0.05, 0.1], [-0.02, nan]]
    """
    xp = namespace(implied, realized)
    return implied - xp.asarray(realized).reshape(-1, *(1 for _ in implied.shape[1:]))


@dataclass(frozen=True, eq=False)
class VariancePremium:
    """Implied less realised variance, annualised (a volatility of 20 % is a variance of 0.04).

    Parameters
    ----------
    index : array (T,)
        Of the index.
    component : array (T, N)
        Of each name, also those outside the basket.
    basket : array (T,)
        Weighted mean over the basket's names whose premium is known.
    coverage : array (T,)
        Share of the basket's weight they hold.
    """

    index: np.ndarray
    component: np.ndarray
    basket: np.ndarray
    coverage: np.ndarray


def variance_premium(
    index_iv: PerDate, component_iv: PerName, weights: Weights, realized: RealizedCorrelation
) -> VariancePremium:
    """Variance risk premium of the index and of its members, separately.

        index_t = s_I^2 - RV_I        component_it = s_i^2 - RV_i        basket_t = sum w (s_i^2 - RV_i) / sum w

    A dispersion trade sells the first and buys the last: it earns while the index's premium is the larger.

    Parameters
    ----------
    index_iv : array (T,); component_iv : array (T, N)
        Implied volatilities of one tenor, annualised decimals. At one delta they stand for a variance swap's strike
        without its skew, which is lower.
    weights : array (T, N)
        Basket weights; 0 = not in the basket.
    realized : RealizedCorrelation
        Its volatilities. From `realized_correlation`, row t is known on t; from `forward_realized_correlation` it is
        what a seller would have kept, and **not tradable**. Its `index_vol` must be of what the index's options are
        written on: measured with `index_returns`, as `basket_realized` does; without them it is the basket's.

    Raises
    ------
    InputError
        When the shapes do not belong together.

    References
    ----------
    Carr and Wu (2009); for index against members, Driessen, Maenhout and Vilkov (2009).
    """
    xp = namespace(index_iv, component_iv, weights, realized.component_vol)
    if not component_iv.shape == weights.shape == realized.component_vol.shape:
        raise InputError(
            f"component_iv {component_iv.shape}, weights {weights.shape} and realised volatilities "
            f"{realized.component_vol.shape} differ in shape; all are (T, N)"
        )
    index = index_iv.astype(xp.float64) ** 2 - realized.index_vol**2
    component = component_iv.astype(xp.float64) ** 2 - realized.component_vol**2
    held = xp.where(xp.isfinite(component), weights, 0.0)
    total = held.sum(axis=1)
    whole = weights.sum(axis=1)
    earned = (held * xp.where(held > 0.0, component, 0.0)).sum(axis=1)
    return VariancePremium(
        index=index,
        component=component,
        basket=xp.where(total > 0.0, earned / xp.where(total > 0.0, total, 1.0), xp.nan),
        coverage=xp.where(whole > 0.0, total / xp.where(whole > 0.0, whole, 1.0), 0.0),
    )
