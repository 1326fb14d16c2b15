"""Poison the future: change everything after day t, and nothing up to t may move by a bit."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from engine.backtest import (
    AbstractStrategy,
    DailyLadder,
    EarlyExit,
    HoldToExpiry,
    MarketView,
    NextEntry,
    OnDates,
    Roll,
    Weekly,
    backtest,
)
from engine.correlation import AllMembers, TopWeights
from engine.testing import poisoned, small_market
from strategies.rich_correlation import RichCorrelation
from strategies.short_correlation import ShortCorrelation


@dataclass(frozen=True)
class RichPremium(AbstractStrategy):
    """Sell correlation while it costs no less than a month realised, history included, by more than a point."""

    def exposure(self, market):
        """Return 1 while the premium is high enough, else 0, (T,)."""
        return (market.implied_correlation(30) - market.realized_correlation(21) > -1.0).astype(float)


STRATEGIES = {
    "short_correlation": ShortCorrelation(),
    "rich_correlation": RichCorrelation(tenor=30, window=20, enter=0.3, leave=-0.3),
    "rich_premium": RichPremium(),
}


def with_history(panel, before=30):
    """The same panel with made-up closes of the sessions before it."""
    rng, own = np.random.default_rng(7), panel.known_closes()
    earlier = panel.dates[0] - np.arange(before, 0, -1)

    def put_before(name, array):
        if name == "history.dates":
            return np.concatenate([earlier, array])
        made_up = np.ones((before, *array.shape[1:]))
        if name != "history.return_factor":
            made_up = array[:1] * np.exp(0.02 * rng.standard_normal(made_up.shape).cumsum(axis=0))
        return np.concatenate([made_up, array])

    return replace(panel, history=own.map_arrays(put_before))


@pytest.mark.parametrize(
    "exits", [HoldToExpiry(), EarlyExit(stop=1.0, target=1.0, with_signal=True)], ids=["held", "sold"]
)
@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
@pytest.mark.parametrize("basket", [AllMembers(), TopWeights(3)], ids=["all", "top3"])
def test_nothing_up_to_a_day_depends_on_later_days(exits, strategy, listed, basket):
    panel = with_history(small_market(20, sessions=110, listed=listed))
    truth = backtest(panel, strategy, basket=basket, schedule=Weekly(), exits=exits)
    signal = strategy.exposure(MarketView(panel, basket))
    assert 0.0 < np.nanmean(signal) <= 1.0, "the strategy must trade for the test to mean anything"
    for t in (25, 52, 80, 108):
        with np.errstate(all="ignore"):
            other_panel = poisoned(panel, t)
            other = backtest(other_panel, strategy, basket=basket, schedule=Weekly(), exits=exits)
            other_signal = strategy.exposure(MarketView(other_panel, basket))
        np.testing.assert_array_equal(other_signal[: t + 1], signal[: t + 1])
        for name in ("pnl_gross", "option_cost", "hedge_cost"):
            np.testing.assert_array_equal(getattr(other, name)[:, : t + 1], getattr(truth, name)[:, : t + 1])
        moved = other.pnl_gross[:, t + 1 :] != truth.pnl_gross[:, t + 1 :]
        assert t == 108 or moved.any(), "the poison must reach the days after t"


SCHEDULES = {
    "daily ladder": DailyLadder(10),
    "dates": OnDates(("2024-01-04", "2024-02-01", "2024-03-15", "2024-04-30")),
    "roll": Roll(days=5, band=0.03),
}
EXITS = {
    "held": HoldToExpiry(),
    "next entry": NextEntry(),
    "levels": EarlyExit(sessions=12, band=0.02, correlation_low=0.2, correlation_high=0.6),
}


@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
@pytest.mark.parametrize("exits", EXITS.values(), ids=EXITS)
@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_no_schedule_or_exit_knows_later_days(schedule, exits, listed):
    panel = small_market(21, sessions=110, listed=listed)
    rules = {"basket": TopWeights(4), "schedule": schedule, "exits": exits}
    truth = backtest(panel, ShortCorrelation(), **rules)
    for t in (25, 52, 80):
        with np.errstate(all="ignore"):
            other = backtest(poisoned(panel, t), ShortCorrelation(), **rules)
        for name in ("pnl_gross", "option_cost", "hedge_cost"):
            np.testing.assert_array_equal(getattr(other, name)[:, : t + 1], getattr(truth, name)[:, : t + 1])
        assert (other.pnl_gross[:, t + 1 :] != truth.pnl_gross[:, t + 1 :]).any()
