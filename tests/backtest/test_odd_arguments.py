"""Arguments that cannot be, and P&L that is not known: each is said, and none becomes a number."""

import numpy as np
import pytest

from engine.backtest import backtest
from engine.backtest.performance import expected_shortfall, hit_rate
from engine.backtest.track_record import track_record
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


def test_a_day_that_is_not_known_is_neither_the_best_nor_none():
    pnl = np.concatenate([[np.nan], np.ones(99)])
    assert np.isnan(expected_shortfall(pnl))
    assert np.isnan(hit_rate(pnl))
    dates = np.datetime64("2024-01-01") + np.arange(100)
    with pytest.raises(InputError, match="P&L of 2024-01-01 is not known"):
        track_record(dates, pnl, 1e6, 5)
