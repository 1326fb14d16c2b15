"""The legs of a block of cohorts, followed from entry to their end and reduced: the array code."""

from dataclasses import dataclass, fields

import numpy as np

from engine import records
from engine.backend import namespace
from engine.backtest.attribution import date_rolls, explain
from engine.backtest.marks import mark_cohorts
from engine.kernels.codes import MAGNITUDES, PARTS, Beyond, LegStatus
from engine.pricing import StraddleGreeks, straddle


@dataclass(frozen=True, eq=False)
class Entry:
    """Every leg at entry, (C, 1 + L), per straddle."""

    quoted: np.ndarray  # it can be traded
    forward: np.ndarray
    iv: np.ndarray
    greeks: StraddleGreeks
    strike: np.ndarray


class Legs:
    """Marks and greeks of every leg on every holding day, (C, 1 + L, H + 1).

    Parameters
    ----------
    panel : MarketPanel
    cohorts : Cohorts
    name : array (C, L), int
        Position of each component leg on the panel's name axis.
    days : int
        H.
    """

    def __init__(self, panel, cohorts, name, days: int):
        xp = namespace(panel.spot)
        session = cohorts.sessions(panel.dates, days)
        self.panel, self.cohorts, self.days = panel, cohorts, days
        rate = panel.rate[xp.asarray(session)]
        self.rolls = records.map_arrays(date_rolls(cohorts, panel.dates, rate, days), lambda array: array[:, None])
        self.rate = rate[:, None]
        self.marks = marks = mark_cohorts(panel, cohorts, name, days)
        self.at_marks = (marks.forward, marks.strike[:, :, None], marks.iv, marks.years, self.rate)
        self.greeks = straddle(*self.at_marks)

    @staticmethod
    def bytes_per_cohort(panel, legs: int, days: int) -> int:
        """Return the size of one cohort's temporaries."""
        return (1 + legs) * (days + 1) * 8 * (4 * len(panel.deltas) + 60)

    def entry(self) -> Entry:
        """Return every leg as it could be entered."""
        xp = namespace(self.panel.spot)
        marks, greeks = self.marks, self.greeks
        at_entry = StraddleGreeks(*(getattr(greeks, f.name)[:, :, 0] for f in fields(greeks)))
        quoted = xp.isfinite(at_entry.value) & (at_entry.vega > 0.0) & ~marks.stale[:, :, 0]
        return Entry(quoted, marks.forward[:, :, 0], marks.iv[:, :, 0], at_entry, marks.strike)

    def held(self, units, strike, ratio: float) -> tuple[dict, dict]:
        """Hold `units` straddles of each leg, (C, 1 + L), at their `strike`, with `ratio` of their delta hedged.

        Returns
        -------
        reduced, by_leg : dict of arrays
            Fields of `TradeBook` that are sums over legs, and fields of `LegTable` known at the end of a life.
        """
        xp = namespace(units)
        marks, greeks, days = self.marks, self.greeks, self.days
        included = units != 0.0
        units = units[:, :, None]
        held_delta = ratio * greeks.delta
        parts = explain(greeks, *self.at_marks, self.rolls, held_delta)
        # From each close to the next: alive on the second of the two.
        lives = (marks.alive[..., 1:] & included[:, :, None])[:, :, None]
        by_part = xp.where(lives, xp.stack(parts, axis=2) * units[..., None], 0.0)  # (C, 1 + L, parts, H)

        day = xp.arange(days + 1)
        on = (day < marks.end[:, :, None]) & included[:, :, None]  # held on from that close
        ends = (day == marks.end[:, :, None]) & included[:, :, None]
        status = marks.status[:, :, None]
        vega = xp.where(included[:, :, None], xp.abs(units) * greeks.vega, 0.0)
        vega_held = xp.where(on, vega, 0.0)
        sold = xp.where(ends & (status == LegStatus.EXITED), vega, 0.0)
        sold = sold + xp.where(ends & (status == LegStatus.CLOSED), _day_before(vega), 0.0)
        vega_traded = xp.where(day == 0, vega_held, sold)

        hedge = xp.where(on, held_delta * units, 0.0)
        before = _day_before(hedge)
        hedge_traded, hedge_held = (
            xp.where(amount > 0.0, amount * marks.forward, 0.0) for amount in (xp.abs(hedge - before), xp.abs(before))
        )
        delivers = ends & (status == LegStatus.EXPIRED)
        delivers[:, 0] = False  # the index is settled in cash
        at_strike = xp.abs(units) * strike[:, :, None] if self.panel.info.physical_delivery else 0.0
        delivered = xp.where(delivers, at_strike, 0.0)

        end = marks.end[:, :, None]
        marked = xp.where(status == LegStatus.CLOSED, xp.maximum(end - 1, 0), end)
        life = by_part.sum(axis=3)
        hedging, financing = PARTS.index("hedge"), PARTS.index("financing")
        reduced = {
            "explain": _from_entry(xp.moveaxis(_by_class(by_part), -1, 1)),
            "magnitude": _from_entry(xp.moveaxis(self._magnitudes(by_part), -1, 1)),
        }
        flows = {"vega_traded": vega_traded, "hedge_traded": hedge_traded, "delivered": delivered}
        for name, daily in (flows | {"vega_held": vega_held, "hedge_held": hedge_held}).items():
            reduced[name] = xp.moveaxis(_by_class(daily), -1, 1)
        return reduced, {
            "exit_value": xp.take_along_axis(greeks.value, marked, axis=2)[:, :, 0],
            "shares": xp.take_along_axis(marks.shares, end, axis=2)[:, :, 0],
            "end": marks.end,
            "status": marks.status,
            "pnl_option": life.sum(axis=2) - life[:, :, hedging] - life[:, :, financing],
            "pnl_hedge": life[:, :, hedging],
            "financing": life[:, :, financing],
            **{name: daily.sum(axis=2) for name, daily in flows.items()},
        }

    def _magnitudes(self, by_part):
        """Sum absolute values over legs, (C, len(MAGNITUDES), H)."""
        xp = namespace(by_part)
        pnl = xp.abs(by_part.sum(axis=2))
        sums = {"pnl": pnl.sum(axis=1)}
        # A day's P&L is doubtful when the mark at either of its closes is.
        stale, beyond = (xp.maximum(a[..., 1:], a[..., :-1]) for a in (self.marks.stale, self.marks.beyond))
        doubtful = {"stale": stale, "beyond_tenors": beyond == Beyond.TENORS, "beyond_deltas": beyond == Beyond.DELTAS}
        sums |= {kind: xp.where(is_so, pnl, 0.0).sum(axis=1) for kind, is_so in doubtful.items()}
        for part in ("gamma", "theta", "unexplained"):
            sums[part] = xp.abs(by_part[:, :, PARTS.index(part)]).sum(axis=1)
        return xp.stack([sums[name] for name in MAGNITUDES], axis=1)


def _by_class(by_leg):
    """Sum legs into their two classes: axis 1 becomes (index, component)."""
    xp = namespace(by_leg)
    return xp.stack([by_leg[:, 0], by_leg[:, 1:].sum(axis=1)], axis=1)


def _from_entry(daily):
    """Put a zero entry day in front of the H daily values on axis 1."""
    xp = namespace(daily)
    return xp.concatenate([xp.zeros((len(daily), 1, *daily.shape[2:])), daily], axis=1)


def _day_before(daily):
    """Shift the last axis by one day; nothing was before entry."""
    xp = namespace(daily)
    return xp.concatenate([xp.zeros_like(daily[..., :1]), daily[..., :-1]], axis=-1)
