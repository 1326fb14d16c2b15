"""Levels of correlation: implied and realised, of every basket, as records and as the rows a run keeps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from engine.backend import namespace, to_host
from engine.calendar import off_calendar
from engine.correlation import (
    CorrelationStatus,
    ImpliedCorrelation,
    RealizedCorrelation,
    basket_realized,
    correlate_baskets,
    market_returns,
    matched_window,
    realized_leg,
    sessions_in_a_row,
)
from engine.correlation.sectors import Chosen
from engine.study.band import with_band
from engine.study.tables import basket_table, indices_form, long_form, realized_form, skew_order
from engine.study.term import term_form, term_table

FRONT = 30  # days: the tenor that stands for the others where one is shown, or the nearest there is


@dataclass(frozen=True)
class RealizedWindow:
    """The sessions that realised correlation beside one tenor is measured over.

    Parameters
    ----------
    tenor : int
        Calendar days.
    wanted : int
        Sessions asked for, or those that the tenor holds.
    sessions : int or None
        Sessions used; None where the data allow too few to set beside the tenor.
    """

    tenor: int
    wanted: int
    sessions: int | None


def choose_windows(tenors, asked: int | None, longest: int) -> list[RealizedWindow]:
    """Choose the window beside each tenor: what is wanted, or the longest that the data allow where that is shorter.

    A tenor whose own sessions are more than twice the longest window has none: that would not be like with like.

    Parameters
    ----------
    tenors : sequence of int
    asked : int or None
        One window for all tenors, however short the data make it; None = matched to each tenor.
    longest : int
        Sessions with closes and no hole between them, at most, up to a date of the market. It is found on all dates, so
        later ones may lengthen a window: a table says which it has, and no strategy reads it.

    Examples
    --------
    >>> [window.sessions for window in choose_windows((30, 91, 182), None, longest=61)]
    [21, 61, None]
    >>> [window.sessions for window in choose_windows((30, 182), 63, longest=61)]
    [61, 61]
    """
    found = []
    for tenor in tenors:
        wanted = matched_window(int(tenor)) if asked is None else asked
        enough = longest >= 2 and (asked is not None or 2 * longest >= wanted)
        found.append(RealizedWindow(int(tenor), wanted, min(wanted, longest) if enough else None))
    return found


@dataclass(frozen=True, eq=False)
class Levels:
    """Implied and realised correlation of baskets on every date.

    Parameters
    ----------
    baskets : sequence (B,) of Chosen
    rho : ImpliedCorrelation
        Arrays (B, T, K, D).
    windows : list (K,) of RealizedWindow
    longest : int
        Sessions of the longest window that the data allow.
    moved : dict of (label, sessions) -> RealizedCorrelation
        Arrays (T,).
    implied, realized : frame
        Both as rows, decimals: one per basket, date, tenor and delta, and one per basket, window and date.
    term : frame or None
        As from `term_form`.
    """

    baskets: Sequence[Chosen]
    rho: ImpliedCorrelation
    windows: list[RealizedWindow]
    longest: int
    moved: dict[tuple[str, int], RealizedCorrelation]
    implied: pl.DataFrame
    realized: pl.DataFrame
    term: pl.DataFrame | None

    @property
    def front(self) -> int:
        """Return the realised window that stands for the others: the front tenor's, or the shortest measured."""
        nearest = min(self.windows, key=lambda window: abs(window.tenor - FRONT))
        return nearest.sessions or min(sessions for _, sessions in self.moved)

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return the files of a run by name: correlation, indices (what has an index's name), realized and term."""
        found = {"correlation": self.implied, "indices": indices_form(self.implied), "realized": self.realized}
        return found if self.term is None else found | {"term": self.term}

    def measured(self) -> pl.DataFrame:
        """Return the implied rows of the baskets that have an index leg."""
        return self.implied.filter(pl.col("status") != "no_index_leg")

    def in_front(self) -> pl.DataFrame:
        """Return the realised rows of the window that stands for the others."""
        return self.realized.filter(pl.col("window") == self.front)

    def tables(self, market) -> dict[str, pl.DataFrame]:
        """Return what stands beside the levels, by heading: baskets, term structure, order of the indices by delta."""
        found = {}
        if len(self.baskets) > 1:
            found["Baskets"] = basket_table(self.baskets, self.in_front())
        if self.term is not None:
            found["Term structure at 50 delta, on each tenor's names and common to all"] = term_table(self.term)
        if (order := skew_order(self.rho, market)) is not None:
            found[f"Order of the 3-month indices by delta, {self.baskets[0].label}"] = order
        return found

    def told_windows(self) -> dict[str, dict]:
        """Return for the manifest, by tenor, the sessions wanted and those that realised measures have."""
        return {str(w.tenor): {"wanted": w.wanted, "measured": w.sessions} for w in self.windows}


def measure_levels(market, baskets: Sequence[Chosen], min_coverage: float, window: int | None = None) -> Levels:
    """Measure the correlation of all baskets at once.

    Parameters
    ----------
    market : MarketPanel
    baskets : sequence of Chosen
    min_coverage : float
        Least share of a basket's weight that must be quoted.
    window : int or None
        Sessions of realised correlation; None = those that each tenor holds.
    """
    rho = correlate_baskets(baskets, market.component_iv, min_coverage=min_coverage, budget=market.window_bytes)
    returns = market_returns(market)
    longest = int(sessions_in_a_row(returns).max())
    windows = choose_windows(market.tenors, window, longest)
    # Where no window can be measured its rows are there all the same, null and with their status.
    sessions = sorted({w.sessions for w in windows if w.sessions is not None}) or [min(w.wanted for w in windows)]
    moved = {
        (basket.label, n): basket_realized(returns, basket, n, min_coverage=min_coverage)
        for basket in baskets
        for n in sessions
    }
    rho = _off_calendar_told(market, rho)
    moved = {key: _off_calendar_told(market, record) for key, record in moved.items()}
    legs = {basket.label: realized_leg(basket) for basket in baskets}
    implied = with_band(long_form(market, rho, [basket.label for basket in baskets]), market, baskets, min_coverage)
    realized = pl.concat(realized_form(market, record, label, n, legs[label]) for (label, n), record in moved.items())
    term = term_form(market, rho, baskets, min_coverage)
    return Levels(baskets, rho, windows, longest, moved, implied, realized, term)


def _off_calendar_told(market, record):
    """Return a record of correlations whose values that would be ok say so where the date is no session."""
    off = off_calendar(market.dates, market.info.calendar)
    if not off.any():
        return record
    xp = namespace(record.status)
    told = xp.asarray(off if record.status.ndim == 1 else off[:, None, None])
    told = told & (record.status == int(CorrelationStatus.OK))
    return replace(record, status=xp.where(told, xp.uint8(CorrelationStatus.OFF_CALENDAR), record.status))


def middle_delta(market) -> int:
    """Return the position of the delta nearest the middle."""
    return int(np.abs(market.deltas - 50).argmin())


def usable(rho, b: int):
    """Clean correlation of a basket, NaN where coverage is too thin, or quotes too old, to read anything from it."""
    xp, status = namespace(rho.clean), rho.status[b]
    unusable = (status == int(CorrelationStatus.THIN_COVERAGE)) | (status == int(CorrelationStatus.OFF_CALENDAR))
    return xp.where(unusable, xp.nan, rho.clean[b])


def frame_of(market, label: str, columns: dict) -> pl.DataFrame:
    """Return columns (T,) as rows of a basket, one per date, null for NaN."""
    values = {name: to_host(array).astype(np.float64) for name, array in columns.items()}
    basket = pl.Series([label]).new_from_index(0, len(market))
    return pl.DataFrame({"date": market.dates, "basket": basket, **values}).with_columns(
        pl.selectors.float().fill_nan(None)
    )
