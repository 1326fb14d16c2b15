"""Figures of correlation: through time, by tenor and delta, by basket, and what moved it."""

import polars as pl

from engine.report.plots.style import GAIN, GROSS, INK, NET, PALE, Figure, new_figure


def plot_implied_correlation(series: pl.DataFrame, title: str = "Implied against realised correlation") -> Figure:
    """Correlation through time: one line per column beside `date`, decimals shown as published (x 100)."""
    return plot_series(series, title, "correlation (x 100)")


def plot_series(series: pl.DataFrame, title: str, unit: str, scale: float = 100.0) -> Figure:
    """Lines through time, one per column beside `date` that has a number, times `scale`."""
    figure = new_figure(title, unit)
    for column in series.columns:
        if column != "date" and series[column].null_count() < series.height:
            figure.add_scatter(
                x=series["date"].to_numpy(),
                y=series[column].to_numpy() * scale,
                name=column,
                line={"width": 1.8},
                hovertemplate="%{y:.1f}",
            )
    return figure


def plot_term_structure(levels: pl.DataFrame) -> Figure:
    """Implied correlation against tenor; columns tenor and one per date or statistic, decimals."""
    return _curves(levels, "Term structure of implied correlation at 50 delta", "tenor (days)", "")


def plot_skew(levels: pl.DataFrame) -> Figure:
    """Implied correlation against call delta; columns delta and one per tenor, decimals. 90 is the crash side."""
    return _curves(levels, "Skew of implied correlation", "call delta (90 = 10-delta put)", " days")


def _curves(levels: pl.DataFrame, title: str, x: str, unit: str) -> Figure:
    """A curve per column against the first one."""
    figure = new_figure(title, "correlation (x 100)", x)
    along, *columns = levels.columns
    for column in columns:
        if levels[column].null_count() == levels.height:
            continue
        figure.add_scatter(
            x=levels[along].to_numpy(),
            y=levels[column].to_numpy() * 100.0,
            name=f"{column}{unit}",
            mode="lines+markers",
            hovertemplate="%{y:.1f}",
        )
    return figure


def plot_surface(surface: pl.DataFrame, title: str) -> Figure:
    """One date's correlation by tenor and delta; a row per tenor, columns tenor and one per call delta, decimals."""
    deltas = [column for column in surface.columns if column != "tenor"]
    tenors = [f"{tenor} days" for tenor in surface["tenor"]]
    points = [[None if v is None else 100.0 * v for v in row] for row in surface.select(deltas).iter_rows()]
    figure = new_figure(title, "", "call delta (90 = 10-delta put)")
    figure.add_heatmap(
        x=deltas,
        y=tenors,
        z=points,
        colorscale=[[0.0, PALE], [1.0, GAIN]],
        showscale=False,  # every cell says its number
        texttemplate="%{z:.0f}",
        textfont={"color": INK},
        hovertemplate="%{y}, delta %{x}: %{z:.1f}<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    figure.update_xaxes(type="category")
    figure.update_layout(hovermode="closest")
    return figure


def plot_basket_heatmap(series: pl.DataFrame, title: str, sampled: int = 160) -> Figure:
    """Correlation of several baskets through time, one row each; columns date and one per basket, decimals.

    Of long histories every so many dates are shown, `sampled` at most, the last one always.
    """
    step = max(1, -(-series.height // sampled))
    shown = series[::-1].gather_every(step)[::-1]
    baskets = [column for column in series.columns if column != "date"]
    figure = new_figure(title, "")
    figure.add_heatmap(
        x=shown["date"].to_numpy(),
        y=baskets,
        z=[(shown[basket] * 100.0).to_list() for basket in baskets],
        colorscale=[[0.0, PALE], [0.5, GROSS], [1.0, NET]],
        colorbar={"title": {"text": "x 100"}},
        hovertemplate="%{y}, %{x}: %{z:.1f}<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_layout(hovermode="closest", height=160 + 28 * len(baskets))
    return figure


def plot_drivers(drivers: pl.DataFrame, leg: str) -> Figure:
    """What moved the index volatility, added up through time; columns date, total and the parts, vol points."""
    figure = new_figure(f"Where the moves of {leg}'s volatility came from", "vol points since the start")
    for column in ("component_vol", "correlation", "weight", "cross"):
        if drivers[column].null_count() == drivers.height:
            continue
        figure.add_scatter(
            x=drivers["date"].to_numpy(),
            y=drivers[column].fill_null(0.0).cum_sum().to_numpy(),
            name=column.replace("_", " "),
            line={"width": 1.8},
            hovertemplate="%{y:.1f}",
        )
    figure.add_scatter(
        x=drivers["date"].to_numpy(),
        y=drivers["total"].fill_null(0.0).cum_sum().to_numpy(),
        name="together",
        line={"color": INK, "width": 2.6},
        hovertemplate="%{y:.1f}",
    )
    return figure


def plot_day_drivers(drivers: pl.DataFrame, day: str) -> Figure:
    """What moved implied correlation on one day: a bar per driver; columns driver and points."""
    words = f"Drivers of implied correlation on {day}"
    return plot_bars(drivers["driver"], drivers["points"], words, "points (x 100)", ".2f")


def plot_bars(names: pl.Series, amounts: pl.Series, title: str, unit: str, written: str = ",.0f") -> Figure:
    """One bar to each side of zero per name, the first on top; `written` is a format of d3."""
    figure = new_figure(title, "", unit)
    figure.add_bar(
        x=amounts.to_numpy(),
        y=names.to_numpy(),
        orientation="h",
        marker={"color": [GROSS if v >= 0.0 else NET for v in amounts]},
        hovertemplate=f"%{{y}}: %{{x:{written}}}<extra></extra>",
        showlegend=False,
    )
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_layout(hovermode="closest", height=160 + 24 * len(names))
    return figure


def plot_season(season: pl.DataFrame) -> Figure:
    """Season of the quarter: a line per index with two standard errors; columns index, phase, factor, error."""
    figure = new_figure("Season of the quarter", "level / level of the quarter", "trading day of the quarter")
    for (index,), rows in season.group_by("index", maintain_order=True):
        figure.add_scatter(
            x=rows["phase"].to_numpy(),
            y=rows["factor"].to_numpy(),
            name=index,
            mode="lines+markers",
            error_y={"type": "data", "array": (2.0 * rows["error"]).to_list(), "thickness": 0.8, "width": 0},
            hovertemplate="%{y:.2f}",
        )
    level = {"type": "line", "x0": 0, "x1": 1, "xref": "x domain", "y0": 1.0, "y1": 1.0, "yref": "y"}
    figure.update_layout(shapes=[{**level, "line": {"width": 1, "dash": "dot"}}])
    return figure
