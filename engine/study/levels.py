"""Levels of correlation: implied and realised, of every basket, as records and as the rows a run keeps."""

from dataclasses import dataclass

import polars as pl

from engine.correlation import (
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
            found["Term structure at 50 delta, on each tenor's names and on those common to all"] = term_table(
                self.term
            )
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
    implied = long_form(market, rho, [basket.label for basket in baskets])
    realized = pl.concat(realized_form(market, record, label) for label, record in moved.items())
    term = term_form(market, rho, baskets, min_coverage)
    return Levels(baskets, rho, moved, implied, realized, term)
