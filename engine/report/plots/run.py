"""Figures of one run through time: rolling Sharpe, correlation with its entries, greeks, and what P&L came from."""

import numpy as np
import polars as pl

from engine.arrays import Floats
from engine.backtest import Signal
from engine.report.plots.backtest import money
from engine.report.plots.style import COST, GROSS, INK, MUTED, NET, Figure, new_figure

PART_COLOURS = ("#3f8f6b", COST, "#8a5a9e", "#6b7885", "#b08d2a")


def plot_rolling_sharpe(dates: np.ndarray, ratio: Floats, window: int) -> Figure:
    """Sharpe ratio of net P&L over a trailing window of sessions."""
    figure = new_figure(f"Sharpe ratio of net P&L over {window} sessions", "ratio")
    return _line(figure, dates, ratio, "Sharpe", NET, "%{y:.2f}", showlegend=False)


def plot_entries(series: pl.DataFrame, entries: pl.DataFrame) -> Figure:
    """Implied correlation through time with the entries of cohorts marked on it.

    Parameters
    ----------
    series : frame
        date, and one column per line, decimals; entries are marked on the first.
    entries : frame
        date, exposure; above zero is short correlation.
    """
    short = int((entries["exposure"] > 0.0).sum())
    sides = f"{short} short, {entries.height - short} long"
    figure = new_figure(f"Implied correlation, and {entries.height} entries ({sides})", "correlation (x 100)")
    dates, first = series["date"].to_numpy(), series.columns[1]
    for column, colour in zip(series.columns[1:], (NET, GROSS), strict=False):
        _line(figure, dates, 100.0 * series[column].to_numpy(), column, colour, "%{y:.1f}")
    marked = entries.join(series.select("date", pl.col(first).alias("value")), on="date", how="left")
    return _mark(figure, marked.with_columns(pl.col("value") * 100.0), "%{y:.1f}")


def plot_signal(dates: np.ndarray, signal: Signal, decisions: pl.DataFrame) -> Figure:
    """What a strategy follows through time, its levels, and the closes that decided on cohorts.

    Parameters
    ----------
    dates : array (T,)
    signal : Signal
        Of one parameter set.
    decisions : frame
        As `BacktestResult.decisions`.
    """
    levels = " and ".join(f"{name} {level:g}" for name, level in signal.levels.items())
    told = [f"{decisions.height} entries, each at the close that decided it", levels]
    figure = new_figure("; ".join([f"Signal: {signal.words}", *filter(None, told)]), "")
    _line(figure, dates, signal.values, signal.words, NET, "%{y:.3g}")
    ends = dates[[0, -1]]
    for name, level in signal.levels.items():
        line = {"color": MUTED, "width": 1.2, "dash": "dot"}
        figure.add_scatter(x=ends, y=[level, level], name=name, mode="lines", line=line, hoverinfo="skip")
    marked = decisions.select(pl.col("decided").alias("date"), pl.col("signal").alias("value"), "exposure")
    return _mark(figure, marked, "%{y:.3g}")


def _mark(figure: Figure, marked: pl.DataFrame, hover: str) -> Figure:
    """Mark entries, columns date, value and exposure, by their side."""
    for side, symbol, colour in ((1, "triangle-down", COST), (-1, "triangle-up", "#3f8f6b")):
        rows = marked.sort("date").filter(side * pl.col("exposure") > 0.0)
        if rows.height:
            figure.add_scatter(
                x=rows["date"].to_numpy(),
                y=rows["value"].to_numpy(),
                customdata=rows["exposure"].to_numpy(),
                name="enters short correlation" if side > 0 else "enters long correlation",
                mode="markers",
                marker={"symbol": symbol, "size": 7, "color": colour},
                hovertemplate=hover + ", exposure %{customdata:.2f}",
            )
    return figure


def plot_greek(greeks: pl.DataFrame, greek: str, unit: str) -> Figure:
    """One greek of index, members and both through time; columns date, leg_class and the greek, in currency."""
    index, members = (
        greeks.filter(pl.col("leg_class") == leg_class)[greek].to_numpy() for leg_class in ("index", "component")
    )
    dates = greeks["date"].to_numpy()[::2]
    figure = new_figure(greek.capitalize(), unit)
    _line(figure, dates, index, "index", COST, "%{y:,.0f}", width=1.2)
    _line(figure, dates, members, "members", GROSS, "%{y:,.0f}", width=1.2)
    _line(figure, dates, index + members, "together", INK, "%{y:,.0f}", width=1.8)
    return figure.update_layout(height=280)


def plot_split(split: pl.DataFrame, currency: str, title: str) -> Figure:
    """Cumulative P&L of up to five parts of what the title names; columns date and the parts, which sum to it."""
    parts = [column for column in split.columns if column != "date"]
    totals = {part: float(split[part].sum()) for part in parts}
    told = ", ".join(f"{part.replace('_', ' ')} {money(totals[part])}" for part in parts)
    figure = new_figure(f"{title}: {told}", f"cumulative P&L ({currency})")
    dates = split["date"].to_numpy()
    for part, colour in zip(parts, PART_COLOURS, strict=False):
        _line(figure, dates, split[part].cum_sum().to_numpy(), part.replace("_", " "), colour, "%{y:,.0f}")
    return figure


def _line(figure: Figure, x, y, name: str, colour: str, hover: str, width: float = 1.8, **more) -> Figure:
    line = {"color": colour, "width": width}
    return figure.add_scatter(x=x, y=y, name=name, line=line, hovertemplate=hover, mode="lines", **more)
