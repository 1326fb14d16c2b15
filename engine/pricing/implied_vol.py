"""Implied volatilities of many options at once, each with a status that says whether its price determines one."""

import math

import numpy as np

from engine import kernels
from engine.arrays import Flags, Floats, Integers
from engine.backend import block_budget, blocks, namespace, special
from engine.kernels.codes import InversionStatus

STEPS = 3  # the worst first guess is 35 % off, and each step raises the relative error to about its fourth power
CONVERGED = 3e-4  # last relative step: below it the remaining error is under 1e-11, at any strike
LARGEST_STEP = 2.0  # factor by which one step may move a volatility
SMALLEST = 1e-290  # normalised time values below this meet denormal numbers on the way
ROUNDING = 2.3e-16  # relative error of two roundings to float64
IDENTIFIED = 1e-10  # relative volatility error above which a price does not determine the volatility
NARROW = 0.02  # total volatility below which a difference of two values is taken from their derivatives
BYTES_PER_OPTION = 320  # temporaries alive at once


def implied_vol(
    price: Floats, forward: Floats, strike: Floats, years: Floats, is_call: Flags | bool, rate: Floats | float = 0.0
) -> tuple[Floats, Integers]:
    """Invert Black's formula for the volatility, without a loop over options.

    Each price is turned into the time value b of the out-of-the-money option at its strike, in units of
    exp(-r T) sqrt(F K); with x = -|ln(F/K)|, s = sigma sqrt(T), h = x/s, t = s/2

        b(s) = exp(x/2) N(h + t) - exp(-x/2) N(h - t)

    is solved by three fourth-order steps on ln b, or on the log of exp(x/2) - b, which b lacks of its ceiling, where
    that is the smaller. Every option takes the same steps, so a volatility does not depend on what else is in the
    batch. Units cancel: prices, forwards and strikes times any factor give the same volatility.

    A price determines a volatility where rounding moves it by less than 1e-10 of itself. Rounding of the price, of F
    and of K moves b by at most u (U + F N(d1) + K N(d2)) / sqrt(F K), with u = 2^-53 and U the undiscounted price; the
    arithmetic adds as much again, and the volatility moves by that over db/ds. All other roundings are relative to
    the smaller of b and exp(x/2) - b, and move a volatility by some 1e-14 at most.

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
        Annualised decimals; NaN unless the status is OK, and then within 1e-10 of itself.
    status : array, uint8
        `InversionStatus`.

    References
    ----------
    Jaeckel, "Let's be rational" (2015), for the normalised price, the two objectives and the step.

    Examples
    --------
    >>> iv, status = implied_vol([8.3531802, 1.0], 100.0, 95.0, 0.5, True)
    >>> iv.round(6).tolist(), [InversionStatus(s).name for s in status]
    ([0.2, nan], ['OK', 'BELOW_INTRINSIC'])
    """
    xp = namespace(price, forward, strike, years, is_call, rate)
    inputs = [xp.asarray(a, dtype=xp.float64) for a in (price, forward, strike, years, rate)]
    inputs.append(xp.asarray(is_call, dtype=bool))
    if kernels.usable(xp):
        return kernels.elementwise(xp, "implied_vol", inputs, (xp.float64, xp.uint8))
    inputs = xp.broadcast_arrays(*inputs)
    shape = inputs[0].shape
    flat = [a.ravel() for a in inputs]
    iv = xp.empty(flat[0].shape)
    status = xp.empty(flat[0].shape, dtype=xp.uint8)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # inputs far outside any market
        for block in blocks(len(iv), BYTES_PER_OPTION, block_budget(xp)):
            iv[block], status[block] = _invert(*(a[block] for a in flat))
    return iv.reshape(shape), status.reshape(shape)


def _invert(price, forward, strike, years, rate, is_call):
    xp = namespace(price)
    valid = (price > 0.0) & (forward > 0.0) & (strike > 0.0)
    for a in (price, forward, strike, years, rate):
        valid = valid & xp.isfinite(a)
    timed = valid & (years > 0.0)
    p, f, k, time, growth = (xp.where(timed, a, 1.0) for a in (price, forward, strike, years, rate * years))
    undiscounted = p * xp.exp(growth)
    intrinsic = xp.maximum(xp.where(is_call, f - k, k - f), 0.0)
    unit = xp.sqrt(f) * xp.sqrt(k)
    time_value = (undiscounted - intrinsic) / unit
    lacking = (xp.where(is_call, f, k) - undiscounted) / unit
    # Roundings of the price, of r T, of exp(r T), of the product; in the money, of the forward and of the strike.
    blur = ROUNDING * (2.0 + 0.5 * xp.abs(growth)) * undiscounted
    blur = (blur + ROUNDING * xp.where(intrinsic > 0.0, xp.maximum(f, k), 0.0)) / unit
    x = -xp.log(xp.maximum(f, k) / xp.minimum(f, k))
    above = lacking <= 0.0
    below = ~above & (time_value <= xp.where(intrinsic > 0.0, blur, 0.0))
    soluble = timed & ~above & ~below & (time_value > SMALLEST)

    x = xp.where(soluble, x, -0.1)
    s, last_step = _solve(x, xp.where(soluble, time_value, 0.01), xp.where(soluble, lacking, 0.9))
    h, t = x / s, 0.5 * s
    slope = xp.exp(-0.5 * (h * h + t * t)) / math.sqrt(2.0 * math.pi)
    blur = blur + 1.5 * ROUNDING * _larger_term(x, h + t)  # of the forward, the strike and F / K, seen through x
    identified = soluble & (blur <= IDENTIFIED * slope * s) & (xp.abs(last_step) <= CONVERGED * s)

    status = xp.where(identified, int(InversionStatus.OK), int(InversionStatus.NOT_IDENTIFIED))
    status = xp.where(below, int(InversionStatus.BELOW_INTRINSIC), status)
    status = xp.where(above, int(InversionStatus.ABOVE_FORWARD), status)
    status = xp.where(timed, status, int(InversionStatus.NO_TIME))
    status = xp.where(valid, status, int(InversionStatus.INVALID))
    return xp.where(status == int(InversionStatus.OK), s / xp.sqrt(time), xp.nan), status


def _larger_term(x, d):
    """Upper bound of exp(x / 2) N(d), by at most a fourth where d >= 0: N lies below its tangent at 0, and below 1."""
    xp = namespace(x)
    body = xp.minimum(0.5 + 0.4 * xp.maximum(d, 0.0), 1.0)
    tail = xp.minimum(d, 0.0)
    return body * xp.exp(0.5 * (x - tail * tail))


def _solve(x, target, lacking):
    """Total volatility s with b(s) = target, and the last step taken; `lacking` is exp(x / 2) - target, x <= 0.

    Both are positive and given, since the smaller of the two carries the digits.
    """
    xp = namespace(x, target)
    minor = target < lacking
    goal = xp.log(xp.where(minor, target, lacking))
    side = xp.where(minor, 1.0, -1.0)
    s = _first_guess(x, target, lacking)
    step = s
    for _ in range(STEPS):
        h, t = x / s, 0.5 * s
        mills = _scaled_value(h, t, side)
        slope = math.sqrt(2.0 / math.pi) * side / mills  # of the log of the objective
        newton = (goal - xp.log(0.5 * mills) + 0.5 * (h * h + t * t)) / slope
        # Ratios of the objective's second and third derivative to its first.
        bend = h * h / s - 0.5 * t
        second = bend - slope
        third = second * second - 3.0 * (h / s) ** 2 - 0.25 - slope * second
        step = newton * (1.0 + 0.5 * second * newton) / (1.0 + newton * (second + third * newton / 6.0))
        step = xp.minimum(xp.maximum(step, s / LARGEST_STEP - s), LARGEST_STEP * s - s)
        s = s + step
    return s, step


def _scaled_value(h, t, side):
    """Twice b, or twice its distance to the ceiling where `side` is -1, without the factor exp(-(h^2 + t^2) / 2).

    The scaled complementary error function keeps every digit in the wings, and never underflows.
    """
    xp = namespace(h, t)
    erfcx = special(xp).erfcx
    root = math.sqrt(0.5)
    # At a small volatility b is a difference of two nearly equal values: use derivatives at the point midway instead.
    narrow = (side > 0.0) & (t < 0.5 * NARROW)
    middle = -h * root
    first = erfcx(xp.where(narrow, middle, -side * (h + t) * root))
    difference = first - side * erfcx((t - h) * root)
    half = t * root
    d1 = 2.0 * middle * first - 2.0 / math.sqrt(math.pi)
    d2 = 2.0 * first + 2.0 * middle * d1
    d3 = 4.0 * d1 + 2.0 * middle * d2
    d4 = 6.0 * d2 + 2.0 * middle * d3
    d5 = 8.0 * d3 + 2.0 * middle * d4
    square = half * half
    return xp.where(narrow, -2.0 * half * (d1 + square / 6.0 * (d3 + square / 20.0 * d5)), difference)


def _first_guess(x, target, lacking):
    """Total volatility within 35 %, mostly within 3 %.

    With d = h + t, b is the ceiling times N(d) - odds N(-d), where the odds are the ratio of Mills' ratios at
    t - h = sqrt(d^2 - 2x) and at d. They are 1 at the money, which gives a first d for them. Deep in the wing, where
    b / ceiling says little of d, it is Bachelier's formula that is inverted.
    """
    xp = namespace(x, target)
    share = target / (target + lacking)
    rest = lacking / (target + lacking)
    near = _deviations(share, rest)
    odds = _over_mills_ratio(near) / _over_mills_ratio(xp.sqrt(near * near - 2.0 * x))
    inside = (odds - 1.0 + 2.0 * share) / (1.0 + odds)
    d = _deviations(inside, 2.0 * rest / (1.0 + odds))
    body = d + xp.sqrt(d * d - 2.0 * x)
    return xp.where((inside < 0.0) & (share < 0.25), _wing_guess(x, target), body)


def _deviations(y, rest):
    """Solve erf(d / sqrt 2) = y for d within 0.5 %; `rest` is 1 - y, and either may be tiny."""
    xp = namespace(y)
    w = -xp.log(rest * (1.0 + y))
    square = (0.25 * math.pi + w * (0.53849189 + 0.22341098 * w)) / (1.0 + 0.22049806 * w)
    return math.sqrt(2.0) * y * xp.sqrt(square)


def _over_mills_ratio(y):
    """Up to a factor n(y) / N(-y), within 1 % for y >= 0 (Boyd 1959)."""
    return (math.pi - 1.0) * y + namespace(y).sqrt(y * y + 2.0 * math.pi)


def _wing_guess(x, target):
    """Total volatility from Bachelier's formula, b near exp(-s^2 / 8) s [n(h) + h N(h)], within 4 % for |x| < 10."""
    xp = namespace(x, target)

    def distance(ratio):
        # |h| as a function of |x| / b: linear where it is small, near sqrt(2 ln) where it is large; fit within 0.8 %.
        w = xp.log(1.0 + ratio / math.sqrt(2.0 * math.pi))
        return xp.sqrt(w * w * (1.0 + 0.36 * w) / (1.0 + w * (1.947 + 0.18 * w)))

    nearest = xp.maximum(xp.sqrt(-0.5 * x), 1e-300)  # |h| where b(s) bends
    ratio = -x / target
    t = -0.5 * x / xp.maximum(distance(ratio), nearest)
    return -x / xp.maximum(distance(ratio * xp.exp(-0.5 * t * t)), nearest)
