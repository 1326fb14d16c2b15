"""How far implied correlation moves when a volatility or a weight moves, and where it can be traded."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import PerDate, PerName, Weights
from engine.backend import namespace
from engine.correlation.checks import check_shapes, is_quote
from engine.correlation.implied import ImpliedCorrelation, implied_correlation
from engine.correlation.moments import basket_moments
from engine.errors import InputError
from engine.statistics import ROUNDING


@dataclass(frozen=True, eq=False)
class CorrelationSensitivity:
    """First derivatives of clean implied correlation, per unit of volatility (divide by 100 for a vol point).

    Parameters
    ----------
    index : array (T, ...)
        With respect to the index volatility.
    component : array (T, N, ...)
        With respect to each name's volatility; 0 where the name is not used.
    weight : array (T, N, ...)
        With respect to each name's weight, when all weights are then scaled back to their former sum; 0 where the name
        is not used. The sum over names of weight times derivative is 0.
    """

    index: np.ndarray
    component: np.ndarray
    weight: np.ndarray

    def worst_error(self, index_error: PerDate, component_error: PerName) -> PerDate:
        """Error of implied correlation, to first order, when every volatility is off by its error in the worst way.

        With half the bid/ask spreads as errors it is about half the width of the tradable band.

        Parameters
        ----------
        index_error : array (T, ...); component_error : array (T, N, ...)
            In volatility; NaN counts as none for names.

        Returns
        -------
        array (T, ...)
        """
        xp = namespace(self.index, index_error, component_error)
        return xp.abs(self.index) * index_error + xp.nansum(xp.abs(self.component) * component_error, axis=1)

    def standard_error(self, index_error: PerDate, component_error: PerName) -> PerDate:
        """Standard error of implied correlation, to first order, from independent standard errors of volatilities.

        Parameters and result as of `worst_error`.
        """
        xp = namespace(self.index, index_error, component_error)
        names = xp.nansum((self.component * component_error) ** 2, axis=1)
        return xp.sqrt((self.index * index_error) ** 2 + names)


def correlation_sensitivity(index_iv: PerDate, component_iv: PerName, weights: Weights) -> CorrelationSensitivity:
    """Sensitivity of clean implied correlation to the index's and every name's volatility, and to every weight.

        d rho / d s_I = 2 s_I / (A^2 - B)
        d rho / d s_k = -2 w_k (w_k s_k (1 - rho) + rho A) / (A^2 - B)
        d rho / d w_k = 2 (s_I^2 - w_k s_k^2 (1 - rho) - rho A s_k) / (A^2 - B)

    Parameters
    ----------
    index_iv : array (T, ...); component_iv : array (T, N, ...); weights : array (T, N)
        As for `implied_correlation`.

    Examples
    --------
    >>> s = correlation_sensitivity(np.array([0.21]), np.array([[0.25, 0.35, 0.18]]), np.array([[0.3, 0.4, 0.3]]))
    >>> s.index.round(4).tolist(), s.component.round(4).tolist()
    ([9.498], [[-1.9676, -3.3751, -1.7855]])
    >>> s.weight.round(4).tolist()
    [[0.3549, -0.9586, 0.9233]]
    """
    xp = namespace(index_iv, component_iv, weights)
    check_shapes(index_iv, component_iv, weights)
    index = xp.where(is_quote(index_iv), index_iv, xp.nan).astype(float)  # a square of float32 would lose digits
    moments = basket_moments(weights, component_iv)
    pairs = moments.vol**2 - moments.own_variance
    pairs = xp.where(pairs > ROUNDING * moments.vol**2, pairs, xp.nan)
    rho = ((index * moments.quoted) ** 2 - moments.own_variance) / pairs
    w = weights.reshape(*weights.shape, *(1 for _ in component_iv.shape[2:]))
    used = is_quote(component_iv) & (w > 0.0)
    vol = xp.where(used, component_iv, 0.0)
    # d rho / d (w_k s_k), the index volatility and the sum of the weights held.
    exposure = -2.0 * (w * vol * (1.0 - rho)[:, None] + (rho * moments.vol)[:, None]) / pairs[:, None]
    quoted = (2.0 * index**2 * moments.quoted / pairs)[:, None]
    return CorrelationSensitivity(
        index=2.0 * index * moments.quoted**2 / pairs,
        component=xp.where(used, w * exposure, 0.0),
        weight=xp.where(used, vol * exposure + quoted, 0.0),
    )


@dataclass(frozen=True, eq=False)
class CorrelationBand:
    """Where implied correlation can be traded, given two-sided quotes; each an `ImpliedCorrelation` of the same names.

    Parameters
    ----------
    bid : what a seller of correlation gets: index sold at its bid, members bought at their ask
    mid : index and members at the mean of bid and ask volatility
    ask : what a buyer of correlation pays: index bought at its ask, members sold at their bid
    """

    bid: ImpliedCorrelation
    mid: ImpliedCorrelation
    ask: ImpliedCorrelation


def correlation_band(
    index_bid: PerDate,
    index_ask: PerDate,
    component_bid: PerName,
    component_ask: PerName,
    weights: Weights,
    *,
    min_coverage: float = 0.8,
) -> CorrelationBand:
    """Bid, mid and ask of implied correlation: the dispersion trade at the prices of others.

        bid = rho(index bid, members' ask)         ask = rho(index ask, members' bid)

    Selling correlation is the dispersion trade: sell the index, buy the members. A quote with one side missing, or
    crossed, is no quote, so that the three use the same names. Wherever the mid is not negative the band contains it:
    rho rises with the index volatility, and falls with each member's as long as it is not negative itself. Below zero
    dearer members may raise it, and the numbers are given as they come.

    Parameters
    ----------
    index_bid, index_ask : array (T, ...)
        Volatility of the index at bid and ask, annualised decimals, NaN where there is none.
    component_bid, component_ask : array (T, N, ...)
        Volatility of each name.
    weights : array (T, N) or (B, T, N)
        As for `implied_correlation`, as is `min_coverage`.

    Returns
    -------
    CorrelationBand
        Each side has a status of its own: a bid may lie in bounds where the ask is above one.

    Raises
    ------
    InputError
        When the shapes do not belong together or `min_coverage` is not a fraction.

    Examples
    --------
    >>> s, w = np.array([[0.25, 0.35, 0.18]]), np.array([[0.3, 0.4, 0.3]])
    >>> band = correlation_band(np.array([0.208]), np.array([0.212]), s - 0.005, s + 0.005, w)
    >>> [side.clean.round(3).item() for side in (band.bid, band.mid, band.ask)]
    [0.308, 0.361, 0.418]
    """
    if index_bid.shape != index_ask.shape or component_bid.shape != component_ask.shape:
        raise InputError(
            f"bid and ask differ in shape: index {index_bid.shape} and {index_ask.shape}, "
            f"components {component_bid.shape} and {component_ask.shape}"
        )
    index, component = _sides(index_bid, index_ask), _sides(component_bid, component_ask)
    bid, mid, ask = (
        implied_correlation(i, c, weights, min_coverage=min_coverage)
        for i, c in zip(index, reversed(component), strict=True)
    )
    return CorrelationBand(bid, mid, ask)


def _sides(bid, ask):
    """Bid, mid and ask, all NaN where the quote is not two-sided."""
    xp = namespace(bid, ask)
    quoted = is_quote(bid) & is_quote(ask) & (bid <= ask)
    return [xp.where(quoted, side, xp.nan) for side in (bid, 0.5 * (bid + ask), ask)]
