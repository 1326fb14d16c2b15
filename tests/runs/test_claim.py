"""A command removes only what it made: folders are claimed, and taken back by name."""

import os
import shutil
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

from engine import InputError, load_run, load_runs
from engine.runs.claim import LOCK, MARK, claim, run_folder
from engine.runs.folder import is_finished
from engine.runs.written import written_before

SMALL = ("debug=small", "report=none")


def listed(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def mine(tmp_path):
    """A folder of the user's that holds files."""
    folder = tmp_path / "mine"
    (folder / "sub").mkdir(parents=True)
    (folder / "keep.txt").write_text("keep")
    (folder / "sub" / "summary.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    "options",
    [
        ("hydra.run.dir=mine", "lag=x"),
        ("hydra.run.dir=mine",),
        ("hydra.run.dir=.", "lag=x"),
        ("-m", "hydra.sweep.dir=mine", "strategy=nonsense,other"),
        ("-m", "hydra.sweep.dir=mine", "lag=1,2"),
        ("-m", "hydra.sweep.dir=mine", "lag=1,2", "hydra/launcher=batch"),
    ],
)
def test_a_folder_of_the_users_is_refused_and_left_as_it_was(command, tmp_path, mine, options):
    before = listed(tmp_path)
    ended = command("run", *SMALL, *options, place=tmp_path)
    assert ended.code == 2
    assert "error: " in ended.err
    assert "Traceback" not in ended.err
    assert listed(tmp_path) == before


def test_an_empty_folder_of_the_users_may_be_used_and_stays_when_the_run_fails(command, tmp_path):
    (tmp_path / "empty").mkdir()
    assert command("run", *SMALL, "hydra.run.dir=empty", "lag=x", place=tmp_path).code == 2
    assert listed(tmp_path) == ["empty"]
    assert command("run", *SMALL, "hydra.run.dir=empty", place=tmp_path).code == 0
    assert load_run(tmp_path / "empty").summary["cohorts"] > 0
    assert command("run", *SMALL, "hydra.run.dir=empty", place=tmp_path).code == 2


@pytest.mark.parametrize("study", ["../../x", "/tmp", "."])
def test_a_study_stays_under_results(command, tmp_path, study):
    ended = command("run", *SMALL, f"study={study}", "lag=x", place=tmp_path)
    assert ended.code == 2
    assert "is not the name of a folder under results/" in ended.err
    assert listed(tmp_path) == []


@pytest.mark.parametrize("mistake", ["start=xx", "market.years=0.1", "strategy=none", "costs.indx=1"])
@pytest.mark.parametrize("launcher", [(), ("hydra/launcher=batch",)])
def test_a_mistake_when_resuming_leaves_every_finished_run_as_it_was(command, tmp_path, mistake, launcher):
    assert command("run", "-m", *SMALL, "lag=1,2", *launcher, place=tmp_path).code == 0
    (sweep,) = tmp_path.glob("results/debug/*")
    before = {name: (sweep / name).read_bytes() for name in listed(sweep) if (sweep / name).is_file()}
    place = sweep.relative_to(tmp_path)
    ended = command("run", "-m", *SMALL, "lag=1,2", mistake, *launcher, f"sweep.resume={place}", place=tmp_path)
    assert ended.code == 2
    assert {name: (sweep / name).read_bytes() for name in listed(sweep) if (sweep / name).is_file()} == before


def test_names_that_look_like_patterns_are_names(command, tmp_path):
    assert command("run", *SMALL, "study='a[1]'", place=tmp_path).code == 0
    assert command("run", "-m", *SMALL, "lag=1,2", "study='b[old]?'", "sweep.store=table", place=tmp_path).code == 0
    assert load_runs(tmp_path / "results" / "a[1]").height == 1
    assert load_runs(str(tmp_path / "results" / "b[old]?")).height == 2
    (sweep,) = (tmp_path / "results" / "b[old]?").iterdir()
    resumed = f"sweep.resume='{sweep.relative_to(tmp_path)}'"
    ended = command("run", "-m", *SMALL, "lag=1,2,3", "sweep.store=table", resumed, place=tmp_path)
    assert ended.code == 0, ended.err
    assert load_runs(sweep).height == 3


def test_a_killed_run_is_followed_by_one_that_removes_what_it_left_and_nothing_else(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from engine.runs.claim import claim\n"
        "own = claim(Path(sys.argv[1])); own.write_text('a.json', '1'); own.write_text('.hydra/b', '2')\n"
        "print('ready', flush=True); time.sleep(60)"
    )
    folder = tmp_path / "run"
    with subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        with pytest.raises(InputError, match="another process is at work"):
            claim(folder)
        process.send_signal(signal.SIGKILL)
    (folder / "users.txt").write_text("mine")
    own = claim(folder)
    assert listed(folder) == [MARK, LOCK, "users.txt"]
    own.take_back()
    assert listed(folder) == ["users.txt"]


def test_what_a_damaged_list_of_names_says_outside_the_folder_is_left_alone(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / MARK).write_text(f"../outside.txt\n{outside}\n\n.\n..\n\0\n")
    claim(folder).take_back()
    assert outside.read_text() == "mine"


def test_a_failing_run_removes_the_folders_it_made_and_no_others(tmp_path):
    (tmp_path / "results").mkdir()

    def fail():
        with run_folder(tmp_path / "results" / "study" / "time" / "0") as kept:
            kept.write_text(".hydra/config.yaml", "a: 1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert listed(tmp_path) == ["results"]


def test_two_processes_cannot_resume_one_sweep(command, tmp_path):
    assert command("run", "-m", *SMALL, "lag=1,2", place=tmp_path).code == 0
    (sweep,) = tmp_path.glob("results/debug/*")
    own = claim(sweep, resume=True)
    place = sweep.relative_to(tmp_path)
    ended = command("run", "-m", *SMALL, "lag=1,2", f"sweep.resume={place}", place=tmp_path)
    assert ended.code == 2
    assert "another process is at work" in ended.err
    own.finish()
    assert command("run", "-m", *SMALL, "lag=1,2", f"sweep.resume={place}", place=tmp_path).code == 0


def test_a_run_with_a_flipped_bit_is_not_finished_and_is_made_again(command, tmp_path):
    assert command("run", "-m", *SMALL, "lag=1,2", place=tmp_path).code == 0
    (sweep,) = tmp_path.glob("results/debug/*")
    daily = sweep / "0" / "daily.parquet"
    whole = daily.read_bytes()
    daily.write_bytes(whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
    run = load_run(sweep / "0")
    assert set(written_before(sweep / "0")) == {
        *(f".hydra/{name}.yaml" for name in ("config", "hydra", "overrides")),
        *("summary.json", "daily.parquet", "ledger.parquet"),
    }
    assert not is_finished(sweep / "0", run.config, run.manifest["config_hash"])
    place = sweep.relative_to(tmp_path)
    ended = command("run", "-m", *SMALL, "lag=1,2", f"sweep.resume={place}", place=tmp_path)
    assert ended.out.count("finished already") == 1
    assert pl.read_parquet(daily).height == load_run(sweep / "0").manifest["sessions"]


def test_a_kill_between_the_last_file_and_the_end_leaves_no_mark(command, tmp_path):
    assert command("run", "-m", *SMALL, "lag=1,2", place=tmp_path).code == 0
    (sweep,) = tmp_path.glob("results/debug/*")
    before = listed(sweep / "1")
    for name in (MARK, LOCK):
        (sweep / "1" / name).write_text("daily.parquet\n")
    ended = command("run", "-m", *SMALL, "lag=1,2", f"sweep.resume={sweep.relative_to(tmp_path)}", place=tmp_path)
    assert ended.out.count("finished already") == 2
    assert listed(sweep / "1") == before


def test_a_folder_that_cannot_be_written_to_is_one_message(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written to"):
        claim(tmp_path / "file" / "run")
    with pytest.raises(InputError, match="cannot be written to"):
        claim(tmp_path / ("x" * 300))


def test_an_interrupt_ends_with_130_and_leaves_nothing(tmp_path):
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    options = ("market.years=30", "market.names=40", "schedule=weekly", "report=none")
    command = [sys.executable, "-m", "engine.run", *options]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("results/backtest/*/0/.unfinished")) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130
    assert "error: interrupted" in said
    assert "Traceback" not in said
    assert not list(tmp_path.glob("results/backtest"))


@pytest.mark.parametrize("file", ["runs.parquet", ".hydra/jobs.parquet", ".parts/1-0.parquet"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_a_damaged_table_is_told_and_nothing_is_counted_without_it(command, tmp_path, table, file, damage):
    sweep = tmp_path / "sweep"
    shutil.copytree(table, sweep)
    if file.startswith(".parts"):
        (sweep / ".parts").mkdir()
        shutil.copy(sweep / ".hydra" / "jobs.parquet", sweep / file)
        if damage == "flipped":
            pytest.skip("parts have no checksums: they live while the sweep does")
    whole = (sweep / file).read_bytes()
    middle = len(whole) // 2
    damaged = {"flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :], "cut": whole[:middle]}
    (sweep / file).write_bytes(damaged.get(damage, b""))
    ended = command("run", "-m", *SMALL, "lag=1,2,3", "sweep.store=table", "sweep.resume=sweep", place=tmp_path)
    assert ended.code == 2
    assert "damaged" in ended.err
    assert "Traceback" not in ended.err


@pytest.fixture(scope="module")
def table(command, tmp_path_factory):
    place = tmp_path_factory.mktemp("table")
    assert command("run", "-m", *SMALL, "lag=1,2", "sweep.store=table", place=place).code == 0
    (sweep,) = place.glob("results/debug/*")
    return sweep
