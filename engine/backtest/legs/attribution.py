"""P&L explain: what each day's P&L of a held instrument came from, one factor after the other."""

from collections.abc import Callable
from dataclasses import dataclass

from engine import records
from engine.arrays import Dates, Floats
from engine.backend import namespace
from engine.backtest.contracts.instruments import SMALLEST
from engine.backtest.contracts.structure import Cohorts, day_numbers
from engine.calendar import year_fraction
from engine.kernels.codes import PARTS
from engine.pricing import StraddleGreeks, straddle

__all__ = ["PARTS", "DateRoll", "date_rolls", "explain"]


@dataclass(frozen=True, eq=False)
class DateRoll:
    """What the roll of the date does to all straddles of a cohort alike; arrays (C, H + 1).

    Parameters
    ----------
    left : years to the expiry; 0 at the close on which the contract expires.
    growth : interest on 1 of currency since the close before, exp(r n) - 1 over n calendar days; 0 at entry.
    rerated : share of the value that is due to the change of the interest rate, 1 - exp((r' - r) T'); 0 at entry.
    """

    left: Floats
    growth: Floats
    rerated: Floats


def date_rolls(cohorts: Cohorts, dates: Dates, rate: Floats, days: int) -> DateRoll:
    """Return the rolls of the date to each close of cohorts.

    Parameters
    ----------
    cohorts : Cohorts
    dates : array (T,), datetime64[D]
    rate : array (C, H + 1)
        Continuous risk-free rate at each close.
    days : int
        H.
    """
    xp = namespace(rate)
    session = cohorts.sessions(dates, days, xp)
    left = year_fraction(cohorts.days_until_settled(dates, session))
    gone = xp.diff(day_numbers(dates, session), axis=1)
    growth, rerated = xp.zeros(left.shape), xp.zeros(left.shape)
    growth[:, 1:] = xp.expm1(year_fraction(rate[:, :-1]) * gone)
    rerated[:, 1:] = -xp.expm1((rate[:, 1:] - rate[:, :-1]) * left[:, 1:])
    return DateRoll(left, growth, rerated)


def explain(
    greeks: StraddleGreeks,
    forward: Floats,
    strike: Floats,
    iv: Floats,
    years: Floats,
    rate: Floats,
    rolls: DateRoll,
    held_delta: Floats,
    price: Callable[..., StraddleGreeks] = straddle,
    *of_swap: Floats,
    paid: Floats | None = None,
) -> list[Floats]:
    """Split the daily P&L of one instrument per leg into its sources, by repricing it for one factor after the other.

    From one close to the next time goes from T to T', the forward from F to F', the volatility from s to s' and the
    rate from r to r'. With V(T, F, s) the value at the rate r, its delta D and vega, and n calendar days:

        theta       = V(T', F, s) - V(T, F, s)
        delta       = D (F' - F);                  gamma       = V(T', F', s) - V(T', F, s) - delta
        vega        = vega(T', F, s) (s' - s);     vanna_volga = V(T', F', s') - V(T', F', s) - vega
        hedge       = -h (F' - F);                 financing   = -(exp(r n) - 1) V(T, F, s)
        unexplained = value at r' - V(T', F', s');   settlement = 0, see `opening`, `exercise`

    with h the delta held. Cash taken off the strike since, c, is what a share made beside its price: F' - F is then
    F' + c - F, and V(T', F', ...) is of the strike K - c. So `gamma` is all that a hedged option gains on the spot's
    move, once the day has passed, and `unexplained` is what the rate does, and the time value that is lost when a name
    is settled before its expiry: the value it is settled at is then no V(T', F', s').

    Parameters
    ----------
    greeks : StraddleGreeks of arrays (..., H + 1)
        Per instrument, at each close from entry on; vega per vol point.
    forward, iv, years : array (..., H + 1)
        Marks in entry shares; iv in decimals, years to expiry 0 from the close on which the leg settles.
    strike, rate : array broadcastable to (..., H + 1)
    rolls : DateRoll of arrays broadcastable to (..., H + 1)
    held_delta : array (..., H + 1)
        Delta hedged at each close.
    price : callable
        Of forward, strike, iv, years, rate, and of a swap `of_swap`; what the greeks are of.
    of_swap : arrays (..., H + 1), if at all
        Squared returns since entry, which move with the forward, and the convexity of volatility, which moves with it:
        what its change is worth is part of `vanna_volga`.
    paid : array broadcastable to (..., H + 1), or None
        Cash taken off the strike since entry; `strike` has then a value for each close.

    Returns
    -------
    list of arrays (..., H), in the order of `PARTS`
        P&L per instrument, in currency; their sum is the change in value plus hedge plus financing.

    References
    ----------
    The order time, spot, volatility is that of a desk's step-by-step revaluation, whose steps sum to the change.

    Examples
    --------
    >>> import numpy as np
    >>> one_day = DateRoll(*(np.array(a) for a in ([2 / 365, 1 / 365], [0.0, 0.0], [0.0, 0.0])))
    >>> forward, iv, years = np.array([100.0, 103.0]), np.array([0.2, 0.2]), one_day.left
    >>> greeks = straddle(forward, 100.0, iv, years)
    >>> parts = explain(greeks, forward, 100.0, iv, years, 0.0, one_day, greeks.delta)
    >>> {part: round(float(p[0]), 3) for part, p in zip(PARTS, parts, strict=True) if abs(p[0]) > 1e-12}
    {'delta': 0.018, 'gamma': 2.149, 'theta': -0.346, 'hedge': -0.018}
    """
    xp = namespace(forward, iv)
    rolls = records.map_arrays(rolls, lambda array: array[..., 1:])
    rate = xp.broadcast_to(xp.asarray(rate), forward.shape)[..., :-1]
    was, vol, move = forward[..., :-1], iv[..., :-1], forward[..., 1:] - forward[..., :-1]
    struck = strike
    if paid is not None:
        move, strike, struck = move + (paid[..., 1:] - paid[..., :-1]), strike[..., :-1], strike[..., 1:]
    before, value = greeks.value[..., :-1], greeks.value[..., 1:]
    earlier = tuple(array[..., :-1] for array in of_swap)
    rolled = price(was, strike, vol, rolls.left, rate, *earlier)
    realised = tuple(array[..., 1:] for array in of_swap[:1])
    moved = price(forward[..., 1:] + SMALLEST, struck, vol, rolls.left, rate, *realised, *earlier[1:]).value

    delta = greeks.delta[..., :-1] * move
    vega = rolled.vega * (100.0 * (iv[..., 1:] - vol))  # per vol point
    settled_early = rolls.left > years[..., 1:]
    unexplained = xp.where(settled_early, value - moved, value * rolls.rerated)
    return [
        delta,
        moved - rolled.value - delta,
        rolled.value - before,
        vega,
        value - unexplained - moved - vega,
        -held_delta[..., :-1] * move,
        -rolls.growth * before,
        unexplained,
        xp.zeros(move.shape),
    ]
