"""Several strategies, structures or markets in one book: P&L, costs and greeks added up, hedges netted, one limit."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from engine.backend import namespace, to_host
from engine.backtest.cohorts.costs import VolPoints
from engine.backtest.legs.hedging import DailyDelta
from engine.backtest.metrics import drawdown, hac_t, share, sharpe
from engine.backtest.outcome.currencies import Rates, read_rates
from engine.backtest.outcome.result import BacktestResult
from engine.backtest.outcome.shared_hedges import saved as saved_by_netting
from engine.backtest.outcome.wording import summary_lines
from engine.errors import InputError
from engine.kernels.codes import PARTS
from engine.kinds import is_kind

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

    def __repr__(self) -> str:
        """The summary as one aligned table, and what the limit did."""
        head = f"{' and '.join(self.results)} in one book, {self.daily['date'][0]} to {self.daily['date'][-1]}"
        did = [f"Limit: {self.limits.height:,} cohorts were scaled or blocked; limits has each"]
        return "\n".join([head, *summary_lines(self.summary(), self.rates.currency), *did[: self.limits.height]])

    def summary(self) -> dict[str, float]:
        """Return metrics of the book, named as those of `BacktestResult.summary`, and `fx`, which none has in it."""
        gross, cost, net = (self.daily[name].to_numpy()[None] for name in ("pnl_gross", "cost", "pnl_net"))
        hurdle = np.zeros(1)
        for result in self.results.values():
            rate = self.rates.at(_currency(result), result.dates[0].item())
            hurdle += rate * to_host(result.accounts.hurdle).reshape(-1)
        days = max(result.book.days for result in self.results.values())
        years = (self.daily["date"][-1] - self.daily["date"][0]).days / 365.25
        fall = drawdown(net).min(axis=1)
        found = {
            "pnl_gross": gross.sum(axis=1),
            "cost": cost.sum(axis=1),
            "pnl_net": net.sum(axis=1),
            "fx": np.array([self.daily["fx"].sum()]),
            "breakeven_multiple": share(gross.sum(axis=1), cost.sum(axis=1)),
            "sharpe_gross": sharpe(gross, hurdle),
            "sharpe_net": sharpe(net, hurdle),
            "hac_t": hac_t(net, holding_days=days),
            "return_net_annual": share(net.sum(axis=1) / self.capital, years),
            "max_drawdown": fall,
            "max_drawdown_share": fall / self.capital,
            "worst_day": net.min(axis=1),
            "capital": np.array([self.capital]),
        }
        return {name: float(value[0]) for name, value in found.items()}

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
        When there is nothing to combine, the limit is no amount, a rate is missing or odd (`read_rates`), or hedges are
        of a kind that is not netted.

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
    _check(results, netted, action, most_index_vega)
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
    saved = saved_by_netting(results) if netted else pl.DataFrame(schema={"date": pl.Date, "saved": pl.Float64})
    daily = daily.join(saved, on="date", how="left", maintain_order="left").with_columns(pl.col("saved").fill_null(0.0))
    return daily.with_columns(cost=pl.col("cost") - pl.col("saved"), pnl_net=pl.col("pnl_net") + pl.col("saved"))


def _check(results: Mapping[str, BacktestResult], netted: bool, action: str, most: float | None) -> None:
    named = isinstance(results, Mapping) and all(
        isinstance(name, str) and isinstance(result, BacktestResult) for name, result in results.items()
    )
    if not (results and named):
        raise InputError("a book needs a backtest at least; give them by name, a text")
    if not isinstance(netted, bool):
        raise InputError(f"netted={netted!r} is neither True nor False")
    if action not in (SCALE, BLOCK):
        raise InputError(f"action={action} is unknown; choose {SCALE} or {BLOCK}")
    if most is not None and not (is_kind(most, float) and most >= 0.0):
        raise InputError(f"most_index_vega={most} is no amount of currency per vol point; use 0 or more")
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
