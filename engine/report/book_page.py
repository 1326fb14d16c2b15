"""The page of a real book on one close: its risk by stress, by underlying and by position, and what to trade."""

from typing import TYPE_CHECKING

import polars as pl

from engine.backtest.text import as_text
from engine.report import plots
from engine.report.cells import as_table
from engine.report.page import Page, Section

if TYPE_CHECKING:
    from engine.study.sheet import Sheet

MOST_ROWS = 200
MONEY = ("value", "delta", "gamma", "vega", "theta", "correlation_vega", "carry")
# What a total is, and per what.
TILES = {
    "value": ("Value", ""),
    "delta": ("Delta, of what is hedged", ""),
    "gamma": ("Gamma", " per 1 %"),
    "vega": ("Vega", " per vol pt"),
    "correlation_vega": ("Correlation vega", " per point"),
    "theta": ("Theta", " a day"),
    "carry": ("Carry to the next session", ""),
    "pnl_gross": ("Gross P&L of the date", ""),
    "cost": ("Cost of the date", ""),
    "pnl_net": ("Net P&L of the date", ""),
}


def book_report(sheet: "Sheet", info) -> str:
    """Return the page, HTML that needs nothing but itself to be read.

    Parameters
    ----------
    sheet : Sheet
    info : MarketInfo
    """
    money = info.currency
    page = Page("sections.html", f"Book on {info.name}, {sheet.date}")
    by_vega = sheet.names.sort(pl.col("vega").abs(), descending=True)
    stresses = page.figure(plots.plot_bars(sheet.stresses["stress"], sheet.stresses["pnl"], "P&L by stress", money))
    largest = by_vega.head(20)
    vega = page.figure(
        plots.plot_bars(largest["underlying"], largest["vega"], "Vega, the largest", f"{money} per vol point")
    )
    sections = [
        Section(
            "Stresses, at once",
            [stresses],
            [as_table(sheet.stresses, toned=("pnl",))],
            note=f"Gross P&L in {money}; positions are taken to be hedged in delta at that close.",
        ),
        Section("By underlying", [vega], [_table(by_vega)], note=f"In {money}; hedged in delta, position by position."),
        *([] if sheet.trades is None else [_rows("Whole lots to the target", sheet.trades)]),
        _rows("Positions", sheet.positions),
    ]
    return page.render(
        head=[
            f"{sheet.positions.height:,} positions on {info.name}, marked on the close of {sheet.date}. {info.source}",
            " ".join(sheet.limits_told()),
        ],
        cautions=[*sheet.cautions, *info.notes],
        tiles=[
            (TILES[name][0], f"{as_text(amount, 'money')} {money}{TILES[name][1]}")
            for name, amount in sheet.totals.items()
        ],
        sections=sections,
    )


def _rows(heading: str, frame: pl.DataFrame) -> Section:
    more = f"The first {MOST_ROWS} of {frame.height:,}." if frame.height > MOST_ROWS else ""
    return Section(heading, tables=[_table(frame.head(MOST_ROWS))], note=more)


def _table(frame: pl.DataFrame):
    return as_table(frame, {name: "money" for name in MONEY if name in frame.columns}, missing="")
