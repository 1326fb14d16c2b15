"""When new cohorts are entered."""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from engine.arrays import Dates, Integers
from engine.calendar import read_date
from engine.data.tables.contracts import DATE, Column, Table
from engine.data.tables.whole_file import read_whole
from engine.errors import InputError
from engine.kinds import check_count

OWN_DATES = Table("dates", {"date": Column(DATE)}, ("date",))


@runtime_checkable
class Schedule(Protocol):
    """What a schedule of your own offers; a frozen dataclass, so that equal schedules share a trade book.

    It may also have a number `share`: the part of the exposure asked for that each of its cohorts is entered with.
    """

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


def _first_of_each(period: np.ndarray, lag: int, over: int) -> np.ndarray:
    """First sessions of each period, `over` of them, among those on which an earlier decision can be traded."""
    session = np.arange(lag, len(period))
    _, first, of = np.unique(period[lag:], return_index=True, return_inverse=True)
    return session[np.arange(len(session)) - first[of] < over]


@dataclass(frozen=True)
class _OfEachPeriod:
    """Enter on the first tradable sessions of each period.

    Parameters
    ----------
    over : int
        Sessions that an entry is spread over: on each of them a cohort of its own, with as much of the exposure asked
        for. A period with fewer sessions is entered with less.
    """

    over: int = 1

    MOST: ClassVar[int]

    def __post_init__(self):
        check_count("schedule.over", self.over)
        if self.over > self.MOST:
            raise InputError(f"schedule.over={self.over} is longer than a period; use {self.MOST} or fewer")

    @property
    def share(self) -> float:
        """Part of the exposure asked for that each cohort is entered with."""
        return 1.0 / self.over


@dataclass(frozen=True)
class Monthly(_OfEachPeriod):
    """Enter on the first tradable session of each calendar month, or spread over the first ones.

    Parameters
    ----------
    over : int
        Sessions that an entry is spread over: on each of them a cohort of its own, with as much of the exposure asked
        for. A month with fewer sessions in the data is entered with less.
    """

    MOST: ClassVar[int] = 15  # a month has 16 at least

    def entries(self, dates: Dates, lag: int) -> Integers:
        """Return the sessions of entry, (C,) indices into `dates`; the first `lag` sessions have no decision yet."""
        return _first_of_each(dates.astype("datetime64[M]").astype(int), lag, self.over)


@dataclass(frozen=True)
class Weekly(_OfEachPeriod):
    """Enter on the first tradable session of each week, Monday to Sunday, or spread over the first ones.

    Parameters
    ----------
    over : int
        As of `Monthly`; a week of holidays, with fewer sessions, is entered with less.
    """

    MOST: ClassVar[int] = 5

    def entries(self, dates: Dates, lag: int) -> Integers:
        """Return the sessions of entry, (C,) indices into `dates`; the first `lag` sessions have no decision yet."""
        days_since_monday = 3  # 1970-01-01 was a Thursday
        return _first_of_each((dates.astype("datetime64[D]").astype(int) + days_since_monday) // 7, lag, self.over)


@dataclass(frozen=True)
class DailyLadder:
    """Enter a cohort at every session, each with 1/n of the exposure asked for.

    Parameters
    ----------
    n : int
        Rungs: sessions over which the whole exposure is built up.
    """

    n: int = 21

    def __post_init__(self):
        check_count("schedule.n", self.n)

    @property
    def share(self) -> float:
        """Part of the exposure asked for that each cohort is entered with."""
        return 1.0 / self.n

    def entries(self, dates: Dates, lag: int) -> Integers:
        """Return the sessions of entry: all on which an earlier decision can be traded."""
        return np.arange(min(lag, len(dates)), len(dates))


@dataclass(frozen=True)
class OnDates:
    """Enter on dates of your own.

    Parameters
    ----------
    dates : str or tuple of str
        A table with a column `date`, each once, or the dates themselves (YYYY-MM-DD). Those before the first session
        that can be traded, and after the last, are left out.
    """

    dates: str | tuple[str, ...] = ""

    def __post_init__(self):
        if not isinstance(self.dates, str):
            object.__setattr__(self, "dates", tuple(self.dates))  # a list of a configuration; books are kept by value

    def entries(self, dates: Dates, lag: int) -> Integers:
        """Return the sessions of entry.

        Raises
        ------
        InputError
            When there is no such file, a date is none or no session, or none can be traded.
        """
        wanted = np.unique(self._given())
        sessions = dates.astype("datetime64[D]")
        first = sessions[min(lag, len(sessions) - 1)]
        inside = wanted[(wanted >= first) & (wanted <= sessions[-1])]
        at = np.searchsorted(sessions, inside)
        for date, session in zip(inside[sessions[at] != inside], at[sessions[at] != inside], strict=True):
            raise InputError(f"schedule.dates: {date} is no session; the next one is {sessions[session]}")
        if not len(inside):
            raise InputError(
                f"schedule.dates: none of {len(wanted)} dates lies between {first}, the first session that can be "
                f"traded, and {sessions[-1]}"
            )
        return at

    def _given(self) -> np.ndarray:
        if isinstance(self.dates, str):
            return read_whole(OWN_DATES, self.dates, setting="schedule.dates")["date"].to_numpy()
        return np.array([read_date(date) for date in self.dates], dtype="datetime64[D]")
