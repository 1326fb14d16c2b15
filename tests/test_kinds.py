"""Nothing is converted without a word: True is no number, 2.5 no count, "false" not false, 30.9 no tenor."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from engine.backtest import EarlyExit, Straddle, VegaNeutral, VolPoints, backtest
from engine.backtest.signals.transforms import zscore
from engine.correlation import TopWeights, implied_correlation
from engine.data.parquet import scan
from engine.data.synthetic import SyntheticMarket
from engine.errors import InputError
from engine.testing import small_market
from strategies.rich_correlation import RichCorrelation
from strategies.short_correlation import ShortCorrelation

WRONG = [
    (lambda: TopWeights(n=2.5), "TopWeights.n=2.5 is not a whole number"),
    (lambda: TopWeights(n=True), "TopWeights.n=True is not a whole number"),
    (lambda: TopWeights(n="50"), "TopWeights.n=50 is not a whole number"),
    (lambda: Straddle(tenor=30.9), "Straddle.tenor=30.9 is not a whole number"),
    (lambda: EarlyExit(with_signal="false"), "EarlyExit.with_signal=false is not True or False"),
    (lambda: EarlyExit(days_left=True), "EarlyExit.days_left=True is not a number"),
    (lambda: VolPoints(index="0.2"), "VolPoints.index=0.2 is not a number"),
    (lambda: VegaNeutral(index_vega=True), "VegaNeutral.index_vega=True is not a number"),
    (lambda: RichCorrelation(window=20.5), "RichCorrelation.window=20.5 is not a whole number"),
    (lambda: RichCorrelation(enter=float("nan")), "RichCorrelation.enter=nan is not a number"),
    (lambda: SyntheticMarket(tenors=(30.9, 91)), "synthetic tenors: 30.9 is not a whole number"),
    (lambda: SyntheticMarket(names=5.5), "SyntheticMarket.names=5.5 is not a whole number"),
    (lambda: SyntheticMarket(events="false"), "SyntheticMarket.events=false is not True or False"),
    (lambda: SyntheticMarket(years="3"), "SyntheticMarket.years=3 is not a number"),
    (lambda: SyntheticMarket(start=16000), "start=16000 is not a date"),
    (lambda: SyntheticMarket(start="2014"), "start=2014 is not a date"),
    (lambda: zscore(np.arange(9.0), 2.5), "window=2.5 is not a whole number"),
    (lambda: zscore(np.arange(9.0), True), "window=True is not a whole number"),
    (lambda: backtest(small_market(), ShortCorrelation(), lag=1.5), "lag=1.5 is not a whole number of sessions"),
    (lambda: backtest(small_market(), ShortCorrelation(), lag=True), "lag=True is not a whole number of sessions"),
    (lambda: backtest(small_market(), ShortCorrelation(), risk_free="4%"), "risk_free=4% is not a number"),
    (
        lambda: implied_correlation(np.ones(2), np.ones((2, 2)), np.ones((2, 2)), min_coverage=True),
        "min_coverage=True is not a fraction",
    ),
]


@pytest.mark.parametrize(("call", "words"), WRONG, ids=[words.split(" is ")[0] for _, words in WRONG])
def test_a_value_of_another_kind_is_refused_by_name(call, words):
    with pytest.raises(InputError, match=words.replace("(", r"\(")):
        call()


def test_numbers_of_numpy_and_dates_of_every_kind_are_what_they_are():
    assert TopWeights(n=np.int64(3)).n == 3
    assert VolPoints(index=np.float32(0.5)).index == 0.5
    assert EarlyExit(stop=1).stop == 1
    for start in ("2014-01-02", date(2014, 1, 2), np.datetime64("2014-01-02")):
        assert SyntheticMarket(start=start).start == "2014-01-02"


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        (pl.Date, [20_000], "not dates"),
        (pl.Date, ["2026-01-02"], "not dates"),
        (pl.Date, pl.Series([1]).cast(pl.Duration("ms")), "not dates"),
        (pl.Date, pl.Series([0]).cast(pl.Time), "not dates"),
        (pl.Date, pl.Series(["2026-01-02T00:00"]).str.to_datetime().dt.replace_time_zone("Asia/Tokyo"), "not dates"),
        (pl.Date, pl.Series(["2026-01-02T15:30"]).str.to_datetime(), "times of the day, not dates"),
        (pl.Float64, ["1.5"], "not numbers"),
        (pl.Float64, [True], "not numbers"),
        (pl.Float64, [date(2026, 1, 2)], "not numbers"),
        (pl.Int64, [1.5], "not whole numbers"),
        (pl.String, [5], "not text"),
        (pl.String, [date(2026, 1, 2)], "not text"),
    ],
)
def test_a_column_of_another_kind_is_refused_by_file_and_column(tmp_path, kind, values, words):
    file = tmp_path / "prices.parquet"
    pl.DataFrame({"x": values}).write_parquet(file)
    with pytest.raises(InputError, match=rf"prices\.parquet, column x holds .*{words}"):
        scan(file, {"x": kind})


def test_whole_days_as_times_and_numbers_of_another_width_are_read(tmp_path):
    file = tmp_path / "prices.parquet"
    day = pl.Series(["2026-01-02T00:00"]).str.to_datetime()
    pl.DataFrame(
        {"day": day, "x": pl.Series([1], dtype=pl.Int16), "n": pl.Series(["A"], dtype=pl.Categorical), "e": [None]}
    ).write_parquet(file)
    read = scan(file, {"day": pl.Date, "x": pl.Float64, "n": pl.String, "e": pl.Float64}).collect()
    assert read.row(0) == (date(2026, 1, 2), 1.0, "A", None)
