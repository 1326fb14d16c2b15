"""The volatility that a volatility swap is worth, from one smile, and how much of it is lost between two closes."""

import math

from engine.arrays import Axis, Floats
from engine.backend import namespace, special
from engine.errors import InputError


def zero_vanna_vol(iv: Floats, deltas: Axis, years: Floats | float) -> Floats:
    """Volatility of smiles where d2 = 0, at the strike F exp(-s^2 T / 2): about the expected realised volatility.

    There an option has neither vanna nor volga: its volatility is the mean of what will be realised, rather than the
    root of a mean square, up to terms of the third order in the volatility of volatility, and whatever the correlation
    of spot and volatility to the first order in it. s^2 is linear in d2 between the quoted nodes, and flat beyond them,
    as `model_free_vol` takes it: on one smile the two differ by the convexity of volatility alone.

    Parameters
    ----------
    iv : array (..., D)
        Volatilities at the call deltas, annualised decimals; nodes that are NaN are passed over.
    deltas : array (D,)
        Call deltas in percent, ascending.
    years : array broadcastable to (...)
        Time to expiry.

    Returns
    -------
    array (...), float64
        Annualised decimals; NaN where no node is quoted, or no time is left.

    References
    ----------
    Rolloos and Arslan, "Taylor-made volatility swaps", Wilmott (2017); Alos, Rolloos and Shiraya, "On the difference
    between the volatility swap strike and the zero vanna implied volatility", SIAM J. Financial Mathematics (2021).

    Examples
    --------
    >>> import numpy as np
    >>> zero_vanna_vol(np.array([[0.2, 0.2, 0.2], [0.18, 0.2, 0.24]]), np.array([25, 50, 75]), 0.25).round(4).tolist()
    [0.2, 0.2066]
    """
    xp = namespace(iv, years)
    if iv.shape[-1] != len(deltas):
        raise InputError(f"iv {iv.shape} must end in the axis of the {len(deltas)} deltas")
    quantile = special(xp).ndtri(xp.asarray(deltas, dtype=xp.float64) / 100.0)
    years = xp.asarray(years, dtype=xp.float64)
    root = xp.sqrt(xp.where(years > 0.0, years, xp.nan))
    shape = xp.broadcast(root, iv[..., 0]).shape
    below, below_at = xp.full(shape, xp.nan), xp.full(shape, -xp.inf)
    above, above_at = xp.full(shape, xp.nan), xp.full(shape, xp.inf)
    for j in range(len(deltas)):
        vol = iv[..., j].astype(xp.float64)
        at = quantile[j] - vol * root
        quoted = (vol > 0.0) & (vol < xp.inf)
        nearer_below = quoted & (at <= 0.0) & (at > below_at)
        nearer_above = quoted & (at > 0.0) & (at < above_at)
        below, below_at = xp.where(nearer_below, vol, below), xp.where(nearer_below, at, below_at)
        above, above_at = xp.where(nearer_above, vol, above), xp.where(nearer_above, at, above_at)
    has_below, has_above = xp.isfinite(below_at), xp.isfinite(above_at)
    between = has_below & has_above
    left, right = xp.where(between, below_at, 0.0), xp.where(between, above_at, 1.0)
    variance = below**2 + (above**2 - below**2) * (-left / (right - left))
    return xp.where(between, xp.sqrt(variance), xp.where(has_below, below, above))


def sampled_volatility(sessions: Floats) -> tuple[Floats, Floats]:
    """Share of a volatility that closes realise on average, the root of a mean of few squares, and its slope.

        c(m) = E sqrt(mean of m squared standard normals) = sqrt(2 / m) Gamma((m + 1) / 2) / Gamma(m / 2)

    that is 1 - 1 / (4 m): a month of 20 closes realises 1.2 % less than the volatility that its prices follow.

    Parameters
    ----------
    sessions : array
        m, which need not be whole; 0 where none is left.

    Returns
    -------
    share, slope : array
        c, and dc / dm; 0 where m is.

    References
    ----------
    Broadie and Jain, "The effect of jumps and discrete sampling on volatility and variance swaps", IJTAF (2008).

    Examples
    --------
    >>> import numpy as np
    >>> sampled_volatility(np.array([1.0, 20.0]))[0].round(4).tolist()
    [0.7979, 0.9876]
    """
    xp = namespace(sessions)
    gammaln, digamma = special(xp).gammaln, special(xp).digamma
    some = sessions > 0.0
    m = xp.where(some, sessions, 1.0)
    share = xp.exp(0.5 * (math.log(2.0) - xp.log(m)) + gammaln(0.5 * (m + 1.0)) - gammaln(0.5 * m))
    slope = 0.5 * share * (digamma(0.5 * (m + 1.0)) - digamma(0.5 * m) - 1.0 / m)
    return xp.where(some, share, 0.0), xp.where(some, slope, 0.0)
