"""Thirty-day volatility from option strips by the published rules of VIX, VIXEQ and DSPX."""

from engine.arrays import Flags, Floats, PerName
from engine.backend import namespace
from engine.calendar import DAYS_PER_YEAR

# First and last calendar day of the near and of the following term.
VIX_TERMS = ((24, 30), (31, 37))
DSPX_TERMS = ((10, 30), (31, 120))
THIRTY_DAYS = 30 / DAYS_PER_YEAR


def choose_terms(days: Floats, preferred: Flags, near: tuple[int, int], following: tuple[int, int]) -> Flags:
    """Choose the two expiries of a constant maturity: the last of the near term and the first of the following one.

    Parameters
    ----------
    days : array (..., E)
        Days to each expiry; NaN where a slot holds none or its strip has no variance.
    preferred : array (..., E), bool
        Taken before any other expiry of its term.
    near, following : tuple of two numbers
        First and last day of either term.

    Returns
    -------
    array (..., E), bool
        One True per term that has an expiry; more only where expiries of equal preference share a day.

    Examples
    --------
    >>> import numpy as np
    >>> days = np.array([9.0, 16.0, 23.0, 44.0, 79.0])
    >>> choose_terms(days, np.array([False, True, False, True, True]), (10, 30), (31, 120)).tolist()
    [False, True, False, True, False]
    """
    xp = namespace(days, preferred)
    chosen = xp.zeros(days.shape, dtype=bool)
    for (first, last), sign in ((near, 1.0), (following, -1.0)):
        inside = (days >= first) & (days <= last)
        liked = inside & preferred
        candidates = xp.where(xp.any(liked, axis=-1, keepdims=True), liked, inside)
        rank = xp.where(candidates, sign * days, -xp.inf)
        chosen |= candidates & (rank == xp.max(rank, axis=-1, keepdims=True))
    return chosen


def thirty_day_vol(variance: Floats, years: Floats, chosen: Flags) -> Floats:
    """Volatility over 30 days from strips: total variance on the straight line in time through the two chosen expiries.

        vol^2 = [T1 v1 (T2 - T) + T2 v2 (T - T1)] / (T2 - T1) / T,   T = 30 days

    Both may lie on one side of the 30 days, by minutes or by days: the line is then extended to them, as published.

    Parameters
    ----------
    variance, years : array (..., E)
        Annualised variances v of the strips and their times T, as in `strip_variance`.
    chosen : array (..., E), bool
        From `choose_terms`; of more than two the first and the last count.

    Returns
    -------
    array (...)
        Annualised decimals; NaN where either term has no positive variance, there are no two terms, or the line is not
        positive at 30 days.

    References
    ----------
    Cboe Volatility Index, mathematics methodology (2024), step 3; S&P 500 Dispersion Index, methodology (2024).

    Examples
    --------
    >>> import numpy as np
    >>> both, variance = np.array([True, True]), np.array([0.04, 0.05])
    >>> round(float(thirty_day_vol(variance, np.array([25.0, 35.0]) / 365.0, both)) ** 2, 6)
    0.045833

    Fifteen minutes late, both terms lie beyond the 30 days:

    >>> minutes = 1440.0 * np.array([30.0, 37.0]) + 15.0
    >>> round(float(thirty_day_vol(variance, minutes / 525600.0, both)), 6)
    0.199954
    """
    xp = namespace(variance, years, chosen)
    variance, years, chosen = xp.broadcast_arrays(*(xp.asarray(a) for a in (variance, years, chosen)))
    known = chosen & (years > 0.0)
    total = xp.where(known & (variance > 0.0), variance * years, xp.nan)
    first = xp.argmin(xp.where(known, years, xp.inf), axis=-1)[..., None]
    last = xp.argmax(xp.where(known, years, -xp.inf), axis=-1)[..., None]
    near, far, near_total, far_total = (
        xp.take_along_axis(array, term, axis=-1)[..., 0] for array in (years, total) for term in (first, last)
    )
    apart = far > near
    share = (THIRTY_DAYS - near) / xp.where(apart, far - near, 1.0)
    at_thirty = near_total + share * (far_total - near_total)
    return xp.sqrt(xp.where(apart & (at_thirty > 0.0), at_thirty, xp.nan) / THIRTY_DAYS)


def carried_one_day(vol: PerName) -> PerName:
    """Fill a missing volatility, (T, N), with the previous session's own; one missing for longer stays NaN.

    Examples
    --------
    >>> import numpy as np
    >>> carried_one_day(np.array([[0.2], [np.nan], [np.nan]])).tolist()
    [[0.2], [0.2], [nan]]
    """
    xp = namespace(vol)
    filled = vol.copy()
    filled[1:] = xp.where(xp.isfinite(vol[1:]), vol[1:], vol[:-1])
    return filled


def dspx(vixeq: Floats, vix: Floats) -> Floats:
    """Dispersion index from the two published volatility indices, all in points; 0 where the VIX is the larger.

        DSPX = sqrt(max(VIXEQ^2 - VIX^2, 0))

    References
    ----------
    Cboe S&P 500 Dispersion Index, methodology (2024).

    Examples
    --------
    >>> import numpy as np
    >>> dspx(np.array([39.0, 30.0]), np.array([15.0, 31.0])).tolist()
    [36.0, 0.0]
    """
    xp = namespace(vixeq, vix)
    return xp.sqrt(xp.maximum(xp.asarray(vixeq) ** 2 - xp.asarray(vix) ** 2, 0.0))
