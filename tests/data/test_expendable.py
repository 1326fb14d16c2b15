"""A parquet file that ends the process of who reads it is refused in one line; a whole one is read as ever."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from engine.data import expendable
from engine.data.expendable import check_survived
from engine.data.parquet import scan
from engine.data.tables.table_files import read_table
from engine.data.vendors.raw_files import RawFile
from engine.data.vendors.scan_rows import scan as scan_raw
from engine.errors import InputError
from engine.study.snapshots import read_snapshot
from engine.testing import small_market

VALUES = 12  # where the first page of such a file says how many values it holds


@pytest.fixture
def deadly(tmp_path):
    """A file whose page says that it holds -1 values."""
    file = tmp_path / "deadly.parquet"
    pl.DataFrame({"a": [1.0, None, 2.0]}).write_parquet(file, compression="uncompressed", statistics=False)
    content = bytearray(file.read_bytes())
    assert content[VALUES] == 6, "3, as its format writes numbers"
    content[VALUES] = 1
    file.write_bytes(content)
    return file


def test_the_file_ends_a_process_that_reads_it(deadly):
    """Else the tests below show nothing; a Polars that raises an error instead makes this whole module needless."""
    ended = subprocess.run(
        [sys.executable, "-c", f"import polars; polars.read_parquet({str(deadly)!r})"], capture_output=True
    )
    assert ended.returncode < 0


READERS = {
    "front door": read_table,
    "prepared files": lambda file: scan(file, {"a": pl.Float64}).collect(),
    "vendor": lambda file: scan_raw(RawFile(file, ("a",), ("a",), ""))[0].collect(),
    "snapshot": lambda file: read_snapshot(file, small_market(sessions=70)),
}


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_refuses_it(deadly, reader):
    with pytest.raises(InputError, match=r"^[^\n]*deadly\.parquet is damaged: [^\n]*copy it again$"):
        READERS[reader](deadly)


def test_packed_in_an_archive(deadly):
    packed = deadly.with_suffix(".parquet.gz")
    packed.write_bytes(gzip.compress(deadly.read_bytes()))
    with pytest.raises(InputError, match=r"deadly\.parquet\.gz is damaged"):
        read_table(packed)


def test_the_next_file_is_read_by_a_new_process(deadly, tmp_path):
    whole = tmp_path / "whole [1].parquet"
    pl.DataFrame({"a": [1.0]}).write_parquet(whole)
    with pytest.raises(InputError):
        check_survived(deadly)
    check_survived(whole)
    with pytest.raises(InputError):
        check_survived(deadly)


def test_a_reader_that_died_of_something_else_condemns_no_file(tmp_path):
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    for file in (first, second):
        pl.DataFrame({"a": [1.0]}).write_parquet(file)
    check_survived(first)
    expendable._running().kill()
    expendable._running().wait()
    check_survived(second)


def test_an_interrupt_reaches_no_reader_and_leaves_no_answer_behind(deadly, tmp_path, monkeypatch):
    whole = tmp_path / "whole.parquet"
    pl.DataFrame({"a": [1.0]}).write_parquet(whole)
    reader = expendable._running()
    assert os.getsid(reader.pid) != os.getsid(0)

    back = reader.stdout
    assert back

    class Interrupted:
        def readline(self):
            raise KeyboardInterrupt

        def close(self):
            back.close()

    monkeypatch.setattr(reader, "stdout", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        check_survived(whole)
    with pytest.raises(InputError):
        check_survived(deadly)


def test_a_file_is_tried_once_until_it_changes(tmp_path, monkeypatch):
    tried = []
    monkeypatch.setattr(expendable, "_survives", lambda path: tried.append(path) is None)
    file = tmp_path / "once.parquet"
    file.write_bytes(b"one")
    check_survived(file)
    check_survived(str(file))
    file.write_bytes(b"other")
    check_survived(file)
    assert tried == [str(file)] * 2


@pytest.mark.parametrize("name", ["new\nline", "ünï=~*?[1]", "-c"])
def test_any_name(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pl.DataFrame({"a": [1.0]}).write_parquet(file := Path(f"{name}.parquet"))
    check_survived(file)


def test_a_file_named_like_a_library_does_no_harm(deadly, monkeypatch):
    (deadly.parent / "polars.py").write_text("raise SystemExit(0)")
    monkeypatch.chdir(deadly.parent)
    expendable._end()
    pl.DataFrame({"a": [1.0]}).write_parquet(file := Path("whole.parquet"))
    check_survived(file)
