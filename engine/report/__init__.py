"""Frames in, tables and figures out: compute, then draw, then arrange.

Names are loaded when first used: what prints a table does not wait for the libraries of pages.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.report.book_page import book_report
    from engine.report.correlation_page import correlation_report
    from engine.report.quality_page import quality_report
    from engine.report.run_page import correlation_series, tearsheet, write_tearsheet
    from engine.report.sweep_page import sweep_report
    from engine.report.tables import aligned, correlation_levels, leaderboard, summary_table, with_deflated

__all__ = [
    "aligned",
    "book_report",
    "correlation_levels",
    "correlation_report",
    "correlation_series",
    "leaderboard",
    "quality_report",
    "summary_table",
    "sweep_report",
    "tearsheet",
    "with_deflated",
    "write_tearsheet",
]

_HOME = {
    "book_report": "book_page",
    "correlation_report": "correlation_page",
    "correlation_series": "run_page",
    "quality_report": "quality_page",
    "sweep_report": "sweep_page",
    "tearsheet": "run_page",
    "write_tearsheet": "run_page",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'engine.report' has no attribute {name!r}")
    return getattr(import_module(f"engine.report.{_HOME.get(name, 'tables')}"), name)
