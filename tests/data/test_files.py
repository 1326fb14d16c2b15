"""Tables of one's own as files: the same panel as of frames, bit for bit, whatever the files are; and stored panels."""

import gzip
import zipfile
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from engine.data import (
    MarketPanel,
    build_panel,
    extend_panel,
    load_market,
    load_quality,
    load_rejected,
    open_panel,
    save_panel,
)
from engine.data.sources.files import Files
from engine.data.tables.table_files import read_table
from engine.errors import InputError
from tests.data.test_frames import DAYS, prices, surface
from tests.data.tiny_panel import arrays, tiny_panel

WEIGHTS = pl.DataFrame({"date": [DAYS[0] - timedelta(3)] * 2, "ticker": ["A", "B"], "weight": [0.6, 0.4]})
RATES = pl.DataFrame({"date": [DAYS[0] - timedelta(3)], "rate": [0.03]})
TABLES = {"surface": surface(), "weights": WEIGHTS, "prices": prices(first=3), "rates": RATES}


def comma(frame, path):
    frame.write_csv(path)


def semicolon(frame, path):
    path.write_text(frame.write_csv(separator=";", decimal_comma=True))


def with_mark(frame, path):
    path.write_bytes(b"\xef\xbb\xbf" + frame.write_csv().encode())


def utf16(frame, path):
    path.write_bytes(frame.write_csv().encode("utf-16"))


def windows(frame, path):
    path.write_bytes(frame.write_csv().replace("\n", "\r\n").encode("latin-1"))


def tabs(frame, path):
    frame.write_csv(path, separator="\t")


def gzipped(frame, path):
    path.with_suffix(".csv.gz").write_bytes(gzip.compress(frame.write_csv().encode()))


def zipped(frame, path):
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        archive.writestr(path.name, frame.write_csv())


def parquet(frame, path):
    frame.write_parquet(path.with_suffix(".parquet"))


def american_dates(frame, path):
    dates = [pl.col(name).dt.strftime("%m/%d/%Y") for name in frame.columns if frame[name].dtype == pl.Date]
    frame.with_columns(dates).write_csv(path)


def whole_dates(frame, path):
    dates = [pl.col(name).dt.strftime("%Y%m%d") for name in frame.columns if frame[name].dtype == pl.Date]
    frame.with_columns(dates).write_csv(path)


def moments(frame, path):
    dates = [pl.col(name).cast(pl.Datetime) for name in frame.columns if frame[name].dtype == pl.Date]
    frame.with_columns(dates).write_csv(path)


def capitals(frame, path):
    frame.rename({name: f" {name.upper()} " for name in frame.columns}).write_csv(path.with_name(path.name.upper()))


FORMS = (comma, semicolon, with_mark, utf16, windows, tabs, gzipped, zipped, parquet, whole_dates, moments, capitals)


def folder_of(tmp_path, tables=TABLES, form=comma):
    folder = tmp_path / "mine"
    folder.mkdir(exist_ok=True)
    for name, frame in tables.items():
        form(frame, folder / f"{name}.csv")
    return folder


def load(folder, **settings):
    settings = {"index": "IDX"} | settings
    return load_market("files", folder, cache=folder.parent / "panels", progress=False, **settings)


def assert_same_numbers(one, other):
    first, second = arrays(one), arrays(other)
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)
    for axis in ("names", "tenors", "deltas"):
        np.testing.assert_array_equal(getattr(one, axis), getattr(other, axis))
    assert (one.history is None) == (other.history is None)
    if one.history is not None:
        one.history.map_arrays(lambda name, a: np.testing.assert_array_equal(a, getattr(other.history, name[8:])))


@pytest.mark.parametrize("form", FORMS)
def test_files_of_any_form_make_the_panel_of_the_frames_bit_for_bit(form, tmp_path):
    frames = dict(TABLES)
    whole = MarketPanel.from_frames(**frames, index="IDX")
    found = load(folder_of(tmp_path, form=form))
    assert_same_numbers(whole, found)
    assert found.info.notes == tuple(note for note in whole.info.notes)
    assert found.info.source == whole.info.source


def test_dates_of_day_and_month_are_read_where_one_of_them_tells_which_is_which(tmp_path):
    tables = TABLES | {
        "weights": WEIGHTS.drop("date"),
        "rates": RATES.with_columns(pl.lit(date(2025, 12, 31)).alias("date")),
    }
    telling = {name: frame for name, frame in tables.items() if name in ("weights", "rates")}
    folder = folder_of(tmp_path, telling, american_dates)
    folder_of(tmp_path, {"surface": surface(), "prices": prices()})
    assert load(folder).rate.tolist() == [0.03] * len(DAYS)
    whole = load(folder)
    american_dates(prices(), folder / "prices.csv")  # goes on to the 14th, which is no month
    assert_same_numbers(whole, load(folder))
    american_dates(prices().filter(pl.col("date") <= date(2026, 1, 12)), folder / "prices.csv")
    with pytest.raises(InputError, match=r"prices.csv, column date, line 2: 01/05/2026 is not clear, day and month"):
        load(folder)


def test_a_panel_built_in_blocks_is_the_whole_one(tmp_path, monkeypatch):
    folder = folder_of(tmp_path)
    whole = load(folder)
    monkeypatch.setattr("engine.data.tables.table_source.BLOCK", "datetime64[W]")  # which begin on Thursdays
    blocks = list(Files(path=str(folder), index="IDX").blocks())
    assert [len(block) for block in blocks] == [3, 5]
    assert_same_numbers(whole, blocks[0].append(blocks[1]))


def test_a_table_may_come_in_parts_that_do_not_contradict_each_other(tmp_path):
    rows = surface()
    folder = folder_of(tmp_path, TABLES | {"surface": rows.filter(pl.col("ticker") != "IDX")})
    rows.filter(pl.col("ticker") == "IDX").with_columns(pl.col("iv") * 100).write_parquet(
        folder / "surface_index.parquet"
    )
    found = load(folder)
    np.testing.assert_allclose(found.index_iv, MarketPanel.from_frames(**TABLES, index="IDX").index_iv, rtol=1e-6)
    rows.write_csv(folder / "surface-again.csv")
    with pytest.raises(InputError, match="both have a row of 2026-01-05, "):
        load(folder)


def test_equal_weights_and_a_constant_rate_are_settings(tmp_path):
    folder = folder_of(tmp_path, {"surface": surface(), "prices": prices(first=3)})
    found = load(folder, weights="equal", rate=0.02)
    assert (found.weights == 0.5).all()
    assert (found.rate == 0.02).all()
    with pytest.raises(InputError, match=r"has no file weights.*or set market.weights=equal"):
        load(folder)
    WEIGHTS.write_csv(folder / "weights.csv")
    with pytest.raises(InputError, match=r"weights\.csv has weights; leave out market\.weights=equal"):
        load(folder, weights="equal")


def test_a_wide_surface_takes_its_tenor_and_delta_from_the_settings(tmp_path):
    one = surface((91,), (50,))
    folder = folder_of(tmp_path, TABLES | {"surface": one.pivot("ticker", index="date", values="iv")})
    found = load(folder, tenor=91, delta=50)
    assert_same_numbers(MarketPanel.from_frames(**(TABLES | {"surface": one}), index="IDX"), found)


def test_rejected_rows_are_kept_beside_the_panel_with_file_and_line(tmp_path):
    closes = prices().with_columns(close=pl.when(pl.int_range(pl.len()) == 4).then(-1.0).otherwise("close"))
    folder = folder_of(tmp_path, TABLES | {"prices": closes})
    built = build_panel("files", folder, cache=tmp_path / "panels", progress=False, index="IDX")
    rejected, quality = load_rejected(built), load_quality(built)
    assert rejected is not None
    assert quality is not None
    assert rejected.rows() == [("prices", str(folder / "prices.csv"), 6, "close", "close_not_positive", "-1.0")]
    line = (folder / "prices.csv").read_text().splitlines()[5]
    assert line.endswith(",-1.0")
    assert ("files", "A", "prices.close_not_positive", 1) in quality.rows()
    with pytest.raises(InputError, match=r"prices.csv, line 6, column close: close_not_positive \(-1.0\).*strict=true"):
        load(folder, strict=True)


def test_a_panel_of_ones_own_grows_with_its_files(tmp_path):
    cut = DAYS[4]
    early = {
        name: frame if name in ("weights", "rates") else frame.filter(pl.col("date") <= cut)
        for name, frame in TABLES.items()
    }
    folder = folder_of(tmp_path, early)
    save_panel(load(folder), tmp_path / "kept")
    folder_of(tmp_path)
    grown = extend_panel(tmp_path / "kept", "files", folder, index="IDX", progress=False)
    assert_same_numbers(load(folder), grown)
    assert grown.content_hash == load(folder).content_hash


def test_a_panel_is_built_again_when_a_file_or_a_setting_changed(tmp_path):
    folder = folder_of(tmp_path)
    first = build_panel("files", folder, cache=tmp_path / "panels", progress=False, index="IDX")
    assert build_panel("files", folder, cache=tmp_path / "panels", progress=False, index="IDX") == first
    assert build_panel("files", folder, cache=tmp_path / "panels", progress=False, index="A") != first
    RATES.with_columns(rate=pl.lit(0.04)).write_csv(folder / "rates.csv")
    assert build_panel("files", folder, cache=tmp_path / "panels", progress=False, index="IDX") != first


def test_a_stored_panel_is_a_market_opened_where_it_lies(tmp_path):
    panel = tiny_panel()
    save_panel(panel, tmp_path / "stored")
    cache = tmp_path / "panels"
    found = load_market("panel", tmp_path / "stored", cache=cache)
    assert_same_numbers(panel, found)
    assert found.content_hash == open_panel(tmp_path / "stored").content_hash
    assert build_panel("panel", tmp_path / "stored", cache=cache) == tmp_path / "stored"
    assert not cache.exists()
    assert len(load_market("panel", tmp_path / "stored", start=str(panel.dates[2]))) == len(panel) - 2
    with pytest.raises(InputError, match="holds no panel"):
        load_market("panel", tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        load_market("panel", tmp_path / "nowhere")
    with pytest.raises(InputError, match="seed is not a setting of market panel"):
        load_market("panel", tmp_path / "stored", seed=1)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("prices.csv", b"", "is empty"),
        ("prices.csv.gz", gzip.compress(b"date,ticker,close\n" * 999, mtime=0)[:-20], "damaged or cut off"),
        ("prices.csv.gz", b"date,ticker,close\n", "damaged or cut off"),
        ("prices.zip", b"PK nothing", "no zip file"),
        ("prices.parquet", b"date,ticker,close\n", "cannot be read as parquet"),
        ("prices.csv", b"\x00\x01\x02\x00", "is not text"),
        ("prices.csv", b"date,ticker,close\n2026-01-05,A,1,2\n", "line 2, which has 4 fields and not 3,"),
        ("prices.csv", b"date,ticker,close,Close\n2026-01-05,A,1,2\n", "more than one column close"),
        ("prices.csv", b"date,ticker,close\n2026-01-05,A,1\n2026-01-06,A", "ends in the middle of a line"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as told:
        read_table(tmp_path / name)
    assert name in str(told.value)


def test_a_zip_of_several_files_and_a_sheet_are_refused_and_a_near_miss_is_named(tmp_path):
    folder = folder_of(tmp_path, {"weights": WEIGHTS, "surface": surface()})
    with zipfile.ZipFile(folder / "prices.zip", "w") as archive:
        archive.writestr("one.csv", "date\n")
        archive.writestr("two.csv", "date\n")
    with pytest.raises(InputError, match="holds 2 files; zip one table by itself"):
        load(folder)
    (folder / "prices.zip").rename(folder / "prices.xlsx")
    with pytest.raises(InputError, match=r"save it as CSV or parquet, prices\.csv"):
        load(folder)
    (folder / "prices.xlsx").unlink()
    prices().write_csv(folder / "price.csv")
    with pytest.raises(InputError, match=r"has no file prices.*is it price\.csv\? Rename it"):
        load(folder)
    (folder / "prices.csv").write_text((folder / "price.csv").read_text())
    with pytest.raises(InputError, match="say which ticker is the index leg"):
        load(folder, index="")
