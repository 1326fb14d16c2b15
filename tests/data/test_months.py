"""Vendors' folders are built month by month: the bits of the whole, whatever the files, the memory and the kills."""

import gzip
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.benchmark.vendor_folder import write_vendor_folder
from engine.data import build_panel, extend_panel, load_market, save_panel
from engine.data.store import kept
from engine.data.store.header import read_header
from engine.data.tables.choices import Choices
from engine.data.tables.own_market import from_judged
from engine.data.vendors.canonical import vendor_tables
from engine.errors import InputError

SESSIONS, NAMES = 45, 3  # of three months
TOLD = {"progress": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vendor") / "files"
    write_vendor_folder(folder, NAMES, SESSIONS, 64)
    return folder


@pytest.fixture(scope="module")
def built(folder, tmp_path_factory):
    return load_market("ivydb", folder, cache=tmp_path_factory.mktemp("built"), **TOLD)


def arrays(panel) -> dict:
    found = {}
    panel.map_arrays(lambda name, array: found.setdefault(name, np.asarray(array)))
    return found


def assert_same(one, other):
    for name, array in arrays(one).items():
        np.testing.assert_array_equal(array, arrays(other)[name], err_msg=name)
    assert one.contracts.rows.collect().equals(other.contracts.rows.collect())


def quotes_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("opprcd_*"))


def beside(folder: Path, where: Path, *names: str) -> Path:
    """Copy the small files of a folder."""
    where.mkdir(parents=True)
    for file in (*names, "secprd.csv", "zerocd.csv", "secnmd.csv"):
        (where / file).write_bytes((folder / file).read_bytes())
    return where


def test_a_panel_built_by_months_has_the_bits_of_one_whose_tables_are_read_whole(folder, built):
    assert len({str(date)[:7] for date in built.dates}) == 3
    tables = vendor_tables(folder).tables
    rates = tables["rates"].kept.with_columns(pl.col("date").dt.offset_by("-1d"))
    tables["rates"] = type(tables["rates"])(**vars(tables["rates"]) | {"kept": rates})
    whole = from_judged(tables, Choices(index="SPX", marks="quoted"), "ivydb").panel()
    assert_same(whole, built)
    counts = built.report.quality.drop("source")
    assert counts.join(whole.report.quality, on=counts.columns, how="semi").height == whole.report.quality.height
    assert np.isfinite(built.component_iv).mean() > 0.3


@pytest.mark.parametrize("kind", ["sorted", "by name", "shuffled", "gz", "parquet"])
def test_one_large_file_is_cut_by_month_and_gives_the_same_panel(folder, built, tmp_path, monkeypatch, kind):
    lines = [line for file in quotes_of(folder) for line in file.read_text().splitlines()[1:]]
    if kind == "by name":
        lines = sorted(lines)
    if kind == "shuffled":
        lines = [lines[i] for i in np.random.default_rng(0).permutation(len(lines))]
    header = quotes_of(folder)[0].read_text().splitlines()[0]
    text = "\n".join([header, *lines]) + "\n"
    where = beside(folder, tmp_path / "files")
    (where / "opprcd.csv").write_text(text)
    if kind == "gz":
        (where / "opprcd.csv").unlink()
        (where / "opprcd.csv.gz").write_bytes(gzip.compress(text.encode(), 1))
    if kind == "parquet":
        pl.read_csv(where / "opprcd.csv", try_parse_dates=True).write_parquet(where / "opprcd.parquet")
        (where / "opprcd.csv").unlink()
    monkeypatch.setattr("engine.data.vendors.landed.text_at_once", lambda budget: 70_001)
    monkeypatch.setattr("engine.data.vendors.market.rows_at_once", lambda budget: 500)
    found = load_market("ivydb", where, cache=tmp_path / "cache", **TOLD)
    for name, array in arrays(built).items():
        np.testing.assert_array_equal(array, arrays(found)[name], err_msg=name)
    assert found.report.quality.equals(built.report.quality)
    one, other = (panel.contracts.rows.collect().sort(pl.all()) for panel in (found, built))
    assert one.equals(other)
    assert not list((tmp_path / "cache").rglob(".split-*"))


def test_a_large_file_that_cannot_be_cut_is_refused_with_what_it_takes(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.data.vendors.landed.text_at_once", lambda budget: 1000)
    where = beside(folder, tmp_path / "files", quotes_of(folder)[0].name)
    with pytest.raises(
        InputError, match=r"secprd\.csv has some .* cannot be cut by month: reading it takes market\.mem"
    ):
        load_market("ivydb", where, cache=tmp_path / "cache", **TOLD)


@pytest.mark.parametrize("budget", [0.5, -1.0, float("nan")])
def test_a_budget_that_nothing_can_keep_to_is_refused(folder, tmp_path, budget):
    with pytest.raises(InputError, match="memory_budget"):
        load_market("ivydb", folder, cache=tmp_path, memory_budget=budget, **TOLD)


def test_the_budget_decides_how_a_panel_is_built_and_not_which_it_is(folder, built, tmp_path):
    one, other = (build_panel("ivydb", folder, cache=tmp_path, memory_budget=gb, **TOLD) for gb in (1.0, 2.0))
    assert one == other


KILLED = """
import os, signal, sys
from engine.data import build_panel
from engine.data.store import kept

made, left = kept._write, int(sys.argv[3])

def write(folder, make):
    global left
    def some(put):
        found = make(put)
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return found
    made(folder, some)

kept._write = write
build_panel("ivydb", sys.argv[1], cache=sys.argv[2], progress=False)
"""


@pytest.mark.parametrize("steps", [1, 49, 52])  # while files are read, months judged, months inverted
def test_a_build_that_is_killed_goes_on_at_the_last_finished_step(folder, built, tmp_path, monkeypatch, steps):
    ended = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(tmp_path), str(steps)], check=False)
    assert ended.returncode == -signal.SIGKILL
    done = {path.parent: path.stat().st_mtime_ns for path in tmp_path.rglob("whole.json") if ".part" not in str(path)}
    assert len(done) == steps - 1
    found = build_panel("ivydb", folder, cache=tmp_path, **TOLD)
    assert all((step / "whole.json").stat().st_mtime_ns == when for step, when in done.items())
    assert not list(tmp_path.rglob("*.part"))
    whole = build_panel("ivydb", folder, cache=tmp_path / "other", **TOLD)
    assert read_header(found)["content_hash"] == read_header(whole)["content_hash"] == built.content_hash
    for file in sorted(whole.iterdir()):
        assert (found / file.name).read_bytes() == file.read_bytes(), file.name


@pytest.mark.parametrize("told", ["{}", "[]", "", "null", '{"facts": {}, "files": {}, "sha256": "0"}'])
def test_a_step_that_says_what_no_step_says_is_refused(folder, built, tmp_path, told):
    build_panel("ivydb", folder, cache=tmp_path, **TOLD)
    step = sorted(tmp_path.rglob("whole.json"))[0]
    whole = json.loads(step.read_text())
    step.write_text(told)
    with pytest.raises(InputError, match=r"whole\.json (is damaged|cannot be read); remove the folder"):
        kept._opened(step.parent)
    step.write_text(json.dumps(whole | {"facts": {"rows": 1}}))
    with pytest.raises(InputError, match=r"whole\.json is damaged"):
        kept._opened(step.parent)


def test_a_new_day_is_added_without_reading_the_files_of_others(folder, built, tmp_path, monkeypatch):
    where = beside(folder, tmp_path / "files", *(file.name for file in quotes_of(folder)[:-1]))
    save_panel(load_market("ivydb", where, cache=tmp_path / "cache", **TOLD), tmp_path / "own")
    last = quotes_of(folder)[-1]
    (where / last.name).write_bytes(last.read_bytes())
    read = []
    real = __import__("engine.data.vendors.landed", fromlist=["read_file"]).read_file
    monkeypatch.setattr(
        "engine.data.vendors.landed.read_file", lambda raw, *rest: read.append(raw.name) or real(raw, *rest)
    )
    extended = extend_panel(tmp_path / "own", "ivydb", where, cache=tmp_path / "cache", **TOLD)
    assert read == [last.name]
    assert len(extended) == SESSIONS
    for name, array in arrays(built).items():
        np.testing.assert_array_equal(array, arrays(extended)[name], err_msg=name)
    assert extended.content_hash == built.content_hash


def test_a_step_that_was_damaged_is_named_with_what_to_do(folder, tmp_path):
    build_panel("ivydb", folder, cache=tmp_path, **TOLD)
    for step in (tmp_path / "steps" / "smiles").rglob("smiles.parquet"):
        data = bytearray(step.read_bytes())
        data[len(data) // 2] ^= 1
        step.write_bytes(data)
    with pytest.raises(
        InputError, match=r"smiles\.parquet was changed or damaged after it was written; remove the folder"
    ):
        load_market("ivydb", folder, cache=tmp_path, rebuild=True, **TOLD)
