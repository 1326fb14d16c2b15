"""DailySeries: named daily series on one axis of dates, for data that are no market of options."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.arrays import Dates
from engine.calendar import Date, read_date
from engine.errors import InputError


@dataclass(frozen=True, eq=False)
class DailySeries:
    """Series of levels or returns side by side, one value per date and name.

    Parameters
    ----------
    dates : array (T,), datetime64[D]
        Ascending; the union of the dates on which any of the series has a value.
    names : tuple of str, length S
    values : array (T, S), float64
        In the unit of the loader; NaN where a series has no value on that date.

    Notes
    -----
    A published index has no members, surface or weights, so that it cannot be a `MarketPanel` nor be traded. Its arrays
    are what every function of signals, seasonality and regressions takes.

    Examples
    --------
    >>> dates = np.array(["2026-01-02", "2026-01-05", "2026-01-06"], dtype="datetime64[D]")
    >>> series = DailySeries(dates, ("COR1M", "VIX"), np.array([[20.0, 15.0], [np.nan, 16.0], [22.0, 17.0]]))
    >>> series["COR1M"].tolist()
    [20.0, nan, 22.0]
    >>> series.common("COR1M", "VIX").values.tolist()
    [[20.0, 15.0], [22.0, 17.0]]
    """

    dates: np.ndarray
    names: tuple
    values: np.ndarray

    def __post_init__(self):
        if self.values.shape != (len(self.dates), len(self.names)):
            raise InputError(
                f"values {self.values.shape} are not one per date and name: {len(self.dates)} x {self.names}"
            )
        if (np.diff(self.dates).astype(int) <= 0).any():
            raise InputError("dates of daily series must ascend and be distinct; sort them and drop duplicates")

    def __getitem__(self, name: str) -> np.ndarray:
        """Return the values of one series, (T,)."""
        if name not in self.names:
            raise InputError(f"there is no series {name}; choose one of {', '.join(self.names)}")
        return self.values[:, self.names.index(name)]

    def common(self, *names: str, start: Date | None = None, end: Date | None = None) -> "DailySeries":
        """Return the named series on the dates, from `start` to `end` inclusive, on which all of them have a value.

        A difference of neighbouring values then spans the same days for each of them.
        """
        values = np.stack([self[name] for name in names], axis=1)
        keep = np.isfinite(values).all(axis=1)
        if start is not None:
            keep &= self.dates >= read_date(start, "start")
        if end is not None:
            keep &= self.dates <= read_date(end, "end")
        return DailySeries(self.dates[keep], names, values[keep])

    def on(self, dates: Dates, name: str) -> np.ndarray:
        """Return one series on other dates, such as a panel's, (len(dates),): NaN on dates without a value.

        Nothing is carried forward: a value counts on its own date only.
        """
        dates = np.asarray(dates, dtype="datetime64[D]")
        values = self[name]
        if len(self.dates) == 0:
            return np.full(len(dates), np.nan)
        row = np.minimum(np.searchsorted(self.dates, dates), len(self.dates) - 1)
        return np.where(self.dates[row] == dates, values[row], np.nan)

    def joined(self, other: "DailySeries") -> "DailySeries":
        """Return the series of both on the union of their dates."""
        if twice := set(self.names) & set(other.names):
            raise InputError(f"both have a series {', '.join(sorted(twice))}; rename one")
        dates = np.union1d(self.dates, other.dates)
        columns = [part.on(dates, name) for part in (self, other) for name in part.names]
        return DailySeries(dates, self.names + other.names, np.stack(columns, axis=1))


def daily_series(frame: pl.DataFrame) -> DailySeries:
    """Make daily series of a wide frame: a column `date`, and one numeric column per series.

    Any external series (an interest rate, the dollar, gold, a sector fund) can be used this way.

    Raises
    ------
    InputError
        When there is no column `date`, or two rows have the same date.

    Examples
    --------
    >>> import datetime
    >>> daily_series(pl.DataFrame({"date": [datetime.date(2026, 1, 2)], "gold": [4300.0]}))["gold"].tolist()
    [4300.0]
    """
    if frame.schema.get("date") != pl.Date:
        raise InputError("daily series need a column 'date' of dates; rename or cast the frame's")
    frame = frame.sort("date")
    if frame["date"].is_duplicated().any():
        twice = frame["date"].filter(frame["date"].is_duplicated())[0]
        raise InputError(f"{twice} stands in more than one row; keep one row per date")
    names = tuple(name for name in frame.columns if name != "date")
    values = frame.select(pl.col(names).cast(pl.Float64).fill_null(np.nan)).to_numpy()
    return DailySeries(frame["date"].to_numpy().astype("datetime64[D]"), names, values)
