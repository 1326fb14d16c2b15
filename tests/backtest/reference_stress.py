"""A stress by plain loops: what it makes of volatilities, one delta at a time, and of the legs that are held."""

import math

import numpy as np

from tests.backtest.reference_backtest import Leg, days_between, smile_from_grid, straddle_value, vol_at


def mean_of_steps(values, low, high):
    """Mean over days of a step function that changes at 30 and 91 days."""
    steps = zip(values, (0.0, 30.0, 91.0), (30.0, 91.0, math.inf), strict=True)
    return sum(v * max(min(high, b) - max(low, a), 0.0) for v, a, b in steps) / (high - low)


def of_basket(variance, weight):
    """(sum w sqrt(f))^2 and sum w^2 f over the names that have one, weights scaled to sum to 1."""
    total = sum(weight[n] for n in variance)
    if total == 0.0:
        return 0.0, 0.0
    x = [weight[n] / total * math.sqrt(max(f, 0.0)) for n, f in variance.items()]
    return sum(x) ** 2, sum(a * a for a in x)


def stressed_vols(stress, index, members, weight, days, moves):
    """Volatilities of the index (K,) and of members (N, K) at one delta, each forward variance in its turn."""
    found, totals = [], []
    for n in range(len(members)):
        total = before = at = 0.0
        row, sums = [], []
        for s, day in zip(members[n], days, strict=True):
            if not day > 0.0:
                row.append(s)
                sums.append(math.nan)
                continue
            if not math.isnan(s):
                factor = mean_of_steps(stress.variance, at, day) if moves[n] else 1.0
                total, before, at = total + factor * (s * s * day - before), s * s * day, day
            sums.append(math.nan if math.isnan(s) else total)
            row.append(math.nan if math.isnan(s) or total < 0.0 else math.sqrt(total / day))
        found.append(row)
        totals.append(sums)

    most, least = [], math.inf
    for k in reversed(range(len(days))):
        if days[k] > 0.0:
            quoted = [n for n in range(len(members)) if not math.isnan(members[n][k]) and weight[n] > 0.0]
            first, _ = of_basket({n: members[n][k] ** 2 * days[k] for n in quoted}, weight)
            bound, _ = of_basket({n: totals[n][k] for n in quoted}, weight)
            if first > 0.0 and not math.isnan(index[k]):
                least = min(least, bound * max(1.0, index[k] ** 2 * days[k] / first))
        most.append(least)
    most.reverse()

    of_index, total, before, at, beside = [], 0.0, 0.0, 0.0, [0.0] * len(members)
    for k, day in enumerate(days):
        if not day > 0.0 or math.isnan(index[k]):
            of_index.append(index[k])
            continue
        now = [members[n][k] ** 2 * day for n in range(len(members))]
        held = {n: max(now[n] - beside[n], 0.0) for n in range(len(members)) if not math.isnan(now[n] - beside[n])}
        held = {n: f for n, f in held.items() if weight[n] > 0.0}
        factor, added = mean_of_steps(stress.variance, at, day), index[k] ** 2 * day - before
        after = {n: f * (factor if moves[n] else 1.0) for n, f in held.items()}
        (first, own), (first_after, own_after) = of_basket(held, weight), of_basket(after, weight)
        if first - own > 1e-12 * first:
            r = (added - own) / (first - own)
            r += mean_of_steps(stress.correlation, at, day) * (stress.towards - r)
            total += own_after + r * (first_after - own_after)
        else:
            total += factor * added
        total = min(total, most[k])
        of_index.append(math.sqrt(total / day) if total >= 0.0 else math.nan)
        before, at, beside = index[k] ** 2 * day, day, now
    return of_index, found


def surfaces(stress, index, members, weight, days, moves):
    """As `stressed_vols` for every delta: index (K, D) and members (N, K, D), as the panel stores them."""
    by_delta = [
        stressed_vols(
            stress,
            index[:, d].astype(float).tolist(),
            members[:, :, d].astype(float).tolist(),
            weight.tolist(),
            [float(day) for day in days],
            moves,
        )
        for d in range(index.shape[-1])
    ]
    return (
        np.stack([one for one, _ in by_delta], axis=-1).astype(index.dtype),
        np.stack([np.array(each) for _, each in by_delta], axis=-1).astype(members.dtype),
    )


class Book:
    """The legs of a result's cohorts, followed by plain loops, with the units that the book gave them."""

    def __init__(self, result):
        self.panel, book, self.weights = result.market, result.book, np.asarray(result.view.weights)
        self.legs = []
        for c in np.flatnonzero(result.entry_exposure[0]):
            entry, life = int(book.cohorts.entry[c]), int(book.cohorts.life[c])
            vega = float(result.entry_exposure[0, c] * result.vega_per_cohort())
            for leg in np.flatnonzero(book.legs.units[c]):
                name = None if book.legs.name[c, leg] < 0 else int(book.legs.name[c, leg])
                followed = Leg(
                    self.panel, entry, name, book.cohorts.expiry[c], entry + life, bool(book.cohorts.settled[c])
                )
                self.legs.append((followed, vega * float(book.legs.units[c, leg])))

    def is_held_on(self, leg, session):
        """Whether a leg is held on from the close of a session; the data may end before it does, or have a hole."""
        if not 0 <= session - leg.entry < len(leg.dates):
            return False
        bought_out = leg.name is not None and not math.isnan(self.panel.settlement[session, leg.name])
        lost = session < len(self.panel.dates) - 1  # from the last close before a hole on
        over = leg.settled or leg.closed or lost or (bought_out and session > leg.entry)
        return session - leg.entry < len(leg.dates) - 1 or not over

    def gain(self, session, stress):
        """P&L of index legs and of the others if the stress happened at a session's close."""
        panel, weight = self.panel, self.weights[session]
        held = [(leg, units) for leg, units in self.legs if self.is_held_on(leg, session)]
        if not held:
            return [0.0, 0.0]
        moves = np.arange(len(weight)) == int(np.argmax(weight)) if stress.gaps else np.ones(len(weight), dtype=bool)
        grids = [(panel.index_iv[session], panel.component_iv[session], panel.tenors)]
        if panel.listed is not None:
            expiries = panel.listed.expiry[session]
            days = [math.nan if np.isnat(x) else days_between(x, panel.dates[session]) for x in expiries]
            grids = [(panel.listed.index_iv[session], panel.listed.iv[session], days)]
        index, members = surfaces(stress, *grids[0][:2], weight, grids[0][2], moves)
        falls = {None: stress.spot * float((weight * moves).sum() / weight.sum())}
        gained = [0.0, 0.0]
        for leg, units in held:
            i, name = session - leg.entry, leg.name
            fall = falls[None] if name is None else stress.spot * float(moves[name])
            forward, years, rate = leg.forwards[i], leg.left[i], leg.rates[i]
            surface = index if name is None else members[name]
            days = days_between(leg.expiry, panel.dates[session])
            if panel.listed is None:
                smile = smile_from_grid(surface.astype(float), list(panel.tenors), days)
            else:
                slots = [e for e, x in enumerate(panel.listed.expiry[session]) if x == leg.expiry]
                smile = surface[slots[0]].astype(float) if slots else [math.nan]
            then = forward * (1.0 + fall)
            vol = vol_at(smile, panel.deltas, then, leg.strike, years) if len(smile) > 1 else math.nan
            vol = leg.vols[i] if math.isnan(vol) else vol
            value = straddle_value(then, leg.strike, vol, years, rate)
            pnl = value - leg.values[i] - leg.deltas[i] * (then - forward)
            gained[name is not None] += units * pnl
        return gained
