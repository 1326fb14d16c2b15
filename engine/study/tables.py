"""Correlation of baskets as tables: the long forms a run writes, and what stands behind and beside the levels."""

import itertools

import numpy as np
import polars as pl

from engine.backend import to_host
from engine.backtest.text import as_text
from engine.calendar import LONGEST_CLOSURE_DAYS, after_hole, check_sessions
from engine.correlation import (
    INDICES,
    CorrelationStatus,
    correlation_indices,
    index_cell,
    index_share,
    smoothed_for_display,
)

SKEW_ORDER = ("COR90D", "COR70D", "COR3M", "COR30D", "COR10D")  # usually falling: correlation is dear in puts


def data_behind(market, weights, longest: int, missing: dict | None = None):
    """Return as rows what the numbers stand on: the basket's share of the index, sessions the data lacks, closes.

    Parameters
    ----------
    market : MarketPanel
    weights : array (T, N)
        Basket weights selected from the market's.
    longest : int
        Sessions of the longest realised window that ends on a date of the market.
    missing : dict of what -> reason, or None
        What the data are too short to tell.
    """
    share, calendar = to_host(index_share(weights, market.weights)), market.info.calendar
    check, closes = check_sessions(market.dates, calendar), market.known_closes()
    rows = {
        "index share held by the basket": f"{_percent(share.mean())} (least {_percent(share.min())})",
        f"sessions missing against the {calendar} calendar": _listed(check.missing),
        f"sessions the {calendar} calendar does not have": _listed(check.extra),
        "sessions outside what the calendar knows": f"{check.unchecked:,}",
        f"holes of more than {LONGEST_CLOSURE_DAYS} days, before": _listed(
            market.dates[after_hole(market.dates, calendar)]
        ),
        "closes that realised measures may read": f"{len(closes):,} sessions, {closes.dates[0]} to {closes.dates[-1]}",
        "longest realised window without a hole": f"{longest:,} sessions",
    }
    if closes.note:
        rows["of these closes"] = closes.note
    rows |= missing or {}
    return pl.DataFrame({"what": list(rows), "value": list(rows.values())})


def _percent(share: float) -> str:
    return as_text(share, "percent")


def _listed(dates, shown: int = 4) -> str:
    """Count dates and name the first of them."""
    named = [*(str(date) for date in dates[:shown]), *(["..."] if len(dates) > shown else [])]
    return f"{len(dates):,} ({', '.join(named)})" if named else "0"


def basket_table(chosen, moved):
    """Return one row per basket: its index leg, names, share of the index or sector, and realised correlation.

    Parameters
    ----------
    chosen : sequence of Chosen
    moved : frame
        As from `realized_form`, of one window.
    """
    rows = [
        {
            "basket": basket.label,
            "index_leg": basket.leg or "none",
            "names": float(to_host((basket.weights > 0.0).sum(axis=1)).mean()),
            "share": float(to_host(basket.share).mean()),
        }
        for basket in chosen
    ]
    usable = pl.col("realized_correlation").filter(pl.col("status") == "ok")
    realized = moved.group_by("basket").agg(
        pl.col("window").first(),
        pl.col("realized_leg").first(),
        usable.count().alias("realized_dates"),
        usable.mean().alias("realized_mean"),
        usable.last().alias("last"),
    )
    return pl.DataFrame(rows).join(realized, on="basket", how="left", maintain_order="left")


def skew_order(rho, market):
    """Return on which share of dates each 3-month index of the first basket lies above the next lower delta's.

    Parameters
    ----------
    rho : ImpliedCorrelation of arrays (B, T, K, D)
    market : MarketPanel

    Returns
    -------
    frame or None
        Over dates on which all named are `ok`; None where there is none, or the surface does not have them.
    """
    usable = np.where(to_host(rho.status[0]) == int(CorrelationStatus.OK), to_host(rho.clean[0]), np.nan)
    levels = correlation_indices(usable, market.tenors, market.deltas)
    if not set(SKEW_ORDER) <= levels.keys():
        return None
    orders = [SKEW_ORDER[:4], *itertools.pairwise(SKEW_ORDER)]
    rows = []
    for names in orders:
        values = np.stack([levels[name] for name in names])
        values = values[:, np.isfinite(values).all(axis=0)]
        held = (np.diff(values, axis=0) < 0.0).all(axis=0)
        if held.size:
            rows.append({"order": " > ".join(names), "dates": held.size, "share_of_dates": float(held.mean())})
    return pl.DataFrame(rows) if rows else None


def long_form(market, rho, labels):
    """Return implied correlation as rows: one per basket, date, tenor and delta; decimals, null where not computable.

    Parameters
    ----------
    market : MarketPanel
    rho : ImpliedCorrelation of arrays (B, T, K, D)
    labels : sequence (B,) of str
    """
    shape = rho.clean.shape[1:]
    axes = np.ix_(market.dates, market.tenors.astype(np.int32), market.deltas.astype(np.int32))
    date, tenor, delta = (pl.Series(np.broadcast_to(axis, shape).ravel()) for axis in axes)
    parts = []
    for b, label in enumerate(labels):
        values = {name: to_host(array[b]).ravel() for name, array in vars(rho).items()}
        part = pl.DataFrame(
            {
                "date": date,
                "basket": pl.Series([label]).new_from_index(0, len(date)),
                "tenor": tenor,
                "delta": delta,
                "implied_correlation": values["clean"],
                "dirty_correlation": values["dirty"],
                "variance_ratio": values["variance_ratio"],
                "names": values["names"],
                "coverage": values["coverage"],
                "status": _status_texts().gather(values["status"]),
            }
        )
        ratios = pl.col("implied_correlation", "dirty_correlation", "variance_ratio")
        parts.append(part.with_columns(ratios.fill_nan(None)))
    return pl.concat(parts, rechunk=False)


def _status_texts():
    return pl.Series([status.text for status in CorrelationStatus])


def indices_form(long):
    """Return what has an index's name as rows date, basket, index, level (points, as published), status.

    Parameters
    ----------
    long : frame
        As from `long_form`.
    """
    cells = pl.DataFrame(
        [(name, *index_cell(name)) for name in INDICES],
        schema={"index": pl.String, "tenor": pl.Int32, "delta": pl.Int32},
        orient="row",
    )
    named = long.join(cells, on=["tenor", "delta"], maintain_order="left")
    return named.select("date", "basket", "index", (100.0 * pl.col("implied_correlation")).alias("level"), "status")


def realized_form(market, realized, basket: str, window: int, leg: str):
    """Return realised correlation as rows, one per date; decimals, null where not computable.

    Parameters
    ----------
    market : MarketPanel
    realized : RealizedCorrelation
    basket : str
        Label of the basket.
    window : int
        Sessions it was measured over.
    leg : str
        Whose returns gave the index volatility, as from `realized_leg`.
    """
    values = {name: to_host(array) for name, array in vars(realized).items() if name != "component_vol"}
    return pl.DataFrame(
        {
            "date": market.dates,
            "basket": pl.Series([basket]).new_from_index(0, len(market)),
            "window": pl.Series([window], dtype=pl.Int32).new_from_index(0, len(market)),
            "realized_leg": pl.Series([leg]).new_from_index(0, len(market)),
            "realized_correlation": values["clean"],
            "dirty_correlation": values["dirty"],
            "variance_ratio": values["variance_ratio"],
            "index_vol": values["index_vol"],
            "names": values["names"],
            "coverage": values["coverage"],
            "status": _status_texts().gather(values["status"]),
            "realized_display_only": smoothed_for_display(values["clean"]),
        }
    ).with_columns(pl.selectors.float().fill_nan(None))


def statuses(long):
    """Return per basket and tenor how many dates have each status at 50 delta, on how many names and which share.

    Names and coverage are means and least values over all dates: two tenors of one basket may stand on other names.
    """
    middle = long.filter(pl.col("delta") == 50)
    counts = middle.pivot(on="status", index=["basket", "tenor"], values="delta", aggregate_function="len")
    behind = middle.group_by("basket", "tenor", maintain_order=True).agg(
        pl.col("names").mean().round(1),
        pl.col("names").min().alias("least_names"),
        pl.col("coverage").mean(),
        pl.col("coverage").min().alias("least_coverage"),
    )
    counts = counts.with_columns(pl.selectors.numeric().fill_null(0))
    return counts.join(behind, on=["basket", "tenor"], how="left", maintain_order="left")


def negative_levels(long) -> list[str]:
    """Say of which basket and tenor the correlation at 50 delta is below 0 on most dates, one line per basket.

    Members can move against each other, but an index whose options know that for long is rare; one of another basket,
    or in another unit, is not.

    Parameters
    ----------
    long : frame, as from `long_form`
    """
    middle = long.filter(pl.col("delta") == 50, pl.col("implied_correlation").is_not_null())
    below = (pl.col("implied_correlation") < 0.0).sum().alias("below")
    counted = middle.group_by("basket", "tenor", maintain_order=True).agg(below, pl.len().alias("dates"))
    most = counted.filter(2 * pl.col("below") > pl.col("dates")).unique("basket", keep="first", maintain_order=True)
    return [
        f"the correlation of {basket} at {tenor} days is below 0 on {below:,} of {dates:,} dates: is the index leg of "
        "this basket, and in the members' unit?"
        for basket, tenor, below, dates in most.iter_rows()
    ]
