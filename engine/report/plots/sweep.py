"""Figures of a sweep: where its results lie beside luck, over its settings, and what the best of a half became."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from engine.arrays import Floats
from engine.report.plots.style import COST, GROSS, NET, Figure, new_figure

BINS = 30
MOST_TICKS = 12  # that an axis of settings has room for


def plot_luck(ratios: Floats, best: float, luck: float | None) -> Figure:
    """Net Sharpe ratios of all runs, with the best, and the best that as many trials show without skill."""
    figure = new_figure("Net Sharpe ratios of all runs", "runs", "net Sharpe ratio")
    counts, edges = np.histogram(ratios, bins=min(BINS, max(5, len(ratios) // 4)))
    figure.add_bar(
        x=0.5 * (edges[1:] + edges[:-1]),
        y=counts,
        marker={"color": GROSS},
        showlegend=False,
        hovertemplate="%{x:.2f}: %{y} runs<extra></extra>",
    )
    for value, words, colour in ((best, "best run", NET), (luck, "best of as many by luck", COST)):
        if value is not None:
            figure.add_scatter(
                x=[value, value],
                y=[0, int(counts.max())],
                name=f"{words}: {value:.2f}",
                mode="lines",
                line={"color": colour, "width": 2.4},
                hoverinfo="skip",
            )
    if counts.max() <= MOST_TICKS:  # else plotly would draw ticks at half a run
        figure.update_yaxes(dtick=1)
    return figure.update_layout(hovermode="closest", height=320)


def plot_later_ranks(shares: Sequence[float]) -> Figure:
    """Where the run that is best in one half of the sessions ranks in the other: share of splits by tenth."""
    figure = new_figure(
        "Where the best of one half ranks in the other", "share of splits", "from last to first, tenths"
    )
    tenths = [f"{10 * n}-{10 * n + 10} %" for n in range(len(shares))]
    colours = [COST if n < len(shares) // 2 else NET for n in range(len(shares))]
    figure.add_bar(x=tenths, y=list(shares), marker={"color": colours}, hovertemplate="%{y:.1%}<extra></extra>")
    figure.update_xaxes(type="category")
    return figure.update_layout(hovermode="closest", height=320, yaxis={"tickformat": ".0%"})


def plot_by_setting(means: pl.DataFrame, setting: str, metric: str, words: str) -> Figure:
    """One metric by the values of one setting, a category each; columns of the setting and the metric."""
    figure = new_figure(f"{words} by {setting}", "", setting)
    values = means[metric].to_numpy()
    figure.add_bar(
        x=[str(value) for value in means[setting]],
        y=values,
        marker={"color": [NET if value >= 0.0 else COST for value in values]},
        hovertemplate="%{x}: %{y:.3g}<extra></extra>",
    )
    figure.update_xaxes(type="category")
    return figure.update_layout(hovermode="closest", height=320)


def plot_parallel(runs: pl.DataFrame, settings: Sequence[str], metric: str, words: str) -> Figure:
    """A line per run across its settings to its result, coloured by it; settings are categories."""
    dimensions = []
    for name in settings:
        values = runs[name].unique().sort().to_list()
        place = {value: n for n, value in enumerate(values)}
        told = range(0, len(values), -(-len(values) // MOST_TICKS))
        ticks = {"tickvals": list(told), "ticktext": [str(values[n]) for n in told]}
        dimensions.append({"label": name, "values": [place[value] for value in runs[name]], **ticks})
    result = runs[metric].fill_null(float("nan")).to_numpy()
    dimensions.append({"label": words, "values": result})
    most = float(np.nanmax(np.abs(result)))
    figure = new_figure(f"Every run, from its settings to its {words}", "")
    scale = [[0.0, COST], [0.5, "#c99a2e"], [1.0, NET]]
    figure.add_parcoords(
        dimensions=dimensions, line={"color": result, "colorscale": scale, "cmin": -most, "cmax": most}
    )
    return figure.update_layout(margin={"l": 90, "r": 60, "t": 60, "b": 20})
