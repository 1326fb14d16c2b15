"""What is traded: which contracts a cohort holds, from entry to expiry."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from engine.arrays import Integers
from engine.backend import namespace, to_host
from engine.backtest.contracts.instruments import Instrument
from engine.calendar import DAY, closed_between, days_between
from engine.data.panel import MarketPanel
from engine.errors import InputError
from engine.kernels.codes import LegStatus

# An expiry on a holiday settles on the session before it. With more days than this between them the data has a hole,
# unless the exchange was closed on all of them.
HOLIDAY_DAYS = 5
LONG_AGO = -(10**9)  # a day before all data
NEAR_ENOUGH_DAYS = 15  # monthly expiries are a month apart, so the nearest is within half of one


@runtime_checkable
class Structure(Protocol):
    """What a structure of your own offers; a frozen dataclass, so that equal structures share a trade book.

    It says which instruments a leg is made of, all to one expiry, and which of the expiries listed that is. The index
    is sold and the members are bought, in units of the whole list; the sizing says how many.
    """

    @property
    def index(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of the index leg, `MOST_INSTRUMENTS` at most; together their vega is positive."""
        ...

    @property
    def members(self) -> tuple[Instrument, ...]:
        """Instruments of a unit of a member's leg."""
        ...

    @property
    def tenor(self) -> int:
        """Calendar days from entry to expiry."""
        ...

    @property
    def min_days(self) -> int:
        """Calendar days to expiry below which a listed expiry is not entered."""
        ...

    @property
    def min_coverage(self) -> float:
        """Share of the basket's weight, 0 to 1, that quoted names must hold for a cohort to be entered."""
        ...


@dataclass(frozen=True, eq=False)
class Cohorts:
    """The contracts of every cohort, chosen at entry.

    Parameters
    ----------
    entry, last : array (C,), int
        Session of entry, and last session the cohort lives on (expiry, or the end of what the data knows).
    expiry : array (C,), datetime64[D]
        Expiry date; NaT where no expiry is listed that could be traded.
    outcome : array (C,)
        How a leg that meets no event of its own ends on `last`: `LegStatus` EXPIRED, OPEN or LOST.
    """

    entry: np.ndarray
    last: np.ndarray
    expiry: np.ndarray
    outcome: np.ndarray

    def __len__(self):
        return len(self.entry)

    @property
    def settled(self) -> np.ndarray:
        """True where the data reaches the expiry, (C,)."""
        return self.outcome == int(LegStatus.EXPIRED)

    @property
    def life(self) -> np.ndarray:
        """Sessions from entry to the last one, (C,)."""
        return self.last - self.entry

    @property
    def settlement_day(self) -> np.ndarray:
        """Holding day at whose close the contracts settle, (C,); -1 where the data does not reach the expiry."""
        return np.where(self.settled, self.life, -1)

    @property
    def expiry_day(self) -> np.ndarray:
        """The expiry as days since 1970, (C,) int64; `LONG_AGO` where there is none."""
        return np.where(np.isnat(self.expiry), LONG_AGO, self.expiry.astype(np.int64))

    def sessions(self, dates: np.ndarray, days: int, xp: Any = np) -> np.ndarray:
        """Sessions of entry and of `days` holding days, (C, H + 1) indices; the data's last where it ends before.

        They are worked out where they are needed, on the host or on a device, as is what follows from them.
        """
        return xp.minimum(xp.asarray(self.entry)[:, None] + xp.arange(days + 1), len(dates) - 1)

    def days_left(self, dates: np.ndarray, sessions: np.ndarray) -> np.ndarray:
        """Calendar days to expiry on those sessions, (C, H + 1); 0 past the expiry and where there is none."""
        xp = namespace(sessions)
        return xp.maximum(xp.asarray(self.expiry_day)[:, None] - day_numbers(dates, sessions), 0).astype(xp.float64)

    def days_until_settled(self, dates: np.ndarray, sessions: np.ndarray) -> np.ndarray:
        """As `days_left`, but 0 on the session the contracts settle on, which is before an expiry on a holiday."""
        xp = namespace(sessions)
        settles = xp.arange(int(sessions.shape[1])) == xp.asarray(self.settlement_day)[:, None]
        return xp.where(settles, 0.0, self.days_left(dates, sessions))

    def until(self, day: np.ndarray) -> "Cohorts":
        """Return the same cohorts sold on a holding day, (C,), where that is before their end."""
        early = day < self.life
        last = np.where(early, self.entry + day, self.last)
        return Cohorts(self.entry, last, self.expiry, np.where(early, int(LegStatus.EXITED), self.outcome))

    def beside(self, expiry: np.ndarray) -> "Cohorts":
        """Return the same cohorts in contracts of later expiries, (C,), that are sold where these expire."""
        outcome = np.where(self.outcome == int(LegStatus.EXPIRED), int(LegStatus.EXITED), self.outcome)
        return Cohorts(self.entry, self.last, expiry, outcome)

    def __getitem__(self, part: slice | np.ndarray) -> "Cohorts":
        return Cohorts(self.entry[part], self.last[part], self.expiry[part], self.outcome[part])

    def since(self, first: int) -> "Cohorts":
        """Return the same cohorts on dates that start with the session `first`."""
        return Cohorts(self.entry - first, self.last - first, self.expiry, self.outcome)


def day_numbers(dates: np.ndarray, sessions: np.ndarray) -> np.ndarray:
    """Return the dates of sessions as days since 1970, int64, which a device has too, where the sessions are."""
    return namespace(sessions).asarray(dates.astype(np.int64))[sessions]


def check_reach(panel: MarketPanel, cohorts: "Cohorts", tenor: int) -> None:
    """Raise InputError where the options asked for are not there, so that others would be traded without a word.

    On a constant-maturity surface the tenor must lie between its shortest and its longest; of listed expiries most
    entries must find one within half the tenor, or 15 days, of it.
    """
    name = panel.info.name
    if panel.listed is None:
        shortest, longest = int(panel.tenors[0]), int(panel.tenors[-1])
        if not shortest <= tenor <= longest:
            nearest = shortest if tenor < shortest else longest
            raise InputError(
                f"structure.tenor={tenor} lies outside the surface of {name}, {shortest} to {longest} days: "
                f"its volatilities are not known; the nearest is structure.tenor={nearest}"
            )
        return
    known = ~np.isnat(cohorts.expiry)
    days = days_between(cohorts.expiry[known], panel.dates[cohorts.entry[known]])
    far = np.abs(days - tenor) > max(tenor / 2, NEAR_ENOUGH_DAYS)
    if len(days) and far.mean() > 0.5:
        raise InputError(
            f"structure.tenor={tenor} finds no expiry near it in {name}: the nearest ones are {days.min()} to "
            f"{days.max()} days ahead; choose a tenor among them"
        )


def choose_contracts(panel: MarketPanel, entry: Integers, structure: Structure) -> Cohorts:
    """Choose each cohort's expiry from what is listed, and the index quoted, at its entry."""
    entry = np.ascontiguousarray(entry, dtype=np.int64)  # as kernels read it
    expiry = expiries(panel, entry, structure.tenor, structure.min_days)
    return dated_cohorts(panel.dates, entry, expiry, panel.info.calendar)


def expiries(panel: MarketPanel, entry: np.ndarray, tenor: int, min_days: int) -> np.ndarray:
    """Return the expiry nearest a tenor at each entry, (C,) datetime64[D]; NaT where none is far enough ahead."""
    if panel.listed is None:
        return panel.dates[entry] + np.timedelta64(tenor, "D")
    listed = panel.listed.expiry[entry]
    days = days_between(listed, panel.dates[entry][:, None])
    quoted = np.isfinite(to_host(panel.listed.index_iv[entry])).any(axis=-1)
    usable = quoted & (days >= min_days)
    distance = np.where(usable, np.abs(days - tenor), np.inf)
    nearest = distance.argmin(axis=1)
    return np.where(usable.any(axis=1), listed[np.arange(len(entry)), nearest], np.datetime64("NaT", "D"))


def dated_cohorts(dates: np.ndarray, entry: np.ndarray, expiry: np.ndarray, calendar: str) -> Cohorts:
    """Return cohorts of known expiries: how long the sessions follow them, and how their legs then end."""
    last = np.where(np.isnat(expiry), entry, np.searchsorted(dates, expiry, side="right") - 1)
    days = days_between(expiry, dates[last])
    settled = (expiry <= dates[-1]) & (days <= HOLIDAY_DAYS)
    for c in np.flatnonzero((expiry <= dates[-1]) & (days > HOLIDAY_DAYS)):
        settled[c] = closed_between(dates[last[c]], expiry[c] + DAY, calendar)
    outcome = np.where(last < len(dates) - 1, int(LegStatus.LOST), int(LegStatus.OPEN))
    return Cohorts(entry, last, expiry, np.where(settled, int(LegStatus.EXPIRED), outcome))
