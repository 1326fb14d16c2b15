"""European options on a forward: Black's formula."""

from engine.arrays import Flags, Floats
from engine.backend import namespace, special

NARROWEST = 1e-100  # total volatility below which d1 would overflow; prices are at their limit long before


def black_price(
    forward: Floats, strike: Floats, iv: Floats, years: Floats, is_call: Flags | bool, rate: Floats | float = 0.0
) -> Floats:
    """Price calls and puts on a forward.

        call = exp(-r T) [F N(d1) - K N(d2)],   put = exp(-r T) [K N(-d2) - F N(-d1)]

    Parameters
    ----------
    forward, strike : array
        Same currency, positive.
    iv : array
        Volatility, annualised decimals; NaN, or not positive before the expiry, gives NaN.
    years : array
        Time to expiry; 0 or less gives the intrinsic value.
    is_call : array, bool
    rate : array or float
        Continuously compounded discount rate.

    Returns
    -------
    array
        Present value per share, of the broadcast shape.

    References
    ----------
    Black, "The pricing of commodity contracts" (1976).

    Examples
    --------
    >>> round(float(black_price(100.0, 95.0, 0.2, 0.5, True)), 4)
    8.3532
    """
    xp = namespace(forward, strike, iv, years, is_call, rate)
    forward, strike, years, rate = (xp.asarray(a, dtype=xp.float64) for a in (forward, strike, years, rate))
    sign = xp.where(xp.asarray(is_call, dtype=bool), 1.0, -1.0)
    expired = years <= 0.0
    d1, spread = _distance(forward, strike, iv, years)
    cdf = special(xp).ndtr
    value = sign * (forward * cdf(sign * d1) - strike * cdf(sign * (d1 - spread)))
    discounted = xp.exp(-rate * xp.where(expired, 0.0, years)) * value
    return xp.where(expired, xp.maximum(sign * (forward - strike), 0.0), discounted)


def call_delta(forward: Floats, strike: Floats, iv: Floats, years: Floats) -> Floats:
    """Undiscounted delta of a call with respect to the forward, N(d1), in 0..1.

    A put at the same strike has this less 1: the call delta orders both on one axis. NaN where a volatility, time or
    price is not positive.

    Examples
    --------
    >>> round(float(call_delta(100.0, 100.0, 0.2, 0.25)), 4)
    0.5199
    """
    return special(namespace(forward, strike, iv, years)).ndtr(_distance(forward, strike, iv, years)[0])


def forward_from_delta(delta, strike, iv, years):
    """Forward at which a call has a delta: the inverse of `call_delta` in the forward.

        F = K exp(q(delta) s sqrt(T) - s^2 T / 2),   q the standard normal quantile

    NaN where an input is, infinite or 0 at a delta of 1 or 0.

    Examples
    --------
    >>> round(float(forward_from_delta(call_delta(102.0, 100.0, 0.2, 0.25), 100.0, 0.2, 0.25)), 9)
    102.0
    """
    xp = namespace(delta, strike, iv, years)
    delta, strike, iv, years = (xp.asarray(a, dtype=xp.float64) for a in (delta, strike, iv, years))
    spread = iv * xp.sqrt(years)
    return strike * xp.exp(spread * (special(xp).ndtri(delta) - 0.5 * spread))


def _distance(forward, strike, iv, years):
    """d1 and the total volatility s sqrt(T); NaN where any of the four is not positive."""
    xp = namespace(forward, strike, iv, years)
    forward, strike, iv, years = (xp.asarray(a, dtype=xp.float64) for a in (forward, strike, iv, years))
    usable = (forward > 0.0) & (strike > 0.0) & (iv > 0.0) & (years > 0.0)
    spread = xp.maximum(iv * xp.sqrt(xp.where(usable, years, xp.nan)), NARROWEST)
    return xp.log(xp.where(usable, forward / xp.where(usable, strike, 1.0), 1.0)) / spread + 0.5 * spread, spread
