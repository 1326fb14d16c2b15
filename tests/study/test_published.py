"""The long study as files of a run, and what the calendar does to the indices a run has measured."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from engine.data import find_source
from engine.data.records import MarketInfo
from engine.study.cboe_history import driver_table, realized_table, season_table, weekend_table
from engine.study.published import calendar_frames, published_study, realized_means


def measured(dates):
    """Levels of two indices and two baskets as a run has them, some without an ok status."""
    rng = np.random.default_rng(2)
    rows = [
        {"date": day, "basket": basket, "index": index, "level": 30.0 + noise, "status": "ok" if t % 9 else "above_one"}
        for basket in ("top50", "all")
        for index in ("COR1M", "COR3M", "COR1Y")
        for t, (day, noise) in enumerate(zip(dates.tolist(), rng.standard_normal(len(dates)), strict=True))
    ]
    return pl.DataFrame(rows)


MARKET = SimpleNamespace(info=MarketInfo("small", "IDX"))


def test_season_and_weekend_are_those_of_the_first_basket_and_of_the_published_indices(series):
    levels = measured(series.dates[:400])
    frames, missing = calendar_frames(MARKET, levels, series)
    assert missing == {}
    for name, table in (("season", season_table), ("weekend", weekend_table)):
        ours, theirs = (frames[name].filter(pl.col("of") == of).drop("of") for of in ("measured", "published"))
        wanted = table(series, ["COR1M", "COR3M", "VIX", "VIXEQ"] if name == "weekend" else ["COR1M", "COR3M"])
        assert theirs.equals(wanted)
        assert ours.height > 0
    first = levels.filter((pl.col("basket") == "top50") & (pl.col("status") == "ok") & (pl.col("index") == "COR1M"))
    assert frames["season"].filter(pl.col("of") == "measured")["quarters"].max() <= 7
    assert frames["weekend"].filter(pl.col("of") == "measured")["n"][0] < first.height


def test_what_is_too_short_to_tell_is_named_with_its_reason(series):
    frames, missing = calendar_frames(MARKET, measured(series.dates[:62]), series)
    (what,) = missing
    assert what == "season of the measured indices"
    assert "63 sessions" in missing[what]
    assert set(frames["season"]["of"]) == {"published"}


def test_the_weekend_rows_are_those_of_the_drivers(series):
    drivers = driver_table(series)
    alone = weekend_table(series, ("COR1M", "COR3M", "VIX", "VIXEQ"))
    assert drivers.filter(pl.col("question").str.contains("Friday")).equals(alone)


def test_the_long_study_keeps_every_table_and_compares_means_on_common_dates(series, history):
    frames, tables = published_study(series, history)
    long = {f"published_{name}" for name in ("drivers", "forecasts", "rolling", "realized")}
    assert set(frames) == long | {"replication"}
    realized = frames["published_realized"]
    assert realized.select("index", "window").unique(maintain_order=True).rows() == [("COR1M", 21), ("COR3M", 63)]
    assert realized.filter(pl.col("index") == "COR1M").equals(realized_table(series, history, "COR1M", 21))
    one = realized.filter(pl.col("index") == "COR3M").drop_nulls(["implied", "realized"])
    row = realized_means(realized).row(1, named=True)
    assert row["dates"] == one.height
    assert row["premium"] == pytest.approx(row["implied"] - row["realized"], abs=1e-12)
    (heading,) = [heading for heading in tables if "survivors" in heading]
    assert tables[heading].equals(realized_means(realized))
    assert "published_realized" not in published_study(series, None)[0]


def test_the_survivors_of_the_us_chains_are_offered_beside_the_published_indices(shared_data):
    survivors = find_source("us_chains", shared_data, {}).survivors()
    assert str(survivors.dates[-1]) == "2025-04-28"
    assert find_source("nse", shared_data, {}).survivors() is None
