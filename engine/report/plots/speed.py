"""Figures of the benchmark."""

import itertools
import math
from typing import Any

import polars as pl

from engine.report.plots.style import COST, INK, MUTED, NET, SERIES, THEME, new_figure

# The units of the benchmark's cases, and the panel of the history that shows them.
HISTORY_PANELS = {
    "bytes": "Panels and correlations",
    "quotes": "Panels and correlations",
    "marks": "Trade books",
    "sets": "Sweeps and commands",
    "runs": "Sweeps and commands",
    "options": "Options",
}
# Where a label may stand, the best first, and about how large things are in the roofline, in pixels.
PLACES = ("middle right", "top right", "bottom right", "middle left", "top left", "bottom left")
WIDE, HIGH, LETTER, LINE, POINT = 960, 400, 7, 15, 7
HISTORY_TICKS = 10  # commits named along an axis, at most
MULTIPLES = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def plot_roofline(cases: pl.DataFrame, bytes_per_second: float, multiply_adds_per_second: float, device: str) -> Any:
    """Speed of each case under the machine's two ceilings; columns label, intensity, rate, plain (a plain loop).

    Intensity is multiply-adds per byte, rate multiply-adds per second, both of what the work needs (see `Work`).
    """
    words = "multiply-adds per second", "multiply-adds per byte that must be read"
    figure = new_figure(f"Roofline: {device}", *words).plotly()
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
    placed = cases.with_columns(place=pl.Series(_label_places(cases, math.log10(right / left))))
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
        points = placed.filter(pl.col("plain") == plain)
        figure.add_scatter(
            x=points["intensity"],
            y=points["rate"],
            text=points["label"],
            mode="markers+text",
            textposition=points["place"].to_list(),
            name=name,
            marker=marker,
            hovertemplate="%{text}: %{y:.3s}/s at %{x:.2f} per byte<extra></extra>",
        )
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(type="log", dtick=1, exponentformat="SI")
    figure.update_layout(hovermode="closest", height=560)
    return figure


def _label_places(cases: pl.DataFrame, decades: float) -> list[str]:
    """Return where each label goes: the first place around its point where it covers no point, and no label before it.

    Parameters
    ----------
    cases : frame
        Columns label, intensity, rate.
    decades : float
        That the picture is wide.
    """
    rates = cases["rate"].to_list()
    across, up = WIDE / decades, HIGH / max(math.log10(max(rates) / min(rates)), 1.0)  # pixels of a decade
    points = [(across * math.log10(x), up * math.log10(y)) for x, y in zip(cases["intensity"], rates, strict=True)]
    taken = [(x - POINT, x + POINT, y - POINT, y + POINT) for x, y in points]
    places = []
    for (x, y), label in zip(points, cases["label"], strict=True):
        room = {}
        for place in PLACES:
            start = x + POINT if place.endswith("right") else x - POINT - LETTER * len(label)
            middle = y + LINE * {"middle": 0.0, "top": 1.0, "bottom": -1.0}[place.split()[0]]
            room[place] = (start, start + LETTER * len(label), middle - 0.5 * LINE, middle + 0.5 * LINE)
        covers = {
            place: sum(a < there[1] and there[0] < b and c < there[3] and there[2] < d for there in taken)
            for place, (a, b, c, d) in room.items()
        }
        places.append(min(PLACES, key=lambda place: covers[place]))
        taken.append(room[places[-1]])
    return places


def plot_history(speeds: pl.DataFrame, device: str) -> Any:
    """Speed of each case run by run, as a multiple of its first; dotted = what the machine's own limit did meanwhile.

    Parameters
    ----------
    speeds : frame
        Columns run (0, 1, ...), commit, finished, case, unit, rate, limit, share_of_limit, speed, machine.
    device : str
    """
    panels = list(dict.fromkeys(HISTORY_PANELS[unit] for unit in speeds["unit"].unique(maintain_order=True)))
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=1, cols=len(panels), subplot_titles=panels, shared_yaxes=True, horizontal_spacing=0.02)
    for column, panel in enumerate(panels, start=1):
        shown = speeds.filter(pl.col("unit").replace_strict(HISTORY_PANELS) == panel)
        legend = "legend" if column == 1 else f"legend{column}"
        for colour, ((case,), rows) in zip(
            itertools.cycle(SERIES), shown.group_by("case", maintain_order=True), strict=False
        ):
            figure.add_scatter(
                x=rows["run"],
                y=rows["speed"],
                customdata=rows.select("commit", "finished", "rate", "unit", "share_of_limit").rows(),
                mode="lines+markers",
                name=str(case),
                legend=legend,
                line={"color": colour, "width": 2},
                hovertemplate="%{customdata[0]}, %{customdata[1]}: x %{y:.3g}<br>"
                "%{customdata[2]:.3s} %{customdata[3]}/s, %{customdata[4]:.1%} of the limit",
                row=1,
                col=column,
            )
        machine = shown.unique("run", keep="first").sort("run")
        figure.add_scatter(
            x=machine["run"],
            y=machine["machine"],
            mode="lines",
            name=f"the machine's {machine['limit'][0]}",
            legend=legend,
            line={"color": MUTED, "width": 1.4, "dash": "dot"},
            hovertemplate="x %{y:.3g}",
            row=1,
            col=column,
        )
        below = {"x": (column - 1) / len(panels), "y": -0.28, "xanchor": "left", "yanchor": "top", "orientation": "v"}
        figure.update_layout({legend: {**below, "font": {"size": 11}}})
    runs = speeds.unique("run", keep="first").sort("run")
    named = runs[::-1].gather_every(-(-runs.height // HISTORY_TICKS))  # the latest always
    figure.update_xaxes(tickmode="array", tickvals=named["run"], ticktext=named["commit"], tickangle=-60)
    figure.update_yaxes(type="log", tickmode="array", tickvals=MULTIPLES, ticktext=[f"x {n:g}" for n in MULTIPLES])
    first, latest = (finished[:10] for finished in (runs["finished"][0], runs["finished"][-1]))
    figure.update_layout(
        template=THEME,
        title=f"Speed as a multiple of the first run: {device}, {first} to {latest}",
        height=560,
        hovermode="closest",
        margin={"t": 84, "b": 190},
    )
    return figure


def plot_growth(points: pl.DataFrame, device: str) -> Any:
    """Time against size, one panel per axis; columns series, axis, length, seconds; dotted = in proportion to size."""
    words = {"T": "T, dates", "N": "N, names", "P": "P, parameter sets"}
    axes = points["axis"].unique(maintain_order=True).to_list()
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=1, cols=len(axes), horizontal_spacing=0.04, shared_yaxes=True)
    colours = iter(SERIES)
    for column, axis in enumerate(axes, start=1):
        for (series,), rows in points.filter(pl.col("axis") == axis).group_by("series", maintain_order=True):
            colour = next(colours)
            length, seconds = rows["length"], rows["seconds"]
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
    low, high = math.log10(min(points["seconds"])), math.log10(max(points["seconds"]))
    decades = range(math.floor(low), math.ceil(high) + 1)
    figure.update_yaxes(
        type="log",
        range=[low - 0.15, high + 0.15],
        tickmode="array",
        tickvals=[10.0**n for n in decades],
        ticktext=[f"{10**n:,} s" if n >= 0 else f"{10.0 ** (n + 3):g} ms" for n in decades],
    )
    figure.update_layout(
        template=THEME,
        title=f"Time against size: {device} (dotted: in proportion)",
        height=560,
        hovermode="closest",
        margin_b=100,
        legend={"x": 0.5, "xanchor": "center", "y": -0.16, "yanchor": "top"},
    )
    return figure
