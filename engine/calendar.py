"""Trading days, listed expiries and time in years.

Sessions of real markets come from their data, and the calendar only checks them. Synthetic markets take their sessions
from the calendar.
"""

import datetime
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from engine.errors import InputError
from engine.exchanges import known_sessions

DAYS_PER_YEAR = 365.0
DAY = np.timedelta64(1, "D")  # numbers added to a date without a unit are no longer taken for days
# More days than this between two sessions are a hole of the data, unless the exchange was closed on all of them. Since
# 1933 New York's longest closure, in September 2001, put seven days between two closes; Tokyo's, in May 2019, eleven.
LONGEST_CLOSURE_DAYS = 7

Date = str | datetime.date | np.datetime64  # a day as a user writes it: what `read_date` takes


def read_date(value: Any, name: str = "date") -> np.datetime64:
    """Return a date as numpy keeps it; nothing but a whole date is taken for one.

    A number would be a count of days since 1970, a year its first day, and a moment would lose its time.

    Parameters
    ----------
    value : text such as "2024-12-31", datetime.date or numpy.datetime64 of days
    name : str
        What the date is, for the message.

    Raises
    ------
    InputError
        When it is anything else.

    Examples
    --------
    >>> read_date("2024-12-31")
    np.datetime64('2024-12-31')
    """
    text = value.isoformat() if type(value) is datetime.date else value
    if isinstance(value, np.datetime64) and np.datetime_data(value.dtype)[0] == "D":
        text = str(value)
    try:
        if isinstance(text, str) and datetime.date.fromisoformat(text).isoformat() == text:
            return np.datetime64(text, "D")
    except ValueError:
        pass
    raise InputError(f"{name}={value} is not a date; write {name}=2024-12-31")


def sessions(calendar: str, start: Date, end: Date) -> np.ndarray:
    """Trading days of an exchange from `start` to `end`, both inclusive.

    Parameters
    ----------
    calendar : str
        exchange_calendars code, such as XNYS.
    start, end : ISO text or datetime64

    Returns
    -------
    array (T,), datetime64[D]

    Raises
    ------
    InputError
        When the calendar is unknown, or does not know all dates of the range.

    Notes
    -----
    XNYS knows its holidays from 1971 on. Before that nearly every weekday counts as a session, holidays too.

    Examples
    --------
    >>> len(sessions("XNYS", "2026-06-15", "2026-06-21"))  # the 19th was a holiday
    4
    """
    start, end = read_date(start), read_date(end)
    days, low, high = known_sessions(calendar, start, end)
    if start < low or end > high:
        raise InputError(f"calendar={calendar} knows {low} .. {high} only, not {start} .. {end}")
    return days[np.searchsorted(days, start) : np.searchsorted(days, end, side="right")]


def monthly_expiries(calendar: str, start: Date, end: Date) -> np.ndarray:
    """Expiries of monthly options from `start` to `end`: third Fridays, or the session before where it is a holiday.

    Parameters
    ----------
    calendar : str
        exchange_calendars code.
    start, end : ISO text or datetime64

    Returns
    -------
    array (E,), datetime64[D]
        Ascending. A Friday after `end` whose expiry is moved back into the range is one of them.

    Examples
    --------
    >>> monthly_expiries("XNYS", "2026-05-20", "2026-07-31").astype(str).tolist()
    ['2026-06-18', '2026-07-17']
    """
    return _moved_fridays(calendar, start, end, third=True)


def weekly_expiries(calendar: str, start: Date, end: Date) -> np.ndarray:
    """Expiries of weekly and monthly options from `start` to `end`: Fridays, or the session before a holiday.

    Parameters and result as for `monthly_expiries`.

    Examples
    --------
    >>> weekly_expiries("XNYS", "2026-06-10", "2026-06-30").astype(str).tolist()
    ['2026-06-12', '2026-06-18', '2026-06-26']
    """
    return _moved_fridays(calendar, start, end, third=False)


def _moved_fridays(calendar: str, start: Date, end: Date, third: bool) -> np.ndarray:
    start, end = read_date(start), read_date(end)
    days = np.arange(start, end + 7 * DAY)  # a Friday up to a week after `end` may be moved back into the range
    friday = days[(days.astype(int) + 3) % 7 == 4]  # 1970-01-01 was a Thursday; Monday is 0
    if third:
        day_of_month = (friday - friday.astype("datetime64[M]").astype("datetime64[D]")).astype(int) + 1
        friday = friday[(day_of_month >= 15) & (day_of_month <= 21)]
    open_days = sessions(calendar, start - 14 * DAY, end + 7 * DAY)
    moved = open_days[np.searchsorted(open_days, friday, side="right") - 1]
    return np.unique(moved[(moved >= start) & (moved <= end)])


def days_between(later: ArrayLike, earlier: ArrayLike) -> np.ndarray:
    """Calendar days from `earlier` to `later`, float64; NaN where either is NaT.

    Examples
    --------
    >>> days_between(np.array(["2026-06-18", "NaT"], "datetime64[D]"), np.datetime64("2026-06-01")).tolist()
    [17.0, nan]
    """
    gap = np.asarray(later, dtype="datetime64[D]") - np.asarray(earlier, dtype="datetime64[D]")
    return np.where(np.isnat(gap), np.nan, gap.astype(np.float64))


def year_fraction(days: Any) -> Any:
    """Time in years of a number of calendar days: days / 365.

    Examples
    --------
    >>> year_fraction(73)
    0.2
    """
    return days / DAYS_PER_YEAR


def after_hole(dates: ArrayLike, calendar: str | None = None) -> np.ndarray:
    """Tell which sessions, (T,) bool, follow a hole: more than seven calendar days without any other session.

    Parameters
    ----------
    dates : array (T,), datetime64[D], ascending
    calendar : str or None
        exchange_calendars code. Where it has no session in such a stretch either, as in Tokyo's Golden Week of 2019 and
        in China's New Year holidays, that is no hole. What it does not know stays one.

    Examples
    --------
    >>> after_hole(np.array(["2026-01-09", "2026-01-16", "2026-02-02"], "datetime64[D]")).tolist()
    [False, False, True]
    >>> golden_week = np.array(["2019-04-26", "2019-05-07"], "datetime64[D]")
    >>> after_hole(golden_week, "XTKS").tolist(), after_hole(golden_week, "XNYS").tolist()
    ([False, False], [False, True])
    """
    dates = np.asarray(dates, dtype="datetime64[D]")
    long = np.append(np.zeros(min(len(dates), 1), bool), np.diff(dates).astype(int) > LONGEST_CLOSURE_DAYS)
    if calendar is not None:
        for t in np.flatnonzero(long):
            long[t] = not closed_between(dates[t - 1], dates[t], calendar)
    return long


def closed_between(before: ArrayLike, after: ArrayLike, calendar: str) -> bool:
    """Tell whether an exchange is known to have had no session between two dates, neither of which is looked at.

    Examples
    --------
    >>> closed_between(np.datetime64("2019-04-26"), np.datetime64("2019-05-07"), "XTKS")
    True
    """
    before, after = np.datetime64(str(before), "D"), np.datetime64(str(after), "D")
    days, low, high = known_sessions(calendar, before, after)
    return bool(low <= before and after <= high and not ((days > before) & (days < after)).any())


@dataclass(frozen=True, eq=False)
class SessionCheck:
    """How the sessions found in data differ from the calendar's, between the first and the last session found.

    Parameters
    ----------
    missing : array, datetime64[D]
        Sessions of the calendar that the data lacks.
    extra : array, datetime64[D]
        Dates in the data on which the calendar has no session (special sessions, or wrong dates).
    unchecked : int
        Number of dates that the calendar does not know.
    """

    missing: np.ndarray
    extra: np.ndarray
    unchecked: int = 0


def check_sessions(dates: np.ndarray, calendar: str) -> SessionCheck:
    """Compare dates found in data with an exchange calendar, for a report; the data are never changed by it.

    Parameters
    ----------
    dates : array (T,), datetime64[D], ascending
    calendar : str
        exchange_calendars code.

    Examples
    --------
    >>> found = np.array(["2026-06-17", "2026-06-19", "2026-06-22"], dtype="datetime64[D]")
    >>> check = check_sessions(found, "XNYS")
    >>> check.missing.astype(str).tolist(), check.extra.astype(str).tolist()
    (['2026-06-18'], ['2026-06-19'])
    """
    if len(dates) == 0:
        return SessionCheck(dates, dates)
    days, low, high = known_sessions(calendar, dates[0], dates[-1])
    inside = dates[(dates >= low) & (dates <= high)]
    if len(inside) == 0:
        return SessionCheck(inside, inside, len(dates))
    expected = days[(days >= inside[0]) & (days <= inside[-1])]
    return SessionCheck(np.setdiff1d(expected, inside), np.setdiff1d(inside, expected), len(dates) - len(inside))


def off_calendar(dates: np.ndarray, calendar: str) -> np.ndarray:
    """Tell which dates, (T,) bool, are no session of an exchange calendar; False for dates that it does not know.

    Files dated on a holiday repeat the quotes of the session before. A special session that the calendar does not list
    is told too, so such a date is to be flagged and not dropped.

    Examples
    --------
    >>> off_calendar(np.array(["2026-06-18", "2026-06-19"], dtype="datetime64[D]"), "XNYS").tolist()
    [False, True]
    """
    return np.isin(dates, check_sessions(dates, calendar).extra)
