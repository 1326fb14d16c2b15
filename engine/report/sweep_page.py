"""The page of a sweep: what its best run is worth, then how all of them came out and over which settings."""

import itertools
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from engine.backtest.metrics import SESSIONS_PER_YEAR
from engine.backtest.outcome.wording import ROWS
from engine.report import plots
from engine.report.cells import Table, as_table, label
from engine.report.glossary import meaning
from engine.report.page import Page, Section
from engine.report.tables import with_deflated
from engine.selection import expected_best_sharpe

METRIC = "sharpe_net"
NUMBERS = ("pnl_gross", "cost", "pnl_net", "breakeven_cost", "sharpe_gross", METRIC, "hac_t", "cohorts")
NOT_ASKED = {name for name, *_ in ROWS} | {"run", "index_vega", "capital", "cautions", "sweep", "report"}
LEADERS = 20  # rows of the table that needs no script
MOST_MAPS, MOST_AXES = 6, 8
ASKED_TO = 12  # significant digits of a setting
EDGE, CELL, AXIS = 90, 44, 90  # pixels that labels, a cell with its number, and an axis take
LIKELY, UNLIKELY = 0.95, 0.05
FEWEST_RANKED = 20  # runs from which on every tenth of them holds two: of nine runs one tenth holds none


def sweep_report(
    runs: pl.DataFrame,
    judged: Mapping[str, Any] | None,
    title: str,
    pages: Collection[str] = (),
    script: str | None = None,
    remarks: Sequence[str] = (),
) -> str:
    """Return the report of a sweep, an HTML page.

    Parameters
    ----------
    runs : frame
        As from `load_runs`: one row per run.
    judged : mapping or None
        What the best run is worth, as `selection.json` has it; None where there are too few runs to judge.
    title : str
    pages : collection of str
        Names of the runs, the last parts of their folders, that have a report of their own.
    script : str or None
        Where the page finds plotly.js; None = in itself.
    remarks : sequence of str
        Sentences under the heading, such as what the runs were made on.
    """
    runs = runs.with_columns(pl.col("run").str.split("/").list.last())
    settings = settings_of(runs)
    # A range of steps of .1 has .30000000000000004, which nobody asked for.
    fractions = [name for name in settings if runs[name].dtype.is_float()]
    runs = runs.with_columns(pl.col(fractions).round_sig_figs(ASKED_TO)) if fractions else runs
    page = Page("sweep.html", title, script)
    board = runs.select("run", *settings, *(name for name in NUMBERS if name in runs.columns), "cautions")
    board = board.sort(METRIC, descending=True, nulls_last=True)
    page.packed.rows("runs", _rows(board, settings))
    known = runs.filter(pl.col(METRIC).is_finite()) if runs[METRIC].dtype.is_float() else runs.clear()
    return page.render(
        head=[f"{runs.height:,} runs over {', '.join(settings) or 'one configuration'}.", *remarks],
        cautions=[*verdict(judged), *_caution_counts(runs)],
        tiles=_tiles(judged),
        overfitting=_luck(page, known, judged),
        leaders=_linked(board.head(LEADERS), judged, pages),
        shown=min(LEADERS, board.height),
        sections=_over_settings(page, known, settings),
    )


def settings_of(runs: pl.DataFrame) -> list[str]:
    """Return the settings that differ between runs."""
    return [name for name in runs.columns if name not in NOT_ASKED and runs[name].n_unique() > 1]


def verdict(judged: Mapping[str, Any] | None) -> list[str]:
    """Say in sentences whether the best of a sweep is told from luck."""
    if judged is None:
        return ["too few runs on the same sessions: nothing says how much of the best one is luck"]
    doubts, apart = [], []
    if judged["left_out"]:
        apart = [f"{judged['left_out']:,} runs are on other sessions than most: they are listed, and not judged"]
    if not judged["deflated"] >= LIKELY:
        doubts.append(
            f"a true Sharpe ratio above what the luck of {judged['independent']:,.1f} independent trials shows has a "
            f"probability of {judged['deflated']:.2f}, short of {LIKELY:g}"
        )
    if judged["overfitting"] is not None and judged["overfitting"] > UNLIKELY:
        doubts.append(
            f"in {judged['overfitting']:.0%} of the splits what is best in one half of the sessions is in the lower "
            "half of the other"
        )
    if judged["superior"] is not None and judged["superior"] > UNLIKELY:
        doubts.append(f"that no run earns anything has a p-value of {judged['superior']:.2f}")
    if doubts:
        return [f"the best run, {_name(judged['best'])}, is not told from luck: {'; '.join(doubts)}", *apart]
    told = f"the best run, {_name(judged['best'])}, is more than the luck of {judged['trials']:,} trials would show"
    return [told, *apart]


def _caution_counts(runs: pl.DataFrame) -> list[str]:
    counts = Counter(code for codes in runs["cautions"] for code in (codes or "").split())
    told = [f"{code} {count:,}" for code, count in counts.most_common()]
    return [f"cautions of the {runs.height:,} runs, by how many have them: {', '.join(told)}"] if told else []


def _tiles(judged: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    if judged is None:
        return []
    survivors = (
        f"{len(judged['survivors']):,} of {judged['runs']:,}" if judged["superior"] is not None else "not tested"
    )
    return [
        ("Best run by net Sharpe", _name(judged["best"])),
        ("Deflated Sharpe, probability", f"{judged['deflated']:.2f}"),
        ("PBO", "n/a" if judged["overfitting"] is None else f"{judged['overfitting']:.2f}"),
        ("Superior predictive ability, p", "not tested" if judged["superior"] is None else f"{judged['superior']:.2f}"),
        ("StepM, runs that earn something", survivors),
        ("Independent trials", f"{judged['independent']:,.1f} of {judged['trials']:,} in this study"),
    ]


def _luck(page: Page, known: pl.DataFrame, judged: Mapping[str, Any] | None) -> list:
    if not known.height:
        return []
    ratios = known[METRIC].to_numpy()
    luck = None
    if judged is not None and len(ratios) > 1:
        variance = float(np.var(ratios, ddof=1)) / SESSIONS_PER_YEAR
        luck = math.sqrt(SESSIONS_PER_YEAR) * expected_best_sharpe(variance, judged["independent"])
    drawn = [plots.plot_luck(ratios, float(ratios.max()), luck)]
    if judged is not None and judged["later_ranks"] and judged["runs"] >= FEWEST_RANKED:
        drawn.append(plots.plot_later_ranks(judged["later_ranks"]))
    return [page.figure(figure) for figure in drawn]


def _over_settings(page: Page, known: pl.DataFrame, settings: list[str]) -> list[Section]:
    """Return bars by setting, heat maps of pairs of settings, and all settings in parallel."""
    if not known.height or not settings:
        return []
    axes, words = settings[:MOST_AXES], label(METRIC)
    note = "Means over all runs with the same values there: a lone good cell is a doubt, a plateau a comfort."
    mean = pl.col(METRIC).mean()
    if len(axes) == 1:
        means = known.group_by(axes[0]).agg(mean).sort(axes[0])
        return [Section("Over its setting", [page.figure(plots.plot_by_setting(means, axes[0], METRIC, words))])]
    maps = [
        page.figure(
            plots.plot_sweep_heatmap(known.group_by(x, y).agg(mean), x, y, METRIC).update_layout(
                title={"text": f"{words}: {y} by {x}"}, yaxis={"title": {"text": ""}}
            ),
            least=EDGE + CELL * across if (across := known[x].n_unique()) <= plots.MOST_TOLD else 0,
        )
        for x, y in list(itertools.combinations(axes, 2))[:MOST_MAPS]
    ]
    parallel = page.figure(plots.plot_parallel(known, axes, METRIC, words), least=AXIS * (len(axes) + 1))
    return [
        Section("Net Sharpe over pairs of settings", maps, note=note),
        Section("All settings in parallel", [parallel], note="Drag along an axis to keep the runs that pass there."),
    ]


def _linked(
    board: pl.DataFrame, judged: Mapping[str, Any] | None, pages: Collection[str]
) -> tuple[Table, Mapping[str, str]]:
    board = board if judged is None else with_deflated(board, judged["leaders"])
    units = {METRIC: "ratio", "deflated": "ratio", "sharpe_gross": "ratio", "hac_t": "ratio", "breakeven_cost": "vol"}
    frame = board.with_columns(pl.col("run").cast(pl.String))
    return as_table(frame, units, (METRIC,)), {run: f"{run}/report.html" for run in board["run"] if run in pages}


def _rows(board: pl.DataFrame, settings: list[str]) -> list[dict[str, Any]]:
    columns = []
    for name in board.columns:
        values, words = board[name], None
        numeric = values.dtype.is_numeric() and name not in settings
        if not numeric:
            texts = values.cast(pl.String).fill_null("")
            words = texts.unique(maintain_order=True).to_list()
            values = texts.replace_strict(words, list(range(len(words))), return_dtype=pl.Int32)
        kind = "text" if not numeric else "money" if name.startswith("pnl_") or name == "cost" else "number"
        said = {"name": name, "label": label(name), "said": meaning(label(name)), "kind": kind, "sums": False}
        columns.append(said | {"words": words, "values": values.to_numpy()})
    return columns


def _name(folder: str) -> str:
    return folder.replace("\\", "/").rstrip("/").rpartition("/")[2]
