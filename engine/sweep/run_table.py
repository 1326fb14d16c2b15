"""How the jobs of a sweep come out while it runs: on a terminal one table that moves, else a line per job."""

import logging
import math
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.backtest.text import as_text
from engine.command.hydra import in_sweep
from engine.progress import progress_bar
from engine.runs.folder_store import FolderStore
from engine.runs.table_store import TableStore

BEST = 10
COLUMNS = {"pnl_gross": "money", "cost": "money", "pnl_net": "money", "sharpe_net": "ratio", "hac_t": "ratio"}


class RunTable:
    """The best runs so far by net Sharpe ratio, and how many are done.

    Parameters
    ----------
    total : int or None
        Jobs to run; None where nobody knows.
    clock : callable
        Seconds now.
    """

    def __init__(self, total: int | None, clock: Callable[[], float] = time.perf_counter):
        self.total, self.done, self.clock, self.started = total, 0, clock, clock()
        self.before = 0  # jobs that an earlier command has done
        self.best: list[tuple[float, Path, dict[str, Any]]] = []

    def add(self, folder: Path, summary: dict[str, Any], seconds: float) -> None:
        """Take in what a job came to; `seconds` are those that the line of a job has."""
        ratio = summary["sharpe_net"]
        self.best.append((-math.inf if ratio is None else ratio, folder, summary))
        self.best = sorted(self.best, key=lambda run: -run[0])[:BEST]

    def advance(self, count: int) -> None:
        """Count jobs as done, failed ones too."""
        self.done += count

    def progress(self) -> str:
        """Return how far the sweep is, in words.

        Examples
        --------
        >>> seconds = iter([0.0, 2.0])
        >>> table = RunTable(10, lambda: next(seconds))
        >>> table.advance(4)
        >>> table.progress()
        '4 of 10 sets, 2 sets/s, 3 s left'
        """
        passed, of = self.clock() - self.started, "" if self.total is None else f" of {self.total:,}"
        done = f"{self.before + self.done:,}{of} sets"
        if not self.done or not passed:
            return done
        rate = f"{done}, {self.done / passed:,.2g} sets/s"
        if self.total is None:
            return rate
        return f"{rate}, {passed * (self.total - self.before - self.done) / self.done:,.0f} s left"

    def __rich__(self) -> Any:
        """The table, as rich draws it."""
        from rich.table import Table

        heads = ("run", *(name.replace("_", " ") for name in COLUMNS), "cautions")
        rows = [
            (folder.name, *(as_text(summary[name], unit) for name, unit in COLUMNS.items()), summary["cautions"])
            for _, folder, summary in self.best
        ]
        drawn = Table(title=self.progress(), box=None, title_justify="left", pad_edge=False)
        for n, (head, *cells) in enumerate(zip(heads, *rows, strict=True)):
            last = n == len(COLUMNS) + 1  # gives way on a narrow terminal: no number is cut
            width = None if last else max(map(len, (head, *cells)))
            drawn.add_column(head, justify="right" if n and not last else "left", no_wrap=True, min_width=width)
        for row in rows:
            drawn.add_row(*row)
        return drawn


def on_terminal() -> bool:
    """Whether jobs of a sweep are shown in one table that moves: else each has its line."""
    return bool(sys.stdout and sys.stdout.isatty())


def told_by_table() -> bool:
    """Whether the job that Hydra is running is told in the table of its sweep, and is to print nothing itself.

    What every process would say of its backend and kernels, which manifests keep, is then left out: a line that another
    process prints tears the table.
    """
    told = in_sweep() and on_terminal()
    for name in ("engine.backend", "engine.kernels") if told else ():
        logging.getLogger(name).setLevel(logging.WARNING)
    return told


@contextmanager
def showing(total: int, store: FolderStore | TableStore) -> Generator[Callable[[int], None], None, None]:
    """Show how jobs come out while the block runs; it is given a function that counts them as done."""
    if not (isinstance(store, FolderStore) and on_terminal()):
        with progress_bar("Backtests", total, unit="sets") as advance:
            yield advance
        return
    from rich.console import Console
    from rich.live import Live

    table = RunTable(total)
    store.tell = table.add
    with Live(table, console=Console(), transient=True):  # the sweep's own table comes after it
        yield table.advance
