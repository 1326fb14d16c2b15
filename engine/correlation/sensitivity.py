"""How far implied correlation moves when a volatility moves."""

from dataclasses import dataclass

import numpy as np

from engine.backend import namespace
from engine.correlation.basket import basket_moments


@dataclass(frozen=True, eq=False)
class CorrelationSensitivity:
    """First derivatives of clean implied correlation, per unit of volatility (divide by 100 for a vol point).

    Parameters
    ----------
    index : array (T, ...)
        With respect to the index volatility.
    component : array (T, N, ...)
        With respect to each name's volatility; 0 where the name is not used.
    """

    index: np.ndarray
    component: np.ndarray


def correlation_sensitivity(index_iv, component_iv, weights) -> CorrelationSensitivity:
    """Sensitivity of clean implied correlation to the index's and every name's volatility.

        d rho / d s_I = 2 s_I / (A^2 - B)
        d rho / d s_k = -2 w_k (w_k s_k (1 - rho) + rho A) / (A^2 - B)

    Parameters
    ----------
    index_iv : array (T, ...); component_iv : array (T, N, ...); weights : array (T, N)
        As for `implied_correlation`.

    Examples
    --------
    >>> s = correlation_sensitivity(np.array([0.21]), np.array([[0.25, 0.35, 0.18]]), np.array([[0.3, 0.4, 0.3]]))
    >>> s.index.round(4).tolist(), s.component.round(4).tolist()
    ([9.498], [[-1.9676, -3.3751, -1.7855]])
    """
    xp = namespace(index_iv, component_iv, weights)
    moments = basket_moments(weights, component_iv)
    pairs = moments.vol**2 - moments.own_variance
    pairs = xp.where(pairs > 0.0, pairs, xp.nan)
    rho = ((index_iv * moments.quoted) ** 2 - moments.own_variance) / pairs
    w = weights.reshape(*weights.shape, *(1 for _ in component_iv.shape[2:]))
    used = xp.isfinite(component_iv) & (w > 0.0)
    own = w * xp.where(used, component_iv, 0.0) * (1.0 - rho)[:, None]
    component = -2.0 * w * (own + (rho * moments.vol)[:, None]) / pairs[:, None]
    return CorrelationSensitivity(
        index=2.0 * index_iv * moments.quoted**2 / pairs, component=xp.where(used, component, 0.0)
    )
