"""Published series: what the files say arrives date by date, and nothing else does."""

import datetime

import numpy as np
import polars as pl
import pytest

from engine.backtest import hysteresis, zscore
from engine.data.series import DailySeries, daily_series, load_market_returns, load_published
from engine.errors import InputError

DAYS = [datetime.date(2018, 12, 28), datetime.date(2018, 12, 31), datetime.date(2026, 5, 20)]


def write(folder, indices):
    (folder / "us_history").mkdir()
    indices.write_parquet(folder / "us_history" / "cboe_indices.parquet")
    spx = pl.DataFrame({"Date": DAYS[:2], "Open": [1.0, 1.0], "Close": [2485.74, 2506.85]})
    spx.write_parquet(folder / "us_history" / "spx_ohlc_1999_2018.parquet")
    factors = pl.DataFrame({"date": DAYS[:2], "mkt_rf_pct": [-0.13, 0.9], "rf_pct_per_day": [0.01, 0.01]})
    factors.write_parquet(folder / "us_history" / "fama_french_daily.parquet")
    return folder


@pytest.fixture
def files(tmp_path):
    rows = {
        "date": [DAYS[1], DAYS[0], DAYS[2], DAYS[2]],
        "index": ["COR1M", "COR1M", "COR1M", "SPX"],
        "close": [40.0, 41.5, None, 7432.97],
    }
    return write(tmp_path, pl.DataFrame(rows))


def test_closes_of_both_files_stand_on_one_axis_and_gaps_stay_gaps(files):
    series = load_published(files)
    assert series.dates.astype(str).tolist() == ["2018-12-28", "2018-12-31", "2026-05-20"]
    np.testing.assert_array_equal(series["COR1M"], [41.5, 40.0, np.nan])
    np.testing.assert_array_equal(series["SPX"], [2485.74, 2506.85, 7432.97])


def test_the_market_is_its_excess_return_and_the_bills(files):
    # One rounding of a sum of percents below 1, over 100.
    np.testing.assert_allclose(load_market_returns(files)["market"], [-0.0012, 0.0091], rtol=0, atol=1e-16)


def test_common_sessions_are_those_on_which_all_have_a_value(files):
    series = load_published(files)
    assert series.common("COR1M", "SPX").dates.tolist() == DAYS[:2]
    assert series.common("SPX", start="2018-12-31", end="2019-01-31").values.tolist() == [[2506.85]]


def test_values_are_put_on_other_dates_without_being_carried_forward(files):
    dates = np.array(["2018-12-27", "2018-12-28", "2018-12-29", "2018-12-31", "2027-01-04"], dtype="datetime64[D]")
    np.testing.assert_array_equal(load_published(files).on(dates, "COR1M"), [np.nan, 41.5, np.nan, 40.0, np.nan])


def test_two_sets_join_on_the_union_of_their_dates(files):
    joined = load_published(files).joined(load_market_returns(files))
    assert joined.names == ("COR1M", "SPX", "market", "bills")
    assert np.isnan(joined["market"][2])
    with pytest.raises(InputError, match="both have a series COR1M"):
        joined.joined(load_published(files))


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda f: (f / "us_history" / "cboe_indices.parquet").unlink(), "does not exist; path is the folder"),
        (
            lambda f: pl.DataFrame({"date": DAYS}).write_parquet(f / "us_history/cboe_indices.parquet"),
            "no column index",
        ),
        (
            lambda f: pl.DataFrame({"date": [DAYS[0]] * 2, "index": ["VIX"] * 2, "close": [1.0, 2.0]}).write_parquet(
                f / "us_history/cboe_indices.parquet"
            ),
            "VIX has more than one close on 2018-12-28",
        ),
    ],
)
def test_files_that_cannot_be_read_are_told(files, break_it, message):
    break_it(files)
    with pytest.raises(InputError, match=message):
        load_published(files)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: daily_series(pl.DataFrame({"day": DAYS})), "need a column 'date'"),
        (lambda: daily_series(pl.DataFrame({"date": [DAYS[0]] * 2, "x": [1.0, 2.0]})), "2018-12-28 stands in more"),
        (lambda: DailySeries(np.array(DAYS[:2], "M8[D]"), ("x",), np.zeros((3, 1))), "not one per date"),
        (lambda: DailySeries(np.array(DAYS[1::-1], "M8[D]"), ("x",), np.zeros((2, 1))), "must ascend"),
        (
            lambda: daily_series(pl.DataFrame({"date": DAYS, "x": [1.0] * 3}))["y"],
            "there is no series y; choose one of x",
        ),
    ],
)
def test_a_frame_that_is_no_daily_series_is_told(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_twenty_published_years_have_their_known_mean_and_extremes(shared_data):
    series = load_published(shared_data)
    cor = series.common("COR1M")
    # Facts of the published series: 2.93 on 2024-07-12, 96.59 on 2008-10-24.
    assert cor.values.min() == 2.93
    assert str(cor.dates[cor.values.argmin()]) == "2024-07-12"
    assert cor.values.max() == 96.59
    assert str(cor.dates[cor.values.argmax()]) == "2008-10-24"
    mean = series.common("COR1M", start="2006-01-01", end="2026-03-31")["COR1M"].mean()
    assert mean == pytest.approx(37.7, abs=0.05)  # stated to one decimal


def test_the_published_dispersion_index_is_what_its_parts_say(shared_data):
    series = load_published(shared_data).common("DSPX", "VIXEQ", "VIX")
    # VIX closes 15 minutes after the stock options, so days differ; half of them lie within a tenth of a point.
    error = series["DSPX"] - np.sqrt(np.maximum(series["VIXEQ"] ** 2 - series["VIX"] ** 2, 0.0))
    assert np.median(np.abs(error)) < 0.1


def test_signals_run_on_the_published_series_and_read_nothing_of_the_future(shared_data):
    cor = load_published(shared_data).common("COR1M")

    def exposure(levels):
        return hysteresis(zscore(levels, 252), enter=1.0, leave=0.0)

    held = exposure(cor["COR1M"])
    assert 0.1 < held.mean() < 0.5
    poisoned = cor["COR1M"].copy()
    poisoned[3000:] = 1e6
    np.testing.assert_array_equal(exposure(poisoned)[:3000], held[:3000])
