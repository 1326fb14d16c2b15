"""backtest(): the one place where time advances, decisions are lagged and trades happen."""

from engine.backend import namespace, to_host
from engine.backtest.book import TradeBook, build_book
from engine.backtest.costs import VolPoints
from engine.backtest.exits import HoldToExpiry
from engine.backtest.hedging import DailyDelta
from engine.backtest.market import MarketView
from engine.backtest.result import BacktestResult
from engine.backtest.schedule import Monthly
from engine.backtest.sizing import VegaNeutral
from engine.backtest.structure import Straddle
from engine.correlation import TopWeights
from engine.errors import InputError


def backtest(
    market,
    strategy,
    *,
    basket=None,
    structure=None,
    sizing=None,
    schedule=None,
    exits=None,
    hedge=None,
    costs=None,
    lag: int = 1,
    progress=None,
) -> BacktestResult:
    """Backtest a dispersion strategy: short index straddles, long component straddles, delta-hedged.

    On each entry date the strategy's exposure of `lag` sessions before scales a cohort of straddles, which is held
    to expiry. The trade book does not depend on the strategy; P&L is exposure x index vega x book.

    Parameters
    ----------
    market : MarketPanel
    strategy : AbstractStrategy
    basket : TopWeights (50), AllMembers or Names
    structure : Straddle (30 days)
    sizing : VegaNeutral (100 000 per vol point), ThetaNeutral or GammaNeutral
    schedule : Monthly or Weekly
    exits : HoldToExpiry
        The one rule there is: cohorts end at expiry.
    hedge : DailyDelta or NoHedge
    costs : VolPoints or NoCosts
    lag : int
        Sessions between the close a decision is taken on and the close it is traded at; at least 1.
    progress : callable or None
        Called with the number of cohorts finished.

    Returns
    -------
    BacktestResult

    Raises
    ------
    InputError
        When the lag is below 1, or no session of the market can be entered.

    Examples
    --------
    >>> from engine import load_market
    >>> from strategies.short_correlation import ShortCorrelation
    >>> market = load_market("synthetic", years=1, names=5, progress=False)
    >>> result = backtest(market, ShortCorrelation())
    >>> result.summary()["cohorts"]
    12
    """
    if not isinstance(exits or HoldToExpiry(), HoldToExpiry):
        raise InputError(f"exits={exits} is not a rule this backtest knows; use HoldToExpiry()")
    view = MarketView(market, basket or TopWeights())
    structure, sizing = structure or Straddle(), sizing or VegaNeutral()
    book = open_book(view, schedule or Monthly(), structure, sizing, hedge or DailyDelta(), lag, progress)
    return simulate(view, structure, book, decide(strategy, view, book, lag), sizing.index_vega, costs or VolPoints())


def open_book(view: MarketView, schedule, structure, sizing, hedge, lag: int, progress=None) -> TradeBook:
    """Build the book of everything that could be traded: whoever decides, the cohorts are the same.

    Raises
    ------
    InputError
        When the lag is below 1, or no session of the market can be entered.
    """
    market = view.panel
    if lag < 1:
        raise InputError(f"lag={lag} would trade on the close that decided the trade; use lag=1 or more")
    entry = schedule.entries(market.dates, lag)
    if len(entry) == 0:
        raise InputError(
            f"{market.info.name} has {len(market)} session(s) from {market.dates[0]}: "
            f"none can be entered after a lag of {lag}; widen start and end"
        )
    return build_book(market, view.weights, entry, structure, sizing, hedge, progress=progress)


def decide(strategy, view: MarketView, book: TradeBook, lag: int):
    """Return the exposure each cohort is entered with, (P, C): what the strategy said `lag` sessions before."""
    decided = strategy.exposure(view)
    xp = namespace(decided, book.explain)
    decided = decided.reshape(-1, len(view.panel))  # (T,) and (P, T) alike become (P, T)
    taken = xp.where(xp.isfinite(decided), decided, 0.0)[:, xp.asarray(book.cohorts.entry - lag)]
    return xp.where(book.entered, taken, 0.0)


def simulate(view: MarketView, structure: Straddle, book: TradeBook, taken, index_vega, costs) -> BacktestResult:
    """Reduce the book to daily P&L and costs of P parameter sets.

    Parameters
    ----------
    view : MarketView; structure : Straddle
        What the book was built from.
    book : TradeBook
    taken : array (P, C)
        Exposure of each cohort.
    index_vega : float or array (P, 1)
        Currency per vol point at full exposure.
    costs : VolPoints
        Its rates may be columns (P, 1).
    """
    market, xp = view.panel, namespace(taken, book.explain)
    scale = taken * index_vega
    gross = book.explain.sum(axis=(2, 3))
    entry_cost = costs.index * book.entry_vega[:, 0] + costs.component * book.entry_vega[:, 1]
    hedged = book.hedge_notional.sum(axis=2)
    delivered = book.delivery_notional.sum(axis=2)

    pnl, option_cost, hedge_cost = (xp.zeros((len(taken), len(market))) for _ in range(3))
    size = xp.abs(scale)
    for day in range(book.days + 1):  # cohorts of one day of life never share a date
        held = int((book.cohorts.entry + day < len(market)).sum())  # entries ascend: the first `held` cohorts
        date = xp.asarray(book.cohorts.entry[:held] + day)
        pnl[:, date] += scale[:, :held] * gross[:held, day]
        hedge_cost[:, date] += (
            1e-4 * size[:, :held] * (costs.hedge_bps * hedged[:held, day] + costs.delivery_bps * delivered[:held, day])
        )
    option_cost[:, xp.asarray(book.cohorts.entry)] = size * entry_cost
    return BacktestResult(
        view=view,
        structure=structure,
        book=book,
        costs=costs,
        taken=to_host(taken),
        index_vega=index_vega,
        pnl_gross=to_host(pnl),
        option_cost=to_host(option_cost),
        hedge_cost=to_host(hedge_cost),
    )
