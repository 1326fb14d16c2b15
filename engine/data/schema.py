"""Column contracts of quotes, and reading files against them: a wrong file is named, with what to do about it."""

from pathlib import Path

import dataframely as dy
import numpy as np
import polars as pl

from engine.errors import InputError


class Quotes(dy.Schema):
    """Option quotes of any source, after reading: one row per option and date.

    Units: strike and forward in currency per share as quoted that day; iv in annualised decimals (0.20, never 20);
    call_delta is the delta of the call at the strike, 0..1, for calls and puts alike (put delta + 1).
    """

    date = dy.Date(nullable=False)
    asset = dy.String(nullable=False)
    expiry = dy.Date(nullable=False)
    strike = dy.Float64(nullable=False, min_exclusive=0.0)
    right = dy.Enum(["C", "P"], nullable=False)
    iv = dy.Float64(nullable=False, min_exclusive=0.0)
    call_delta = dy.Float64(nullable=False, min_exclusive=0.0, max_exclusive=1.0)


# A median volatility outside this range means that percent and decimals were mixed up, whatever the market.
PLAUSIBLE_MEDIAN_IV = (0.02, 3.0)


def scan(folder, name: str, columns: dict) -> pl.LazyFrame:
    """Open one parquet file and check that it has the columns, in types that can be read as asked.

    Parameters
    ----------
    folder, name : path of the folder and name of the file in it
    columns : dict of column name -> polars type
        Columns are cast to these; others are left out.

    Raises
    ------
    InputError
        Naming the file, and the column if it is one.
    """
    path = Path(folder) / name
    if not path.is_file():
        raise InputError(f"{path} is missing; market.path must be the folder that holds {Path(folder).name}/")
    try:
        frame = pl.scan_parquet(path)
        schema = frame.collect_schema()
    except (pl.exceptions.ComputeError, OSError) as error:
        raise InputError(f"{path} cannot be read as parquet ({_first_line(error)}); fetch or copy it again") from None
    for column, kind in columns.items():
        if column not in schema:
            raise InputError(f"{path} has no column {column}; it has {', '.join(schema.names())}")
        if kind.is_temporal() and not schema[column].is_temporal():
            raise InputError(f"{path}, column {column} holds {schema[column]}, not dates; store it as a date")
    return frame.select(pl.col(column).cast(kind) for column, kind in columns.items())


def collect(frame: pl.LazyFrame, folder, name: str, may_be_empty: bool = True) -> pl.DataFrame:
    """Read what `scan` opened; damage found only while reading names the file too, and so does having no row."""
    try:
        rows = frame.collect()
    except (pl.exceptions.ComputeError, pl.exceptions.InvalidOperationError, OSError) as error:
        raise InputError(
            f"{Path(folder) / name} cannot be read ({_first_line(error)}); fetch or copy it again"
        ) from None
    if rows.height == 0 and not may_be_empty:
        raise InputError(f"{Path(folder) / name} has no usable row; fetch or copy it again")
    return rows


def between(rows: pl.LazyFrame, start: str | None, end: str | None) -> pl.LazyFrame:
    """Keep the rows dated from `start` to `end`, ISO dates, both inclusive; None = open."""
    if start is not None:
        rows = rows.filter(pl.col("date") >= pl.lit(str(start)).str.to_date())
    if end is not None:
        rows = rows.filter(pl.col("date") <= pl.lit(str(end)).str.to_date())
    return rows


def session_dates(rows: pl.LazyFrame, folder, name: str) -> np.ndarray:
    """Return the dates found in a file, (T,) datetime64[D], ascending: the sessions of its market."""
    dates = collect(rows.select(pl.col("date").unique().sort()), folder, name)
    if dates["date"].null_count():
        raise InputError(f"{Path(folder) / name}, column date: some rows have none; remove or repair them")
    return dates["date"].to_numpy().astype("datetime64[D]")


def check_decimal_iv(quotes: pl.DataFrame, file, column: str) -> None:
    """Raise InputError when volatilities declared as decimals cannot be: their median is not one of a market."""
    median = quotes.filter(pl.col("iv").is_finite())["iv"].median()
    low, high = PLAUSIBLE_MEDIAN_IV
    if median is not None and not low <= median <= high:
        other = "already decimals" if median < low else "percent"
        raise InputError(
            f"{file}, column {column}: after conversion the median volatility is {median:.4g}, "
            f"so the column seems to be {other}; restore the declared unit"
        )


def check_call_delta(quotes: pl.DataFrame, file, columns: dict) -> None:
    """Raise InputError when most deltas of the calls, or of the puts, cannot be what they are declared to be.

    Parameters
    ----------
    quotes : frame with right and call_delta
    columns : dict of right -> the file's column and its convention, for the message
    """
    possible = (pl.col("call_delta") >= 0.0) & (pl.col("call_delta") <= 1.0)
    for right, column in columns.items():
        share = quotes.filter(pl.col("right") == right).select(possible.mean()).item()
        if share is not None and share < 0.5:
            raise InputError(
                f"{file}, column {column}: {1.0 - share:.0%} of the deltas lie outside that range; "
                f"restore the declared sign and scale"
            )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
