"""Dates as they come - dates, moments, numbers, text - to dates; what could mean two days is refused."""

import re

import polars as pl

from engine.errors import InputError

WRITE = "write dates as 2024-12-31"
FIRST, LAST = 1900, 2100  # years
# Texts whose meaning is plain. A time of day after it is cut off, if it is not one of another time zone.
_PLAIN = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y.%m.%d", "%d-%b-%Y", "%d%b%Y", "%d %b %Y")
_TIME = r"[T ](\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?)(\s*(Z|UTC|[+-]\d{2}:?\d{2}))?$"
_PARTS = re.compile(r"^(\d{1,2})([/.-])(\d{1,2})[/.-](\d{4})$")


def read_dates(values: pl.Series, where: str, lines: pl.Series | None = None) -> pl.Series:
    """Return a column as dates, null where a value is none.

    Parameters
    ----------
    values : series of dates, moments, whole numbers such as 20241231, or text
    where : str
        File and column, for the message.
    lines : series of whole numbers, or None
        Line of each value, for the message; None = they count from 1.

    Raises
    ------
    InputError
        When the values are of no type that dates have, none of them is a date, they could be of two days (1/2/2024), or
        are moments in another time zone than the exchange's.

    Examples
    --------
    >>> read_dates(pl.Series([20241231, 20250102]), "prices, column date").to_list()
    [datetime.date(2024, 12, 31), datetime.date(2025, 1, 2)]
    """
    kind = values.dtype
    if kind == pl.Date:
        return _plausible(values, values, where, lines)
    if isinstance(kind, pl.Datetime):
        return _plausible(_days(values, where), values, where, lines)
    if kind.is_numeric():
        number = values.cast(pl.Float64)
        whole = number.set(number.is_nan() | (number != number.round()) | ~number.is_between(19000101, 21001231), None)
        dates = whole.cast(pl.Int64).cast(pl.String).str.to_date("%Y%m%d", strict=False)
        return _plausible(dates, values, where, lines)
    if kind == pl.String:
        return _plausible(_read_texts(values, where, lines), values, where, lines)
    if kind == pl.Null:
        return values.cast(pl.Date)
    raise InputError(f"{where} holds {kind}, not dates; {WRITE}")


def _plausible(dates: pl.Series, values: pl.Series, where: str, lines) -> pl.Series:
    """Return the dates of the years 1900 to 2100; raise InputError where hardly any value is one."""
    read, dates = dates, dates.set(~dates.dt.year().is_between(FIRST, LAST), None)
    given = values.is_not_null().sum()
    if given and 2 * int(dates.is_not_null().sum()) < int(given):
        row = int((values.is_not_null() & dates.is_null()).arg_max() or 0)
        year = read.dt.year()[row]  # of 24-01-02 it is 24
        what = f"is not of the years {FIRST} to {LAST}" if year is not None and year > 999 else "is no date"
        raise InputError(
            f"{where}, line {_line(row, lines)}: {values[row]} {what}, and so are most of the others; {WRITE}"
        )
    return dates


def _days(moments: pl.Series, where: str) -> pl.Series:
    """Days of moments: of the exchange's own clock whatever the time, of another zone only at midnight."""
    zone = getattr(moments.dtype, "time_zone", None)
    days = moments.dt.date()
    if zone is not None and (moments != moments.dt.truncate("1d")).any():
        raise InputError(f"{where} holds moments in {zone}, whose day need not be the exchange's; {WRITE}")
    return days


def _read_texts(values: pl.Series, where: str, lines) -> pl.Series:
    text = values.str.strip_chars()
    text = text.set(text == "", None)
    zones = text.str.extract(_TIME, 5)
    times = text.str.extract(_TIME, 1)
    if (foreign := zones.is_not_null() & ~times.str.contains(r"^0{1,2}:00(:00([.,]0+)?)?$")).any():
        row = int(foreign.arg_max() or 0)
        raise InputError(
            f"{where}, line {_line(row, lines)}: {values[row]} is a moment in another time zone, whose day need not be "
            f"the exchange's; {WRITE}"
        )
    text = text.str.replace(_TIME, "")
    dates = pl.Series(values.name, [None], dtype=pl.Date).new_from_index(0, len(values))
    for form in _PLAIN:
        if dates.null_count() > text.null_count():
            dates = dates.fill_null(text.str.to_date(form, strict=False))
    left = text.filter(dates.is_null() & text.str.contains(_PARTS.pattern))
    return dates if left.is_empty() else dates.fill_null(_day_and_month(text, dates, where, lines))


def _day_and_month(text: pl.Series, dates: pl.Series, where: str, lines) -> pl.Series:
    """Read 12/31/2024 or 31/12/2024: which of the two, a number above 12 anywhere in the column tells."""
    parts = text.set(dates.is_not_null(), None)
    first, second = (parts.str.extract(_PARTS.pattern, group).cast(pl.Int32, strict=False) for group in (1, 3))
    months, days = second > 12, first > 12  # the second number, or the first one, cannot be a month
    if bool(months.any()) == bool(days.any()):
        row = int((days if days.any() else first.is_not_null()).arg_max() or 0)
        why = "others in the column start with the month" if days.any() else "day and month cannot be told apart"
        raise InputError(f"{where}, line {_line(row, lines)}: {text[row]} is not clear, {why}; {WRITE}")
    form = "%m-%d-%Y" if months.any() else "%d-%m-%Y"
    return parts.str.replace_all(r"[/.]", "-").str.to_date(form, strict=False)


def _line(row: int, lines: pl.Series | None) -> int:
    return row + 1 if lines is None else lines[row]
