"""The summary of a backtest: every metric it reports, for all parameter sets at once."""

from typing import TYPE_CHECKING

import numpy as np

from engine.backend import to_host
from engine.backtest.cohorts.accounts import CAPITAL_VOL_POINTS
from engine.backtest.cohorts.costs import option_cost
from engine.backtest.contracts.structure import LegStatus
from engine.backtest.metrics import share
from engine.backtest.outcome.unfilled import missing_share
from engine.kernels.codes import MAGNITUDES

if TYPE_CHECKING:
    from engine.backtest.outcome.result import BacktestResult


def summarise(result: "BacktestResult") -> dict[str, np.ndarray]:
    """Compute the metrics of every parameter set of a result.

    Returns
    -------
    dict of name -> array (P,)
        Money in the market's currency, ratios as decimals, vol points where named. `breakeven_cost` is the one-way
        option cost, in vol points per unit index vega traded, at which the net P&L is zero; `option_cost_per_vega`
        beside it is what was charged; `breakeven_multiple` is how many times the costs charged the net P&L is zero at.
        `turnover` is the index vega traded a year, entered and sold early, over the most that capital is counted for.
        `unexplained_share` is sum |unexplained| / (sum |gamma| + sum |theta|) over legs and days; `stale_share` is the
        share of sum |P&L| over legs and days whose mark had no quote of its own that day, `beyond_tenors_share` of
        those whose time left the surface did not reach, `beyond_deltas_share` of those whose strike it did not reach,
        though the time left: no day is in both. Of listed contracts `surface_marks_share` is the share of marks taken
        from the surface for want of a quote of their own, and `trade_marks_share` that of last trades; where entries
        are capped, `unfilled_vega_share` is the share of the vega asked for that could not be had.

        `cohorts_apart` counts cohorts one after the other, none entered before the one counted last has ended;
        `cohorts_undecided` those on which the strategy had no opinion yet. Cohorts open or lost when the data end are
        unsettled: `pnl_gross_unsettled` is what they made to their last mark, `unsettled_share` their share of the sum
        of |P&L| over cohorts; `cost_if_closed` and `pnl_net_if_closed` are cost and net P&L were they sold at that mark
        at the spread, which leaves the gross P&L as it is.
    """
    book = result.book
    cohorts = result.book.cohorts
    # Contiguous rows: their sums do not depend on how many there are.
    exposure = np.ascontiguousarray(np.abs(result.entry_exposure))
    entered = exposure > 0.0
    total = exposure.sum(axis=1)
    traded = total * result.vegas
    capital = to_host(result.accounts.capital)[:, 0]
    days = result.accounts.statistics()
    gross, option_cost, hedge_cost, fall = (days[n] for n in ("pnl_gross", "option_cost", "hedge_cost", "max_drawdown"))
    cost = option_cost + hedge_cost
    net = gross - cost
    part = dict(zip(MAGNITUDES, _weighted(exposure, _magnitudes(result)), strict=True))
    coverage = (exposure * to_host(book.coverage)).sum(axis=1)
    ended_early = _ended_early(result)
    sold = np.zeros(exposure.shape, dtype=bool) if result.exit_day is None else result.exit_day < cohorts.life
    years = (result.dates[-1] - result.dates[0]).astype(int) / 365.25
    cohort_pnl = _cohort_pnl(result)
    pnl_size = _weighted(exposure, np.abs(cohort_pnl)[..., None])[0] * result.vegas
    late = np.flatnonzero(~cohorts.settled)  # few: the rest of the work is on these cohorts only
    kept = np.take(~sold, late, axis=1)
    pnl = np.take(result.entry_exposure, late, axis=1) * kept * cohort_pnl[..., late] * result.vegas[:, None]
    exit_cost = _exit_cost(result, np.take(exposure, late, axis=1) * kept, late)
    return {
        "pnl_gross": gross,
        "cost": cost,
        "pnl_net": net,
        "breakeven_cost": share(gross - hedge_cost, traded),
        "breakeven_multiple": share(gross, cost),
        "option_cost_per_vega": share(option_cost, traded),
        "hedge_cost_per_vega": share(hedge_cost, traded),
        "pnl_gross_per_vega": share(gross, traded),
        "pnl_net_per_vega": share(net, traded),
        **{name: days[name] for name in ("sharpe_gross", "sharpe_net", "hac_t")},
        "return_net_annual": share(net / capital, years),
        "turnover": share((exposure * (1.0 + sold)).sum(axis=1) * result.vegas, years * capital / CAPITAL_VOL_POINTS),
        "max_drawdown": fall,
        "max_drawdown_share": fall / capital,
        "worst_day": days["worst_day"],
        "cohorts": entered.sum(axis=1),
        "cohorts_open": (entered & ~sold & (cohorts.outcome == int(LegStatus.OPEN))).sum(axis=1),
        "cohorts_lost": (entered & ~sold & (cohorts.outcome == int(LegStatus.LOST))).sum(axis=1),
        "cohorts_exited": (entered & sold).sum(axis=1),
        "cohorts_apart": _apart(cohorts.entry, cohorts.entry + _until(result), entered),
        "cohorts_undecided": np.broadcast_to(result.undecided, result.vegas.shape),
        "cohorts_skipped": np.full(len(exposure), (~to_host(book.entered)).sum()),
        "legs_settled_early": (entered * ended_early[LegStatus.SETTLED]).sum(axis=1),
        "legs_closed_early": (entered * ended_early[LegStatus.CLOSED]).sum(axis=1),
        "pnl_gross_unsettled": pnl.sum(axis=1),
        "unsettled_share": share(np.abs(pnl).sum(axis=1), pnl_size),
        "cost_if_closed": cost + exit_cost,
        "pnl_net_if_closed": net - exit_cost,
        "coverage": share(coverage, total),
        "unexplained_share": share(part["unexplained"], part["gamma"] + part["theta"]),
        "stale_share": share(part["stale"], part["pnl"]),
        "beyond_tenors_share": share(part["beyond_tenors"], part["pnl"]),
        "beyond_deltas_share": share(part["beyond_deltas"], part["pnl"]),
        "index_vega": np.array(result.vegas),
        "capital": capital,
        **_listed_marks(result, exposure),
    }


def _listed_marks(result, exposure):
    """Shares of the marks of listed contracts held that are none of their own, or last trades, each (P,)."""
    listed = result.book.listed
    if listed is None:
        return {}
    daily = [to_host(getattr(listed, name)) for name in ("marks", "missing", "trades")]
    until = np.broadcast_to(_until(result), exposure.shape)
    held = np.arange(result.book.days + 1) <= until[..., None]
    marks, missing, trades = (((exposure > 0.0)[..., None] * held * one).sum(axis=(1, 2)) for one in daily)
    found = {"surface_marks_share": share(missing, marks), "trade_marks_share": share(trades, marks)}
    if result.book.recipe.marks.caps:
        found["unfilled_vega_share"] = missing_share(result.book, exposure > 0.0)
    return found


def _until(result):
    """Holding day on which each cohort ends, (C,), or (P, C) where some are sold early."""
    return result.book.cohorts.life if result.exit_day is None else result.exit_day


def _cohort_pnl(result):
    """Gross P&L of each cohort to its end, (C,) or (P, C), per unit of exposure and index vega."""
    daily = to_host(result.book.by_day["gross"])
    if result.exit_day is None:
        return daily.sum(axis=1)
    return np.take_along_axis(daily.cumsum(axis=1)[None], result.exit_day[:, :, None], axis=2)[:, :, 0]


def _exit_cost(result, unsettled, late):
    """What selling the cohorts left unsettled at their last marks would cost, (P,) currency; hedges are paid for.

    Parameters
    ----------
    result : BacktestResult
    unsettled : array (P, U)
        Size of the exposure to each cohort that may be unsettled; 0 where it was sold.
    late : array (U,), int
        Their numbers.
    """
    amounts = {name: traded[late] for name, traded in result.closing.items()}
    widened = to_host(result.accounts.widened)[:, result.book.cohorts.last[late]]
    return (unsettled * option_cost(result.rates, amounts, "traded", widened)).sum(axis=1) * result.vegas


def _apart(entry, end, entered):
    """Count the cohorts of each parameter set that do not overlap, (P,), each taken as soon as the one before ended."""
    end = np.broadcast_to(end, entered.shape)
    count = np.zeros(len(entered), dtype=int)
    busy = np.zeros(len(entered), dtype=int)
    for c in range(len(entry)):
        taken = entered[:, c] & (entry[c] >= busy)
        busy = np.where(taken, end[:, c], busy)
        count += taken
    return count


def _magnitudes(result):
    """Sum magnitudes over the days each cohort is held, (C, K), or (P, C, K) where some are sold early."""
    daily = to_host(result.book.magnitude)
    if result.exit_day is None:
        return daily.sum(axis=1)
    return np.take_along_axis(daily.cumsum(axis=1)[None], result.exit_day[:, :, None, None], axis=2)[:, :, 0]


def _ended_early(result) -> dict:
    """Count legs of each cohort that met an event of their own while they were held, (C,) or (P, C) by status."""
    legs = result.book.legs
    held = to_host(legs.units != 0.0)
    # Of legs, or of their instruments where some may be exercised before the others.
    status, end = (to_host(array).reshape(*held.shape, -1) for array in (legs.status, legs.end))
    counts = {}
    for kind in (LegStatus.SETTLED, LegStatus.CLOSED):
        met = held[:, :, None] & (status == kind)
        if result.exit_day is None:
            counts[kind] = met.any(axis=2).sum(axis=1)
            continue
        by_day = (met[..., None] & (end[..., None] <= np.arange(result.book.days + 1))).any(axis=2).sum(axis=1)
        counts[kind] = np.take_along_axis(by_day[None], result.exit_day[:, :, None], axis=2)[:, :, 0]
    return counts


def _weighted(exposure, values):
    """Sum of exposure times values over cohorts, (K, P); values (C, K) or (P, C, K).

    Not a matrix product, whose last bits depend on P: `einsum` adds up each row by itself.
    """
    columns = (np.ascontiguousarray(values[..., k]) for k in range(values.shape[-1]))
    return np.stack([np.einsum("pc,pc->p" if column.ndim == 2 else "pc,c->p", exposure, column) for column in columns])
