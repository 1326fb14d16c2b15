"""What a path is, for people: every vendor, results, one's own tables, two vendors at once, and what is nothing."""

import gzip
import subprocess
import sys
import zipfile

import polars as pl
import pytest

from engine.data.store.storage import save_panel
from engine.data.vendors.recognise import VENDORS, all_vendors
from engine.errors import InputError
from engine.runs import inspection as inspection_module
from engine.runs.inspection import inspection
from tests.data.tiny_panel import tiny_panel
from tests.data.vendor_samples import SAMPLES

VENDOR_OF = {layout.name: vendor.name for vendor in all_vendors() for layout in vendor.layouts}


def text_of(path):
    return "\n".join(inspection(path))


@pytest.mark.parametrize("layout", SAMPLES)
def test_every_file_is_told_by_vendor_layout_columns_and_what_to_run(layout, tmp_path):
    name, text = SAMPLES[layout]
    (tmp_path / name).write_text(text, encoding="utf-8")
    said = text_of(tmp_path)
    expected = VENDOR_OF[layout]
    assert said.startswith(f"{tmp_path}: {expected} - ")
    assert layout in said
    assert "because" in said
    assert f"run         python -m engine.correlate market={expected} " in said or "use  " in said


UNREAD = {layout.name: layout.note for vendor in all_vendors() for layout in vendor.layouts if not layout.views}


@pytest.mark.parametrize("layout", UNREAD)
def test_a_file_that_nothing_is_read_of_is_told_with_what_makes_it_superfluous(layout, tmp_path):
    name, text = SAMPLES[layout]
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert f"  not needed  {UNREAD[layout]}" in text_of(tmp_path)
    assert len(UNREAD[layout].split()) > 5


def test_every_vendor_has_a_sample():
    assert {VENDOR_OF[layout] for layout in SAMPLES} == set(VENDORS)


def test_the_account_of_a_file_names_columns_units_dates_names_expiries_and_the_first_problem(tmp_path):
    name, text = SAMPLES["orats_strikes_file"]
    (tmp_path / name).write_text(text)
    said = text_of(tmp_path)
    for line in (
        "  strike      strike",
        "  delta       delta; delta less 1",
        "  date        trade_date (M/D/YYYY or YYYY-MM-DD)",
        "  dates       1, 2019-01-16 to 2019-01-16",
        "  names       1: ZZQ",
        "  expiries    1, 2019-02-15 to 2019-02-15",
        f"adjusted_contract 1; first {tmp_path / name}, line 4, column copra: ZZQ1190215C00100000",
        "market.weights=equal",
    ):
        assert line in said


def test_zipped_gzipped_and_parquet_files_are_read_as_they_are(tmp_path):
    name, text = SAMPLES["orats_strikes_file"]
    with zipfile.ZipFile(tmp_path / "ORATS_SMV_Strikes_20190116.zip", "w") as archive:
        archive.writestr(name, text)
    with gzip.open(tmp_path / "ORATS_SMV_Strikes_20190117.csv.gz", "wt") as stream:
        stream.write(text.replace("1/16/2019", "1/17/2019"))
    (tmp_path / "2019" / "01").mkdir(parents=True)
    day = pl.read_csv(text.replace("1/16/2019", "1/18/2019").encode())
    day.write_parquet(tmp_path / "2019" / "01" / "strikes_20190118.parquet")
    said = text_of(tmp_path)
    assert "3 files, 2019-01 to 2019-01" in said
    assert "dates       3, 2019-01-16 to 2019-01-18" in said


def test_two_vendors_in_a_folder_are_both_told_with_a_command_for_each(tmp_path):
    for layout in ("orats_strikes_file", "dolthub_chain"):
        (tmp_path / SAMPLES[layout][0]).write_text(SAMPLES[layout][1])
    said = text_of(tmp_path)
    assert "market=orats" in said
    assert "market=dolthub" in said
    assert "2 vendors in one folder" in said


def test_many_files_are_told_by_the_first_the_middle_and_the_last(tmp_path):
    name, text = SAMPLES["hod_l2"]
    for day in range(1, 31):
        (tmp_path / name.replace("0116", f"01{day:02}")).write_text(text.replace("01/16/2019", f"01/{day:02}/2019"))
    said = text_of(tmp_path)
    assert "read        3 of 30 files" in said
    assert "dates       3, 2019-01-01 to 2019-01-30" in said


def test_panels_and_tables_of_ones_own_are_told(tmp_path):
    save_panel(tiny_panel(), tmp_path / "panel")
    assert "market=panel market.path=" in text_of(tmp_path / "panel")
    own = tmp_path / "own"
    own.mkdir()
    for name in ("surface.csv", "prices.csv"):
        (own / name).write_text("date,A\n2026-01-02,1\n")
    assert "market=files market.path=" in text_of(own)


def test_a_damaged_panel_is_told_as_one(tmp_path):
    save_panel(tiny_panel(), tmp_path / "panel")
    file = next((tmp_path / "panel").rglob("spot.bin"))
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"spot.bin is truncated"):
        text_of(tmp_path / "panel")


NOTHING = {
    "people.csv": b"name,phone\nZoe,1\n",
    "notes.txt": b"buy low, sell high\n",
    "empty.csv": b"",
    "blank.csv": b"\n\n\n",
    "picture.csv": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "wide.csv": b"Date,AAPL,MSFT\n2020-01-02,1,2\n",
    "sheet.xlsx": b"PK\x03\x04",
    "broken.zip": b"PK\x03\x04 and no more",
    "broken.parquet": b"PAR1 and no more",
    "utf16.csv": "date,days,rate\n".encode("utf-16"),
    "trades.json": b"{}",
    "archive.7z": b"7z\xbc\xaf",
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_is_no_option_data_is_refused_in_one_message_that_names_it(name, tmp_path):
    (tmp_path / name).write_bytes(NOTHING[name])
    for path in (tmp_path, tmp_path / name):
        with pytest.raises(InputError, match=name) as caught:
            text_of(path)
        assert "\n" not in str(caught.value)


def test_a_file_that_lacks_a_column_is_told_what_is_nearest_and_what_is_missing(tmp_path):
    name, text = SAMPLES["cboe_eod_calcs"]
    (tmp_path / name).write_text(text.replace("bid_1545", "bid").replace("option_type", "kind"))
    with pytest.raises(InputError, match=r"nearest is cboe_datashop .*also has option_type"):
        text_of(tmp_path)


def test_the_command_ends_with_0_or_with_2_and_one_message(tmp_path):
    (tmp_path / "zerocd.csv").write_text(SAMPLES["om_zero"][1])
    command = [sys.executable, "-m", "engine.inspect"]
    good = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True)
    assert (good.returncode, good.stderr) == (0, "")
    assert "ivydb" in good.stdout
    bad = subprocess.run([*command, str(tmp_path / "nowhere")], capture_output=True, text=True)
    assert (bad.returncode, bad.stdout.strip()) == (2, "")
    assert bad.stderr.startswith("error: ")
    assert len(bad.stderr.splitlines()) == 1


def test_of_large_files_the_first_rows_stand_for_all(tmp_path, monkeypatch):
    name, text = SAMPLES["orats_strikes_file"]
    (tmp_path / name).write_text(text)
    monkeypatch.setattr(inspection_module, "MOST_BYTES", 100)
    monkeypatch.setattr(inspection_module, "MOST_ROWS", 1)
    said = text_of(tmp_path)
    assert "read        1 of 1 files, the first 1 rows of each, which stand for all" in said
    assert "quotes: 2 rows" in said


@pytest.mark.parametrize("path", ["x" * 5000, "a\0b", "nowhere"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(InputError, match="is not there; give a file or a folder"):
        text_of(path)


def test_tables_of_ones_own_are_told_with_what_is_odd_about_them(tmp_path):
    rows = "2026-01-02,SPX,30,50,.2\n2026-01-02,A,30,50,.3\n2026-01-05,A,30,50,-1\n"
    (tmp_path / "surface.csv").write_text(f"date,ticker,tenor,delta,iv\n{rows}")
    (tmp_path / "prices.csv").write_text("date,ticker,close\n")
    said = text_of(tmp_path)
    assert "surface: 2 rows of surface.csv, columns date, ticker, tenor, delta, iv" in said
    assert "  dates       1, 2026-01-02 to 2026-01-02" in said
    assert "  names       2: A, SPX" in said
    assert f"iv_not_positive 1; first {tmp_path / 'surface.csv'}, line 4, column iv: -1" in said
    assert f"problem     {tmp_path / 'prices.csv'} has no row; is it the right one?" in said
    assert said.rstrip().endswith(f"market=files market.path={tmp_path} market.index=SPX market.weights=equal")


def test_a_wide_surface_and_a_large_table_are_told(tmp_path, monkeypatch):
    (tmp_path / "surface.csv").write_text("date,SPX,A\n2026-01-02,.2,.3\n")
    (tmp_path / "prices.csv").write_text("date,ticker,close\n" + "2026-01-02,A,1.0\n" * 20)
    monkeypatch.setattr("engine.runs.inspection.MOST_BYTES", 100)
    said = text_of(tmp_path)
    assert "surface: 2 rows of surface.csv, columns date, SPX, A" in said
    assert "tenor is    of no column: say it, market.tenor=" in said
    assert "tenor is    30" not in said  # the one that it is looked at with
    asked = f"market.path={tmp_path} market.index=SPX market.weights=equal market.tenor=DAYS market.delta=50"
    assert f"engine.correlate market=files {asked}" in said
    assert f"engine.run market=files {asked} structure.tenor=DAYS" in said
    assert f"{tmp_path / 'prices.csv'} is large, and was not looked into" in said


def test_a_part_of_a_prepared_market_names_the_folder_above(tmp_path):
    for folder in ("us2026", "us_history"):
        (tmp_path / folder).mkdir()
    said = text_of(tmp_path / "us2026")
    assert "a part of us_chains - prepared files" in said
    assert f"market=us_chains market.path={tmp_path} " in said


def test_a_folder_of_results_is_told_by_its_runs(tmp_path):
    for study in ("mine", "other"):
        (tmp_path / study / "2026-01-02").mkdir(parents=True)
        (tmp_path / study / "2026-01-02" / "manifest.json").write_text("{}")
    assert f"{tmp_path}: 2 runs of this engine" in text_of(tmp_path)
    assert f"{tmp_path / 'mine'}: 1 runs of this engine" in text_of(tmp_path / "mine")
