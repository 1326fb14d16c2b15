"""A batch of parameter sets equals the loop over them, bit for bit."""

import re
from dataclasses import replace

import numpy as np
import pytest

from engine.backtest import EarlyExit, Straddle, VegaNeutral, VolPoints, Weekly, backtest
from engine.backtest.batch import stack
from engine.correlation import AllMembers, TopWeights
from engine.errors import InputError
from engine.testing import small_market
from strategies.rich_correlation import RichCorrelation


def test_a_batch_equals_the_loop_of_single_runs_bit_for_bit():
    panel = small_market(30, sessions=120)
    strategies = [RichCorrelation(window=20, enter=e, leave=v) for e in (0, 0.3, 1) for v in (-0.5, 0.0)]
    costs = [VolPoints(index=0.1 * i, hedge_bps=i) for i in range(6)]
    sizing = [VegaNeutral(1000.0 * (i + 1)) for i in range(6)]
    together = backtest(
        panel,
        stack(strategies),
        sizing=stack(sizing),
        costs=stack(costs),
        basket=AllMembers(),
        schedule=Weekly(),
    )
    for p in range(6):
        alone = backtest(panel, strategies[p], sizing=sizing[p], costs=costs[p], basket=AllMembers(), schedule=Weekly())
        for name in ("pnl_gross", "option_cost", "hedge_cost", "entry_exposure"):
            np.testing.assert_array_equal(getattr(together, name)[p], getattr(alone, name)[0])
        assert together.summary(p) == pytest.approx(alone.summary(), rel=0, abs=0, nan_ok=True)
        assert together.daily(p).equals(alone.daily())
        assert together.ledger(p).equals(alone.ledger())
    assert len({row.tobytes() for row in together.entry_exposure}) > 2, "the levels must matter"


def test_items_that_differ_in_what_does_not_batch_are_refused():
    with pytest.raises(ValueError, match="only fields declared to batch"):
        stack([RichCorrelation(), replace(RichCorrelation(), window=100)])
    with pytest.raises(ValueError, match="only fields declared to batch"):
        stack([TopWeights(3), TopWeights(4)])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: VegaNeutral(-1.0), "VegaNeutral.index_vega=-1.0 is below 0"),
        (lambda: VolPoints(component=float("nan")), "VolPoints.component=nan is not a number"),
        (lambda: EarlyExit(days_left=-3), "EarlyExit.days_left=-3 is below 0"),
        (lambda: Straddle(tenor=0), "structure.tenor=0 is not a number of days"),
        (lambda: Straddle(min_coverage=80), "structure.min_coverage=80 is not a fraction"),
        (lambda: Straddle(min_days=-1), "structure.min_days=-1 is below 0"),
        (lambda: TopWeights(0), "basket.n=0 selects nobody"),
        (lambda: RichCorrelation(window=1), "strategy.window=1 has no deviation"),
    ],
)
def test_numbers_that_mean_nothing_are_refused_by_name(make, words):
    with pytest.raises(InputError, match=re.escape(words)):
        make()


def test_costs_alone_may_batch_under_a_strategy_that_decides_once():
    panel = small_market(31, sessions=120)
    costs = [VolPoints(index=0.1 * i, hedge_bps=i) for i in range(3)]
    together = backtest(panel, RichCorrelation(window=20), costs=stack(costs), basket=AllMembers(), schedule=Weekly())
    for p, rates in enumerate(costs):
        alone = backtest(panel, RichCorrelation(window=20), costs=rates, basket=AllMembers(), schedule=Weekly())
        assert together.summary(p) == pytest.approx(alone.summary(), rel=0, abs=0, nan_ok=True)
