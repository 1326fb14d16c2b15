"""When new cohorts are entered."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from engine.arrays import Dates, Integers


@runtime_checkable
class Schedule(Protocol):
    """What a schedule of your own offers; a frozen dataclass, so that equal schedules share a trade book."""

    def entries(self, dates: Dates, lag: int) -> Integers:
        """Return the sessions on which cohorts are entered.

        Parameters
        ----------
        dates : array (T,), datetime64[D]
            Sessions of the market.
        lag : int
            Sessions between a decision and its trade: session `lag` is the first that can be entered.

        Returns
        -------
        array (C,), int
            Positions in `dates`, ascending, each once, none below `lag`.
        """
        ...


def _first_of_each(period: np.ndarray, lag: int) -> np.ndarray:
    """First session of each period among those on which an earlier decision can be traded."""
    session = np.arange(lag, len(period))
    _, first = np.unique(period[lag:], return_index=True)
    return session[first]


@dataclass(frozen=True)
class Monthly:
    """Enter on the first tradable session of each calendar month."""

    def entries(self, dates: Dates, lag: int) -> Integers:
        """Return the sessions of entry, (C,) indices into `dates`; the first `lag` sessions have no decision yet."""
        return _first_of_each(dates.astype("datetime64[M]").astype(int), lag)


@dataclass(frozen=True)
class Weekly:
    """Enter on the first tradable session of each week, Monday to Sunday."""

    def entries(self, dates: Dates, lag: int) -> Integers:
        """Return the sessions of entry, (C,) indices into `dates`; the first `lag` sessions have no decision yet."""
        days_since_monday = 3  # 1970-01-01 was a Thursday
        return _first_of_each((dates.astype("datetime64[D]").astype(int) + days_since_monday) // 7, lag)
