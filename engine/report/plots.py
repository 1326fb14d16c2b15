"""Figures: a frame in, a figure out. The only file that imports plotly."""

import math

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
import polars as pl
from plotly.subplots import make_subplots

from engine.backtest.attribution import PARTS

INK, MUTED, GRID = "#1b2733", "#6b7885", "#e6eaee"
GROSS, NET, COST = "#7fa6c9", "#12395b", "#c0572b"
SERIES = ("#12395b", "#c0572b", "#3f8f6b", "#8a5a9e", "#c99a2e", "#5b8db8", "#9b3d4f", "#6b7885")

_THEME = go.layout.Template(
    layout={
        "font": {"family": "Inter, 'Helvetica Neue', Arial, sans-serif", "size": 13, "color": INK},
        "title": {"font": {"size": 16}, "x": 0.0, "xref": "paper", "xanchor": "left", "y": 0.97, "yanchor": "top"},
        "margin": {"l": 70, "r": 24, "t": 56, "b": 48},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "colorway": SERIES,
        "hovermode": "x unified",
        "xaxis": {"showgrid": False, "linecolor": GRID, "ticks": "outside", "tickcolor": GRID, "zeroline": False},
        "yaxis": {"gridcolor": GRID, "zerolinecolor": "#b8c1c9", "zerolinewidth": 1},
        "legend": {"orientation": "h", "x": 1.0, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
    }
)
pio.templates["dispersion"] = _THEME


def _figure(title: str, y: str, x: str = "") -> go.Figure:
    figure = go.Figure()
    figure.update_layout(template="dispersion", title=title, height=380)
    figure.update_xaxes(title=x)
    figure.update_yaxes(title=y)
    return figure


def _money(amount: float) -> str:
    """Write money short: 1.2m, 340k.

    Examples
    --------
    >>> _money(1_234_567), _money(-34_000.0), _money(12.0)
    ('1.2m', '-34k', '12')
    """
    for size, sign in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(amount) >= size:
            return f"{amount / size:,.1f}".removesuffix(".0") + sign
    return f"{amount:,.0f}"


def plot_equity(daily: pl.DataFrame, currency: str) -> go.Figure:
    """Cumulative P&L gross and net; the gap between the two is cost."""
    gross, net = daily["pnl_gross"].cum_sum(), daily["pnl_net"].cum_sum()
    figure = _figure(
        f"Cumulative P&L: gross {_money(gross[-1])}, net {_money(net[-1])} {currency}", f"cumulative P&L ({currency})"
    )
    hover = "%{y:,.0f}"
    figure.add_scatter(x=daily["date"], y=gross, name="gross", line={"color": GROSS, "width": 2}, hovertemplate=hover)
    figure.add_scatter(x=daily["date"], y=net, name="net", line={"color": NET, "width": 2.4}, hovertemplate=hover)
    return figure


def plot_drawdown(dates, drawdown, currency: str) -> go.Figure:
    """Fall of cumulative net P&L below its running high."""
    worst = int(np.argmin(drawdown))
    figure = _figure(
        f"Drawdown of net P&L: worst {_money(drawdown[worst])} {currency} on {dates[worst]}", f"drawdown ({currency})"
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


def plot_exposure(daily: pl.DataFrame) -> go.Figure:
    """Exposure carried out of each close, in cohorts at full size; above zero is short correlation."""
    invested = float((daily["exposure"] != 0.0).mean())
    figure = _figure(f"Exposure: invested on {invested:.0%} of sessions", "open cohorts (1 = full size)")
    figure.add_scatter(
        x=daily["date"],
        y=daily["exposure"],
        name="exposure",
        line={"shape": "hv", "color": NET, "width": 1.2},
        fill="tozeroy",
        fillcolor="rgba(18,57,91,0.15)",
        hovertemplate="%{y:.2f}",
        showlegend=False,
    )
    return figure


def plot_attribution(daily: pl.DataFrame, currency: str) -> go.Figure:
    """Cumulative P&L by source; the sources sum to the gross P&L. Delta and its hedge are shown as one."""
    cumulative = daily.select("date", "pnl_gross", *PARTS).with_columns(
        (pl.col("delta") + pl.col("hedge")).alias("delta")
    )
    shown = {"delta": "delta + hedge", "vanna_volga": "vanna + volga"}
    totals = {part: float(cumulative[part].sum()) for part in PARTS if part != "hedge"}
    largest = max(totals, key=lambda part: abs(totals[part]))
    figure = _figure(
        f"P&L explain: largest source {shown.get(largest, largest)}, {_money(totals[largest])} {currency}",
        f"cumulative P&L ({currency})",
    )
    for part in totals:
        figure.add_scatter(
            x=cumulative["date"],
            y=cumulative[part].cum_sum(),
            name=shown.get(part, part),
            line={"width": 1.6, "dash": "dot" if part == "unexplained" else "solid"},
            hovertemplate="%{y:,.0f}",
        )
    figure.add_scatter(
        x=cumulative["date"],
        y=cumulative["pnl_gross"].cum_sum(),
        name="gross",
        line={"color": INK, "width": 2.6},
        hovertemplate="%{y:,.0f}",
    )
    return figure


def plot_implied_correlation(series: pl.DataFrame, title: str = "Implied against realised correlation") -> go.Figure:
    """Correlation through time: one line per column beside `date`, decimals shown as published (x 100)."""
    return plot_series(series, title, "correlation (x 100)")


def plot_term_structure(levels: pl.DataFrame) -> go.Figure:
    """Implied correlation against tenor; columns tenor and one per date or statistic, decimals."""
    figure = _figure("Term structure of implied correlation at 50 delta", "correlation (x 100)", "tenor (days)")
    for column in levels.columns:
        if column != "tenor":
            figure.add_scatter(
                x=levels["tenor"],
                y=levels[column] * 100.0,
                name=column,
                mode="lines+markers",
                hovertemplate="%{y:.1f}",
            )
    return figure


def plot_skew(levels: pl.DataFrame) -> go.Figure:
    """Implied correlation against call delta; columns delta and one per tenor, decimals. 90 is the crash side."""
    figure = _figure("Skew of implied correlation", "correlation (x 100)", "call delta (90 = 10-delta put)")
    for column in levels.columns:
        if column != "delta":
            figure.add_scatter(
                x=levels["delta"],
                y=levels[column] * 100.0,
                name=f"{column} days",
                mode="lines+markers",
                hovertemplate="%{y:.1f}",
            )
    return figure


def plot_surface(surface: pl.DataFrame, title: str) -> go.Figure:
    """One date's correlation by tenor and delta; a row per tenor, columns tenor and one per call delta, decimals."""
    deltas = [column for column in surface.columns if column != "tenor"]
    tenors = [f"{tenor} days" for tenor in surface["tenor"]]
    points = [[None if v is None else 100.0 * v for v in row] for row in surface.select(deltas).iter_rows()]
    figure = _figure(title, "", "call delta (90 = 10-delta put)")
    figure.add_heatmap(
        x=deltas,
        y=tenors,
        z=points,
        colorscale=[[0.0, "#f6f4ef"], [0.5, GROSS], [1.0, NET]],
        colorbar={"title": "x 100"},
        texttemplate="%{z:.0f}",
        hovertemplate="%{y}, delta %{x}: %{z:.1f}<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    figure.update_xaxes(type="category")
    figure.update_layout(hovermode="closest")
    return figure


def plot_drivers(drivers: pl.DataFrame, leg: str) -> go.Figure:
    """What moved the index volatility, added up through time; columns date, total and the parts, vol points."""
    figure = _figure(f"Where the moves of {leg}'s volatility came from", "vol points since the start")
    for column in ("component_vol", "correlation", "weight", "cross"):
        figure.add_scatter(
            x=drivers["date"],
            y=drivers[column].fill_null(0.0).cum_sum(),
            name=column.replace("_", " "),
            line={"width": 1.8},
            hovertemplate="%{y:.1f}",
        )
    figure.add_scatter(
        x=drivers["date"],
        y=drivers["total"].fill_null(0.0).cum_sum(),
        name="together",
        line={"color": INK, "width": 2.6},
        hovertemplate="%{y:.1f}",
    )
    return figure


def plot_day_drivers(drivers: pl.DataFrame, day: str) -> go.Figure:
    """What moved implied correlation on one day: a bar per driver; columns driver and points."""
    figure = _figure(f"Drivers of implied correlation on {day}", "", "points (x 100)")
    figure.add_bar(
        x=drivers["points"],
        y=drivers["driver"],
        orientation="h",
        marker={"color": [GROSS if v >= 0.0 else NET for v in drivers["points"]]},
        hovertemplate="%{y}: %{x:.2f}<extra></extra>",
        showlegend=False,
    )
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_layout(hovermode="closest", height=160 + 24 * drivers.height)
    return figure


def plot_series(series: pl.DataFrame, title: str, unit: str, scale: float = 100.0) -> go.Figure:
    """Lines through time, one per column beside `date`, times `scale`."""
    figure = _figure(title, unit)
    for column in series.columns:
        if column != "date":
            figure.add_scatter(
                x=series["date"],
                y=series[column] * scale,
                name=column,
                line={"width": 1.8},
                hovertemplate="%{y:.1f}",
            )
    return figure


def plot_season(season: pl.DataFrame) -> go.Figure:
    """Season of the quarter: a line per index with two standard errors; columns index, phase, factor, error."""
    figure = _figure("Season of the quarter", "level / level of the quarter", "trading day of the quarter")
    for (index,), rows in season.group_by("index", maintain_order=True):
        figure.add_scatter(
            x=rows["phase"],
            y=rows["factor"],
            name=index,
            mode="lines+markers",
            error_y={"type": "data", "array": (2.0 * rows["error"]).to_list(), "thickness": 0.8, "width": 0},
            hovertemplate="%{y:.2f}",
        )
    figure.add_hline(y=1.0, line={"width": 1, "dash": "dot"})
    return figure


def plot_basket_heatmap(series: pl.DataFrame, title: str, sampled: int = 160) -> go.Figure:
    """Correlation of several baskets through time, one row each; columns date and one per basket, decimals.

    Of long histories every so many dates are shown, `sampled` at most, the last one always.
    """
    step = max(1, -(-series.height // sampled))
    shown = series[::-1].gather_every(step)[::-1]
    baskets = [column for column in series.columns if column != "date"]
    figure = _figure(title, "")
    figure.add_heatmap(
        x=shown["date"],
        y=baskets,
        z=[(shown[basket] * 100.0).to_list() for basket in baskets],
        colorscale=[[0.0, "#f6f4ef"], [0.5, GROSS], [1.0, NET]],
        colorbar={"title": "x 100"},
        hovertemplate="%{y}, %{x}: %{z:.1f}<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_layout(hovermode="closest", height=160 + 28 * len(baskets))
    return figure


def plot_equity_overlay(curves: pl.DataFrame, currency: str) -> go.Figure:
    """Cumulative net P&L of several runs; columns run, date, pnl_net."""
    figure = _figure("Cumulative net P&L by run", f"cumulative net P&L ({currency})")
    for (run,), rows in curves.group_by("run", maintain_order=True):
        figure.add_scatter(
            x=rows["date"],
            y=rows["pnl_net"].cum_sum(),
            name=str(run),
            line={"width": 1.8},
            hovertemplate="%{y:,.0f}",
        )
    return figure


def plot_sweep_heatmap(runs: pl.DataFrame, x: str, y: str, metric: str) -> go.Figure:
    """One metric over two swept parameters; one row of `runs` per pair."""
    across, down = runs[x].unique().sort().to_list(), runs[y].unique().sort().to_list()
    values = {(row[x], row[y]): row[metric] for row in runs.iter_rows(named=True)}
    grid = [[values.get((a, d)) for a in across] for d in down]
    figure = _figure(f"{metric} over {x} and {y}", y, x)
    figure.add_heatmap(
        x=[str(a) for a in across],
        y=[str(d) for d in down],
        z=grid,
        colorscale=[[0.0, COST], [0.5, "#f6f4ef"], [1.0, NET]],
        zmid=0.0,
        texttemplate="%{z:.3g}",
        hovertemplate=f"{x} %{{x}}<br>{y} %{{y}}<br>{metric} %{{z:.4g}}<extra></extra>",
    )
    figure.update_layout(hovermode="closest")
    return figure


def plot_roofline(cases: pl.DataFrame, bytes_per_second: float, multiply_adds_per_second: float, device: str):
    """Speed of each case under the machine's two ceilings; columns label, intensity, rate, plain (a plain loop).

    Intensity is multiply-adds needed per byte needed, rate multiply-adds per second, both as counted by the benchmark.
    """
    figure = _figure(f"Roofline: {device}", "multiply-adds per second", "multiply-adds per byte that must be read")
    ridge = multiply_adds_per_second / bytes_per_second
    left, right = min(0.3, *cases["intensity"]) / 1.6, max(4.0 * ridge, *cases["intensity"]) * 2.5
    figure.add_scatter(
        x=[left, ridge, right],
        y=[left * bytes_per_second, multiply_adds_per_second, multiply_adds_per_second],
        mode="lines",
        line={"color": INK, "width": 2},
        hoverinfo="skip",
        showlegend=False,
    )
    memory, arithmetic = math.sqrt(left * ridge), math.sqrt(ridge * right)
    for x, y, words, anchor in (
        (memory, memory * bytes_per_second, f"memory: {bytes_per_second / 1e9:,.0f} GB/s", "right"),
        (arithmetic, multiply_adds_per_second, f"arithmetic: {multiply_adds_per_second / 1e9:,.0f} G/s", "center"),
    ):
        figure.add_annotation(
            x=math.log10(x), y=math.log10(y), text=words, xanchor=anchor, yshift=12, showarrow=False, font_color=MUTED
        )
    for plain, name, marker in (
        (False, "engine", {"color": NET, "size": 10}),
        (True, "plain Python loop", {"color": COST, "size": 10, "symbol": "circle-open", "line": {"width": 2}}),
    ):
        points = cases.filter(pl.col("plain") == plain)
        figure.add_scatter(
            x=points["intensity"],
            y=points["rate"],
            text=points["label"],
            mode="markers+text",
            textposition=_label_places(cases, points),
            name=name,
            marker=marker,
            hovertemplate="%{text}: %{y:.3s}/s at %{x:.2f} per byte<extra></extra>",
        )
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(type="log", dtick=1, exponentformat="SI")
    figure.update_layout(hovermode="closest", height=560)
    return figure


def _label_places(cases: pl.DataFrame, points: pl.DataFrame) -> list[str]:
    """Put a label beside its point, or away from a neighbour whose label it would cover."""
    everyone = list(cases.select("intensity", "rate").iter_rows())
    places = []
    for x, y in points.select("intensity", "rate").iter_rows():
        near = [v for u, v in everyone if (u, v) != (x, y) and 0.6 < u / x < 1.7 and 0.75 < v / y < 1.35]
        places.append("middle right" if not near else "top right" if y > max(near) else "bottom right")
    return places


def plot_growth(points: pl.DataFrame, device: str) -> go.Figure:
    """Time against size, one panel per axis; columns series, axis, length, seconds; dotted = in proportion to size."""
    words = {"T": "T, dates", "N": "N, names", "P": "P, parameter sets"}
    axes = points["axis"].unique(maintain_order=True).to_list()
    figure = make_subplots(rows=1, cols=len(axes), horizontal_spacing=0.04, shared_yaxes=True)
    colours = iter(SERIES)
    for column, axis in enumerate(axes, start=1):
        for (series,), rows in points.filter(pl.col("axis") == axis).group_by("series", maintain_order=True):
            colour, length, seconds = next(colours), rows["length"], rows["seconds"]
            figure.add_scatter(
                x=length,
                y=seconds,
                mode="lines+markers",
                name=str(series),
                line={"color": colour, "width": 2},
                hovertemplate="%{x:,}: %{y:.3s}s",
                row=1,
                col=column,
            )
            figure.add_scatter(
                x=length,
                y=seconds[-1] * length / length[-1],
                mode="lines",
                line={"color": colour, "width": 1.2, "dash": "dot"},
                hoverinfo="skip",
                showlegend=False,
                row=1,
                col=column,
            )
        lengths = points.filter(pl.col("axis") == axis)["length"].unique().to_list()
        ticks = {"tickmode": "array", "tickvals": lengths, "ticktext": [f"{n:,}" for n in lengths]}
        figure.update_xaxes(type="log", title=words[axis], **ticks, row=1, col=column)
    low, high = math.log10(points["seconds"].min()), math.log10(points["seconds"].max())
    decades = range(math.floor(low), math.ceil(high) + 1)
    figure.update_yaxes(
        type="log",
        range=[low - 0.15, high + 0.15],
        tickmode="array",
        tickvals=[10.0**n for n in decades],
        ticktext=[f"{10**n:,} s" if n >= 0 else f"{10.0 ** (n + 3):g} ms" for n in decades],
    )
    figure.update_layout(
        template="dispersion",
        title=f"Time against size: {device} (dotted: in proportion)",
        height=560,
        hovermode="closest",
        margin_b=100,
        legend={"x": 0.5, "xanchor": "center", "y": -0.16, "yanchor": "top"},
    )
    return figure


def as_html(figure: go.Figure) -> str:
    """Return the figure as a piece of HTML that expects plotly.js on the page."""
    return pio.to_html(
        figure, full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True}
    )


def plotly_script() -> str:
    """Return plotly.js itself, to be inlined once per page."""
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()
