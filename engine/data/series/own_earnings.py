"""Which members report soon, by a user's own table of dates and when each was known."""

from pathlib import Path

import numpy as np

from engine.arrays import Dates, Symbols
from engine.calendar import DAYS_PER_YEAR
from engine.data.quotes.earnings import known_events
from engine.data.tables.contracts import EARNINGS
from engine.data.tables.whole_file import read_whole


def reports_within(path: str | Path, days: int, dates: Dates, names: Symbols) -> np.ndarray:
    """Return whether a name was known to report within so many calendar days of each session, (T, N) bool.

    Parameters
    ----------
    path : str or Path
        Table of `date`, `ticker` and `known`, the day from which the date was known.
    days : int
    dates : array (T,), datetime64[D]
    names : sequence (N,) of str

    Raises
    ------
    InputError
        When there is no such file, or a row cannot be what it says.
    """
    until = known_events(read_whole(EARNINGS, path, setting="strategy.file"), dates, names)  # (M, T, N) years
    return np.asarray((until * DAYS_PER_YEAR <= days).any(axis=0))
