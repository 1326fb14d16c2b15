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
    weekend : weight of a Saturday and of a Sunday in the time that variance is linear in between two expiries; a week
        keeps seven days, so weekdays count more where these count less. 1 = calendar days, 0 = business days; holidays
        count as the weekdays they are on. Volatilities stay per calendar year.

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
    weekend: float = 1.0

    def __post_init__(self):
        for name in ("quotes", "am", "pm"):
            minutes(getattr(self, name), name)
        if self.default not in ("am", "pm"):
            raise InputError(f"settlement={self.default} is neither am nor pm")
        if not 0.0 <= self.weekend <= 3.5:
            raise InputError(f"weekend={self.weekend} is no weight from 0 (business time) to 3.5 (nothing on weekdays)")

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
        # Until 2015 monthly options were dated on the Saturday after the Friday on which they settled.
        saturday = np.asarray(expiry, dtype="datetime64[D]").astype(int) % 7 == 2  # 1970-01-03 was one
        return days_between(expiry, date) - saturday + of_day / DAY_MINUTES

    def years(self, date, expiry, settlement) -> np.ndarray:
        """The same in years of 365 days: minutes / 525,600."""
        return self.days(date, expiry, settlement) / DAYS_PER_YEAR

    def weighted_days(self, weekday: int, days) -> np.ndarray:
        """Days by the weights of the week, of so many calendar days from the quotes of a weekday (0 = Monday).

        Examples
        --------
        >>> Clock(quotes="16:00", weekend=0.0).weighted_days(4, [1.0, 3.0, 7.0]).round(4).tolist()  # from a Friday
        [0.4667, 1.4, 7.0]
        """
        days = np.asarray(days, dtype=float)
        start = weekday + minutes(self.quotes, "quotes") / DAY_MINUTES
        free = _weekend_before(start + days) - _weekend_before(start)
        return (days - free) * (7.0 - 2.0 * self.weekend) / 5.0 + free * self.weekend


def _weekend_before(since_monday):
    """Days of weekends from a Monday's midnight."""
    weeks = np.floor(since_monday / 7.0)
    return 2.0 * weeks + np.maximum(since_monday - 7.0 * weeks - 5.0, 0.0)


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
