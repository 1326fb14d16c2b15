"""Marking held contracts: forward, volatility and time left, for every cohort, leg and holding day.

A position keeps its strike and its expiry. Where expiries are listed it is marked from its own expiry's smile, else
from the constant-maturity grid by total variance. Everything is in shares as they were at entry: prices after a split
are divided by the strike factor since entry, which leaves the value of options unchanged and their strikes fixed.
"""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Axis, Floats
from engine.backend import namespace, running_max
from engine.backtest.contracts.instruments import SMALLEST
from engine.backtest.contracts.structure import Cohorts, LegStatus
from engine.calendar import year_fraction
from engine.kernels.codes import Beyond, Kind
from engine.pricing import model_free_vol, smile_at_tenor, vol_at_strike, zero_vanna_vol


@dataclass(frozen=True, eq=False)
class Reading:
    """A volatility read from the smile of every leg on every holding day, (C, 1 + L, H + 1).

    Parameters
    ----------
    iv : array
        The last one quoted where a day has none.
    stale : array, bool
        No quote that day: the last quoted volatility is kept, a listed forward is taken from the spot.
    beyond : array, int8
        `Beyond`: whether the surface did not reach the time left, or else the strike: the nearest volatility is used.
    """

    iv: np.ndarray
    stale: np.ndarray
    beyond: np.ndarray


@dataclass(frozen=True, eq=False)
class Marks:
    """State of every leg on every holding day; axes (C, 1 + L, H + 1), day 0 is the entry and leg 0 the index.

    Parameters
    ----------
    deltas : array (D,)
        Call deltas of the smiles.
    smile : array (C, 1 + L, H + 1, D)
        At the time left.
    price : array
        Spot, or what the leg settles on, as quoted.
    return_factor : array
        That of the day, 1 at entry.
    forward : array
        Forward to the contract's expiry in entry shares; on the last day of a settled leg, what it settles on.
    forward_now : array
        The same, NaN on a day that has none of its own.
    time : array (C, 1, H + 1)
        Years to the expiry of the contracts.
    years : array
        The same; 0 from the day a leg settles, and after its end.
    shares : array
        Strike factor since entry: today's strike is strike * shares, today's contracts are contracts / shares.
    paid : array, or None
        Cash taken off strikes since entry, in entry shares: today's strike is (strike - paid) * shares. None where the
        market has none.
    alive : array, bool
        True from entry to the leg's last day, both included; a leg closed at its last mark earns nothing that day.
    quotable, settles : array, bool
        On which days the leg is marked by its smile, and on which at a price.
    has_forward, beyond_tenor : array, bool
        A forward is quoted for the expiry, or follows from the spot where none are listed; the tenors do not reach.
    end : array (C, 1 + L), int
        Last day of each leg, on which it ends; 0 where it was never tradable.
    status : array (C, 1 + L)
        `LegStatus` of each leg.
    """

    deltas: Axis
    smile: np.ndarray
    price: np.ndarray
    return_factor: np.ndarray
    forward: np.ndarray
    forward_now: np.ndarray
    time: np.ndarray
    years: np.ndarray
    shares: np.ndarray
    paid: np.ndarray | None
    alive: np.ndarray
    quotable: np.ndarray
    settles: np.ndarray
    has_forward: np.ndarray
    beyond_tenor: np.ndarray
    end: np.ndarray
    status: np.ndarray

    def struck(self, strike) -> Floats:
        """Return strikes of the entry, (C, 1 + L), as they are on each day, in entry shares: (C, 1 + L, H + 1 or 1)."""
        return strike[:, :, None] if self.paid is None else strike[:, :, None] - self.paid

    def at(self, strike) -> Reading:
        """Read the volatility at a strike of each leg, (C, 1 + L), as it is on each day."""
        return self.at_struck(self.struck(strike))

    def at_struck(self, strike) -> Reading:
        """Read the volatility at the strikes of each day; at one of 0 or less, which never matters, the forward's."""
        xp = namespace(strike)
        if self.paid is not None:
            strike = xp.where(strike > 0.0, strike, self.forward_now)
        # What a leg settles on may be 0, where no volatility can be looked up.
        living = xp.where(self.quotable, self.forward_now, strike)
        iv, outside = vol_at_strike(self.smile, self.deltas, living, strike, self.time)
        return self._reading(iv, outside)

    def at_forward(self) -> Reading:
        """Read the volatility at the forward of each day."""
        iv, outside = vol_at_strike(self.smile, self.deltas, self.forward_now, self.forward_now, self.time)
        return self._reading(iv, outside)

    def of_swap(self, kind: Kind) -> Reading:
        """Read the volatility of a smile as a whole that a swap is worth: zero-vanna or model-free, by its kind."""
        if kind == Kind.VOLATILITY:
            iv = zero_vanna_vol(self.smile, self.deltas, self.time)
        else:
            iv = model_free_vol(self.smile, self.deltas, self.time, weighted=kind == Kind.GAMMA)
        return self._reading(iv, namespace(iv).zeros(iv.shape, dtype=bool))

    def convexity(self):
        """Model-free over zero-vanna volatility, the last one quoted where a day has none."""
        xp = namespace(self.smile)
        of_squares = model_free_vol(self.smile, self.deltas, self.time)
        ratio = of_squares / zero_vanna_vol(self.smile, self.deltas, self.time)
        return keep_last(xp.where(self.quotable, ratio, xp.nan))

    def _reading(self, iv, outside) -> Reading:
        xp = namespace(iv)
        quoted = xp.isfinite(iv) & self.has_forward
        beyond = xp.where(outside, int(Beyond.DELTAS), int(Beyond.NOTHING))
        beyond = xp.where(self.beyond_tenor, int(Beyond.TENORS), beyond).astype(xp.int8)
        return Reading(
            iv=keep_last(xp.where(self.quotable, iv, xp.nan)),
            stale=self.alive & xp.where(self.settles, ~xp.isfinite(self.price), ~quoted),
            beyond=xp.where(self.quotable & quoted, beyond, int(Beyond.NOTHING)),
        )

    def realised(self, weighted: bool):
        """Sum of squared log returns since entry, in which no action on the shares is a return.

        A day without a price has none, and the next price the return since the last one. `weighted` counts each by the
        forward over that at entry.
        """
        xp = namespace(self.price)
        weight = self.forward / self.forward[..., :1] if weighted else 1.0
        return xp.cumsum(weight * self.returns() ** 2, axis=-1)

    def returns(self):
        """Log return of each day; 0 at entry, on days without a price and after the end of a leg.

        NaN from entry on where there is no price at entry, so that nothing that pays by returns is entered.
        """
        xp = namespace(self.price)
        factor = xp.where(xp.isfinite(self.return_factor) & self.alive, self.return_factor, 1.0)
        undone = keep_last(xp.where(self.alive, self.price, xp.nan) / xp.cumprod(factor, axis=-1))
        moved = xp.maximum(undone, SMALLEST)
        daily = 0.0 * moved
        daily[..., 1:] = xp.log(moved[..., 1:] / moved[..., :-1])
        return daily


def mark_cohorts(panel, cohorts: Cohorts, names, days: int) -> Marks:
    """Follow the legs of a block of cohorts over `days` holding days after entry.

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

    def since_entry(members, on_index: float):
        return xp.where(held == 0, on_index, by_leg(xp.full(at.shape, on_index), members[legs_at, leg]))

    spot = by_leg(panel.index_spot[at], panel.spot[legs_at, leg])
    factor, settlement = since_entry(panel.strike_factor, 1.0), since_entry(panel.settlement, xp.nan)

    # The first of: expiry or end of data, settlement of the name, an action whose terms are not known.
    final = xp.asarray(cohorts.life)[:, None]
    settles = _first(xp.isfinite(settlement), days + 1)
    unknown = _first(xp.isnan(factor), days + 1)
    end = xp.minimum(xp.minimum(final, settles), unknown)
    status = xp.where(settles <= final, int(LegStatus.SETTLED), xp.asarray(cohorts.outcome)[:, None])
    status = xp.where(unknown <= xp.minimum(final, settles), int(LegStatus.CLOSED), status)
    alive = held <= end[:, :, None]
    last_day = held == end[:, :, None]
    closed_today = last_day & (status == int(LegStatus.CLOSED))[..., None]
    settled_today = last_day & ((status == int(LegStatus.SETTLED)) | (status == int(LegStatus.EXPIRED)))[..., None]

    shares = xp.cumprod(xp.where(alive & xp.isfinite(factor), factor, 1.0), axis=-1)
    paid = None
    if panel.strike_reduction is not None:
        paid = xp.cumsum(xp.where(alive, since_entry(panel.strike_reduction, 0.0), 0.0) / shares, axis=-1)
    quoted_forward, smile, beyond_tenor = read_smiles(panel, cohorts, session, days_left, names)
    carry = by_leg(panel.index_carry[at], panel.carry[legs_at, leg])
    from_spot = spot * xp.exp(xp.where(xp.isfinite(carry), carry, 0.0) * years)
    forward = xp.where(xp.isfinite(quoted_forward), quoted_forward, from_spot)
    final_price = xp.where((status == int(LegStatus.SETTLED))[..., None], settlement, spot)
    forward = xp.where(settled_today, final_price, xp.where(closed_today, xp.nan, forward)) / shares
    quotable = alive & ~settled_today & ~closed_today
    return Marks(
        deltas=panel.deltas,
        smile=smile,
        price=xp.where(settled_today, final_price, spot),
        return_factor=since_entry(panel.return_factor, 1.0),
        forward=keep_last(forward) if paid is None else keep_last(forward + paid) - paid,
        forward_now=forward,
        time=years,
        years=xp.where(quotable, years, 0.0),
        shares=shares,
        paid=paid,
        alive=alive & ~closed_today,
        quotable=quotable,
        settles=settled_today,
        has_forward=xp.isfinite(forward if panel.listed is None else quoted_forward),
        beyond_tenor=beyond_tenor,
        end=end,
        status=status,
    )


def read_smiles(panel, cohorts, session, days_left, names):
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


def keep_last(values):
    """Carry the last finite value forward along the last axis."""
    xp = namespace(values)
    position = xp.where(xp.isfinite(values), xp.arange(values.shape[-1]), 0)
    return xp.take_along_axis(values, running_max(position), axis=-1)
