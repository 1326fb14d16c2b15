"""Figures: a frame in, a figure out. The only package that imports plotly, and only where a figure is shown.

It is handed numpy arrays: to read a column of polars it would load another library first, a tenth of a run.
"""

from engine.report.plots.backtest import (
    MOST_TOLD,
    plot_attribution,
    plot_drawdown,
    plot_equity,
    plot_equity_overlay,
    plot_exposure,
    plot_sweep_heatmap,
)
from engine.report.plots.correlation import (
    plot_bars,
    plot_basket_heatmap,
    plot_day_drivers,
    plot_drivers,
    plot_implied_correlation,
    plot_season,
    plot_series,
    plot_skew,
    plot_surface,
    plot_term_structure,
)
from engine.report.plots.run import plot_entries, plot_greek, plot_rolling_sharpe, plot_signal, plot_split
from engine.report.plots.speed import plot_growth, plot_history, plot_roofline
from engine.report.plots.style import as_html, as_parts, plotly_script
from engine.report.plots.sweep import plot_by_setting, plot_later_ranks, plot_luck, plot_parallel

__all__ = [
    "MOST_TOLD",
    "as_html",
    "as_parts",
    "plot_attribution",
    "plot_bars",
    "plot_basket_heatmap",
    "plot_by_setting",
    "plot_day_drivers",
    "plot_drawdown",
    "plot_drivers",
    "plot_entries",
    "plot_equity",
    "plot_equity_overlay",
    "plot_exposure",
    "plot_greek",
    "plot_growth",
    "plot_history",
    "plot_implied_correlation",
    "plot_later_ranks",
    "plot_luck",
    "plot_parallel",
    "plot_rolling_sharpe",
    "plot_roofline",
    "plot_season",
    "plot_series",
    "plot_signal",
    "plot_skew",
    "plot_split",
    "plot_surface",
    "plot_sweep_heatmap",
    "plot_term_structure",
    "plotly_script",
]
