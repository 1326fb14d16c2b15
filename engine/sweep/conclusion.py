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
from engine.runs.written import read_manifest

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
    from engine.runs.judgement import judge_folders, judge_rows

    sweep = own.folder
    if not table_store.is_table(sweep):
        if not any((folder / "summary.json").exists() for folder in read.finished(sweep)):
            return None, None
        runs = read.load_runs(sweep)
        judgement = judge_folders(sweep)
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


def _made_on(manifests: list[dict[str, Any]]) -> str:
    """Say what the runs of a sweep were made on; all of it, where that is not one market or not the same sessions.

    Examples
    --------
    >>> _made_on([{"market": market, "first_session": "2014-01-02", "last_session": "2023-12-29"} for market in "ba"])
    'Market a or b, sessions from 2014-01-02 to 2023-12-29. Money is in its currency.'
    """
    told = []
    for key in ("market", "first_session", "last_session", "currency"):
        values = [one.get(key) for one in manifests]  # a table's is a list where its rows differ
        known = {str(value) for of in values if of is not None for value in (of if isinstance(of, list) else [of])}
        told.append(" or ".join(sorted(known)) or "its currency")  # of runs of before
    return "Market {}, sessions from {} to {}. Money is in {}.".format(*told)


def write_report(runs: pl.DataFrame, judgement: "Judgement | None", sweep: Claim) -> None:
    """Write the page of a sweep, and plotly.js, which it shares with those of its runs."""
    from engine.report import sweep_report
    from engine.report.plots import plotly_script

    table = table_store.is_table(sweep.folder)
    made = [read_manifest(folder) for folder in ([sweep.folder] if table else read.finished(sweep.folder))]
    pages = {page.parent.name for page in sweep.folder.glob(f"*/{PAGE}")}
    title = f"Sweep {sweep.folder.parent.name}, {sweep.folder.name}"
    judged = judgement and asdict(judgement)
    sweep.write_text(PAGE, sweep_report(runs, judged, title, pages, SCRIPT, [_made_on(made)]))
    if not (sweep.folder / SCRIPT).exists():
        sweep.write_text(SCRIPT, plotly_script())
    print(f"Report: {sweep.folder / PAGE}")
