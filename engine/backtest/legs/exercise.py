"""Early exercise of American options on members, by whoever holds them: before an ex-date, or for the interest.

On the close of each holding day the holder compares what exercise pays, S - K of a call, with what waiting for the next
session is worth: one step of a binomial tree, on whose two nodes the American option is priced by a tree of its own.

    S* = S - PV(dividends),  c = min(ln(F / S*) / T, r),  u = exp(s sqrt dt),  p = 1 / (1 + u)
    waiting = exp(-r dt) (p A(S* exp(c dt) u) + (1 - p) A(S* exp(c dt) / u))

A dividend of the next session is gone by then, so a call is exercised on the eve of an ex-date where its time value
without the dividend is less than that, and a put where the interest on its strike is more than what may still happen.
Calls are on no other day: forwards below the spot grown at the rate may be those of another minute than the close's.
What is written is assigned where a holder would exercise. No carry above the rate: a forward that knows of no dividend
still drops by it.

What exercise pays beyond the mark of that close is `settlement`; the hedge is given up there.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from engine import records
from engine.arrays import Floats, Integers
from engine.backend import namespace
from engine.backtest.legs.ex_dividends import ExDividends, ex_dividends
from engine.backtest.legs.held import Held
from engine.backtest.legs.legs import Legs
from engine.calendar import year_fraction
from engine.data.panel import MarketPanel
from engine.kernels.codes import Kind
from engine.pricing import american_price, black_price

SIGNS = {Kind.CALL: 1.0, Kind.PUT: -1.0}
MOST_LATER = 8  # dividends beyond the next session that a holder looks at


def american_legs(follow: Callable[..., Legs], panel: MarketPanel, cohorts, name, days: int, structure) -> Legs:
    """Follow legs whose options on members may end before the expiry; parameters as of `Legs`, whose class is first."""
    legs = follow(panel, cohorts, name, days, structure)
    found = ex_dividends(panel, structure.dividends)
    due = records.map_arrays(found, namespace(panel.spot).asarray)
    legs.american = True
    for held in legs.instruments:
        held.end_by_exercise(*exercised(legs, held, due))
    return legs


def exercised(legs: Legs, held: Held, due: ExDividends) -> tuple[Integers, Floats]:
    """Return on which holding day each leg's option is exercised, and what that pays in entry shares, (C, 1 + L).

    The day is H + 1 where it is not: on the index, before the session after the entry, and on the last day of a leg.
    """
    xp, marks = namespace(held.strike), held.marks
    legs_of, days = marks.end.shape, marks.forward.shape[-1]
    day, worth = xp.full(legs_of, days), xp.zeros(legs_of)
    sign = SIGNS.get(held.pair[1].kind, 0.0) * (held.pair[1].ratio != 0.0)
    spot, strike = marks.price[:, 1:], held.struck[:, 1:] * marks.shares[:, 1:]
    pays = sign * (spot - strike)
    at = xp.arange(days)
    known = xp.isfinite(marks.forward_now[:, 1:]) & xp.isfinite(held.surface.iv[:, 1:]) & (held.surface.iv[:, 1:] > 0.0)
    has_next = xp.asarray(legs.session)[:, None] < len(legs.panel.dates) - 1
    open_on = marks.quotable[:, 1:] & (at > 0) & (at < marks.end[:, 1:, None]) & has_next
    if sign > 0.0:
        after = xp.minimum(xp.asarray(legs.session) + 1, len(legs.panel.dates) - 1)
        open_on = open_on & (due.next[after[:, None], legs.name[:, :, None]] > 0.0)
    asked = xp.nonzero(open_on & known & (pays > 0.0))
    if not len(asked[0]):
        return day, worth
    better = xp.zeros(pays.shape, dtype=bool)
    better[asked] = pays[asked] > waiting(legs, held, due, sign, strike, asked)
    first = better.argmax(axis=2)
    found = better.any(axis=2)
    day[:, 1:] = xp.where(found, first, days)
    paid = xp.take_along_axis(pays / marks.shares[:, 1:], first[:, :, None], axis=2)[:, :, 0]
    worth[:, 1:] = xp.where(found, paid, 0.0)
    return day, worth


def waiting(legs: Legs, held: Held, due: ExDividends, sign: float, strike: Floats, asked: Any) -> Floats:
    """Return what options are worth to who waits for the next session, as quoted; infinity where more than exercise.

    Parameters
    ----------
    sign : float
        1 of calls, -1 of puts.
    strike : array (C, L, H + 1)
    asked : tuple of arrays
        Which cohorts, members and days.
    """
    xp, marks, is_call = namespace(strike), held.marks, sign > 0.0
    c, member, d = asked
    here = (c, 1 + member, d)
    session, name = xp.asarray(legs.session), legs.name[c, member]
    today = xp.asarray(legs.panel.dates.astype(np.int64))
    after = session[c, d] + 1
    now, then = today[session[c, d]], today[after]
    expiry = xp.asarray(legs.contracts[held.pair[1].tenor].expiry_day)[c]
    spot, forward = marks.price[here], marks.forward[here] * marks.shares[here]
    vol, left = held.surface.iv[here], marks.years[here]
    rate, struck = xp.broadcast_to(held.rate, marks.forward.shape)[here], strike[asked]
    step = xp.minimum(year_fraction(then - now), left)

    ex_day = due.ex_day[name]
    counts = (ex_day > then[:, None]) & (ex_day <= expiry[:, None]) & (due.known_day[name] <= now[:, None])
    counts = counts & (xp.cumsum(counts, axis=1) <= MOST_LATER)
    ex_years = year_fraction(ex_day - now[:, None])
    later = xp.where(counts, due.amount[name], 0.0)
    worth_later = (later * xp.exp(-rate[:, None] * ex_years)).sum(axis=1)
    share = spot - due.next[after, name] * xp.exp(-rate * step) - worth_later
    whole = share > 0.0
    share = xp.where(whole, share, 1.0)
    carry = xp.minimum(xp.log(forward / share) / left, rate)

    # American or not: waiting for the expiry is worth no more than waiting.
    pays = sign * (spot - struck)
    dear = black_price(share * xp.exp(carry * left), struck, vol, left, is_call, rate) >= pays
    # Where cash of a merger left no strike, who waits gets that later, and not the dividend.
    certain = whole & (struck <= 0.0)
    found = xp.where(certain, share + worth_later - struck * xp.exp(-rate * step), xp.inf)
    some = xp.flatnonzero(whole & ~dear & ~certain)
    if not len(some):
        return found
    share, carry, struck, vol, left, rate, step = (a[some] for a in (share, carry, struck, vol, left, rate, step))
    jump, rest = vol * xp.sqrt(step), left - step
    then_later, ex_years = later[some], ex_years[some] - step[:, None]
    kept = worth_later[some] * xp.exp(rate * step)
    ends = rest <= 0.0
    of_tree = xp.where(ends, 1.0, rest)
    values = []
    for move in (xp.exp(jump), xp.exp(-jump)):
        alone = share * xp.exp(carry * step) * move
        ahead = alone * xp.exp(carry * of_tree)
        tree = american_price(alone + kept, ahead, struck, vol, of_tree, is_call, rate, ex_years, then_later)
        values.append(xp.where(ends, xp.maximum(sign * (alone - struck), 0.0), tree))
    odds = 1.0 / (1.0 + xp.exp(jump))
    found[some] = xp.exp(-rate * step) * (odds * values[0] + (1.0 - odds) * values[1])
    return found
