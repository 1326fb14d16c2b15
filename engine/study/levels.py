"""Levels of correlation: implied and realised, of every basket, as records and as the rows a run keeps."""

from dataclasses import dataclass, replace

import polars as pl

from engine.backend import namespace
from engine.calendar import off_calendar
from engine.correlation import (
    CorrelationStatus,
    ImpliedCorrelation,
    RealizedCorrelation,
    correlate_baskets,
    daily_returns,
    realized_correlation,
)
from engine.study.tables import basket_table, indices_form, long_form, realized_form, skew_order
from engine.study.term import term_form, term_table


@dataclass(frozen=True, eq=False)
class Levels:
    """Implied and realised correlation of baskets on every date.

    Parameters
    ----------
    baskets : list (B,) of Chosen
    rho : ImpliedCorrelation
        Arrays (B, T, K, D).
    moved : dict of label -> RealizedCorrelation
        Arrays (T,).
    implied, realized : frame
        Both as rows, decimals: one per basket, date, tenor and delta, and one per basket and date.
    term : frame or None
        As from `term_form`.
    """

    baskets: list
    rho: ImpliedCorrelation
    moved: dict[str, RealizedCorrelation]
    implied: pl.DataFrame
    realized: pl.DataFrame
    term: pl.DataFrame | None

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return the files of a run by name: correlation, indices (what has an index's name), realized and term."""
        found = {"correlation": self.implied, "indices": indices_form(self.implied), "realized": self.realized}
        return found if self.term is None else found | {"term": self.term}

    def measured(self) -> pl.DataFrame:
        """Return the implied rows of the baskets that have an index leg."""
        return self.implied.filter(pl.col("status") != "no_index_leg")

    def tables(self, market) -> dict[str, pl.DataFrame]:
        """Return what stands beside the levels, by heading: baskets, term structure, order of the indices by delta."""
        found = {}
        if len(self.baskets) > 1:
            found["Baskets"] = basket_table(self.baskets, self.realized)
        if self.term is not None:
            found["Term structure at 50 delta, on each tenor's names and common to all"] = term_table(self.term)
        if (order := skew_order(self.rho, market)) is not None:
            found[f"Order of the 3-month indices by delta, {self.baskets[0].label}"] = order
        return found


def measure_levels(market, baskets: list, min_coverage: float, window: int) -> Levels:
    """Measure the correlation of all baskets at once.

    Parameters
    ----------
    market : MarketPanel
    baskets : list of Chosen
    min_coverage : float
        Least share of a basket's weight that must be quoted.
    window : int
        Sessions of realised correlation.
    """
    rho = correlate_baskets(baskets, market.component_iv, min_coverage=min_coverage, budget=market.window_bytes)
    returns = daily_returns(market.spot, market.return_factor, market.dates)
    moved = {basket.label: realized_correlation(returns, basket.weights, window=window) for basket in baskets}
    rho, *flagged = (_off_calendar_told(market, record) for record in (rho, *moved.values()))
    moved = dict(zip(moved, flagged, strict=True))
    implied = long_form(market, rho, [basket.label for basket in baskets])
    realized = pl.concat(realized_form(market, record, label) for label, record in moved.items())
    term = term_form(market, rho, baskets, min_coverage)
    return Levels(baskets, rho, moved, implied, realized, term)


def _off_calendar_told(market, record):
    """Return a record of correlations whose values that would be ok say so where the date is no session."""
    off = off_calendar(market.dates, market.info.calendar)
    if not off.any():
        return record
    xp = namespace(record.status)
    told = xp.asarray(off if record.status.ndim == 1 else off[:, None, None])
    told = told & (record.status == CorrelationStatus.OK)
    return replace(record, status=xp.where(told, xp.uint8(CorrelationStatus.OFF_CALENDAR), record.status))
