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
    members = _at_delta(market, middle)
    frames = []
    for b, basket in measured:
        own = {name: to_host(array[b][..., middle]) for name, array in vars(levels).items()}
        common = _on_common_names(basket, members, own["clean"], middle)
        frames.append(_rows(market, basket.label, own, common, min_coverage))
    return pl.concat(frames)


def _at_delta(market, d: int):
    """Return the members' volatilities (T, N, K) at one delta, where the rest of the panel is.

    A copy: in the panel they lie so far apart that each reading of them takes as long as one of all deltas.
    """
    xp = namespace(market.index_iv)
    return xp.ascontiguousarray(xp.asarray(market.component_iv[..., d]))


def _on_common_names(basket, members, clean, d: int) -> dict:
    """Measure a basket on the names quoted at every tenor that can be measured that day, host arrays.

    Parameters
    ----------
    clean : array (T, K), on the host
        Correlation of the basket on all its names: NaN where a tenor cannot be measured.

    Returns
    -------
    dict
        clean, status (T, K); names, coverage (T,).
    """
    xp = namespace(members)
    computable = xp.isfinite(xp.asarray(clean))
    common = (xp.isfinite(members) | ~computable[:, None]).all(axis=2) & computable.any(axis=1)[:, None]
    weights = xp.where(common, basket.weights, 0.0)
    found = implied_correlation(basket.index_iv[..., d], members, weights)
    return {
        "clean": to_host(xp.where(computable, found.clean, xp.nan)),
        "status": to_host(found.status),
        "names": to_host((weights > 0.0).sum(axis=1)),
        "coverage": to_host(weights.sum(axis=1) * (basket.share if basket.of_sector else 1.0)),
    }


def _rows(market, label: str, own: dict, common: dict, min_coverage: float) -> pl.DataFrame:
    """Put what was measured on a basket's own names and on the common ones side by side, a row per date and tenor."""
    clean = common["clean"]
    coverage = np.broadcast_to(common["coverage"][:, None], clean.shape)
    names = np.broadcast_to(common["names"][:, None], clean.shape)
    thin = np.isfinite(clean) & (coverage < min_coverage)
    status = np.where(thin, int(CorrelationStatus.THIN_COVERAGE), common["status"])
    status = np.where(np.isfinite(own["clean"]), status, own["status"])
    texts = np.array([status.text for status in CorrelationStatus])
    tenors = len(market.tenors)
    return pl.DataFrame(
        {
            "date": np.repeat(market.dates, tenors),
            "basket": pl.Series([label]).new_from_index(0, len(market) * tenors),
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
