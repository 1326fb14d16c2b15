"""Dates, and moments within days, as a panel is cut by them."""

import numpy as np

from engine.calendar import DAY, Date
from engine.errors import InputError


def moment(when: Date) -> np.datetime64:
    """Read a date, or a moment within a day; a number, a year or a month is neither."""
    try:
        given = None if isinstance(when, int) else np.datetime64(when)
    except (ValueError, TypeError):
        given = None
    if given is None or np.datetime_data(given.dtype)[0] in ("Y", "M", "W", "generic"):
        raise InputError(f"{when} is not a date; write it as 2024-12-31")
    return given


def after(when: np.datetime64) -> np.datetime64:
    """Return the first moment after a day, or after a moment within a day."""
    whole_day = np.datetime_data(when.dtype)[0] == "D"
    return when + DAY if whole_day else when.astype("datetime64[us]") + np.timedelta64(1, "us")
