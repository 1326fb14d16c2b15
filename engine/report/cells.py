"""Frames as the tables of a page: every number written in its unit, every heading in words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from engine.backtest.text import as_text


@dataclass(frozen=True)
class Cell:
    """What one cell of a table shows.

    Parameters
    ----------
    text : str
    number : bool
        Numbers stand at the right.
    tone : float
        How strongly it is coloured, from -1, a loss, to 1, a gain; 0 = not at all.
    """

    text: str
    number: bool = False
    tone: float = 0.0


@dataclass(frozen=True)
class Table:
    """Headings, and rows of cells."""

    heads: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]


LABELS = {
    "pnl_gross": "gross P&L",
    "pnl_net": "net P&L",
    "pnl_option": "options",
    "pnl_hedge": "hedge",
    "pnl_index": "index",
    "pnl_component": "members",
    "breakeven_cost": "break-even",
    "sharpe_gross": "Sharpe, gross",
    "sharpe_net": "Sharpe, net",
    "deflated": "deflated Sharpe",
    "hac_t": "HAC t",
    "leg_class": "class",
    "entry_iv": "entry IV",
    "vanna_volga": "vanna + volga",
}


def label(column: str) -> str:
    """Return a column's name in words.

    Examples
    --------
    >>> label("pnl_net"), label("entry_date"), label("strategy.enter")
    ('net P&L', 'entry date', 'strategy.enter')
    """
    return LABELS.get(column) or (column if "." in column else column.replace("_", " "))


def as_table(
    frame: pl.DataFrame, units: Mapping[str, str] | None = None, toned: Sequence[str] = (), missing: str = "n/a"
) -> Table:
    """Return a frame as a table.

    Parameters
    ----------
    frame : frame
    units : dict of column -> unit, or None
        As `as_text` knows them; columns of money by their names, the others as numbers of four digits.
    toned : sequence of str
        Columns coloured by their size, all on one scale.
    missing : str
        Written for a number that is not there.
    """
    units = units or {}
    sizes = [abs(v) for name in toned for v in frame[name].to_list() if v is not None and math.isfinite(v)]
    most = max(sizes, default=0.0)
    columns = []
    for name, kind in frame.schema.items():
        unit = units.get(name) or ("money" if name.startswith("pnl_") or name == "cost" else "")
        colour = most if name in toned else 0.0
        columns.append([_cell(value, unit, kind.is_numeric(), colour, missing) for value in frame[name].to_list()])
    heads = [Cell(label(name), kind.is_numeric()) for name, kind in frame.schema.items()]
    return Table(heads, list(zip(*columns, strict=True)))


def _cell(value, unit: str, number: bool, most: float, missing: str) -> Cell:
    if not number:
        return Cell("" if value is None else str(value))
    tone = value / most if most and value is not None and math.isfinite(value) else 0.0
    return Cell(missing if value is None else written(value, unit), True, tone)


def written(value: float | int | date | None, unit: str = "") -> str:
    """Write one number in its unit; without one, to four digits.

    Examples
    --------
    >>> written(1234567.0, "money"), written(0.25, "percent"), written(0.123456), written(1200.4), written(7)
    ('1,234,567', '25.0 %', '0.1235', '1,200', '7')
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "n/a"
    if unit:
        return as_text(float(value), unit) if isinstance(value, int | float) else str(value)
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
