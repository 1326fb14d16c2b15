"""The summary of a backtest: every metric it reports, for all parameter sets at once."""

from typing import TYPE_CHECKING

import numpy as np

from engine.backend import to_host
from engine.backtest.legs import MAGNITUDES
from engine.backtest.metrics import share
from engine.backtest.structure import LegStatus

if TYPE_CHECKING:
    from engine.backtest.result import BacktestResult

# Capital is a convention, not a margin model: this many vol points of loss on all index vega ever held at once.
CAPITAL_VOL_POINTS = 100


def summarise(result: "BacktestResult") -> dict[str, np.ndarray]:
    """Compute the metrics of every parameter set of a result.

    Returns
    -------
    dict of name -> array (P,)
        Money in the market's currency, ratios as decimals, vol points where named. `breakeven_cost` is the one-way
        option cost, in vol points per unit index vega traded, at which the net P&L is zero; `option_cost_per_vega`
        beside it is what was charged. `unexplained_share` is sum |unexplained| / (sum |gamma| + sum |theta|) over legs
        and days; `stale_share` and `extrapolated_share` are the shares of sum |P&L| over legs and days whose mark had
        no quote of its own that day, or lay beyond the surface.
    """
    book = result.book
    cohorts = result.book.cohorts
    # Contiguous rows: their sums do not depend on how many there are.
    exposure = np.ascontiguousarray(np.abs(result.entry_exposure))
    entered = exposure > 0.0
    total = exposure.sum(axis=1)
    traded = total * result.vegas
    capital = CAPITAL_VOL_POINTS * book.most_held * result.vegas
    days = result.accounts.statistics()
    gross, option_cost, hedge_cost, fall = (days[n] for n in ("pnl_gross", "option_cost", "hedge_cost", "max_drawdown"))
    cost = option_cost + hedge_cost
    net = gross - cost
    part = dict(zip(MAGNITUDES, _weighted(exposure, _magnitudes(result)), strict=True))
    coverage = (exposure * to_host(book.coverage)).sum(axis=1)
    ended_early = _ended_early(result)
    sold = np.zeros(exposure.shape, dtype=bool) if result.exit_day is None else result.exit_day < cohorts.life
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
        **{name: days[name] for name in ("sharpe_gross", "sharpe_net", "hac_t")},
        "return_net_annual": share(net / capital, years),
        "max_drawdown": fall,
        "max_drawdown_share": fall / capital,
        "worst_day": days["worst_day"],
        "cohorts": entered.sum(axis=1),
        "cohorts_open": (entered & ~sold & (cohorts.outcome == LegStatus.OPEN)).sum(axis=1),
        "cohorts_lost": (entered & ~sold & (cohorts.outcome == LegStatus.LOST)).sum(axis=1),
        "cohorts_exited": (entered & sold).sum(axis=1),
        "cohorts_skipped": np.full(len(exposure), (~to_host(book.entered)).sum()),
        "legs_settled_early": (entered * ended_early[LegStatus.SETTLED]).sum(axis=1),
        "legs_closed_early": (entered * ended_early[LegStatus.CLOSED]).sum(axis=1),
        "coverage": share(coverage, total),
        "unexplained_share": share(part["unexplained"], part["gamma"] + part["theta"]),
        "stale_share": share(part["stale"], part["pnl"]),
        "extrapolated_share": share(part["extrapolated"], part["pnl"]),
        "index_vega": np.array(result.vegas),
        "capital": capital,
    }


def _magnitudes(result):
    """Sum magnitudes over the days each cohort is held, (C, K), or (P, C, K) where some are sold early."""
    daily = to_host(result.book.magnitude)
    if result.exit_day is None:
        return daily.sum(axis=1)
    return np.take_along_axis(daily.cumsum(axis=1)[None], result.exit_day[:, :, None, None], axis=2)[:, :, 0]


def _ended_early(result) -> dict:
    """Count legs of each cohort that met an event of their own while they were held, (C,) or (P, C) by status."""
    legs = result.book.legs
    status, end, held = (to_host(a) for a in (legs.status, legs.end, legs.units != 0.0))
    counts = {}
    for kind in (LegStatus.SETTLED, LegStatus.CLOSED):
        met = held & (status == kind)
        if result.exit_day is None:
            counts[kind] = met.sum(axis=1)
            continue
        by_day = (met[:, :, None] & (end[:, :, None] <= np.arange(result.book.days + 1))).sum(axis=1)
        counts[kind] = np.take_along_axis(by_day[None], result.exit_day[:, :, None], axis=2)[:, :, 0]
    return counts


def _weighted(exposure, values):
    """Sum of exposure times values over cohorts, (K, P); values (C, K) or (P, C, K).

    Not a matrix product, whose last bits depend on P.
    """
    return np.stack([(exposure * values[..., k]).sum(axis=1) for k in range(values.shape[-1])])
