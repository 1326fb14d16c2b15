"""Value and greeks of calls and puts on a forward, by Black's formula."""

import math
from dataclasses import dataclass

import numpy as np

from engine.arrays import Flags, Floats
from engine.backend import namespace, special
from engine.calendar import DAYS_PER_YEAR
from engine.pricing.black import d1_and_spread
from engine.pricing.straddle import VOL_POINT

RATE_POINT = 0.01


@dataclass(frozen=True, eq=False)
class OptionGreeks:
    """One option per element; arrays of the broadcast shape of the inputs, in currency per share.

    Parameters
    ----------
    value : present value.
    delta, gamma : with respect to the forward.
    vega : per vol point (0.01).
    theta : per calendar day that passes, interest on the premium included.
    rho : per percentage point of the rate (0.01), the forward held; with the spot held the forward rises too, and rho
        is this plus 0.01 T F delta.
    vanna : change of delta per vol point.
    volga : change of vega per vol point.
    """

    value: np.ndarray
    delta: np.ndarray
    gamma: np.ndarray
    vega: np.ndarray
    theta: np.ndarray
    rho: np.ndarray
    vanna: np.ndarray
    volga: np.ndarray


def option_greeks(
    forward: Floats, strike: Floats, iv: Floats, years: Floats, is_call: Flags | bool, rate: Floats | float = 0.0
) -> OptionGreeks:
    """Value calls and puts and their greeks, each in the units of `straddle`, which is the sum of the two.

        delta = +-exp(-r T) N(+-d1),   gamma = exp(-r T) n(d1) / (F s sqrt T),   vega = exp(-r T) F n(d1) sqrt(T)
        theta = r value - s vega / (2 T),   rho = -T value,   vanna = -exp(-r T) n(d1) d2 / s,   volga = vega d1 d2 / s

    Parameters
    ----------
    forward, strike : array
        Same currency; the forward positive, the strike not negative.
    iv : array
        Volatility s, annualised decimals, not negative.
    years : array
        Time T to expiry.
    is_call : array, bool
    rate : array or float
        Continuously compounded discount rate r.

    Returns
    -------
    OptionGreeks
        NaN where an input is NaN or out of its range before the expiry. At a volatility or a strike of 0 the option is
        its discounted intrinsic value: delta 0, +-exp(-r T), or half of it at the strike; theta and rho those of the
        discount; all else 0. At the expiry and after it delta alone is left, undiscounted.

    References
    ----------
    Black, "The pricing of commodity contracts" (1976).

    Examples
    --------
    >>> greeks = option_greeks(49.0, 50.0, 0.2, 0.3846, True, 0.05)
    >>> [round(float(getattr(greeks, name)), 4) for name in ("delta", "gamma", "vega", "theta", "rho")]
    [0.4511, 0.0641, 0.1183, -0.0082, -0.0075]
    """
    xp = namespace(forward, strike, iv, years, is_call, rate)
    forward, strike, iv, years, rate = (xp.asarray(a, dtype=xp.float64) for a in (forward, strike, iv, years, rate))
    sign = xp.where(xp.asarray(is_call, dtype=bool), 1.0, -1.0)
    expired = years <= 0.0
    no_vol = (iv == 0.0) & (strike >= 0.0)
    no_strike = (strike == 0.0) & (iv >= 0.0)
    certain = expired | ((forward > 0.0) & (no_vol | no_strike))  # worth its intrinsic value whatever happens
    left = xp.where(expired, 0.0, years)
    discount = xp.exp(-rate * left)

    underlying, exercise, vol, time = (xp.where(certain, 1.0, a) for a in (forward, strike, iv, years))
    d1, spread = d1_and_spread(underlying, exercise, vol, time)
    d2 = d1 - spread
    cdf = special(xp).ndtr
    density = discount * xp.exp(-0.5 * d1 * d1) / math.sqrt(2.0 * math.pi)
    vega = underlying * density * spread / vol

    away = sign * (forward - strike)
    nothing = 0.0 * away  # NaN where a price is

    def at(uncertain, otherwise):
        return xp.where(certain, otherwise, uncertain)

    value = at(
        discount * sign * (underlying * cdf(sign * d1) - exercise * cdf(sign * d2)), discount * xp.maximum(away, 0.0)
    )
    decay = at(0.5 * vega * vol / time, nothing)
    return OptionGreeks(
        value=value,
        delta=sign * discount * at(cdf(sign * d1), 0.5 + 0.5 * xp.sign(away)),
        gamma=at(density / (underlying * spread), nothing),
        vega=at(vega, nothing) * VOL_POINT,
        theta=(xp.where(expired, 0.0, rate) * value - decay) / DAYS_PER_YEAR,
        rho=-left * value * RATE_POINT,
        vanna=at(-density * d2 / vol, nothing) * VOL_POINT,
        volga=at(vega * d1 * d2 / vol, nothing) * VOL_POINT**2,
    )
