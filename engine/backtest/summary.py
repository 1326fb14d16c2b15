"""The summary of a backtest: every metric it reports, for all parameter sets at once."""

import numpy as np

from engine.backend import to_host
from engine.backtest.attribution import PARTS
from engine.backtest.marks import LegStatus
from engine.backtest.metrics import drawdown, hac_t, share, sharpe

# Capital is a convention, not a margin model: this many vol points of loss on the index vega would consume it.
CAPITAL_VOL_POINTS = 100


def summarise(result) -> dict[str, np.ndarray]:
    """Compute the metrics of every parameter set of a result.

    Returns
    -------
    dict of name -> array (P,)
        Money in the market's currency, ratios as decimals, vol points where named. `breakeven_cost` is the one-way
        option cost, in vol points per unit index vega traded, at which the net P&L is zero; `option_cost_per_vega`
        beside it is what was charged. `unexplained_share` is sum |unexplained| / (sum |gamma| + sum |theta|) over the
        days of every cohort's index and component legs; `stale_share` and `extrapolated_share` are the shares of
        sum |P&L| over legs and days whose mark had no quote of its own that day, or lay beyond the surface.
    """
    book, cohorts = result.book, result.book.cohorts
    size = np.abs(result.taken)
    entered, total = size > 0.0, size.sum(axis=1)
    traded = total * result.vegas
    capital = CAPITAL_VOL_POINTS * result.vegas
    gross, cost, net = (a.sum(axis=1) for a in (result.pnl_gross, result.cost, result.pnl_net))
    option_cost, hedge_cost = result.option_cost.sum(axis=1), result.hedge_cost.sum(axis=1)
    columns = {name: np.abs(to_host(book.explain)).sum(axis=(1, 2))[:, k] for k, name in enumerate(PARTS)}
    columns |= {n: to_host(getattr(book, n)).sum(axis=1) for n in ("absolute_pnl", "stale_pnl", "extrapolated_pnl")}
    columns["coverage"] = to_host(book.coverage)
    part = dict(zip(columns, _weighted(size, np.stack(list(columns.values()), axis=1)), strict=True))
    status, held = to_host(book.legs.status), to_host(book.legs.units) != 0.0
    legs = {s: (held & (status == s)).sum(axis=1) for s in (LegStatus.SETTLED, LegStatus.CLOSED)}
    fall = drawdown(result.pnl_net).min(axis=1)
    years = (result.dates[-1] - result.dates[0]).astype(int) / 365.25
    return {
        "pnl_gross": gross,
        "cost": cost,
        "pnl_net": net,
        "breakeven_cost": share(gross - hedge_cost, traded),
        "option_cost_per_vega": share(option_cost, traded),
        "hedge_cost_per_vega": share(hedge_cost, traded),
        "pnl_gross_per_vega": share(gross, traded),
        "pnl_net_per_vega": share(net, traded),
        "sharpe_gross": sharpe(result.pnl_gross),
        "sharpe_net": sharpe(result.pnl_net),
        "hac_t": hac_t(result.pnl_net, holding_days=book.days),
        "return_net_annual": share(net / capital, years),
        "max_drawdown": fall,
        "max_drawdown_share": fall / capital,
        "worst_day": result.pnl_net.min(axis=1),
        "cohorts": entered.sum(axis=1),
        "cohorts_open": (entered & ~cohorts.settled).sum(axis=1),
        "cohorts_skipped": np.full(len(size), (~to_host(book.entered)).sum()),
        "legs_settled_early": (entered * legs[LegStatus.SETTLED]).sum(axis=1),
        "legs_closed_early": (entered * legs[LegStatus.CLOSED]).sum(axis=1),
        "coverage": share(part["coverage"], total),
        "unexplained_share": share(part["unexplained"], part["gamma"] + part["theta"]),
        "stale_share": share(part["stale_pnl"], part["absolute_pnl"]),
        "extrapolated_share": share(part["extrapolated_pnl"], part["absolute_pnl"]),
        "index_vega": np.array(result.vegas),
        "capital": capital,
    }


def _weighted(size, values):
    """Sum of size times values over cohorts, (K, P).

    Not a matrix product, whose last bits depend on P: with K > 1 rows are added one cohort after the other.
    """
    return np.moveaxis((size[:, :, None] * values).sum(axis=1), 1, 0)
