"""Calendar days or trading days: a weekend changes a quoted volatility, but not a correlation."""

import numpy as np

from engine.arrays import Axis, Dates, Floats
from engine.backend import namespace
from engine.calendar import DAYS_PER_YEAR, sessions
from engine.statistics import Regression, hac_regression

SESSIONS_PER_YEAR = 252.0


def trading_day_factor(dates: Dates, tenors: Axis, calendar: str = "XNYS") -> Floats:
    """Turn a volatility per calendar day into one per trading day: what to multiply it by, (T, K).

        factor = sqrt((tenor / 365) / (sessions in (t, t + tenor] / 252))

    The total variance is the same, time is counted differently. All volatilities of a date and tenor share the factor,
    so it cancels in every correlation.

    Parameters
    ----------
    dates : array (T,), datetime64[D]
    tenors : array (K,)
        Calendar days.
    calendar : str
        exchange_calendars code; it must know the sessions to the last date plus the longest tenor.

    Returns
    -------
    array (T, K)
        NaN where no session lies inside the tenor.

    Notes
    -----
    A weekend then has no variance at all. For VIX that is too little: its mean rise from Friday to Monday becomes a
    larger mean fall.

    Examples
    --------
    >>> friday, monday = np.array(["2026-01-09"], "datetime64[D]"), np.array(["2026-01-12"], "datetime64[D]")
    >>> trading_day_factor(friday, [30])[0, 0].round(4), trading_day_factor(monday, [30])[0, 0].round(4)
    (np.float64(1.0441), np.float64(0.9931))
    """
    dates = np.asarray(dates, dtype="datetime64[D]")
    tenors = np.asarray(tenors, dtype=int)
    days = sessions(calendar, dates.min(), dates.max() + tenors.max())
    to = np.searchsorted(days, dates[:, None] + tenors, side="right")
    count = to - np.searchsorted(days, dates, side="right")[:, None]
    years = np.where(count > 0, count, np.nan) / SESSIONS_PER_YEAR
    return np.sqrt(tenors / DAYS_PER_YEAR / years)


def on_trading_days(iv: Floats, dates: Dates, tenors: Axis, calendar: str = "XNYS") -> Floats:
    """Volatilities on the clock of trading days, shape of `iv`: (T, K, ...) or, for names, (T, N, K, ...).

    Parameters
    ----------
    iv : array (T, K), (T, K, D) or (T, N, K, D)
        Annualised decimals on calendar days / 365.
    """
    xp = namespace(iv)
    factor = xp.asarray(trading_day_factor(dates, tenors, calendar))
    middle = (1,) * (iv.ndim == 4)
    return iv * factor.reshape(len(factor), *middle, -1, *(1,) * (iv.ndim - 2 - len(middle)))


def weekend_effect(series: Floats, dates: Dates) -> Regression:
    """Friday effect: does the series move differently from Friday to Monday than from day to day?

        x_t - x_{t-1} = a + b [t is a Monday, t-1 its Friday] + e

    Parameters
    ----------
    series : array (T,)
        Levels, such as VIX.
    dates : array (T,), datetime64[D]
        Changes over more than four calendar days are left out.

    Returns
    -------
    Regression
        `constant` is the mean change over other days, `weekend` the difference of Friday to Monday from it.
    """
    series = np.asarray(series, dtype=float)
    dates = np.asarray(dates, dtype="datetime64[D]")
    gap = np.diff(dates).astype(int)
    weekday = (dates.astype(int) + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    weekend = (weekday[1:] == 0) & (gap == 3)
    change = np.where(gap <= 4, np.diff(series), np.nan)
    return hac_regression(change, weekend.astype(float), names=("weekend",))
