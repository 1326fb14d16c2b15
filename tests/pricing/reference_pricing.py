"""Slow obvious references: one option, one smile at a time, plain Python numbers and the standard library only."""

import functools
import math
from decimal import Decimal, getcontext, localcontext
from itertools import pairwise
from statistics import NormalDist


def cdf(z):
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def black_reference(forward, strike, vol, years, is_call, rate):
    sign = 1.0 if is_call else -1.0
    if years <= 0.0:
        return max(sign * (forward - strike), 0.0)
    spread = vol * math.sqrt(years)
    d1 = (math.log(forward / strike) + 0.5 * spread**2) / spread
    return math.exp(-rate * years) * sign * (forward * cdf(sign * d1) - strike * cdf(sign * (d1 - spread)))


def exact_black(forward, strike, vol, years, is_call, rate=0.0, digits=120):
    """Black's price rounded once to float64: every argument is taken as exactly the float64 it is.

    What cancels costs digits: some z^2 / 4.6 of them for an option z standard deviations from the money.
    """
    with localcontext() as context:
        context.prec = digits
        forward, strike, vol, years, rate = map(Decimal, (forward, strike, vol, years, rate))
        sign = 1 if is_call else -1
        spread = vol * years.sqrt()
        d1 = (forward / strike).ln() / spread + spread / 2
        value = sign * (forward * _exact_cdf(sign * d1) - strike * _exact_cdf(sign * (d1 - spread)))
        return float((-rate * years).exp() * value)


def _exact_cdf(z):
    """Standard normal distribution in the digits of the decimal context."""
    return (1 + _bell_area(z) / _half_bell_area(getcontext().prec)) / 2


def _bell_area(z):
    """Integral of exp(-x^2 / 2) from 0 to z: exp(-z^2 / 2) (z + z^3 / 3 + z^5 / (3 5) + ...)."""
    term = total = z
    odd = 1
    while abs(term) > Decimal(10) ** -getcontext().prec:
        odd += 2
        term = term * z * z / odd
        total += term
    return total * (-z * z / 2).exp()


@functools.cache
def _half_bell_area(digits):
    """sqrt(pi / 2), as far as `digits` can tell it from the integral to 50: 500 of them."""
    return _bell_area(Decimal(50))


def implied_vol_reference(price, forward, strike, years, is_call, rate):
    """Bisection: the price rises with the volatility."""
    low, high = 1e-6, 20.0
    for _ in range(100):
        middle = 0.5 * (low + high)
        if black_reference(forward, strike, middle, years, is_call, rate) < price:
            low = middle
        else:
            high = middle
    return low


def smile_at_tenor_reference(smiles, tenors, days, furthest=math.inf):
    """One smile, as a list, and whether `days` lies outside the tenors; `smiles` is a list of lists over tenors."""
    if days < tenors[0] or days > tenors[-1]:
        end = 0 if days < tenors[0] else -1
        reached = abs(days - tenors[end]) <= furthest
        return [vol if reached else math.nan for vol in smiles[end]], True
    if days in tenors:
        return smiles[tenors.index(days)], False
    far = next(k for k, tenor in enumerate(tenors) if tenor > days)
    left, right = tenors[far - 1], tenors[far]
    smile = []
    for before, after in zip(smiles[far - 1], smiles[far], strict=True):
        variance = (before**2 * left * (right - days) + after**2 * right * (days - left)) / (right - left)
        smile.append(math.sqrt(variance / days))
    return smile, False


def tenor_from_expiries_reference(vols, days, tenor, furthest):
    """Volatility of one delta at one tenor from its listed expiries, and whether they lie on one side only."""
    quoted = sorted((d, v) for d, v in zip(days, vols, strict=True) if v > 0.0 and d > 0.0)
    before = [q for q in quoted if q[0] <= tenor]
    after = [q for q in quoted if q[0] > tenor]
    if before and before[-1][0] == tenor:
        return before[-1][1], False
    if before and after:
        (left, v), (right, w) = before[-1], after[0]
        variance = (v * v * left * (right - tenor) + w * w * right * (tenor - left)) / (right - left)
        return math.sqrt(variance / tenor), False
    if not quoted:
        return math.nan, False
    day, vol = before[-1] if before else after[0]
    return (vol if abs(day - tenor) <= furthest else math.nan), True


def vol_at_strike_reference(smile, deltas, forward, strike, years):
    """One volatility and whether the strike lies beyond the quoted nodes: sort the nodes' strikes, then interpolate."""
    nodes = []
    for delta, vol in zip(deltas, smile, strict=True):
        if vol == vol:
            spread = vol * math.sqrt(years)
            nodes.append((0.5 * spread**2 - NormalDist().inv_cdf(delta / 100.0) * spread, vol))
    if not nodes:
        return math.nan, False
    nodes.sort()
    target = math.log(strike / forward)
    if target < nodes[0][0]:
        return nodes[0][1], True
    if target > nodes[-1][0]:
        return nodes[-1][1], True
    for (left, before), (right, after) in pairwise(nodes):
        if left <= target <= right:
            return before + (target - left) / (right - left) * (after - before), False
    return nodes[0][1], False
