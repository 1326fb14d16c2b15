"""Legs of listed contracts: whole lots of those nearest to what a structure asks, marked at their own quotes."""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from engine.arrays import Floats
from engine.backend import namespace, to_host
from engine.backtest.contracts.instruments import Pair
from engine.backtest.contracts.listed_contracts import Contracts
from engine.backtest.legs.held import Held
from engine.backtest.legs.leg_sums import by_day, class_sums
from engine.backtest.legs.legs import Legs
from engine.backtest.legs.marking import ListedMarks
from engine.backtest.legs.marks import Reading
from engine.kernels.codes import PARTS, Beyond, InversionStatus, Kind, LegStatus
from engine.pricing import implied_vol

LEAST_VEGA = 0.1  # of what the smile around it says: an entry price of less is that of a trade of another time
ROUNDING = 1e-9  # of a lot, by which it may keep a share of a volume from a whole number of lots
UNEXPLAINED, FINANCING = PARTS.index("unexplained"), PARTS.index("financing")


class Source(IntEnum):
    """Where the price of a contract comes from."""

    NONE = 0
    BID_ASK = 1  # the middle of the two
    TRADE = 2  # the last one of the day, at which nobody can trade any more
    SURFACE = 3  # it had no quote of its own that day
    EXPIRY = 4  # it was settled: at intrinsic value


SAID = ("", "bid/ask", "last trade, not executable", "surface", "settlement")  # of each `Source`


@dataclass(frozen=True, eq=False)
class ListedBook:
    """What a book of listed contracts has beside the fields of every book; per unit of index vega.

    Parameters
    ----------
    spread_traded, spread_held : array (C, H + 1, 2)
        Cost of the half-spreads of what is traded at each close, and of selling what is held on from it, in currency.
    marks, missing : array (C, H + 1)
        Contracts held into each close and marked there, and how many of them had no quote of their own.
    trades : array (C, H + 1)
        How many were marked at a last trade.
    spread : array (C, 1 + L, I)
        Half-spreads paid over the life, in currency.
    asked : array (C, 1 + L)
        Units of each leg, in whole lots, that were asked for; the legs' own are what could be had.
    multiplier, expiry : array (C, 1 + L, I)
        Shares of a contract at entry; its expiry in days since 1970.
    morning : array (C, 1 + L, I), bool
        It settles on the opening of its expiry, where there is one, and not at the close: see `opening`.
    entry_source, exit_source : array (C, 1 + L, I)
        `Source`.
    parity_gap : array (C, 1 + L)
        Spot that put-call parity of the entry's quotes implies, less the spot (the forward, discounted) they are marked
        on: how far apart in time trades of options and of what they are on may be. NaN where no pair was quoted.
    """

    spread_traded: np.ndarray
    spread_held: np.ndarray
    marks: np.ndarray
    missing: np.ndarray
    trades: np.ndarray
    spread: np.ndarray
    asked: np.ndarray
    multiplier: np.ndarray
    expiry: np.ndarray
    morning: np.ndarray
    entry_source: np.ndarray
    exit_source: np.ndarray
    parity_gap: np.ndarray


class ListedHeld(Held):
    """One contract of every leg, marked on every holding day at its own quote where there is one.

    Parameters
    ----------
    pair, marks, rolls, rate, strike
        As of `Held`.
    price, half_spread : array (C, 1 + L, H + 1)
        In entry shares; NaN where there is no quote, or of a trade no spread.
    tradable : array (C, 1 + L), bool
        It can be entered.
    """

    def __init__(self, pair: Pair, marks, rolls, rate, strike, price, half_spread, tradable):
        super().__init__(pair, marks, rolls, rate, strike)
        xp = namespace(strike)
        quoted = xp.isfinite(price) & marks.quotable
        is_call = xp.asarray([pair[0].kind == Kind.CALL] + [pair[1].kind == Kind.CALL] * (strike.shape[1] - 1))
        forward, at = marks.forward, xp.broadcast_to(self.struck, price.shape)
        known = quoted & (at > 0.0) & xp.isfinite(forward) & (marks.years > 0.0)
        now, ahead, struck = (xp.where(known, a, 1.0) for a in (price, forward, at))
        years, on_call = xp.where(known, marks.years, 1.0), xp.broadcast_to(is_call[:, None], price.shape)
        own, status = implied_vol(now, ahead, struck, years, on_call, xp.where(known, rate, 0.0))
        # A price outside what no arbitrage allows has no volatility: greeks are then the surface's.
        own = xp.where(known & (status == int(InversionStatus.OK)), own, self.reading.iv)
        stale = ~quoted & self.reading.stale
        stale[:, :, 0] = ~(tradable & quoted[:, :, 0]) | self._tells_no_vol(own)
        beyond = xp.where(quoted, int(Beyond.NOTHING), self.reading.beyond).astype(xp.int8)
        self.reading = Reading(own, stale, beyond)
        self.at_marks = (forward, self.struck, own, marks.years, rate)
        self.model = self.price(*self.at_marks)
        self.greeks = replace(self.model, value=xp.where(quoted, price, self.model.value))
        self.quoted, self.half_spread = quoted, xp.where(quoted, half_spread, xp.nan)

    def _tells_no_vol(self, own):
        """Tell where the price at entry has so little time value that a size by its vega would be any size."""
        state = self.at_marks
        by_smile, by_price = (
            self.price(*(part[..., :1] for part in (*state[:2], iv, *state[3:]))).vega[:, :, 0]
            for iv in (state[2], own)
        )
        return by_price < LEAST_VEGA * by_smile

    def explained(self, held_delta) -> list[Floats]:
        """Split the daily P&L of one: as `explain` does what its volatility says, the rest of its price unexplained."""
        value, model = self.greeks.value, self.model.value
        marked, self.greeks = self.greeks, self.model
        parts = super().explained(held_delta)
        self.greeks = marked
        off = value - model
        parts[UNEXPLAINED] = parts[UNEXPLAINED] + (off[..., 1:] - off[..., :-1])
        parts[FINANCING] = -self.rolls.growth[..., 1:] * value[..., :-1]
        return parts

    def without_quotes(self, vega):
        """Return the vega of what has no two sides that day."""
        xp = namespace(vega)
        return xp.where(xp.isfinite(self.half_spread), 0.0, vega)

    def _delivered(self):
        """As of `Held`, but nobody exercises what ends exactly at its strike, as prices in ticks may."""
        xp, forward = namespace(self.strike), self.marks.forward
        return xp.where(forward == self.struck, 0.0, super()._delivered())

    def source(self):
        """Return where the price of each day comes from, (C, 1 + L, H + 1): `Source`."""
        xp, marks = namespace(self.strike), self.marks
        of_quote = xp.where(xp.isfinite(self.half_spread), int(Source.BID_ASK), int(Source.TRADE))
        found = xp.where(self.quoted, of_quote, int(Source.SURFACE))
        found = xp.where(marks.settles | (self.living == 0.0), int(Source.EXPIRY), found)
        return xp.where(marks.alive, found, int(Source.NONE)).astype(xp.int8)


class ListedLegs(Legs):
    """Every leg of a block of cohorts in listed contracts; parameters as of `Legs`, and `ListedMarks`.

    All legs of a cohort have its expiry, or the far one where the structure has two: names that do not list it are left
    out, as names without quotes are.
    """

    def __init__(self, panel, cohorts, name, days: int, structure, listed: ListedMarks):
        super().__init__(panel, cohorts, name, days, structure)
        self.listed = listed
        xp = namespace(panel.spot)
        self.chosen = Contracts(
            panel,
            panel.contracts,
            [self.contracts[held.pair[0].tenor] for held in self.instruments],
            to_host(name),
            days,
            [held.pair for held in self.instruments],
            structure.together,
            to_host(xp.stack([held.strike for held in self.instruments], axis=2)),
            to_host(self.marks.forward[:, :, 0]),
            listed.multiplier,
            structure.opening is not None,
        )
        self.instruments = [self._marked(held, i) for i, held in enumerate(self.instruments)]

    def _marked(self, held: Held, i: int) -> ListedHeld:
        xp, marks, chosen = namespace(self.panel.spot), held.marks, self.chosen
        strike = to_host(marks.struck(xp.asarray(chosen.strike[:, :, i])) * marks.shares)
        price, half = chosen.follow(i, strike, to_host(marks.shares), to_host(marks.quotable))
        known = (xp.asarray(a) for a in (chosen.strike[:, :, i], price, half, chosen.tradable))
        return ListedHeld(held.pair, marks, held.rolls, held.rate, *known)

    def entered(self, units, vega: float) -> tuple[Floats, ListedBook]:
        """Return what is entered of units of each leg, where the index vega is `vega`, and what the book has of it.

        An index leg of less than half a lot is none, and neither is its cohort.
        """
        xp = namespace(units)
        asked = self.whole_lots(units, vega)
        units = self.filled(asked, vega)
        traded = (units[:, 0] != 0.0)[:, None]
        units = xp.where(traded, units, 0.0)
        return units, self.account(units, xp.where(traded, asked, 0.0))

    def whole_lots(self, units, vega: float):
        """Round units of legs, per unit of index vega, to whole lots where the index vega is `vega`."""
        lot = self._lot(namespace(units))
        return namespace(units).rint(units * (vega / lot)) * (lot / vega)

    def filled(self, units, vega: float):
        """Return what could be had of units in whole lots, where the index vega is `vega`; see `ListedMarks`."""
        xp = namespace(units)
        caps = self.listed.caps
        if not caps:
            return units
        most = xp.full(units.shape, xp.inf)
        for name, share in caps.items():
            for i, ratio in enumerate(self.ratios):
                traded = share * xp.asarray(self.chosen.traded[name][:, :, i])
                of_one = xp.where(xp.isfinite(traded), traded, 0.0) / xp.where(ratio != 0.0, xp.abs(ratio), 1.0)
                most = xp.where(ratio != 0.0, xp.minimum(most, of_one), most)
        most = xp.floor(most + ROUNDING) * (self._lot(xp) / vega)
        return xp.sign(units) * xp.minimum(xp.abs(units), most)

    def _lot(self, xp):
        """Entry shares of a lot of each leg, (C, 1 + L); 1 where they are not known, and the leg is not entered."""
        lot = xp.asarray(self.chosen.lot)
        return xp.where(xp.isfinite(lot), lot, 1.0)

    def contract_shares(self, i: int, otherwise: float) -> Floats:
        """Return the entry shares of the contract of an instrument in each leg, (C, 1 + L)."""
        xp = namespace(self.panel.spot)
        known = xp.asarray(self.chosen.multiplier[:, :, i])
        return xp.where(xp.isfinite(known), known, otherwise)

    def spreads(self, units) -> list:
        """Return the half-spreads in currency that are paid at each close, by instrument."""
        return [traded for traded, _ in self._spreads(units)]

    def _spreads(self, units) -> list[tuple[Floats, Floats]]:
        """Return these, and the half-spreads of selling what is held."""
        xp = namespace(units)
        found = []
        for held, ratio in zip(self.instruments, self.ratios, strict=True):
            each = (units * ratio)[:, :, None]
            included = each != 0.0
            cost = self.listed.fill * xp.abs(each) * xp.where(xp.isfinite(held.half_spread), held.half_spread, 0.0)
            found.append(held.trades(cost, included))
        return found

    def account(self, units, asked) -> ListedBook:
        """Return what the book has of `units` of each leg, of `asked` ones, beside the fields of every book."""
        xp = namespace(units)
        marks, spreads = self.marks, self._spreads(units)
        day = xp.arange(marks.forward.shape[-1])
        # At its end a leg is marked where it is sold; where it is settled, there is nothing to mark.
        held = (units != 0.0)[:, :, None] & (day <= marks.end[:, :, None])
        source = xp.stack([one.source() for one in self.instruments], axis=2)
        counted = [
            ((source == int(kind)) & held[:, :, None]).sum(axis=(1, 2))
            for kind in (Source.BID_ASK, Source.TRADE, Source.SURFACE)
        ]
        end = marks.end[:, :, None]
        end = xp.where(marks.status[:, :, None] == int(LegStatus.CLOSED), xp.maximum(end - 1, 0), end)
        left_on = xp.stack([xp.minimum(end[:, :, 0], one.marks.end) for one in self.instruments], axis=2)
        left = xp.exp(-self.panel.rate[xp.asarray(self.contracts[None].entry)][:, None] * marks.time[:, :, 0])
        grown = 1.0 / left
        parity = xp.asarray(self.chosen.parity)
        implied = parity[..., 0] + grown * parity[..., 1]
        return ListedBook(
            spread_traded=by_day(class_sums(sum(traded for traded, _ in spreads))),
            spread_held=by_day(class_sums(sum(on for _, on in spreads))),
            marks=counted[0] + counted[1] + counted[2],
            missing=counted[2],
            trades=counted[1],
            spread=xp.stack([traded.sum(axis=2) for traded, _ in spreads], axis=2),
            asked=asked,
            multiplier=xp.asarray(self.chosen.multiplier),
            expiry=xp.broadcast_to(xp.asarray(self.chosen.expiry.astype("int64"))[:, None], source.shape[:3]),
            morning=xp.asarray(self.chosen.morning),
            entry_source=source[..., 0],
            exit_source=xp.take_along_axis(source, left_on[..., None], axis=3)[..., 0],
            parity_gap=left * (implied - marks.forward[:, :, 0]),
        )
