"""On a terminal a sweep shows one table that moves; elsewhere a line per job."""

import io
import json
import os
import pty
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from engine.runs.folder_store import FolderStore
from engine.sweep.run_table import BEST, RunTable, showing
from engine.sweep.watched import WatchedTable, jobs_asked
from tests.commands import ROOT


def summary(ratio: float | None) -> dict:
    money = dict.fromkeys(("pnl_gross", "cost", "pnl_net"), 1000.0)
    return money | {"sharpe_net": ratio, "hac_t": None, "cautions": "low_t"}


def drawn(table: RunTable, width: int = 120) -> list[str]:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue().splitlines()


def test_the_table_keeps_the_best_runs_best_first():
    table = RunTable(40)
    for number in range(30):
        table.add(Path(f"sweep/{number}"), summary(None if number % 7 == 0 else (number * 7 % 30) / 10.0), 1.0)
        table.advance(1)
    lines = drawn(table)
    ratios = {number: (number * 7 % 30) / 10.0 for number in range(30) if number % 7}
    expected = sorted(ratios, key=lambda number: -ratios[number])[:BEST]
    assert lines[0].startswith("30 of 40 sets")
    assert [int(line.split()[0]) for line in lines[2:]] == expected


def test_a_narrow_terminal_cuts_no_number():
    table = RunTable(1)
    table.add(Path("sweep/12"), summary(0.5) | {"pnl_net": -12_345_678.0}, 1.0)
    assert "-12,345,678" in "".join(drawn(table, width=60))


def test_a_terminal_shows_the_table_in_place_of_lines(monkeypatch, tmp_path):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    store = FolderStore(tmp_path, None)
    monkeypatch.setattr(sys, "stdout", Terminal())
    with showing(2, store) as advance:
        store.tell(tmp_path / "1", summary(0.5), 1.0)
        advance(1)
    shown = sys.stdout.getvalue()
    assert "sharpe net" in shown
    assert str(tmp_path) not in shown


def test_without_a_terminal_each_job_has_its_line(capsys, tmp_path):
    store = FolderStore(tmp_path, None)
    with showing(1, store) as advance:
        store.tell(tmp_path / "1", summary(0.5), 1.0)
        advance(1)
    assert capsys.readouterr().out.startswith(f"{tmp_path / '1'}: pnl_gross 1,000, cost 1,000")


SWEEP = ("-m", "debug=small", "report=none", "strategy=rich_correlation", "strategy.window=60")
GRID = ("strategy.enter=0.2,1,1.2", "schedule=monthly,weekly")
SUBMITIT = ("hydra/launcher=submitit_local",)
LAUNCHERS = [(), ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")]


def on_a_terminal(place: Path, panels: Path, *options: str) -> tuple[int, str]:
    """Run a sweep on a terminal of 40 x 150; return its exit code and all that was written to it."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(place)
        path = os.pathsep.join(map(str, (ROOT, ROOT / "engine" / "plugins")))
        os.environ.update(DISPERSION_CACHE=str(panels), PYTHONPATH=path, TERM="xterm", COLUMNS="150", LINES="40")
        os.environ.pop("HYDRA_FULL_ERROR", None)
        os.execv(sys.executable, [sys.executable, "-m", "engine.run", *options])
    written = b""
    with suppress(OSError):  # as a terminal ends that nobody writes to
        while found := os.read(terminal, 1 << 16):
            written += found
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), written.decode()


@pytest.mark.parametrize(
    ("launcher", "store"),
    [*((launcher, store) for launcher in LAUNCHERS for store in ("folders", "table")), (SUBMITIT, "folders")],
    ids=lambda value: value if isinstance(value, str) else "".join(value[:1]) or "basic",
)
def test_a_sweep_of_single_jobs_is_one_moving_table_on_a_terminal(panels, tmp_path, launcher, store):
    if launcher:
        pytest.importorskip(f"hydra_plugins.hydra_{launcher[0].rpartition('=')[2].partition('_')[0]}_launcher")
    code, written = on_a_terminal(tmp_path, panels, *SWEEP, *GRID, *launcher, f"sweep.store={store}")
    assert code == 0, written
    moving, _, end = written.partition("The best of 6 runs is")
    assert "of 6 sets" in moving
    assert "\x1b[1A" in moving  # drawn over itself
    assert "pnl_gross 455" not in written  # the line of a job
    assert "#1 :" not in written
    assert "Building the trade book" not in written
    assert "backend=auto" not in written
    assert "6 runs: results/" in end
    assert written.count("\x1b[?25l") == 1  # one table
    assert "\x1b[?25l" not in written.partition("\x1b[?25h")[2]  # the cursor is there again


@pytest.mark.parametrize("launcher", LAUNCHERS, ids=["basic", "joblib"])
def test_a_sweep_of_single_jobs_is_a_line_per_job_elsewhere(command, tmp_path, launcher):
    if launcher:
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    ended = command("run", *SWEEP, *GRID, *launcher, place=tmp_path)
    lines = [line for line in ended.out.splitlines() if ": pnl_gross " in line]
    assert len(lines) == 6
    assert max(map(len, lines)) < 200
    assert "\x1b[" not in ended.out + ended.err


def test_a_broken_sweep_leaves_the_terminal_as_it_was(panels, tmp_path):
    code, written = on_a_terminal(tmp_path, panels, *SWEEP, "sizing.index_vega=1e5,-1")
    assert code == 2
    assert "\x1b[?25l" not in written.partition("\x1b[?25h")[2]
    assert "error: " in written.rpartition("\x1b[?25h")[2]


def test_the_watched_table_counts_what_another_command_has_done_apart(tmp_path):
    def finish(number: int, ratio: float):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "summary.json").write_text(json.dumps(summary(ratio)))
        (tmp_path / str(number) / "manifest.json").write_text("{}")

    finish(0, 0.1)
    table = WatchedTable(tmp_path, 3)
    assert table.progress() == "1 of 3 sets"
    finish(2, 0.7)
    (tmp_path / "1").mkdir()  # at work
    lines = drawn(table)
    assert lines[0].startswith("2 of 3 sets, ")
    assert [line.split()[0] for line in lines[2:]] == ["2", "0"]
    assert WatchedTable(tmp_path, None).progress() == "2 sets"


@pytest.mark.parametrize(
    ("words", "jobs"),
    [(["a=1,2", "b=range(0,5)", "c=3"], 10), (["a=1,2", "a=3,4,5"], 3), ([], 1), (["strategy=glob(*)"], None)],
)
def test_the_jobs_of_a_grid_are_counted(words, jobs):
    target = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
    asked = {"sweeper": {"_target_": target, "params": {"d": "1,2"}}, "overrides": {"task": words}}
    assert jobs_asked(OmegaConf.create({"hydra": asked})) == (jobs and 2 * jobs)
    asked["sweeper"]["_target_"] = "another.Sweeper"
    assert jobs_asked(OmegaConf.create({"hydra": asked})) is None
