"""A straddle on a forward: value and greeks in one pass."""

import math
from dataclasses import dataclass

import numpy as np

from engine import kernels
from engine.arrays import Floats
from engine.backend import namespace, special
from engine.calendar import DAYS_PER_YEAR
from engine.pricing.black import NARROWEST

VOL_POINT = 0.01


@dataclass(frozen=True, eq=False)
class StraddleGreeks:
    """One call plus one put; arrays of the broadcast shape of the inputs, in currency per share.

    Parameters
    ----------
    value : present value.
    delta, gamma : with respect to the forward.
    vega : per vol point (0.01).
    theta : per calendar day that passes, interest on the premium included.
    vanna : change of delta per vol point.
    volga : change of vega per vol point.
    """

    value: np.ndarray
    delta: np.ndarray
    gamma: np.ndarray
    vega: np.ndarray
    theta: np.ndarray
    vanna: np.ndarray
    volga: np.ndarray


def straddle(forward: Floats, strike: Floats, iv: Floats, years: Floats, rate: Floats | float = 0.0) -> StraddleGreeks:
    """Value a straddle and its greeks by Black's formula on the forward.

        value = exp(-r T) [F (2 N(d1) - 1) - K (2 N(d2) - 1)],   d1,2 = ln(F/K) / (s sqrt T) +- s sqrt(T) / 2

    Parameters
    ----------
    forward, strike : array
        Forward to the expiry and strike, same currency, broadcastable.
    iv : array
        Volatility s, annualised decimals; NaN gives NaN.
    years : array
        Time T to expiry. At 0 or less the straddle is worth |F - K|, its delta is the sign of F - K, the rest is 0.
    rate : array or float
        Continuously compounded discount rate r.

    Returns
    -------
    StraddleGreeks
        NaN where an input is NaN, or where a volatility or price is not positive before the expiry: to a trade book,
        which this serves, a volatility of 0 is no quote. `option_greeks` takes it, and a strike of 0, for the limit.

    References
    ----------
    Black, "The pricing of commodity contracts" (1976).

    Examples
    --------
    >>> greeks = straddle(100.0, 100.0, 0.2, 0.25)
    >>> round(float(greeks.value), 4), round(float(greeks.vega), 4)
    (7.9755, 0.3984)
    """
    xp = namespace(forward, strike, iv, years, rate)
    forward, strike, iv, years, rate = (xp.asarray(a, dtype=xp.float64) for a in (forward, strike, iv, years, rate))
    if kernels.usable(xp):
        return StraddleGreeks(
            *kernels.elementwise(xp, "straddle", (forward, strike, iv, years, rate), [xp.float64] * 7)
        )
    expired = years <= 0.0
    priced = ~expired & (iv > 0.0) & (forward > 0.0) & (strike > 0.0)
    vol = xp.where(priced, iv, xp.nan)
    underlying = xp.where(priced, forward, 1.0)
    exercise = xp.where(priced, strike, 1.0)
    time = xp.where(expired, 1.0, years)

    root = xp.sqrt(time)
    spread = xp.maximum(vol * root, NARROWEST)
    d1 = xp.log(underlying / exercise) / spread + 0.5 * spread
    d2 = d1 - spread
    discount = xp.exp(-rate * time)
    # 2 N(d) - 1 = erf(d / sqrt 2): exact near the money, where the difference of two halves would cancel.
    erf = special(xp).erf
    inside1, inside2 = erf(d1 * math.sqrt(0.5)), erf(d2 * math.sqrt(0.5))
    density = discount * xp.exp(-0.5 * d1 * d1) * math.sqrt(2.0 / math.pi)  # 2 n(d1), discounted

    value = discount * (underlying * inside1 - exercise * inside2)
    vega = underlying * density * root
    theta = rate * value - 0.5 * vega * vol / time

    def at(before, after):
        return xp.where(expired, after, before)

    intrinsic = xp.abs(forward - strike)
    unknown = 0.0 * intrinsic  # NaN where a price is
    return StraddleGreeks(
        value=at(value, intrinsic),
        delta=at(discount * inside1, xp.sign(forward - strike)),
        gamma=at(density / (underlying * spread), unknown),
        vega=at(vega * VOL_POINT, unknown),
        theta=at(theta / DAYS_PER_YEAR, unknown),
        vanna=at(-density * d2 / vol * VOL_POINT, unknown),
        volga=at(vega * d1 * d2 / vol * VOL_POINT**2, unknown),
    )
