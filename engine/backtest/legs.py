"""The legs of a block of cohorts, followed from entry to their end and reduced: the array code."""

from dataclasses import dataclass, fields

import numpy as np

from engine import records
from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest.attribution import DateRoll, date_rolls, explain
from engine.backtest.hedge_paths import held_deltas
from engine.backtest.hedging import Hedge
from engine.backtest.instruments import (
    PAYOFFS,
    SWAPS,
    Instrument,
    Opened,
    Pair,
    by_class,
    longer_tenors,
    pairs,
    price,
    ratios,
)
from engine.backtest.leg_sums import by_day, class_sums, day_before, from_entry, magnitudes, total
from engine.backtest.marks import Marks, Reading, mark_cohorts
from engine.backtest.netting import hedge_trades
from engine.backtest.structure import Cohorts, expiries
from engine.kernels.codes import PARTS, Kind, LegStatus
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


@dataclass(frozen=True, eq=False)
class Flows:
    """What one instrument of every leg earns and trades, daily: (C, 1 + L, H + 1).

    Parameters
    ----------
    parts : array (C, 1 + L, len(PARTS), H)
        P&L by source from each close to the next.
    vega_traded, vega_held, delivered : array
        Fields of `TradeBook` before the legs are summed.
    hedge : array
        Delta held against it from each close on.
    """

    parts: np.ndarray
    vega_traded: np.ndarray
    vega_held: np.ndarray
    delivered: np.ndarray
    hedge: np.ndarray


class Held:
    """One instrument of every leg, marked and priced on every holding day."""

    def __init__(self, pair: Pair, marks: Marks, rolls: DateRoll, rate: Floats, strike: Floats | None = None):
        self.pair, self.marks, self.rolls, self.rate = pair, marks, rolls, rate
        opened = (marks.forward[:, :, 0], marks.smile[:, :, 0], marks.deltas, marks.time[:, :, 0])
        given = strike is not None
        self.strike = strike if given else by_class(pair, lambda instrument: instrument.strike.at(*opened))
        self.reading: Reading = by_class(pair, self._read)
        self.opened = Opened(marks.time[:, :, :1], marks.forward[:, :, :1])
        self.of_swap: tuple[Floats, ...] = ()  # squared returns realised, and the convexity of volatility
        if any(instrument.kind in SWAPS for instrument in pair):
            realised = by_class(pair, lambda instrument: marks.realised(instrument.kind == Kind.GAMMA))
            of_volatility = any(instrument.kind == Kind.VOLATILITY for instrument in pair)
            self.of_swap = (realised, marks.convexity() if of_volatility else namespace(realised).ones_like(realised))
        self.at_marks = (marks.forward, self.strike[:, :, None], self.reading.iv, marks.years, rate)
        self.greeks = self.price(*self.at_marks, *self.of_swap)

    def _read(self, instrument: Instrument) -> Reading:
        is_swap = instrument.kind in SWAPS
        return self.marks.of_swap(instrument.kind) if is_swap else self.marks.at(self.strike)

    def price(self, *state: Floats) -> StraddleGreeks:
        """Price every leg's instrument, given forward, strike, iv, years, rate, and of a swap `of_swap`."""
        return price(self.pair, self.opened, *state)

    def read_at(self, strike: Floats) -> Floats:
        """Read the volatility of every leg at a strike, (C, 1 + L, H + 1): of a swap that of all strikes together."""
        readings = by_class(
            self.pair, lambda instrument: self._read(instrument) if instrument.kind in SWAPS else self.marks.at(strike)
        )
        return readings.iv

    def flows(self, units, held_delta: Floats, physical: bool) -> Flows:
        """Hold `units` of it in each leg, (C, 1 + L), hedged by a delta per unit from each close to the next."""
        xp = namespace(units)
        marks, greeks = self.marks, self.greeks
        included = (units != 0.0)[:, :, None]
        units = units[:, :, None]
        parts = self.explained(held_delta)
        # From each close to the next: alive on the second of the two.
        lives = (marks.alive[..., 1:] & included)[:, :, None]

        day = xp.arange(marks.forward.shape[-1])
        on = (day < marks.end[:, :, None]) & included  # held on from that close
        ends = (day == marks.end[:, :, None]) & included
        status = marks.status[:, :, None]
        vega = self.without_quotes(xp.where(included, xp.abs(units) * greeks.vega, 0.0))
        vega_traded, vega_held = self.trades(vega, included)
        delivers = ends & (status == LegStatus.EXPIRED) & physical
        delivers[:, 0] = False  # the index is settled in cash
        return Flows(
            parts=xp.where(lives, xp.stack(parts, axis=2) * units[..., None], 0.0),
            vega_traded=vega_traded,
            vega_held=vega_held,
            delivered=xp.where(delivers, xp.abs(units) * self._delivered(), 0.0),
            hedge=xp.where(on, held_delta * units, 0.0),
        )

    def explained(self, held_delta) -> list[Floats]:
        """Split the daily P&L of one into its sources, given the delta hedged at each close."""
        return explain(self.greeks, *self.at_marks, self.rolls, held_delta, self.price, *self.of_swap)

    def without_quotes(self, vega):
        """Return the vega that pays a spread in vol points, of vega that is held: all of it."""
        return vega

    def trades(self, amount, included) -> tuple[Floats, Floats]:
        """Return what is traded, and held on, at each close of an amount that is held in the legs included."""
        xp = namespace(amount)
        day = xp.arange(amount.shape[-1])
        end, status = self.marks.end[:, :, None], self.marks.status[:, :, None]
        held = xp.where((day < end) & included, amount, 0.0)
        ends = (day == end) & included
        sold = xp.where(ends & (status == LegStatus.EXITED), amount, 0.0)
        sold = sold + xp.where(ends & (status == LegStatus.CLOSED), day_before(amount), 0.0)
        return xp.where(day == 0, held, sold), held

    def _delivered(self):
        """Strike value of the shares that each instrument would deliver, were that close its expiry."""
        forward, strike = self.marks.forward, self.strike[:, :, None]

        def of(instrument: Instrument):
            straddles, forwards = PAYOFFS.get(instrument.kind, (0.0, 0.0))
            return strike * (straddles + forwards * namespace(forward).sign(forward - strike))

        return by_class(self.pair, of)


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
        self.instruments = [Held(pair, marks[tenor], rolls[tenor], rate[:, None]) for pair, tenor in placed]
        self.ratios = [ratios(held.pair, name.shape[1], xp) for held in self.instruments]

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
        marks, flows = self.marks, self.flows(units, hedge)
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
        end = marks.end[:, :, None]
        marked = xp.where(marks.status[:, :, None] == LegStatus.CLOSED, xp.maximum(end - 1, 0), end)
        life = xp.stack([flow.parts.sum(axis=3) for flow in flows], axis=2)  # (C, 1 + L, I, parts)
        hedging, financing = life[..., PARTS.index("hedge")], life[..., PARTS.index("financing")]
        values = [xp.take_along_axis(held.greeks.value, marked, axis=2)[:, :, 0] for held in self.instruments]
        return reduced, {
            "exit_value": xp.stack(values, axis=2),
            "shares": xp.take_along_axis(marks.shares, end, axis=2)[:, :, 0],
            "end": marks.end,
            "status": marks.status,
            "pnl_option": life.sum(axis=3) - hedging - financing,
            "pnl_hedge": hedging,
            "financing": financing,
            "vega_traded": xp.stack([flow.vega_traded.sum(axis=2) for flow in flows], axis=2),
            "hedge_traded": hedge_traded.sum(axis=2),
            "delivered": xp.stack([flow.delivered.sum(axis=2) for flow in flows], axis=2),
        }
