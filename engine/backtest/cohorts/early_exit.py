"""Early exits by rules: whichever of them says so first sells the cohort."""

import math
from dataclasses import dataclass, field

from engine import kernels
from engine.arrays import Floats, Integers, PerCohort
from engine.backend import count, namespace
from engine.backtest.batch import refuse_below
from engine.backtest.cohorts.book import TradeBook
from engine.backtest.market import MarketView
from engine.errors import InputError
from engine.kinds import check_count, check_kinds


@dataclass(frozen=True)
class EarlyExit:
    """Sell a cohort when the first of its rules says so, paying the option spread again on all its vega.

    What is known beforehand (`sessions`, `days_left`) is sold at the close it names, what is seen at a close `lag`
    sessions later.

    Parameters
    ----------
    stop, target : float
        Sell once the cohort's P&L since entry, before costs, is this many vol points of its index vega below or above
        zero; infinite = never.
    days_left : float
        Sell at the first close with this many calendar days to expiry, or fewer; 0 = never.
    sessions : float
        Sell at this many sessions after entry; infinite = never.
    band : float
        Sell once the index's close is this share away from that of the entry, either way; infinite = never.
    correlation_low, correlation_high : float
        Sell once the basket's implied correlation, decimals, is at or below the one, at or above the other; infinite =
        never. A close without one sells nothing.
    correlation_tenor : int
        Calendar days of that correlation, at 50 delta.
    with_signal : bool
        Sell once the strategy's exposure is no longer on the side the cohort was entered on.
    """

    stop: float = field(default=math.inf, metadata={"batch": True})
    target: float = field(default=math.inf, metadata={"batch": True})
    days_left: float = field(default=0.0, metadata={"batch": True})
    sessions: float = field(default=math.inf, metadata={"batch": True})
    band: float = field(default=math.inf, metadata={"batch": True})
    correlation_low: float = field(default=-math.inf, metadata={"batch": True})
    correlation_high: float = field(default=math.inf, metadata={"batch": True})
    correlation_tenor: int = 30
    with_signal: bool = False

    def __post_init__(self):
        check_kinds(self)
        refuse_below(self, 0.0, "stop", "target", "days_left", "band")
        refuse_below(self, 1.0, "sessions")
        check_count("exits.correlation_tenor", self.correlation_tenor)
        low, high = self.correlation_low, self.correlation_high
        xp = namespace(low, high)
        for name, value in (("correlation_low", low), ("correlation_high", high)):
            if xp.any(xp.isfinite(value) & (xp.abs(value) > 1.0)):
                raise InputError(f"exits.{name}={value} is no correlation in decimals; write 0.7 for 70")
        if xp.any(xp.asarray(low) >= xp.asarray(high)):
            raise InputError(
                f"exits.correlation_low={low} is not below exits.correlation_high={high}: "
                "every cohort would be sold at once"
            )

    def exit_day(
        self,
        book: TradeBook,
        entry_exposure: PerCohort,
        exposure: Floats,
        days_left: Floats,
        lag: int,
        market: MarketView,
    ) -> Integers:
        """Return the holding day on which each cohort is sold, (P, C); its last day where it is not sold early.

        Parameters as of `Exits`.
        """
        xp = namespace(entry_exposure, book.explain)
        side = xp.sign(entry_exposure)
        life = xp.asarray(book.cohorts.life)
        pnl = xp.cumsum(book.by_day["gross"], axis=1)
        entry = xp.asarray(book.cohorts.entry)
        if bool((xp.asarray(self.days_left) >= days_left[:, 0].max()).any()):
            raise InputError(
                f"exits.days_left={self.days_left} sells every cohort as soon as it is entered, at most "
                f"{float(days_left[:, 0].max()):g} days before it expires; use fewer"
            )
        moved, correlation = self._moved(book, market), self._correlation(market)
        if kernels.usable(xp):
            walked = (entry, life, pnl, days_left, moved)
            return self._fused(entry_exposure, exposure, walked, correlation, lag)
        sold = xp.broadcast_to(life, entry_exposure.shape)
        last = exposure.shape[1] - 1
        for day in range(1, book.days + 1):
            so_far, rho = side * pnl[:, day], correlation[xp.minimum(entry + day, last)]
            seen = (so_far >= self.target) | (so_far <= -self.stop) | (moved[:, day] > self.band)
            seen = seen | (rho <= self.correlation_low) | (rho >= self.correlation_high)
            sold = xp.where(seen, xp.minimum(day + lag, sold), sold)
            known = (days_left[:, day] <= self.days_left) | (day >= self.sessions)
            sold = xp.where(known, xp.minimum(day, sold), sold)
            if self.with_signal:
                at = xp.minimum(entry + day - lag, last)
                sold = xp.where(exposure[:, at] * side <= 0.0, xp.minimum(day, sold), sold)
        return sold

    def _moved(self, book: TradeBook, market: MarketView) -> Floats:
        """Share by which the index's close is away from that of the entry, (C, H + 1)."""
        xp = namespace(market.panel.index_spot)
        close = market.panel.index_spot[xp.asarray(book.cohorts.sessions(market.dates, book.days))]
        return xp.abs(close / close[:, :1] - 1.0)

    def _correlation(self, market: MarketView) -> Floats:
        """Implied correlation by date, (T,); NaN where no set looks at it."""
        xp = namespace(self.correlation_low, self.correlation_high)
        if (xp.isfinite(self.correlation_low) | xp.isfinite(self.correlation_high)).any():
            return market.implied_correlation(self.correlation_tenor)
        return namespace(market.panel.index_spot).full(len(market.dates), math.nan)

    def _fused(self, entry_exposure, exposure, walked, correlation, lag: int):
        """Walk each cohort of each parameter set: kernels/sweep.cu."""
        entry, life, pnl, days_left, moved = walked
        xp = namespace(entry_exposure, pnl)
        rules = (self.stop, self.target, self.days_left, self.sessions, self.band)
        rules = (*rules, self.correlation_low, self.correlation_high)
        (sets,) = xp.broadcast_shapes((len(entry_exposure),), (len(exposure),), *((count(rule),) for rule in rules))
        exit_day = xp.empty((sets, entry_exposure.shape[1]), dtype=xp.int64)
        days_left, moved, correlation, entry_exposure, exposure = (
            xp.ascontiguousarray(a, dtype=xp.float64) for a in (days_left, moved, correlation, entry_exposure, exposure)
        )
        steps = [a.shape[1] if len(a) > 1 else 0 for a in (entry_exposure, exposure)]  # one row may serve all sets
        arguments = (
            *(len(entry), pnl.shape[1] - 1, exposure.shape[1], entry, life, pnl, days_left, moved, correlation),
            *(entry_exposure, steps[0], exposure, steps[1]),
            *(kernels.column(xp, rule, sets) for rule in rules),
            *(int(self.with_signal), lag, exit_day),
        )
        kernels.launch(xp, "sweep", "exit_days", sets, arguments, threads=128)
        return exit_day
