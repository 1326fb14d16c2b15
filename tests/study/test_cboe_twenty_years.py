"""The study of published indices: its frames hold what the functions under them say, and the labels that matter."""

import datetime

import numpy as np
import polars as pl
import pytest

from engine.data import load_market_returns, load_published, load_sp500_history
from engine.errors import InputError
from engine.study.cboe_history import driver_table, forecast_table, realized_table, rolling_table, season_table
from engine.study.seasonality import quarter_seasonality


def row(table, question, term):
    return table.filter(pl.col("question").str.starts_with(question) & (pl.col("term") == term)).row(0, named=True)


def test_planted_drivers_are_found_with_their_sign_and_asymmetry(series):
    table = driver_table(series)
    assert row(table, "change of COR1M on the US", "market")["coefficient"] < -2.0
    sides = "change of COR1M on rises and falls"
    # Reversion to the mean is the noise: ten per cent of a level some points away from it.
    assert row(table, sides, "rises")["coefficient"] == pytest.approx(-2.0, abs=0.4)
    assert row(table, sides, "falls")["coefficient"] == pytest.approx(-5.0, abs=0.4)
    assert row(table, sides, "falls less rises")["t"] < -5
    assert row(table, "change of COR1M on that of VIX", "VIX")["coefficient"] == pytest.approx(2.0, abs=0.1)
    # Nothing was planted there; an absolute t of 4 would be found once in ten thousand draws.
    assert abs(row(table, "log COR3M", "season_ahead")["t"]) < 4


def test_the_season_of_each_index_stands_below_the_other(series):
    table = season_table(series, ("COR1M", "COR3M"))
    assert table.height == 126
    wanted = quarter_seasonality(series["COR3M"], series.dates).factor
    np.testing.assert_array_equal(table.filter(pl.col("index") == "COR3M")["factor"].to_numpy(), wanted)


def test_rolling_slopes_are_null_until_the_window_is_full(series):
    table = rolling_table(series, window=100)
    assert table["market_slope"].null_count() == 99
    assert table["market_slope"].max() < 0.0


def test_what_is_not_tradable_or_only_for_display_says_so_in_its_name(series, history):
    table = realized_table(series, history, window=21)
    later, now = table["forward_not_tradable"].to_numpy(), table["realized"].to_numpy()
    np.testing.assert_array_equal(later[:-21], now[21:])  # the basket never changes here
    assert table.columns[-2:] == ["realized_display_only", "forward_not_tradable"]


def test_forecasts_with_history_name_its_survivors_and_test_for_bias(series, history):
    table = forecast_table(series, history)
    assert table.height == forecast_table(series).height + 14
    told = row(table, "correlation realised over the next 21", "implied")
    assert told["sample"].endswith("survivors")
    assert told["unbiased_p"] < 0.01  # a level of .6 against a realised correlation of .5, unrelated to it
    assert told["lags"] == 20


def test_member_history_uses_the_close_before_and_leaves_holidays_out(tmp_path):
    folder = tmp_path / "us_history"
    folder.mkdir()
    day = [datetime.date(2024, 7, d) for d in (2, 3, 4, 5)]
    prices = {"SPY": [10.0, 11.0, None, 12.1], "A": [1.0, 2.0, None, 3.0], "B": [4.0, 4.0, None, None]}
    pl.DataFrame(
        [
            {"date": d, "ticker": n, "adjusted": p}
            for n, values in prices.items()
            for d, p in zip(day, values, strict=True)
        ]
    ).write_parquet(folder / "prices_sp500_2019_2025.parquet")
    with pytest.raises(InputError, match="does not exist"):
        load_sp500_history(tmp_path)
    holdings = {"asof": [day[0], day[0], day[3]], "ticker": ["A", "B", "B"], "weight": [0.5, 0.5, 0.99]}
    pl.DataFrame(holdings).write_parquet(folder / "spy_holdings.parquet")
    history = load_sp500_history(tmp_path)
    assert history.names == ("A", "B")
    assert history.dates.tolist() == [day[0], day[1], day[3]]
    np.testing.assert_allclose(history.returns, [[np.nan] * 2, [1.0, 0.0], [0.5, np.nan]])
    np.testing.assert_allclose(history.weights, [[0.0, 0.0], [0.5, 0.5], [2 / 3, 1 / 3]])
    np.testing.assert_allclose(history.index_returns, [np.nan, 0.1, 0.1])
    assert history.known == np.datetime64(day[0])


def test_members_that_split_after_the_holdings_keep_their_weight(shared_data):
    history = load_sp500_history(shared_data)
    after = np.searchsorted(history.dates, history.known, side="right")  # the session whose eve the holdings are of
    weight = dict(zip(history.names, history.weights[after], strict=True))
    # As published for 2024-05-10, over the 97.2 % that have prices. NVIDIA and Broadcom split ten for one after it.
    for name, published in {"NVDA": 0.050578, "AVGO": 0.013368, "MSFT": 0.07021}.items():
        assert weight[name] == pytest.approx(published / 0.9708, rel=0.01)


def test_one_month_correlation_forecasts_what_comes_with_a_slope_below_one(shared_data):
    published = load_published(shared_data).joined(load_market_returns(shared_data))
    table = forecast_table(published, load_sp500_history(shared_data), "2006-01-01", "2026-03-31")
    slope = row(table, "correlation realised over the next 21", "implied")
    assert slope["coefficient"] == pytest.approx(0.79, abs=0.02)  # measured
    assert slope["r2"] == pytest.approx(0.48, abs=0.02)
    assert slope["t"] > 5
    assert slope["unbiased_p"] < 0.05
