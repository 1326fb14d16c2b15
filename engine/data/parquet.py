"""Reading parquet files: one that is missing, damaged or of another shape is named, with what to do about it."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from engine.data.expendable import check_survived
from engine.durable import checksum
from engine.errors import InputError

EARLIEST, LATEST = np.datetime64("1900-01-01"), np.datetime64("2200-12-31")  # options are not listed outside
# What Polars raises of a file that is no parquet, or was damaged: some damage it only notices by a broken assumption.
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


def read_frame(
    file: Path | str, remedy: str, known: str | None = None, columns: list[str] | None = None
) -> pl.DataFrame:
    """Read a parquet file of the engine's own, or raise InputError that names it and says what to do.

    Of some `columns` those that it has are read, and no other. Where its SHA-256 is `known`, a file of other bytes is
    not even tried.
    """
    try:
        if known is not None and checksum(file) != known:
            raise InputError(f"{file} was changed or damaged after it was written; {remedy}")
        frame = pl.scan_parquet(file, glob=False)
        if columns is not None:
            frame = frame.select(name for name in frame.collect_schema() if name in columns)
        return frame.collect()
    except UNREADABLE as error:
        raise InputError(f"{file} is damaged ({first_line(error)}); {remedy}") from None


def columns_of(file: Path | str) -> list[str]:
    """Return the names of a parquet file's columns; errors as of `scan`."""
    return _opened(Path(file))[1].names()


def _opened(file: Path) -> tuple[pl.LazyFrame, pl.Schema]:
    if not file.is_file():
        raise InputError(f"{file} is missing; market.path must be the folder that holds {file.parent.name}/")
    check_survived(file)
    try:
        frame = pl.scan_parquet(file, glob=False)
        return frame, frame.collect_schema()
    except UNREADABLE as error:
        raise InputError(f"{file} cannot be read as parquet ({first_line(error)}); fetch or copy it again") from None


def scan(file: Path | str, columns: dict) -> pl.LazyFrame:
    """Open a parquet file and check that it has the columns, in types that can be read as asked.

    Parameters
    ----------
    file : path
    columns : dict of column name -> polars type
        Columns are cast to these; others are left out.

    Raises
    ------
    InputError
        When the file is not there or cannot be read, or lacks a column.
    """
    frame, schema = _opened(Path(file))
    for column, kind in columns.items():
        if column not in schema:
            raise InputError(f"{file} has no column {column}; it has {', '.join(schema.names())}")
        if not _fits(schema[column], kind):
            words = next(words for of, words in WORDS.items() if of(kind))
            raise InputError(f"{file}, column {column} holds {schema[column]}, not {words}; store it as such")
        if isinstance(schema[column], pl.Datetime):
            _check_whole_days(frame, column, Path(file))
    return frame.select(pl.col(column).cast(kind) for column, kind in columns.items())


WORDS = {
    lambda kind: kind.is_temporal(): "dates",
    lambda kind: kind.is_integer(): "whole numbers",
    lambda kind: kind.is_numeric(): "numbers",
    lambda kind: True: "text",
}


def _fits(stored: Any, kind: Any) -> bool:
    """Say whether a type can be read as another without a change of meaning; a column of nulls can be anything."""
    if stored == pl.Null:
        return True
    if kind.is_temporal():
        return stored == pl.Date or (isinstance(stored, pl.Datetime) and stored.time_zone is None)
    if kind.is_numeric():
        return stored.is_integer() if kind.is_integer() else stored.is_numeric()
    return stored in (pl.String, pl.Categorical, pl.Enum)


def _check_whole_days(frame: pl.LazyFrame, column: str, file: Path) -> None:
    """Refuse times of a day where dates are wanted: their time would be cut off."""
    timed = frame.select((pl.col(column) != pl.col(column).dt.truncate("1d")).any())
    if collect(timed, file).item():
        raise InputError(f"{file}, column {column} holds times of the day, not dates; store it as a date")


def collect(rows: pl.LazyFrame, file: Path | str, may_be_empty: bool = True) -> pl.DataFrame:
    """Read the rows that `scan` opened.

    Raises
    ------
    InputError
        When the file turns out to be damaged, or has no row where it must have one.
    """
    try:
        read = rows.collect()
    except UNREADABLE as error:
        raise InputError(f"{file} cannot be read ({first_line(error)}); fetch or copy it again") from None
    if read.height == 0 and not may_be_empty:
        raise InputError(f"{file} has no usable row; fetch or copy it again")
    return read


def between(rows: pl.LazyFrame, start: Any, end: Any) -> pl.LazyFrame:
    """Keep the rows whose `date` lies from `start` to `end`, ISO dates or datetime64, both inclusive; None = open."""
    if start is not None:
        rows = rows.filter(pl.col("date") >= pl.lit(str(start)).str.to_date())
    if end is not None:
        rows = rows.filter(pl.col("date") <= pl.lit(str(end)).str.to_date())
    return rows


def session_dates(rows: pl.LazyFrame, file: Path | str) -> np.ndarray:
    """Return the dates found in a file, (T,) datetime64[D], ascending: the sessions of its market."""
    dates = collect(rows.select(pl.col("date").unique().sort()), file)
    if dates["date"].null_count():
        raise InputError(f"{file}, column date: some rows have none; remove or repair them")
    sessions = dates["date"].to_numpy().astype("datetime64[D]")
    odd = sessions[(sessions < EARLIEST) | (sessions > LATEST)]
    if len(odd):
        raise InputError(f"{file}, column date: {odd[0]} is no session of any market; remove or repair its rows")
    return sessions


def first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
