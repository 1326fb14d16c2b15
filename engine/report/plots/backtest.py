"""Figures of backtests and of sweeps over them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from engine.arrays import Dates, Floats
from engine.backtest.legs.attribution import PARTS
from engine.report.plots.style import COST, GAIN, GROSS, INK, LOSS, NET, PALE, Figure, new_figure

MOST_TOLD = 16  # cells of a heat map across, and down, that have room for a number


def plot_equity(daily: pl.DataFrame, currency: str) -> Figure:
    """Cumulative P&L gross, net and cost; the last is drawn downwards, so that the first two differ by it."""
    gross, cost, net = (daily[name].cum_sum() for name in ("pnl_gross", "cost", "pnl_net"))
    figure = new_figure(
        f"Cumulative P&L: gross {money(gross[-1])}, cost {money(cost[-1])}, net {money(net[-1])} {currency}",
        f"cumulative P&L ({currency})",
    )
    hover = "%{y:,.0f}"
    figure.add_scatter(
        x=daily["date"].to_numpy(),
        y=gross.to_numpy(),
        name="gross",
        line={"color": GROSS, "width": 2},
        hovertemplate=hover,
    )
    figure.add_scatter(
        x=daily["date"].to_numpy(),
        y=-cost.to_numpy(),
        name="cost",
        line={"color": COST, "width": 1.4, "dash": "dot"},
        hovertemplate=hover,
    )
    figure.add_scatter(
        x=daily["date"].to_numpy(), y=net.to_numpy(), name="net", line={"color": NET, "width": 2.4}, hovertemplate=hover
    )
    return figure


def plot_drawdown(dates: Sequence[Any] | Dates, drawdown: Floats, currency: str) -> Figure:
    """Fall of cumulative net P&L below its running high."""
    worst = int(np.argmin(drawdown))
    figure = new_figure(
        f"Drawdown of net P&L: worst {money(drawdown[worst])} {currency} on {dates[worst]}", f"drawdown ({currency})"
    )
    figure.add_scatter(
        x=dates,
        y=drawdown,
        name="drawdown",
        fill="tozeroy",
        line={"color": COST, "width": 1},
        hovertemplate="%{y:,.0f}",
        showlegend=False,
    )
    return figure


def plot_exposure(daily: pl.DataFrame) -> Figure:
    """Exposure carried out of each close, in cohorts at full size; above zero is short correlation."""
    invested = np.count_nonzero(daily["exposure"]) / daily.height
    figure = new_figure(f"Exposure: invested on {invested:.0%} of sessions", "open cohorts (1 = full size)")
    figure.add_scatter(
        x=daily["date"].to_numpy(),
        y=daily["exposure"].to_numpy(),
        name="exposure",
        line={"shape": "hv", "color": NET, "width": 1.2},
        fill="tozeroy",
        fillcolor="rgba(18,57,91,0.15)",
        hovertemplate="%{y:.2f}",
        showlegend=False,
    )
    return figure.update_layout(height=260)


def plot_attribution(daily: pl.DataFrame, currency: str) -> Figure:
    """Cumulative P&L by source; the sources sum to the gross P&L. Delta and its hedge are shown as one."""
    cumulative = daily.select("date", "pnl_gross", *PARTS).with_columns(
        (pl.col("delta") + pl.col("hedge")).alias("delta")
    )
    shown = {"delta": "delta + hedge", "vanna_volga": "vanna + volga"}
    settles = bool(cumulative["settlement"].abs().sum())  # nothing of most runs settles at an opening
    drawn = [part for part in PARTS if part != "hedge" and (part != "settlement" or settles)]
    totals = {part: float(cumulative[part].sum()) for part in drawn}
    largest = max(totals, key=lambda part: abs(totals[part]))
    figure = new_figure(
        f"P&L explain: largest source {shown.get(largest, largest)}, {money(totals[largest])} {currency}",
        f"cumulative P&L ({currency})",
    )
    for part in totals:
        figure.add_scatter(
            x=cumulative["date"].to_numpy(),
            y=cumulative[part].cum_sum().to_numpy(),
            name=shown.get(part, part),
            line={"width": 1.6, "dash": "dot" if part == "unexplained" else "solid"},
            hovertemplate="%{y:,.0f}",
        )
    figure.add_scatter(
        x=cumulative["date"].to_numpy(),
        y=cumulative["pnl_gross"].cum_sum().to_numpy(),
        name="gross",
        line={"color": INK, "width": 2.6},
        hovertemplate="%{y:,.0f}",
    )
    return figure


def plot_equity_overlay(curves: pl.DataFrame, currency: str) -> Figure:
    """Cumulative net P&L of several runs; columns run, date, pnl_net."""
    figure = new_figure("Cumulative net P&L by run", f"cumulative net P&L ({currency})")
    for (run,), rows in curves.group_by("run", maintain_order=True):
        figure.add_scatter(
            x=rows["date"].to_numpy(),
            y=rows["pnl_net"].cum_sum().to_numpy(),
            name=str(run),
            line={"width": 1.8},
            hovertemplate="%{y:,.0f}",
        )
    return figure


def plot_sweep_heatmap(runs: pl.DataFrame, x: str, y: str, metric: str) -> Figure:
    """One metric over two swept parameters; one row of `runs` per pair."""
    across, down = runs[x].unique().sort().to_list(), runs[y].unique().sort().to_list()
    values = {(row[x], row[y]): row[metric] for row in runs.iter_rows(named=True)}
    grid = [[values.get((a, d)) for a in across] for d in down]
    told = len(across) <= MOST_TOLD and len(down) <= MOST_TOLD  # every cell says its number, else a scale tells them
    figure = new_figure(f"{metric} over {x} and {y}", y, x)
    figure.add_heatmap(
        x=[str(a) for a in across],
        y=[str(d) for d in down],
        z=grid,
        colorscale=[[0.0, LOSS], [0.5, PALE], [1.0, GAIN]],
        zmid=0.0,
        **({"showscale": False, "texttemplate": "%{z:.3g}", "textfont": {"color": INK}} if told else {}),
        hovertemplate=f"{x} %{{x}}<br>{y} %{{y}}<br>{metric} %{{z:.4g}}<extra></extra>",
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(type="category")
    figure.update_layout(hovermode="closest")
    return figure


def money(amount: float) -> str:
    """Write money short: 1.2m, 340k.

    Examples
    --------
    >>> money(1_234_567), money(-34_000.0), money(12.0)
    ('1.2m', '-34k', '12')
    """
    for size, sign in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(amount) >= size:
            return f"{amount / size:,.1f}".removesuffix(".0") + sign
    return f"{amount:,.0f}"
