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
        Same currency. A strike of 0 gives the discounted forward, or a put worth 0.
    iv : array
        Volatility, annualised decimals. 0 gives the discounted intrinsic value.
    years : array
        Time to expiry; 0 or less gives the intrinsic value.
    is_call : array, bool
    rate : array or float
        Continuously compounded discount rate.

    Returns
    -------
    array
        Present value per share, of the broadcast shape; before the expiry NaN where an input is NaN, the forward not
        positive, or strike or volatility negative.

    References
    ----------
    Black, "The pricing of commodity contracts" (1976).

    Examples
    --------
    >>> round(float(black_price(100.0, 95.0, 0.2, 0.5, True)), 4), float(black_price(100.0, 95.0, 0.0, 0.5, True))
    (8.3532, 5.0)
    """
    xp = namespace(forward, strike, iv, years, is_call, rate)
    forward, strike, years, rate = (xp.asarray(a, dtype=xp.float64) for a in (forward, strike, years, rate))
    sign = xp.where(xp.asarray(is_call, dtype=bool), 1.0, -1.0)
    expired = years <= 0.0
    d1, spread = d1_and_spread(forward, strike, iv, years)
    cdf = special(xp).ndtr
    value = sign * (forward * cdf(sign * d1) - strike * cdf(sign * (d1 - spread)))
    discounted = xp.exp(-rate * xp.where(expired, 0.0, years)) * value
    return xp.where(expired, xp.maximum(sign * (forward - strike), 0.0), discounted)


def call_delta(forward: Floats, strike: Floats, iv: Floats, years: Floats) -> Floats:
    """Undiscounted delta of a call with respect to the forward, N(d1), in 0..1.

    A put at the same strike has this less 1: the call delta orders both on one axis. At a volatility of 0 it is 1 below
    the forward, 0 above it and a half at it. NaN where forward or time is not positive, strike or volatility negative.

    Examples
    --------
    >>> round(float(call_delta(100.0, 100.0, 0.2, 0.25)), 4)
    0.5199
    """
    return special(namespace(forward, strike, iv, years)).ndtr(d1_and_spread(forward, strike, iv, years)[0])


def d1_and_spread(forward: Floats, strike: Floats, iv: Floats, years: Floats) -> tuple[Floats, Floats]:
    """Return d1 = ln(F/K) / (s sqrt T) + s sqrt(T) / 2, infinite at a strike of 0, and the total volatility s sqrt(T).

    Both are NaN where forward or time is not positive, strike or volatility negative.
    """
    xp = namespace(forward, strike, iv, years)
    forward, strike, iv, years = (xp.asarray(a, dtype=xp.float64) for a in (forward, strike, iv, years))
    usable = (forward > 0.0) & (strike >= 0.0) & (iv >= 0.0) & (years > 0.0)
    above_zero = usable & (strike > 0.0)
    spread = xp.maximum(iv * xp.sqrt(xp.where(usable, years, xp.nan)), NARROWEST)
    moneyness = xp.log(xp.where(above_zero, forward, 1.0) / xp.where(above_zero, strike, 1.0))
    return xp.where(usable & ~above_zero, xp.inf, moneyness / spread + 0.5 * spread), spread
