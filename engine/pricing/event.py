"""Variance of moves on known days, such as those of earnings, told by the expiries on either side of them."""

from engine.arrays import Floats
from engine.backend import namespace

LONGEST = 1.05  # years: further expiries say little of an event
BESIDE = 0.5 / 365.0  # an expiry on the day of an event may settle before or after it, and tells nothing
# Without events the variance to T is a + b (t / T) (1 - exp(-T / t)) + ...: a level that fades from one into another
# over these years. How large b / a is expected to be, over the error of a variance as a share of it, steadies the fit
# where expiries are few.
FADES = (0.1, 0.5)
STEADY = 1e-4
FEWEST = 2  # expiries


def event_variance(total: Floats, years: Floats, events: Floats) -> Floats:
    """Total variance that each of some events adds to every expiry after it.

        w(T) / T = a + sum of b (t / T) (1 - exp(-T / t)) + sum of e [T after the event] / T

    by least squares over the expiries within a year: the level a, one b per fading time t, and one e per event.

    Parameters
    ----------
    total : array (..., E)
        Total variance s^2 T at the money of each expiry.
    years : array (..., E)
        Time to each, in any order, NaN where there is none.
    events : array (M, ...)
        Time to each event, NaN where none is known.

    Returns
    -------
    array (M, ...)
        Variance, such as 0.06^2 of a move of 6 %. Where quotes say less than nothing it is negative, as they do. NaN
        without an event, an expiry after it, or a second expiry.

    References
    ----------
    Dubinsky, Johannes, Kaeck and Seeger, "Option pricing of earnings announcement risks" (2019): the term structure
    estimator, here with a term structure that need not be flat.

    Examples
    --------
    >>> import numpy as np
    >>> years = np.array([0.05, 0.1, 0.2])
    >>> total = 0.3**2 * years + 0.06**2 * (years > 0.07)
    >>> np.sqrt(event_variance(total, years, np.array([0.07]))).round(6).tolist()
    [0.06]
    """
    xp = namespace(total, years, events)
    total, years, events = (xp.asarray(a, dtype=xp.float64) for a in (total, years, events))
    used = (years > 0.0) & (years <= LONGEST) & xp.isfinite(total)
    for event in events:
        used = used & ~(xp.abs(years - event[..., None]) <= BESIDE)
    time = xp.where(used, years, 1.0)
    level = xp.where(used, total / time, 0.0)
    scale = level.sum(axis=-1) / xp.maximum(used.sum(axis=-1), 1)
    scale = xp.where(scale > 0.0, scale, 1.0)
    columns = [xp.where(used, 1.0, 0.0)]
    columns += [xp.where(used, fade / time * (1.0 - xp.exp(-time / fade)), 0.0) for fade in FADES]
    columns += [xp.where(used & (years > event[..., None]), 1.0 / time, 0.0) for event in events]
    design = xp.stack(columns, axis=-1)
    steady = xp.asarray([0.0] + [STEADY] * len(FADES) + [0.0] * len(events)) + 1e-12
    normal = (design[..., :, None] * design[..., None, :]).sum(axis=-3) + xp.diag(steady)
    side = (design * (level / scale[..., None])[..., None]).sum(axis=-2)
    found = xp.linalg.solve(normal, side[..., None])[..., 0] * scale[..., None]
    told = xp.any(design > 0.0, axis=-2) & (used.sum(axis=-1) >= FEWEST)[..., None]
    return xp.moveaxis(xp.where(told, found, xp.nan)[..., 1 + len(FADES) :], -1, 0)


def without_event(vol: Floats, years: Floats, event: Floats, variance: Floats) -> Floats:
    """Volatilities of expiries once what an event adds is taken off those after it.

    Parameters
    ----------
    vol : array (..., E, D)
        Annualised decimals.
    years : array (..., E)
    event, variance : array (...)
        As in `event_variance`; where either is NaN nothing is taken off.

    Returns
    -------
    array (..., E, D)
        NaN where less than nothing is left.

    Examples
    --------
    >>> import numpy as np
    >>> years = np.array([0.05, 0.1])
    >>> raw = np.sqrt(0.3**2 + 0.06**2 * (years > 0.07) / years)[:, None]
    >>> without_event(raw, years, np.array(0.07), np.array(0.06**2))[:, 0].round(6).tolist()
    [0.3, 0.3]
    """
    xp = namespace(vol, years, event, variance)
    years = xp.asarray(years, dtype=xp.float64)
    after = xp.isfinite(event)[..., None] & xp.isfinite(variance)[..., None] & (years > event[..., None])
    taken = xp.where(after, xp.where(xp.isfinite(variance), variance, 0.0)[..., None], 0.0)
    left = vol * vol - (taken / years)[..., None]
    return xp.sqrt(xp.where(left > 0.0, left, xp.nan))
