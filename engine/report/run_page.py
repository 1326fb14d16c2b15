"""The page of a backtest: arranges what a result holds, has no numbers of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from engine.backend import to_host
from engine.backtest.metrics import drawdown
from engine.backtest.outcome.ledger import by_cohort, by_name
from engine.backtest.outcome.trades import cohorts_as_trades
from engine.backtest.outcome.views import greeks_and_splits
from engine.backtest.outcome.wording import cost_words, hedge_line, summary_rows
from engine.backtest.text import as_text
from engine.correlation import matched_window
from engine.report import plots, run_tables
from engine.report.cells import Table, as_table, label
from engine.report.glossary import meaning
from engine.report.page import Page
from engine.report.run_statistics import signal_table, statistics_tables
from engine.report.tables import realized_words

MOST_ROWS, MOST_ROWS_IN_SWEEPS = 20_000, 4_000  # of the ledger; a page of a sweep stays below 300 KB
LEDGER = {
    "cohort": "number",
    "entry_date": "date",
    "expiry": "date",
    "leg": "text",
    "leg_class": "text",
    "instrument": "text",
    "status": "text",
    "events": "text",
    "exit_date": "date",
    "quantity": "number",
    "strike": "number",
    "entry_iv": "number",
    "entry_vega": "money",
    "premium": "money",
    "pnl_gross": "money",
    "cost": "money",
    "pnl_net": "money",
}
QUOTED = ("strike", "entry_iv", "entry_vega", "premium", "exit_value")  # told by, or telling, what a vendor quotes
SUMMED = ("pnl_gross", "cost", "pnl_net")
# Settings of how a run is made and kept, not of what is traded; nor does a page that is sent on name folders.
HOW = {"study", "backend", "memory_budget", "causality", "allow", "sweep", "report"}
QUALITY = ("coverage", "stale_share", "beyond_tenors_share", "beyond_deltas_share", "unexplained_share")
QUALITY += ("surface_marks_share", "trade_marks_share", "unsettled_share", "cohorts_skipped", "legs_settled_early")
QUALITY += ("legs_closed_early", "unfilled_vega_share")


def write_tearsheet(result, path, p: int = 0, title: str | None = None) -> Path:
    """Write the report of one parameter set of a backtest to a file, as `tearsheet` makes it; return the file."""
    path = Path(path)
    path.write_text(tearsheet(result, p, title), encoding="utf-8")
    return path


def tearsheet(
    result,
    p: int = 0,
    title: str | None = None,
    script: str | None = None,
    settings: Mapping[str, Any] | None = None,
    remarks: Sequence[str] = (),
    share: bool = False,
) -> str:
    """Return the report of one parameter set of a backtest, an HTML page that needs nothing but itself to be read.

    Parameters
    ----------
    result : BacktestResult
    p : int
        Parameter set.
    title : str or None
        Heading; the market's name by default.
    script : str or None
        Where the page finds plotly.js, for pages that share one; None = in itself.
    settings : mapping or None
        What was asked, nested as a configuration is; by default what the result itself knows of it.
    remarks : sequence of str
        Sentences under the heading, such as a note.
    share : bool
        For others, who may not see a vendor's data: the ledger leaves out strikes, quoted values and volatilities.
    """
    info, summary, daily = result.market.info, result.summary(p), result.daily(p)
    money, dates = info.currency, result.dates
    page = Page("run.html", title or f"Dispersion backtest on {info.name}", script)
    ledger = result.ledger(p)
    names, cohorts = by_name(ledger), by_cohort(result, p, ledger)
    shown = _last_cohorts(ledger, MOST_ROWS if script is None else MOST_ROWS_IN_SWEEPS)
    correlation = correlation_series(result)
    scenarios = _scenarios(result, p)
    page.packed.rows("ledger", _ledger_columns(shown.drop(QUOTED) if share else shown))
    return page.render(
        head=[*_head(result, p), *remarks],
        cautions=[caution.text for caution in result.cautions(p)],
        tiles=_tiles(summary, money),
        money=money,
        classes=as_table(run_tables.by_class(names), toned=("pnl_gross", "pnl_net")),
        names=_ends(names.filter(pl.col("leg_class") == "component").select("leg", "cohorts", *SUMMED), "pnl_net"),
        cohorts=_ends(_cohort_rows(cohorts), "pnl_net"),
        months=_months(dates, result.pnl_net[p]),
        drawdowns=as_table(run_tables.drawdowns(dates, result.pnl_net[p]), {"depth": "money"}),
        exposure=run_tables.exposure_words(daily["exposure"].to_numpy(), cohorts),
        figures=_figures(page, result, p, daily, cohorts, correlation),
        statistics=statistics_tables(result, p),
        trades=_trades(result, ledger),
        by_signal=signal_table(result, p, correlation[correlation.columns[1]].to_numpy()),
        scenarios=scenarios,
        breakevens=None if share or scenarios is None else _breakevens(result, p, scenarios[0]),
        ledger_note=_ledger_note(shown.height, ledger.height),
        quality=_numbers(summary, money, QUALITY),
        numbers=_numbers(summary, money),
        notes=[
            f"{words}: {note}." for words, note in (("Source", info.source), ("Contracts", result.contracts)) if note
        ],
        settings=_settings(result, p, settings),
    )


def correlation_series(result) -> pl.DataFrame:
    """Return implied correlation at the traded tenor (the nearest on the surface), and realised over its sessions."""
    view, tenors = result.view, result.market.tenors
    tenor = int(tenors[abs(tenors - result.book.recipe.structure.tenor).argmin()])
    window = matched_window(tenor)
    return pl.DataFrame(
        {
            "date": result.dates,
            f"implied, {tenor} days": to_host(view.implied_correlation(tenor)),
            realized_words(window, view.realized_leg): to_host(view.realized_correlation(window)),
        }
    ).with_columns(pl.selectors.float().fill_nan(None))


def _head(result, p: int) -> list[str]:
    info, dates = result.market.info, result.dates
    return [
        f"{info.index} against {result.view.basket.label}, {dates[0]} to {dates[-1]}, {len(dates):,} sessions. "
        f"{info.source}",
        f"Costs: {cost_words(result.rates_of(p), info)}. {hedge_line(result)}.",
    ]


def _tiles(summary: dict, money: str) -> list[tuple[str, str]]:
    return [
        ("Gross P&L", f"{as_text(summary['pnl_gross'], 'money')} {money}"),
        ("Cost", f"{as_text(summary['cost'], 'money')} {money}"),
        ("Net P&L", f"{as_text(summary['pnl_net'], 'money')} {money}"),
        ("Break-even option cost", f"{as_text(summary['breakeven_cost'], '')} vol pt"),
        ("Net per unit index vega", f"{as_text(summary['pnl_net_per_vega'], '')} vol pt"),
        ("Sharpe gross / net", " / ".join(as_text(summary[f"sharpe_{kind}"], "ratio") for kind in ("gross", "net"))),
        ("HAC t of net", as_text(summary["hac_t"], "ratio")),
        ("Drawdown, worst", f"{as_text(summary['max_drawdown'], 'money')} {money}"),
    ]


def _figures(page: Page, result, p: int, daily: pl.DataFrame, cohorts: pl.DataFrame, correlation: pl.DataFrame) -> dict:
    money, dates = result.market.info.currency, result.dates
    window, ratio = run_tables.rolling_sharpe(result.pnl_net[p], float(result.hurdles[p]))
    entries = cohorts.select(pl.col("entry_date").alias("date"), "exposure")
    drawn = {
        "equity": plots.plot_equity(daily, money),
        "drawdown": plots.plot_drawdown(dates, drawdown(result.pnl_net[p]), money),
        "explain": plots.plot_attribution(daily, money),
        "correlation": plots.plot_entries(correlation, entries),
        "exposure": plots.plot_exposure(daily),
    }
    if (signal := result.signal(p)) is not None:
        drawn["signal"] = plots.plot_signal(dates, signal, result.decisions(p))
    if window:
        drawn["rolling"] = plots.plot_rolling_sharpe(dates, ratio, window)
    if cohorts.height:
        listed = result.book.listed is not None
        asked = page.script is None
        greeks, split, vega = (result.greeks(p), None, None) if listed else greeks_and_splits(result, p, asked)
        units = {"vega": f"{money} per vol point", "gamma": f"{money} per 1 %", "theta": f"{money} a calendar day"}
        drawn |= {greek: plots.plot_greek(greeks, greek, unit) for greek, unit in units.items()}
        if split is not None:
            drawn["split"] = plots.plot_split(split, money, "Parts of gross P&L")
        if vega is not None:
            drawn["vega_split"] = plots.plot_split(vega, money, "Parts of vega and vanna + volga")
    return {name: page.figure(figure) for name, figure in drawn.items()}


def _ends(frame: pl.DataFrame, by: str) -> tuple[Table, Table]:
    best, worst = run_tables.ends(frame, by)
    return as_table(best, toned=(by,)), as_table(worst, toned=(by,))


def _cohort_rows(cohorts: pl.DataFrame) -> pl.DataFrame:
    told = ("gamma", "theta", "vega")
    rest = pl.col("pnl_gross") - pl.sum_horizontal(told)
    return cohorts.select("entry_date", "expiry", "exposure", *told, rest.alias("other"), *SUMMED)


def _trades(result, ledger: pl.DataFrame) -> list[Table] | None:
    """Return the cohorts as trades, in two tables side by side."""
    found = cohorts_as_trades(result.dates, ledger)
    if found is None:
        return None
    rows = [(metric, "" if value is None else as_text(value, unit)) for metric, value, unit in found.iter_rows()]
    halves = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    return [as_table(pl.DataFrame(half, schema=["metric", "value"], orient="row")) for half in halves]


def _months(dates, pnl) -> Table:
    frame = run_tables.months(dates, pnl)
    names = [name for name in frame.columns if name != "year"]
    return as_table(frame, dict.fromkeys(names, "money"), names[:-1], missing="")


def _scenarios(result, p: int) -> tuple[str, list[Table]] | None:
    found = run_tables.scenario_grid(result, p)
    if found is None:
        return None
    date, frames = found
    moves = [[column for column in frame.columns if column != "move"] for frame in frames]
    tables = zip(frames, moves, strict=True)
    return date, [as_table(frame, dict.fromkeys(columns, "money"), columns) for frame, columns in tables]


def _breakevens(result, p: int, date: str) -> Table | None:
    found = run_tables.breakevens(result, p, date)
    return None if found is None else as_table(found, dict.fromkeys(found.columns[1:], "percent"), missing="none")


def _ledger_columns(rows: pl.DataFrame) -> list[dict]:
    rows = rows.with_columns(leg_class=pl.col("leg_class").replace({"component": "member"}))
    columns = []
    for name, kind in ((name, kind) for name, kind in LEDGER.items() if name in rows.columns):
        values, words = rows[name], None
        if kind == "text":
            words = values.unique(maintain_order=True).to_list()
            values = values.replace_strict(words, list(range(len(words))), return_dtype=pl.Int32)
        said = {"name": name, "label": label(name), "said": meaning(label(name)), "kind": kind, "sums": name in SUMMED}
        columns.append(said | {"words": words, "values": values.to_numpy()})
    return columns


def _last_cohorts(ledger: pl.DataFrame, most: int) -> pl.DataFrame:
    """Return the rows of the last cohorts, whole ones, as many as a page holds."""
    return ledger if ledger.height <= most else ledger.filter(pl.col("cohort") > ledger["cohort"][-most])


def _ledger_note(shown: int, rows: int) -> str:
    rest = "" if shown == rows else f" The last {shown:,} of {rows:,} rows; ledger.parquet has all."
    return f"A row per cohort, leg and instrument; a click on a heading sorts, the sums are of the rows found.{rest}"


def _numbers(summary: dict, money: str, names: tuple[str, ...] | None = None) -> Table:
    chosen = summary if names is None else {name: summary[name] for name in names if name in summary}
    rows = [(metric, f"{value} {unit}".strip()) for metric, value, unit in summary_rows(chosen, money)]
    return as_table(pl.DataFrame(rows, schema=["metric", "value"], orient="row"))


def _settings(result, p: int, settings: Mapping[str, Any] | None) -> Table:
    recipe = result.book.recipe
    known = {name: getattr(recipe, name) for name in ("structure", "sizing", "hedge", "marks")}
    asked = _flat(settings or known | {"basket": result.view.basket.label, "costs": vars(result.rates_of(p))})
    rows = [
        (name.removesuffix("._target_"), str(value).rpartition(".")[2] if name.endswith("._target_") else str(value))
        for name, value in asked.items()
        if value is not None and name.partition(".")[0] not in HOW and not name.endswith(".path")
    ]
    rows.append(("capital", result.capital_convention(p)))
    return as_table(pl.DataFrame(rows, schema=["setting", "value"], orient="row"))


def _flat(settings: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return nested settings as `group.key`, in the order given."""
    found = {}
    for name, value in settings.items():
        found |= _flat(value, f"{above}{name}.") if isinstance(value, Mapping) else {f"{above}{name}": value}
    return found
