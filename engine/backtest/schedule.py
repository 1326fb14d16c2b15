"""When new cohorts are entered."""

from dataclasses import dataclass

import numpy as np


def _first_of_each(period: np.ndarray, lag: int) -> np.ndarray:
    """First session of each period among those on which an earlier decision can be traded."""
    session = np.arange(lag, len(period))
    _, first = np.unique(period[lag:], return_index=True)
    return session[first]


@dataclass(frozen=True)
class Monthly:
    """Enter on the first tradable session of each calendar month."""

    def entries(self, dates: np.ndarray, lag: int) -> np.ndarray:
        """Return the sessions of entry, (C,) indices into `dates`; the first `lag` sessions have no decision yet."""
        return _first_of_each(dates.astype("datetime64[M]").astype(int), lag)


@dataclass(frozen=True)
class Weekly:
    """Enter on the first tradable session of each week, Monday to Sunday."""

    def entries(self, dates: np.ndarray, lag: int) -> np.ndarray:
        """Return the sessions of entry, (C,) indices into `dates`; the first `lag` sessions have no decision yet."""
        days_since_monday = 3  # 1970-01-01 was a Thursday
        return _first_of_each((dates.astype("datetime64[D]").astype(int) + days_since_monday) // 7, lag)
