"""What a dispersion book earns from volatility, from correlation, and from the names outside its basket, exactly."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest.legs.correlation_swap import CorrelationLegs
from engine.backtest.legs.hedging import Hedge
from engine.backtest.legs.held import Held
from engine.backtest.legs.legs import Legs
from engine.kernels.codes import PARTS, Kind

SPLIT = ("volatility", "correlation", "index_minus_basket", "other")  # in order; they sum to the gross P&L


@dataclass(frozen=True, eq=False)
class Split:
    """P&L of cohorts by what it came from, (C, H + 1, len(SPLIT))."""

    by_day: np.ndarray


@dataclass(frozen=True, eq=False)
class Basket:
    """The members held, from each close to the next; arrays (C, 1, H).

    Parameters
    ----------
    returned : their return, sum w r
    as_implied : return of an index that moved with them as the variance ratio of the close before implies, of the same
        sign: its square is s_I^2 / sum w s^2 x sum w r^2
    rescaled : volatility of the index, over that of the close before, had correlation stayed and theirs moved
    """

    returned: Floats
    as_implied: Floats
    rescaled: Floats


def split(legs: Legs, units: Floats, weights: Floats, hedge: Hedge) -> Split:
    """Split the P&L of cohorts, each day from one close to the next, by revaluing the index leg.

    Let G(r) be what the index leg gains on a return r of its forward, once the date has rolled, and W(s) what it gains
    when its volatility goes to s after that: the parts `gamma`, and `vega` with `vanna_volga`. With r_B the return of
    the members held, r_V that of an index which moved with them as implied, s* its volatility had correlation stayed:

        index_minus_basket = G(r_I) - G(r_B)
        correlation        = G(r_B) - G(r_V) + W(s_I') - W(s*)
        volatility         = G(r_V) + W(s*) + theta of the index + all of gamma, theta and volatility of the members
        other              = delta, hedge, financing and unexplained of all legs

    To second order the first terms are G_I / 2 x (r_I^2 - r_B^2) and G_I / 2 x (r_B^2 - rho_v sum w r^2), G_I the cash
    gamma and rho_v the implied variance ratio.

    Parameters
    ----------
    legs : Legs
    units : array (C, 1 + L)
    weights : array (C, 1 + L, H + 1)
        Basket weights of the names on each day, usable on it; those of the legs held are made to sum to 1.
    hedge : Hedge

    Returns
    -------
    Split
        Per unit of index vega.
    """
    xp = namespace(units)
    flows = legs.flows(units, hedge)
    if isinstance(legs, CorrelationLegs):
        return _of_correlation(flows[0].parts[:, 0])
    index = {name: xp.zeros(weights[:, :1, 1:].shape) for name in SPLIT}
    lives = legs.marks.alive[..., 1:] & (units != 0.0)[:, :, None]
    members = sum(flow.parts[:, 1:].sum(axis=1, keepdims=True) for flow in flows)
    of_index = sum(flow.parts[:, :1] for flow in flows)
    for held, ratio in zip(legs.instruments, legs.ratios, strict=True):
        quantity = xp.where(lives[:, :1], (units * ratio)[:, :1, None], 0.0)
        basket = _basket(legs, held, weights[..., 1:], lives)
        gained, revalued = _index_gains(held, basket)
        index["volatility"] = index["volatility"] + _times(quantity, gained["as_implied"] + revalued)
        index["correlation"] = index["correlation"] + _times(
            quantity, gained["returned"] - gained["as_implied"] - revalued
        )
        index["index_minus_basket"] = index["index_minus_basket"] - _times(quantity, gained["returned"])

    def part(array, *names):
        return sum(array[:, :, PARTS.index(name)] for name in names)

    moved = part(of_index, "vega", "vanna_volga")
    rest = ("delta", "hedge", "financing", "unexplained")
    found = {
        "volatility": index["volatility"]
        + part(of_index, "theta")
        + part(members, "gamma", "theta", "vega", "vanna_volga"),
        "correlation": index["correlation"] + moved,
        "index_minus_basket": index["index_minus_basket"] + part(of_index, "gamma"),
        "other": part(of_index, *rest) + part(members, *rest),
    }
    daily = xp.stack([found[name][:, 0] for name in SPLIT], axis=-1)
    return Split(xp.concatenate([xp.zeros((len(units), 1, len(SPLIT))), daily], axis=1))


def _of_correlation(parts: Floats) -> Split:
    """All that a correlation swap earns by what it is on, given its P&L by source, (C, len(PARTS), H)."""
    xp = namespace(parts)
    by_day = xp.zeros((len(parts), parts.shape[2] + 1, len(SPLIT)))
    rest = [PARTS.index(name) for name in ("delta", "hedge", "financing", "unexplained")]
    by_day[:, 1:, SPLIT.index("other")] = parts[:, rest].sum(axis=1)
    own = [i for i in range(len(PARTS)) if i not in rest]
    by_day[:, 1:, SPLIT.index("correlation")] = parts[:, own].sum(axis=1)
    return Split(by_day)


def _basket(legs: Legs, held: Held, weights, lives) -> Basket:
    """Return how the members moved that are held into each close."""
    xp = namespace(weights)
    members, index = slice(1, None), slice(0, 1)
    forward, iv = held.marks.forward, held.reading.iv
    weight = xp.where(lives[:, members], weights[:, members], 0.0)
    total = weight.sum(axis=1, keepdims=True)
    weight = weight / xp.where(total > 0.0, total, 1.0)

    def mean(values, power=1):
        return xp.where(weight > 0.0, weight**power * values, 0.0).sum(axis=1, keepdims=True)

    was, now, paid = forward[:, members, :-1], forward[:, members, 1:], held.marks.paid
    if paid is not None:  # a share made the cash that was taken off strikes, too
        now = now + paid[:, members, 1:] - paid[:, members, :-1]
    returned = xp.where(weight > 0.0, now / xp.where(was > 0.0, was, xp.nan) - 1.0, 0.0)
    before, after, of_index = iv[:, members, :-1], iv[:, members, 1:], iv[:, index, :-1]
    first, own = mean(before), mean(before**2, 2)
    spread = first**2 - own
    rho = xp.where(spread > 0.0, (of_index**2 - own) / xp.where(spread > 0.0, spread, 1.0), 1.0)
    then = mean(after**2, 2) + rho * (mean(after) ** 2 - mean(after**2, 2))
    variance = mean(before**2)
    known = (variance > 0.0) & (then > 0.0)
    moved = mean(returned)
    ratio = of_index**2 / xp.where(known, variance, 1.0)
    return Basket(
        returned=moved,
        as_implied=xp.where(known, xp.where(moved < 0.0, -1.0, 1.0) * xp.sqrt(ratio * mean(returned**2)), moved),
        rescaled=xp.where(known, xp.sqrt(xp.where(known, then, 1.0)) / of_index, 1.0),
    )


def _index_gains(held: Held, basket: Basket) -> tuple[dict, Floats]:
    """Return G at both returns of the basket, and W at the rescaled volatility, of one instrument of the index leg."""
    xp = namespace(basket.returned)
    forward, strike, iv, _, rate = (a[:, :1] for a in held.at_marks)
    strike = strike[..., :1]  # no cash is taken off those of an index
    was, vol, rate = forward[..., :-1], iv[..., :-1], xp.broadcast_to(rate, forward.shape)[..., :-1]
    left = held.rolls.left[..., 1:]

    realised, convexity = (array[:, :1] for array in held.of_swap) if held.of_swap else (None, None)

    def worth(forward, vol, squares):
        of_swap = () if convexity is None else (squares, convexity[..., :-1])
        return held.price_index(forward, strike, vol, left, rate, *of_swap).value

    before, after = (None, None) if realised is None else (realised[..., :-1], realised[..., 1:])
    rolled = worth(was, vol, before)
    delta = held.greeks.delta[:, :1, :-1]
    gained = {}
    for name in ("returned", "as_implied"):
        move = getattr(basket, name)
        weight = was * (1.0 + move) / held.opened.forward[:, :1] if held.pair[0].kind == Kind.GAMMA else 1.0
        squares = None if before is None else before + weight * xp.log1p(move) ** 2
        gained[name] = worth(was * (1.0 + move), vol, squares) - rolled - delta * was * move
    now = forward[..., 1:]
    return gained, worth(now, vol * basket.rescaled, after) - worth(now, vol, after)


def _times(quantity, gained):
    """Units times a gain; nothing where nothing is held, whatever the gain is there."""
    xp = namespace(quantity)
    return xp.where(quantity != 0.0, quantity * gained, 0.0)
