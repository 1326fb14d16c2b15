"""The daily account of parameter sets: P&L and costs of each date, from the book and each cohort's exposure."""

import functools
from dataclasses import dataclass, replace

import numpy as np

from engine import kernels
from engine.arrays import Floats, PerCohort
from engine.backend import count, namespace, to_host
from engine.backtest.batch import batch_fields
from engine.backtest.cohorts.book import TradeBook
from engine.backtest.cohorts.costs import Costs, DeskCosts
from engine.backtest.cohorts.costs import hedge_cost as hedging
from engine.backtest.cohorts.costs import option_cost as charged
from engine.backtest.legs.marks import keep_last
from engine.backtest.metrics import SESSIONS_PER_YEAR, drawdown, hac_t, sharpe
from engine.kernels.codes import STATISTICS
from engine.statistics import hac_lags

# Capital is a convention, not a margin model: this many vol points of loss on all index vega ever held at once.
CAPITAL_VOL_POINTS = 100
RATES = ("index", "component", "hedge_bps", "delivery_bps")  # the rates of `Costs`


@dataclass(frozen=True, eq=False)
class Accounts:
    """P parameter sets over one book.

    Parameters
    ----------
    book : TradeBook
    sessions : int
        T.
    entry_exposure : array (P, C)
        Exposure each cohort is entered with: what the strategy asked for `lag` sessions before.
    exit_day : array (P, C), int, or None
        Holding day on which it is sold, its last where it ends by itself.
    index_vega : float or array (P, 1)
        Currency per vol point at full exposure.
    costs : Costs
        Its rates may be columns (P, 1).
    risk_free : float
        Rate a year, annualised decimals, that Sharpe ratios are measured against.
    stress_vol : array (T,) or None
        Volatility of the index that half-spreads widen by, where the costs have them do so.
    """

    book: TradeBook
    sessions: int
    entry_exposure: PerCohort
    exit_day: np.ndarray | None
    index_vega: Floats | float
    costs: Costs
    risk_free: float = 0.0
    stress_vol: Floats | None = None

    def __post_init__(self):
        """Repeat what is the same for all parameter sets, so that every array has one row for each of them."""
        xp = namespace(self.entry_exposure, self.book.explain)
        columns = [self.index_vega, *(getattr(self.costs, name) for name in (*RATES, *batch_fields(self.costs)))]
        sets = max(len(self.entry_exposure), *(count(column) for column in columns))
        for name in ("entry_exposure", "exit_day"):
            array = getattr(self, name)
            if array is not None and len(array) != sets:
                object.__setattr__(self, name, xp.broadcast_to(array, (sets, array.shape[1])))

    @functools.cached_property
    def most_exposure(self) -> Floats:
        """Largest sum of |entry exposure| over the cohorts held at once, a column (P, 1), counted to their own ends.

        It is at least what every cohort at its share of a full exposure would come to, so that a strategy that trades
        seldom is not measured on less capital; only an exposure above 1 makes it larger.
        """
        xp = namespace(self.entry_exposure, self.book.explain)
        exposure, cohorts, most = self.entry_exposure, self.book.cohorts, self.book.share
        full = xp.full((len(exposure), 1), self.book.share * self.book.most_held)
        if not exposure.size or (float(exposure.max()) <= most and float(exposure.min()) >= -most):
            return full
        size, held = xp.abs(exposure), xp.zeros(exposure.shape)
        for back in range(len(cohorts)):
            still = cohorts.last[: len(cohorts) - back] > cohorts.entry[back:]  # as `most_held` counts
            if still.any():
                held[:, back:] += xp.where(xp.asarray(still), size[:, : len(cohorts) - back], 0.0)
        return xp.maximum(full, held.max(axis=1, keepdims=True))

    @property
    def capital(self) -> Floats:
        """Fixed capital that returns are quoted on, in currency, a column (P, 1)."""
        return CAPITAL_VOL_POINTS * self.most_exposure * self.index_vega

    @property
    def hurdle(self) -> Floats:
        """P&L of a session that the capital would have earned at the risk-free rate; as `capital`."""
        return self.capital * (self.risk_free / SESSIONS_PER_YEAR)

    def daily(self) -> tuple:
        """Return gross P&L, cost of options, and cost of hedges and deliveries, each (P, T) currency, on the host."""
        xp = namespace(self.entry_exposure, self.book.explain)
        if self.book.hedges is not None:
            gross, option_cost, delivery_cost = self._without_hedge_cost().daily()
            return gross, option_cost, delivery_cost + to_host(self._netted_cost())
        if self._is_fused(xp):
            rows = self._empty_rows()
            self._fused(rows)
        else:
            rows = self._by_day_of_life()
        return tuple(to_host(row) for row in rows)

    def statistics(self) -> dict[str, np.ndarray]:
        """Return the sums and metrics of the daily rows by name, each (P,).

        By kernel on a CPU the rows are never all in memory: each is reduced as soon as it is made.
        """
        xp = namespace(self.entry_exposure, self.book.explain)
        if self._is_fused(xp) and self.book.hedges is None:
            # A CPU keeps the rows of the set it works on in its cache; a device has no room for them but its memory.
            rows = (None,) * 3 if xp is np else self._empty_rows()
            return dict(zip(STATISTICS, to_host(self._fused(rows)).T, strict=True))
        gross, option_cost, hedge_cost = self.daily()
        net = gross - (option_cost + hedge_cost)
        hurdle = to_host(xp.asarray(self.hurdle)).reshape(-1)
        return {
            "pnl_gross": gross.sum(axis=1),
            "option_cost": option_cost.sum(axis=1),
            "hedge_cost": hedge_cost.sum(axis=1),
            "sharpe_gross": sharpe(gross, hurdle),
            "sharpe_net": sharpe(net, hurdle),
            "hac_t": hac_t(net, holding_days=self.book.days),
            "max_drawdown": drawdown(net).min(axis=1),
            "worst_day": net.min(axis=1),
        }

    def _is_fused(self, xp) -> bool:
        """Tell whether a kernel knows all that is charged: vol points and basis points, no spreads of contracts."""
        return kernels.usable(xp) and self.book.listed is None and not isinstance(self.costs, DeskCosts)

    def netted(self, p: int) -> tuple[Floats, Floats]:
        """Return what a set trades of hedges, netted and each cohort by itself, as `HedgeTrades.summed`."""
        hedges, xp = self.book.hedges, namespace(self.book.explain)
        if hedges is None:
            raise ValueError("hedges of this book are not netted")
        vega = xp.broadcast_to(xp.asarray(self.index_vega).reshape(-1), len(self.entry_exposure))[p]
        exit_day = None if self.exit_day is None else self.exit_day[p]
        return hedges.summed(self.book.cohorts, self.sessions, vega * self.entry_exposure[p], exit_day)

    def left_to_trade(self, p: int) -> np.ndarray:
        """Return the share that netting leaves of what a set trades, on the host, as `HedgeTrades.summed`."""
        net, alone = map(to_host, self.netted(p))
        return np.divide(np.abs(net), alone, out=np.ones_like(net), where=alone > 0.0)

    def _netted_cost(self) -> Floats:
        """Cost of hedges traded together, (P, T)."""
        found = [abs(self.netted(p)[0]) for p in range(len(self.entry_exposure))]
        xp = namespace(self.book.explain)
        everything, of_index = (xp.stack(rows) for rows in ([n.sum(axis=1) for n in found], [n[:, 0] for n in found]))
        return hedging(self.costs, everything, xp.zeros(everything.shape), of_index)

    def _without_hedge_cost(self) -> "Accounts":
        """Return the same accounts, hedges traded for nothing."""
        none = namespace(self.book.explain).zeros_like(self.book.hedge_traded)
        return replace(self, book=replace(self.book, hedges=None, hedge_traded=none, hedge_held=none))

    @functools.cached_property
    def widened(self) -> Floats:
        """Factor of half-spreads on each date, (1, T) or (P, T)."""
        xp = namespace(self.entry_exposure, self.book.explain)
        if not isinstance(self.costs, DeskCosts) or self.stress_vol is None:
            return xp.ones((1, self.sessions))
        return self.costs.widened(keep_last(self.stress_vol.astype(xp.float64))[None])

    def _empty_rows(self) -> tuple:
        xp = namespace(self.entry_exposure, self.book.explain)
        return tuple(xp.empty((len(self.entry_exposure), self.sessions)) for _ in range(3))

    def _by_day_of_life(self) -> tuple:
        """Add up the cohorts by the day of their lives: no two of them are on the same day of it on one date."""
        xp = namespace(self.entry_exposure, self.book.explain)
        entry = self.book.cohorts.entry
        life = xp.asarray(self.book.cohorts.life)
        vega = self.entry_exposure * self.index_vega  # of each cohort, positive where it is short the index
        pnl, option_cost, hedge_cost = (xp.zeros((len(vega), self.sessions)) for _ in range(3))
        for day in range(self.book.days + 1):
            held = int((entry + day < self.sessions).sum())  # entries ascend: the first `held` cohorts
            date = xp.asarray(entry[:held] + day)
            today = {name: array[:held, day] for name, array in self.book.by_day.items()}
            exit_day = None if self.exit_day is None else self.exit_day[:, :held]
            earned, option, traded = self._unit(today, day, exit_day, life[:held], self._widened_on(date))
            pnl[:, date] += vega[:, :held] * earned
            option_cost[:, date] += xp.abs(vega[:, :held]) * option
            hedge_cost[:, date] += xp.abs(vega[:, :held]) * traded
        return pnl, option_cost, hedge_cost

    def net_of(self, c: int) -> Floats:
        """Return what one cohort nets on each holding day, (P, H + 1) currency; 0 after its end."""
        xp = namespace(self.entry_exposure, self.book.explain)
        day = xp.arange(self.book.days + 1)
        date = xp.minimum(int(self.book.cohorts.entry[c]) + day, self.sessions - 1)
        life = {name: array[c] for name, array in self.book.by_day.items()}
        exit_day = None if self.exit_day is None else self.exit_day[:, c : c + 1]
        parts = self._unit(life, day, exit_day, int(self.book.cohorts.life[c]), self._widened_on(date))
        vega = self.entry_exposure[:, c : c + 1] * self.index_vega
        return vega * parts[0] - xp.abs(vega) * (parts[1] + parts[2])

    def _widened_on(self, date):
        return self.widened[:, date] if isinstance(self.costs, DeskCosts) else 1.0

    def _unit(self, amounts: dict, day, exit_day, life, widened) -> tuple:
        """P&L, cost of options and hedges per unit of index vega: of cohorts on a day of theirs, or of one on all."""
        xp = namespace(self.entry_exposure, self.book.explain)
        hedge, delivered = amounts["hedge_traded"], amounts["delivered"]
        index_hedge = amounts.get("index_hedge_traded", 0.0)
        option = charged(self.costs, amounts, "traded", widened)
        lives = 1.0
        if exit_day is not None:
            lives = exit_day >= day
            sold = (exit_day == day) & (day < life)
            option = option + sold * charged(self.costs, amounts, "held", widened)
            hedge = xp.where(sold, amounts["hedge_held"], hedge)
            index_hedge = xp.where(sold, amounts.get("index_hedge_held", 0.0), index_hedge)
            delivered = xp.where(sold, 0.0, delivered)
        traded = hedging(self.costs, hedge, delivered, index_hedge, amounts.get("short_stock", 0.0))
        return lives * amounts["gross"], lives * option, lives * traded

    def _fused(self, rows):
        """Fill the rows and return the statistics, (P, len(STATISTICS))."""
        book = self.book
        xp = namespace(self.entry_exposure, self.book.explain)
        sets = len(self.entry_exposure)
        out = xp.empty((sets, len(STATISTICS)))
        rates = (self.index_vega, *(getattr(self.costs, name) for name in RATES))
        arguments = (
            *(len(book.cohorts), book.days, self.sessions),
            *(xp.asarray(book.cohorts.entry), xp.asarray(book.cohorts.life)),
            *book.by_day.values(),
            xp.ascontiguousarray(self.entry_exposure, dtype=xp.float64),
            None if self.exit_day is None else xp.ascontiguousarray(self.exit_day, dtype=xp.int64),
            *(kernels.column(xp, rate, sets) for rate in (*rates, self.hurdle)),
            hac_lags(self.sessions, book.days),
            *(*rows, out),
        )
        kernels.launch(xp, "sweep", "accounts", sets, arguments, threads=32)
        return out
