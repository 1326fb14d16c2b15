"""European options on a forward: Black's formula."""

from engine.backend import namespace, special


def black_price(forward, strike, iv, years, is_call, rate=0.0):
    """Price calls and puts on a forward.

        call = exp(-r T) [F N(d1) - K N(d2)],   put = exp(-r T) [K N(-d2) - F N(-d1)]

    Parameters
    ----------
    forward, strike : array
        Same currency, positive.
    iv : array
        Volatility, annualised decimals; NaN gives NaN.
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
    forward, strike, iv, years = (xp.asarray(a, dtype=xp.float64) for a in (forward, strike, iv, years))
    sign = xp.where(is_call, 1.0, -1.0)
    expired = years <= 0.0
    spread = xp.where(expired, 1.0, iv * xp.sqrt(xp.where(expired, 0.0, years)))
    spread = xp.where(spread > 0.0, spread, xp.nan)
    d1 = xp.log(forward / strike) / spread + 0.5 * spread
    cdf = special(xp).ndtr
    value = sign * (forward * cdf(sign * d1) - strike * cdf(sign * (d1 - spread)))
    discount = xp.exp(-rate * xp.where(expired, 0.0, years))
    return discount * xp.where(expired, xp.maximum(sign * (forward - strike), 0.0), value)


def call_delta(forward, strike, iv, years):
    """Undiscounted delta of a call with respect to the forward, N(d1), in 0..1.

    A put at the same strike has this less 1: the call delta orders both on one axis.

    Examples
    --------
    >>> round(float(call_delta(100.0, 100.0, 0.2, 0.25)), 4)
    0.5199
    """
    xp = namespace(forward, strike, iv, years)
    spread = xp.asarray(iv, dtype=xp.float64) * xp.sqrt(years)
    usable = spread > 0.0
    spread = xp.where(usable, spread, xp.nan)
    return special(xp).ndtr(xp.log(xp.asarray(forward) / strike) / spread + 0.5 * spread)
