"""Whether stored panels, runs and tables are what was written, and agree with themselves: all of it derived again."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from engine.command.hydra import plain
from engine.data.parquet import UNREADABLE
from engine.data.store.header import HEADER
from engine.data.store.verify import verify_panel
from engine.durable import checksum
from engine.errors import InputError
from engine.kernels.codes import PARTS
from engine.runs.claim import MANIFEST, MARK, written_before
from engine.runs.manifest import hash_of
from engine.runs.read import finished, load_run, load_runs
from engine.runs.table_store import JOBS, RUNS, is_table, read_rows

# Sums of the same terms in another order, of which the largest are a few hundred times the total: 1e-13 at most.
TOLERANCE = 1e-9


def verify(folder) -> Iterator[tuple[Path, list[str]]]:
    """Yield each panel, run and table at or below a folder, and what is wrong with it: nothing where it may be trusted.

    Panels are compared with their checksums; runs and tables with their SHA-256, their sums of P&L, the hash of their
    configuration and panel, and the proof of causality that they were made under.

    Parameters
    ----------
    folder : path

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
            yield place, list(check(place))
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
    from omegaconf import OmegaConf

    if not (folder / MANIFEST).exists():
        yield f"{folder} was left unfinished; run it again"
        return
    damaged = list(_files(folder))
    yield from damaged
    if damaged:
        return
    run = load_run(folder)
    config = plain(OmegaConf.create(run.config), resolve=True)  # as it was when it was hashed
    yield from _origin(config, run.manifest)
    if not run.summary:
        return
    daily, ledger = run.daily, run.ledger
    yield from _daily(daily)
    for name in ("pnl_gross", "cost", "pnl_net"):
        totals = {"daily.parquet": float(daily[name].sum()), "ledger.parquet": float(ledger[name].sum())}
        totals["summary.json"] = run.summary[name]
        scale = float(daily[name].abs().sum()) + float(ledger[name].abs().sum())
        known = [math.nan if total is None else total for total in totals.values()]
        lost = any(frame[name].null_count() or frame[name].is_nan().any() for frame in (daily, ledger))
        if lost or not max(known) - min(known) <= TOLERANCE * scale or not all(map(math.isfinite, known)):
            told = ", ".join(f"{total:,.6f} in {file}" for file, total in zip(totals, known, strict=True))
            yield f"{name} is {told}" + " with days or legs that have none" * lost
    made, dates = run.manifest, daily["date"]
    said = tuple(made[key] for key in ("sessions", "first_session", "last_session"))
    if (
        (len(dates), str(dates.min()), str(dates.max())) != said
        or dates.n_unique() < len(dates)
        or not dates.is_sorted()
    ):
        yield f"daily.parquet is not of the {said[0]:,} sessions from {said[1]} to {said[2]} that the run was made on"
    worst, kept = float(daily["pnl_net"].fill_null(math.nan).to_numpy().min()), run.summary.get("worst_day")
    if kept is None or not abs(worst - kept) <= TOLERANCE * abs(worst):
        yield f"worst_day is {worst:,.6f} in daily.parquet, and {kept} in summary.json"


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
    for row in rows.iter_rows(named=True):
        made, summary = json.loads(row["manifest"]), row["summary"]
        for problem in _origin(json.loads(row["config"]), made | {"config_hash": row["config_hash"]}):
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
    listed = written_before(folder)
    if not listed or any(str(name) not in listed for name in needed):
        yield f"{folder / MANIFEST} is damaged or of an earlier version: it does not list the files; run this again"
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
