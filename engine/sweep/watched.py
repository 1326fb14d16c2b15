"""Sweeps whose jobs run one by one, here or in other processes: a table on the terminal of what their folder holds."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl
from hydra.core.utils import configure_log
from omegaconf import DictConfig, OmegaConf

from engine.command.hydra import plain
from engine.errors import InputError
from engine.runs.claim import MANIFEST
from engine.runs.table_store import UNMERGED, is_table, read_rows
from engine.sweep.run_table import RunTable, on_terminal
from engine.sweep.shards import BATCHING

HYDRA = ("hydra", "hydra_plugins")  # whose launchers log a line for each job
PER_SECOND = 2.0
BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


class WatchedTable(RunTable):
    """The table of a sweep that other processes may run: each time it is drawn it looks for jobs that are finished.

    Parameters
    ----------
    sweep : Path
        The sweep's folder.
    total : int or None
        Jobs asked for; None where nobody knows.
    """

    def __init__(self, sweep: Path, total: int | None):
        super().__init__(total)
        self.sweep = sweep
        self._seen: set[str] = set()
        self.look()
        self.before, self.done = self.done, 0

    def look(self) -> None:
        """Take in what has been finished since the last look; what cannot be read now is left for the next."""
        with suppress(OSError, ValueError, InputError, pl.exceptions.PolarsError):
            for folder, summary in self._finished():
                self.add(folder, summary, 0.0)
                self.advance(1)

    def __rich__(self) -> Any:
        """The table as of now, as rich draws it."""
        self.look()
        return super().__rich__()

    def _finished(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        for manifest in self.sweep.glob(f"*/{MANIFEST}"):
            job = manifest.parent.name
            if job not in self._seen:
                summary = json.loads((manifest.parent / "summary.json").read_text(encoding="utf-8"))
                self._seen.add(job)
                yield manifest.parent, summary
        if not is_table(self.sweep):
            return
        parts = {str(file): file for file in (self.sweep / UNMERGED).glob("*.parquet")}
        if "" not in self._seen:  # what an earlier command left
            self._seen.add("")
            yield from self._rows(read_rows(self.sweep))
        for name in sorted(parts.keys() - self._seen):
            rows = pl.read_parquet(parts[name])
            self._seen.add(name)
            yield from self._rows(rows)

    def _rows(self, rows: pl.DataFrame | None) -> Iterator[tuple[Path, dict[str, Any]]]:
        for job, summary in () if rows is None else rows.select("job", "summary").iter_rows():
            yield self.sweep / str(job), summary


class Watch:
    """Shows a sweep's table from when it is made until `stop`, in place of the lines of its launcher."""

    def __init__(self, config: DictConfig):
        from rich.console import Console
        from rich.live import Live

        self.config, self.levels = config, {name: logging.getLogger(name).level for name in HYDRA}
        for name in HYDRA:
            logging.getLogger(name).setLevel(logging.WARNING)
        table = WatchedTable(Path(config.hydra.sweep.dir), jobs_asked(config))
        self.live = Live(
            table, console=Console(), refresh_per_second=PER_SECOND, transient=True, redirect_stderr=sys.stderr.isatty()
        )
        self.live.start()

    def stop(self) -> None:
        """Remove the table: the sweep's own comes after it."""
        self.live.stop()
        for name, level in self.levels.items():
            logging.getLogger(name).setLevel(level)
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)  # to the stderr there is now


def watch(config: DictConfig) -> Watch | None:
    """Show the table of a sweep of backtests from now on; None where there is no terminal, or its launcher has one."""
    batched = str(config.hydra.launcher._target_).rpartition(".")[2] in BATCHING
    if batched or "strategy" not in config or not on_terminal():
        return None
    return Watch(config)


def jobs_asked(config: DictConfig) -> int | None:
    """Count the jobs that a grid asks for, as Hydra's own sweeper makes them; None where another one is to say."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    if config.hydra.sweeper._target_ != BASIC_SWEEPER:
        return None
    grid = plain(OmegaConf.create(config.hydra.sweeper.get("params") or {}))
    words = [*(f"{key}={values}" for key, values in grid.items()), *config.hydra.overrides.task]
    try:
        (jobs,) = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(words), None)
    except (HydraException, AssertionError):  # choices by a pattern, or what the sweeper is about to refuse
        return None
    return len(jobs)
