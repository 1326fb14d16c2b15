"""Hedges of several backtests traded as one: what each position would trade, and what nobody need trade."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from engine.backend import to_host
from engine.backtest.contracts.instruments import pairs, ratios
from engine.backtest.legs.leg_sums import day_before
from engine.backtest.outcome.result import BacktestResult
from engine.backtest.risk.positions import PositionLegs, Positions
from engine.errors import InputError


def saved(results: Mapping[str, BacktestResult]) -> pl.DataFrame:
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
