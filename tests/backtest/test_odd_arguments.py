"""Arguments that cannot be, and P&L that is not known: each is said, and none becomes a number."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest

from engine import AllMembers, CorrelationStatus, implied_correlation, kernels
from engine.backtest import (
    AbstractStrategy,
    DailyDelta,
    DeskCosts,
    EarlyExit,
    IndexBeta,
    MarginScale,
    MinimumVariance,
    PremiumScale,
    Straddle,
    StressCap,
    VegaOfNav,
    VolatilityTarget,
    VolPoints,
    backtest,
)
from engine.backtest.arguments import BASES
from engine.backtest.outcome.performance import expected_shortfall, hit_rate
from engine.backtest.outcome.track_record import track_record
from engine.data.records import QuoteStatus
from engine.errors import InputError
from engine.testing import small_market
from strategies.short_correlation import ShortCorrelation

MARKET = small_market()


@pytest.mark.parametrize(
    ("market", "choices", "match"),
    [
        (None, {}, "market is of type NoneType; give a MarketPanel"),
        (MARKET, {"risk_free": 5.0}, "risk_free=5.0 is no rate a year in decimals"),
        (MARKET, {"risk_free": -5.0}, "risk_free=-5.0 is no rate a year in decimals"),
        (MARKET.slice(None, MARKET.dates[1]), {}, "the data have no session after any entry"),
    ],
)
def test_what_cannot_be_backtested_is_said(market, choices, match):
    with pytest.raises(InputError, match=match):
        backtest(market, ShortCorrelation(), **choices)


@pytest.mark.parametrize(
    ("made", "match"),
    [
        (lambda: VolatilityTarget(target=0.0), r"target=0\.0 trades nothing; use more than 0"),
        (lambda: VolatilityTarget(most=0.0), r"most=0\.0 trades nothing"),
        (lambda: VegaOfNav(nav=0.0), r"nav=0\.0 trades nothing"),
        (lambda: VegaOfNav(share=0.0), r"share=0\.0 trades nothing"),
        (lambda: PremiumScale(premium=0.0), r"premium=0\.0 trades nothing"),
        (lambda: StressCap(loss=0.0), r"loss=0\.0 trades nothing"),
        (lambda: MarginScale(margin=0.0), r"margin=0\.0 trades nothing"),
        (lambda: EarlyExit(correlation_high=70.0), r"exits\.correlation_high=70\.0 is no correlation in decimals"),
        (lambda: EarlyExit(correlation_low=-5.0), r"exits\.correlation_low=-5\.0 is no correlation in decimals"),
        (lambda: EarlyExit(correlation_low=0.6, correlation_high=0.4), "every cohort would be sold at once"),
        (lambda: EarlyExit(correlation_tenor=0), r"exits\.correlation_tenor=0 is below 1"),
        (lambda: VolPoints(hedge_bps=1e6), r"VolPoints\.hedge_bps=1000000\.0 is more than all there is"),
        (lambda: DeskCosts(borrow_bps=1e5), r"DeskCosts\.borrow_bps=100000\.0 is more than all there is"),
    ],
)
def test_numbers_with_which_nothing_is_traded_or_meant_are_said(made, match):
    with pytest.raises(InputError, match=match):
        made()


LONG = 10**9  # sessions: nothing may be made of as many


@pytest.mark.parametrize(
    ("choices", "match"),
    [
        ({"scale": VolatilityTarget(window=LONG)}, f"scale.window={LONG} is more sessions than there are before"),
        ({"hedge": DailyDelta(vol="realized", window=LONG)}, f"DailyDelta goes by {LONG} sessions, and small has"),
        ({"hedge": IndexBeta(beta_window=LONG)}, f"IndexBeta goes by {LONG} sessions"),
        ({"sizing": MinimumVariance(window=LONG)}, f"window of {LONG} sessions"),
        ({"exits": EarlyExit(days_left=1000.0)}, r"exits.days_left=1000.0 sells every cohort as soon as it is entered"),
    ],
)
def test_windows_and_lives_that_the_data_never_reach_are_said(choices, match):
    with pytest.raises(InputError, match=match):
        backtest(MARKET, ShortCorrelation(), structure=Straddle(28), **choices)


@pytest.mark.parametrize("argument", BASES)
@pytest.mark.parametrize("value", ["text", 30, ShortCorrelation, Straddle])
def test_an_argument_of_another_kind_is_said(argument, value):
    arguments = {"strategy": ShortCorrelation()} | {argument: value}
    told = "is a class; give an object of it" if isinstance(value, type) else f"is no {BASES[argument].__name__}: it"
    with pytest.raises(InputError, match=f"{argument}=.*{told}"):
        backtest(MARKET, **arguments)


def test_a_strategy_is_needed():
    with pytest.raises(InputError, match="strategy=None is of type NoneType, which is no AbstractStrategy"):
        backtest(MARKET, None)


@dataclass(frozen=True)
class Returns(AbstractStrategy):
    """What a function of the number of sessions says."""

    made: Callable

    def exposure(self, market):
        return self.made(len(market.panel))


@pytest.mark.parametrize(
    ("made", "match"),
    [
        (lambda t: np.ma.masked_array(np.ones(t), np.arange(t) % 2 == 0), "returns a masked array"),
        (lambda t: pl.Series(np.ones(t)), "returns polars.Series, and no array of the market's library"),
        (lambda t: pytest.importorskip("pandas").Series(np.ones(t)), "returns pandas.Series, and no array"),
    ],
)
def test_an_exposure_that_is_no_plain_array_is_refused(made, match):
    # Of a masked array the mask was passed over: fully exposed where the strategy had no opinion.
    with pytest.raises(InputError, match=match):
        backtest(MARKET, Returns(made))


@dataclass(frozen=True)
class Writer(AbstractStrategy):
    """Writes to the market that it is shown."""

    wanted: str

    def exposure(self, market):
        record, _, name = self.wanted.rpartition(".")
        array = getattr(getattr(market.panel, record) if record else market.panel, name)
        array[0] = array[-1]
        return np.ones(len(market.panel))


@pytest.mark.parametrize("wanted", ["spot", "weights", "component_iv", "listed.index_iv", "dates"])
def test_a_strategy_cannot_change_the_market(wanted):
    market = small_market(listed=True)
    with pytest.raises(ValueError, match="read-only"):
        backtest(market, Writer(wanted))


def test_arrays_that_a_panel_is_made_of_stay_their_owners():
    spot = MARKET.spot.copy()
    replace(MARKET, spot=spot)
    spot[0] = 1.0  # raises nothing


def test_a_share_that_names_hold_exactly_is_enough_in_any_order():
    # 16 of 20 equal weights sum to .7999999999999999 of theirs, and were no four fifths.
    market = small_market(names=20, sessions=40, events=False, missing=0.0)
    quoted = np.arange(20) < 16
    iv = np.where(quoted[:, None, None], market.component_iv, np.nan)
    status = np.where(np.isnan(iv), QuoteStatus.NO_QUOTE, QuoteStatus.OK).astype(np.uint8)
    thin = replace(market, component_iv=iv, component_status=status, weights=np.full(market.weights.shape, 0.05))
    for by in (contextlib.nullcontext, kernels.switched_off):
        with by():
            rho = implied_correlation(thin.index_iv, thin.component_iv, thin.weights)
            assert (rho.status != CorrelationStatus.THIN_COVERAGE).all()
    assert backtest(thin, ShortCorrelation(), basket=AllMembers()).book.entered.any()


def test_names_without_a_past_are_not_blamed_on_quotes():
    market = small_market(sessions=60, events=False, missing=0.0)
    with pytest.raises(InputError, match="each known to MinimumVariance for its window of 63 sessions; lower"):
        backtest(market, ShortCorrelation(), basket=AllMembers(), sizing=MinimumVariance())


def test_a_day_that_is_not_known_is_neither_the_best_nor_none():
    pnl = np.concatenate([[np.nan], np.ones(99)])
    assert np.isnan(expected_shortfall(pnl))
    assert np.isnan(hit_rate(pnl))
    dates = np.datetime64("2024-01-01") + np.arange(100)
    with pytest.raises(InputError, match="P&L of 2024-01-01 is not known"):
        track_record(dates, pnl, 1e6, 5)
