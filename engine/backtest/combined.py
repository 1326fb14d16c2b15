"""Several strategies, structures or markets in one book: P&L, costs and greeks added up, hedges netted, one limit."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from engine.backend import namespace, to_host
from engine.backtest.costs import VolPoints
from engine.backtest.currencies import Rates, read_rates
from engine.backtest.hedging import DailyDelta
from engine.backtest.instruments import pairs, ratios
from engine.backtest.leg_sums import day_before
from engine.backtest.positions import PositionLegs, Positions
from engine.backtest.result import BacktestResult
from engine.errors import InputError
from engine.kernels.codes import PARTS

SCALE, BLOCK = "scale", "block"
SUMS = ("pnl_gross", "cost", "pnl_net", *PARTS)


@dataclass(frozen=True, eq=False)
class Combined:
    """One book of several backtests.

    Parameters
    ----------
    results : dict of name -> BacktestResult
        As they trade in the book: a limit may have scaled their cohorts.
    daily : frame
        A row per session of any of them: pnl_gross, cost, pnl_net, what netting saved of the cost, the sources, and
        apart from all of these `fx`: what rates made of P&L of sessions before.
    limits : frame
        A row per cohort that the limit scaled or blocked: strategy, cohort, entry_date, asked, exposure, held, action.
    capital : float
        Sum of theirs, before any limit, at the rates of their first sessions.
    rates : Rates
        By which all but the ledgers is in the book's currency.
    """

    results: dict[str, BacktestResult]
    daily: pl.DataFrame
    limits: pl.DataFrame
    capital: float
    rates: Rates

    def ledger(self) -> pl.DataFrame:
        """Return their ledgers, in their own money, with `strategy` and `action`: null or scaled; blocked has none."""
        frames = [
            result.ledger().with_columns(
                strategy=pl.lit(name), cohort=pl.col("cohort").cast(pl.Int64), currency=pl.lit(_currency(result))
            )
            for name, result in self.results.items()
        ]
        told = self.limits.select("strategy", "cohort", "action")
        whole = pl.concat(frames, how="diagonal").join(
            told, on=["strategy", "cohort"], how="left", maintain_order="left"
        )
        return whole.select("strategy", pl.exclude("strategy"))

    def greeks(self) -> pl.DataFrame:
        """Return their greeks added up, a row per session and leg class, as `BacktestResult.greeks`."""
        frames = []
        for result in self.results.values():
            greeks = result.greeks()
            rate = pl.Series(self.rates.on(_currency(result), greeks["date"]))
            frames.append(greeks.with_columns(pl.exclude("date", "leg_class") * rate))
        rows = pl.concat(frames)
        return (
            rows.group_by("date", "leg_class", maintain_order=True)
            .agg(pl.all().sum())
            .sort("date", "leg_class", descending=[False, True])
        )


def combine(
    results: Mapping[str, BacktestResult],
    *,
    netted: bool = True,
    most_index_vega: float | None = None,
    action: str = SCALE,
    currency: str | None = None,
    fx: Any = None,
) -> Combined:
    """Put backtests into one book.

    P&L, option costs, deliveries and greeks are sums, of other currencies at the rate of the session. Hedges of one
    underlying and expiry are traded once for all that hold it, on one `MarketPanel`, so that their cost is that of the
    sum; nothing else changes. Ledgers are not netted.

    Parameters
    ----------
    results : mapping of name -> BacktestResult
        Of one parameter set each; of cohorts entered on one day the first named come first.
    netted : bool
        Whether hedges net between strategies and cohorts.
    most_index_vega : float or None
        Most index vega held at once at entry, all cohorts together, signs left out; currency per vol point, at
        the rates of that day.
    action : str
        What happens to a cohort that would exceed it: `scale` enters what is left, `block` none of it.
    currency : str or None
        That the book is kept in; needed where there are several.
    fx : frame (polars or pandas) or None
        date, currency, rate: units of the book's currency for one of the row's, for each session of any market.

    Raises
    ------
    InputError
        When there is nothing to combine, a rate is missing, or hedges are of a kind that is not netted.

    Examples
    --------
    >>> from engine.backtest import ShortestTenor, backtest
    >>> from engine.data import load_market
    >>> from strategies.short_correlation import ShortCorrelation
    >>> market = load_market("synthetic", years=0.5, names=6, progress=False)
    >>> one, other = backtest(market, ShortCorrelation()), backtest(market, ShortCorrelation(), exits=ShortestTenor())
    >>> book = combine({"held": one, "sold": other})
    >>> bool(np.isclose(book.daily["pnl_gross"].sum(), one.pnl_gross.sum() + other.pnl_gross.sum()))
    True
    """
    _check(results, netted, action)
    currencies = {_currency(result) for result in results.values()}
    rates = read_rates(currencies, currency, fx)
    taken, log = dict(results), []
    if most_index_vega is not None:
        taken, log = _limited(results, most_index_vega, action, rates)
    local = {
        code: _daily({name: result for name, result in taken.items() if _currency(result) == code}, netted)
        for code in sorted(currencies)
    }
    dates = pl.concat([frame["date"] for frame in local.values()]).unique().sort()
    frames = [rates.converted(code, frame, dates) for code, frame in local.items()]
    daily = pl.concat(frames).group_by("date", maintain_order=True).agg(pl.all().sum()).sort("date")
    numbers = dict.fromkeys(("asked", "exposure", "held"), pl.Float64)
    schema = {"strategy": pl.String, "cohort": pl.Int64, "entry_date": pl.Date, **numbers, "action": pl.String}
    limits = pl.DataFrame(log, schema=schema, orient="row")
    columns = ["date", "pnl_gross", "cost", "pnl_net", "saved", "fx", *PARTS]
    capital = sum(result.capital() * rates.at(_currency(result), result.dates[0].item()) for result in results.values())
    return Combined(taken, daily.select(columns), limits, capital, rates)


def _currency(result: BacktestResult) -> str:
    return result.market.info.currency


def _daily(results: Mapping[str, BacktestResult], netted: bool) -> pl.DataFrame:
    """Add up what backtests in one currency earned by date, hedges netted, with what that `saved`."""
    frames = [result.daily().select("date", *SUMS) for result in results.values()]
    daily = pl.concat(frames).group_by("date", maintain_order=True).agg(pl.all().sum()).sort("date")
    saved = _saved(results) if netted else pl.DataFrame(schema={"date": pl.Date, "saved": pl.Float64})
    daily = daily.join(saved, on="date", how="left", maintain_order="left").with_columns(pl.col("saved").fill_null(0.0))
    return daily.with_columns(cost=pl.col("cost") - pl.col("saved"), pnl_net=pl.col("pnl_net") + pl.col("saved"))


def _check(results: Mapping[str, BacktestResult], netted: bool, action: str) -> None:
    if not results:
        raise InputError("a book needs a backtest at least; give them by name")
    if action not in (SCALE, BLOCK):
        raise InputError(f"action={action} is unknown; choose {SCALE} or {BLOCK}")
    for name, result in results.items():
        if result.sets > 1:
            raise InputError(f"{name} holds {result.sets} parameter sets; combine backtests of one each")
        if netted and result.book.recipe.netted:
            raise InputError(f"hedges of {name} are netted already; use netted=False, or hedge.netted=false for each")
        plain = isinstance(result.book.recipe.hedge, DailyDelta) and type(result.costs) is VolPoints
        if netted and not (plain and result.book.listed is None):
            raise InputError(
                f"hedges of {name} are not netted: only hedge=daily_delta, costs=vol_points and marks=surface are; use "
                "netted=False"
            )


def _limited(results: Mapping[str, BacktestResult], most: float, action: str, rates: Rates) -> tuple[dict, list]:
    """Enter cohorts in the order of their dates while their index vega together is at most `most`."""
    cohorts = []
    for order, (name, result) in enumerate(results.items()):
        book, dates = result.book.cohorts.until(result.held_until(0)), result.dates
        for c in np.flatnonzero(result.entry_exposure[0]):
            cohorts.append((dates[book.entry[c]], order, int(c), name, dates[book.last[c]]))
    exposure = {name: result.entry_exposure[0].copy() for name, result in results.items()}
    vega = {name: result.vega_per_cohort() for name, result in results.items()}
    held, log = [], []
    for entry, _, c, name, last in sorted(cohorts, key=lambda cohort: cohort[:3]):
        held = [(end, code, size) for end, code, size in held if end > entry]
        already = sum(size * rates.at(code, entry.item()) for _, code, size in held)
        asked, code = float(exposure[name][c]), _currency(results[name])
        rate = rates.at(code, entry.item())
        size = abs(asked) * vega[name] * rate
        if already + size > most:
            share = 0.0 if action == BLOCK else max(most - already, 0.0) / size
            exposure[name][c] = asked * share
            said = "scaled" if share else "blocked"
            log.append((name, c, entry.item(), asked, float(exposure[name][c]), already, said))
            size *= share
        held.append((last, code, size / rate))
    taken = {}
    for name, result in results.items():
        entered = namespace(result.accounts.entry_exposure).asarray(exposure[name])[None]
        taken[name] = replace(result, accounts=replace(result.accounts, entry_exposure=entered))
    return taken, log


def _saved(results: Mapping[str, BacktestResult]) -> pl.DataFrame:
    """Cost of hedges that nobody need trade, by date: of one underlying and expiry, as dear as the dearest of them."""
    frames = []
    for name, result in results.items():
        for cohort, positions in _positions(result):
            frames += _hedges(name, result, cohort, positions)
    if not frames:
        return pl.DataFrame(schema={"date": pl.Date, "saved": pl.Float64})
    trades = pl.concat(frames)
    alone = trades.group_by("date", "strategy", "cohort", "market", "leg", "expiry", maintain_order=True).agg(
        pl.col("notional").sum().abs() * pl.col("rate").first(), pl.col("rate").first()
    )
    together = trades.group_by("date", "market", "leg", "expiry", maintain_order=True).agg(
        pl.col("notional").sum().abs() * pl.col("rate").max()
    )
    costs = [frame.group_by("date", maintain_order=True).agg(pl.col("notional").sum()) for frame in (alone, together)]
    both = costs[0].join(costs[1], on="date", suffix="_together")
    return both.select("date", saved=pl.col("notional") - pl.col("notional_together"))


def _positions(result: BacktestResult):
    """Yield the positions of each instrument of a backtest, and the cohort of each."""
    book = result.book_until()
    vega = result.entry_exposure[0] * result.vega_per_cohort()
    name, units, strikes = (to_host(getattr(book.legs, field)) for field in ("name", "units", "strike"))
    for i, pair in enumerate(pairs(book.recipe.structure)):
        if pair[0].tenor is not None or pair[0].start is not None or pair[0].kind != pair[1].kind:
            raise InputError("hedges of calendars, and of legs of different kinds, are not netted; use netted=False")
        quantity = vega[:, None] * units * ratios(pair, units.shape[1] - 1, np)
        cohort, leg = np.nonzero(quantity)
        if len(cohort):
            yield (
                cohort,
                Positions(
                    leg=name[cohort, leg],
                    kind=np.full(len(cohort), int(pair[0].kind)),
                    expiry=book.cohorts.expiry[cohort],
                    strike=strikes[cohort, leg, i],
                    quantity=quantity[cohort, leg],
                    entry=book.cohorts.entry[cohort],
                    left=(book.cohorts.entry + result.held_until(0))[cohort],
                    dated=np.ones(len(cohort), dtype=bool),
                ),
            )


def _hedges(name: str, result: BacktestResult, cohort: np.ndarray, positions: Positions) -> list[pl.DataFrame]:
    """Signed notional of the hedges that each position trades on each date, a row each."""
    rate = 1e-4 * float(result.rates_of(0).hedge_bps)
    frames, market = [], result.book.recipe.marks.ending_halts(result.market)
    for part in np.array_split(np.arange(len(positions)), max(len(positions) // 2000, 1)):
        ours = positions[part]
        days = int(ours.cohorts(market).life.max())
        legs = PositionLegs(market, ours, days)
        (flow,) = legs.flows(legs.units, result.book.recipe.hedge)
        moved = to_host(flow.hedge - day_before(flow.hedge))
        forward = np.broadcast_to(to_host(legs.instruments[0].marks.forward), moved.shape)
        notional = np.where(moved != 0.0, moved * forward, 0.0).sum(axis=1)
        row, day = np.nonzero(notional)
        frames.append(
            pl.DataFrame(
                {
                    "date": result.dates[ours.entry[row] + day],
                    "cohort": cohort[part][row],
                    "leg": ours.leg[row],
                    "expiry": ours.expiry[row],
                    "notional": notional[row, day],
                }
            ).with_columns(
                strategy=pl.lit(name),
                market=pl.lit(f"{result.market.info.name} {id(result.market)}"),
                rate=pl.lit(rate),
            )
        )
    return frames
