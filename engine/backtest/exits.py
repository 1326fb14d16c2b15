"""When a cohort ends."""

import math
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from engine import kernels
from engine.arrays import Floats, Integers, PerCohort
from engine.backend import namespace
from engine.backtest.batch import refuse_below
from engine.backtest.book import TradeBook
from engine.errors import InputError
from engine.kinds import check_kinds


@runtime_checkable
class Exits(Protocol):
    """What early exits of your own offer, in a frozen dataclass; a field that may batch holds a column (P, 1)."""

    def exit_day(
        self, book: TradeBook, entry_exposure: PerCohort, exposure: Floats, days_left: Floats, lag: int
    ) -> Integers | None:
        """Return the holding day on which each cohort is sold.

        Parameters
        ----------
        book : TradeBook
            P&L per unit of index vega and full exposure, before costs, of each cohort on each holding day.
        entry_exposure : array (P, C)
            Exposure each cohort was entered with: what the strategy asked for `lag` sessions before.
        exposure : array (P, T)
            Exposure the strategy asks for at each close.
        days_left : array (C, H + 1)
            Calendar days to expiry on each holding day, the first being that of entry.
        lag : int
            Sessions from a close that decides to the close that is traded at.

        Returns
        -------
        array (P, C), int, or None
            Holding day, 1 = the session after entry. A cohort that is not sold early has its last,
            `book.cohorts.life`, which is 0 if it never lived. None where no cohort of any set is sold early.
        """


@dataclass(frozen=True)
class HoldToExpiry:
    """Keep every cohort until its options expire; only the entry pays the option spread."""

    def exit_day(
        self, book: TradeBook, entry_exposure: PerCohort, exposure: Floats, days_left: Floats, lag: int
    ) -> None:
        """Return None: no cohort is sold."""
        return


@dataclass(frozen=True)
class ShortestTenor:
    """Sell a cohort while the surface still reaches its expiry, paying the option spread again on all its vega.

    It is sold at the last close that is not nearer to the expiry than the surface's shortest tenor, below which marks
    are extrapolated; the exchange's calendar tells that close beforehand. Where listed expiries are marked from their
    own smiles there is no such tenor, and nothing is sold.
    """

    def exit_day(
        self, book: TradeBook, entry_exposure: PerCohort, exposure: Floats, days_left: Floats, lag: int
    ) -> Integers:
        """Return the holding day on which each cohort is sold, (P, C); its last day where it is not sold early.

        Parameters as of `Exits`.

        Raises
        ------
        InputError
            When no cohort could be held for a day.
        """
        xp = namespace(entry_exposure, book.explain)
        last = (days_left >= book.shortest_tenor).sum(axis=1) - 1
        if not (book.entered & (last > 0)).any():
            raise InputError(
                "exits=shortest_tenor leaves no session between entry and the surface's shortest tenor of "
                f"{book.shortest_tenor} days; choose a longer structure.tenor"
            )
        sold = xp.minimum(xp.maximum(last, 1), xp.asarray(book.cohorts.life))
        return xp.broadcast_to(sold, entry_exposure.shape)


@dataclass(frozen=True)
class EarlyExit:
    """Sell a cohort when the first of its rules says so, paying the option spread again on all its vega.

    Parameters
    ----------
    stop, target : float
        Sell once the cohort's P&L since entry, before costs, is this many vol points of its index vega below or above
        zero. Seen at a close, sold `lag` sessions later; infinite = never.
    days_left : float
        Sell at the first close with this many calendar days to expiry, or fewer; 0 = never.
    with_signal : bool
        Sell once the strategy's exposure is no longer on the side the cohort was entered on, after the same lag.
    """

    stop: float = field(default=math.inf, metadata={"batch": True})
    target: float = field(default=math.inf, metadata={"batch": True})
    days_left: float = field(default=0.0, metadata={"batch": True})
    with_signal: bool = False

    def __post_init__(self):
        check_kinds(self)
        refuse_below(self, 0.0, "stop", "target", "days_left")

    def exit_day(
        self, book: TradeBook, entry_exposure: PerCohort, exposure: Floats, days_left: Floats, lag: int
    ) -> Integers:
        """Return the holding day on which each cohort is sold, (P, C); its last day where it is not sold early.

        Parameters as of `Exits`.
        """
        xp = namespace(entry_exposure, book.explain)
        side = xp.sign(entry_exposure)
        life = xp.asarray(book.cohorts.life)
        pnl = xp.cumsum(book.by_day["gross"], axis=1)
        entry = xp.asarray(book.cohorts.entry)
        if kernels.usable(xp):
            return self._fused(entry_exposure, exposure, entry, life, pnl, days_left, lag)
        sold = xp.broadcast_to(life, entry_exposure.shape)
        for day in range(1, book.days + 1):
            so_far = side * pnl[:, day]
            sold = xp.where((so_far >= self.target) | (so_far <= -self.stop), xp.minimum(day + lag, sold), sold)
            sold = xp.where(days_left[:, day] <= self.days_left, xp.minimum(day, sold), sold)
            if self.with_signal:
                at = xp.minimum(entry + day - lag, exposure.shape[1] - 1)
                sold = xp.where(exposure[:, at] * side <= 0.0, xp.minimum(day, sold), sold)
        return sold

    def _fused(self, entry_exposure, exposure, entry, life, pnl, days_left, lag: int):
        """Walk each cohort of each parameter set: kernels/sweep.cu."""
        xp = namespace(entry_exposure, pnl)
        rules = (self.stop, self.target, self.days_left)
        (sets,) = xp.broadcast_shapes((len(entry_exposure),), (len(exposure),), *((xp.size(rule),) for rule in rules))
        exit_day = xp.empty((sets, entry_exposure.shape[1]), dtype=xp.int64)
        entry_exposure, exposure = (xp.ascontiguousarray(a, dtype=xp.float64) for a in (entry_exposure, exposure))
        steps = [a.shape[1] if len(a) > 1 else 0 for a in (entry_exposure, exposure)]  # one row may serve all sets
        arguments = (
            *(len(entry), pnl.shape[1] - 1, exposure.shape[1], entry, life, pnl),
            *(xp.ascontiguousarray(days_left, dtype=xp.float64), entry_exposure, steps[0], exposure, steps[1]),
            *(kernels.column(xp, rule, sets) for rule in rules),
            *(int(self.with_signal), lag, exit_day),
        )
        kernels.launch(xp, "sweep", "exit_days", sets, arguments, threads=128)
        return exit_day
