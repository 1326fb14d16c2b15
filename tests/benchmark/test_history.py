"""The history of the benchmark: lines are added, never lost, and speeds are multiples of the first run's."""

import json

import pytest

from engine.benchmark import history
from engine.command.messages import CONFIGS
from engine.errors import InputError
from engine.report import plots
from engine.report.plots.style import SERIES

KEPT = CONFIGS.parent / "results" / "benchmarks"
FULL = sorted(file for file in KEPT.glob("*.json") if "." not in file.stem and file.stem != "kernels")


def result(finished: str, commit: str | None = "0123456789", dirty=False, limit=8.0, **rates) -> dict:
    """A benchmark of cases counted in sets, as `engine.benchmark` writes it."""
    cases = [
        {"name": name.replace("_", " "), "unit": "sets", "rate": rate, "limit": "arithmetic", "share_of_limit": 0.5}
        | {"label": "", "size": "", "count": 1, "seconds": 1.0 / rate, "times_plain_loop": None}
        for name, rate in rates.items()
    ]
    return {
        **{"finished": finished, "git_commit": commit, "git_dirty": dirty, "benchmark": "full", "device": "A CPU"},
        **{"backend": "numpy", "kernels": True, "versions": {}, "cases": cases, "growth": [], "sizes": {}},
        **{"limits": {"bytes_per_second": 1.0, "multiply_adds_per_second": limit}},
        **{"figures": {}, "peak_memory_mb": 1.0, "seconds": 1.0},
    }


def test_a_run_is_added_at_the_end_and_what_was_there_stays(tmp_path):
    path = tmp_path / "cpu.history.jsonl"
    history.append(path, result("2026-01-01T10:00:00+0000", sweep=2.0))
    before = path.read_bytes()
    history.append(path, result("2026-01-02T10:00:00+0000", sweep=3.0))
    assert path.read_bytes().startswith(before)
    assert [run["cases"]["sweep"]["rate"] for run in history.read(path)] == [2.0, 3.0]


def test_runs_are_read_by_the_time_they_finished_whatever_the_order_of_lines_and_zones(tmp_path):
    path = tmp_path / "cpu.history.jsonl"
    for finished in ("2026-01-01T12:00:00+0000", "2026-01-01T12:30:00+0200", "2025-06-01T00:00:00+0000"):
        history.append(path, result(finished, sweep=1.0))
    assert [run["finished"][:13] for run in history.read(path)] == ["2025-06-01T00", "2026-01-01T12", "2026-01-01T12"]
    assert history.read(path)[1]["finished"].endswith("+0200")


@pytest.mark.parametrize("line", ["<<<<<<< HEAD", "{}", "[1]", ""])
def test_a_line_that_is_no_run_is_named(tmp_path, line):
    path = tmp_path / "cpu.history.jsonl"
    history.append(path, result("2026-01-01T10:00:00+0000", sweep=2.0))
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(InputError, match=r"cpu\.history\.jsonl line 2 is not a run"):
        history.read(path)


def test_speeds_are_multiples_of_the_first_run_that_has_the_case_and_plain_loops_are_left_out():
    runs = [
        history.entry(result("2026-01-01T10:00:00+0000", limit=8.0, sweep=2.0, sweep_plain_loop=1.0)),
        history.entry(result("2026-01-02T10:00:00+0000", limit=4.0, sweep=3.0, book=10.0, sweep_plain_loop=9.0)),
        history.entry(result("2026-01-03T10:00:00+0000", limit=6.0, sweep=8.0, book=5.0)),
    ]
    frame = history.speeds(runs)
    assert frame["case"].unique(maintain_order=True).to_list() == ["sweep", "book"]
    sweep, book = (frame.filter(case=name) for name in ("sweep", "book"))
    assert sweep["speed"].to_list() == [1.0, 1.5, 4.0]
    assert sweep["machine"].to_list() == [1.0, 0.5, 0.75]
    assert book["run"].to_list() == [1, 2]
    assert book["speed"].to_list() == [1.0, 0.5]
    assert book["machine"].to_list() == [1.0, 1.5]


def test_changes_compare_the_latest_run_with_the_one_before_and_the_first():
    runs = [
        history.entry(result("2026-01-01T10:00:00+0000", sweep=2.0, given_up=1.0)),
        history.entry(result("2026-01-02T10:00:00+0000", sweep=3.0)),
        history.entry(result("2026-01-03T10:00:00+0000", sweep=6.0, new=7.0)),
    ]
    assert history.changes(runs).rows() == [("sweep", "6.00 sets/s", 2.0, 3.0), ("new", "7.00 sets/s", 1.0, 1.0)]


def test_the_picture_has_a_line_for_every_case_and_one_for_the_machine_in_each_panel():
    many = {f"sweep_{n}": 1.0 + n for n in range(len(SERIES) + 1)}  # more than there are colours
    runs = [history.entry(result(f"2026-01-0{day}T10:00:00+0000", limit=day, **many)) for day in (1, 2)]
    figure = plots.plot_history(history.speeds(runs), "A CPU")
    assert [line.name for line in figure.data] == [*(n.replace("_", " ") for n in many), "the machine's arithmetic"]
    assert list(figure.data[-1].y) == [1.0, 2.0]
    assert list(figure.layout.xaxis.ticktext) == ["0123456", "0123456"]


def test_the_command_draws_what_is_kept_and_measures_nothing(command, tmp_path):
    kept = tmp_path / "results" / "benchmarks"
    kept.mkdir(parents=True)
    for day in (1, 2):
        history.append(kept / "a-cpu.history.jsonl", result(f"2026-01-0{day}T10:00:00+0000", dirty=day == 2, sweep=day))
    ended = command("benchmark", "history=true", place=tmp_path)
    assert ended.code == 0, ended.err
    assert "2 runs, 2026-01-01 (0123456) to 2026-01-02 (0123456+)" in ended.out
    (folder,) = ended.folders
    assert "plotly-graph-div" in (folder / "a-cpu.history.html").read_text()
    assert sorted(file.name for file in kept.iterdir()) == ["a-cpu.history.jsonl"], "nothing is measured or changed"


def test_history_without_a_run_says_what_to_do(command, tmp_path):
    ended = command("benchmark", "history=true", place=tmp_path)
    ended.refuses("history=true finds no run", "run engine.benchmark once")


@pytest.mark.parametrize("file", FULL, ids=lambda file: file.stem)
def test_the_latest_run_of_the_history_is_the_one_in_the_file(file):
    runs = history.read(file.with_suffix(history.ENDING))
    assert runs[-1] == history.entry(json.loads(file.read_text()))
    assert all(run["benchmark"] == "full" for run in runs)
