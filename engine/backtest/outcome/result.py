"""BacktestResult: arrays of the run, with daily, ledger and summary views as polars frames and plain numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from engine.backend import to_host
from engine.backtest.batch import batch_fields
from engine.backtest.cohorts.accounts import CAPITAL_VOL_POINTS, Accounts
from engine.backtest.cohorts.book import LegTable, TradeBook, build_book
from engine.backtest.cohorts.closing import closing
from engine.backtest.cohorts.costs import Costs, with_rates
from engine.backtest.legs.marking import LISTED
from engine.backtest.legs.precision import is_single
from engine.backtest.market import MarketView
from engine.backtest.outcome import breakevens, by_date, capacity, followed, ledger, unfilled, views
from engine.backtest.outcome.cautions import Caution, caution_codes, cautions
from engine.backtest.outcome.returns import as_returns
from engine.backtest.outcome.summary import summarise
from engine.backtest.outcome.track_record import TrackRecord, record_of
from engine.backtest.outcome.trades import cohorts_as_trades
from engine.backtest.outcome.wording import held_at_once, summary_lines
from engine.backtest.risk.limits import Limited
from engine.backtest.signals.strategy import AbstractStrategy
from engine.calendar import Date
from engine.data.panel import MarketPanel

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """P parameter sets over T dates and C cohorts, on the host.

    Parameters
    ----------
    view : MarketView
        The market and the basket.
    accounts : Accounts
        The book, the exposure each parameter set entered its cohorts with, and the costs.
    undecided : array (P,) or (1,), int
        Cohorts that could be entered and on which the strategy had no opinion yet.
    limited : Limited or None
        What limits did; None where there are none.
    strategy : AbstractStrategy or None
        Whose exposures these are; None where no single one's.
    lag : int
        Sessions from a decision to the entry.
    """

    view: MarketView
    accounts: Accounts
    undecided: np.ndarray
    limited: Limited | None = None
    strategy: AbstractStrategy | None = None
    lag: int = 1

    @property
    def book(self) -> TradeBook:
        """P&L of every cohort that could be traded, before exposures and costs."""
        return self.accounts.book

    @property
    def costs(self) -> Costs:
        """Cost rates; a rate that differs between parameter sets is a column (P, 1)."""
        return self.accounts.costs

    @property
    def sets(self) -> int:
        """P, the number of parameter sets."""
        return len(self.accounts.entry_exposure)

    @cached_property
    def entry_exposure(self) -> np.ndarray:
        """Exposure each cohort was entered with, (P, C): what the strategy asked for `lag` sessions before."""
        return to_host(self.accounts.entry_exposure)

    @cached_property
    def exit_day(self) -> np.ndarray | None:
        """Holding day on which each cohort was sold, its last where it ended by itself, (P, C); None where all did."""
        return None if self.accounts.exit_day is None else to_host(self.accounts.exit_day)

    @cached_property
    def _daily(self) -> tuple:
        return self.accounts.daily()

    @property
    def pnl_gross(self) -> np.ndarray:
        """P&L before costs, (P, T) currency."""
        return self._daily[0]

    @property
    def option_cost(self) -> np.ndarray:
        """Cost of trading options, (P, T) currency, >= 0."""
        return self._daily[1]

    @property
    def hedge_cost(self) -> np.ndarray:
        """Cost of trading hedges and of deliveries, (P, T) currency, >= 0."""
        return self._daily[2]

    @property
    def market(self) -> MarketPanel:
        """The MarketPanel."""
        return self.view.panel

    @cached_property
    def cost(self) -> np.ndarray:
        """All costs, (P, T) currency, >= 0."""
        return self.option_cost + self.hedge_cost

    @cached_property
    def pnl_net(self) -> np.ndarray:
        """Gross P&L less costs, (P, T) currency."""
        return self.pnl_gross - self.cost

    @cached_property
    def hurdles(self) -> np.ndarray:
        """P&L of a session that the capital would have earned at `risk_free`, (P,) currency."""
        return to_host(self.accounts.hurdle)[:, 0]

    @property
    def pnl_judged(self) -> np.ndarray:
        """Net P&L above the hurdles, (P, T) currency: what Sharpe ratios and the tests of a sweep are of."""
        return self.pnl_net - self.hurdles[:, None] if self.accounts.risk_free else self.pnl_net

    def vega_per_cohort(self, p: int = 0) -> float:
        """Index vega of a cohort at full exposure, in currency per vol point."""
        return float(self.vegas[p])

    @cached_property
    def vegas(self) -> np.ndarray:
        """Index vega of a cohort at full exposure of every parameter set, (P,) currency per vol point."""
        return np.broadcast_to(np.asarray(to_host(self.accounts.index_vega), dtype=float).reshape(-1), (self.sets,))

    @cached_property
    def rates(self) -> Costs:
        """Cost rates of all parameter sets, on the host: those that may differ are columns (P, 1)."""
        return with_rates(self.costs, {name: self._rate(name)[:, None] for name in batch_fields(self.costs)})

    def rates_of(self, p: int = 0) -> Costs:
        """Cost rates of one parameter set."""
        return with_rates(self.costs, {name: float(self._rate(name)[p]) for name in batch_fields(self.costs)})

    def _rate(self, name: str) -> np.ndarray:
        given = np.asarray(to_host(getattr(self.costs, name)), dtype=float).reshape(-1)
        return np.broadcast_to(given, (self.sets,))

    def widened(self, p: int = 0) -> np.ndarray:
        """Factor of the half-spreads of options on each date, (T,): 1 where the costs know no stress."""
        factors = to_host(self.accounts.widened)
        return factors[p if len(factors) > 1 else 0]

    @cached_property
    def closing(self) -> dict[str, np.ndarray]:
        """What selling each cohort at its last mark would trade; see `closing`."""
        return closing(self)

    def capital(self, p: int = 0) -> float:
        """Fixed capital that returns are quoted on, in currency."""
        return float(self.summaries["capital"][p])

    def capital_convention(self, p: int = 0) -> str:
        """Say in words what capital returns are measured on."""
        rate = self.accounts.risk_free
        earns = "earns no interest" if rate == 0.0 else f"Sharpe ratios above a risk-free {100 * rate:g} % a year on it"
        return (
            f"fixed capital of {self.capital(p):,.0f} {self.market.info.currency} = {CAPITAL_VOL_POINTS} vol points x "
            f"index vega of {self.vega_per_cohort(p):,.0f} x "
            f"{held_at_once(float(self.accounts.most_exposure[p, 0]), self.book.most_held, self.book.share)}; "
            f"not compounded, {earns}"
        )

    @property
    def contracts(self) -> str:
        """How the contracts held differ from those that are listed; "" where they do not."""
        return self.market.info.contracts if self.book.listed is None else LISTED

    @property
    def dates(self) -> np.ndarray:
        """Sessions, (T,) datetime64[D]."""
        return self.market.dates

    def held_until(self, p: int = 0) -> np.ndarray:
        """Holding day on which each cohort ends, (C,)."""
        return self.book.cohorts.life if self.exit_day is None else self.exit_day[p]

    explain = by_date.explain  # P&L of each session by source; of one leg class if asked
    carried_exposure = by_date.carried_exposure  # out of each close, 1 = one cohort at full size
    daily = by_date.daily  # one row per session: exposure, P&L before and after costs, and its sources

    def returns(self, p: int = 0) -> "pd.Series":
        """Daily net P&L over the fixed capital, a pandas series as quantstats and pyfolio take; see `as_returns`."""
        return as_returns(self.dates, self.pnl_net[p], self.capital(p), self.market.info.name)

    def statistics(self, p: int = 0) -> TrackRecord:
        """Errors, intervals, tails, drawdowns, years, regimes and factors of net P&L; see `track_record`."""
        return record_of(self, p)

    def ledger(self, p: int = 0) -> pl.DataFrame:
        """One row per cohort, leg and instrument, cohorts with an exposure only; they sum to the daily P&L and costs.

        Quantities are in shares as at entry; `strike_factor` says what splits have since made of the strike,
        `strike_reduction`, where the market has such, what cash was taken off it before that (in entry shares), and
        `events` what happened to the contracts until the end, each with its date: `engine.backtest.legs.events` has the
        words. A leg's instruments are hedged as one: each bears an equal part of what that costs.

        Where the parameter set sells cohorts early, the book knows their legs to the end only: the book is built again
        to the exits, which takes as long as the first time. Held to expiry, its legs are at hand.
        """
        return ledger.ledger(self, p)

    def limits(self, p: int = 0) -> pl.DataFrame:
        """One row per cohort that a limit scaled or blocked: held before, asked, entered; see `ledger.limits`."""
        return ledger.limits(self, p)

    def by_name(self, p: int = 0) -> pl.DataFrame:
        """One row per leg, the index first: its P&L and costs over all cohorts, which sum to the daily ones."""
        return ledger.by_name(self.ledger(p))

    def by_cohort(self, p: int = 0) -> pl.DataFrame:
        """One row per cohort: its P&L by source, which sum to the daily ones, its costs, and what its size left open.

        `residual_vega` per vol point, `residual_theta` per day, `residual_cash_gamma` and `residual_premium` are sums
        over its legs at entry, by their exact greeks, in currency.
        """
        return ledger.by_cohort(self, p, self.ledger(p))

    def trades(self, p: int = 0) -> pl.DataFrame | None:
        """Cohorts as trades, in currency: gains, losses, runs of them, sessions held; see `cohorts_as_trades`."""
        return cohorts_as_trades(self.dates, self.ledger(p))

    day = views.day  # what each leg and instrument held into a session earned there
    carry = views.carry  # what is held on from a close earns by the next session if nothing moves
    greeks = views.greeks  # what is held on from each close, a row per session and leg class

    def split(self, p: int = 0) -> pl.DataFrame:
        """P&L of each session from volatility, correlation and index minus basket; they sum to gross: see `split`."""
        return views.split_by_day(self, p)

    def scenarios(self, date: Date, *, p: int = 0, **moves: Sequence[float]) -> pl.DataFrame:
        """What is held on from a close earns at once if `spot`, `vol` and `correlation` move; see `views.scenarios`."""
        return views.scenarios(self, date, p, **moves)

    stress = views.stress  # what is held on from each close earns at once in each crisis
    vega_split = views.vega_split  # what changes of volatility earned each session, and why these changed
    breakeven_correlation = breakevens.breakeven_correlation  # that must come out for the held book to earn nothing
    capacity = capacity.capacity  # how many times as large each cohort of listed contracts could have been
    unfilled = unfilled.unfilled  # the legs of listed contracts that volumes did not allow in full
    breakeven_prices = breakevens.breakeven_prices  # at which each leg held on from a close does

    signal = followed.signal  # what the strategy follows
    decisions = followed.decisions  # a row per cohort: when it was decided, on which value of the signal
    by_signal = followed.by_signal  # every cohort that could be traded, by the signal that decided on it

    def legs(self, p: int = 0) -> LegTable:
        """Return the legs to the exits of a parameter set."""
        return self.book_until(p).legs

    def book_until(self, p: int = 0) -> TradeBook:
        """Return the book to the exits of a parameter set: built again where some cohort is sold early."""
        until = self.held_until(p)
        if (until == self.book.cohorts.life).all():
            return self.book
        return build_book(self.market, self.view.weights, self.book.cohorts.until(until), self.book.recipe)

    @cached_property
    def summaries(self) -> dict[str, np.ndarray]:
        """The metrics of every parameter set, each (P,)."""
        return summarise(self)

    def summary(self, p: int = 0) -> dict:
        """One flat dictionary of the metrics of a parameter set; `summarise` says what each is."""
        return {name: values[p].item() for name, values in self.summaries.items()}

    @cached_property
    def caution_codes(self) -> np.ndarray:
        """Codes of the cautions due for every parameter set, (P,) text; see `cautions`."""
        return caution_codes(
            self.summaries, self.market.info, len(self.market.deltas), is_single(self.book.recipe.marks)
        )

    def cautions(self, p: int = 0) -> tuple[Caution, ...]:
        """Say why the numbers of a parameter set bear less weight than they seem to; empty where nothing is known."""
        return cautions(self, p)

    def __repr__(self) -> str:
        """The summary of the first parameter set as one aligned table, and its cautions."""
        info, due = self.market.info, (f"Caution: {caution.text}" for caution in self.cautions())
        head = f"{info.name}: {info.index} against {self.view.basket.label}, {self.dates[0]} to {self.dates[-1]}"
        sets = f", the first of {self.sets:,} parameter sets" if self.sets > 1 else ""
        return "\n".join([head + sets, *summary_lines(self.summary(), info.currency), *due])
