"""Before a sweep's first job and after its last: settle its folder, and compare its runs."""

import shutil
import time
from pathlib import Path

import polars as pl
from hydra.experimental.callback import Callback

from engine.command.hydra import when_broken
from engine.command.messages import give_up
from engine.errors import InputError
from engine.runs import read, table_store

STORES = ("folders", "table")
BEST = 20  # rows of the table printed after a sweep


class CompareRuns(Callback):
    """Hydra callback: after a sweep, write `runs.parquet` beside its runs and print the best of them."""

    _sweep: Path | None = None
    _started = 0.0

    def on_multirun_start(self, config, **_) -> None:
        """Settle the sweep's folder and remember it, since it must be tidied up also when a job fails."""
        when_broken(CompareRuns.conclude)
        try:
            CompareRuns._sweep, CompareRuns._started = _folder(config), time.perf_counter()
        except InputError as error:  # raised here, Hydra would turn it into a warning
            give_up(str(error))

    def on_multirun_end(self, config, **_) -> None:
        """Compare the runs."""
        CompareRuns.conclude()

    @classmethod
    def conclude(cls) -> None:
        """Compare the sweep's finished runs; remove its folder when there is none."""
        sweep, cls._sweep = cls._sweep, None
        if sweep is None or not sweep.is_dir():
            return
        runs = _complete(sweep, time.perf_counter() - cls._started)
        if runs is not None:
            _print_leaderboard(runs, sweep)
        elif not read.finished(str(sweep)):
            shutil.rmtree(sweep)


def _folder(config) -> Path:
    """Return the folder of a sweep: a new one, or the one that `sweep.resume` goes on with.

    Every launcher composes each job from the overrides that start with `hydra`, so they carry the folder to the jobs.
    """
    fresh = Path(config.hydra.sweep.dir)
    if "sweep" not in config:
        return fresh
    kept = config.sweep.store
    if kept not in STORES:
        raise InputError(f"sweep.store={kept} is unknown; choose {' or '.join(STORES)}")
    if config.sweep.resume is None:
        return fresh
    folder = Path(config.sweep.resume)
    asked = _asked(folder)
    before = asked.get("sweep", {}).get("store", "folders")
    if before != kept:
        raise InputError(f"{folder} is kept as {before}; go on with it by sweep.store={before}")
    if table_store.is_table(folder):
        _complete(folder, 0.0)  # adds to the table the rows that an interrupted sweep left beside it
    config.hydra.sweep.dir = str(folder)
    quoted = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    config.hydra.overrides.hydra.append(f"hydra.sweep.dir='{quoted}'")
    return folder


def _asked(sweep: Path) -> dict:
    """Return the configuration a sweep was started with."""
    from omegaconf import OmegaConf

    for path in (sweep / "multirun.yaml", sweep / ".hydra" / "multirun.yaml"):
        if path.exists():
            return OmegaConf.to_container(OmegaConf.load(path))
    raise InputError(f"sweep.resume={sweep} is not the folder of a sweep; give results/<study>/<time>")


def _complete(sweep: Path, seconds: float) -> pl.DataFrame | None:
    """Write `runs.parquet` of all the backtests a sweep has finished, and return it; None where there are none."""
    if not table_store.is_table(sweep):
        if not any((folder / "summary.json").exists() for folder in read.finished(str(sweep))):
            return None
        runs = read.load_runs(sweep)
        runs.write_parquet(sweep / "runs.parquet")
        return runs
    rows = table_store.gather(sweep)
    if rows is None:
        return None
    runs = read.compared(read.runs_of(rows, sweep))
    table_store.commit(sweep, rows, runs, seconds)
    return runs


def _print_leaderboard(runs: pl.DataFrame, sweep: Path) -> None:
    from engine.report import aligned, leaderboard

    board = leaderboard(runs.with_columns(pl.col("run").str.split("/").list.last())).head(BEST)
    print("", *aligned(board), sep="\n")
    best = f", the best {BEST} of them above" if runs.height > BEST else ""
    print(f"\n{runs.height:,} runs{best}: {sweep / 'runs.parquet'}")
