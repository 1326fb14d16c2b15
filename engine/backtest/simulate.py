"""backtest(): the one place where decisions are lagged and become trades."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from engine.arrays import Floats, Integers, PerCohort
from engine.backend import namespace, to_host
from engine.backtest.arguments import check_arguments
from engine.backtest.cohorts.accounts import Accounts
from engine.backtest.cohorts.book import TradeBook, build_book
from engine.backtest.cohorts.costs import Costs, DeskCosts, VolPoints, check_costs
from engine.backtest.cohorts.exits import Exits, HoldToExpiry
from engine.backtest.cohorts.recipe import Recipe
from engine.backtest.cohorts.sizing import AbstractSizing, VegaNeutral
from engine.backtest.contracts.instruments import check_instruments, later_starts, longer_tenors
from engine.backtest.contracts.roll import Roll, rolled
from engine.backtest.contracts.schedule import Monthly, Schedule
from engine.backtest.contracts.structure import Structure, check_reach, choose_contracts, expiries
from engine.backtest.contracts.structures import Straddle
from engine.backtest.legs.hedging import DailyDelta, Hedge
from engine.backtest.legs.marking import ListedMarks, Marking, SurfaceMarks, check_exposure, traded
from engine.backtest.legs.opening import tell_settlements
from engine.backtest.market import MarketView
from engine.backtest.outcome.result import BacktestResult
from engine.backtest.risk.limits import Limit
from engine.backtest.risk.scale import Scale, Unscaled
from engine.backtest.signals.strategy import AbstractStrategy, checked_exposure
from engine.backtest.signals.trailing import check_window
from engine.correlation import Basket, TopWeights
from engine.correlation.checks import least_coverage
from engine.data.panel import MarketPanel
from engine.data.tables.contracts import MOST_RATE
from engine.errors import InputError
from engine.kinds import is_kind


def backtest(
    market: MarketPanel,
    strategy: AbstractStrategy,
    *,
    basket: Basket | None = None,
    structure: Structure | None = None,
    sizing: AbstractSizing | None = None,
    scale: Scale | None = None,
    limits: Limit | None = None,
    schedule: Schedule | None = None,
    exits: Exits | None = None,
    hedge: Hedge | None = None,
    costs: Costs | None = None,
    marks: Marking | None = None,
    lag: int = 1,
    risk_free: float = 0.0,
    progress: Callable[[int], None] | None = None,
) -> BacktestResult:
    """Backtest a dispersion strategy: short the index's options, long those of the members, delta-hedged.

    On each entry date the strategy's exposure of `lag` sessions before scales a cohort of legs, which is held to
    expiry or to an early exit. The trade book does not depend on the strategy; P&L is exposure x index vega x book.

    Parameters
    ----------
    market : MarketPanel
    strategy : AbstractStrategy
    basket : Basket
        `TopWeights` (50 names), `AllMembers`, `Names` or, here as below, one of your own. The first is the default.
    structure : Structure
        `Straddle` (30 days), `DeltaNeutralStraddle`, `Strangle`, `SingleOption`, `VarianceSwap` or one of
        your own.
    sizing : AbstractSizing
        `VegaNeutral` (100 000 per vol point), `ThetaNeutral`, `GammaNeutral` or, of variance swaps, `VarianceTheta`.
    scale : Scale
        `IndexVega`, the sizing's own, or another multiple of it for each cohort: `PremiumScale`, `VegaOfNav`,
        `VolatilityTarget`, `StressCap` or `MarginScale`.
    limits : Limits
        What the book may hold at most; an entry that would exceed it is made smaller, or not at all.
    schedule : Schedule
        `Monthly`, `Weekly`, `DailyLadder`, `OnDates` or `Roll`.
    exits : Exits
        `HoldToExpiry`, `EarlyExit`, `NextEntry` or `ShortestTenor`.
    hedge : Hedge
        `DailyDelta`, `EveryDays`, `DeltaBand`, `WhalleyWilmott`, `IndexBeta` or `NoHedge`.
    costs : Costs
        `VolPoints`, `DeskCosts`, `BidAsk` or `NoCosts`.
    marks : Marking
        `SurfaceMarks`, or `ListedMarks` of whole lots of listed contracts at their own quotes.
    lag : int
        Sessions between the close a decision is taken on and the close it is traded at; at least 1.
    risk_free : float
        Rate a year, annualised decimals, that Sharpe ratios are measured against: what the capital would have earned.
        0 where it earns that beside the P&L, which pays the financing of its own positions.
    progress : callable or None
        Called with the number of cohorts finished.

    Returns
    -------
    BacktestResult

    Raises
    ------
    InputError
        When an argument is not what it has to be, or no session of the market can be entered.

    Examples
    --------
    >>> from engine import load_market
    >>> from strategies.short_correlation import ShortCorrelation
    >>> market = load_market("synthetic", years=1, names=5, progress=False)
    >>> result = backtest(market, ShortCorrelation())
    >>> result.summary()["cohorts"]
    11
    """
    if not is_kind(risk_free, float):
        raise InputError(f"risk_free={risk_free} is not a number; write 0.04 for 4 %")
    if not abs(risk_free) <= MOST_RATE:
        raise InputError(f"risk_free={risk_free} is no rate a year in decimals; write 0.04 for 4 %")
    if not isinstance(market, MarketPanel):  # pyright: ignore[reportUnnecessaryIsInstance] - not of who has no types
        raise InputError(f"market is of type {type(market).__name__}; give a MarketPanel, such as of load_market")
    check_arguments(strategy=strategy, basket=basket, structure=structure, sizing=sizing, scale=scale, limits=limits)
    check_arguments(schedule=schedule, exits=exits, hedge=hedge, costs=costs, marks=marks)
    view = MarketView(market, basket or TopWeights())
    sizing = sizing or VegaNeutral()
    costs = costs or VolPoints()
    check_costs(costs, market)
    rules = (structure or Straddle(), sizing, hedge or DailyDelta(), marks or SurfaceMarks())
    recipe = Recipe(*rules, detailed=isinstance(costs, DeskCosts))
    book = open_book(view, schedule or Monthly(), recipe, lag, progress)
    decision = decide(strategy, exits or HoldToExpiry(), view, book, lag)
    return simulate(view, book, decision, sizing.index_vega, costs, risk_free, scale, lag, limits)


def open_book(
    view: MarketView,
    schedule: Schedule,
    recipe: Recipe,
    lag: int,
    progress: Callable[[int], None] | None = None,
) -> TradeBook:
    """Build the book of every cohort that could be traded: it does not depend on the strategy.

    Raises
    ------
    InputError
        When the lag is below 1, the schedule's sessions do not ascend from `lag` on, or none of them can be entered.
    """
    market, structure = view.panel, recipe.structure
    check_window(recipe.hedge, market)
    if not is_kind(lag, int):
        raise InputError(f"lag={lag} is not a whole number of sessions")
    if lag < 1:
        raise InputError(f"lag={lag} would trade on the close that decided the trade; use lag=1 or more")
    if market.dates.dtype != np.dtype("datetime64[D]"):
        raise InputError(f"{market.info.name} holds times of the day; a backtest needs one row per session")
    check_instruments(structure, recipe.sizing)
    share = float(getattr(schedule, "share", 1.0))
    made = replace(recipe, structure=traded(recipe.marks, structure, market, recipe.sizing), share=share)
    rolls = isinstance(schedule, Roll)
    entry = np.asarray(rolled(schedule, market, structure, lag) if rolls else schedule.entries(market.dates, lag))
    if len(entry) == 0:
        raise InputError(
            f"{market.info.name} has {len(market)} session(s) from {market.dates[0]}: "
            f"none can be entered after a lag of {lag}; widen start and end"
        )
    if entry[0] < lag or (np.diff(entry) <= 0).any():
        raise InputError(
            f"{type(schedule).__name__} enters on sessions that do not ascend, or before the first decision can be "
            f"traded; return each session once, in order, from session {lag} on"
        )
    cohorts = choose_contracts(market, entry, structure)
    check_reach(market, cohorts, structure.tenor)
    for tenor in longer_tenors(structure) | later_starts(structure):
        check_reach(market, cohorts.beside(expiries(market, cohorts.entry, tenor, structure.min_days)), tenor)
    book = build_book(market, view.weights, cohorts, made, progress=progress)
    tell_settlements(market, book)
    if not book.entered.any():
        raise InputError(f"none of {len(entry)} cohorts can be entered: {_why_not(book, view.basket.label)}")
    return book


def _why_not(book: TradeBook, basket: str) -> str:
    """Say why no cohort of a book can be entered, and what to do."""
    if not (book.cohorts.life > 0).any():
        return "the data have no session after any entry; widen start and end"
    least, sizing = book.recipe.structure.min_coverage, type(book.recipe.sizing).__name__
    if (book.coverage >= least_coverage(least)).any():
        return (
            f"{sizing} has no size for {basket} on any entry date on which enough of it is quoted, or would sell some "
            "members beside the index; choose another sizing, or more names"
        )
    window = getattr(book.recipe.sizing, "window", None)
    known = "" if window is None else f", each known to {sizing} for its window of {window} sessions"
    return (
        f"on no entry date is the index quoted together with names holding {least:.0%} of {basket}{known}; lower "
        f"structure.min_coverage{' or sizing.window' * bool(known)}, or look at the coverage in the tables of "
        "`python -m engine.correlate`"
    )


@dataclass(frozen=True, eq=False)
class Decision:
    """What is done about each cohort.

    Parameters
    ----------
    entry_exposure : array (P, C)
        Exposure each cohort is entered with; 0 where it cannot be entered or the strategy has no opinion.
    exit_day : array (P, C) or None
        Holding day on which the cohort is sold, its last where it ends by itself; None where all do.
    undecided : array (P,) or (1,), int
        Cohorts that could be entered and on which the strategy had no opinion yet; on the host.
    strategy : AbstractStrategy or None
        Whose decision it is.
    """

    entry_exposure: PerCohort
    exit_day: Integers | None
    undecided: Integers
    strategy: AbstractStrategy | None = None


def decide(strategy: AbstractStrategy, exits: Exits, view: MarketView, book: TradeBook, lag: int) -> Decision:
    """Return what the strategy asked for `lag` sessions before each entry, and when each cohort is sold."""
    exposure = checked_exposure(strategy, view)
    xp = namespace(exposure, book.explain)
    asked = xp.take(exposure, xp.asarray(book.cohorts.entry - lag), axis=1)  # contiguous, as an index is not
    has_opinion = xp.isfinite(asked)
    entry_exposure = xp.where(book.entered & has_opinion, book.share * asked, 0.0)
    check_exposure(book.recipe.marks, entry_exposure, book.share)
    dates = view.panel.dates
    days_left = book.cohorts.days_left(dates, book.cohorts.sessions(dates, book.days, xp))
    exit_day = exits.exit_day(book, entry_exposure, exposure, days_left, lag, view)
    if exit_day is not None:
        entry_exposure = xp.broadcast_to(entry_exposure, exit_day.shape)
    return Decision(entry_exposure, exit_day, to_host((book.entered & ~has_opinion).sum(axis=1)), strategy)


def simulate(
    view: MarketView,
    book: TradeBook,
    decision: Decision,
    index_vega: Floats | float,
    costs: Costs,
    risk_free: float = 0.0,
    scale: Scale | None = None,
    lag: int = 1,
    limits: Limit | None = None,
) -> BacktestResult:
    """Reduce the book to daily P&L and costs of P parameter sets.

    Parameters
    ----------
    view : MarketView
        What the book was built from.
    book : TradeBook
    decision : Decision
    index_vega : float or array (P, 1)
        Currency per vol point at full exposure.
    costs : Costs
        Its rates may be columns (P, 1).
    risk_free : float
    scale : Scale or None
        None = the index vega as it is.
    lag : int
        Sessions from what a scale may know to the entry.
    limits : Limit or None
    """
    sessions = len(view.panel)
    stress = view.index_iv(costs.stress_tenor) if isinstance(costs, DeskCosts) else None
    decided = (decision.entry_exposure, decision.exit_day)
    accounts = Accounts(book, sessions, *decided, index_vega, costs, risk_free, stress)
    multiples = None if scale is None else scale.multiples(Unscaled(view, accounts, lag))
    if multiples is not None:
        if isinstance(book.recipe.marks, ListedMarks):
            raise InputError("marks=listed trades whole lots of one index_vega; use scale=index_vega, or marks=surface")
        accounts = replace(accounts, entry_exposure=accounts.entry_exposure * multiples)
    limited = None if limits is None else limits.applied(view, accounts)
    if limited is not None:
        exposure = namespace(accounts.entry_exposure).asarray(limited.exposure)
        accounts = replace(accounts, entry_exposure=exposure)
    return BacktestResult(view, accounts, decision.undecided, limited, decision.strategy, lag)
