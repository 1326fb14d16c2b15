"""The trade book as a careful loop in plain Python: lists and `math`, no arrays and no frames.

It does the same work as `build_book` on a constant-maturity grid (marks, greeks, explain, hedges, flags, events) and a
test asserts that it gets the same numbers. It is written to be fast for a loop: what a date or a leg needs once is
computed once, and a smile is walked from its middle only as far as the strike.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from engine.backend import to_host

ROOT_HALF = math.sqrt(0.5)
ROOT_2_OVER_PI = math.sqrt(2.0 / math.pi)
EDGE = 1e-9  # log-moneyness by which a strike may miss the outermost node by rounding
HOLIDAY_DAYS = 5  # an expiry that comes more days than this after the last session has no settlement
PARTS, MAGNITUDES = 9, 7
NOTHING, DELTAS, TENORS = 0, 1, 2  # where a mark lies beyond the surface
BY_CLASS = ("vega_traded", "vega_held", "hedge_traded", "hedge_held")


@dataclass(frozen=True)
class Lists:
    """A panel as nested lists, dates first; asset 0 is the index, smiles run from low strikes to high."""

    day: list
    tenor: list
    quantile: list
    iv: list
    spot: list
    carry: list
    rate: list
    factor: list
    settlement: list
    weight: list


def as_lists(panel, weights, sessions: int) -> Lists:
    """Make lists of the first sessions of a panel and of the weights (T, N) of a basket."""

    def assets(index, members):
        index, members = to_host(index[:sessions]), to_host(members[:sessions])
        return np.concatenate([index[:, None], members], axis=1).astype(float)

    ones, unknown = np.ones(sessions), np.full(sessions, np.nan)
    carry, rate = assets(panel.index_carry, panel.carry), to_host(panel.rate[:sessions])
    return Lists(
        day=panel.dates[:sessions].astype(int).tolist(),
        tenor=panel.tenors.tolist(),
        quantile=[NormalDist().inv_cdf(delta / 100.0) for delta in panel.deltas.tolist()[::-1]],
        iv=assets(panel.index_iv, panel.component_iv)[..., ::-1].tolist(),
        spot=assets(panel.index_spot, panel.spot).tolist(),
        carry=np.where(np.isfinite(carry), carry, 0.0).tolist(),
        rate=np.where(np.isfinite(rate), rate, 0.0).tolist(),
        factor=assets(ones, panel.strike_factor).tolist(),
        settlement=assets(unknown, panel.settlement).tolist(),
        weight=to_host(weights[:sessions]).tolist(),
    )


def plain_book(market: Lists, entries, tenor: int, min_coverage: float = 0.8) -> list[dict]:
    """Follow vega-neutral, daily hedged straddles of every cohort to expiry; one record per cohort.

    Returns
    -------
    list of dict
        `marks` (leg-days), `entered`, and by holding day what `TradeBook` holds: `explain` [2][9], `magnitude` [7],
        and by class [2] `vega_traded`, `vega_held`, `hedge_traded`, `hedge_held`.
    """
    cohorts = []
    for entry in entries:
        expiry = market.day[entry] + tenor
        last = entry
        while last + 1 < len(market.day) and market.day[last + 1] <= expiry:
            last += 1
        cohorts.append(_cohort(market, entry, last, expiry, min_coverage))
    return cohorts


def _cohort(market: Lists, entry: int, last: int, expiry: int, min_coverage: float) -> dict:
    length = last - entry
    record = {
        "marks": 0,
        "entered": False,
        "explain": [[[0.0] * PARTS, [0.0] * PARTS] for _ in range(length + 1)],
        "magnitude": [[0.0] * MAGNITUDES for _ in range(length + 1)],
        **{name: [[0.0, 0.0] for _ in range(length + 1)] for name in BY_CLASS},
    }
    settled = expiry <= market.day[-1] and expiry - market.day[last] <= HOLIDAY_DAYS
    weight = market.weight[entry]
    opened, held = [], 0.0
    for asset in (0, *(n + 1 for n, w in enumerate(weight) if w > 0.0)):
        forward, vol, beyond = _mark(market, entry, asset, expiry, 1.0, None)
        if vol == vol and forward == forward and length > 0:
            years = (expiry - market.day[entry]) / 365.0
            greeks = _straddle(forward, forward, vol, years, market.rate[entry])
            if greeks[2] > 0.0:
                opened.append((asset, forward, vol, beyond, greeks))
                held += weight[asset - 1] if asset else 0.0
    if not opened or opened[0][0] != 0 or not held or held < min_coverage * sum(weight):
        return record
    record["entered"] = True
    for asset, forward, vol, beyond, greeks in opened:
        units = weight[asset - 1] / held / greeks[2] if asset else -1.0 / greeks[2]
        _follow(market, record, asset, entry, last, expiry, settled, units, (forward, vol, beyond, greeks))
    return record


def _follow(market: Lists, record, asset, entry, last, expiry, settled, units, opened) -> None:
    """Add the life of one leg to its cohort's record."""
    forward, vol, beyond, greeks = opened
    strike = forward
    shares = 1.0
    stale = False
    hedge = 0.0
    side = int(asset > 0)
    size = abs(units)
    vega_held, hedge_traded, hedge_held = (record[name] for name in BY_CLASS[1:])
    record["vega_traded"][0][side] += size * greeks[2]
    for t in range(entry + 1, last + 1):
        day = t - entry
        value, delta, vega = greeks
        before, hedge = hedge, units * delta
        hedge_traded[day - 1][side] += abs(hedge - before) * forward
        hedge_held[day - 1][side] += abs(before) * forward
        vega_held[day - 1][side] += size * vega
        factor, settlement = market.factor[t][asset], market.settlement[t][asset]
        if factor != factor:  # terms of the corporate action unknown: closed at the last mark
            record["vega_traded"][day][side] += size * vega
            break
        shares *= factor
        was, vol_was, stale_was, beyond_was = forward, vol, stale, beyond
        expires = settled and t == last
        ends = settlement == settlement or expires
        years = 0.0 if expires else (expiry - market.day[t]) / 365.0
        rate, rate_was = market.rate[t], market.rate[t - 1]
        if ends:
            price = (settlement if settlement == settlement else market.spot[t][asset]) / shares
            stale, beyond = price != price, NOTHING
            forward = forward if stale else price
            greeks = (abs(forward - strike), 0.0, 0.0)
        else:
            quoted, found, beyond = _mark(market, t, asset, expiry, shares, strike)
            stale = found != found or quoted != quoted
            forward = quoted if quoted == quoted else forward
            vol = found if found == found else vol
            greeks = _straddle(forward, strike, vol, years, rate)
        # One factor after the other: the date, the spot, the volatility.
        rolled, _, rolled_vega = _straddle(was, strike, vol_was, years, rate_was)
        moved = _straddle(forward, strike, vol_was, years, rate_was)[0]
        unexplained = greeks[0] - moved if ends else -math.expm1((rate - rate_was) * years) * greeks[0]
        from_delta, from_theta = delta * (forward - was), rolled - value
        from_gamma = moved - rolled - from_delta
        from_vega = rolled_vega * 100.0 * (vol - vol_was)
        cross = greeks[0] - unexplained - moved - from_vega
        financing = -math.expm1(rate_was / 365.0 * (market.day[t] - market.day[t - 1])) * value
        parts = record["explain"][day][side]
        parts[0] += units * from_delta
        parts[1] += units * from_gamma
        parts[2] += units * from_theta
        parts[3] += units * from_vega
        parts[4] += units * cross
        parts[5] -= units * from_delta
        parts[6] += units * financing
        parts[7] += units * unexplained
        pnl = size * abs(greeks[0] - value - from_delta + financing)
        sums = record["magnitude"][day]
        sums[0] += pnl
        if stale or stale_was:
            sums[1] += pnl
        if max(beyond, beyond_was):
            sums[2 if max(beyond, beyond_was) == TENORS else 3] += pnl
        sums[4] += size * abs(from_gamma)
        sums[5] += size * abs(from_theta)
        sums[6] += size * abs(unexplained)
        record["marks"] += 1
        if ends:
            break
    hedge_traded[day][side] += abs(hedge) * forward
    hedge_held[day][side] += abs(hedge) * forward


def _mark(market: Lists, t, asset, expiry, shares, strike):
    """Return the forward of a share as of entry, the volatility at the strike, and where it lies beyond the surface.

    A strike of None stands for the forward itself.
    """
    days = expiry - market.day[t]
    years = days / 365.0
    forward = market.spot[t][asset] * math.exp(market.carry[t][asset] * years) / shares
    if not forward > 0.0:
        return forward, math.nan, NOTHING
    tenor = market.tenor
    grid = market.iv[t][asset]
    last = len(tenor) - 1
    k = 0
    while k < last - 1 and tenor[k + 1] <= days:
        k += 1
    near, far = tenor[k], tenor[k + 1]
    share = min(max((days - near) / (far - near), 0.0), 1.0)
    a, b = (1.0 - share) * near, share * far
    time = min(max(days, near), far)
    target = math.log((strike or forward) / forward)
    vol, beyond = _vol_at(grid[k], grid[k + 1], a / time, b / time, target, math.sqrt(years), market.quantile)
    if vol != vol:
        return forward, vol, NOTHING
    if not tenor[0] <= days <= tenor[-1]:
        return forward, vol, TENORS
    return forward, vol, DELTAS if beyond else NOTHING


def _vol_at(near, far, a, b, target, root, quantile):
    """Volatility at log-moneyness `target`, linear between the nodes of the smile sqrt(a near^2 + b far^2)."""
    middle = len(quantile) // 2
    low = high = None
    for i in range(middle, -1, -1):  # from the middle down to the first node at or below the target
        vol = _node(near[i], far[i], a, b)
        if vol == vol:
            spread = vol * root
            at = spread * (0.5 * spread + quantile[-1 - i])
            if at <= target:
                low = at, vol
                break
            high = at, vol
    if high is None:
        for i in range(middle + 1, len(quantile)):  # or from the middle up to the first node above it
            vol = _node(near[i], far[i], a, b)
            if vol == vol:
                spread = vol * root
                at = spread * (0.5 * spread + quantile[-1 - i])
                if at > target:
                    high = at, vol
                    break
                low = at, vol
    if low is None:
        return (math.nan, False) if high is None else (high[1], target < high[0] - EDGE)
    if high is None:
        return low[1], target > low[0] + EDGE
    return low[1] + (high[1] - low[1]) * (target - low[0]) / (high[0] - low[0]), False


def _node(near, far, a, b):
    if not b:
        return near
    if not a:
        return far
    return math.sqrt(a * near * near + b * far * far)


def _straddle(forward, strike, vol, years, rate):
    """Value, delta and vega, in the units of `engine.pricing.straddle`."""
    if not years > 0.0 or not forward > 0.0:
        return abs(forward - strike) * math.exp(-rate * years), 0.0, 0.0
    root = math.sqrt(years)
    spread = vol * root
    d1 = math.log(forward / strike) / spread + 0.5 * spread
    discount = math.exp(-rate * years)
    inside1 = math.erf(d1 * ROOT_HALF)
    value = discount * (forward * inside1 - strike * math.erf((d1 - spread) * ROOT_HALF))
    vega = 0.01 * discount * ROOT_2_OVER_PI * math.exp(-0.5 * d1 * d1) * forward * root
    return value, discount * inside1, vega
