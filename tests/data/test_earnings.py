"""A planted earnings move is told by the expiries around it, taken off, and only from the day it was known."""

import datetime

import numpy as np
import polars as pl
import pytest
import quoted_world as world

from engine.data.quotes.clean import QualityReport
from engine.data.quotes.earnings import ex_earnings, known_events
from engine.data.quotes.quoted_surface import quoted_surface
from engine.data.records import DELTAS, TENORS
from engine.pricing.event import event_variance

ATM = DELTAS.index(50)
MOVE = 0.06


@pytest.mark.parametrize("event_days", [3, 20, 60])
def test_a_planted_move_is_removed_from_quotes(event_days, monkeypatch):
    """Six per cent on one day, in quotes with spreads, dividends and American exercise."""
    event = event_days / 365.0
    plain = world.total_variance

    def with_event(ticker, moneyness, years):
        base = plain(ticker, 0.0, years)
        more = 1.0 + np.where((ticker == "ODD") & (years > event), MOVE**2 / base, 0.0)
        return plain(ticker, moneyness / np.sqrt(more), years) * more  # the same shape, wider

    monkeypatch.setattr(world, "total_variance", with_event)
    quotes = world.quotes(seed=1)
    monkeypatch.setattr(world, "total_variance", plain)
    day = world.DATE + datetime.timedelta(days=event_days)
    earnings = pl.DataFrame({"date": [day], "ticker": ["ODD"], "known": [world.DATE]})
    dates = np.array([world.DATE], "datetime64[D]")
    common = (quotes, world.closes(), world.rates(), dates, list(world.NAMES), QualityReport())
    found = quoted_surface(*common, width=20, dividends=world.dividend_table(), earnings=earnings)
    odd = list(world.NAMES).index("ODD")
    for tenor in (30, 91, 182):
        truth = world.true_vol("ODD", 50, tenor)
        cell = (0, odd, TENORS.index(tenor), ATM)
        assert abs(found.ex_earnings_iv[cell] - truth) < 0.001
        if tenor > event_days + 25:
            assert found.iv[cell] - truth > 0.004, "the raw volatility has the move in it"
    np.testing.assert_array_equal(found.ex_earnings_iv[0, :odd], found.iv[0, :odd])


def test_two_events_are_told_apart():
    """Two quarters ahead, on a flat volatility, exactly."""
    days = np.array([[[10.0, 30.0, 60.0, 100.0, 130.0, 160.0, 200.0]]])
    events = np.array([20.0, 110.0])[:, None, None] / 365.0
    total = 0.3**2 * days / 365.0 + MOVE**2 * (days / 365.0 > events).sum(axis=0)
    vol = np.sqrt(total / (days / 365.0))[..., None]
    left, variance = ex_earnings(vol, days, 0, events)
    np.testing.assert_allclose(left, 0.3, rtol=1e-6)
    np.testing.assert_allclose(np.sqrt(variance), MOVE, rtol=1e-6)


def test_an_event_counts_from_the_day_it_was_known():
    day = datetime.date
    table = pl.DataFrame(
        {
            "date": [day(2026, 2, 5), day(2026, 5, 5), day(2026, 2, 9)],
            "ticker": ["A", "A", "B"],
            "known": [day(2026, 1, 15), day(2026, 1, 20), None],
        }
    )
    dates = np.array(["2026-01-14", "2026-01-16", "2026-01-20", "2026-02-05"], "datetime64[D]")
    events = np.round(365.0 * known_events(table, dates, ["A", "B"]))
    nan = np.nan
    np.testing.assert_array_equal(events[0], [[nan, 26], [20, 24], [16, 20], [89, 4]])
    np.testing.assert_array_equal(events[1], [[nan, nan], [nan, nan], [105, nan], [nan, nan]])


def test_without_expiries_that_tell_an_event_it_is_not_known(xp):
    years, event = xp.asarray([[0.05, 0.1, np.nan]]), xp.asarray([[0.2]])
    assert xp.isnan(event_variance(0.09 * years, years, event)).all()
    lone, later = xp.asarray([[0.1, np.nan, np.nan]]), xp.asarray([[0.05]])
    assert xp.isnan(event_variance(0.09 * lone, lone, later)).all()
