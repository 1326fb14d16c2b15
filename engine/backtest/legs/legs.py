"""The legs of a block of cohorts, followed from entry to their end and reduced: the array code."""

from dataclasses import dataclass, fields

import numpy as np

from engine import records
from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest.contracts.instruments import longer_tenors, pairs, ratios
from engine.backtest.contracts.structure import Cohorts, expiries
from engine.backtest.legs.attribution import date_rolls
from engine.backtest.legs.forward_start import StartsLater
from engine.backtest.legs.hedge_paths import held_deltas
from engine.backtest.legs.hedging import Hedge
from engine.backtest.legs.held import Flows, Held
from engine.backtest.legs.leg_sums import by_day, class_sums, day_before, from_entry, magnitudes, total
from engine.backtest.legs.marks import mark_cohorts
from engine.backtest.legs.netting import hedge_trades
from engine.kernels.codes import PARTS, LegStatus
from engine.pricing import StraddleGreeks


@dataclass(frozen=True, eq=False)
class Entry:
    """Every leg at entry, (C, 1 + L), per unit; its instruments (C, 1 + L, I), per instrument."""

    quoted: np.ndarray  # it can be traded
    forward: np.ndarray
    greeks: StraddleGreeks
    strike: np.ndarray
    iv: np.ndarray
    value: np.ndarray
    vega: np.ndarray

    @property
    def vol(self) -> Floats:
        """Volatility of each leg, (C, 1 + L): that of its instruments, by their vega."""
        if self.iv.shape[2] == 1:
            return self.iv[:, :, 0]
        vega = namespace(self.vega).abs(self.vega)
        total = vega.sum(axis=2)
        return (vega * self.iv).sum(axis=2) / namespace(total).where(total > 0.0, total, 1.0)


class Legs:
    """Every leg of a block of cohorts on every holding day, (C, 1 + L, H + 1), an instrument after the other.

    Parameters
    ----------
    panel : MarketPanel
    cohorts : Cohorts
    name : array (C, L), int
        Position of each component leg on the panel's name axis.
    days : int
        H.
    structure : Structure
    """

    american = False  # whether some of its options may end before the others: see `exercise`

    def __init__(self, panel, cohorts, name, days: int, structure):
        xp = namespace(panel.spot)
        session = cohorts.sessions(panel.dates, days)
        self.panel, self.days, self.session, self.name = panel, days, session, name
        rate = panel.rate[xp.asarray(session)]
        by_tenor: dict[int | None, Cohorts] = {None: cohorts}
        for tenor in longer_tenors(structure):
            by_tenor[tenor] = cohorts.beside(expiries(panel, cohorts.entry, tenor, structure.min_days))
        marks = {tenor: mark_cohorts(panel, contracts, name, days) for tenor, contracts in by_tenor.items()}
        rolls = {
            tenor: records.map_arrays(date_rolls(contracts, panel.dates, rate, days), lambda array: array[:, None])
            for tenor, contracts in by_tenor.items()
        }
        self.marks, self.contracts = marks[None], by_tenor
        placed = ((pair, pair[0].tenor) for pair in pairs(structure))
        self.instruments = [
            self._held(pair, marks[tenor], rolls[tenor], rate[:, None], structure) for pair, tenor in placed
        ]
        self.ratios = [ratios(held.pair, name.shape[1], xp) for held in self.instruments]

    def _held(self, pair, marks, rolls, rate, structure) -> Held:
        if pair[0].start is None:
            return Held(pair, marks, rolls, rate)
        starts = expiries(self.panel, self.contracts[None].entry, pair[0].start, structure.min_days)
        near = mark_cohorts(self.panel, self.contracts[None].beside(starts), self.name, self.days)
        return StartsLater(pair, marks, near, rolls, rate)

    @staticmethod
    def bytes_per_cohort(panel, legs: int, days: int, structure) -> int:
        """Return the size of one cohort's temporaries."""
        return (1 + legs) * (days + 1) * 8 * (4 * len(panel.deltas) + 30 + 30 * len(pairs(structure)))

    def weigh(self, weights: Floats) -> None:
        """Take what each member weighs, (C, L) in any scale: a leg by itself does not ask."""

    def entry(self) -> Entry:
        """Return every leg as it could be entered."""
        xp = namespace(self.panel.spot)
        at_entry = [
            StraddleGreeks(*(getattr(held.greeks, f.name)[:, :, 0] for f in fields(held.greeks)))
            for held in self.instruments
        ]
        stale = total([held.reading.stale[:, :, 0] for held in self.instruments])
        greeks = StraddleGreeks(
            **{
                f.name: total([ratio * getattr(one, f.name) for one, ratio in zip(at_entry, self.ratios, strict=True)])
                for f in fields(StraddleGreeks)
            }
        )
        quoted = xp.isfinite(greeks.value) & (greeks.vega > 0.0) & ~stale
        return Entry(
            quoted=quoted,
            forward=self.marks.forward[:, :, 0],
            greeks=greeks,
            strike=xp.stack([held.strike for held in self.instruments], axis=2),
            iv=xp.stack([held.reading.iv[:, :, 0] for held in self.instruments], axis=2),
            value=xp.stack([each.value for each in at_entry], axis=2),
            vega=xp.stack([each.vega for each in at_entry], axis=2),
        )

    def flows(self, units, hedge: Hedge) -> list[Flows]:
        """Hold `units` of each leg, (C, 1 + L), and return what each instrument earns and trades."""
        physical = self.panel.info.physical_delivery
        deltas = held_deltas(self, units, hedge)
        return [
            held.flows(units * ratio, delta, physical)
            for held, ratio, delta in zip(self.instruments, self.ratios, deltas, strict=True)
        ]

    def contract_shares(self, i: int, otherwise: float) -> Floats:
        """Return the entry shares of an instrument's contract in each leg, (C, 1 + L): `otherwise`, none is listed."""
        return namespace(self.panel.spot).full(self.marks.end.shape, otherwise)

    def spreads(self, units) -> list:
        """Return the half-spreads in currency that are paid at each close beside vol points, by instrument: none."""
        return [namespace(units).zeros((*units.shape, self.days + 1))] * len(self.instruments)

    def hedges(self, flows: list[Flows]) -> tuple[Floats, Floats]:
        """Return the notional of hedges traded at each close and held into it; of one expiry they are netted."""
        xp = namespace(self.panel.spot)
        signed = self.signed_hedges(flows)
        return total([xp.abs(traded) for traded, _ in signed]), total([xp.abs(given_up) for _, given_up in signed])

    def signed_hedges(self, flows: list[Flows]) -> list[tuple[Floats, Floats]]:
        """Return for each expiry the notional of hedges traded at each close, and what giving them up would trade."""
        xp = namespace(self.panel.spot)
        found = []
        for tenor in dict.fromkeys(one.pair[0].tenor for one in self.instruments):
            same = [
                (one, flow) for one, flow in zip(self.instruments, flows, strict=True) if one.pair[0].tenor == tenor
            ]
            hedge, forward = total([flow.hedge for _, flow in same]), same[0][0].marks.forward
            before = day_before(hedge)
            amounts = (hedge - before, -before)
            found.append(tuple(xp.where(amount != 0.0, amount * forward, 0.0) for amount in amounts))
        return found

    def held(self, units, entry: Entry, hedge: Hedge) -> tuple[dict, dict]:
        """Hold `units` of each leg, (C, 1 + L), as it was entered, hedged.

        Returns
        -------
        reduced, by_leg : dict of arrays
            Fields of `TradeBook` that are sums over legs, and fields of `LegTable` known at the end of a life.
        """
        xp = namespace(units)
        flows = self.flows(units, hedge)
        hedge_traded, hedge_held = self.hedges(flows)
        sizes = [magnitudes(f.parts, held.reading) for f, held in zip(flows, self.instruments, strict=True)]
        daily = {name: [getattr(f, name) for f in flows] for name in ("vega_traded", "vega_held", "delivered")}
        daily |= {"hedge_traded": [hedge_traded], "hedge_held": [hedge_held]}
        reduced = {
            "explain": from_entry(by_day(total([class_sums(f.parts) for f in flows]))),
            "magnitude": from_entry(by_day(total(sizes))),
            **{name: by_day(total([class_sums(a) for a in arrays])) for name, arrays in daily.items()},
        }

        if getattr(hedge, "netted", False):
            reduced["hedges"] = hedge_trades(self, flows, units)
        life = xp.stack([flow.parts.sum(axis=3) for flow in flows], axis=2)  # (C, 1 + L, I, parts)
        hedging, financing = life[..., PARTS.index("hedge")], life[..., PARTS.index("financing")]
        settled = life[..., PARTS.index("settlement")]
        return reduced, {
            **self._ends(),
            "pnl_option": life.sum(axis=3) - hedging - financing - settled,
            "settlement": settled,
            "pnl_hedge": hedging,
            "financing": financing,
            "vega_traded": xp.stack([flow.vega_traded.sum(axis=2) for flow in flows], axis=2),
            "hedge_traded": hedge_traded.sum(axis=2),
            "delivered": xp.stack([flow.delivered.sum(axis=2) for flow in flows], axis=2),
        }

    def _ends(self) -> dict:
        """Return how legs end, and for what: where some may be exercised before, of each instrument."""
        xp, own = namespace(self.panel.spot), self.marks
        values, found = [], []
        for held in self.instruments:
            marks, end = held.marks, held.marks.end[:, :, None]
            marked = xp.where(marks.status[:, :, None] == int(LegStatus.CLOSED), xp.maximum(end - 1, 0), end)
            values.append(xp.take_along_axis(held.greeks.value + held.beyond, marked, axis=2)[:, :, 0])
            # What expires later is sold when the rest ends, as which it counts.
            status = xp.where(marks.end < own.end, marks.status, own.status)
            found.append((xp.take_along_axis(marks.shares, end, axis=2)[:, :, 0], marks.end, status))
        together = [xp.stack(arrays, axis=2) if self.american else arrays[0] for arrays in zip(*found, strict=True)]
        return {"exit_value": xp.stack(values, axis=2)} | dict(zip(("shares", "end", "status"), together, strict=True))
