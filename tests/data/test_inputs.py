"""A source's file that is replaced while a panel is built from it: nothing is kept, and the message names it."""

import os
import shutil

import polars as pl
import pytest
from test_literal_paths import write

from engine.data import extend_panel, load_market, open_panel, save_panel
from engine.data.sources.us_chains.source import UsChains
from engine.errors import InputError


def doubled(file):
    pl.read_parquet(file).with_columns(pl.col("spot") * 2.0).write_parquet(file.with_name("new"))
    os.replace(file.with_name("new"), file)


def the_same_again(file):
    """Another file of equal contents: what was read in between is not known."""
    shutil.copy2(file, file.with_name("new"))
    os.replace(file.with_name("new"), file)


def flipped_and_dated_back(file):
    """Other bytes in the same file, of the same size and time."""
    state, content = file.stat(), bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))


CHANGES = [doubled, the_same_again, flipped_and_dated_back, os.unlink]


@pytest.fixture
def files(tmp_path):
    return write(tmp_path / "files")


def changing(monkeypatch, change, file):
    whole = UsChains.blocks

    def blocks(source):
        yield from whole(source)
        change(file)

    monkeypatch.setattr(UsChains, "blocks", blocks)


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_replaced_while_a_panel_is_built_leaves_none(files, tmp_path, monkeypatch, change):
    changing(monkeypatch, change, files / "us2026" / "spot.parquet")
    with pytest.raises(InputError, match="changed while"):
        load_market("us_chains", path=files, cache=tmp_path / "panels", progress=False)
    assert list((tmp_path / "panels").iterdir()) == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_replaced_while_a_panel_grows_leaves_it_as_it_was(files, tmp_path, monkeypatch, change):
    whole = load_market("us_chains", path=files, cache=tmp_path / "panels", progress=False)
    save_panel(whole.slice(end="2026-06-02"), tmp_path / "own")
    before = open_panel(tmp_path / "own").content_hash
    changing(monkeypatch, change, files / "us2026" / "spot.parquet")
    with pytest.raises(InputError, match="changed while"):
        extend_panel(tmp_path / "own", "us_chains", files, progress=False)
    assert open_panel(tmp_path / "own").content_hash == before
    monkeypatch.undo()
    write(files)
    assert len(extend_panel(tmp_path / "own", "us_chains", files, progress=False)) == 3
