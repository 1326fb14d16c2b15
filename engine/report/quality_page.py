"""The page on the quality of a market's data: what was dropped, what is quoted, and what looks odd."""

from typing import TYPE_CHECKING

import polars as pl

from engine.report import plots
from engine.report.cells import as_table
from engine.report.page import Page, Section

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
    page = Page("sections.html", f"Quality of the data of {info.name}")
    front = page.figure(plots.plot_series(drawn, "", "per cent"))
    return page.render(
        head=[f"{info.name}: {info.index} and its members, {dates.min()} to {dates.max()}. {info.source}"],
        cautions=info.notes,
        tiles=[line.partition(" (")[0].split(": ", 1) for line in quality.lines()],
        sections=[
            Section("Quoted at the front tenor, 50 delta", [front]),
            *_rows(
                "Rows read", quality.reasons, "Every row of the files is counted once, under the first rule it breaks."
            ),
            *_rows("Names", quality.by_name, "Those first that miss most weight; shares of sessions as a member."),
            *_rows("Cells by status and tenor", quality.by_tenor, "Shares of all deltas and sessions."),
            *_rows("Jumps", quality.jumps, "One name's volatility moved alone: an event of its own, or an error."),
        ],
    )


def _rows(heading: str, frame: pl.DataFrame | None, note: str) -> list[Section]:
    if frame is None or frame.height == 0:
        return []
    more = f" The first {MOST_ROWS} of {frame.height:,}." if frame.height > MOST_ROWS else ""
    return [Section(heading, tables=[as_table(frame.head(MOST_ROWS))], note=note + more)]
