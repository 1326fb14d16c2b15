"""Our implied correlation beside the indices Cboe publishes. Nothing is fitted to them."""

import numpy as np
import polars as pl

from engine.backend import to_host

# Cboe index -> tenor in calendar days; each is the 50-delta correlation of the 50 largest S&P 500 members.
TENORS = {"COR1M": 30, "COR3M": 91, "COR6M": 182, "COR1Y": 365}
DELTA = 50


def compare_with_published(panel, rho, indices: pl.DataFrame) -> pl.DataFrame:
    """Compare implied correlation at 50 delta with the published indices, on every common date.

    Parameters
    ----------
    panel : MarketPanel
        Whose dates, tenors and deltas the record has.
    rho : ImpliedCorrelation of arrays (T, K, D)
    indices : frame
        date, index, close; published values in points (100 x correlation).

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
        quoted = indices.filter((pl.col("index") == index) & pl.col("close").is_not_null()).sort("date")
        common, ours, theirs = np.intersect1d(
            panel.dates, quoted["date"].to_numpy().astype("datetime64[D]"), return_indices=True
        )
        if tenor not in panel.tenors or len(common) == 0:
            continue
        cell = (ours, int(np.flatnonzero(panel.tenors == tenor)[0]), d)
        measured, coverage = 100.0 * to_host(rho.clean)[cell], to_host(rho.coverage)[cell]
        known = np.isfinite(measured)
        measured, published = measured[known], quoted["close"].to_numpy()[theirs][known]
        rows.append(
            {
                "index": index,
                "tenor": tenor,
                "dates": len(measured),
                "not_computed": len(common) - len(measured),
                **_agreement(measured, published),
                "least_coverage": float(coverage[known].min()) if known.any() else None,
            }
        )
    return pl.DataFrame(rows)


def _agreement(measured, published) -> dict:
    if len(measured) == 0:
        return dict.fromkeys(("measured", "published", "mean_abs_error", "bias", "correlation"))
    error = measured - published
    moves = len(error) > 1 and measured.std() > 0.0 and published.std() > 0.0
    return {
        "measured": float(measured.mean()),
        "published": float(published.mean()),
        "mean_abs_error": float(np.abs(error).mean()),
        "bias": float(error.mean()),
        "correlation": float(np.corrcoef(measured, published)[0, 1]) if moves else None,
    }
