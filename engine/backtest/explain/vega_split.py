"""What changes of volatility earned: by the surface's roll and slope, by volatilities, by correlation, and by both."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest.contracts.instruments import PAYOFFS, SMALLEST, Instrument, pairs
from engine.backtest.legs.held import Held
from engine.backtest.legs.leg_sums import day_before, from_entry
from engine.backtest.legs.legs import Legs
from engine.backtest.legs.marks import read_smiles
from engine.errors import InputError
from engine.pricing import vol_at_strike

VEGA_SPLIT = ("term_roll", "skew", "volatility", "correlation", "cross")  # in order; they sum to vega + vanna_volga


@dataclass(frozen=True, eq=False)
class VegaSplit:
    """P&L of cohorts by why volatilities changed, (C, H + 1, len(VEGA_SPLIT))."""

    by_day: np.ndarray


def has_vega_split(structure: Any) -> bool:
    """Tell whether all that a structure holds has a strike from its entry on."""
    return all(_is_struck(one) for pair in pairs(structure) for one in pair)


def vega_split(legs: Legs, units: Floats, weights: Floats) -> VegaSplit:
    """Split `vega` and `vanna_volga` of the explain, each day from one close to the next, by revaluing every leg.

    What is held against the legs has no vega. Once the date has rolled and the forward has moved, a leg's volatility
    goes from s, that of the close before, to s' in three steps, V(...) being its value at each of them:

        term_roll   to the surface of the close before, at the time now left and the moneyness of then
        skew        to the same surface at the moneyness of now
        and to s', on the surface of now

    The last step of the members is `volatility`. That of the index goes from m to m', with members' volatilities s_i
    and s_i' before and after it, weights w, and s_I(rho, s) = sqrt(B + rho (A^2 - B)), A = sum w s, B = sum w^2 s^2:

        volatility    V(s_I(rho, s_i')) - V(m)       rho the correlation that m and s_i imply
        correlation   V(s_I(rho', s_i)) - V(m)       rho' that of m' and s_i'
        cross         V(m') - V(m) less both

    Parameters
    ----------
    legs : Legs
    units : array (C, 1 + L)
    weights : array (C, 1 + L, H + 1)
        Basket weights of the names on each day; those of the legs held are made to sum to 1.

    Raises
    ------
    InputError
        When a leg holds what has no strike, or is struck later.
    """
    xp = namespace(units)
    found = dict.fromkeys(VEGA_SPLIT, 0.0)
    lives = legs.marks.alive[..., 1:] & (units != 0.0)[:, :, None]
    for held, ratio in zip(legs.instruments, legs.ratios, strict=True):
        if not all(map(_is_struck, held.pair)):
            raise InputError("vega_split tells roll from skew at an option's strike; a swap has none, so use split")
        quantity = xp.where(lives & held.marks.alive[..., 1:], (units * ratio)[:, :, None], 0.0)
        vols = _steps(legs, held)
        worth = [_worth(held, vol) for vol in vols]

        def earned(gain, legs=slice(None), quantity=quantity):
            return namespace(gain).where(quantity[:, legs] != 0.0, quantity[:, legs] * gain, 0.0).sum(axis=1)

        found["term_roll"] = found["term_roll"] + earned(worth[1] - worth[0])
        found["skew"] = found["skew"] + earned(worth[2] - worth[1])
        members, index = slice(1, None), slice(0, 1)
        own = earned((worth[3] - worth[2])[:, members], members)
        rescaled, recorrelated = _index_vols(vols[2], vols[3], weights[:, 1:, 1:], lives[:, 1:])
        moved = worth[3][:, :1] - worth[2][:, :1]
        volatility, correlation = (
            _worth(held, xp.concatenate([vol, vols[3][:, 1:]], axis=1))[:, :1] - worth[2][:, :1]
            for vol in (rescaled, recorrelated)
        )
        found["volatility"] = found["volatility"] + own + earned(volatility, index)
        found["correlation"] = found["correlation"] + earned(correlation, index)
        found["cross"] = found["cross"] + earned(moved - volatility - correlation, index)
    return VegaSplit(from_entry(xp.stack([found[name] for name in VEGA_SPLIT], axis=-1)))


def _is_struck(one: Instrument) -> bool:
    return one.kind in PAYOFFS and one.start is None


def _steps(legs: Legs, held: Held) -> list[Floats]:
    """Volatility of each leg at the close before, after roll, after skew, and at the close: four of (C, 1 + L, H)."""
    xp, marks, iv = namespace(held.strike), held.marks, held.reading.iv
    contracts, dates = legs.contracts[held.pair[0].tenor], legs.panel.dates
    session = contracts.sessions(dates, legs.days)
    left = contracts.days_left(dates, session)
    _, smile, _ = read_smiles(legs.panel, contracts, (session - 1).clip(0), left, legs.name)
    then = held.struck if marks.paid is None else day_before(held.struck)
    found = [iv[..., :-1]]
    for forward, strike in ((day_before(marks.forward), then), (marks.forward, held.struck)):
        known = xp.where(marks.quotable & (forward > 0.0), forward, strike)
        at, _ = vol_at_strike(smile, marks.deltas, known, strike, marks.time)
        read = at[..., 1:]
        stale = held.reading.stale
        there = xp.isfinite(read) & marks.quotable[..., 1:] & ~stale[..., 1:] & ~stale[..., :-1]
        found.append(xp.where(there, read, found[-1]))
    return [*found, iv[..., 1:]]


def _worth(held: Held, vol: Floats) -> Floats:
    """Value of one instrument of each leg at the close, at a volatility, (C, 1 + L, H); settled early, 0."""
    forward, strike, _, years, rate = held.at_marks
    strike = strike if held.marks.paid is None else strike[..., 1:]
    xp, left = namespace(vol), held.rolls.left[..., 1:]
    before = xp.broadcast_to(xp.asarray(rate), forward.shape)[..., :-1]
    value = held.price(forward[..., 1:] + SMALLEST, strike, vol, left, before).value
    return xp.where(left > years[..., 1:], 0.0, value)


def _index_vols(before: Floats, after: Floats, weights: Floats, lives: Floats) -> tuple[Floats, Floats]:
    """Volatility of the index had the members' moved alone, and had correlation, (C, 1, H); as it was where none is."""
    xp = namespace(before)
    weight = xp.where(lives, weights, 0.0)
    total = weight.sum(axis=1, keepdims=True)
    weight = weight / xp.where(total > 0.0, total, 1.0)

    def sums(vols):
        members = xp.where(weight > 0.0, weight * vols[:, 1:], 0.0)
        own = (members**2).sum(axis=1, keepdims=True)
        return own, members.sum(axis=1, keepdims=True) ** 2 - own

    (own, pairs), (own_then, pairs_then) = sums(before), sums(after)
    known = (pairs > 0.0) & (pairs_then > 0.0)

    def correlation(vols, own, pairs):
        return (vols[:, :1] ** 2 - own) / xp.where(pairs > 0.0, pairs, 1.0)

    def vol(own, pairs, rho):
        variance = own + rho * pairs
        there = known & (variance > 0.0)
        return xp.where(there, xp.sqrt(xp.where(there, variance, 1.0)), before[:, :1])

    rescaled = vol(own_then, pairs_then, correlation(before, own, pairs))
    return rescaled, vol(own, pairs, correlation(after, own_then, pairs_then))
