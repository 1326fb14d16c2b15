"""The backtest as a careful person would write it with loops: slow, obvious, never optimised."""

import itertools
import math
from datetime import date as Date

import numpy as np


def cdf(x):
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def pdf(x):
    return math.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


def straddle_value(forward, strike, vol, years, rate):
    if years <= 0.0:
        return abs(forward - strike)
    if forward == 0.0:
        return math.exp(-rate * years) * strike
    spread = vol * math.sqrt(years)
    d1 = (math.log(forward / strike) + 0.5 * spread**2) / spread
    d2 = d1 - spread
    call = forward * cdf(d1) - strike * cdf(d2)
    put = strike * cdf(-d2) - forward * cdf(-d1)
    return math.exp(-rate * years) * (call + put)


def straddle_delta(forward, strike, vol, years, rate):
    if years <= 0.0:
        return math.copysign(1.0, forward - strike)
    spread = vol * math.sqrt(years)
    d1 = (math.log(forward / strike) + 0.5 * spread**2) / spread
    return math.exp(-rate * years) * (2.0 * cdf(d1) - 1.0)


def straddle_vega(forward, strike, vol, years, rate):
    """Per vol point."""
    if years <= 0.0:
        return 0.0
    spread = vol * math.sqrt(years)
    d1 = (math.log(forward / strike) + 0.5 * spread**2) / spread
    return 0.01 * math.exp(-rate * years) * 2.0 * forward * pdf(d1) * math.sqrt(years)


def smile_from_grid(grid, tenors, days):
    """Total variance linear in time between tenors, flat vol outside; one value per delta."""
    if days <= tenors[0]:
        return list(grid[0])
    if days >= tenors[-1]:
        return list(grid[-1])
    k = max(i for i, tenor in enumerate(tenors) if tenor <= days)
    if tenors[k] == days:
        return list(grid[k])
    share = (days - tenors[k]) / (tenors[k + 1] - tenors[k])
    return [
        math.sqrt(((1 - share) * a * a * tenors[k] + share * b * b * tenors[k + 1]) / days)
        for a, b in zip(grid[k], grid[k + 1], strict=True)
    ]


def vol_at(smile, deltas, forward, strike, years):
    """Linear in log-moneyness between neighbouring nodes, flat beyond the outer ones."""
    from statistics import NormalDist

    nodes = []
    for delta, vol in zip(deltas, smile, strict=True):
        if not math.isnan(vol):
            spread = vol * math.sqrt(years)
            nodes.append((-NormalDist().inv_cdf(delta / 100.0) * spread + 0.5 * spread**2, vol))
    nodes.sort()
    x = math.log(strike / forward)
    if not nodes:
        return math.nan
    if x <= nodes[0][0]:
        return nodes[0][1]
    for (x0, v0), (x1, v1) in itertools.pairwise(nodes):
        if x <= x1:
            return v0 + (v1 - v0) * (x - x0) / (x1 - x0)
    return nodes[-1][1]


def days_between(later, earlier):
    return (later.astype(Date) - earlier.astype(Date)).days


class Leg:
    """One straddle of one cohort followed to its end; prices in shares as at entry."""

    def __init__(self, panel, entry, name, expiry, last, settled, sell=None):
        self.sell = sell  # session on which it is sold, None to keep it
        self.sold_vega = (None, 0.0)  # session, vega
        self.vegas = []
        self.panel, self.entry, self.name, self.expiry = panel, entry, name, expiry
        self.last, self.settled = last, settled
        self.values, self.forwards, self.deltas, self.dates = [], [], [], []
        self.vols, self.left, self.rates = [], [], []  # left: years the contract has, whatever becomes of the leg
        self.last_vol = math.nan
        self.shares = 1.0
        self.closed = False
        self.forward_quoted = True  # at entry: a position is not opened on a forward nobody quoted
        self.run()

    def quote(self, t):
        panel = self.panel
        is_index = self.name is None
        years = max(days_between(self.expiry, panel.dates[t]), 0) / 365.0
        spot = panel.index_spot[t] if is_index else panel.spot[t, self.name]
        carry = panel.index_carry[t] if is_index else panel.carry[t, self.name]
        if panel.listed is None:
            grid = panel.index_iv[t] if is_index else panel.component_iv[t, self.name]
            smile = smile_from_grid(grid.astype(float), list(panel.tenors), days_between(self.expiry, panel.dates[t]))
            forward = spot * math.exp(carry * years)
        else:
            slots = [e for e, x in enumerate(panel.listed.expiry[t]) if x == self.expiry]
            smile, forward = [math.nan] * len(panel.deltas), math.nan
            if slots:
                e = slots[0]
                smile = panel.listed.index_iv[t, e] if is_index else panel.listed.iv[t, self.name, e]
                forward = panel.listed.index_forward[t, e] if is_index else panel.listed.forward[t, self.name, e]
            if math.isnan(forward):
                forward = spot * math.exp(carry * years)
                self.forward_quoted = self.forward_quoted and t != self.entry
        return spot, forward / self.shares, years, [float(v) for v in smile]

    def run(self):
        panel = self.panel
        for t in range(self.entry, self.last + 1):
            if t > self.entry and self.name is not None:
                factor = panel.strike_factor[t, self.name]
                if math.isnan(factor):  # terms unknown: closed at the last mark
                    self.closed = True
                    self.sold_vega = (t, self.vegas[-1])
                    self.record(t, self.forwards[-1], self.values[-1], 0.0)
                    break
                self.shares *= factor
            spot, forward, years, smile = self.quote(t)
            if t == self.entry:
                self.strike = forward
            rate = panel.rate[t]
            settlement = math.nan if self.name is None or t == self.entry else panel.settlement[t, self.name]
            ends = not math.isnan(settlement) or (self.settled and t == self.last)
            if ends:
                final = (spot if math.isnan(settlement) else settlement) / self.shares
                self.record(t, final, abs(final - self.strike), 0.0)
                break
            vol = vol_at(smile, panel.deltas, forward, self.strike, years) if years > 0 else math.nan
            if math.isnan(vol):
                vol = self.last_vol
            self.last_vol = vol
            if math.isnan(forward):
                forward = self.forwards[-1]
            if math.isnan(vol):
                self.vega = math.nan
                self.record(t, forward, math.nan, math.nan)
                break
            self.vegas.append(straddle_vega(forward, self.strike, vol, years, rate))
            self.vega = self.vegas[0]
            self.record(
                t,
                forward,
                straddle_value(forward, self.strike, vol, years, rate),
                straddle_delta(forward, self.strike, vol, years, rate),
            )
            if t == self.sell:
                self.sold_vega = (t, self.vegas[-1])
                break

    def record(self, t, forward, value, delta):
        self.dates.append(t)
        self.forwards.append(forward)
        self.values.append(value)
        self.deltas.append(delta)
        expired = self.settled and t == self.last
        self.vols.append(self.last_vol)
        self.left.append(0.0 if expired else days_between(self.expiry, self.panel.dates[t]) / 365.0)
        self.rates.append(self.panel.rate[t])

    def tradable(self):
        return self.forward_quoted and len(self.dates) > 1 and not math.isnan(self.values[0]) and self.vega > 0.0

    def daily(self, hedged):
        """(date, P&L, hedge notional traded) per straddle for each day after entry, and the entry hedge."""
        rows = []
        held = 0.0
        for i, t in enumerate(self.dates):
            pnl = 0.0
            if i > 0:
                days = days_between(self.panel.dates[t], self.panel.dates[t - 1])
                interest = math.expm1(self.panel.rate[t - 1] * days / 365.0) * self.values[i - 1]
                move = self.forwards[i] - self.forwards[i - 1]
                pnl = self.values[i] - self.values[i - 1] - interest - held * move
                if self.closed and i == len(self.dates) - 1:
                    pnl = 0.0
            wanted = self.deltas[i] if hedged and i < len(self.dates) - 1 else 0.0
            rows.append((t, pnl, abs(wanted - held) * self.forwards[i]))
            held = wanted
        return rows

    def explained(self):
        """(date, P&L by source) per straddle for each day after entry: the date rolls, then spot, then vol moves."""
        for i in range(1, len(self.dates) - self.closed):
            before, after, rate = self.forwards[i - 1], self.forwards[i], self.rates[i - 1]
            vol, left = self.vols[i - 1], self.left[i]
            days = days_between(self.panel.dates[self.dates[i]], self.panel.dates[self.dates[i - 1]])
            rolled = straddle_value(before, self.strike, vol, left, rate)
            moved = straddle_value(after, self.strike, vol, left, rate)
            marked = straddle_value(after, self.strike, self.vols[i], left, rate)
            delta = self.deltas[i - 1] * (after - before)
            vega = straddle_vega(before, self.strike, vol, left, rate) * 100.0 * (self.vols[i] - vol)
            yield (
                self.dates[i],
                {
                    "delta": delta,
                    "gamma": moved - rolled - delta,
                    "theta": rolled - self.values[i - 1],
                    "vega": vega,
                    "vanna_volga": marked - moved - vega,
                    "hedge": -delta,
                    "financing": -math.expm1(rate * days / 365.0) * self.values[i - 1],
                    "unexplained": self.values[i] - marked,
                },
            )


def vega_neutral_backtest(panel, weights, entries, exposure_at_entry, tenor, index_vega, costs, hedged=True, sell=None):
    """Daily gross P&L and cost, (T,) each, of straddles of `tenor` days (or the nearest listed expiry).

    `sell` gives for each cohort the session on which it is sold; None keeps all.
    """
    gross, cost = np.zeros(len(panel.dates)), np.zeros(len(panel.dates))
    for entry, exposure, sold in zip(entries, exposure_at_entry, sell or [None] * len(entries), strict=True):
        today = panel.dates[entry]
        if panel.listed is None:
            expiry = today + np.timedelta64(tenor, "D")
        else:
            choices = [
                (abs(days_between(x, today) - tenor), x)
                for e, x in enumerate(panel.listed.expiry[entry])
                if not np.isnat(x)
                and days_between(x, today) >= 7
                and np.isfinite(panel.listed.index_iv[entry, e]).any()
            ]
            if not choices:
                continue
            expiry = min(choices)[1]
        last = max(t for t, day in enumerate(panel.dates) if day <= expiry)
        settled = expiry <= panel.dates[-1] and days_between(expiry, panel.dates[last]) <= 5
        index = Leg(panel, entry, None, expiry, last, settled, sold)
        legs = [
            Leg(panel, entry, n, expiry, last, settled, sold) if weights[entry, n] > 0 else None
            for n in range(len(panel.names))
        ]
        total = sum(weights[entry, n] for n, leg in enumerate(legs) if leg is not None and leg.tradable())
        if not index.tradable() or total < 0.8 * weights[entry].sum():
            continue
        book = [(index, -1.0 / index.vega, costs.index)]
        for n, leg in enumerate(legs):
            if leg is not None and leg.tradable():
                book.append((leg, weights[entry, n] / total / leg.vega, costs.component))
        for leg, units, half_spread in book:
            size = abs(exposure) * index_vega * abs(units)
            cost[entry] += size * leg.vega * half_spread
            if leg.sold_vega[0] is not None:
                cost[leg.sold_vega[0]] += size * leg.sold_vega[1] * half_spread
            for t, pnl, notional in leg.daily(hedged):
                gross[t] += exposure * index_vega * units * pnl
                cost[t] += size * notional * costs.hedge_bps * 1e-4
    return gross, cost
