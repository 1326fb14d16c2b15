"""Whether smiles allow a profit without risk: call prices not convex in strike, variance that falls with time."""

from engine.arrays import Flags, Floats, Integers
from engine.backend import namespace, special

BENT = 1e-5  # slope of call prices by strike that may be lost from one point to the next: rounding
FALLS = 1e-3  # share of a total volatility by which a later expiry may lie below an earlier one: rounding of quotes


def butterflies(z: Floats, root: Floats, level: Floats, known: Flags) -> Integers:
    """Count the points of each smile at which a butterfly, or a spread of calls, has a negative price.

    Parameters
    ----------
    z : array (G,)
        Points, ln(K / F) / root.
    root : array (S,)
        Total volatility at the money.
    level : array (S, G)
        Total variance over that at the money.
    known : array (S, G), bool
        Points that count.

    Returns
    -------
    array (S,), int

    References
    ----------
    Carr and Madan, "A note on sufficient conditions for no arbitrage" (2005).

    Examples
    --------
    >>> import numpy as np
    >>> z = np.linspace(-2.0, 2.0, 21)
    >>> level = np.stack([np.ones(21), 1.0 + 0.5 * (np.abs(z) < 0.1)])
    >>> butterflies(z, np.full(2, 0.1), level, np.ones((2, 21), bool)).tolist()
    [0, 1]
    """
    xp = namespace(z, root, level, known)
    cdf = special(xp).ndtr
    spread = root[:, None] * xp.sqrt(xp.maximum(level, 1e-8))
    log_strike = z * root[:, None]
    strike = xp.exp(log_strike)
    d1 = 0.5 * spread - log_strike / spread
    call = cdf(d1) - strike * cdf(d1 - spread)
    slope = (call[:, 1:] - call[:, :-1]) / (strike[:, 1:] - strike[:, :-1])
    between = known[:, 1:] & known[:, :-1]
    outside = ((slope < -1.0 - BENT) | (slope > BENT)) & between
    bent = (slope[:, 1:] - slope[:, :-1] < -BENT) & between[:, 1:] & between[:, :-1]
    return outside.sum(axis=1) + bent.sum(axis=1) + ((level <= 0.0) & known).sum(axis=1)


def calendars(z: Floats, root: Floats, spread: Floats, later: Integers) -> Integers:
    """Count the points of each smile at which the next expiry has less total variance at the same strike over forward.

    Parameters
    ----------
    z : array (G,)
        Points, evenly spaced.
    root : array (S,)
    spread : array (S, G)
        Total volatility at each point, NaN where not known.
    later : array (S,), int
        Smile of the next expiry of the same name and date, -1 where there is none.

    Returns
    -------
    array (S,), int

    Examples
    --------
    >>> import numpy as np
    >>> z = np.linspace(-2.0, 2.0, 5)
    >>> spread = np.stack([np.full(5, 0.10), np.full(5, 0.09)])
    >>> calendars(z, np.array([0.10, 0.09]), spread, np.array([1, -1])).tolist()
    [3, 0]
    """
    xp = namespace(z, root, spread, later)
    step = z[1] - z[0]
    place = (z * (root / root[later])[:, None] - z[0]) / step
    inside = (place >= 0.0) & (place <= len(z) - 1) & (later >= 0)[:, None]
    left = xp.minimum(xp.where(inside, place, 0.0).astype(xp.int64), len(z) - 2)
    share = place - left
    far = spread[later]
    low, high = (xp.take_along_axis(far, at, axis=1) for at in (left, left + 1))
    far = (1.0 - share) * low + xp.where(share > 0.0, share * high, 0.0)
    return (inside & (far < spread * (1.0 - FALLS))).sum(axis=1)
