"""From deltas to strikes, and deltas whose premium is paid in the underlying."""

import math

from engine.arrays import Flags, Floats
from engine.backend import namespace, special
from engine.pricing.black import d1_and_spread

STEPS = 40  # of Newton's method, from a side on which it cannot overshoot; near the largest delta each halves the error
FLATTEST = 1e-12  # slope from which a step is taken: past the largest delta of a call there is no solution to find
CONVERGED = 1e-12  # relative error of a delta that its strike may leave


def strike_from_delta(delta: Floats, forward: Floats | float, iv: Floats, years: Floats) -> Floats:
    """Strike at which a call has a delta with respect to the forward: the inverse of `call_delta`.

        K = F exp(-q(delta) s sqrt(T) + s^2 T / 2),   q the standard normal quantile

    Parameters
    ----------
    delta : array
        Undiscounted call delta, between 0 and 1; of a put its delta plus 1.
    forward : array
    iv : array
        Volatility s at that strike, annualised decimals.
    years : array
        Time T to expiry.

    Returns
    -------
    array
        Strikes, of the broadcast shape; NaN where the delta is not inside 0..1, or another input not positive.

    Examples
    --------
    >>> round(float(strike_from_delta(0.25, 100.0, 0.2, 0.25)), 4)
    107.5138
    """
    xp = namespace(delta, forward, iv, years)
    delta, forward, iv, years = (xp.asarray(a, dtype=xp.float64) for a in (delta, forward, iv, years))
    usable = (delta > 0.0) & (delta < 1.0) & (forward > 0.0) & (iv > 0.0) & (years > 0.0)
    spread = iv * xp.sqrt(xp.where(usable, years, xp.nan))
    quantile = special(xp).ndtri(xp.where(usable, delta, 0.5))
    return forward * xp.exp(spread * (0.5 * spread - quantile))


def premium_adjusted_delta(forward: Floats, strike: Floats, iv: Floats, years: Floats, is_call: Flags | bool) -> Floats:
    """Delta of an option whose premium is paid in the underlying, with respect to the forward.

        call: (K / F) N(d2),   put: -(K / F) N(-d2);   the delta less the premium over the forward, both undiscounted

    Parameters
    ----------
    forward, strike, iv, years : array
        As in `call_delta`.
    is_call : array, bool

    Returns
    -------
    array
        Of the broadcast shape; calls below 1, puts from 0 downwards, without a bound. NaN as in `call_delta`.

    References
    ----------
    Reiswich and Wystup, "FX volatility smile construction" (2012).

    Examples
    --------
    >>> premium_adjusted_delta(100.0, 105.0, 0.2, 0.25, [True, False]).round(4).tolist()
    [0.3101, -0.7399]
    """
    xp = namespace(forward, strike, iv, years, is_call)
    sign = xp.where(xp.asarray(is_call, dtype=bool), 1.0, -1.0)
    d1, spread = d1_and_spread(forward, strike, iv, years)
    forward, strike = (xp.asarray(a, dtype=xp.float64) for a in (forward, strike))
    return sign * strike / xp.where(forward > 0.0, forward, xp.nan) * special(xp).ndtr(sign * (d1 - spread))


def strike_from_premium_adjusted_delta(
    delta: Floats, forward: Floats, iv: Floats, years: Floats, is_call: Flags | bool
) -> Floats:
    """Strike at which an option has a premium-adjusted delta; of the two strikes of a call the higher, as quoted.

    With y = d2 of a call, -d2 of a put, and S = s sqrt(T), the strike is F exp(-+S y - S^2 / 2), and

        ln |delta| = -+S y - S^2 / 2 + ln N(y)

    is solved by Newton's method. The right-hand side is concave in y, so steps from below never pass the solution.

    Parameters
    ----------
    delta : array
        Positive for calls, negative for puts.
    forward, iv, years : array
        As in `strike_from_delta`.
    is_call : array, bool

    Returns
    -------
    array
        Strikes, of the broadcast shape; NaN where no strike has the delta (a call's has a maximum below 1), the sign
        is the other kind's, or another input is not positive.

    References
    ----------
    Reiswich and Wystup, "FX volatility smile construction" (2012), on the choice of the higher strike.

    Examples
    --------
    >>> strike_from_premium_adjusted_delta([0.25, -0.25, 0.99], 100.0, 0.2, 0.25, [True, False, True]).round(4).tolist()
    [107.0036, 93.5115, nan]
    """
    xp = namespace(delta, forward, iv, years, is_call)
    delta, forward, iv, years = (xp.asarray(a, dtype=xp.float64) for a in (delta, forward, iv, years))
    sign = xp.where(xp.asarray(is_call, dtype=bool), 1.0, -1.0)
    usable = (sign * delta > 0.0) & (forward > 0.0) & (iv > 0.0) & (years > 0.0)
    spread = xp.where(usable, iv, 1.0) * xp.sqrt(xp.where(usable, years, 1.0))
    goal = xp.log(xp.where(usable, sign * delta, 0.1)) + 0.5 * spread * spread
    y = xp.zeros_like(goal) - 1.0 - spread  # the right-hand side rises there, since N'(y) / N(y) > -y
    for _ in range(STEPS):
        below, log_cdf = _below(goal, y, spread, sign)
        slope = xp.exp(-0.5 * y * y - log_cdf) / math.sqrt(2.0 * math.pi) - sign * spread
        rises = slope > FLATTEST
        y = xp.where(rises, y + below / xp.where(rises, slope, 1.0), y)
    found = usable & (xp.abs(_below(goal, y, spread, sign)[0]) <= CONVERGED)
    return forward * xp.exp(xp.where(found, -sign * spread * y - 0.5 * spread * spread, xp.nan))


def _below(goal, y, spread, sign):
    """How far the right-hand side lies below the goal at y, and its ln N(y)."""
    log_cdf = special(namespace(y)).log_ndtr(y)
    return goal + sign * spread * y - log_cdf, log_cdf
