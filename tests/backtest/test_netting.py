"""Hedges of all cohorts traded together: what that leaves to pay, and that nothing else changes."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.backtest import (
    DailyDelta,
    DeltaBand,
    DeskCosts,
    EarlyExit,
    HoldToExpiry,
    IndexBeta,
    Monthly,
    ShortestTenor,
    Strangle,
    VolPoints,
    Weekly,
    WhalleyWilmott,
    backtest,
    combine,
)
from engine.backtest.outcome.shared_hedges import _hedges, _positions
from engine.errors import InputError
from engine.testing import small_market
from strategies.rich_correlation import RichCorrelation
from strategies.short_correlation import ShortCorrelation

EXITS = {"expiry": HoldToExpiry(), "shortest": ShortestTenor(), "early": EarlyExit(target=1.0, stop=0.5)}
# Differences of sums of some thousand terms, of which one is at most their absolute sum.
ROUNDING = 1e-9


@pytest.fixture(scope="module")
def market():
    return small_market(5)


def both(market, **choices):
    hedge = choices.pop("hedge", DailyDelta())
    strategy = choices.pop("strategy", ShortCorrelation())
    choices.setdefault("schedule", Weekly())
    return tuple(
        backtest(market, strategy, hedge=type(hedge)(**(vars(hedge) | {"netted": netted})), **choices)
        for netted in (False, True)
    )


def trades(result) -> pl.DataFrame:
    """What every cohort trades of each hedge, a row each, by the code that follows positions one by one."""
    frames = [frame for cohort, positions in _positions(result) for frame in _hedges("it", result, cohort, positions)]
    return pl.concat(frames)


@pytest.mark.parametrize("exits", EXITS.values(), ids=EXITS)
def test_the_cost_is_that_of_one_trade_per_underlying_and_close(market, exits):
    alone, netted = both(market, exits=exits)
    one = trades(alone).group_by("date", "leg").agg(pl.col("notional").sum().abs())
    paid = one.group_by("date").agg(1e-4 * alone.costs.hedge_bps * pl.col("notional").sum())
    by_date = dict(paid.iter_rows())
    expected = [by_date.get(date.item(), 0.0) for date in alone.dates]
    np.testing.assert_allclose(netted.hedge_cost[0], expected, rtol=0.0, atol=ROUNDING * max(expected))


@pytest.mark.parametrize("costs", [VolPoints(), DeskCosts()], ids=["vol_points", "desk"])
@pytest.mark.parametrize("exits", EXITS.values(), ids=EXITS)
def test_nothing_but_the_cost_of_hedges_changes(market, exits, costs):
    alone, netted = both(market, exits=exits, costs=costs)
    scale = np.abs(alone.pnl_gross).max()
    np.testing.assert_allclose(netted.pnl_gross, alone.pnl_gross, rtol=0.0, atol=ROUNDING * scale)
    np.testing.assert_allclose(netted.option_cost, alone.option_cost, rtol=1e-12)
    assert (netted.hedge_cost <= alone.hedge_cost * (1.0 + ROUNDING)).all()
    assert netted.hedge_cost.sum() < 0.99 * alone.hedge_cost.sum()


@pytest.mark.parametrize("exits", EXITS.values(), ids=EXITS)
def test_ledger_and_days_bear_their_parts_of_what_is_left(market, exits):
    _, netted = both(market, exits=exits, costs=DeskCosts(), structure=Strangle())
    assert netted.ledger()["cost"].sum() == pytest.approx(netted.cost.sum(), rel=ROUNDING)
    assert netted.by_name()["cost"].sum() == pytest.approx(netted.cost.sum(), rel=ROUNDING)
    scale = netted.cost.max()
    for t in (40, 60, 80):
        assert netted.day(str(netted.dates[t]))["cost"].sum() == pytest.approx(netted.cost[0, t], abs=ROUNDING * scale)


def test_a_batch_nets_each_of_its_sets_by_itself(market):
    enters = np.array([[0.0], [0.5], [1.0]])
    choices = {"schedule": Weekly(), "hedge": DailyDelta(netted=True)}
    columns: Any = {"enter": enters}
    batch = backtest(market, RichCorrelation(leave=-1.0, **columns), **choices)
    summaries = batch.summaries
    for p, enter in enumerate(enters[:, 0]):
        one = backtest(market, RichCorrelation(enter=float(enter), leave=-1.0), **choices)
        np.testing.assert_allclose(batch.hedge_cost[p], one.hedge_cost[0], rtol=1e-12)
        assert summaries["cost"][p] == pytest.approx(one.summary()["cost"], rel=1e-12)
        assert summaries["pnl_net"][p] == pytest.approx(batch.pnl_net[p].sum(), rel=1e-9)


@pytest.mark.parametrize("hedge", [DeltaBand(), WhalleyWilmott(), IndexBeta()], ids=["band", "whalley_wilmott", "beta"])
def test_every_rule_nets_what_it_wants_held(market, hedge):
    alone, netted = both(market, hedge=hedge)
    scale = np.abs(alone.pnl_gross).max()
    np.testing.assert_allclose(netted.pnl_gross, alone.pnl_gross, rtol=0.0, atol=ROUNDING * scale)
    assert 0.0 < netted.hedge_cost.sum() < alone.hedge_cost.sum()


def test_cohorts_that_never_meet_have_nothing_to_net(market):
    alone, netted = both(market, schedule=Monthly(), exits=EarlyExit(sessions=5))
    np.testing.assert_allclose(netted.hedge_cost, alone.hedge_cost, rtol=ROUNDING)


def test_hedges_are_not_netted_twice(market):
    _, netted = both(market)
    with pytest.raises(InputError, match="netted already"):
        combine({"it": netted})
    assert combine({"it": netted}, netted=False).daily["cost"].sum() == pytest.approx(netted.cost.sum())
