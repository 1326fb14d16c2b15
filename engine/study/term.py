"""Implied correlation along the tenors twice: on the names quoted at each tenor, and on those quoted at all of them."""

import numpy as np
import polars as pl

from engine.backend import namespace, to_host
from engine.correlation import CorrelationStatus, implied_correlation

MIDDLE = 50  # the delta at which tenors are compared


def term_form(market, levels, chosen, min_coverage: float) -> pl.DataFrame | None:
    """Return the term structure at 50 delta per date and basket that has an index leg, decimals, null where unknown.

    Long-dated options are not listed on every member, so the tenors of one date may be measured on different names:
    a difference between them is then one of baskets too.

    Parameters
    ----------
    market : MarketPanel
    levels : ImpliedCorrelation of arrays (B, T, K, D)
    chosen : sequence (B,) of Chosen
    min_coverage : float
        Share of a basket's weight that the common names must hold for `common_status` to be ok.

    Returns
    -------
    frame or None
        date, basket, tenor, implied_correlation, names, coverage, status; and of the names quoted at every tenor that
        can be measured that day common_correlation, common_names, common_coverage, common_status. None where the
        surface has one tenor only, or not this delta, or no basket has an index leg.
    """
    at = np.flatnonzero(market.deltas == MIDDLE)
    measured = [(b, basket) for b, basket in enumerate(chosen) if basket.leg is not None]
    if len(at) == 0 or len(market.tenors) < 2 or not measured:
        return None
    middle = int(at[0])
    xp = namespace(market.index_iv)
    members = xp.asarray(market.component_iv[..., middle])
    return pl.concat(
        _of_basket(market, vars(levels), b, basket, members, middle, min_coverage) for b, basket in measured
    )


def _of_basket(market, levels, b: int, basket, members, middle: int, min_coverage: float) -> pl.DataFrame:
    xp = namespace(market.index_iv)
    index = basket.index_iv[..., middle]
    own = {name: to_host(array[b][..., middle]) for name, array in levels.items()}
    computable = xp.asarray(np.isfinite(own["clean"]))
    common = (xp.isfinite(members) | ~computable[:, None]).all(axis=2)
    weights = xp.where(common, basket.weights, 0.0)
    coverage = weights.sum(axis=1) * (basket.share if basket.of_sector else 1.0)
    found = implied_correlation(index, members, weights)
    clean = to_host(xp.where(computable, found.clean, xp.nan))
    coverage = np.broadcast_to(to_host(coverage)[:, None], clean.shape)
    names = np.broadcast_to(to_host((weights > 0.0).sum(axis=1))[:, None], clean.shape)
    status = np.where(
        np.isfinite(clean) & (coverage < min_coverage), int(CorrelationStatus.THIN_COVERAGE), to_host(found.status)
    )
    status = np.where(np.isfinite(own["clean"]), status, own["status"])
    texts = np.array([status.text for status in CorrelationStatus])
    tenors = len(market.tenors)
    return pl.DataFrame(
        {
            "date": np.repeat(market.dates, tenors),
            "basket": pl.Series([basket.label]).new_from_index(0, len(market) * tenors),
            "tenor": np.tile(market.tenors.astype(np.int32), len(market)),
            "implied_correlation": own["clean"].ravel(),
            "names": own["names"].ravel(),
            "coverage": own["coverage"].ravel(),
            "status": texts[own["status"].ravel()],
            "common_correlation": clean.ravel(),
            "common_names": names.ravel().astype(np.int32),
            "common_coverage": coverage.ravel(),
            "common_status": texts[status.ravel()],
        }
    ).with_columns(pl.col("implied_correlation", "common_correlation").fill_nan(None))


def term_table(term: pl.DataFrame) -> pl.DataFrame:
    """Return means per basket and tenor over the dates on which it can be measured, own and common names side by side.

    Parameters
    ----------
    term : frame
        As from `term_form`.
    """
    means = ("implied_correlation", "names", "coverage", "common_correlation", "common_names", "common_coverage")
    known = term.filter(pl.col("implied_correlation").is_not_null())
    return known.group_by("basket", "tenor", maintain_order=True).agg(pl.len().alias("dates"), pl.col(means).mean())
