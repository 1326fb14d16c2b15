"""Marking held contracts: forward, volatility at the strike and time left, for every cohort, leg and holding day.

A position keeps its strike and its expiry. Where expiries are listed it is marked from its own expiry's smile, else
from the constant-maturity grid by total variance. Everything is in shares as they were at entry: prices after a split
are divided by the strike factor since entry, which leaves the straddle's value unchanged and its strike fixed.
"""

from dataclasses import dataclass

import numpy as np

from engine.backend import namespace, running_max
from engine.backtest.structure import Cohorts, LegStatus
from engine.calendar import year_fraction
from engine.kernels.codes import Beyond
from engine.pricing import smile_at_tenor, vol_at_strike


@dataclass(frozen=True, eq=False)
class Marks:
    """State of every leg on every holding day; axes (C, 1 + L, H + 1), day 0 is the entry and leg 0 the index.

    Parameters
    ----------
    forward : array
        Forward to the contract's expiry in entry shares; on the last day of a settled leg, what it settles on.
    iv : array
        Implied volatility at the strike.
    strike : array (C, 1 + L)
        At the money forward at entry.
    years : array
        Time to expiry; 0 from the day a leg settles, and after its end.
    shares : array
        Strike factor since entry: today's strike is strike * shares, today's contracts are contracts / shares.
    alive : array, bool
        True from entry to the leg's last day, both included; a leg closed at its last mark earns nothing that day.
    stale : array, bool
        No quote that day: the last quoted volatility is kept, a listed forward is taken from the spot.
    beyond : array, int8
        `Beyond`: whether the surface did not reach the time left, or else the strike: the nearest volatility is used.
    end : array (C, 1 + L), int
        Last day of each leg, on which it ends; 0 where it was never tradable.
    status : array (C, 1 + L)
        `LegStatus` of each leg.
    """

    forward: np.ndarray
    iv: np.ndarray
    strike: np.ndarray
    years: np.ndarray
    shares: np.ndarray
    alive: np.ndarray
    stale: np.ndarray
    beyond: np.ndarray
    end: np.ndarray
    status: np.ndarray


def mark_cohorts(panel, cohorts: Cohorts, names, days: int) -> Marks:
    """Mark the straddles of a block of cohorts on each of `days` holding days after entry.

    Parameters
    ----------
    panel : MarketPanel
    cohorts : Cohorts
        C of them.
    names : array (C, L), int
        Position of each component leg on the panel's name axis.
    days : int
        H, sessions after entry to mark; beyond a cohort's last session its legs are not alive.
    """
    xp = namespace(panel.spot)
    session = cohorts.sessions(panel.dates, days)
    days_left = cohorts.days_left(panel.dates, session)

    at = xp.asarray(session)
    legs_at, leg = at[:, None, :], xp.asarray(names)[:, :, None]
    held = xp.arange(days + 1)
    years = year_fraction(xp.asarray(days_left))[:, None, :]

    def by_leg(index, members):
        return xp.concatenate([index[:, None], members], axis=1)

    spot = by_leg(panel.index_spot[at], panel.spot[legs_at, leg])
    factor = by_leg(xp.ones(at.shape), panel.strike_factor[legs_at, leg])
    settlement = by_leg(xp.full(at.shape, xp.nan), panel.settlement[legs_at, leg])
    factor = xp.where(held == 0, 1.0, factor)
    settlement = xp.where(held == 0, xp.nan, settlement)

    # The first of: expiry or end of data, settlement of the name, an action whose terms are not known.
    final = xp.asarray(cohorts.life)[:, None]
    settles = _first(xp.isfinite(settlement), days + 1)
    unknown = _first(xp.isnan(factor), days + 1)
    end = xp.minimum(xp.minimum(final, settles), unknown)
    status = xp.where(settles <= final, int(LegStatus.SETTLED), xp.asarray(cohorts.outcome)[:, None])
    status = xp.where(unknown <= xp.minimum(final, settles), int(LegStatus.CLOSED), status)
    alive = held <= end[:, :, None]
    last_day = held == end[:, :, None]
    closed_today = last_day & (status == LegStatus.CLOSED)[..., None]
    settled_today = last_day & ((status == LegStatus.SETTLED) | (status == LegStatus.EXPIRED))[..., None]

    shares = xp.cumprod(xp.where(alive & xp.isfinite(factor), factor, 1.0), axis=-1)
    quoted_forward, smile, beyond_tenor = _smiles(panel, cohorts, session, days_left, names)
    carry = by_leg(panel.index_carry[at], panel.carry[legs_at, leg])
    from_spot = spot * xp.exp(xp.where(xp.isfinite(carry), carry, 0.0) * years)
    forward = xp.where(xp.isfinite(quoted_forward), quoted_forward, from_spot)
    final_price = xp.where((status == LegStatus.SETTLED)[..., None], settlement, spot)
    forward = xp.where(settled_today, final_price, xp.where(closed_today, xp.nan, forward)) / shares
    strike = forward[:, :, 0]

    # What a leg settles on may be 0, where no volatility can be looked up.
    living = xp.where(alive & ~settled_today, forward, strike[:, :, None])
    iv, beyond_delta = vol_at_strike(smile, panel.deltas, living, strike[:, :, None], years)
    beyond = xp.where(beyond_delta, int(Beyond.DELTAS), int(Beyond.NOTHING))
    beyond = xp.where(beyond_tenor, int(Beyond.TENORS), beyond).astype(xp.int8)
    has_forward = xp.isfinite(forward if panel.listed is None else quoted_forward)
    quoted = xp.isfinite(iv) & has_forward
    stale = alive & ~closed_today & xp.where(settled_today, ~xp.isfinite(final_price), ~quoted)
    forward = _keep_last(forward)
    iv = _keep_last(xp.where(settled_today | closed_today, xp.nan, iv))
    return Marks(
        forward=forward,
        iv=iv,
        strike=strike,
        years=xp.where(alive & ~settled_today & ~closed_today, years, 0.0),
        shares=shares,
        alive=alive & ~closed_today,
        stale=stale,
        beyond=xp.where(alive & quoted & ~(settled_today | closed_today), beyond, int(Beyond.NOTHING)),
        end=end,
        status=status,
    )


def _smiles(panel, cohorts, session, days_left, names):
    """Forward quoted for the expiry, smile at the time left, and whether the tenor axis was overrun."""
    xp = namespace(panel.spot)
    at = xp.asarray(session)
    legs_at, leg = at[:, None, :], xp.asarray(names)[:, :, None]
    if panel.listed is None:
        # Only the two tenors around the time left are read: the grid is by far the largest array of the panel.
        slots, tenors = tenors_around(panel.tenors, days_left)
        around = []
        for slot in xp.asarray(slots):
            members = panel.component_iv[legs_at, leg, slot[:, None, :]]
            around.append(xp.concatenate([panel.index_iv[at, slot][:, None], members], axis=1))
        smile, beyond = smile_at_tenor(xp.stack(around, axis=-2), xp.asarray(tenors), xp.asarray(days_left)[:, None, :])
        return xp.full(smile.shape[:-1], xp.nan), smile, beyond
    match = panel.listed.expiry[session] == cohorts.expiry[:, None, None]
    listed = xp.asarray(match.any(axis=-1))
    slot = xp.asarray(match.argmax(axis=-1))
    smile = xp.concatenate(
        [panel.listed.index_iv[at, slot][:, None], panel.listed.iv[legs_at, leg, slot[:, None, :]]], axis=1
    )
    forward = xp.concatenate(
        [panel.listed.index_forward[at, slot][:, None], panel.listed.forward[legs_at, leg, slot[:, None, :]]], axis=1
    )
    smile = xp.where(listed[:, None, :, None], smile, xp.nan)
    forward = xp.where(listed[:, None, :], forward, xp.nan)
    return forward, smile, xp.zeros(forward.shape, dtype=bool)


def tenors_around(tenors, days_left):
    """Positions (2, C, H + 1) of the tenors below and above the time left, and their days (C, 1, H + 1, 2)."""
    last = len(tenors) - 1
    below = np.clip(np.searchsorted(tenors, days_left, side="right") - 1, 0, max(last - 1, 0))
    slots = np.stack([below, np.minimum(below + 1, last)])
    return slots, np.moveaxis(tenors[slots], 0, -1)[:, None]


def _first(condition, otherwise: int):
    """Position of the first True along the last axis, `otherwise` where there is none."""
    xp = namespace(condition)
    return xp.where(condition.any(axis=-1), condition.argmax(axis=-1), otherwise)


def _keep_last(values):
    """Carry the last finite value forward along the last axis."""
    xp = namespace(values)
    position = xp.where(xp.isfinite(values), xp.arange(values.shape[-1]), 0)
    return xp.take_along_axis(values, running_max(position), axis=-1)
