"""Panels under several processes: built once, never changed under whoever has one open, never left half done."""

import gc
import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from tiny_panel import assert_same, tiny_panel

from engine.data import append_panel, build_panel, load_market, open_panel, save_panel
from engine.data import load as load_module
from engine.data.records import MarketInfo
from engine.data.store import checksums as checksums_module
from engine.data.store.storage import PanelWriter
from engine.data.store.verify import verify_panel
from engine.errors import InputError
from tests.commands import ROOT

# Builds the market of the other tests slowly; its first word says what else, its second is the folder.
BUILD = """
import logging, os, sys, time
sys.path.insert(0, "tests/data")
from engine.data import append_panel, load, load_market
from test_storage_and_load import Tiny
from tiny_panel import tiny_panel

class Slow(Tiny):
    def blocks(self):
        for block in super().blocks():
            print("block", flush=True)
            time.sleep(float(sys.argv[3]))
            while len(sys.argv) > 4 and not os.path.exists(sys.argv[4]):
                time.sleep(0.01)
            yield block

logging.basicConfig(level=logging.INFO)
load.SOURCES["tiny"] = "__main__:Slow"
if sys.argv[1] == "append":
    print(len(append_panel(sys.argv[2], tiny_panel(3, start="2026-01-07"))))
else:
    panel = load_market("tiny", cache=sys.argv[2], progress=False, rebuild=sys.argv[1] == "rebuild")
    print(len(panel), panel.content_hash)
"""


def started(what, folder, seconds=0.0, until=()):
    """Start a process; one that builds rests so many seconds at each block, and until a file is there."""
    command = [sys.executable, "-c", BUILD, what, str(folder), str(seconds), *map(str, until)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def tiny_market(monkeypatch):
    monkeypatch.setitem(load_module.SOURCES, "tiny", "test_storage_and_load:Tiny")


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_of_two_processes_that_ask_for_a_market_at_once_one_builds_and_the_other_waits_for_it(tmp_path):
    cache, go = tmp_path / "cache", tmp_path / "go"
    first = started("build", cache, until=[go])
    assert first.stdout.readline() == "block\n"
    second = started("build", cache)
    told = second.stderr.readline()
    assert "another process is building" in told
    go.touch()
    (out, err), (out_2, err_2) = first.communicate(), second.communicate()
    assert (first.returncode, second.returncode) == (0, 0), err + err_2
    assert out.count("block") == 2  # the first was read above
    assert out_2 == out.replace("block\n", "")
    assert [path.name for path in cache.iterdir()] == [f"tiny-{0:012d}"]


def test_a_build_that_was_killed_is_followed_by_one_that_leaves_nothing_of_it(tiny_market, tmp_path):
    killed = started("build", tmp_path, 60.0)
    killed.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert_same(load_market("tiny", cache=tmp_path, progress=False), tiny_panel(6))
    assert [path.name for path in tmp_path.iterdir()] == [f"tiny-{0:012d}"]
    assert list(verify_panel(tmp_path / f"tiny-{0:012d}")) == []


def test_a_rebuild_that_was_killed_leaves_the_panel_and_the_next_one_removes_what_it_left(tiny_market, tmp_path):
    before = load_market("tiny", cache=tmp_path, progress=False)
    killed = started("rebuild", tmp_path, 60.0)
    killed.stdout.readline()
    while not list(tmp_path.glob("tiny-*/1")):
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert_same(load_market("tiny", cache=tmp_path, progress=False), before)
    folder = build_panel("tiny", cache=tmp_path, progress=False, rebuild=True)
    assert [path.name for path in folder.iterdir() if path.is_dir()] == ["2"]
    assert (folder / "spot.bin").exists(), "it is still open here"


def test_whoever_has_a_panel_open_keeps_it_when_another_takes_its_place(tmp_path):
    folder = tmp_path / "p"
    save_panel(tiny_panel(seed=0), folder)
    mine = open_panel(folder)
    for seed in (1, 2):
        save_panel(tiny_panel(seed=seed), folder)
        assert_same(open_panel(folder), tiny_panel(seed=seed))
        assert_same(mine, tiny_panel(seed=0))
    assert (folder / "spot.bin").exists()
    assert not (folder / "1").exists(), "nobody has it open"
    del mine
    gc.collect()
    save_panel(tiny_panel(seed=3), folder)
    assert {name.split("/")[0] for name in files(folder)} == {"3", "panel.json"}


def test_a_panel_that_is_replaced_while_it_is_opened_is_opened_as_it_is_then(tmp_path, monkeypatch):
    from engine.data.store import storage

    save_panel(tiny_panel(seed=0), tmp_path / "p")
    read, late = storage.read_header, []

    def slow(folder):
        header = read(folder)
        if not late:
            late.append(True)
            save_panel(tiny_panel(seed=1), tmp_path / "p")
        return header

    monkeypatch.setattr(storage, "read_header", slow)
    assert_same(open_panel(tmp_path / "p"), tiny_panel(seed=1))


def test_two_processes_that_append_at_once_add_the_sessions_once(tmp_path):
    save_panel(tiny_panel(6), tmp_path / "p")
    both = [started("append", tmp_path / "p") for _ in range(2)]
    told = [process.communicate() for process in both]
    assert sorted(process.returncode for process in both) == [0, 1]
    assert sum("the panel already ends 2026-01-09" in err for _, err in told) == 1
    assert len(open_panel(tmp_path / "p")) == 9
    assert list(verify_panel(tmp_path / "p")) == []
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_a_panel_that_grew_has_the_checksums_and_the_hash_of_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(checksums_module, "BLOCK", 1000)  # so that small files have many
    whole = tiny_panel(9)
    save_panel(whole, tmp_path / "whole")
    save_panel(whole.slice(end="2026-01-02"), tmp_path / "grown")
    for day in ("2026-01-03", "2026-01-04"):
        append_panel(tmp_path / "grown", whole.slice(day, day))
    append_panel(tmp_path / "grown", whole.slice("2026-01-05"))
    headers = [json.loads((tmp_path / name / "panel.json").read_text()) for name in ("whole", "grown")]
    assert headers[0] == headers[1]
    size = (tmp_path / "grown" / "component_iv.bin").stat().st_size
    assert len(headers[0]["arrays"]["component_iv"]["sha256"]) == -(-size // 1000) > 5


@pytest.mark.parametrize("byte", [0, 47, -1])
def test_one_flipped_bit_is_noticed_and_placed(tmp_path, byte):
    save_panel(tiny_panel(), tmp_path / "p")
    flip(tmp_path / "p" / "rate.bin", byte)
    (found,) = verify_panel(tmp_path / "p")
    assert "rate.bin is damaged from session 0 on" in found


def test_a_damaged_end_is_not_passed_on_by_an_append(tmp_path):
    save_panel(tiny_panel(6), tmp_path / "p")
    flip(tmp_path / "p" / "rate.bin", -1)
    with pytest.raises(InputError, match=r"rate.bin is damaged"):
        append_panel(tmp_path / "p", tiny_panel(3, start="2026-01-07"))
    assert len(open_panel(tmp_path / "p")) == 6


def test_a_flipped_bit_of_the_header_is_noticed_on_opening(tmp_path):
    save_panel(replace(tiny_panel(), info=MarketInfo("tiny", "IDX", source="a vendor")), tmp_path / "p")
    header = tmp_path / "p" / "panel.json"
    content = header.read_bytes()
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(content), 40):
        flip(header, at)
        with suppress(InputError):  # else it was white space, or what lies beside the panel
            opened = open_panel(tmp_path / "p")
            assert_same(opened, replace(tiny_panel(), info=opened.info))
            assert opened.info.source == "a vendor"
        header.write_bytes(content)


def test_a_writer_that_fails_takes_back_its_generation_and_no_other(tmp_path):
    save_panel(tiny_panel(), tmp_path / "p")
    before = files(tmp_path)
    writer = PanelWriter(tmp_path / "p")
    writer.write(tiny_panel(seed=1))
    writer.beside("truth.npz").write_bytes(b"")
    writer.discard()
    assert files(tmp_path) == before
    assert_same(open_panel(tmp_path / "p"), tiny_panel())


def flip(path, byte):
    content = bytearray(path.read_bytes())
    content[byte] ^= 1
    path.write_bytes(content)
