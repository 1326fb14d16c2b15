"""The daily account of parameter sets: what a book's cohorts, scaled and charged, come to on each date."""

from dataclasses import dataclass

import numpy as np

from engine import kernels
from engine.backend import namespace, to_host
from engine.backtest.metrics import bartlett_lags, drawdown, hac_t, sharpe
from engine.kernels.codes import STATISTICS

RATES = ("index", "component", "hedge_bps", "delivery_bps")  # of what costs charge


@dataclass(frozen=True, eq=False)
class Accounts:
    """P parameter sets over one book.

    Parameters
    ----------
    book : TradeBook
    sessions : int
        T.
    taken : array (P, C)
        Exposure each cohort is entered with.
    exit_day : array (P, C), int, or None
        Holding day on which it is sold, its last where it ends by itself.
    index_vega : float or array (P, 1)
        Currency per vol point at full exposure.
    costs : VolPoints
        Its rates may be columns (P, 1).
    """

    book: object
    sessions: int
    taken: np.ndarray
    exit_day: np.ndarray | None
    index_vega: object
    costs: object

    def __post_init__(self):
        """Give every array a row for each parameter set: a strategy without parameters decides once for all."""
        xp = namespace(self.taken, self.book.explain)
        columns = [self.index_vega, *(getattr(self.costs, name) for name in RATES)]
        sets = max(len(self.taken), *(xp.size(column) for column in columns))
        for name in ("taken", "exit_day"):
            array = getattr(self, name)
            if array is not None and len(array) != sets:
                object.__setattr__(self, name, xp.broadcast_to(array, (sets, array.shape[1])))

    def daily(self) -> tuple:
        """Return gross P&L, cost of options, and cost of hedges and deliveries, each (P, T) currency, on the host."""
        xp = namespace(self.taken, self.book.explain)
        if kernels.usable(xp):
            rows = tuple(xp.empty((len(self.taken), self.sessions)) for _ in range(3))
            self._fused(rows)
        else:
            rows = self._by_day_of_life()
        return tuple(to_host(row) for row in rows)

    def statistics(self) -> dict[str, np.ndarray]:
        """Return the sums and metrics of the daily rows, each (P,), which a CPU need not keep for it."""
        xp = namespace(self.taken, self.book.explain)
        if kernels.usable(xp):
            # A device works on rows in its memory, a CPU on rows in its cache.
            rows = (None,) * 3 if xp is np else tuple(xp.empty((len(self.taken), self.sessions)) for _ in range(3))
            return dict(zip(STATISTICS, to_host(self._fused(rows)).T, strict=True))
        gross, option_cost, hedge_cost = self.daily()
        net = gross - (option_cost + hedge_cost)
        return {
            "pnl_gross": gross.sum(axis=1),
            "option_cost": option_cost.sum(axis=1),
            "hedge_cost": hedge_cost.sum(axis=1),
            "sharpe_gross": sharpe(gross),
            "sharpe_net": sharpe(net),
            "hac_t": hac_t(net, holding_days=self.book.days),
            "max_drawdown": drawdown(net).min(axis=1),
            "worst_day": net.min(axis=1),
        }

    def _by_day_of_life(self) -> tuple:
        """Add up the cohorts one day of their lives after the other: those never share a date."""
        book, costs, exit_day, xp = self.book, self.costs, self.exit_day, namespace(self.taken, self.book.explain)
        scale = self.taken * self.index_vega
        size = xp.abs(scale)
        entry, life, days = book.cohorts.entry, xp.asarray(book.cohorts.life), book.by_day
        pnl, option_cost, hedge_cost = (xp.zeros((len(self.taken), self.sessions)) for _ in range(3))
        for day in range(book.days + 1):
            held = int((entry + day < self.sessions).sum())  # entries ascend: the first `held` cohorts
            date = xp.asarray(entry[:held] + day)
            today = {name: array[:held, day] for name, array in days.items()}
            hedge, delivered = today["hedge_traded"], today["delivered"]
            option = costs.index * today["index_traded"] + costs.component * today["component_traded"]
            lives = 1.0
            if exit_day is not None:
                left = exit_day[:, :held]
                lives, sold = left >= day, (left == day) & (day < life[:held])
                option = option + sold * (costs.index * today["index_held"] + costs.component * today["component_held"])
                hedge = xp.where(sold, today["hedge_held"], hedge)
                delivered = xp.where(sold, 0.0, delivered)
            pnl[:, date] += scale[:, :held] * (lives * today["gross"])
            option_cost[:, date] += size[:, :held] * (lives * option)
            traded = costs.hedge_bps * hedge + costs.delivery_bps * delivered
            hedge_cost[:, date] += 1e-4 * size[:, :held] * (lives * traded)
        return pnl, option_cost, hedge_cost

    def _fused(self, rows):
        """Fill the rows and return the statistics, (P, len(STATISTICS))."""
        book, xp = self.book, namespace(self.taken, self.book.explain)
        sets = len(self.taken)
        out = xp.empty((sets, len(STATISTICS)))
        rates = (self.index_vega, *(getattr(self.costs, name) for name in RATES))
        arguments = (
            *(len(book.cohorts), book.days, self.sessions),
            *(xp.asarray(book.cohorts.entry), xp.asarray(book.cohorts.life)),
            *book.by_day.values(),
            xp.ascontiguousarray(self.taken, dtype=xp.float64),
            None if self.exit_day is None else xp.ascontiguousarray(self.exit_day, dtype=xp.int64),
            *(kernels.column(xp, rate, sets) for rate in rates),
            bartlett_lags(self.sessions, book.days),
            *(*rows, out),
        )
        kernels.launch(xp, "sweep", "accounts", sets, arguments, threads=32)
        return out
