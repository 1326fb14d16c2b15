"""VIX, VIXEQ and DSPX from the quotes of a market, by the published rules, beside the published values."""

import numpy as np
import polars as pl

from engine.backend import to_host
from engine.correlation import (
    DSPX_TERMS,
    VIX_TERMS,
    choose_terms,
    dispersion_measures,
    thirty_day_vol,
)
from engine.correlation.dispersion import DispersionStatus
from engine.data.quotes.quoted_strips import QuotedStrips
from engine.data.series.daily import DailySeries

PUBLISHED = {"index_vol": "VIX", "member_vol": "VIXEQ", "dispersion_vol": "DSPX"}


def thirty_day_vols(strips: QuotedStrips) -> np.ndarray:
    """Return the 30-day volatility (T, A) of every asset by the published rules, annualised decimals.

    The terms of VIX, 24 to 30 and 31 to 37 days, where an asset lists weekly expiries; else those of DSPX, 10 to 30 and
    31 to 120 days, third Fridays before others.
    """
    known = np.where(strips.variance > 0.0, strips.days, np.nan)
    weekly = choose_terms(np.where(strips.standard, known, np.nan), strips.standard, *VIX_TERMS)
    monthly = choose_terms(known, strips.monthly, *DSPX_TERMS)
    by_vix, by_dspx = (thirty_day_vol(strips.variance, strips.years, chosen) for chosen in (weekly, monthly))
    return np.where(np.isfinite(by_vix), by_vix, by_dspx)


def strips_form(market, strips: QuotedStrips, weights, min_coverage: float) -> pl.DataFrame:
    """Return what strips say of the index and its members per date: what is VIX, VIXEQ and DSPX of the market's own.

    Parameters
    ----------
    market : MarketPanel
    strips : QuotedStrips
        Of the index and of names; those without strips count as not quoted.
    weights : array (T, N)
    min_coverage : float
        Least share of the weight whose names must have a volatility.

    Returns
    -------
    frame
        date, tenor (30 by the published rules, and the market's other tenors by interpolation of expiries), index_vol,
        member_vol, dispersion_vol (decimals, null where not computable), coverage, status.
    """
    place = {asset: a for a, asset in enumerate(strips.assets)}
    row = {date: t for t, date in enumerate(strips.dates)}
    wanted = [market.info.index, *market.names.tolist()]
    column = np.array([place.get(asset, -1) for asset in wanted])
    session = np.array([row.get(date, -1) for date in market.dates])
    tenors = [int(tenor) for tenor in market.tenors if tenor != 30]
    each = np.concatenate([thirty_day_vols(strips)[..., None], strips.at_tenors(tenors)], axis=-1)
    there = (session >= 0)[:, None, None] & (column >= 0)[:, None]
    vols = np.where(there, each[session][:, column], np.nan)
    texts = np.array([status.name.lower() for status in DispersionStatus])
    frames = []
    for k, tenor in enumerate([30, *tenors]):
        index, members = vols[:, 0, k], vols[:, 1:, k]
        found = dispersion_measures(index, members, to_host(weights), min_coverage=min_coverage)
        frames.append(
            pl.DataFrame(
                {
                    "date": market.dates,
                    "tenor": np.full(len(market), tenor, np.int32),
                    "index_vol": index,
                    "member_vol": found.member_vol,
                    "dispersion_vol": found.dispersion_vol,
                    "coverage": found.coverage,
                    "status": texts[found.status],
                }
            )
        )
    return pl.concat(frames).with_columns(pl.selectors.float().fill_nan(None))


def strips_table(form: pl.DataFrame, published: DailySeries | None) -> pl.DataFrame:
    """Return means per tenor in points, and how far the 30-day values lie from the published VIX, VIXEQ and DSPX."""
    kinds = list(PUBLISHED)
    table = form.group_by("tenor", maintain_order=True).agg(
        pl.any_horizontal(pl.col(kinds).is_not_null()).sum().alias("dates"), pl.col(kinds).mul(100.0).mean()
    )
    if published is None:
        return table
    own = form.filter(pl.col("tenor") == 30)
    away = {}
    for kind, index in PUBLISHED.items():
        if index in published.names:
            theirs = published.on(own["date"].to_numpy(), index)
            error = np.abs(100.0 * own[kind].fill_null(np.nan).to_numpy() - theirs)
            if np.isfinite(error).any():
                away[f"from_{index}"] = float(np.nanmean(error))
    beside = [pl.when(pl.col("tenor") == 30).then(value).alias(name) for name, value in away.items()]
    return table.with_columns(beside)


def strips_found(market, basket, strips: QuotedStrips | None, published, min_coverage: float) -> tuple[dict, dict]:
    """Return the files and tables of a run that strips give; none of either where a market has no strips.

    Parameters
    ----------
    market : MarketPanel
    basket : Chosen
        Whose weights the members have.
    strips, published, min_coverage
        As for `strips_form` and `strips_table`.
    """
    if strips is None:
        return {}, {}
    form = strips_form(market, strips, basket.weights, min_coverage)
    heading = (
        f"Model-free volatility from option strips of {basket.label}, points (30 days by the rules of VIX and DSPX)"
    )
    return {"strips": form}, {heading: strips_table(form, published)}
