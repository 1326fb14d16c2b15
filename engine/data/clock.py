"""When a market's quotes are taken and its options settle: one clock for all times to expiry."""

from dataclasses import dataclass

import numpy as np

from engine.calendar import DAYS_PER_YEAR, days_between
from engine.errors import InputError

DAY_MINUTES = 1440.0


@dataclass(frozen=True)
class Clock:
    """Times of day of the exchange, "HH:MM".

    Parameters
    ----------
    quotes : when bid and ask are taken; of closes and last trades, the close
    am, pm : when options of either settlement settle
    default : "am" or "pm", of options that do not say

    Examples
    --------
    >>> clock = Clock(quotes="15:45")
    >>> expiry = np.array(["2026-06-18", "2026-06-18"], "datetime64[D]")
    >>> clock.days(np.datetime64("2026-06-17"), expiry, np.array(["am", "pm"])).round(4).tolist()
    [0.7396, 1.0104]
    """

    quotes: str = "16:00"
    am: str = "09:30"
    pm: str = "16:00"
    default: str = "pm"

    def __post_init__(self):
        for name in ("quotes", "am", "pm"):
            minutes(getattr(self, name), name)
        if self.default not in ("am", "pm"):
            raise InputError(f"settlement={self.default} is neither am nor pm")

    def days(self, date, expiry, settlement) -> np.ndarray:
        """Calendar days from the quotes of a date to the settlement on the expiry, with their fraction of a day.

        Parameters
        ----------
        date, expiry : arrays, datetime64[D]
        settlement : array of "am" or "pm"; anything else is the default
        """
        settlement = np.asarray(settlement)
        morning = (settlement == "am") | ((settlement != "pm") & (self.default == "am"))
        of_day = np.where(morning, minutes(self.am, "am"), minutes(self.pm, "pm")) - minutes(self.quotes, "quotes")
        return days_between(expiry, date) + of_day / DAY_MINUTES

    def years(self, date, expiry, settlement) -> np.ndarray:
        """The same in years of 365 days: minutes / 525,600."""
        return self.days(date, expiry, settlement) / DAYS_PER_YEAR


def minutes(time: str, name: str = "time") -> int:
    """Minutes after midnight of a time of day.

    Raises
    ------
    InputError
        When it is not "HH:MM".

    Examples
    --------
    >>> minutes("15:45")
    945
    """
    hours, colon, rest = str(time).partition(":")
    if not (colon and hours.isdigit() and rest.isdigit() and int(hours) < 24 and int(rest) < 60):
        raise InputError(f'{name}={time} is not a time of day; write "15:45"')
    return 60 * int(hours) + int(rest)
