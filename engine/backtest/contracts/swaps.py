"""What swaps of realised variance and volatility are worth between their entry and their expiry."""

from dataclasses import dataclass

from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest.metrics import SESSIONS_PER_YEAR
from engine.calendar import DAYS_PER_YEAR
from engine.kernels.codes import Kind
from engine.pricing import StraddleGreeks, sampled_volatility
from engine.pricing.straddle import VOL_POINT

SWAPS = frozenset([Kind.VARIANCE, Kind.GAMMA, Kind.VOLATILITY])


@dataclass(frozen=True, eq=False)
class Opened:
    """What a swap keeps of its entry: years to the expiry, (C, 1, ...), and the forward, (C, 1 + L, ...)."""

    years: Floats
    forward: Floats


def sessions(years: Floats) -> Floats:
    """Return how many closes a time has on average: which of them are holidays a mark does not ask."""
    return SESSIONS_PER_YEAR * years


def swap(
    kind: Kind,
    cap: float,
    opened: Opened,
    forward: Floats,
    strike: Floats,
    iv: Floats,
    years: Floats,
    rate: Floats,
    realised: Floats,
    convexity: Floats,
) -> StraddleGreeks:
    """Value a swap of realised variance or volatility, of a vega of 1 at its strike, and its greeks.

    Of a volatility swap that is the vega to the volatility which closes realise; to the smile's it is a share less.

    Parameters
    ----------
    kind : Kind
    cap : float
        c, infinite where there is none. It binds on what is expected: before it is certain the mark is an intrinsic
        value.
    opened : Opened
        T and F_0: what is realised is annualised on the clock of the volatilities.
    forward : array
        F, to the expiry.
    strike, iv : array
        K, and s to the expiry, annualised decimals: the model-free volatility, of a volatility swap the zero-vanna one.
    years, rate : array
        t, time left, and r.
    realised : array
        R, from `Marks.realised`.
    convexity : array
        From `Marks.convexity`; only a volatility swap depends on it.
    """
    state = (opened, forward, strike, iv, years, rate, realised)
    return _of_volatility(cap, *state, convexity) if kind == Kind.VOLATILITY else _of_variance(kind, cap, *state)


def _of_variance(kind, cap, opened, forward, strike, iv, years, rate, realised) -> StraddleGreeks:
    """Value a variance swap, or one of variance weighted by the forward over that at entry.

        value = exp(-r t) [min((R + g s^2 t) / T, c^2 K^2) - K^2] / (2 K)

    with g = 1 of a variance swap and F / F_0 of a gamma swap, on which each squared return counts in R too.
    """
    xp = namespace(forward, strike, iv, years, rate, realised)
    of_gamma = kind == Kind.GAMMA
    total = xp.where(opened.years > 0.0, opened.years, xp.nan)  # 0 where a cohort found no expiry
    weight = forward / opened.forward if of_gamma else 1.0
    slope = 1.0 / opened.forward if of_gamma else 0.0 * opened.forward
    left, vol = xp.where(years > 0.0, years, 0.0), xp.where(years > 0.0, iv, 0.0)
    discount = xp.exp(-rate * years)
    # In this order nothing is left of rounding at entry.
    expected, most = realised / total + weight * (vol * vol * (left / total)), (cap * strike) ** 2
    value = discount * (xp.minimum(expected, most) - strike * strike) / (2.0 * strike)
    pays = xp.where(expected >= most, 0.0, discount / (strike * total))  # half of it for a unit of variance
    return StraddleGreeks(
        value=value,
        delta=0.5 * pays * slope * vol * vol * left,
        gamma=pays * weight / xp.where(forward > 0.0, forward, xp.nan) ** 2,
        vega=pays * weight * vol * left * VOL_POINT,
        theta=(rate * value - 0.5 * pays * weight * vol * vol) / DAYS_PER_YEAR,
        vanna=pays * slope * vol * left * VOL_POINT,
        volga=pays * weight * left * VOL_POINT**2,
    )


def _of_volatility(cap, opened, forward, strike, iv, years, rate, realised, convexity) -> StraddleGreeks:
    """Value a volatility swap: the mean over two equally likely outcomes of what is left.

        value = exp(-r t) {min([u(g+) + u(g-)] / 2, c K) - K},   u(g) = sqrt((R + s^2 g^2 t) / T)
        g+- = c_m +- sqrt(k^2 - c_m^2)

    s is the zero-vanna volatility, k s the model-free one (k the convexity) and c_m what m closes realise of a
    volatility on average, `sampled_volatility`. The variance of what is left then has the mean (k s)^2 that a variance
    swap pays, and its root the mean c_m s: what volatile volatility, and the few closes left, do to the expected root
    of accrued and remaining variance. Once none is left this is sqrt(R / T) - K. Where flat tails of a smile leave k
    below c_m, k = c_m.

    Carr and Lee, "Robust replication of volatility derivatives" (2009), have the two means as the data that one smile
    gives; that they are taken on two points is ours.
    """
    xp = namespace(forward, strike, iv, years, rate, realised)
    total = xp.where(opened.years > 0.0, opened.years, xp.nan)  # 0 where a cohort found no expiry
    alive = years > 0.0
    left, vol = xp.where(alive, years, 0.0), xp.where(alive, iv, 0.0)
    mean, slope = sampled_volatility(sessions(left))
    spread = xp.sqrt(xp.maximum(xp.where(alive, convexity, 1.0) ** 2 - mean**2, 0.0))
    spreads = xp.where(spread > 0.0, -mean / xp.where(spread > 0.0, spread, 1.0), 0.0)  # d spread / d mean
    expected = per_square = vega = volga = decay = 0.0
    for way in (1.0, -1.0):
        share = mean + way * spread
        remaining = share * share * (left / total)  # of a variance of 1
        realises = xp.sqrt(realised / total + vol * vol * remaining)
        known = xp.where(realises > 0.0, realises, 1.0)  # a price that never moved has no slope
        grows = share * share / total + 2.0 * share * (left / total) * SESSIONS_PER_YEAR * slope * (1.0 + way * spreads)
        expected = expected + 0.5 * realises
        per_square = per_square + 0.25 / (total * known)
        vega = vega + 0.5 * vol * remaining / known
        volga = volga + 0.5 * remaining * (realised / total) / known**3
        decay = decay + 0.25 * vol * vol * grows / known
    # Where nothing has accrued the mean of both roots is known, so that nothing is left of rounding at entry.
    fresh = (realised == 0.0) & (mean >= spread)
    expected = xp.where(fresh, vol * mean * xp.sqrt(left / total), expected)
    most = cap * strike
    discount = xp.exp(-rate * years)
    value = discount * (xp.minimum(expected, most) - strike)
    pays = xp.where(expected >= most, 0.0, discount)
    nothing = 0.0 * value
    return StraddleGreeks(
        value=value,
        delta=nothing,
        gamma=2.0 * pays * per_square / xp.where(forward > 0.0, forward, xp.nan) ** 2,
        vega=pays * vega * VOL_POINT,
        theta=(rate * value - pays * decay) / DAYS_PER_YEAR,
        vanna=nothing,
        volga=pays * volga * VOL_POINT**2,
    )
