"""Correlation by phase of the quarter: companies report in the same weeks of every quarter, which options price."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Dates, Floats, Integers
from engine.calendar import sessions
from engine.errors import InputError
from engine.statistics import Regression, hac_regression

PHASES = 63  # a quarter has 61 to 64 sessions; the rare later ones count as the last phase
SEASON = (9, 30)  # trading days of a quarter in which most of the S&P 500 reports: its third to sixth week
OPTION_SESSIONS = 21  # what a one-month option looks ahead


@dataclass(frozen=True, eq=False)
class Seasonality:
    """Multiplicative factors by trading day of the quarter; their mean over the phases is 1.

    Parameters
    ----------
    phase : array (63,), int
        Trading day of the quarter, 1 to 63.
    factor : array (63,)
        Level over trend at that phase, 1 = no season.
    error : array (63,)
        Standard error of each factor over the quarters averaged.
    quarters : array (63,), int
        Quarters averaged.
    """

    phase: np.ndarray
    factor: np.ndarray
    error: np.ndarray
    quarters: np.ndarray

    @property
    def low(self) -> int:
        """Trading day of the quarter on which the factor is lowest."""
        return int(self.phase[np.nanargmin(self.factor)])

    @property
    def high(self) -> int:
        """Trading day of the quarter on which the factor is highest."""
        return int(self.phase[np.nanargmax(self.factor)])


def quarter_day(dates: Dates, calendar: str = "XNYS") -> Integers:
    """Trading day within the calendar quarter, (T,): 1 on the first session, counted by the exchange's calendar.

    Counted in the data instead, a series that starts inside a quarter or lacks days would be out of phase; counted
    with a fixed period of 63 sessions it would drift, as quarters have 61 to 64.

    Examples
    --------
    >>> quarter_day(np.array(["2026-03-31", "2026-04-01", "2026-04-06"], dtype="datetime64[D]")).tolist()
    [61, 1, 3]
    """
    dates = np.asarray(dates, dtype="datetime64[D]")
    if len(dates) == 0:
        return np.zeros(0, int)
    first = (dates.astype("datetime64[M]") - dates.astype("datetime64[M]").astype(int) % 3).astype("datetime64[D]")
    days = sessions(calendar, first.min(), dates.max())
    return np.searchsorted(days, dates, side="right") - np.searchsorted(days, first)


def quarter_seasonality(series: Floats, dates: Dates, calendar: str = "XNYS") -> Seasonality:
    """Describe the season of a positive series: its level over its own centred trend, averaged by phase.

        factor_p = mean over quarters of (x_t / trend_t) at phase p,   trend = mean of the 63 sessions around t

    **Describes only**: the trend looks 31 sessions ahead and the average over all quarters. What a strategy may use is
    `expanding_factor`.

    Parameters
    ----------
    series : array (T,)
        Levels, such as COR1M. A level not above zero has no multiplicative season and counts as unknown.
    dates : array (T,), datetime64[D]
    calendar : str
        exchange_calendars code.

    Raises
    ------
    InputError
        When the series is too short for a trend, or unknown where one would be.

    Notes
    -----
    statsmodels' `seasonal_decompose(model="multiplicative", period=63)` finds the same span, but its fixed period
    drifts by a session in six quarters and smears the turn of the quarter; the tests hold the two against each other.
    """
    x = _positive(series)
    phase = _phase(dates, calendar)
    if len(x) < PHASES:
        raise InputError(f"a season needs 63 sessions or more, not {len(x)}")
    ratio = np.full(len(x), np.nan)
    half = PHASES // 2
    ratio[half : len(x) - half] = x[half : len(x) - half] / _trailing_mean(x)[PHASES - 1 :]
    known = np.isfinite(ratio)
    if not known.any():
        raise InputError("no window of 63 sessions has 50 known positive levels; a season needs them")
    count = np.bincount(phase[known] - 1, minlength=PHASES)
    mean = _per_phase(ratio[known], phase[known], count)
    squares = _per_phase(ratio[known] ** 2, phase[known], count)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(np.maximum(squares - mean**2, 0.0) * count / (count - 1.0))
        error = spread / np.sqrt(count)
    level = np.nanmean(mean)
    return Seasonality(np.arange(1, PHASES + 1), mean / level, error / level, count)


def expanding_factor(series: Floats, dates: Dates, calendar: str = "XNYS", min_quarters: int = 4) -> Floats:
    """Seasonal factor to divide a date's level by, from what was known before it: one-sided, so tradable, (T,).

        factor_t = mean over earlier s at the phase of t of x_s / trend_s,   trend_s = mean of the 63 sessions to s

    Parameters
    ----------
    series, dates, calendar
        As for `quarter_seasonality`.
    min_quarters : int
        Past quarters a phase needs; NaN before.

    Returns
    -------
    array (T,)
        Row t reads no level of t or later. The average of a phase's past ratios is not scaled to a mean of 1: a
        trailing trend lags a drift, the same for every phase.
    """
    x = _positive(series)
    phase = _phase(dates, calendar)
    factor = np.full(len(x), np.nan)
    if len(x) < PHASES:
        return factor
    ratio = x / _trailing_mean(x)
    for p in range(1, PHASES + 1):
        at = np.flatnonzero(phase == p)
        known = np.isfinite(ratio[at])
        # Sums to the row before. Subtracting today's value from a sum that includes it would leave a rounding error.
        count = np.append(0, np.cumsum(known)[:-1])
        total = np.append(0.0, np.cumsum(np.where(known, ratio[at], 0.0))[:-1])
        factor[at] = np.where(count >= min_quarters, total / np.maximum(count, 1), np.nan)
    return factor


def season_ahead(
    dates: Dates, calendar: str = "XNYS", season: tuple[int, int] = SEASON, ahead: int = OPTION_SESSIONS
) -> Floats:
    """Share of the next `ahead` sessions that lie in the reporting season, (T,): known years in advance.

    Examples
    --------
    >>> season_ahead(np.array(["2026-01-13", "2026-02-17"], dtype="datetime64[D]")).round(3).tolist()
    [1.0, 0.0]
    """
    day = quarter_day(dates, calendar)[:, None] + np.arange(1, ahead + 1)
    day = np.where(day > PHASES, day - PHASES, day)  # continues in the next quarter: one has about 63 sessions
    return ((day >= season[0]) & (day <= season[1])).mean(axis=1)


def earnings_effect(
    series: Floats, dates: Dates, calendar: str = "XNYS", season: tuple[int, int] = SEASON, ahead: int = OPTION_SESSIONS
) -> Regression:
    """Do earnings raise one-month correlation? Regress its log, over its trend, on the reports its options look at.

        log(x_t / trend_t) = a + b season_ahead_t + e,   trend centred over 63 sessions, lags = a quarter

    Parameters
    ----------
    series : array (T,)
        Positive levels.
    dates : array (T,), datetime64[D]
    season : (int, int)
        First and last trading day of the quarter's reporting season.
    ahead : int
        Sessions the option looks ahead.

    Returns
    -------
    Regression
        `season_ahead` is the log change of the level from options that see no reports to those that see only
        reporting days. Measured afterwards, as the trend is centred.
    """
    x = _positive(series)
    half = PHASES // 2
    deviation = np.full(len(x), np.nan)
    if len(x) >= PHASES:
        deviation[half : len(x) - half] = np.log(x[half : len(x) - half] / _trailing_mean(x)[PHASES - 1 :])
    return hac_regression(deviation, season_ahead(dates, calendar, season, ahead), PHASES - 1, ("season_ahead",))


def _positive(series) -> np.ndarray:
    series = np.asarray(series, dtype=float)
    return np.where(series > 0.0, series, np.nan)


def _phase(dates, calendar) -> np.ndarray:
    return np.clip(quarter_day(dates, calendar), 1, PHASES)


def _trailing_mean(x) -> np.ndarray:
    """Mean of the known levels of the 63 sessions to each date, (T,); NaN where fewer than 50 are known."""
    windows = np.lib.stride_tricks.sliding_window_view(x, PHASES)
    count = np.isfinite(windows).sum(axis=1)
    mean = np.where(count >= 50, np.nansum(windows, axis=1) / np.maximum(count, 1), np.nan)
    return np.concatenate([np.full(PHASES - 1, np.nan), mean])


def _per_phase(values, phase, count) -> np.ndarray:
    total = np.bincount(phase - 1, weights=values, minlength=PHASES)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
