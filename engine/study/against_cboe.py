"""Our implied correlation beside the indices Cboe publishes. Nothing is fitted to them."""

from dataclasses import replace

import numpy as np
import polars as pl

from engine.backend import namespace, to_host
from engine.command.markets import market_source, open_market
from engine.correlation import ImpliedCorrelation, TopWeights, implied_correlation, index_name
from engine.data.panel import MarketPanel
from engine.data.records import QuoteStatus
from engine.data.series.daily import DailySeries
from engine.statistics import varies

# Cboe index -> tenor in calendar days; each is the 50-delta correlation of the 50 largest S&P 500 members.
TENORS = {"COR1M": 30, "COR3M": 91, "COR6M": 182, "COR1Y": 365}
DELTA = 50
AGREEMENT = ("mean_abs_difference", "difference", "correlation", "correlation_of_changes")
COMPARED = {
    "index": pl.String,
    "tenor": pl.Int64,
    "dates": pl.Int64,
    "not_computed": pl.Int64,
    **dict.fromkeys(("measured", "published", "mean_abs_error", "bias"), pl.Float64),
    **dict.fromkeys(("correlation", "correlation_of_changes", "names", "least_coverage"), pl.Float64),
}


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
    source, tables, compared = market_source(config), {}, []
    if published is not None:
        compared.append(against_published(market, published, min_coverage))
    whole = config | {"backend": "numpy", "start": None, "end": None}
    for index in source.other_index_legs():
        leg, _ = open_market(whole | {"market": config["market"] | {"index": index, "members": False}})
        other = with_members(leg, open_market(whole)[0])
        if published is not None:
            compared.append(against_published(other, published, min_coverage))
        beside = beside_other_leg(market, other)
        if beside.height:
            tables[f"{index} beside {market.info.index} as index leg, points"] = beside
    if compared and (table := pl.concat(compared)).height:
        tables = {"Against the published Cboe indices, points": table} | tables
    return tables


def with_members(leg: MarketPanel, market: MarketPanel) -> MarketPanel:
    """Give an index leg that was built alone the members' volatilities of a market whose dates include its own."""
    rows = np.searchsorted(market.dates, leg.dates)
    members = {name: getattr(market, name)[rows] for name in ("component_iv", "component_status")}
    return replace(leg, **members, validate=False)


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
        correlation of the daily levels and of their changes from one session to the next, names (mean) and
        least_coverage as a fraction.

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
        measured, coverage, names = (to_host(a)[cell] for a in (rho.clean, rho.coverage, rho.names))
        measured = 100.0 * measured
        known = np.isfinite(measured)
        found = _agreement(measured[known], theirs[common][known], common[known])
        rows.append(
            {
                "index": index,
                "tenor": tenor,
                "dates": int(known.sum()),
                "not_computed": int((~known).sum()),
                "measured": found.get("first"),
                "published": found.get("second"),
                "mean_abs_error": found.get("mean_abs_difference"),
                "bias": found.get("difference"),
                "correlation": found.get("correlation"),
                "correlation_of_changes": found.get("correlation_of_changes"),
                "names": float(names[known].mean()) if known.any() else None,
                "least_coverage": float(coverage[known].min()) if known.any() else None,
            }
        )
    return pl.DataFrame(rows, schema=COMPARED)


def against_published(market: MarketPanel, published: DailySeries, min_coverage: float = 0.8) -> pl.DataFrame:
    """Compare with the published indices twice: on the 50 largest members present, and on the true 50 largest.

    Parameters
    ----------
    market : MarketPanel
    published : DailySeries
        As for `compare_with_published`.
    min_coverage : float
        As for `implied_correlation`.

    Returns
    -------
    frame
        As from `compare_with_published`, with first columns index_leg and basket.
    """
    tables = []
    for label, weights in _baskets(market).items():
        rho = implied_correlation(
            market.index_iv,
            market.component_iv,
            weights,
            min_coverage=min_coverage,
            budget=market.window_bytes,
        )
        table = compare_with_published(market, rho, published)
        named = {"index_leg": market.info.index, "basket": label}
        tables.append(table.select(*(pl.lit(text).alias(name) for name, text in named.items()), pl.all()))
    return pl.concat(tables)


def _baskets(market: MarketPanel) -> dict:
    """Return basket weights (T, N) of the 50 largest members with any quote on the date, and of the 50 largest."""
    quoted = (market.component_status != int(QuoteStatus.NO_QUOTE)).any(axis=(2, 3))
    xp = namespace(market.weights)
    present = xp.where(xp.asarray(quoted), market.weights, 0.0)
    largest = {"50 largest present": present, "true 50, those present": market.weights}
    return {label: TopWeights(50).select(weights, market.names) for label, weights in largest.items()}


def beside_other_leg(market: MarketPanel, other: MarketPanel) -> pl.DataFrame:
    """Compare implied correlation from two index legs, on their common dates and the baskets of `against_published`.

    Parameters
    ----------
    market, other : MarketPanel
        The same members against one index leg and against another, such as a fund and the index itself.

    Returns
    -------
    frame
        basket, index, tenor, dates, not_computed, then in points the mean from each leg, mean_abs_difference and
        difference (the other leg less the first), and the correlations of the daily levels and of their changes; no
        row where no date is common.
    """
    d = int(np.flatnonzero(market.deltas == DELTA)[0])
    common, *rows_of = np.intersect1d(market.dates, other.dates, return_indices=True)
    panels = (market.to("numpy"), other)
    levels = []
    for panel, rows in zip(panels, rows_of, strict=True):
        cells = panel.index_iv[rows][..., d], panel.component_iv[rows][..., d]
        levels.append({n: 100.0 * implied_correlation(*cells, w[rows]).clean for n, w in _baskets(panel).items()})
    found = []
    for basket in levels[0]:
        for k, tenor in enumerate(market.tenors if len(common) else ()):
            fund, index = (level[basket][:, k] for level in levels)
            known = np.isfinite(fund) & np.isfinite(index)
            agreement = _agreement(index[known], fund[known], rows_of[0][known])
            found.append(
                {
                    "basket": basket,
                    "index": index_name(int(tenor)),
                    "tenor": int(tenor),
                    "dates": int(known.sum()),
                    "not_computed": int((~known).sum()),
                    market.info.index: agreement.pop("second", None),
                    other.info.index: agreement.pop("first", None),
                    **{name: agreement.get(name) for name in AGREEMENT},
                }
            )
    return pl.DataFrame(found)


def _agreement(first, second, sessions) -> dict:
    """Return how two series of levels on some sessions agree: means, differences (first less second), correlations."""
    if len(first) == 0:
        return {}
    apart = first - second
    following = np.diff(sessions) == 1
    return {
        "first": float(first.mean()),
        "second": float(second.mean()),
        "mean_abs_difference": float(np.abs(apart).mean()),
        "difference": float(apart.mean()),
        "correlation": _correlation(first, second),
        "correlation_of_changes": _correlation(np.diff(first)[following], np.diff(second)[following]),
    }


def _correlation(first, second) -> float | None:
    if len(first) < 2:
        return None
    moves = all(varies(((one - one.mean()) ** 2).sum(), (one * one).sum()) for one in (first, second))
    return float(np.corrcoef(first, second)[0, 1]) if moves else None
