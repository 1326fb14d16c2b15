"""The page on the quality of a market's data: what was dropped, what is quoted, and what looks odd."""

from typing import TYPE_CHECKING

import polars as pl

from engine.report import plots
from engine.report.page import as_table, as_tiles, page, section
from engine.report.tables import rounded

if TYPE_CHECKING:
    from engine.study.quality import Quality

MOST_ROWS = 40


def quality_report(quality: "Quality", info) -> str:
    """Return the page, HTML that needs nothing but itself to be read.

    Parameters
    ----------
    quality : Quality
    info : MarketInfo
    """
    dates = quality.by_date["date"]
    drawn = quality.by_date.select(
        "date", pl.col("quoted").alias("members' weight quoted"), pl.col("index").alias("index leg quoted")
    )
    body = [
        as_tiles(line.partition(" (")[0].split(": ", 1) for line in quality.lines()),
        section("Quoted at the front tenor, 50 delta", plots.as_html(plots.plot_series(drawn, "", "per cent"))),
        *_rows("Rows read", quality.reasons, "Every row of the files is counted once, under the first rule it breaks."),
        *_rows("Names", quality.by_name, "Those first that miss most weight; shares of sessions as a member."),
        *_rows("Cells by status and tenor", quality.by_tenor, "Shares of all deltas and sessions."),
        *_rows("Jumps", quality.jumps, "One name's volatility moved alone: an event of its own, or an error."),
    ]
    head = [f"{info.name}: {info.index} and its members, {dates.min()} to {dates.max()}. {info.source}"]
    return page(f"Quality of the data of {info.name}", head, body)


def _rows(heading: str, frame: pl.DataFrame | None, note: str) -> list[str]:
    if frame is None or frame.height == 0:
        return []
    more = f" The first {MOST_ROWS} of {frame.height:,}." if frame.height > MOST_ROWS else ""
    return [section(heading, as_table(rounded(frame.head(MOST_ROWS), 4)), note + more)]
