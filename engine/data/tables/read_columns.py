"""Columns as they come - text, numbers, codes - to the type of a contract; what is not understood is null."""

import polars as pl

from engine.data.tables.contracts import Column
from engine.data.tables.read_dates import read_dates
from engine.errors import InputError

# What stands for a value that is not there; never in a column of names, where NA is a ticker.
NOTHING = ("", ".", "-", "na", "n/a", "#n/a", "nan", "null", "none", "nil")
_COMMA, _POINT, _THOUSANDS = r"^[+-]?\d*,\d+$", r"^[+-]?\d*\.\d*([eE][+-]?\d+)?$", r"^[+-]?[1-9]\d{0,2}(,\d{3})+$"


def read_column(column: Column, given: pl.Series, where: str, lines: pl.Series) -> pl.Series:
    """Return a column in the type of its contract.

    Parameters
    ----------
    column : Column
    given : series of any type
    where : str
        File and column, for messages.
    lines : series of whole numbers
        Line of each value, for messages.

    Raises
    ------
    InputError
        When hardly any value is understood, or values could mean two things.
    """
    given = texts_of_categories(given)
    if column.kind == "date":
        return read_dates(given, where, lines)
    if column.kind == "number":
        return read_numbers(given, where, lines)
    texts = read_texts(given, where)
    if column.codes is None:
        return texts
    return texts.str.to_lowercase().replace_strict(column.codes, default=None, return_dtype=pl.String)


def texts_of_categories(given: pl.Series) -> pl.Series:
    """Return the texts that categories stand for, whose codes are numbers too, of something else."""
    return given.cast(pl.String) if given.dtype in (pl.Categorical, pl.Enum) else given


def is_missing(given: pl.Series, kind: str) -> pl.Series:
    """Tell where a column has no value at all, as against one that is not understood."""
    missing = given.is_null()
    if given.dtype.is_float():
        missing = missing | given.is_nan()
    given = texts_of_categories(given)
    if given.dtype == pl.String:
        text = given.str.strip_chars()
        missing = missing | (text == "" if kind in ("text", "code") else text.str.to_lowercase().is_in(NOTHING))
    return missing.fill_null(True)


def read_numbers(given: pl.Series, where: str, lines: pl.Series) -> pl.Series:
    """Return numbers, NaN as null; text may have a decimal comma where no number of the column has a point.

    Examples
    --------
    >>> read_numbers(pl.Series(["0,25", "nan", "x", "1"]), "prices, column close", pl.Series([2, 3, 4, 5])).to_list()
    [0.25, None, None, 1.0]
    """
    check_numbers(given, where)
    given = texts_of_categories(given)
    if given.dtype != pl.String:
        return given.cast(pl.Float64).fill_nan(None)
    text = given.str.strip_chars()
    comma = text.str.contains(_COMMA).fill_null(False)
    if comma.any():
        row = int(comma.arg_max() or 0)
        if text.str.contains(_POINT).any():
            raise InputError(
                f"{where}, line {lines[row]}: {text[row]} has a decimal comma, and other numbers have a point; use one"
            )
        if text.filter(comma).str.contains(_THOUSANDS).all():
            raise InputError(
                f"{where}, line {lines[row]}: {text[row]} could be thousands or a decimal comma; write it without"
            )
        text = text.str.replace(",", ".", literal=True)
    numbers = text.cast(pl.Float64, strict=False).fill_nan(None)
    known = ~is_missing(given, "number")
    lost = known & numbers.is_null()
    if 2 * int(lost.sum()) > int(known.sum()):
        row = int(lost.arg_max() or 0)
        raise InputError(f"{where}, line {lines[row]}: {given[row]} is no number, and so are most of the others")
    return numbers


def check_numbers(given: pl.Series, where: str) -> None:
    """Raise InputError where a column's type can hold no numbers, nor texts of them: true and false are none."""
    text = given.dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null)
    if not (text or given.dtype.is_numeric()):
        raise InputError(f"{where} holds {given.dtype}, not numbers; is it another column?")


def read_texts(given: pl.Series, where: str) -> pl.Series:
    """Return texts without the spaces around them; whole numbers are texts too (the tickers of Tokyo)."""
    given = texts_of_categories(given)
    if given.dtype == pl.Null:
        return given.cast(pl.String)
    if not (given.dtype.is_integer() or given.dtype == pl.String):
        raise InputError(f"{where} holds {given.dtype}, not text; is it another column?")
    text = given.cast(pl.String).str.strip_chars()
    return text.set((text == "").fill_null(False), None)
