"""Premia beside the levels: implied less realised, of the same names, weights and underlyings, tenor by tenor."""

import numpy as np
import polars as pl

from engine.backend import namespace
from engine.correlation import correlation_premium, realized_leg, variance_premium
from engine.study.levels import Levels, frame_of, middle_delta, usable


def premium_form(market, levels: Levels) -> pl.DataFrame:
    """Return premia per date, basket that has an index leg, and tenor, at the middle delta.

    Implied and realised correlation are of the same names, weights, formula and underlyings; the realised one is
    measured over the trailing sessions that the tenor holds, `window` of them.

    Returns
    -------
    frame
        window (null where the data allow none), realized_leg, implied, realized, correlation_premium (decimals),
        index_variance_premium, basket_variance_premium (annualised variance); null where either side is unknown.
    """
    d, xp = middle_delta(market), namespace(market.index_iv)
    frames = []
    for k, window in enumerate(levels.windows):
        component_iv = xp.ascontiguousarray(xp.asarray(market.component_iv[:, :, k, d]))  # each basket reads it
        for b, basket in enumerate(levels.baskets):
            if basket.leg is None or basket.index_iv is None:
                continue
            implied = usable(levels.rho, b)[:, k, d]
            columns = {"implied": implied} | _premia(
                implied,
                basket.index_iv[:, k, d],
                component_iv,
                basket.weights,
                None if window.sessions is None else levels.moved.get((basket.label, window.sessions)),
            )
            frames.append(
                frame_of(market, basket.label, columns).with_columns(
                    tenor=pl.lit(window.tenor, dtype=pl.Int32),
                    window=pl.lit(window.sessions, dtype=pl.Int32),
                    realized_leg=pl.lit(realized_leg(basket)),
                )
            )
    first = ["date", "basket", "tenor", "window", "realized_leg"]
    return pl.concat(frames).select(*first, pl.exclude(first))


def _premia(implied, index_iv, component_iv, weights, moved) -> dict:
    """Return a realised measure and the premia over it; NaN where nothing was measured."""
    if moved is None:
        names = ("realized", "correlation_premium", "index_variance_premium", "basket_variance_premium")
        return dict.fromkeys(names, namespace(implied).full(implied.shape, np.nan))
    variance = variance_premium(index_iv, component_iv, weights, moved)
    return {
        "realized": moved.clean,
        "correlation_premium": correlation_premium(implied, moved.clean),
        "index_variance_premium": variance.index,
        "basket_variance_premium": variance.basket,
    }


def premium_table(premium: pl.DataFrame, windows: list) -> pl.DataFrame:
    """Return one row per tenor: whose returns and how many sessions, of how many wanted, and the means x 100.

    Parameters
    ----------
    premium : frame
        As from `premium_form`, of one basket.
    windows : list (K,) of RealizedWindow
    """
    wanted = {window.tenor: window.wanted for window in windows}
    both = pl.col("correlation_premium").is_not_null()
    means = ("implied", "realized", "correlation_premium", "index_variance_premium", "basket_variance_premium")
    table = premium.group_by("tenor", maintain_order=True).agg(
        pl.col("realized_leg").first(),
        pl.col("window").first(),
        both.sum().alias("dates"),
        *(pl.col(name).filter(both).mean() * 100.0 for name in means),
    )
    wished = pl.col("tenor").replace_strict(wanted, return_dtype=pl.Int32).alias("wanted")
    return table.select("tenor", "realized_leg", "window", wished, pl.exclude("tenor", "realized_leg", "window"))
