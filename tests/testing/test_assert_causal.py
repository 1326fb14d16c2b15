"""What looks ahead is found, what does not is let through, and what proves nothing is refused."""

from dataclasses import dataclass

import numpy as np
import pytest

from engine import InputError
from engine.backtest import AbstractStrategy, MarketView, zscore
from engine.backtest.signals.strategy import checked_exposure
from engine.correlation import AllMembers, forward_realized_correlation
from engine.testing import assert_causal, look_ahead, poisoned, small_market
from engine.testing.causality import planted_market
from strategies.rich_correlation import RichCorrelation
from strategies.short_correlation import ShortCorrelation


@pytest.fixture(scope="module")
def market():
    return planted_market()


@dataclass(frozen=True)
class Given(AbstractStrategy):
    """An exposure given as a function of the market."""

    function: object

    def exposure(self, market):
        return self.function(market)


def level(market):
    return np.nan_to_num(market.implied_correlation(30))


LOOKS_AHEAD = {
    "realised correlation of the next 21 sessions": lambda m: np.nan_to_num(
        forward_realized_correlation(m.returns, m.weights, 21).clean
    ),
    "the mean of the whole sample": lambda m: 1.0 * (level(m) > level(m).mean()),
    "a quantile of the whole sample": lambda m: 1.0 * (level(m) > np.quantile(level(m), 0.8)),
    "tomorrow": lambda m: np.roll(level(m), -1),
    "a centred mean": lambda m: np.convolve(level(m), np.ones(5) / 5, mode="same"),
    "the last close": lambda m: np.where(m.panel.index_spot[-1] > 0, m.panel.index_spot / m.panel.index_spot[-1], 0.0),
    "returns counted back from the end": lambda m: np.cumsum(np.nan_to_num(m.returns[::-1, 0]))[::-1],
    "how many sessions there are": lambda m: np.ones(len(m.dates)) * (1.0 + len(m.dates) % 2),
    "the last date": lambda m: 1.0 * (m.dates < m.dates[-1] - np.timedelta64(30, "D")),
    "a share of the sample": lambda m: 1.0 * (np.arange(len(m.dates)) > 0.3 * len(m.dates)),
    "the state of tomorrow's quotes": lambda m: 1.0 + np.roll(m.panel.index_status[:, 0, 0], -1),
    "weights of the end": lambda m: level(m) * m.panel.weights[-1].max(),
}
CAUSAL = {
    "always": lambda m: np.ones(len(m.dates)),
    "a level": lambda m: 1.0 * (level(m) > 0.3),
    "a trailing z-score": lambda m: zscore(m.implied_correlation(30), 60),
    "a trailing realised correlation": lambda m: m.realized_correlation(21),
    "two sets": lambda m: np.stack([level(m), -level(m)]),
}


@pytest.mark.parametrize("function", LOOKS_AHEAD.values(), ids=LOOKS_AHEAD)
def test_a_strategy_that_looks_ahead_is_found(market, function):
    with pytest.raises(AssertionError, match="Given looks ahead: its exposure on"):
        assert_causal(Given(function), market)


@pytest.mark.parametrize("function", CAUSAL.values(), ids=CAUSAL)
def test_a_causal_strategy_is_let_through(market, function):
    assert_causal(Given(function), market)


@pytest.mark.parametrize("strategy", [ShortCorrelation(), RichCorrelation(window=60)])
def test_our_own_strategies_are_causal(strategy):
    assert_causal(strategy)


def test_what_is_told_of_a_look_ahead_is_true(market):
    strategy = Given(LOOKS_AHEAD["tomorrow"])
    found = look_ahead(strategy, market)
    t = int(np.flatnonzero(market.dates == found.day)[0])
    at = int(np.flatnonzero(market.dates == found.moved)[0])
    exposures = [strategy.exposure(MarketView(panel, AllMembers())) for panel in (market, poisoned(market, t))]
    assert at <= t
    np.testing.assert_array_equal([exposure[at] for exposure in exposures], [found.before, found.after])


def test_a_strategy_that_never_trades_proves_nothing(market):
    with pytest.raises(AssertionError, match="no exposure on any date"):
        assert_causal(Given(lambda m: np.zeros(len(m.dates))), market)


def test_a_strategy_that_is_another_each_time_is_refused(market):
    rng = np.random.default_rng(0)
    with pytest.raises(AssertionError, match="another exposure when asked again"):
        assert_causal(Given(lambda m: rng.random(len(m.dates))), market)


def test_the_poison_reaches_everything_after_the_day_and_nothing_before():
    panel = small_market(listed=True)
    other = poisoned(panel, 40)
    panel.map_arrays(lambda name, array: _check(name, array, other))


def _check(name, array, other):
    holder, _, field = name.rpartition(".")
    changed = getattr(getattr(other, holder) if holder else other, field)
    np.testing.assert_array_equal(changed[:41], array[:41])
    if array.dtype.kind == "f" or name.endswith("status"):
        assert not np.array_equal(changed[41:], array[41:], equal_nan=array.dtype.kind == "f"), name
    return array


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ([1.0] * 90, "returns list; return an array"),
        (None, "returns NoneType"),
        (1.0, "returns float"),
        (np.ones(89), r"returns shape \(89,\); return \(90,\)"),
        (np.ones((90, 2)), r"returns shape \(90, 2\)"),
        (np.ones((1, 1, 90)), "returns shape"),
        (np.array(["1"] * 90), "return numbers"),
        (np.ones(90, complex), "return numbers"),
        (np.where(np.arange(90) == 3, np.inf, 0.0), "is infinite on 2024-01-04"),
    ],
)
def test_what_a_strategy_returns_is_checked(returned, message):
    with pytest.raises(InputError, match=message):
        checked_exposure(Given(lambda m: returned), MarketView(small_market(), AllMembers()))


@pytest.mark.parametrize("returned", [np.ones(90, bool), np.ones(90, int), np.full(90, np.nan), np.ones((3, 90))])
def test_numbers_of_any_kind_are_exposures(returned):
    exposure = checked_exposure(Given(lambda m: returned), MarketView(small_market(), AllMembers()))
    assert exposure.dtype == np.float64
    np.testing.assert_array_equal(exposure, np.atleast_2d(returned).astype(float))
