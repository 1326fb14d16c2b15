"""Intraday: snapshots become levels as they arrive, exactly those of the same surfaces computed as dates."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.backtest import backtest
from engine.correlation import AllMembers, implied_correlation
from engine.data import load_market, open_panel, save_panel
from engine.errors import InputError
from engine.study.snapshots import LiveCorrelation, read_snapshot
from strategies.short_correlation import ShortCorrelation

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("market.years=1", "market.names=6", "basket=all")


@pytest.fixture(scope="module")
def market():
    return load_market("synthetic", years=1, names=6, progress=False)


def snapshot(market, t, when) -> pl.DataFrame:
    """Rows of the surfaces of session t, told at a time of the day."""
    surface = np.concatenate([market.index_iv[t][None], market.component_iv[t]])
    symbol, tenor, delta = np.meshgrid([market.info.index, *market.names], market.tenors, market.deltas, indexing="ij")
    rows = {"symbol": symbol.ravel(), "tenor": tenor.ravel(), "delta": delta.ravel(), "iv": surface.ravel()}
    return pl.DataFrame({"time": pl.Series([when] * surface.size).str.to_datetime(), **rows})


def arrive(frame, path: Path) -> None:
    frame.write_parquet(path.with_suffix(".part"))
    path.with_suffix(".part").rename(path)


def test_a_growing_day_has_the_correlations_of_the_same_surfaces_as_dates(market):
    weights = np.stack([market.weights[-1], np.where(np.arange(len(market.names)) < 3, market.weights[-1], 0.0)])
    live = LiveCorrelation(weights)
    when = np.datetime64("2026-08-21T15:00") + np.arange(40) * np.timedelta64(1, "m")
    for t in range(40):
        live.append(when[t], market.index_iv[t], market.component_iv[t])
    whole = implied_correlation(market.index_iv[:40], market.component_iv[:40], np.repeat(weights[:, None], 40, axis=1))
    for name, array in vars(whole).items():
        np.testing.assert_array_equal(getattr(live.record, name), array, err_msg=name)
    np.testing.assert_array_equal(live.times, when)
    np.testing.assert_array_equal(live.component_iv, market.component_iv[:40])
    with pytest.raises(InputError, match="is not later than"):
        live.append(when[-1], market.index_iv[0], market.component_iv[0])


def test_a_file_is_read_onto_the_axes_whatever_the_order_of_its_rows(market, tmp_path):
    frame = snapshot(market, 5, "2026-08-21T15:45:00").sample(fraction=1.0, shuffle=True, seed=1)
    for path in (tmp_path / "a.parquet", tmp_path / "a.csv"):
        frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_csv(path)
        when, index_iv, component_iv = read_snapshot(path, market)
        assert str(when) == "2026-08-21 15:45:00"
        np.testing.assert_array_equal(index_iv, market.index_iv[5])
        np.testing.assert_array_equal(component_iv, market.component_iv[5])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: f.drop("iv"), "has no column iv"),
        (lambda f: f.with_columns(symbol=pl.lit("NOBODY")), "symbol NOBODY is not in the market"),
        (lambda f: f.with_columns(tenor=pl.lit(31)), "tenor 31 is not in the market"),
        (lambda f: f.head(0), "has no rows"),
        (lambda f: f.with_columns(iv=pl.lit("high")), "column iv holds String"),
        (
            lambda f: f.with_columns(time=pl.col("time").dt.offset_by(pl.int_range(pl.len()).cast(str) + "s")),
            "a snapshot holds one",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_told_by_name(market, tmp_path, spoil, words):
    path = tmp_path / "broken.parquet"
    spoil(snapshot(market, 5, "2026-08-21T15:45:00")).write_parquet(path)
    with pytest.raises(InputError, match=words) as told:
        read_snapshot(path, market)
    assert "broken.parquet" in str(told.value)


def test_the_command_publishes_what_arrives_and_stops_cleanly(market, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    arrive(snapshot(market, 3, "2026-08-21T09:30:00"), source / "0930.parquet")
    command = [sys.executable, "-m", "engine.correlate", *SMALL, f"watch={source}", f"hydra.run.dir={tmp_path / 'out'}"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'engine' / 'plugins'}"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    latest = tmp_path / "out" / "latest.json"

    def wait_for(told):
        end = time.monotonic() + 60.0
        while not (latest.exists() and json.loads(latest.read_text())["time"] == told):
            assert time.monotonic() < end, "the snapshot was not published"
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)

    try:
        wait_for("2026-08-21 09:30:00")
        (source / "0931.csv").write_text("time,symbol\n")
        arrive(snapshot(market, 4, "2026-08-21T09:35:00"), source / "0935.parquet")
        wait_for("2026-08-21 09:35:00")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert "Stopped after 2 snapshots" in out
    assert "Traceback" not in err
    assert "left out: " in err
    assert "0931.csv" in err
    rows = pl.read_parquet(tmp_path / "out" / "correlation.parquet")
    weights = AllMembers().select(market.weights, market.names)[-1:]
    expected = implied_correlation(market.index_iv[3:5], market.component_iv[3:5], np.repeat(weights, 2, axis=0))
    found = rows["implied_correlation"].to_numpy().reshape(expected.clean.shape)
    np.testing.assert_array_equal(found, expected.clean)
    assert (tmp_path / "out" / "manifest.json").exists()


def test_a_panel_may_hold_times_of_the_day_but_is_not_backtested(market, tmp_path):
    times = np.datetime64("2026-08-21T09:30", "us") + np.arange(len(market)) * np.timedelta64(1, "m")
    intraday = replace(market, dates=times)
    first, rest = intraday.slice(end="2026-08-21"), intraday.slice(start="2026-08-21T10:00")
    assert len(rest) == len(market) - 30
    assert first.dates.dtype == times.dtype
    save_panel(intraday, tmp_path / "panel")
    kept = open_panel(tmp_path / "panel")
    np.testing.assert_array_equal(kept.dates, times)
    later = replace(intraday.slice(start=rest.dates[0]), dates=rest.dates + np.timedelta64(1, "D"), history=None)
    assert len(intraday.append(later)) == len(market) + len(later)
    with pytest.raises(InputError, match="holds times of the day"):
        backtest(kept, ShortCorrelation())


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: f.with_columns(delta=pl.col("delta") + 0.9), "delta 10.9 is not in the market"),
        (lambda f: f.with_columns(tenor=pl.col("tenor") + 0.9), "tenor 5.9 is not in the market"),
        (lambda f: f.with_columns(tenor=pl.col("tenor").cast(str)), "column tenor holds String; give calendar days"),
        (lambda f: f.with_columns(iv=pl.col("iv").cast(str)), "column iv holds String; give decimals"),
        (lambda f: f.with_columns(symbol=pl.lit(7)), "column symbol holds Int32; give text"),
        (
            lambda f: f.with_columns(time=pl.lit(1_755_787_500)),
            "column time holds Int32; give a date with a time of day",
        ),
        (lambda f: f.with_columns(time=pl.col("time").dt.date()), "column time holds Date; give a date with a time"),
        (lambda f: f.with_columns(time=pl.col("time").dt.replace_time_zone("Asia/Tokyo")), "without a time zone"),
        (lambda f: pl.concat([f, f.tail(1)]), "more than once .symbol, tenor, delta.; keep one"),
        (lambda f: pl.concat([f, f.head(1).with_columns(iv=pl.lit(0.9, pl.Float32))]), "SYNX, 5, 10 more than once"),
        (lambda f: percent(f, pl.lit(True)), "write all in decimals"),
        (lambda f: percent(f, pl.col("symbol") == "SYNX"), "the volatilities of SYNX are .* write all in decimals"),
        (lambda f: percent(f, pl.col("symbol") != "SYNX"), "write all in decimals"),
        (lambda f: percent(f, pl.col("symbol") == "SYN03"), "the volatilities of SYN03 are"),
    ],
)
def test_nothing_of_a_snapshot_is_read_as_something_else(market, tmp_path, spoil, words):
    path = tmp_path / "odd.parquet"
    frame = snapshot(market, 5, "2026-08-21T15:45:00")
    frame.write_parquet(path)
    assert read_snapshot(path, market)[1].shape == market.index_iv[5].shape
    spoil(frame.with_columns(symbol=pl.col("symbol").replace(market.names[2], "SYN03"))).write_parquet(path)
    named = replace(market, names=np.where(np.arange(len(market.names)) == 2, "SYN03", market.names), validate=False)
    with pytest.raises(InputError, match=words):
        read_snapshot(path, named)


def percent(frame, which):
    return frame.with_columns(iv=pl.when(which).then(100.0 * pl.col("iv")).otherwise(pl.col("iv")))


@pytest.mark.parametrize("nothing", [0.0, -1.0, -99.99, float("inf"), None])
def test_what_is_written_where_there_is_no_quote_is_missing(market, tmp_path, nothing):
    frame = snapshot(market, 5, "2026-08-21T15:45:00")
    at = (pl.col("tenor") == 30) & (pl.col("symbol") == market.names[1])
    path = tmp_path / "a.parquet"
    frame.with_columns(iv=pl.when(at).then(pl.lit(nothing)).otherwise(pl.col("iv"))).write_parquet(path)
    component_iv = read_snapshot(path, market)[2]
    assert np.isnan(component_iv[1, market.tenors == 30]).all()
    np.testing.assert_array_equal(component_iv[0], market.component_iv[5, 0])
