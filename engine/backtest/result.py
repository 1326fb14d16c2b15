"""BacktestResult: arrays of the run, with daily, ledger and summary views as polars frames and plain numbers."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from engine.backend import to_host
from engine.backtest.attribution import PARTS
from engine.backtest.book import COMPONENT, INDEX, TradeBook
from engine.backtest.marks import LegStatus
from engine.backtest.metrics import drawdown, share, sharpe
from engine.statistics import hac_tstat

# Capital is a convention, not a margin model: this many vol points of loss on the index vega would consume it.
CAPITAL_VOL_POINTS = 100


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """P parameter sets over T dates and C cohorts, on the host.

    Parameters
    ----------
    view : MarketView; structure : Straddle; book : TradeBook; costs : VolPoints
        What was traded, on which market.
    taken : array (P, C)
        Exposure each cohort was entered with, after the lag.
    index_vega : float or array (P, 1)
    pnl_gross, option_cost, hedge_cost : array (P, T)
        Currency; costs are >= 0. Hedge cost includes deliveries.
    """

    view: object
    structure: object
    book: TradeBook
    costs: object
    taken: np.ndarray
    index_vega: float
    pnl_gross: np.ndarray
    option_cost: np.ndarray
    hedge_cost: np.ndarray

    @property
    def market(self):
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

    def vega_per_cohort(self, p: int = 0) -> float:
        """Index vega of a cohort at full exposure, in currency per vol point."""
        return float(np.broadcast_to(np.asarray(to_host(self.index_vega)).reshape(-1), (len(self.taken),))[p])

    def capital(self, p: int = 0) -> float:
        """Fixed capital that returns are quoted on, in currency."""
        return CAPITAL_VOL_POINTS * self.vega_per_cohort(p)

    def capital_convention(self, p: int = 0) -> str:
        """Say what returns are measured on."""
        return (
            f"fixed capital of {self.capital(p):,.0f} {self.market.info.currency} = {CAPITAL_VOL_POINTS} vol points x "
            f"index vega of {self.vega_per_cohort(p):,.0f} per cohort; not compounded, earns no interest"
        )

    @property
    def dates(self) -> np.ndarray:
        """Sessions, (T,) datetime64[D]."""
        return self.market.dates

    def explain(self, p: int = 0, leg_class: int | None = None) -> np.ndarray:
        """P&L by source, (T, len(PARTS)) currency; of one leg class (INDEX, COMPONENT) if asked."""
        by_class = to_host(self.book.explain)
        parts = by_class.sum(axis=2) if leg_class is None else by_class[:, :, leg_class]
        out = np.zeros((len(self.dates), len(PARTS)))
        scale = self.taken[p] * self.vega_per_cohort(p)
        for day in range(self.book.days + 1):
            date = self.book.cohorts.entry + day
            held = date < len(out)
            out[date[held]] += scale[held, None] * parts[held, day]
        return out

    def exposure(self, p: int = 0) -> np.ndarray:
        """Exposure carried out of each close, (T,): the sum over cohorts then open, 1 = one cohort at full size."""
        change = np.zeros(len(self.dates) + 1)
        np.add.at(change, self.book.cohorts.entry, self.taken[p])
        np.add.at(change, np.where(self.book.cohorts.settled, self.book.cohorts.last, len(self.dates)), -self.taken[p])
        return np.cumsum(change[:-1])

    def daily(self, p: int = 0) -> pl.DataFrame:
        """One row per session: exposure, gross, cost, net and the explain, whose columns sum to the gross P&L."""
        explain = self.explain(p)
        return pl.DataFrame(
            {
                "date": self.dates,
                "exposure": self.exposure(p),
                "pnl_gross": self.pnl_gross[p],
                "cost": self.cost[p],
                "pnl_net": self.pnl_net[p],
                **{part: explain[:, i] for i, part in enumerate(PARTS)},
            }
        )

    def ledger(self, p: int = 0) -> pl.DataFrame:
        """One row per trade and leg, cohorts with an exposure only; the rows sum to the daily P&L and costs.

        Quantities are in shares as at entry; `contracts_exit` and `strike_exit` are after splits in between.
        """
        legs = {name: to_host(array) for name, array in vars(self.book.legs).items()}
        scale = (self.taken[p] * self.vega_per_cohort(p))[:, None]
        row = np.nonzero((legs["units"] != 0.0) & (scale != 0.0))
        cohort, leg = row
        leg_class = np.where(leg == 0, INDEX, COMPONENT)
        size = np.broadcast_to(scale, legs["units"].shape)[row]
        picked = {name: array[row] for name, array in legs.items()}
        entry, exit_ = self.book.cohorts.entry[cohort], self.book.cohorts.entry[cohort] + picked["end"]
        rates = {
            name: np.broadcast_to(np.asarray(to_host(getattr(self.costs, name))).reshape(-1), (len(self.taken),))[p]
            for name in ("index", "component", "hedge_bps", "delivery_bps")
        }
        half_spread = np.where(leg_class == INDEX, rates["index"], rates["component"])
        hedging = rates["hedge_bps"] * picked["hedge_notional"] + rates["delivery_bps"] * picked["delivery_notional"]
        cost = np.abs(size) * (half_spread * np.abs(picked["units"]) * picked["vega"] + 1e-4 * hedging)
        gross = size * (picked["pnl_option"] + picked["pnl_hedge"] + picked["financing"])
        names = np.append(np.asarray(self.market.names, dtype=object), self.market.info.index)
        units = size * picked["units"]
        return pl.DataFrame(
            {
                "cohort": cohort,
                "entry_date": self.dates[entry],
                "expiry": self.book.cohorts.expiry[cohort],
                "leg": names[picked["name"]].astype(str),
                "leg_class": np.where(leg_class == INDEX, "index", "component"),
                "status": np.array([s.name.lower() for s in LegStatus])[picked["status"]],
                "exit_date": self.dates[exit_],
                "straddles": units,
                "strike": picked["strike"],
                "strike_factor": picked["shares"],
                "entry_iv": picked["iv"].astype(np.float64),
                "entry_vega": units * picked["vega"],
                "premium": units * picked["value"],
                "exit_value": units * picked["exit_value"],
                "pnl_option": size * picked["pnl_option"],
                "pnl_hedge": size * picked["pnl_hedge"],
                "financing": size * picked["financing"],
                "pnl_gross": gross,
                "cost": cost,
                "pnl_net": gross - cost,
            }
        )

    def summary(self, p: int = 0) -> dict:
        """One flat dictionary of metrics: money in the market's currency, ratios as decimals, vol points where named.

        `breakeven_cost` is the one-way option cost, in vol points per unit index vega traded, at which the net P&L is
        zero; `option_cost_per_vega` beside it is what was charged. `unexplained_share` is sum |unexplained| /
        (sum |gamma| + sum |theta|) over the days of every cohort's index and component legs; `stale_share` and
        `extrapolated_share` are the shares of sum |P&L| over legs and days whose mark had no quote of its own that
        day, or lay beyond the surface.
        """
        taken, book = np.abs(self.taken[p]), self.book
        traded = float(taken.sum() * self.vega_per_cohort(p))
        gross, cost, net = (float(a[p].sum()) for a in (self.pnl_gross, self.cost, self.pnl_net))
        hedge_cost = float(self.hedge_cost[p].sum())
        by_part = taken @ np.abs(to_host(book.explain)).sum(axis=(1, 2))
        part = dict(zip(PARTS, by_part, strict=True))
        absolute = float(taken @ to_host(book.absolute_pnl).sum(axis=1))
        status = to_host(book.legs.status)
        alive = (to_host(book.legs.units) != 0.0) & (taken > 0.0)[:, None]
        fall = float(drawdown(self.pnl_net[p]).min())
        years = (self.dates[-1] - self.dates[0]).astype(int) / 365.25
        return {
            "pnl_gross": gross,
            "cost": cost,
            "pnl_net": net,
            "breakeven_cost": share(gross - hedge_cost, traded),
            "option_cost_per_vega": share(float(self.option_cost[p].sum()), traded),
            "hedge_cost_per_vega": share(hedge_cost, traded),
            "pnl_gross_per_vega": share(gross, traded),
            "pnl_net_per_vega": share(net, traded),
            "sharpe_gross": float(sharpe(self.pnl_gross[p])),
            "sharpe_net": float(sharpe(self.pnl_net[p])),
            "hac_t": hac_tstat(self.pnl_net[p], holding_days=book.days),
            "return_net_annual": share(net / self.capital(p), years),
            "max_drawdown": fall,
            "max_drawdown_share": fall / self.capital(p),
            "worst_day": float(self.pnl_net[p].min()),
            "cohorts": int((taken > 0.0).sum()),
            "cohorts_open": int(((taken > 0.0) & ~book.cohorts.settled).sum()),
            "cohorts_skipped": int((~to_host(book.entered)).sum()),
            "legs_settled_early": int((alive & (status == LegStatus.SETTLED)).sum()),
            "legs_closed_early": int((alive & (status == LegStatus.CLOSED)).sum()),
            "coverage": share(float(taken @ to_host(book.coverage)), float(taken.sum())),
            "unexplained_share": share(part["unexplained"], part["gamma"] + part["theta"]),
            "stale_share": share(float(taken @ to_host(book.stale_pnl).sum(axis=1)), absolute),
            "extrapolated_share": share(float(taken @ to_host(book.extrapolated_pnl).sum(axis=1)), absolute),
            "index_vega": self.vega_per_cohort(p),
            "capital": self.capital(p),
        }

    def __repr__(self) -> str:
        """The summary of the first parameter set as one aligned table."""
        lines = (f"{name:<22}{value:>18,.4f}" for name, value in self.summary().items())
        return "\n".join([f"BacktestResult of {len(self.taken)} parameter set(s) on {self.market.info.name}", *lines])
