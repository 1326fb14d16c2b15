"""Whether stored panels, runs and tables are what was written, and agree with themselves: all of it derived again."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from engine.backtest.metrics import SESSIONS_PER_YEAR, drawdown, hac_t, sharpe
from engine.data.parquet import UNREADABLE
from engine.data.store.header import HEADER
from engine.data.store.verify import verify_panel
from engine.durable import checksum
from engine.errors import InputError
from engine.kernels.codes import PARTS
from engine.runs.again import resolved
from engine.runs.claim import MARK
from engine.runs.manifest import hash_of
from engine.runs.read import Run, finished, load_run, load_runs, runs_at
from engine.runs.rederive import of_another_run, of_ledger
from engine.runs.table_store import JOBS, RUNS, configs, is_table, read_rows
from engine.runs.written import MANIFEST, read_manifest

# Sums of the same terms in another order, of which the largest are a few hundred times the total: 1e-13 at most.
TOLERANCE = 1e-9
TOTALS = ("pnl_gross", "cost", "pnl_net")
STATISTICS = ("sharpe_gross", "sharpe_net", "hac_t", "max_drawdown", "worst_day")  # of `_statistics`


def verify(folder, again: bool = False) -> Iterator[tuple[Path, list[str]]]:
    """Yield each panel, run and table at or below a folder, and what is wrong with it: nothing where it may be trusted.

    Panels are compared with their checksums; runs and tables with their SHA-256, their sums of P&L, the hash of their
    configuration and panel, and the proof of causality that they were made under.

    Parameters
    ----------
    folder : path
    again : bool
        Whether each backtest is run again too, on its data as they are: days and ledger must come out as they are kept.

    Raises
    ------
    InputError
        When the folder holds none of them.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give those of panels, runs or sweeps")
    found = False
    for place, check in _kept(folder):
        found = True
        try:
            told = list(check(place))
            runs = runs_at(place) if again and check in (_run, _table) and not told else []
            yield place, told + [line for run in runs if run.summary for line in of_another_run(run)]
        except InputError as error:
            yield place, [str(error)]
    if not found:
        raise InputError(f"{folder} holds no panel, run or table; give a folder that does")


def _kept(folder: Path) -> Iterator[tuple]:
    """Yield what is kept at or below a folder, and the function that checks it."""
    if (folder / HEADER).exists():
        yield folder, verify_panel
    elif is_table(folder):
        yield folder, _table
    elif (folder / MANIFEST).exists() or (folder / MARK).exists():
        yield folder, _run
    else:
        if (folder / RUNS).exists():
            yield folder, _sweep
        for below in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
            yield from _kept(below)


def _run(folder: Path) -> Iterator[str]:
    if not (folder / MANIFEST).exists():
        yield f"{folder} was left unfinished; run it again"
        return
    damaged = list(_files(folder))
    yield from damaged
    if damaged:
        return
    run = load_run(folder)
    run = replace(run, config=resolved(run.config))
    yield from _origin(run.config, run.manifest)
    if not run.summary:
        return
    if told := list(_of_numbers(run)):
        yield from told
        return
    yield from _daily(run.daily)
    yield from _totals(run)
    yield from of_ledger(run)
    yield from _sessions(run)
    yield from _statistics(run, run.config)


def _of_numbers(run: Run) -> Iterator[str]:
    """Say what is no number, or no date, where one is needed."""
    rows = {"leg": pl.String, "entry_date": pl.Date, "exit_date": pl.Date}
    for file, frame, keys in (("daily.parquet", run.daily, {"date": pl.Date}), ("ledger.parquet", run.ledger, rows)):
        kinds = keys | dict.fromkeys(TOTALS, pl.Float64)
        yield from (
            f"{file} has no column {name} of {kind}" for name, kind in kinds.items() if frame.schema.get(name) != kind
        )
    for name in (*TOTALS, *STATISTICS):
        if not isinstance(run.summary.get(name), int | float | None):
            yield f"summary.json has {run.summary[name]!r} for {name}, which is no number"


def _totals(run: Run) -> Iterator[str]:
    """Compare the P&L of days, of legs and of the summary."""
    frames = {"daily.parquet": run.daily, "ledger.parquet": run.ledger}
    for name in TOTALS:
        known = {file: float(frame[name].sum()) for file, frame in frames.items()}
        known["summary.json"] = _number(run.summary.get(name))
        scale = sum(float(frame[name].abs().sum()) for frame in frames.values())
        lost = any(frame[name].null_count() or frame[name].is_nan().any() for frame in frames.values())
        apart = max(known.values()) - min(known.values())
        if lost or not apart <= TOLERANCE * scale or not all(map(math.isfinite, known.values())):
            told = ", ".join(f"{total:,.6f} in {file}" for file, total in known.items())
            yield f"{name} is {told}" + " with days or legs that have none" * lost


def _sessions(run: Run) -> Iterator[str]:
    """Compare the dates of the days with the manifest."""
    dates, said = run.daily["date"], tuple(run.manifest[key] for key in ("sessions", "first_session", "last_session"))
    ascend = dates.is_sorted() and dates.n_unique() == len(dates)
    if (len(dates), str(dates.min()), str(dates.max())) != said or not ascend:
        yield f"daily.parquet is not of the {said[0]:,} sessions from {said[1]} to {said[2]} that the run was made on"


def _statistics(run: Run, config: dict) -> Iterator[str]:
    """Take the statistics of the days again."""
    gross, net = (run.daily[name].fill_null(math.nan).to_numpy() for name in ("pnl_gross", "pnl_net"))
    if not len(net):
        return
    hurdle = config.get("risk_free", 0.0) * _number(run.summary.get("capital")) / SESSIONS_PER_YEAR
    again = {
        "sharpe_gross": sharpe(gross, hurdle),
        "sharpe_net": sharpe(net, hurdle),
        "hac_t": hac_t(net, run.manifest["holding_sessions"]),
        "max_drawdown": drawdown(net).min(),
        "worst_day": net.min(),
    }
    for name in STATISTICS:
        value, kept = float(again[name]), _number(run.summary.get(name))
        if not abs(value - kept) <= TOLERANCE * max(abs(value), 1.0) and not (math.isnan(value) and math.isnan(kept)):
            yield f"{name} is {value:,.6f} by daily.parquet, and {kept:,.6f} in summary.json"


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _daily(daily: pl.DataFrame) -> Iterator[str]:
    parts = daily.select([part for part in PARTS if part in daily.columns])  # runs of earlier versions have fewer
    for left, right, told in (
        (
            parts.sum_horizontal(),
            daily["pnl_gross"],
            f"the sources of P&L ({', '.join(PARTS)}) do not sum to pnl_gross",
        ),
        (daily["pnl_gross"] - daily["cost"], daily["pnl_net"], "pnl_gross less cost is not pnl_net"),
    ):
        scale: Any = parts.select(pl.all().abs()).sum_horizontal().max() or 0.0
        wrong = daily["date"].filter(~((left - right).abs() <= TOLERANCE * scale))
        if len(wrong):
            yield f"daily.parquet: {told} on {wrong[0]} ({len(wrong):,} sessions in all)"


def _table(folder: Path) -> Iterator[str]:
    if not (folder / MANIFEST).exists():
        yield f"{folder} is not whole; go on with it by sweep.resume={folder}"
        return
    yield from (damaged := list(_files(folder, RUNS, JOBS)))
    if damaged:
        return
    rows = read_rows(folder)
    assert rows is not None, "both files are there, as they are listed"
    for row, config in zip(rows.drop("config").iter_rows(named=True), configs(rows), strict=True):
        made, summary = json.loads(row["manifest"]), row["summary"]
        for problem in _origin(config, made | {"config_hash": row["config_hash"]}):
            yield f"job {row['job']}: {problem}"
        gross, cost, net = (summary[name] or 0.0 for name in ("pnl_gross", "cost", "pnl_net"))
        if not abs(gross - cost - net) <= TOLERANCE * (abs(gross) + abs(cost)):
            yield f"job {row['job']}: pnl_gross less cost is not pnl_net"


def _sweep(folder: Path) -> Iterator[str]:
    """Compare a sweep's table with the summaries of its runs."""
    try:
        table = pl.read_parquet(folder / RUNS, glob=False)
    except UNREADABLE:
        yield f"{folder / RUNS} is damaged; the runs beside it are not: load_runs reads them"
        return
    number = pl.col("run").str.split("/").list.last()  # the folder may have been moved since
    try:
        same = finished(folder) and table.with_columns(number).equals(load_runs(folder).with_columns(number))
    except pl.exceptions.PolarsError:  # a column is gone, or of another kind
        same = False
    if not same:
        yield f"{folder / RUNS} is not what the runs beside it say; load_runs reads those"


def _files(folder: Path, *needed: Path | str) -> Iterator[str]:
    listed = read_manifest(folder, "run this again").get("files", {})
    if not listed or any(str(name) not in listed for name in needed):
        yield f"{folder / MANIFEST} is of an earlier version: it does not list the files; run this again"
    for name, known in listed.items():
        path = folder / name
        if not path.is_file():
            yield f"{path} is gone; run this again"
        elif checksum(path) != known:
            yield f"{path} was changed or damaged after it was written; run this again"


def _origin(config: dict, made: dict) -> Iterator[str]:
    """Say where a run's hash is not that of its configuration and panel, and where it may have used the future."""
    if "config_hash" not in made:  # no backtest
        return
    version = made["versions"].get("dispersion-engine")
    if hash_of(config, made["panel_hash"], version, made.get("files_read")) != made["config_hash"]:
        yield "config_hash is not that of its configuration and panel; one of them was changed afterwards"
    strategy = config["strategy"]["_target_"]
    if config.get("causality") == "off" and not strategy.startswith("strategies."):
        yield f"made with causality=off: nothing proves that {strategy} uses nothing of the future; run it with check"
