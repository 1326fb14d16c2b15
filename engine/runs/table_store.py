"""sweep.store=table: one table of all the runs of a sweep; ten thousand folders would take longer than the runs.

A sweep's folder then holds `runs.parquet`, `manifest.json` and, in `.hydra/`, what was asked: `multirun.yaml` for the
sweep and `jobs.parquet` for each job. While it runs, the rows of finished jobs are kept in `.parts/`. A sweep that is
interrupted leaves them there, and resuming it starts from them.
"""

import functools
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from engine.backend import resolve
from engine.command.memory import data_of
from engine.data.parquet import read_frame
from engine.durable import checksum, put_in_place
from engine.errors import InputError
from engine.once import Once
from engine.runs.manifest import manifest, now, peak_memory_mb, write_json
from engine.runs.written import MANIFEST, read_manifest
from engine.selection import trials_of

if TYPE_CHECKING:
    from engine.backtest import BacktestResult

JOBS = Path(".hydra", "jobs.parquet")
RUNS = "runs.parquet"
UNMERGED = ".parts"
OF_TRIALS = ("spans", "sharpe", "skew", "kurtosis", "sessions", "holding_days")  # of `engine.selection.Trials`
OF_BLOCKS = ("sums", "squares", "counts")  # of `engine.selection.BlockSums`
ASKED = ["config_hash", "choices", "config", "manifest"]  # what `runs_of` takes beside job, overrides and summary
REMEDY = "remove it, and the jobs it held are run again"
SECONDS_BETWEEN_PARTS = 10.0  # of work lost, at most, when a sweep is interrupted


def packed(result: "BacktestResult", plans: list, started: float) -> Iterator[tuple[dict, dict, dict]]:
    """Yield what a table keeps of a batch: metrics and cautions of its parameter sets, what judging them takes (arrays
    of P rows), and the manifest.

    Parameters
    ----------
    result : BacktestResult
    plans : list of Plan
        One for each parameter set of the result.
    """
    asked = plans[0].settings
    data = data_of(asked["market"])
    made = manifest(result.market, resolve(str(asked["backend"])), asked["seed"], started, data=data)
    yield result.summaries | {"cautions": result.caution_codes}, _trial_columns(result), made


def _trial_columns(result: "BacktestResult") -> dict:
    """Return `engine.selection.Trials` of what runs are judged by as columns of a table."""
    trials = trials_of(result.pnl_judged, result.book.days)
    cut, span = trials.cut, span_key(result.dates.tobytes())
    blocks = dict.fromkeys(OF_BLOCKS)
    if cut is not None:
        rows = cut.sums, cut.squares, np.tile(cut.counts, (result.sets, 1))
        blocks = {name: pl.Series(of).arr.to_list() for name, of in zip(OF_BLOCKS, rows, strict=True)}
    return {name: getattr(trials, name) for name in OF_TRIALS} | blocks | {"span": [span] * result.sets}


def span_key(dates: bytes) -> str:
    """Name some sessions, given their dates as bytes."""
    return hashlib.sha256(dates).hexdigest()


class TableStore:
    """Keeps the finished jobs of a sweep as rows."""

    packed = staticmethod(packed)
    largest_piece = 4096  # jobs sent to another machine, and back, at once

    def __init__(self, sweep: Path):
        self.sweep = Path(sweep)
        self._waiting, self._written = [], time.monotonic()
        self._as_text = Once(lambda node: json.dumps(node, default=str))

    def finished(self, plans: list) -> set[int]:
        """Return which jobs need not run: those whose row was made with the same configuration, panel and version."""
        rows = read_rows(self.sweep, ["config_hash"])
        held = {} if rows is None else dict(rows.select("job", "config_hash").iter_rows())
        return {plan.number for plan in plans if held.get(plan.number) == plan.config_hash}

    def keep(self, plans: list, batch: Iterable[tuple[dict, dict, dict]]) -> None:
        """Add a row for each job of a batch."""
        for summaries, trials, made in batch:
            number = pl.selectors.float()
            numbers = pl.DataFrame(summaries).with_columns(pl.when(number.is_finite()).then(number))
            rows = {
                "job": [plan.number for plan in plans],
                "config_hash": [plan.config_hash for plan in plans],
                "overrides": [plan.overrides for plan in plans],
                "choices": [self._as_text(plan.choices) for plan in plans],
                "manifest": [json.dumps(made)] * len(plans),
            }
            schema = {"overrides": pl.List(pl.String)}
            judged = pl.DataFrame(trials, schema_overrides=dict.fromkeys(OF_BLOCKS, pl.List(pl.Float64)))
            structs = numbers.to_struct("summary"), judged.to_struct("trial")
            self._waiting.append(
                pl.DataFrame(rows, schema_overrides=schema).with_columns(self._configs(plans), *structs)
            )
        if time.monotonic() - self._written > SECONDS_BETWEEN_PARTS:
            self.flush()

    def _configs(self, plans: list) -> pl.Series:
        """Each configuration as a struct of texts, one for each group: most rows share most of them."""
        groups = dict.fromkeys(chain.from_iterable(plan.settings for plan in plans))
        texts = {
            group: [self._as_text(plan.settings[group]) if group in plan.settings else None for plan in plans]
            for group in groups
        }
        return pl.DataFrame(texts, schema=dict.fromkeys(texts, pl.String)).to_struct("config")

    def flush(self) -> None:
        """Write the rows that wait as a part of the table."""
        if self._waiting:
            rows = pl.concat(self._waiting, how="diagonal_relaxed")
            (self.sweep / UNMERGED).mkdir(parents=True, exist_ok=True)
            write_table(rows, self.sweep / UNMERGED / f"{time.time_ns()}-{rows['job'][0]}.parquet")
        self._waiting, self._written = [], time.monotonic()


def is_table(sweep: Path) -> bool:
    """Tell whether a folder is that of a sweep kept as a table."""
    return (sweep / JOBS).exists() or (sweep / UNMERGED).is_dir()


def read_rows(sweep: Path, columns: list[str] | None = None) -> pl.DataFrame | None:
    """Return a row per finished job: job, config_hash, overrides, choices, config (as `configs`), manifest and summary.

    None where there is no table yet. A job is finished when both files hold it. Of some `columns`, such as `ASKED`, the
    others beside job, overrides and summary are not read.

    Raises
    ------
    InputError
        When one of the files is damaged.
    """
    files = sweep / JOBS, sweep / RUNS
    if not all(path.exists() for path in files):
        return None
    if not (sweep / UNMERGED).is_dir():  # else a kill may have come between the two files and the manifest
        remedy = f"remove it, and go on with sweep.resume={sweep}"
        listed = read_manifest(sweep, remedy).get("files", {}) if (sweep / MANIFEST).exists() else {}
        for name, known in listed.items():
            if not (sweep / name).is_file() or checksum(sweep / name) != known:
                raise InputError(f"{sweep / name} was changed or damaged after it was written; run this sweep again")
    jobs = _read(files[0], columns and ["job", "overrides", *columns])
    runs = _read(files[1])
    if "run" not in runs.columns or "job" not in jobs.columns:
        raise InputError(f"{sweep / RUNS} is damaged; remove it, and the jobs it held are run again")
    asked = {"run", *asked_keys(jobs["overrides"].to_list())}
    numbers = [name for name in runs.columns if name not in asked]
    job = runs["run"].str.split("/").list.last().cast(pl.Int64).alias("job")
    return jobs.join(pl.DataFrame([job, runs.select(numbers).to_struct("summary")]), on="job", maintain_order="left")


def configs(rows: pl.DataFrame, groups: Iterable[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the configuration of each row of a table, or some groups of it; rows that share a group share its object.

    Examples
    --------
    >>> rows = pl.DataFrame({"config": [{"lag": "1", "costs": '{"index": 0.1}'}, {"lag": "1", "costs": None}]})
    >>> list(configs(rows))
    [{'lag': 1, 'costs': {'index': 0.1}}, {'lag': 1}]
    """
    once = functools.cache(json.loads)
    held = rows.get_column("config").struct.unnest()
    wanted = held.columns if groups is None else [group for group in groups if group in held.columns]
    for texts in held.select(wanted).iter_rows():
        yield {group: once(text) for group, text in zip(wanted, texts, strict=True) if text is not None}


def gather(sweep: Path) -> pl.DataFrame | None:
    """Return the rows of a table and of the parts not yet in it, the latest of each job, by number."""
    parts = [_read(path) for path in sorted((sweep / UNMERGED).glob("*.parquet"))]
    found = [rows for rows in (read_rows(sweep), *parts) if rows is not None]
    if not found:
        return None
    rows = pl.concat(found, how="diagonal_relaxed")
    latest = rows.select("job").with_row_index().unique("job", keep="last").sort("job")["index"]
    in_order = len(latest) == rows.height and latest.is_sorted()
    return rows if in_order else rows[latest]


def commit(sweep: Path, rows: pl.DataFrame, runs: pl.DataFrame, seconds: float) -> None:
    """Write a sweep's table, then remove the parts it was made from.

    Parameters
    ----------
    sweep : Path
    rows : frame
        As from `gather`.
    runs : frame
        The same runs as `load_runs` shows them.
    seconds : float
        What the sweep took.

    Notes
    -----
    An entry of the jobs' manifests that is equal in all of them stands in the table's manifest as it is, any other as
    the list of its values.
    """
    (sweep / ".hydra").mkdir(exist_ok=True)
    write_table(runs, sweep / RUNS)
    write_table(rows.drop("summary"), sweep / JOBS)
    if (sweep / "multirun.yaml").exists():  # where Hydra leaves it
        os.replace(sweep / "multirun.yaml", sweep / ".hydra" / "multirun.yaml")
    made = [json.loads(text) for text in rows["manifest"].unique(maintain_order=True)]
    agreed = {}
    for key in made[0]:
        values = [one.get(key) for one in made]
        agreed[key] = values[0] if all(value == values[0] for value in values) else sorted(set(map(str, values)))
    own = {
        "finished": now(),
        "jobs": rows.height,
        "seconds": round(seconds, 3),
        "peak_memory_mb": peak_memory_mb(),
        "files": {str(name): checksum(sweep / name) for name in (RUNS, JOBS)},
    }
    write_json(sweep / MANIFEST, agreed | own, seal=True)
    shutil.rmtree(sweep / UNMERGED, ignore_errors=True)


def asked_keys(overrides: Iterable[Iterable[str]]) -> list[str]:
    """Return the groups and keys that any job was asked for; how the sweep is kept is not asked of a job.

    Examples
    --------
    >>> asked_keys([["costs.index=0.3", "sweep.store=table"], ["+costs.index=0.4", "strategy=rich_correlation"]])
    ['costs.index', 'strategy']
    """
    words = dict.fromkeys(chain.from_iterable(overrides))  # most jobs share most of them
    keys = (word.lstrip("+~").partition("=")[0].partition("@")[0] for word in words)
    return [key for key in dict.fromkeys(keys) if not key.startswith("sweep.")]


def _read(path: Path, columns: list[str] | None = None) -> pl.DataFrame:
    rows = read_frame(path, REMEDY, columns=columns)
    if rows.schema.get("config") != pl.String:
        return rows
    whole = [json.loads(text) for text in rows["config"]]  # as an earlier version kept them: one text each
    groups = dict.fromkeys(chain.from_iterable(whole))
    texts = {group: [json.dumps(one[group]) if group in one else None for one in whole] for group in groups}
    return rows.with_columns(pl.DataFrame(texts).to_struct("config"))


def write_table(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame as a parquet file, whole or not at all."""
    unfinished = path.with_suffix(".part")
    try:
        frame.write_parquet(unfinished)
    except pl.exceptions.ComputeError as error:  # a full disk, in the words of parquet
        raise InputError(f"{path} cannot be written; make room on the disk") from error
    put_in_place(unfinished, path)
