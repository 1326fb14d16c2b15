"""One instrument of every leg, marked and priced on every holding day: what it earns and trades."""

from dataclasses import dataclass, fields, replace

import numpy as np

from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest.contracts.instruments import PAYOFFS, SWAPS, Instrument, Opened, Pair, by_class, price
from engine.backtest.legs.attribution import DateRoll, explain
from engine.backtest.legs.leg_sums import day_before
from engine.backtest.legs.marks import Marks, Reading
from engine.kernels.codes import PARTS, Kind, LegStatus
from engine.pricing import StraddleGreeks

SETTLEMENT = PARTS.index("settlement")


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

    living: Floats | float = 1.0  # 0 from the close on which it is exercised
    beyond: Floats | float = 0.0  # what exercise pays beyond the mark, on that close

    def __init__(self, pair: Pair, marks: Marks, rolls: DateRoll, rate: Floats, strike: Floats | None = None):
        self.pair, self.marks, self.rolls, self.rate = pair, marks, rolls, rate
        opened = (marks.forward[:, :, 0], marks.smile[:, :, 0], marks.deltas, marks.time[:, :, 0])
        given = strike is not None
        self.strike = strike if given else by_class(pair, lambda instrument: instrument.strike.at(*opened))
        self.struck: Floats = by_class(pair, self._struck)  # the strikes of each day, (C, 1 + L, H + 1 or 1)
        self.surface: Reading = by_class(pair, self._read)
        self.reading = self.surface
        self.opened = Opened(marks.time[:, :, :1], marks.forward[:, :, :1])
        self.of_swap: tuple[Floats, ...] = ()  # squared returns realised, and the convexity of volatility
        if any(instrument.kind in SWAPS for instrument in pair):
            realised = by_class(pair, lambda instrument: marks.realised(instrument.kind == Kind.GAMMA))
            of_volatility = any(instrument.kind == Kind.VOLATILITY for instrument in pair)
            self.of_swap = (realised, marks.convexity() if of_volatility else namespace(realised).ones_like(realised))
        self.at_marks = (marks.forward, self.struck, self.reading.iv, marks.years, rate)
        self.greeks = self.price(*self.at_marks, *self.of_swap)

    def end_by_exercise(self, day, worth) -> None:
        """End it on a holding day of each leg, (C, 1 + L), for what exercise pays; not where the leg ends before."""
        xp, marks = namespace(worth), self.marks
        at, on = xp.arange(marks.forward.shape[-1]), (day < marks.end)[:, :, None]
        day = day[:, :, None]
        self.marks = replace(
            marks,
            end=xp.where(on, day, marks.end[:, :, None])[:, :, 0],
            status=xp.where(on, int(LegStatus.EXPIRED), marks.status[:, :, None])[:, :, 0],
            alive=marks.alive & ((at <= day) | ~on),
        )
        self.living = xp.where((at < day) | ~on, 1.0, 0.0)
        self.beyond = xp.where((at == day) & on, worth[:, :, None] - self.greeks.value, 0.0)
        # The value stays for the day on which it is exercised, and is worth nothing to what is held on from it.
        held = {f.name: getattr(self.greeks, f.name) * self.living for f in fields(self.greeks) if f.name != "value"}
        self.greeks = replace(self.greeks, **held)

    def _read(self, instrument: Instrument) -> Reading:
        is_swap = instrument.kind in SWAPS
        return self.marks.of_swap(instrument.kind) if is_swap else self.marks.at_struck(self.struck)

    def _struck(self, instrument: Instrument) -> Floats:
        return self.strike[:, :, None] if instrument.kind in SWAPS else self.marks.struck(self.strike)

    def price(self, *state: Floats) -> StraddleGreeks:
        """Price every leg's instrument, given forward, strike, iv, years, rate, and of a swap `of_swap`."""
        return price(self.pair, self.opened, *state)

    def price_index(self, *state: Floats) -> StraddleGreeks:
        """Price the index leg's, given arrays (C, 1, ...) of the same."""
        return price((self.pair[0], self.pair[0]), Opened(self.opened.years, self.opened.forward[:, :1]), *state)

    def read_beside(self, factor: float) -> Floats:
        """Read the volatility of every leg at a factor of its strike, (C, 1 + L, H + 1): of a swap that of all."""
        at = factor * self.struck
        readings = by_class(self.pair, lambda one: self._read(one) if one.kind in SWAPS else self.marks.at_struck(at))
        return readings.iv

    def flows(self, units, held_delta: Floats, physical: bool) -> Flows:
        """Hold `units` of it in each leg, (C, 1 + L), hedged by a delta per unit from each close to the next."""
        xp = namespace(units)
        marks, greeks = self.marks, self.greeks
        included = (units != 0.0)[:, :, None]
        units = units[:, :, None]
        parts = self.explained(held_delta)
        if not isinstance(self.beyond, int | float):
            parts[SETTLEMENT] = self.beyond[..., 1:]
        # From each close to the next: alive on the second of the two.
        lives = (marks.alive[..., 1:] & included)[:, :, None]

        day = xp.arange(marks.forward.shape[-1])
        on = (day < marks.end[:, :, None]) & included  # held on from that close
        ends = (day == marks.end[:, :, None]) & included
        status = marks.status[:, :, None]
        vega = self.without_quotes(xp.where(included, xp.abs(units) * greeks.vega, 0.0))
        vega_traded, vega_held = self.trades(vega, included)
        delivers = ends & (status == int(LegStatus.EXPIRED)) & physical
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
        paid = self.marks.paid
        return explain(self.greeks, *self.at_marks, self.rolls, held_delta, self.price, *self.of_swap, paid=paid)

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
        sold = xp.where(ends & (status == int(LegStatus.EXITED)), amount, 0.0)
        sold = sold + xp.where(ends & (status == int(LegStatus.CLOSED)), day_before(amount), 0.0)
        return xp.where(day == 0, held, sold), held

    def _delivered(self):
        """Strike value of the shares that each instrument would deliver, were that close its expiry."""
        xp, forward, strike = namespace(self.strike), self.marks.forward, self.struck
        if self.marks.paid is not None:
            strike = xp.maximum(strike, 0.0)  # more cash comes with the shares than is paid for them

        def of(instrument: Instrument):
            straddles, forwards = PAYOFFS.get(instrument.kind, (0.0, 0.0))
            return strike * (straddles + forwards * xp.sign(forward - strike))

        return by_class(self.pair, of)
