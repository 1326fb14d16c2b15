"""The end of a sweep: its finished runs judged, kept as one table, printed, and drawn on a page."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import yaml
from omegaconf import OmegaConf

from engine.command.hydra import plain
from engine.errors import InputError
from engine.runs import read, table_store
from engine.runs.claim import Claim
from engine.runs.folder import SCRIPT

if TYPE_CHECKING:
    from engine.runs.judgement import Judgement

BEST = 20  # rows of the table printed after a sweep
SELECTION = "selection.json"  # what the best of a sweep's runs is worth
PAGE = "report.html"
ASKED = "multirun.yaml"  # what was asked of a sweep, as Hydra writes it


def asked_of(sweep: Path) -> dict[str, Any]:
    """Return the configuration a sweep was started with; nothing where the folder is that of no sweep.

    Raises
    ------
    InputError
        When the file that holds it is damaged.
    """
    for path in (sweep / ASKED, sweep / ".hydra" / ASKED):
        if path.exists():
            try:
                return dict(plain(OmegaConf.load(path)))
            except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
                raise InputError(f"{path} is damaged: it is no longer what Hydra wrote") from error
    return {}


def complete(own: Claim, seconds: float) -> tuple[pl.DataFrame | None, "Judgement | None"]:
    """Judge all the backtests that a sweep has finished, write `runs.parquet`; return both, None where there are none.

    A table is whole once its manifest is there, so that is written after all else.
    """
    from engine.runs.judgement import judge, judge_rows

    sweep = own.folder
    if not table_store.is_table(sweep):
        if not any((folder / "summary.json").exists() for folder in read.finished(sweep)):
            return None, None
        runs = read.load_runs(sweep)
        judgement = judge(sweep)
        _keep(judgement, own)
        table_store.write_table(runs, sweep / table_store.RUNS)
        return runs, judgement
    rows = table_store.gather(sweep)
    if rows is None:
        return None, None
    runs = read.compared_rows(rows, sweep)
    judgement = judge_rows(sweep, rows)
    _keep(judgement, own)
    table_store.commit(sweep, rows, runs, seconds)
    return runs, judgement


def print_leaderboard(runs: pl.DataFrame, judgement: "Judgement | None", sweep: Path) -> None:
    from engine.report import aligned, leaderboard, with_deflated

    board = leaderboard(runs.with_columns(pl.col("run").str.split("/").list.last())).head(BEST)
    if judgement is not None:
        board = with_deflated(board, judgement.leaders)
    print("", *aligned(board), sep="\n")
    best = f", the best {BEST} of them above" if runs.height > BEST else ""
    print(f"\n{runs.height:,} runs{best}: {sweep / 'runs.parquet'}")


def _keep(judgement: "Judgement | None", sweep: Claim) -> None:
    """Say what the best of the runs is worth, and keep it beside them."""
    from engine.runs.judgement import as_text

    if judgement is not None:
        sweep.write_text(SELECTION, as_text(judgement))
        print("", *judgement.lines(), sep="\n")


def write_report(runs: pl.DataFrame, judgement: "Judgement | None", sweep: Claim) -> None:
    """Write the page of a sweep, and plotly.js, which it shares with those of its runs."""
    from engine.report import sweep_report
    from engine.report.plots import plotly_script

    pages = {page.parent.name for page in sweep.folder.glob(f"*/{PAGE}")}
    title = f"Sweep {sweep.folder.parent.name}, {sweep.folder.name}"
    sweep.write_text(PAGE, sweep_report(runs, judgement and asdict(judgement), title, pages, SCRIPT))
    if not (sweep.folder / SCRIPT).exists():
        sweep.write_text(SCRIPT, plotly_script())
    print(f"Report: {sweep.folder / PAGE}")
