"""A correlation swap: one contract on the realised correlation of a basket, by what has accrued and what is left."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.arrays import Flags, Floats
from engine.backend import namespace
from engine.backtest.contracts.instruments import AtFairVolatility, Instrument, Opened, ratios
from engine.backtest.contracts.swaps import sessions
from engine.backtest.legs.held import Held
from engine.backtest.legs.legs import Entry, Legs
from engine.backtest.legs.marks import Reading, keep_last
from engine.calendar import DAYS_PER_YEAR
from engine.errors import InputError
from engine.kernels.codes import Kind, LegStatus
from engine.pricing import StraddleGreeks
from engine.pricing.straddle import VOL_POINT


@dataclass(frozen=True)
class _Variances:
    """What a correlation swap is marked from: the variance of the index and of each member, realised and implied."""

    min_days: int
    index = members = (Instrument(Kind.VARIANCE, AtFairVolatility()),)


def quoted_members(of: Held) -> Flags:
    """Return which members have a volatility and a price at entry, (C, L)."""
    xp, reading = namespace(of.reading.iv), of.reading
    return (xp.isfinite(reading.iv[..., 0]) & ~reading.stale[..., 0] & xp.isfinite(of.marks.price[..., 0]))[:, 1:]


class CorrelationHeld(Held):
    """The swap on leg 0 of each cohort, of the members by weight; members are worth nothing.

    Between entry and expiry, with r the returns so far, R_i = sum r_i^2, s_i the model-free volatilities of the t years
    left, c the implied correlation of the members that they and the index's say, and V_i = R_i + s_i^2 t:

        P = sum_{i != j} w_i w_j (sum r_i r_j + c s_i s_j t) / sqrt(V_i V_j) / sum_{i != j} w_i w_j
        E = P - P (1 - P^2) m / (2 M^2),   value = exp(-r t) (E - K)

    K is E at the entry, so nothing is paid for it: the implied correlation c less what a correlation of M closes loses
    on average, c (1 - c^2) / (2 M), m of which are left: see `sessions`. At the expiry E is the mean of the pairs'
    realised correlations, each weighing w_i w_j, of log returns that are not de-meaned. A member that is settled, or
    whose terms nobody knows any more, leaves the basket.

    References
    ----------
    Bossu, "Arbitrage pricing of equity correlation swaps" (2005), of the contract and of correlation as accrued and
    left; Hotelling (1953), of the mean of a correlation of few observations.
    """

    def __init__(self, of: Held, weights: Floats):
        xp, marks = namespace(weights), of.marks
        self.pair = (Instrument(Kind.CORRELATION), Instrument(Kind.CORRELATION, ratio=0.0))
        self.marks, self.rolls, self.rate, self.of_swap = marks, of.rolls, of.rate, ()
        self.opened = Opened(marks.time[:, :, :1], marks.forward[:, :, :1])
        self._vol, self._basket = of.reading.iv[:, 1:], self._held(weights, quoted_members(of))
        # A name that is not in the basket need have no price.
        self._returns = xp.where(self._basket[:, :, :1] > 0.0, marks.returns()[:, 1:], 0.0)
        self._squares = xp.cumsum(self._returns**2, axis=-1)
        self._total = xp.where(self.opened.years > 0.0, self.opened.years, xp.nan)[:, 0]
        days = marks.forward.shape[-1]
        self._left = xp.broadcast_to(marks.years[:, 0], (len(weights), days))
        self._implied = self._clean(of.reading.iv[:, 0])
        same = range(days)
        self._at_marks = self._accrue(same, same, self._left)
        strike = self._expected(*self._at_marks, self._implied, self._left)[0][:, 0]
        nothing = xp.zeros(marks.forward.shape)
        self.strike = nothing[:, :, 0].copy()
        self.strike[:, 0] = strike
        iv, stale = xp.concatenate([self._implied[:, None], self._vol], axis=1), of.reading.stale.copy()
        stale[:, 0] = stale[:, 0] | (stale[:, 1:] & (self._basket > 0.0)).any(axis=1)
        self.surface = self.reading = Reading(iv, stale, of.reading.beyond)
        self.struck = self.strike[:, :, None]
        self.at_marks = (marks.forward, self.struck, iv, marks.years, of.rate)
        value, vega, volga = self._worth(self._at_marks, self._implied, self._left)
        # A calendar day without returns: where less is left, what is left.
        later = xp.maximum(self._left - 1.0 / DAYS_PER_YEAR, 0.0)
        tomorrow = self._worth(self._accrue(same, same, later), self._implied, later)[0]

        def on_index(values):
            legs = nothing.copy()
            legs[:, 0] = values
            return legs

        self.greeks = StraddleGreeks(
            on_index(value), nothing, nothing, on_index(vega), on_index(tomorrow - value), nothing, on_index(volga)
        )

    def _held(self, weights: Floats, quoted: Flags) -> Floats:
        """Weights of the members that are in the basket on each day, (C, L, H + 1)."""
        xp, marks = namespace(weights), self.marks
        weight = xp.where(quoted, weights, 0.0)[:, :, None]
        day = xp.arange(marks.forward.shape[-1])
        leaves = (marks.status == int(LegStatus.SETTLED)) | (marks.status == int(LegStatus.CLOSED))
        stays = (day < marks.end[:, 1:, None]) | ~leaves[:, 1:, None]
        left = xp.where(stays, weight, 0.0)
        pairs = (left > 0.0).sum(axis=1, keepdims=True) > 1  # of one name alone there is no correlation
        return xp.where(pairs, left, weight)

    def _pairs(self, weights: Floats) -> Floats:
        """Sum w_i w_j over distinct members, NaN where there is none, (C, ...)."""
        xp = namespace(weights)
        found = weights.sum(axis=1) ** 2 - (weights**2).sum(axis=1)
        return xp.where(found > 0.0, found, xp.nan)

    def _clean(self, index_vol: Floats) -> Floats:
        """Implied correlation of the members in the basket, (C, H + 1); the last one known where a day has none."""
        xp, weight = namespace(index_vol), self._basket
        held = xp.where(weight > 0.0, weight * self._vol, 0.0)
        first, own = held.sum(axis=1), (held**2).sum(axis=1)
        pairs = first**2 - own
        clean = (index_vol**2 * weight.sum(axis=1) ** 2 - own) / xp.where(pairs > 0.0, pairs, xp.nan)
        return keep_last(clean)

    def _accrue(self, accrued: Iterable[int], quoted: Iterable[int], left: Floats) -> tuple[Floats, Floats]:
        """P without implied correlation, and what each unit of it adds, (C, D): returns up to the days `accrued`, with
        the volatilities of the days `quoted` and the time `left` (C, D).
        """
        xp = namespace(left)
        known, implied = xp.zeros(left.shape), xp.zeros(left.shape)
        for d, (a, q) in enumerate(zip(accrued, quoted, strict=True)):
            weight, squares, time = self._basket[:, :, q], self._squares[:, :, a], left[:, d, None]
            vol = xp.where((weight > 0.0) & (time > 0.0), self._vol[:, :, q], 0.0)
            total = squares + vol * vol * time
            moves = (weight > 0.0) & (total > 0.0)  # a price that never moved is correlated with nothing
            share = xp.where(moves, weight / xp.sqrt(xp.where(moves, total, 1.0)), 0.0)
            pairs = self._pairs(weight)
            together = ((share[:, :, None] * self._returns[:, :, 1 : a + 1]).sum(axis=1) ** 2).sum(axis=1)
            known[:, d] = (together - (share**2 * squares).sum(axis=1)) / pairs
            ahead = share * vol
            implied[:, d] = time[:, 0] * (ahead.sum(axis=1) ** 2 - (ahead**2).sum(axis=1)) / pairs
        return known, implied

    def _expected(self, known: Floats, implied: Floats, correlation: Floats, left: Floats) -> tuple[Floats, ...]:
        """E, and its first and second derivative by P."""
        xp = namespace(known)
        plugged = known + xp.where(implied == 0.0, 0.0, implied * correlation)
        lost = 0.5 * sessions(left) / sessions(self._total) ** 2
        return (
            plugged - plugged * (1.0 - plugged**2) * lost,
            1.0 - (1.0 - 3.0 * plugged**2) * lost,
            6.0 * plugged * lost,
        )

    def _worth(self, accrued: tuple[Floats, Floats], correlation: Floats, left: Floats, at: slice = slice(None)):
        """Value, vega and volga of the swap, (C, D), at the rates of the days `at`; per correlation point (0.01)."""
        xp = namespace(left)
        implied = accrued[1]
        rate = xp.broadcast_to(self.rate[:, 0], self._left.shape)[:, at]
        discount = xp.exp(-rate * left)
        expected, slope, bend = self._expected(*accrued, correlation, left)
        return (
            discount * (expected - self.strike[:, :1]),
            VOL_POINT * discount * slope * implied,
            VOL_POINT**2 * discount * bend * implied**2,
        )

    def price(self, *state: Floats) -> StraddleGreeks:
        """Refuse to be repriced leg by leg: what a correlation swap is worth depends on all of them at once."""
        raise InputError(
            "a correlation swap is no contract of one leg that could be shocked or hedged by itself; use "
            "hedge=daily_delta and scale=index_vega with structure=correlation_swap"
        )

    def explained(self, held_delta: Floats) -> list[Floats]:
        """Split the daily P&L of one into its sources, as `attribution.explain` does.

        gamma is what returns accrue, vega what the move of implied correlation is worth, vanna_volga what those
        of the members' volatilities are, and a member that leaves the basket.
        """
        xp = namespace(held_delta)
        days = self._left.shape[1]
        before, after = slice(None, -1), slice(1, None)
        roll = xp.broadcast_to(self.rolls.left[:, 0], self._left.shape)[:, after]
        correlation = self._implied[:, before]
        rolled, vega, _ = self._worth(self._accrue(range(days - 1), range(days - 1), roll), correlation, roll, before)
        moved, _, _ = self._worth(self._accrue(range(1, days), range(days - 1), roll), correlation, roll, before)
        value = self.greeks.value[:, 0]
        of_vega = vega / VOL_POINT * (self._implied[:, after] - correlation)
        settled_early = roll > xp.broadcast_to(self.marks.years[:, 0], self._left.shape)[:, after]
        rerated = xp.broadcast_to(self.rolls.rerated[:, 0], self._left.shape)[:, after]
        growth = xp.broadcast_to(self.rolls.growth[:, 0], self._left.shape)[:, after]
        unexplained = xp.where(settled_early, value[:, after] - moved, value[:, after] * rerated)
        none = xp.zeros(moved.shape)
        index = [
            none,
            moved - rolled,
            rolled - value[:, before],
            of_vega,
            value[:, after] - unexplained - moved - of_vega,
            none,
            -growth * value[:, before],
            unexplained,
            none,
        ]
        legs = xp.zeros((len(index), *self.marks.forward[..., 1:].shape))
        for part, of_index in zip(legs, index, strict=True):
            part[:, 0] = of_index
        return list(legs)


class CorrelationLegs(Legs):
    """The legs of cohorts that hold a correlation swap on the index leg; parameters as of `Legs`.

    The others hold nothing: their units are the weights of the basket.
    """

    def __init__(self, panel, cohorts, name, days: int, structure):
        super().__init__(panel, cohorts, name, days, _Variances(structure.min_days))
        (self.variances,) = self.instruments

    def weigh(self, weights: Floats) -> None:
        """Make the swap of members in any scale of weights, (C, L)."""
        held = CorrelationHeld(self.variances, weights)
        self.instruments, self.ratios = [held], [ratios(held.pair, weights.shape[1], namespace(weights))]

    def entry(self) -> Entry:
        """Return the swap as it could be entered; a member's quote is one that it can be made of."""
        found = super().entry()
        xp = namespace(found.quoted)
        return replace(found, quoted=xp.concatenate([found.quoted[:, :1], quoted_members(self.variances)], axis=1))

    @staticmethod
    def sized(weights: Floats, entry: Entry) -> Floats:
        """Return the swaps sold of a vega of 1 per correlation point, and the weights of the members, (C, 1 + L)."""
        xp = namespace(weights)
        vega = entry.greeks.vega[:, :1]
        return xp.concatenate([-1.0 / xp.where(vega > 0.0, vega, xp.nan), weights[:, 1:]], axis=1)
