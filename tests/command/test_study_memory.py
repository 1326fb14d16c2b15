"""What a study remembers: settings tried on a market, sessions held out, looks at them, notes; pages to be shared."""

import json
import os
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest

from engine.command import memory_lines as memory
from engine.command.memory import FEWEST, Holdout, Trial, data_of, hold_out, holdout, look, remember, tried
from engine.errors import InputError
from engine.selection import expected_best_sharpe
from tests.commands import ROOT

SMALL = ("debug=small", "report=none")
HELD_OUT, LAST = "2014-07-01", "2014-06-30"
WHEN = "2026-01-02T00:00:00+0000"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trial(setting, sharpe, data="d"):
    return Trial(data, "synthetic", setting, sharpe)


def test_a_setting_counts_once_however_often_it_is_run(place):
    remember([trial("a", 1.0), trial("b", 0.0)], "one", WHEN)
    remember([trial("a", 1.0), trial("c", -1.0), trial("x", 9.0, data="other")], "two", WHEN)
    found = tried("d")
    assert found.settings == 3
    assert found.by_luck == pytest.approx(expected_best_sharpe(1.0, 3))  # their variance is 1
    assert tried("other").settings == 1
    assert np.isnan(tried("other").by_luck)
    assert tried("nobody").settings == 0


def test_a_line_that_was_torn_off_costs_nothing_but_itself(place):
    remember([trial("a", 1.0)], "one", WHEN)
    with open(memory.MEMORY, "a") as stream:
        stream.write('{"what": "tried", "data": "d", "settings": ["b"')
    remember([trial("c", 2.0)], "one", WHEN)
    assert tried("d").settings == 2


def flipped(text, at):
    return text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]


def test_no_bit_of_what_is_remembered_is_lost_in_silence(place):
    hold_out("d", "nse", "2024-01-01", WHEN)
    remember([trial("a", 1.0), trial("b", -0.5)], "one", WHEN)
    whole = memory.MEMORY.read_bytes()
    known = holdout("d"), tried("d")
    harmless = 0
    for at in range(len(whole)):
        memory.MEMORY.write_bytes(flipped(whole, at))
        with suppress(InputError):
            assert (holdout("d"), tried("d")) == known
            harmless += 1
    assert harmless == 2 * len("sha256")  # the word before a checksum: a line without one is of an earlier version


@pytest.mark.parametrize(
    "change",
    [
        {"sharpe": [1.0]},
        {"sharpe": ["x", 1.0]},
        {"sharpe": [1e300, -1e300]},
        {"settings": [[1], [2]]},
        {"settings": None},
        {"what": "held_out", "first": "2024-x1-01"},
        {"what": "held_out", "first": 5},
        {"what": "guessed"},
    ],
)
def test_nor_is_a_line_that_says_what_none_says(place, change):
    remember([trial("a", 1.0), trial("b", -0.5)], "one", WHEN)
    line = json.loads(memory.MEMORY.read_text())
    del line["sha256"]  # as an earlier version wrote it
    memory.MEMORY.write_text(json.dumps(line) + "\n")
    assert tried("d").settings == 2
    memory.MEMORY.write_text(json.dumps(line | change) + "\n")
    with pytest.raises(InputError, match="line 1 is damaged"):
        tried("d")


def test_a_command_that_cannot_tell_what_is_held_out_does_not_run(command, place):
    memory.MEMORY.parent.mkdir()
    memory.MEMORY.write_text('{"what": "held_out", "data": "4e18", "first": "2014-07-01"\x00}\n')
    command("run", *SMALL, place=place).refuses("trials.jsonl, line 1 is damaged")
    memory.MEMORY.unlink()
    memory.MEMORY.mkdir()
    command("run", *SMALL, place=place).refuses("trials.jsonl cannot be read")


ADD = """
import sys
from engine.command.memory import Trial, remember
for k in range(20):
    remember([Trial("d", "synthetic", f"{sys.argv[1]}-{k}-{j}", 0.5) for j in range(5)], "many", "now")
"""


def test_processes_that_add_at_once_lose_nothing(place):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    workers = [
        subprocess.Popen([sys.executable, "-c", ADD, str(n)], env=environment, stderr=subprocess.PIPE, text=True)
        for n in range(4)
    ]
    assert [worker.communicate()[1] for worker in workers] == [""] * 4
    assert tried("d").settings == 400


def test_a_sharpe_ratio_that_is_not_known_is_a_trial_all_the_same(place):
    remember([trial("a", None), trial("b", 1.0)], "one", WHEN)
    assert tried("d").settings == 2
    assert np.isnan(tried("d").by_luck)


def test_a_holdout_only_grows_and_looks_are_counted(place):
    with pytest.raises(InputError, match="nothing of market nse is held out"):
        look("d", "nse", WHEN)
    hold_out("d", "nse", "2024-01-01", WHEN)
    hold_out("d", "nse", "2024-01-01", WHEN)
    assert holdout("d") == Holdout("2024-01-01", WHEN, 0)
    with pytest.raises(InputError, match="from 2024-01-01 on are held out"):
        hold_out("d", "nse", "2024-06-01", WHEN)
    assert [look("d", "nse", WHEN).looks for _ in range(2)] == [1, 2]
    hold_out("d", "nse", "2023-01-01", WHEN)
    assert holdout("d") == Holdout("2023-01-01", WHEN, 2)
    assert holdout("other") is None


def test_the_same_files_are_the_same_data_wherever_they_are_named_from(place):
    assert data_of({"name": "nse", "path": "a"}) == data_of({"name": "nse", "path": str(place / "a")})
    assert data_of({"name": "nse", "path": None}) != data_of({"name": "synthetic", "path": None})


def test_runs_and_sweeps_are_remembered_and_what_is_held_out_is_not_seen(command, place):
    def run(*words):
        ended = command("run", *words, place=place)
        assert ended.code == 0, ended.err
        return ended

    first = run(*SMALL, "note=my first idea")
    assert json.loads((first.folders[0] / "manifest.json").read_text())["note"] == "my first idea"
    run("-m", *SMALL, "costs.index=0.1,0.2,0.3", "hydra/launcher=batch", "sweep.store=table")
    swept = run("-m", *SMALL, "costs.index=0.3,0.4").out
    assert f"Study: {FEWEST} settings were tried on this data so far" in swept

    assert f"to {LAST}" in run(*SMALL, f"holdout={HELD_OUT}").out
    later = run(*SMALL, "note=after")
    assert f"sessions from {HELD_OUT} on are held out" in later.err
    assert f"to {LAST}" in later.out
    assert "Study: after" in later.out
    refused = command("run", *SMALL, f"end={HELD_OUT}", place=place)
    assert refused.code == 2
    assert f"end={HELD_OUT}: sessions from {HELD_OUT} on are held out" in refused.err
    opened = run(*SMALL, "holdout=open", "report=html")
    assert f"Study: Look 1 at sessions from {HELD_OUT} on" in opened.out
    assert f"to {LAST}" not in opened.out
    (page,) = [folder / "report.html" for folder in opened.folders if (folder / "report.html").exists()]
    assert f"Look 1 at sessions from {HELD_OUT} on" in page.read_text()


def test_a_holdout_that_the_data_do_not_reach_is_told(command, place):
    ended = command("run", *SMALL, "holdout=2199-01-01", place=place)
    assert ended.code == 0
    assert "holdout=2199-01-01 lies after the data, which end on" in ended.err


def test_a_run_that_fails_holds_nothing_out(command, place):
    command("run", *SMALL, "holdout=2013-01-01", place=place).refuses("no session")
    assert holdout(data_of({"name": "synthetic"})) is None
    assert not memory.MEMORY.exists()


def test_a_look_that_is_refused_leaves_nothing(command, place):
    command("run", *SMALL, "holdout=open", place=place).refuses("nothing of market synthetic is held out")
