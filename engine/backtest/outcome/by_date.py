"""A result day by day: what was carried, what it earned and from which source."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from engine.backend import to_host
from engine.backtest.contracts.structure import LegStatus
from engine.backtest.legs.attribution import PARTS

if TYPE_CHECKING:
    from engine.backtest.outcome.result import BacktestResult


def explain(result: "BacktestResult", p: int = 0, leg_class: int | None = None) -> np.ndarray:
    """P&L by source, (T, len(PARTS)) currency; of one leg class (INDEX, COMPONENT) if asked."""
    by_class = to_host(result.book.explain)
    parts = by_class.sum(axis=2) if leg_class is None else by_class[:, :, leg_class]
    out = np.zeros((len(result.dates), len(PARTS)))
    vega = result.entry_exposure[p] * result.vega_per_cohort(p)
    for day in range(result.book.days + 1):
        date = result.book.cohorts.entry + day
        held = day <= result.held_until(p)
        out[date[held]] += vega[held, None] * parts[held, day]
    return out


def carried_exposure(result: "BacktestResult", p: int = 0) -> np.ndarray:
    """Exposure carried out of each close, (T,): the sum over cohorts then open, 1 = one cohort at full size."""
    cohorts = result.book.cohorts
    until = result.held_until(p)
    open_at_end = (cohorts.outcome == int(LegStatus.OPEN)) & (until == cohorts.life)
    closes = until + open_at_end  # that each cohort is carried out of
    out = np.zeros(len(result.dates))
    for day in range(result.book.days + 1):  # a running sum would not come back to 0 where nothing is held
        held = day < closes
        out[cohorts.entry[held] + day] += result.entry_exposure[p][held]
    return out


def daily(result: "BacktestResult", p: int = 0) -> pl.DataFrame:
    """One row per session: carried exposure, P&L before and after costs, and its sources, which sum to gross."""
    sources = explain(result, p)
    return pl.DataFrame(
        {
            "date": result.dates,
            "exposure": carried_exposure(result, p),
            "pnl_gross": result.pnl_gross[p],
            "cost": result.cost[p],
            "pnl_net": result.pnl_net[p],
            **{part: sources[:, i] for i, part in enumerate(PARTS)},
        }
    )
