"""A file that was not touched since an earlier build hashed it is not read for its hash again; any other one is."""

import os
import time

import pytest

from engine.benchmark.vendor_folder import write_vendor_folder
from engine.data import build_panel
from engine.data.store import known_sums
from engine.data.store.known_sums import SUMS, KnownSums
from engine.durable import checksum

AGO = time.time() - 3600.0


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"some")
    os.utime(file, (AGO, AGO))
    return file


@pytest.fixture
def read(monkeypatch):
    """The files that are read for their hashes."""
    found = []
    monkeypatch.setattr(known_sums, "checksum", lambda path: found.append(str(path)) or checksum(path))
    return found


def test_an_untouched_file_is_read_once(file, tmp_path, read):
    first = KnownSums(tmp_path).checksum(file)
    assert first == checksum(file)
    assert KnownSums(tmp_path).checksum(file) == first
    assert read == [str(file)]


def test_what_one_build_hashes_itself_it_hashes_each_time(file, tmp_path, read):
    sums = KnownSums(tmp_path)
    sums.checksum(file)
    file.write_bytes(b"else")  # of the same size
    os.utime(file, (AGO, AGO))
    assert sums.checksum(file) == checksum(file)
    assert len(read) == 2


@pytest.mark.parametrize("how", ["touched", "longer", "replaced", "not trusted"])
def test_any_other_file_is_read_again(file, tmp_path, read, how):
    KnownSums(tmp_path).checksum(file)
    if how == "touched":
        file.write_bytes(b"else")
        os.utime(file, (AGO + 1.0, AGO + 1.0))
    elif how == "longer":
        file.write_bytes(b"longer")
        os.utime(file, (AGO, AGO))
    elif how == "replaced":
        other = tmp_path / "other"
        other.write_bytes(b"else")
        os.utime(other, (AGO, AGO))
        os.replace(other, file)
    assert KnownSums(tmp_path, trust=how != "not trusted").checksum(file) == checksum(file)
    assert len(read) == 2


def test_a_file_that_was_written_moments_ago_is_not_remembered(file, tmp_path, read):
    os.utime(file)
    KnownSums(tmp_path).checksum(file)
    assert not (tmp_path / SUMS).exists()


def test_nothing_is_remembered_where_nothing_can_be_written(file, tmp_path, read):
    (tmp_path / "cache").write_text("no folder")
    assert KnownSums(tmp_path / "cache" / "steps").checksum(file) == checksum(file)


def test_lines_that_a_kill_cut_off_are_of_no_file(file, tmp_path, read):
    KnownSums(tmp_path).checksum(file)
    line = (tmp_path / SUMS).read_text()
    for cut in (line[:20], "\n[1]\n", "null\n"):
        (tmp_path / SUMS).write_text(cut)
        assert KnownSums(tmp_path).checksum(file) == checksum(file)
    assert len(read) == 4


def test_a_new_day_hashes_the_new_files_alone_and_a_rebuild_all(tmp_path, read):
    files = tmp_path / "files"
    write_vendor_folder(files, 2, 6, 64)
    last = sorted(files.glob("opprcd_*"))[-1]
    text = last.read_bytes()
    last.unlink()
    for file in files.iterdir():
        os.utime(file, (AGO, AGO))
    build_panel("ivydb", files, cache=tmp_path / "cache", progress=False)
    last.write_bytes(text)
    read.clear()
    build_panel("ivydb", files, cache=tmp_path / "cache", progress=False)
    assert set(read) == {str(last)}
    read.clear()
    build_panel("ivydb", files, cache=tmp_path / "cache", progress=False, rebuild=True)
    assert len(set(read)) == 9
