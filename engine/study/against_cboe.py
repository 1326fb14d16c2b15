"""Our implied correlation beside the indices Cboe publishes. Nothing is fitted to them."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from engine.backend import to_host
from engine.command.markets import market_source, open_market
from engine.correlation import ImpliedCorrelation, Names, TopWeights, implied_correlation, index_name
from engine.data.panel import MarketPanel
from engine.data.series.daily import DailySeries
from engine.statistics import varies

# Cboe index -> tenor in calendar days; each is the 50-delta correlation of the 50 largest S&P 500 members.
TENORS = {"COR1M": 30, "COR3M": 91, "COR6M": 182, "COR1Y": 365}
DELTA = 50


def published_tables(config: dict, market: MarketPanel, published: DailySeries | None, min_coverage: float) -> dict:
    """Return tables against the published indices, and of every other index leg the market's files hold.

    Parameters
    ----------
    config : dict
        Resolved configuration of the market.
    market : MarketPanel
    published : DailySeries or None
        As the market's source gives it.
    min_coverage : float
        As for `implied_correlation`.

    Returns
    -------
    dict of heading -> frame
        Empty where the source offers neither.
    """
    source, tables = market_source(config), {}
    if published is not None:
        largest = source.largest_members(market.dates[0])
        compared = against_published(market, largest, published, min_coverage)
        tables["Against the published Cboe indices, points"] = compared
    for index in source.other_index_legs():
        whole = {"backend": "numpy", "start": None, "end": None, "market": config["market"] | {"index": index}}
        other, _ = open_market(config | whole)
        beside = beside_other_leg(market, other)
        if beside.height:
            tables[f"{index} beside {market.info.index} as index leg, 50 largest present, points"] = beside
    return tables


def compare_with_published(panel: MarketPanel, rho: ImpliedCorrelation, published: DailySeries) -> pl.DataFrame:
    """Compare implied correlation at 50 delta with the published indices, on every common date.

    Parameters
    ----------
    panel : MarketPanel
        Whose dates, tenors and deltas the record has.
    rho : ImpliedCorrelation of arrays (T, K, D)
    published : DailySeries
        Published values in points (100 x correlation), one series per index.

    Returns
    -------
    frame
        One row per index with a common date: index, tenor (days), dates (compared), not_computed (common dates
        without a value of ours), and in points measured, published (means), mean_abs_error, bias (ours less theirs);
        correlation of the daily levels, and least_coverage as a fraction.

    References
    ----------
    Cboe S&P 500 Implied Correlation Indices (COR1M ... COR1Y), daily closes.
    """
    d = int(np.flatnonzero(panel.deltas == DELTA)[0])
    rows = []
    for index, tenor in TENORS.items():
        if index not in published.names or tenor not in panel.tenors:
            continue
        theirs = published.on(panel.dates, index)
        common = np.flatnonzero(np.isfinite(theirs))
        if len(common) == 0:
            continue
        cell = (common, int(np.flatnonzero(panel.tenors == tenor)[0]), d)
        measured, coverage = 100.0 * to_host(rho.clean)[cell], to_host(rho.coverage)[cell]
        known = np.isfinite(measured)
        found = _agreement(measured[known], theirs[common][known])
        rows.append(
            {
                "index": index,
                "tenor": tenor,
                "dates": int(known.sum()),
                "not_computed": int((~known).sum()),
                "measured": found["first"],
                "published": found["second"],
                "mean_abs_error": found["mean_abs_difference"],
                "bias": found["difference"],
                "correlation": found["correlation"],
                "least_coverage": float(coverage[known].min()) if known.any() else None,
            }
        )
    return pl.DataFrame(rows)


def against_published(
    market: MarketPanel, largest: Sequence[str], published: DailySeries, min_coverage: float = 0.8
) -> pl.DataFrame:
    """Compare with the published indices twice: on the 50 largest members present, and on the true 50 largest present.

    Parameters
    ----------
    market : MarketPanel
    largest : sequence of str
        The 50 largest members of the index, in the panel or not.
    published : DailySeries
        As for `compare_with_published`.
    min_coverage : float
        As for `implied_correlation`.

    Returns
    -------
    frame
        As from `compare_with_published`, with a first column basket.
    """
    true = [name for name in largest if name in market.names]
    tables = []
    for label, basket in (("50 largest present", TopWeights(50)), ("true 50 present", Names(tuple(true)))):
        weights = basket.select(market.weights, market.names)
        rho = implied_correlation(
            market.index_iv,
            market.component_iv,
            weights,
            min_coverage=min_coverage,
            budget=market.window_bytes,
        )
        table = compare_with_published(market, rho, published)
        names = int(to_host((weights > 0.0).sum(axis=1)).max()) if len(weights) else 0
        tables.append(table.select(pl.lit(f"{label} ({names})").alias("basket"), *table.columns))
    return pl.concat(tables)


def beside_other_leg(market: MarketPanel, other: MarketPanel) -> pl.DataFrame:
    """Compare the implied correlation of the 50 largest members present from two index legs, on their common dates.

    Parameters
    ----------
    market, other : MarketPanel
        The same members against one index leg and against another, such as a fund and the index itself.

    Returns
    -------
    frame
        index, tenor, dates, not_computed, then in points the mean from each leg, mean_abs_difference and difference
        (the other leg less the first), and the correlation of the daily levels; no row where no date is common.
    """
    d = int(np.flatnonzero(market.deltas == DELTA)[0])
    common, *rows_of = np.intersect1d(market.dates, other.dates, return_indices=True)
    levels = []
    for panel, rows in zip((market.to("numpy"), other), rows_of, strict=True):
        weights = TopWeights(50).select(panel.weights[rows], panel.names)
        rho = implied_correlation(panel.index_iv[rows][..., d], panel.component_iv[rows][..., d], weights)
        levels.append(100.0 * rho.clean)
    rows = []
    for k, tenor in enumerate(market.tenors if len(common) else ()):
        fund, index = (level[:, k] for level in levels)
        known = np.isfinite(fund) & np.isfinite(index)
        found = _agreement(index[known], fund[known])
        rows.append(
            {
                "index": index_name(int(tenor)),
                "tenor": int(tenor),
                "dates": int(known.sum()),
                "not_computed": int((~known).sum()),
                market.info.index: found["second"],
                other.info.index: found["first"],
                "mean_abs_difference": found["mean_abs_difference"],
                "difference": found["difference"],
                "correlation": found["correlation"],
            }
        )
    return pl.DataFrame(rows)


def _agreement(first, second) -> dict:
    """Return how two series of levels agree: their means, the mean of |first - second| and of first - second."""
    if len(first) == 0:
        return dict.fromkeys(("first", "second", "mean_abs_difference", "difference", "correlation"))
    apart = first - second
    moves = all(varies(((one - one.mean()) ** 2).sum(), (one * one).sum()) for one in (first, second))
    return {
        "first": float(first.mean()),
        "second": float(second.mean()),
        "mean_abs_difference": float(np.abs(apart).mean()),
        "difference": float(apart.mean()),
        "correlation": float(np.corrcoef(first, second)[0, 1]) if moves else None,
    }
