"""Straddles that are struck on a date after their entry, at the forward of that date."""

from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest.contracts.instruments import Instrument, Pair, price
from engine.backtest.legs.attribution import DateRoll
from engine.backtest.legs.held import Held
from engine.backtest.legs.marks import Marks, Reading, keep_last
from engine.calendar import DAYS_PER_YEAR
from engine.kernels.codes import Beyond
from engine.pricing import StraddleGreeks, straddle


class StartsLater(Held):
    """One instrument of every leg that is struck at the forward of the first close on or after a date.

    Until then, with u the years to that date, t those to the expiry, s_u and s_t the volatilities at the money at both:

        s^2 = (s_t^2 t - s_u^2 u) / (t - u),   value = exp(-r t) F [2 N(s sqrt(t - u) / 2) - 1] x 2

    what a straddle at the money of t - u years would be worth at the forward variance: it is proportional to the
    forward F, so it has a delta and no gamma. From then on it is a straddle of that strike. Where the forward variance
    is not positive the last one known is kept, as where a quote is missing.

    Parameters
    ----------
    pair, rolls, rate : as of `Held`
    marks : Marks
        To the expiry.
    near : Marks
        The same legs to the date on which they are struck.

    References
    ----------
    Rubinstein, "Pay now, choose later" (1991), for a volatility that depends on time alone.
    """

    def __init__(self, pair: Pair, marks: Marks, near: Marks, rolls: DateRoll, rate: Floats):
        xp, self.near = namespace(marks.forward), near
        self.floating = near.time > 0.0  # (C, 1, H + 1)
        span = marks.time[:, :, :1] - near.time[:, :, :1]
        self.span = xp.where((span > 0.0) & self.floating[:, :, :1], span, xp.nan)
        started = (~self.floating).argmax(axis=-1)[:, :, None]
        at_start = xp.take_along_axis(marks.forward, xp.broadcast_to(started, (*marks.end.shape, 1)), axis=2)[:, :, 0]
        struck = xp.where(self.floating.all(axis=-1), xp.nan, at_start)
        super().__init__(pair, marks, rolls, rate, struck)

    def _struck(self, instrument: Instrument) -> Floats:
        marks, strike = self.marks, self.strike[:, :, None]
        if marks.paid is None:
            return strike
        # What was taken off strikes before they had one is not theirs.
        xp, started = namespace(strike), (~self.floating).argmax(axis=-1)[:, :, None]
        before = xp.take_along_axis(marks.paid, xp.broadcast_to(started, (*marks.end.shape, 1)), axis=2)
        return strike - xp.maximum(marks.paid - before, 0.0)

    def _read(self, instrument: Instrument) -> Reading:
        return self._reading(self.struck)

    def _reading(self, strike: Floats) -> Reading:
        """Read forward volatility until the legs are struck, then that at the strikes of each day."""
        xp, marks = namespace(strike), self.marks
        far, near, struck = marks.at_forward(), self.near.at_forward(), marks.at_struck(strike)
        total = far.iv**2 * marks.time - near.iv**2 * self.near.time
        known = ~far.stale & ~near.stale & (total > 0.0)
        ahead = xp.sqrt(xp.where(known, total, xp.nan) / self.span)
        beyond = xp.where(marks.beyond_tenor | self.near.beyond_tenor, int(Beyond.TENORS), int(Beyond.NOTHING))
        floats = self.floating & marks.quotable
        return Reading(
            iv=keep_last(xp.where(self.floating, ahead, struck.iv)),
            stale=xp.where(floats, ~known, struck.stale),
            beyond=xp.where(floats, beyond, struck.beyond).astype(xp.int8),
        )

    def read_beside(self, factor: float) -> Floats:
        """Read the volatility at a factor of each leg's strike, (C, 1 + L, H + 1): before it has one, the forward's."""
        return self._reading(factor * self.struck).iv

    def price(self, *state: Floats) -> StraddleGreeks:
        """Price every leg's instrument on all holding days, or on all but the last; parameters as of `Held`."""
        return self._priced(self.pair, *state)

    def price_index(self, *state: Floats) -> StraddleGreeks:
        """Price the index leg's; parameters as of `Held`."""
        return self._priced((self.pair[0], self.pair[0]), *state)

    def _priced(self, pair: Pair, forward, strike, iv, years, rate) -> StraddleGreeks:
        xp = namespace(forward)
        floats = self.floating[..., : forward.shape[-1]]
        left = xp.minimum(years, self.span)
        at_start = straddle(forward, forward, iv, left, rate)
        later = xp.exp(-rate * (years - left))
        whole = xp.where(forward > 0.0, forward, 1.0)  # a bust name's is 0
        unit = at_start.value * later / whole
        before = StraddleGreeks(
            value=unit * forward,
            delta=unit,
            gamma=xp.zeros(forward.shape),
            vega=at_start.vega * later,
            theta=rate * unit * forward / DAYS_PER_YEAR,
            vanna=at_start.vega * later / whole,
            volga=at_start.volga * later,
        )
        after = price(pair, self.opened, forward, xp.where(floats, forward, strike), iv, years, rate)
        parts = {name: xp.where(floats, array, getattr(after, name)) for name, array in vars(before).items()}
        return StraddleGreeks(**parts)
