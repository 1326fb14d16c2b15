"""On a terminal a sweep shows one table that moves; elsewhere a line per job."""

import io
import sys
from pathlib import Path

from engine.runs.folder_store import FolderStore
from engine.sweep.run_table import BEST, RunTable, showing


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
