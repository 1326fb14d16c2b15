"""The rows of a table of volatilities or option quotes, a month at a time: from memory, or from where they are kept."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from engine.data.parquet import between
from engine.data.store.kept import Kept
from engine.data.tables.judge import Judged

MONTH = pl.col("date").dt.strftime("%Y-%m").alias("_month")


@dataclass(frozen=True, eq=False)
class Month:
    """One month of a table.

    Parameters
    ----------
    days : frame of date, ticker, rows, strike
        As from `days_of`.
    rows : callable
        Opens them, in the order of the files.
    made_of : str
        Hash of what they come from; "" of rows in memory.
    """

    days: pl.DataFrame
    rows: Callable[[], pl.LazyFrame] = field(repr=False)
    made_of: str = ""


@dataclass(frozen=True, eq=False)
class DatedRows:
    """A table that may be larger than memory: what `Judged` is of the others.

    Parameters
    ----------
    table, file : str
    months : tuple of Month
        Ascending, none without a row.
    rejected : frame of table, file, line, column, reason, value
    counts : frame of asset, reason, rows
    notes : tuple of str
    unlisted : int
        Rejected rows that are only counted, beside those that are listed.
    two_sided : bool
        Whether a quote has a bid.
    styled : bool
        Whether every quote says how it is exercised.
    kept : Kept
        Where what is made of a month is kept.
    at_once : int or None
        Rows that memory is asked for at a time; None = as the steps themselves do.
    """

    table: str
    file: str
    months: tuple[Month, ...]
    rejected: pl.DataFrame
    counts: pl.DataFrame
    notes: tuple[str, ...] = ()
    unlisted: int = 0
    two_sided: bool = False
    styled: bool = True
    kept: Kept = field(default_factory=Kept)
    at_once: int | None = None

    @classmethod
    def of(cls, found: Judged) -> "DatedRows":
        """Take a table that is in memory."""
        rows = found.kept.sort("date", maintain_order=True)
        parts = rows.with_columns(MONTH).partition_by("_month", maintain_order=True, include_key=False)
        return cls(
            table=found.table,
            file=found.file,
            months=tuple(Month(days_of(part), part.lazy) for part in parts),
            rejected=found.rejected,
            counts=found.counts,
            notes=found.notes,
            two_sided="bid" in rows.columns and rows["bid"].is_not_null().any(),
            styled="style" in rows.columns and not rows["style"].null_count(),
        )

    @property
    def days(self) -> pl.DataFrame:
        """Return date, ticker, how many rows there are, and their middle strike."""
        return pl.concat([_NO_DAYS, *(month.days for month in self.months)])

    def by_ticker(self) -> pl.DataFrame:
        """Return ticker and its number of rows."""
        return self.days.group_by("ticker").agg(pl.col("rows").sum())

    def between(self, start: Any, end: Any) -> pl.LazyFrame:
        """Open the rows of dates from `start` to `end`, both inclusive."""
        first, last = (np.datetime64(day, "D").item() for day in (start, end))
        there = [month for month in self.months if month.days["date"][0] <= last and first <= month.days["date"][-1]]
        return between(pl.concat([month.rows() for month in there or self.months[:1]]), start, end)

    def all(self) -> pl.LazyFrame:
        """Open all rows."""
        return pl.concat([month.rows() for month in self.months])


_NO_DAYS = pl.DataFrame(schema={"date": pl.Date, "ticker": pl.String, "rows": pl.UInt32, "strike": pl.Float64})


def days_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Count rows by date and ticker, and tell the middle strike of option quotes."""
    strike = pl.col("strike").median() if "strike" in rows.columns else pl.lit(None, pl.Float64)
    counted = rows.group_by("date", "ticker").agg(pl.len().alias("rows"), strike.alias("strike"))
    return counted.sort("date", "ticker").cast(_NO_DAYS.schema)  # pyright: ignore[reportArgumentType]
