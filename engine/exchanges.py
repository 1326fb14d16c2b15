"""Sessions of exchanges, as the library exchange_calendars derives them from their holidays, kept for later runs.

Deriving them and importing the library takes half a second, for one year as for all.
"""

import functools
import hashlib
import os
import tempfile
import warnings
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import numpy as np

from engine.durable import put_in_place
from engine.errors import InputError
from engine.places import cache_folder

FIRST, LAST = np.datetime64("1900-01-01"), np.datetime64("2100-12-31")  # derived at once
_MADE_BY = ("exchange-calendars", "pandas")

Known = tuple[np.ndarray, np.datetime64, np.datetime64]  # sessions; the first and last date of them that are known


def known_sessions(code: str, first: np.datetime64, last: np.datetime64) -> Known:
    """Return the sessions of an exchange, and between which dates it is known.

    Parameters
    ----------
    code : str
        exchange_calendars code, such as XNYS.
    first, last : datetime64[D]
        Dates that are asked for; what lies beyond them may be returned too.

    Returns
    -------
    sessions : array, datetime64[D], ascending
    low, high : datetime64[D]
        All sessions between these are there. `low` > `high` where none of the dates is known.

    Raises
    ------
    InputError
        When the calendar is unknown, or the library cannot derive it.
    """
    if first >= FIRST and last <= LAST and (whole := _whole(code)) is not None:
        return whole
    return _derived(code, first, last)


@functools.cache
def _whole(code: str) -> Known | None:
    """Return all that is known, from the disk where an earlier run has derived it; None where that cannot be done."""
    path = cache_folder("calendars") / f"{code}-{'-'.join(map(version, _MADE_BY))}.days"
    if (kept := _read(path)) is None:
        try:
            kept = _derived(code, FIRST, LAST)
        except InputError:  # perhaps it can be for fewer years
            return None
        with suppress(OSError):
            _write(path, kept)
    return kept


def _derived(code: str, first: np.datetime64, last: np.datetime64) -> Known:
    import exchange_calendars
    from exchange_calendars.errors import InvalidCalendarName

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # they concern the library's own dependencies
        try:
            kind = type(exchange_calendars.get_calendar(code))
            low, high = max(first, _bound(kind.bound_min, first)), min(last, _bound(kind.bound_max, last))
            if low > high:
                return np.array([], dtype="datetime64[D]"), low, high
            schedule = exchange_calendars.get_calendar(code, start=str(low), end=str(high))
        except InvalidCalendarName:
            raise InputError(f"calendar={code} is unknown; use an exchange_calendars code such as XNYS") from None
        except (ValueError, NotImplementedError) as error:  # some calendars, with some versions of pandas
            raise InputError(f"calendar={code} cannot be derived ({str(error)[:80]}...); use another one") from None
    return schedule.sessions.to_numpy().astype("datetime64[D]"), low, high


def _bound(asked, default: np.datetime64) -> np.datetime64:
    """Return a first or last date of a calendar; some of them have none, and some do not say."""
    with suppress(NotImplementedError):
        if (bound := asked()) is not None:
            return bound.to_datetime64().astype("datetime64[D]")
    return default


def _read(path: Path) -> Known | None:
    """Read what `_write` wrote; None where it is not there, or not byte for byte the same."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    said, days = content[:32], content[32:]
    if len(days) < 16 or hashlib.sha256(days).digest() != said:
        return None
    dates = np.frombuffer(days, dtype="<M8[D]").astype("datetime64[D]")
    return dates[2:], dates[0], dates[1]


def _write(path: Path, known: Known) -> None:
    sessions, low, high = known
    days = np.concatenate([[low, high], sessions]).astype("<M8[D]").tobytes()
    handle, unfinished = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(days).digest() + days)
        put_in_place(Path(unfinished), path)
    finally:
        Path(unfinished).unlink(missing_ok=True)
