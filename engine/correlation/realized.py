"""Realised correlation: how alike the members did move, on the same basket, weights and formula as implied."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.arrays import Dates, Integers, PerDate, PerName, Weights
from engine.backend import block_budget, blocks, namespace, where_any
from engine.calendar import DAY, after_hole
from engine.correlation.checks import check_returns
from engine.correlation.implied import implied_correlation
from engine.correlation.text import in_words
from engine.errors import InputError
from engine.records import map_arrays
from engine.statistics import varies

_BASKET_BYTES = 1 << 20  # of a block of windows on a CPU: it stays in the cache while names are added


@dataclass(frozen=True, eq=False)
class RealizedCorrelation:
    """Realised correlation of a basket over the window that ends on each date; arrays (T,) unless said otherwise.

    Parameters
    ----------
    clean, dirty, variance_ratio : array
        As for implied correlation, with realised volatilities. NaN where not computable.
    component_vol : array (T, N); index_vol : array
        Realised volatilities, annualised decimals; NaN where a return of the window is missing.
    status : array, uint8
        `CorrelationStatus`; `thin_coverage` before the first full window.
    coverage : array
        Share of the basket's weight held by names with a full window.
    names : array, int32
        Number of names used.
    """

    clean: np.ndarray
    dirty: np.ndarray
    variance_ratio: np.ndarray
    component_vol: np.ndarray
    index_vol: np.ndarray
    status: np.ndarray
    coverage: np.ndarray
    names: np.ndarray

    def __repr__(self) -> str:
        return in_words(self)


def daily_returns(
    spot: PerName, return_factor: PerName, dates: Dates | None = None, calendar: str | None = None
) -> PerName:
    """Simple daily returns, undoing what moved prices on the day with that day's own factor.

        r_t = spot_t / (spot_{t-1} factor_t) - 1

    Only today's and yesterday's raw prices are read: a later split changes no earlier return.

    Parameters
    ----------
    spot : array (T, N)
        Raw closes, NaN where there is none.
    return_factor : array (T, N)
        1, except where a corporate action moved the price: new / old.
    dates : array (T,), datetime64[D], or None
        Sessions of the rows. Where more than seven calendar days lie between two of them the sessions between are
        missing: the return is one of weeks or months, and counted as that of a day it would be far too large.
    calendar : str or None
        Of the exchange, as for `engine.calendar.after_hole`: no session is missing while it was closed.

    Returns
    -------
    array (T, N)
        Decimals; NaN on the first date, over a hole of the dates, and where a price or the factor is unknown.

    Examples
    --------
    >>> daily_returns(np.array([[100.0], [22.0]]), np.array([[1.0], [0.2]])).round(9).tolist()
    [[nan], [0.1]]
    """
    xp = namespace(spot, return_factor)
    returns = xp.full(spot.shape, xp.nan)
    before = spot[:-1] * return_factor[1:]
    returns[1:] = spot[1:] / xp.where(before > 0.0, before, xp.nan) - 1.0
    if dates is not None:
        returns[xp.asarray(after_hole(dates, calendar))] = xp.nan
    return returns


def sessions_in_month(dates: Dates, months: int = 1) -> Integers:
    """Count the sessions from the day after the same date `months` months ago to each date, both included.

    A window for `realized_correlation`; 31 March less one month is the last day of February.

    Parameters
    ----------
    dates : array (T,), datetime64[D]

    Returns
    -------
    array (T,), int

    Examples
    --------
    >>> sessions_in_month(np.array(["2020-07-03", "2020-07-06", "2020-08-03"], dtype="datetime64[D]"))
    array([1, 2, 2])
    """
    month = dates.astype("datetime64[M]")
    span = np.timedelta64(months, "M")
    first = (month - span).astype("datetime64[D]")
    last = (month - span + np.timedelta64(1, "M")).astype("datetime64[D]") - DAY
    start = np.minimum(first + (dates - month), last)
    return np.arange(len(dates)) + 1 - np.searchsorted(dates, start, side="right")


def realized_correlation(
    returns: PerName,
    weights: Weights,
    window: int | Integers = 63,
    *,
    index_returns: PerDate | None = None,
    demean: bool = False,
    sessions_per_year: float = 252.0,
    min_coverage: float = 0.8,
    component_vol: PerName | None = None,
) -> RealizedCorrelation:
    """Realised correlation of the basket held at the end of each window, over that window.

        s_i^2 = 252 mean(r_i^2)      s_I^2 = 252 mean((sum w r)^2)      clean = (s_I^2 - B) / (A^2 - B)

    The basket keeps the weights of the window's last date throughout. Names without a full window are left out and
    the weights of the rest scaled to sum to 1.

    Parameters
    ----------
    returns : array (T, N)
        Simple daily returns, decimals, NaN where unknown.
    weights : array (T, N)
        Basket weights usable on their date; 0 = not in the basket.
    window : int or array (T,) of int on the host
        Sessions in the window; an array gives each date its own (`sessions_in_month`), too short ones giving NaN.
    index_returns : array (T,) or None
        Returns of the index itself: to be given wherever the implied correlation beside takes the index's volatility.
        None measures the basket, which is what its members' returns add up to; it is the index only where it holds all
        of it. `basket_realized` chooses for the baskets of a market.
    demean : bool
        False = variance-swap convention. True = sample standard deviations.
    sessions_per_year : float
        Annualisation; cancels in the correlations.
    min_coverage : float
        As for `implied_correlation`.
    component_vol : array (T, N) or None
        `realized_vol` of the returns by the same convention, where it is known already: it is that of every basket.

    Returns
    -------
    RealizedCorrelation
        Row t depends on nothing later than t.

    Raises
    ------
    InputError
        When every window is too short to measure, or the shapes do not belong together.

    Notes
    -----
    gs-quant's convention: ``window=sessions_in_month(dates)``, ``demean=True`` and ``index_returns``.

    Examples
    --------
    >>> r = np.array([[0.01, 0.01], [-0.02, 0.02], [0.03, 0.03]])
    >>> realized_correlation(r, np.full((3, 2), 0.5), window=3).clean.round(6).tolist()
    [nan, nan, 0.428571]
    """
    xp = namespace(returns, weights, index_returns)
    check_returns(returns, weights)
    sessions = _sessions(window, len(returns), at_least=1 + demean)
    vol = _realized_vol(returns, sessions, demean, sessions_per_year) if component_vol is None else component_vol
    if index_returns is None:
        index_vol = _basket_vol(returns, weights, vol, sessions, demean, sessions_per_year)
    else:
        index_vol = _realized_vol(index_returns[:, None], sessions, demean, sessions_per_year)[:, 0]
    rho = implied_correlation(index_vol, vol, weights, min_coverage=min_coverage, zero_counts=True)
    return RealizedCorrelation(
        clean=rho.clean,
        dirty=rho.dirty,
        variance_ratio=rho.variance_ratio,
        component_vol=vol,
        index_vol=xp.where(rho.names > 0, index_vol, xp.nan) if index_returns is None else index_vol,
        status=rho.status,
        coverage=rho.coverage,
        names=rho.names,
    )


def forward_realized_correlation(
    returns: PerName, weights: Weights, window: int = 63, **convention: Any
) -> RealizedCorrelation:
    """Realised correlation over the `window` sessions **after** each date, with the basket of that date.

    Not tradable: row t is known on t + window. For judging a premium afterwards, never for a signal.

    Examples
    --------
    >>> r = np.array([[0.05, 0.05], [0.01, 0.01], [-0.02, 0.02], [0.03, 0.03]])
    >>> forward_realized_correlation(r, np.full((4, 2), 0.5), window=3).clean.round(6).tolist()
    [0.428571, nan, nan, nan]
    """
    xp = namespace(returns, weights)
    unknown = xp.full((window, returns.shape[1]), xp.nan)
    for name, beyond in (("index_returns", unknown[:, 0]), ("component_vol", unknown)):
        if convention.get(name) is not None:
            convention[name] = xp.concatenate([convention[name], beyond])
    later = xp.concatenate([returns, unknown])
    held = xp.concatenate([xp.zeros((window, returns.shape[1])), weights])
    record = realized_correlation(later, held, window, **convention)
    return map_arrays(record, lambda array: array[window:])


def realized_vol(
    returns: PerName, window: int | Integers = 63, *, demean: bool = False, sessions_per_year: float = 252.0
) -> PerName:
    """Realised volatility of each name over the window ending on each date, (T, N), annualised decimals.

    Parameters as for `realized_correlation`; NaN without a full window.

    Examples
    --------
    >>> realized_vol(np.array([[0.01], [-0.02], [0.02]]), window=2).round(4).tolist()
    [[nan], [0.251], [0.3175]]
    """
    return _realized_vol(returns, _sessions(window, len(returns), 1 + demean), demean, sessions_per_year)


def _sessions(window, dates: int, at_least: int) -> np.ndarray:
    """Length of the window ending on each date, (T,) on the host."""
    sessions = np.broadcast_to(np.asarray(window), (dates,))
    if dates and sessions.max() < at_least:
        raise InputError(f"a window of {sessions.max()} session(s) measures nothing; use at least {at_least}")
    return sessions


def _realized_vol(returns, sessions, demean, sessions_per_year):
    """Annualised volatility of each column over the window ending on each date, (T, N)."""
    xp = namespace(returns)
    longest = int(sessions.max()) if len(sessions) else 0
    known = xp.concatenate([xp.full((max(longest - 1, 0), returns.shape[1]), xp.nan), returns])
    known = known if demean else known * known
    vol = xp.empty(returns.shape)
    for part in blocks(len(returns), 4 * 8 * returns.shape[1], block_budget(xp)):
        ago = [known[longest - 1 - u + part.start : longest - 1 - u + part.stop] for u in range(longest)]
        vol[part] = xp.sqrt(sessions_per_year * _variance(ago, sessions[part][:, None], demean))
    return vol


def _basket_vol(returns, weights, component_vol, sessions, demean, sessions_per_year):
    """Annualised volatility of the fixed-weight basket of names with a full window, (T,)."""
    xp = namespace(returns, weights)
    longest = int(sessions.max()) if len(sessions) else 0
    vol = xp.zeros(len(returns))
    if longest == 0:
        return vol
    held = xp.where(xp.isfinite(component_vol), weights, 0.0).T
    ever = where_any(held > 0.0)
    held, known = xp.ascontiguousarray(held[ever]), xp.where(xp.isfinite(returns), returns, 0.0).T[ever]
    known = xp.concatenate([xp.zeros((len(ever), longest - 1)), known], axis=1)  # no unknown return is ever held
    windows = xp.lib.stride_tricks.sliding_window_view(known, longest, axis=1)  # (N, T, longest)
    budget = min(block_budget(xp), _BASKET_BYTES) if xp is np else block_budget(xp)
    for part in blocks(len(returns), 4 * 8 * longest, budget):
        (basket, moved), total = xp.zeros((2, part.stop - part.start, longest)), xp.zeros(part.stop - part.start)
        for n in where_any(held[:, part] > 0.0):  # one after the other: the sum has one order whatever the block
            basket += xp.multiply(held[n, part, None], windows[n, part], out=moved)
            total += held[n, part]
        basket = basket if demean else basket * basket
        ago = [basket[:, longest - 1 - u] for u in range(longest)]
        variance = _variance(ago, sessions[part], demean)
        vol[part] = xp.sqrt(sessions_per_year * variance) / xp.where(total > 0.0, total, 1.0)
    return vol


def _variance(ago, sessions, demean):
    """Variance per session of the returns `ago[u]`, u sessions back, or of their squares where it is not de-meaned."""
    xp = namespace(ago[0])
    least = int(sessions.min()) if len(sessions) else 0
    sessions = xp.asarray(sessions)

    def total(change):
        added = xp.zeros(ago[0].shape)
        for u, moved in enumerate(ago):
            added += change(moved) if u < least else xp.where(u < sessions, change(moved), 0.0)
        return added

    if not demean:
        return total(lambda square: square) / xp.where(sessions > 0, sessions, xp.nan)
    average = total(lambda moved: moved) / xp.where(sessions > 0, sessions, xp.nan)
    spread = total(lambda moved: (moved - average) ** 2)
    moves = varies(spread, total(lambda moved: moved * moved)) | xp.isnan(spread)
    return xp.where(moves, spread, 0.0) / xp.where(sessions > 1, sessions - 1, xp.nan)
