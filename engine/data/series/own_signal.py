"""A column of a user's own file on the sessions of a market, as it was known on each."""

from pathlib import Path

import numpy as np

from engine.arrays import Dates, PerDate
from engine.calendar import DAY
from engine.data.tables.contracts import DATE, NUMBER, Column, Table
from engine.data.tables.whole_file import read_whole

SIGNAL = Table("signal", {"date": Column(DATE), "value": Column(NUMBER)}, ("date",))


def own_signal(path: str | Path, column: str, dates: Dates, delay: int = 0, max_age: int = 7) -> PerDate:
    """Return for each session the last value that was known at its close.

    A value of day d is known from d + delay on, also where d is no session, and for `max_age` days.

    Parameters
    ----------
    path : str or Path
        Of `date` and the column, one row for each day, as CSV or parquet.
    column : str
        Name of its column.
    dates : array (T,), datetime64[D]
        Sessions.
    delay : int
        Calendar days from a value's date to the close at which it is known: 1 for what is published the next morning.
    max_age : int
        Calendar days for which a value counts.

    Returns
    -------
    array (T,), float64
        NaN where nothing was known yet, or the last value is too old.

    Raises
    ------
    InputError
        When there is no such file or column, or a row is no date with a finite number, each date once.
    """
    table = read_whole(SIGNAL, path, {"value": column}, setting="strategy.file").drop_nulls("value").sort("date")
    known = table["date"].to_numpy().astype("datetime64[D]") + delay * DAY
    sessions = np.asarray(dates, dtype="datetime64[D]")
    last = np.searchsorted(known, sessions, side="right") - 1
    at = np.maximum(last, 0)
    fresh = (last >= 0) & (sessions - known[at] <= max_age * DAY) if len(known) else np.zeros(len(sessions), dtype=bool)
    values = table["value"].to_numpy()
    return np.where(fresh, values[at], np.nan) if len(known) else np.full(len(sessions), np.nan)
