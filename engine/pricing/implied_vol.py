"""Implied volatilities of many options at once, each with a status that says whether its price determines one."""

import math
from enum import IntEnum

from engine.backend import namespace, special

MAX_STEPS = 60  # Halley needs 3 to 6 from the guesses below; the rest is room for bisection
STEP_TOLERANCE = 1e-8  # the error after a third-order step is of the order of the cube of the step
SMALLEST = 1e-290  # normalised time values below this meet denormal numbers on the way
ROUNDING = 2.3e-16  # relative error that storing a price as float64 can hide
IDENTIFIED = 1e-10  # relative volatility error above which a price does not determine the volatility


class InversionStatus(IntEnum):
    """Whether, and why not, a price gave a volatility."""

    OK = 0
    INVALID = 1  # an input is NaN, or a price, forward or strike is not positive
    NO_TIME = 2  # at or past expiry
    BELOW_INTRINSIC = 3  # no time value: no volatility is low enough
    ABOVE_FORWARD = 4  # a call at or above the forward, a put at or above the strike: none is high enough
    NOT_IDENTIFIED = 5  # the last bit of the price moves the volatility by more than 1e-10 of itself


def implied_vol(price, forward, strike, years, is_call, rate=0.0):
    """Invert Black's formula for the volatility, without a loop over options.

    Each price is turned into the time value b of the out-of-the-money option at its strike, in units of
    exp(-r T) sqrt(F K); with x = -|ln(F/K)|, s = sigma sqrt(T), h = x/s, t = s/2

        b(s) = exp(x/2) N(h + t) - exp(-x/2) N(h - t)

    is solved by Halley steps on ln b below its inflection s = sqrt(2|x|) and on ln(b(inf) - b) above it, kept inside
    a bracket. Units cancel: prices, forwards and strikes times any factor give the same volatility.

    Parameters
    ----------
    price : array
        Present value per share.
    forward, strike : array
        Same currency.
    years : array
        Time to expiry.
    is_call : array, bool
    rate : array or float
        Continuously compounded discount rate.

    Returns
    -------
    iv : array, float64
        Annualised decimals; NaN unless the status is OK.
    status : array, uint8
        `InversionStatus`.

    References
    ----------
    Jaeckel, "Let's be rational" (2015), for the normalised price and the two objectives.

    Examples
    --------
    >>> iv, status = implied_vol([8.3531802, 1.0], 100.0, 95.0, 0.5, True)
    >>> iv.round(6).tolist(), [InversionStatus(s).name for s in status]
    ([0.2, nan], ['OK', 'BELOW_INTRINSIC'])
    """
    xp = namespace(price, forward, strike, years, is_call, rate)
    inputs = (xp.asarray(a, dtype=xp.float64) for a in (price, forward, strike, years, rate))
    price, forward, strike, years, rate = xp.broadcast_arrays(*inputs)
    is_call = xp.broadcast_to(xp.asarray(is_call, dtype=bool), price.shape)

    valid = (price > 0.0) & (forward > 0.0) & (strike > 0.0) & xp.isfinite(price * forward * strike * years * rate)
    timed = valid & (years > 0.0)
    p, f, k, t, r = (xp.where(timed, a, 1.0) for a in (price, forward, strike, years, rate))
    undiscounted = p * xp.exp(r * t)
    intrinsic = xp.maximum(xp.where(is_call, f - k, k - f), 0.0)
    unit = xp.sqrt(f) * xp.sqrt(k)
    time_value = (undiscounted - intrinsic) / unit
    x = -xp.abs(xp.log(f / k))
    ceiling = xp.exp(0.5 * x)
    above = undiscounted >= xp.where(is_call, f, k)
    below = ~above & (time_value <= 0.0)
    soluble = timed & ~above & (time_value > SMALLEST) & (time_value < ceiling)

    s, slope = _solve(xp.where(soluble, x, -0.1), xp.where(soluble, time_value, 0.01), xp.where(soluble, ceiling, 1.0))
    blur = ROUNDING * (undiscounted + xp.where(intrinsic > 0.0, xp.maximum(f, k), 0.0)) / unit
    identified = (blur <= IDENTIFIED * slope * s) & (time_value > SMALLEST)

    status = xp.full(price.shape, int(InversionStatus.OK), dtype=xp.uint8)
    status = xp.where(identified, status, int(InversionStatus.NOT_IDENTIFIED))
    status = xp.where(below, int(InversionStatus.BELOW_INTRINSIC), status)
    status = xp.where(above, int(InversionStatus.ABOVE_FORWARD), status)
    status = xp.where(timed, status, int(InversionStatus.NO_TIME))
    status = xp.where(valid, status, int(InversionStatus.INVALID)).astype(xp.uint8)
    return xp.where(status == int(InversionStatus.OK), s / xp.sqrt(t), xp.nan), status


def _solve(x, target, ceiling):
    """Total volatility s with b(s) = target, and the slope b'(s); all arrays of one shape, 0 < target < ceiling."""
    xp = namespace(x, target)
    inflection = xp.sqrt(-2.0 * x)
    at_inflection, *_ = _normalised(x, xp.maximum(inflection, 1e-300))
    lower = target < xp.where(inflection > 0.0, at_inflection, 0.0)
    # In the wings ln b is near -x^2 / (2 s^2); from the money up b is near 2 N(s/2) - 1.
    log_target, log_rest = xp.log(target), xp.log(ceiling - target)
    wing = -x / xp.sqrt(2.0 * xp.where(lower, 0.5 * x - log_target, 1.0))
    body = 2.0 * special(xp).ndtri(0.5 * (1.0 + xp.where(lower, 0.5, target / ceiling)))
    s = xp.where(lower, xp.minimum(wing, inflection), xp.maximum(body, inflection))
    low = xp.where(lower, 0.0, inflection)
    high = xp.where(lower, inflection, xp.inf)
    solved = xp.zeros(s.shape, dtype=bool)

    for _ in range(MAX_STEPS):
        b, rest, slope, bend = _normalised(x, s)
        usable = xp.where(lower, b, rest) > 0.0
        divisor = xp.where(usable, xp.where(lower, b, rest), 1.0)
        log_value = xp.log(divisor)
        gap = xp.where(lower, log_value - log_target, log_rest - log_value)
        low = xp.where((gap < 0.0) & usable, s, low)
        high = xp.where((gap > 0.0) & usable, s, high)
        low = xp.where(usable | ~lower, low, s)  # b underflows: far too low a volatility
        relative_slope = slope / divisor
        moving = usable & (relative_slope > 0.0)
        newton = gap / xp.where(moving, relative_slope, 1.0)
        curvature = bend + xp.where(lower, -relative_slope, relative_slope)
        damping = 1.0 - 0.5 * newton * curvature
        step = s - newton / xp.where(damping > 0.5, damping, 1.0)
        inside = moving & (step > low) & (step < high)
        halfway = xp.where(xp.isfinite(high), 0.5 * (low + xp.where(xp.isfinite(high), high, 0.0)), 2.0 * s)
        following = xp.where(xp.abs(newton) <= STEP_TOLERANCE * s, step, xp.where(inside, step, halfway))
        solved_before, solved = solved, solved | (moving & (xp.abs(following - s) <= STEP_TOLERANCE * s))
        s = xp.where(solved_before, s, following)
        if bool(solved.all()):
            break
    return s, _normalised(x, s)[2]


def _normalised(x, s):
    """Normalised price b, its distance to the ceiling, its slope b' and bend b''/b', at total volatility s > 0.

    Below the inflection b is taken from the scaled complementary error function, where the plain difference of two
    normal probabilities would lose every digit in the wings.
    """
    xp = namespace(x, s)
    functions = special(xp)
    h, t = x / s, 0.5 * s
    slope = xp.exp(-0.5 * (h * h + t * t)) / math.sqrt(2.0 * math.pi)
    wing = t <= -h
    root = math.sqrt(0.5)
    up, down = xp.where(wing, -(h + t), 0.0) * root, xp.where(wing, t - h, 0.0) * root
    scaled = 0.5 * math.sqrt(2.0 * math.pi) * slope * (functions.erfcx(up) - functions.erfcx(down))
    half = xp.exp(0.5 * x)
    rest = half * functions.ndtr(-(h + t)) + functions.ndtr(h - t) / half
    b = xp.where(wing, scaled, half - rest)
    return b, rest, slope, h * h / s - 0.5 * t
