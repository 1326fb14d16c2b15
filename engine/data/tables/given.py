"""Frames as a user has them - polars or pandas, long or wide - to long polars frames with a number for each row."""

from typing import Any

import numpy as np
import polars as pl

from engine.data.tables.contracts import Table
from engine.data.tables.judge import LINE, spelling
from engine.data.tables.read_columns import check_numbers, texts_of_categories
from engine.data.tables.read_dates import read_dates
from engine.errors import InputError

COLUMN = "_column"  # of a wide frame, which column a value came from
_WIDE = {"surface": "iv", "prices": "close", "weights": "weight"}


def as_frame(given: Any, what: str) -> pl.DataFrame:
    """Return a polars frame of a polars or pandas one; pandas needs no pyarrow for it.

    An index of a pandas frame that says something, such as its dates, becomes a column.

    Raises
    ------
    InputError
        When it is neither, or has two columns of one name.
    """
    if isinstance(given, pl.LazyFrame):
        return given.collect()
    if isinstance(given, pl.DataFrame):
        return given
    if type(given).__module__.partition(".")[0] == "pandas" and hasattr(given, "columns"):
        return _from_pandas(given, what)
    raise InputError(f"{what} is of type {type(given).__name__}; give a polars or pandas frame")


def long_form(
    table: Table, frame: pl.DataFrame, what: str, tenor: int | None = None, delta: int | None = None, first: int = 1
) -> pl.DataFrame:
    """Return one row per value: a wide frame (dates down, tickers across) is turned, a long one stays.

    Parameters
    ----------
    table : Table
    frame : frame
    what : str
        Name of the frame or file, for messages.
    tenor, delta : int or None
        Of a surface that has no such columns: the one it holds.
    first : int
        Line of the first row.

    Returns
    -------
    frame
        With `_line`, and of a wide frame `_column`.

    Raises
    ------
    InputError
        When a wide surface comes without tenor and delta, or has them twice.

    Examples
    --------
    >>> from engine.data.tables.contracts import PRICES
    >>> wide = pl.DataFrame({"Date": ["2026-01-02"], "A": [7.0], "B": [8.0]})
    >>> long_form(PRICES, wide, "prices").select("_line", "ticker", "close").rows()
    [(1, 'A', 7.0), (1, 'B', 8.0)]
    """
    numbered = frame if LINE in frame.columns else frame.with_row_index(LINE, first)
    if table.name in _WIDE and not _named(table, frame, "ticker"):
        numbered = _turned(table, numbered, what)
    for name, value in (("tenor", tenor), ("delta", delta)) if table.name == "surface" else ():
        there = _named(table, numbered, name)
        if there and value is not None:
            raise InputError(f"{what} has a column {there}; leave out {name}={value}, or the column")
        if not there and value is None:
            usual = f"{name}={_USUAL[name]} (a command: market.{name}=)"
            raise InputError(f"{what} has no column {name}; say which one it holds, such as {usual}")
        if not there:
            numbered = numbered.with_columns(pl.lit(value).alias(name))
    return numbered


_USUAL = {"tenor": 91, "delta": 50}


def _named(table: Table, frame: pl.DataFrame, name: str) -> str:
    """Return the column of a frame that is the table's column of that name, "" where none is."""
    known = {spelling(word) for word in (name, *table.columns[name].also)}
    return next((column for column in frame.columns if spelling(column) in known), "")


def _turned(table: Table, frame: pl.DataFrame, what: str) -> pl.DataFrame:
    date, value = _named(table, frame, "date"), _WIDE[table.name]
    if not date:
        has = ", ".join(column for column in frame.columns[:8] if column != LINE)
        raise InputError(
            f"{what} has no column ticker, and is no wide frame either, which has a column date; it has {has}"
        )
    tickers = [column for column in frame.columns if column not in (LINE, date)]
    if spelling(value) in {spelling(ticker) for ticker in tickers} or not tickers:
        raise InputError(f"{what} has a column {value} and no column ticker; add it")
    if frame.is_empty():
        raise InputError(f"{what} has no row; give a date and a value for each ticker")
    for ticker in tickers:
        check_numbers(frame[ticker], f"{what}, column {ticker}")
    dates = read_dates(texts_of_categories(frame[date]), f"{what}, column {date}", frame[LINE])
    frame = frame.with_columns(dates.alias(date))
    if 2 * frame[date].n_unique() <= frame.height:
        has, needed = (
            ", ".join(tickers[:8]),
            ", ".join(name for name in ("ticker", "tenor", "delta", value) if name in table.columns),
        )
        raise InputError(
            f"{what} has no column ticker, and its dates repeat: name the columns {needed}; they are {has}"
        )
    if not all(frame[ticker].dtype.is_numeric() for ticker in tickers):
        frame = frame.with_columns(pl.col(tickers).cast(pl.String))
    long = frame.unpivot(tickers, index=[LINE, date], variable_name=COLUMN, value_name=value)
    return long.rename({date: "date"}).with_columns(ticker=pl.col(COLUMN).str.strip_chars("\ufeff \"'"))


def _from_pandas(given: Any, what: str) -> pl.DataFrame:
    frame = given
    if getattr(frame.columns, "nlevels", 1) > 1:
        raise InputError(f"{what} has columns of several levels; give one level")
    if getattr(frame.index, "nlevels", 1) > 1 or frame.index.name is not None or _says_something(frame.index):
        if frame.index.name is None and getattr(frame.index, "nlevels", 1) == 1:
            frame = frame.rename_axis("date")
        frame = frame.reset_index()
    series = []
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        series.append(_from_pandas_column(str(name), column))
    try:
        return pl.DataFrame(series)
    except pl.exceptions.DuplicateError:
        raise InputError(f"{what} has two columns of one name; keep one of them") from None


def _says_something(index: Any) -> bool:
    """Tell dates, and texts, from the numbers that pandas counts rows by."""
    return index.dtype.kind not in "iu" and len(index) > 0


def _from_pandas_column(name: str, column: Any) -> pl.Series:
    kind = getattr(column.dtype, "kind", "O")
    if kind == "M":
        zone = getattr(column.dtype, "tz", None)
        plain = column if zone is None else column.dt.tz_convert("UTC").dt.tz_localize(None)
        moments = pl.Series(name, plain.to_numpy().astype("datetime64[us]"))
        # Midnights of a zone stay that zone's: 2024-01-02 in New York is no 2024-01-02 05:00 of any exchange.
        return moments if zone is None else moments.dt.replace_time_zone("UTC").dt.convert_time_zone(str(zone))
    if kind in "iuf":
        if type(column.dtype).__module__.startswith("pandas"):  # a type with missing values of its own
            return pl.Series(name, column.to_numpy(dtype=np.float64, na_value=np.nan))
        return pl.Series(name, column.to_numpy())
    missing = column.isna().to_numpy()
    values = [None if gone else value for gone, value in zip(missing, column.astype(object), strict=True)]
    try:
        return pl.Series(name, values, strict=True)
    except (TypeError, pl.exceptions.PolarsError):  # numbers beside words: the contract tells which is which
        return pl.Series(name, [None if value is None else str(value) for value in values])
