"""Frames in, tables and figures out: compute, then draw, then arrange."""

from engine.report.correlation_report import correlation_report
from engine.report.quality_report import quality_report
from engine.report.sweep_report import sweep_report
from engine.report.tables import aligned, correlation_levels, leaderboard, summary_table
from engine.report.tearsheet import correlation_series, tearsheet, write_tearsheet

__all__ = [
    "aligned",
    "correlation_levels",
    "correlation_report",
    "correlation_series",
    "leaderboard",
    "quality_report",
    "summary_table",
    "sweep_report",
    "tearsheet",
    "write_tearsheet",
]
