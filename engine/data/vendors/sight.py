"""The columns of a vendor's file as expressions: text, numbers and dates, whatever type they came in."""

from collections.abc import Iterable
from typing import Any

import polars as pl

from engine.data.tables.read_columns import NOTHING

# Ways to write a date, tried in turn. A column holds one of them, whichever its owner chose.
YMD, COMPACT, SLASHED, DAY_MONTH = "%Y-%m-%d", "%Y%m%d", "%m/%d/%Y", "%d-%b-%Y"
SAS = "days since 1960"
ISO = (YMD, COMPACT)

_NOTHING = sorted({spelt for word in NOTHING for spelt in (word, word.upper(), word.title(), "NaN")})


class Sight:
    """The columns of a raw file as expressions; what a field or a rule is made of.

    Parameters
    ----------
    schema : dict of column -> polars type
    name : str
        Of the file.
    settings : mapping
        What the user chose, such as which of two volatilities.
    """

    def __init__(self, schema: dict[str, Any], name: str, settings: dict[str, Any] | None = None):
        self.schema, self.name, self.settings = schema, name, settings or {}
        self.clean: frozenset[str] = frozenset()

    def first(self, columns: tuple[str, ...]) -> str:
        """Return which of some columns the file has, "" where it has none."""
        return next((column for column in columns if column in self.schema), "")

    def text(self, column: str) -> pl.Expr:
        """Return a column as text without the spaces around it, null where it says nothing."""
        if column in self.clean:
            return pl.col(column)
        whole = pl.col(column)
        if self.schema[column].is_float():  # keys and dates that a database gave back as numbers
            whole = (
                pl.when((whole == whole.round()) & whole.is_between(-(2.0**53), 2.0**53))
                .then(whole.cast(pl.Int64, strict=False).cast(pl.String))
                .otherwise(whole.cast(pl.String))
            )
        text = whole.cast(pl.String).str.strip_chars(" \t\r\"'")
        return pl.when(~text.is_in(_NOTHING)).then(text)

    def cleaned(self, columns: Iterable[str]) -> tuple[list[pl.Expr], "Sight"]:
        """Return texts as they are to be read, once for all that reads them, and the sight of what comes of it."""
        texts = [column for column in columns if self.schema.get(column) == pl.String]
        after = Sight(self.schema, self.name, self.settings)
        after.clean = frozenset(texts)
        return [self.text(column).alias(column) for column in texts], after

    def number(self, column: str) -> pl.Expr:
        """Return a column as numbers, null where it is none."""
        if self.schema[column] != pl.String:
            return pl.col(column).cast(pl.Float64).fill_nan(None)
        return self.text(column).cast(pl.Float64, strict=False).fill_nan(None)

    def day(self, column: str, forms: tuple[str, ...]) -> pl.Expr:
        """Return a column as dates."""
        kind = self.schema[column]
        if kind == pl.Date:
            return pl.col(column)
        if isinstance(kind, pl.Datetime):
            return pl.col(column).dt.date()
        text = self.text(column).str.replace(r"[T ]\d{1,2}:\d{2}.*$", "")
        found = [text.str.to_date(form, strict=False) for form in forms if form.startswith("%")]
        if SAS in forms:
            days = text.cast(pl.Float64, strict=False)
            plain = pl.when((days == days.round()) & days.is_between(7_000, 60_000)).then(
                days.cast(pl.Int32, strict=False)
            )
            found.append(pl.lit("1960-01-01").str.to_date() + pl.duration(days=plain))
        return pl.coalesce(*found)
