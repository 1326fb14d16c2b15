"""Quotes of single contracts beside a panel: read for the contracts that are held, never as a whole."""

import hashlib
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from engine.data.parquet import between

# Prices in currency per share as quoted that day. `last` is the last trade of that day, or of unknown age where the
# source does not say; `settle` the exchange's settlement price. A quote that a source does not have is null.
COLUMNS = {
    "date": pl.Date,
    "ticker": pl.String,
    "expiry": pl.Date,
    "strike": pl.Float64,
    "right": pl.String,  # C or P
    "bid": pl.Float64,
    "ask": pl.Float64,
    "last": pl.Float64,
    "settle": pl.Float64,
    "volume": pl.Float64,
    "oi": pl.Float64,
    "multiplier": pl.Float64,  # shares of a contract
    "style": pl.String,  # european or american
    "settlement": pl.String,  # am or pm
}


@dataclass(frozen=True, eq=False)
class ContractQuotes:
    """What each listed contract was quoted at, and traded at, on each date.

    Parameters
    ----------
    rows : lazy frame of `COLUMNS`
        A row per date and contract, of dates that its panel does not have too; of two rows of one the first counts.
    keeps : tuple
        What keeps the files of `rows` where they are.
    """

    rows: pl.LazyFrame
    keeps: tuple = field(default=(), repr=False)

    @classmethod
    def of(cls, rows: pl.LazyFrame | pl.DataFrame) -> "ContractQuotes":
        """Take rows that have some of `COLUMNS`; the others are null."""
        lazy = rows.lazy()
        there = lazy.collect_schema().names()
        columns = (
            (pl.col(name) if name in there else pl.lit(None)).cast(kind).alias(name) for name, kind in COLUMNS.items()
        )
        return cls(lazy.select(*columns))

    def has(self, column: str) -> bool:
        """Tell whether any contract has a value in a column."""
        return not self.rows.select(column).drop_nulls().head(1).collect().is_empty()

    def between(self, start: Any, end: Any) -> "ContractQuotes":
        """Return the quotes of dates from `start` to `end`, both inclusive."""
        return ContractQuotes(between(self.rows, start, end), self.keeps)

    def append(self, later: "ContractQuotes", start: Any) -> "ContractQuotes":
        """Return the quotes of dates before `start`, and from it on the later ones."""
        before = self.rows.filter(pl.col("date") < pl.lit(str(start)).str.to_date())
        after = between(later.rows, start, None)
        return ContractQuotes(pl.concat([before, after]), (*self.keeps, *later.keeps))

    def others_after(self, day: Any) -> "ContractQuotes":
        """Return quotes that are others after a day, and some of them gone: for proofs that nobody looks ahead."""
        later = pl.col("date") > pl.lit(str(day)).str.to_date()
        factors = {"bid": 0.4, "ask": 2.5, "last": 1.7, "settle": 0.6, "volume": 3.0, "multiplier": 2.0}
        other = [pl.when(later).then(pl.col(n) * factor).otherwise(n).alias(n) for n, factor in factors.items()]
        gone = later & ((pl.col("strike") * 2.0).round() % 3.0 == 0.0)
        return ContractQuotes(self.rows.filter(~gone).with_columns(other), self.keeps)

    def by_date(self, dates: np.ndarray) -> dict[date, pl.DataFrame]:
        """Read the rows of each of a panel's dates that has some, in the order of the source."""
        rows = between(self.rows, dates[0], dates[-1]).collect()
        found = {day: part for (day,), part in rows.group_by("date", maintain_order=True)}
        return {day: found[day] for day in dates.tolist() if day in found}


def hash_of(rows: pl.DataFrame) -> str:
    """Hash what the rows of a date hold: the same however the dates are cut into files."""
    found = hashlib.sha256()
    for name, kind in COLUMNS.items():
        column = rows[name]
        if kind == pl.String:
            words = column.fill_null("").unique().sort()
            codes = column.fill_null("").cast(pl.Enum(words)).to_physical().cast(pl.UInt32)
            found.update("\n".join(words).encode() + codes.to_numpy().tobytes())
        elif kind == pl.Date:
            found.update(np.ascontiguousarray(column.to_physical().to_numpy()).tobytes())
        else:
            found.update(np.ascontiguousarray(column.fill_null(np.nan).to_numpy()).tobytes())
    return found.hexdigest()
