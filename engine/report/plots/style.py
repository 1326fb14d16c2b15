"""The look of every figure, and how a figure becomes part of a page."""

from functools import partialmethod
from typing import Any, Self

INK, MUTED, GRID = "#1b2733", "#6b7885", "#e6eaee"
PALE, GAIN, LOSS = "#f6f4ef", "#8fb5d9", "#e0a184"  # of cells that hold a number: ink is read on each
GROSS, NET, COST = "#7fa6c9", "#12395b", "#c0572b"
SERIES = ("#12395b", "#c0572b", "#3f8f6b", "#8a5a9e", "#c99a2e", "#5b8db8", "#9b3d4f", "#6b7885")

THEME = {
    "layout": {
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
}


class Figure:
    """What plotly draws, as plain dictionaries: plotly itself is loaded where one is shown, not for a page.

    Methods are named as plotly's. Properties are not checked here; `plotly` does, and tests call it.
    """

    def __init__(self, layout: dict[str, Any]):
        self.data: list[dict[str, Any]] = []
        self.layout = layout

    def _add(self, kind: str, **trace: Any) -> Self:
        self.data.append({"type": kind, **trace})
        return self

    add_bar = partialmethod(_add, "bar")
    add_heatmap = partialmethod(_add, "heatmap")
    add_parcoords = partialmethod(_add, "parcoords")
    add_scatter = partialmethod(_add, "scatter")

    def update_layout(self, **layout: Any) -> Self:
        for name, part in layout.items():
            self.layout[name] = {**self.layout.get(name, {}), **part} if isinstance(part, dict) else part
        return self

    def update_xaxes(self, **axis: Any) -> Self:
        return self.update_layout(xaxis=axis)

    def update_yaxes(self, **axis: Any) -> Self:
        return self.update_layout(yaxis=axis)

    def plotly(self) -> Any:
        """Return plotly's own figure of it, in the house style.

        Raises
        ------
        ValueError
            When plotly does not know a property.
        """
        import plotly.graph_objects as go

        return go.Figure(self.data, layout={"template": THEME, **self.layout})

    def show(self, *args: Any, **kwargs: Any) -> None:
        """Show it, as plotly's figures are."""
        self.plotly().show(*args, **kwargs)

    def _ipython_display_(self) -> None:
        self.plotly()._ipython_display_()


def new_figure(title: str, y: str, x: str = "") -> Figure:
    """An empty figure in the house style, named axes."""
    axes = {"xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}}}
    return Figure({"title": {"text": title}, "height": 380, **axes})


def as_html(figure: Any) -> str:
    """Return plotly's figure as a piece of HTML that expects plotly.js on the page."""
    import plotly.io as pio

    return pio.to_html(
        figure,
        full_html=False,
        include_plotlyjs=False,
        validate=False,  # every property was checked when it was set
        config={"displayModeBar": False, "responsive": True},
    )


def as_parts(figure: Figure) -> dict[str, Any]:
    """Return what a page draws of a figure: title and unit as text, height, traces and the layout without a theme."""
    layout = {name: part for name, part in figure.layout.items() if name not in ("title", "height")}
    axis = dict(layout["yaxis"])
    unit = axis.pop("title", {}).get("text", "")
    return {
        "title": figure.layout["title"]["text"],
        "unit": unit,
        "height": figure.layout["height"],
        "layout": layout | {"yaxis": axis},
        "data": figure.data,
    }


def plotly_script() -> str:
    """Return plotly.js itself, to be inlined once per page."""
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()
