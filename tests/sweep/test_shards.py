"""Shards of a sweep, run apart and joined, are the sweep run by one machine; whatever is not all of them is refused."""

import json
import shutil
import sys
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine.merge
from engine import InputError
from engine.durable import sealed
from engine.runs.plan import Plan
from engine.runs.verify import verify
from engine.sweep.shards import Shard, cut

SMALL = ("debug=small", "report=none", "strategy=rich_correlation", "strategy.window=60", "hydra/launcher=batch")
GRID = ("strategy.enter=0.2,1,0.5", "costs.component=0.4,0.8", "schedule=monthly,weekly")
STORES = {"folders": (), "table": ("sweep.store=table",)}


@pytest.fixture(scope="module", params=STORES)
def shards(request, sweep_here, tmp_path_factory):
    """A sweep of twelve jobs in one piece, and in five shards."""
    store = STORES[request.param]
    whole = sweep_here(*SMALL, *GRID, *store, place=tmp_path_factory.mktemp("whole"))
    parts = [
        sweep_here(*SMALL, *GRID, *store, f"sweep.shard={part}/5", place=tmp_path_factory.mktemp("shard"))
        for part in range(1, 6)
    ]
    return whole, parts


def merged(*words: Path | str) -> None:
    with pytest.MonkeyPatch.context() as here:
        here.setattr(sys, "argv", ["merge", *map(str, words)])
        engine.merge.main()


def refused(capsys, *words: Path | str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        merged(*words)
    assert ended.value.code == 2
    (told,) = capsys.readouterr().err.splitlines()
    return told


def test_shards_joined_are_the_sweep_of_one_machine(shards, same_runs, sweep_here, tmp_path, capsys):
    whole, parts = shards
    into = tmp_path / "results" / "study" / "joined"
    merged(*reversed(parts), "--into", into)
    assert "12 runs" in capsys.readouterr().out
    same_runs(whole, into)
    assert all(not wrong for _, wrong in verify(into))
    assert not list(into.glob(".*unfinished*"))
    # and the command of the whole sweep goes on with it
    store = STORES["table"] if (into / ".hydra").exists() else ()
    (into / ".hydra" / "multirun.yaml" if store else into / "multirun.yaml").stat()
    sweep_here(*SMALL, *GRID, *store, "sweep.resume=results/study/joined", place=tmp_path)
    told = capsys.readouterr()
    assert "12 were finished already; ran 0" in told.out
    assert "another command" not in told.err
    same_runs(whole, into)


def test_the_shards_stay_as_they_are(shards, tmp_path):
    before = [{file: file.read_bytes() for file in part.rglob("*") if file.is_file()} for part in shards[1]]
    merged(*shards[1], "--into", tmp_path / "joined")
    assert before == [{file: file.read_bytes() for file in part.rglob("*") if file.is_file()} for part in shards[1]]


def test_what_is_not_all_of_one_sweep_is_refused(shards, sweep_here, tmp_path, capsys):
    whole, parts = shards
    into = ("--into", tmp_path / "joined")
    other = sweep_here(*SMALL, *GRID, "lag=2", "sweep.shard=1/5", place=tmp_path / "other")
    assert "shards 3/5, 5/5 are missing" in refused(capsys, parts[0], parts[1], parts[3], *into)
    assert "is no shard of a sweep" in refused(capsys, *parts[1:], whole, *into)
    assert "are no shards of one sweep" in refused(capsys, other, *parts[1:], *into)
    assert "are both shard 1/5" in refused(capsys, *parts, shutil.copytree(parts[0], tmp_path / "again"), *into)
    assert "is no shard of a sweep" in refused(capsys, *parts, tmp_path / "nothing", *into)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    assert "full is not empty" in refused(capsys, *parts, "--into", tmp_path / "full")
    unfinished = shutil.copytree(parts[2], tmp_path / "unfinished")
    (unfinished / ".unfinished").touch()
    assert "is not finished" in refused(capsys, *parts[:2], unfinished, *parts[3:], *into)
    assert not (tmp_path / "joined").exists()


def test_a_damaged_shard_leaves_nothing(shards, tmp_path, capsys):
    parts = [shutil.copytree(part, tmp_path / str(at)) for at, part in enumerate(shards[1])]
    file = next(iter([*parts[4].glob("[0-9]*/daily.parquet"), parts[4] / "runs.parquet"]))
    bytes_ = bytearray(file.read_bytes())
    bytes_[len(bytes_) // 2] ^= 1
    file.write_bytes(bytes(bytes_))
    assert str(file) in refused(capsys, *parts, "--into", tmp_path / "joined")
    assert not (tmp_path / "joined").exists()


def test_shards_on_other_data_are_refused(shards, sweep_here, tmp_path, capsys):
    whole, parts = shards
    store = STORES["table"] if (whole / ".hydra").exists() else ()
    parts = [shutil.copytree(part, tmp_path / str(at)) for at, part in enumerate(parts)]
    if store:
        jobs = parts[1] / ".hydra" / "jobs.parquet"
        rows = pl.read_parquet(jobs)
        hashed = rows["manifest"].str.replace('"panel_hash": "....', '"panel_hash": "0000')
        rows.with_columns(hashed).write_parquet(jobs)
        (parts[1] / "manifest.json").write_text("{}")  # which would tell that it was changed
    else:
        for manifest in parts[1].glob("[0-9]*/manifest.json"):
            made = json.loads(manifest.read_text())
            manifest.write_text(json.dumps(sealed(made | {"panel_hash": "0000"})))
    assert "different data of market synthetic" in refused(capsys, *parts, "--into", tmp_path / "joined")


@pytest.mark.parametrize("asked", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3", "1.5/3", "1/3/5"])
def test_what_is_no_part_is_refused(command, tmp_path, asked):
    command("run", "-m", *SMALL, *GRID, f"sweep.shard={asked}", place=tmp_path).refuses(f"sweep.shard={asked}")


def test_more_shards_than_jobs_are_refused(command, tmp_path):
    command("run", "-m", *SMALL, *GRID, "sweep.shard=1/13", place=tmp_path).refuses("12 jobs", "13 shards")


def test_a_launcher_that_sees_one_job_at_a_time_is_refused(command, tmp_path):
    alone = SMALL[:-1]
    ended = command("run", "-m", *alone, *GRID, "sweep.shard=1/2", place=tmp_path)
    ended.refuses("sweep.shard needs a launcher that batches", "hydra/launcher=batch")
    command("run", *alone, "sweep.shard=1/2", place=tmp_path).refuses("sweep.shard", "add -m")


def plans(choices: list[tuple[int, int, int]]) -> list[Plan]:
    settings = [{"market": {"name": m}, "basket": {"size": b}, "costs": {"index": c}} for m, b, c in choices]
    return [Plan(number, [], {}, one) for number, one in enumerate(settings)]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60), st.data())
def test_shards_are_each_job_once_of_even_size_with_books_together(choices, data):
    made = plans(choices)
    parts = data.draw(st.integers(1, len(made)))
    found = [Shard(part, parts).numbers(made) for part in range(1, parts + 1)]
    assert sorted(number for part in found for number in part) == list(range(len(made)))
    assert max(map(len, found)) - min(map(len, found)) <= 1
    books = [choices[n][:2] for part in cut(made, parts) for n in part]
    changes = sum(one != other for one, other in pairwise(books))
    assert changes == len(set(books)) - 1


def test_a_shard_says_what_is_wrong_with_it():
    with pytest.raises(InputError, match=r"write sweep\.shard=3/30"):
        Shard.of("third")
