"""Frames that cannot be a market: columns of types that hold no numbers, no row, weights that count nowhere."""

import datetime

import polars as pl
import pytest

from engine import MarketPanel
from engine.errors import InputError

DATES = [datetime.date(2024, 1, 2) + datetime.timedelta(days) for days in range(4)]
PRICES = pl.DataFrame({"date": DATES, "IDX": [1.0] * 4, "A": [2.0] * 4, "B": [3.0] * 4})
SURFACE = {"date": DATES, "IDX": [0.1] * 4, "A": [0.2] * 4}
NO_NUMBERS = {
    "Boolean": pl.Series([True] * 4),
    "List": pl.Series([[0.1]] * 4),
    "Object": pl.Series([object()] * 4, dtype=pl.Object),
    "Binary": pl.Series([b"x"] * 4),
    "Date": pl.Series(DATES),
}
NUMBERS = {
    "text": pl.Series(["0.3"] * 4),
    "categories": pl.Series(["0.3"] * 4, dtype=pl.Categorical),
    "decimals": pl.Series(["0.3"] * 4).cast(pl.Decimal(10, 4)),
    "halves": pl.Series([0.3] * 4, dtype=pl.Float32),
}


def panel(surface, **more):
    return MarketPanel.from_frames(surface, "equal", PRICES, index="IDX", tenor=30, delta=50, **more)


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_a_column_of_a_wide_frame_that_holds_no_numbers_is_named(kind):
    with pytest.raises(InputError, match=f"surface, column B holds {kind}.*not numbers"):
        panel(pl.DataFrame(SURFACE).with_columns(NO_NUMBERS[kind].alias("B")))


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_a_column_of_a_long_frame_that_holds_no_numbers_is_named(kind):
    values = NO_NUMBERS[kind].alias("iv")
    parts = [pl.DataFrame({"date": DATES, "ticker": [name] * 4}).with_columns(values) for name in ("IDX", "A", "B")]
    with pytest.raises(InputError, match=f"column iv holds {kind}.*not numbers"):
        panel(pl.concat(parts))


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_of_any_type_and_texts_of_them_are_read(kind):
    found = panel(pl.DataFrame(SURFACE).with_columns(NUMBERS[kind].alias("B")))
    assert found.component_iv[:, 1, 0, 0].tolist() == pytest.approx([0.3] * 4)


def test_categories_of_dates_are_the_dates_they_stand_for():
    given = pl.DataFrame(SURFACE | {"B": [0.3] * 4})
    dressed = given.with_columns(pl.col("date").cast(pl.String).cast(pl.Categorical))
    assert panel(dressed).dates.tolist() == panel(given).dates.tolist() == DATES


def test_a_date_of_another_century_is_said_to_be_one():
    far = [date.replace(year=2300) for date in DATES]
    with pytest.raises(InputError, match="line 1: 2300-01-02 is not of the years 1900 to 2100"):
        panel(pl.DataFrame(SURFACE | {"date": far, "B": [0.3] * 4}))


def test_no_option_lives_for_a_century():
    long = pl.DataFrame(SURFACE | {"B": [0.3] * 4}).unpivot(index="date", variable_name="ticker", value_name="iv")
    with pytest.raises(InputError, match="tenor_not_whole_days 12"):
        MarketPanel.from_frames(long.with_columns(tenor=2**62, delta=50), "equal", PRICES, index="IDX")


def test_an_empty_wide_frame_has_no_row():
    with pytest.raises(InputError, match="surface has no row"):
        panel(pl.DataFrame(SURFACE | {"B": [0.3] * 4}).head(0))


def test_true_and_false_of_pandas_are_no_volatilities():
    pandas = pytest.importorskip("pandas")
    column = pandas.array([True, None, True, False], dtype="boolean")
    with pytest.raises(InputError, match="column B holds Boolean"):
        panel(pandas.DataFrame(SURFACE | {"B": column}))


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        (
            {"ticker": ["X", "Y"], "weight": [0.5, 0.5]},
            r"no ticker of weights \(X, Y\) is among those of surface \(A, B\)",
        ),
        ({"date": ["2030-01-01"] * 2, "ticker": ["A", "B"], "weight": [0.5, 0.5]}, "dated from 2030-01-01 on"),
    ],
)
def test_weights_that_count_nowhere_are_refused(weights, match):
    surface = pl.DataFrame(SURFACE | {"B": [0.3] * 4})
    with pytest.raises(InputError, match=match):
        MarketPanel.from_frames(surface, pl.DataFrame(weights), PRICES, index="IDX", tenor=30, delta=50)


def test_an_index_without_members_is_no_market():
    with pytest.raises(InputError, match="surface has the index IDX alone"):
        panel(pl.DataFrame({"date": DATES, "IDX": [0.1] * 4}))
