"""Season, weekends and the long study of the published indices, as files and tables of a run."""

from collections.abc import Callable

import polars as pl

from engine.data.series import daily_series
from engine.errors import InputError
from engine.study.cboe_history import (
    driver_table,
    forecast_table,
    realized_tables,
    rolling_table,
    season_table,
    weekend_table,
)
from engine.study.replication import UNTRADABLE, replication_form, replication_table

SEASONAL = ("COR1M", "COR3M")


def calendar_frames(market, levels: pl.DataFrame, published) -> tuple[dict, dict]:
    """What the quarter and the weekend do to the indices that were measured, and to those published.

    Parameters
    ----------
    market : MarketPanel
    levels : frame
        As from `indices_form`; the first basket's are studied, where their status is ok.
    published : DailySeries or None

    Returns
    -------
    frames : dict of name -> frame
        `season` and `weekend`, as from `season_table` and `weekend_table`, with a first column `of` (measured,
        published).
    missing : dict of what -> reason
        What could not be told, such as the season of less than a quarter.
    """
    ours = levels.filter((pl.col("basket") == levels["basket"][0]) & (pl.col("status") == "ok"))
    wide = ours.filter(pl.col("index").is_in(SEASONAL)).pivot("index", index="date", values="level")
    kinds = {"measured": (daily_series(wide), market.info.calendar)}
    if published is not None:
        kinds["published"] = (published, "XNYS")
    frames, missing = {"season": [], "weekend": []}, {}
    for of, (series, calendar) in kinds.items():
        names = [name for name in SEASONAL if name in series.names]
        more = [name for name in ("VIX", "VIXEQ") if name in series.names]
        tables: dict[str, Callable] = {
            "season": lambda s=series, n=names, c=calendar: season_table(s, n, calendar=c),
            "weekend": lambda s=series, n=[*names, *more]: weekend_table(s, n),
        }
        for name, table in tables.items() if names else ():
            try:
                frames[name].append(table().select(pl.lit(of).alias("of"), pl.all()))
            except InputError as reason:
                missing[f"{name} of the {of} indices"] = f"not told: {reason}"
    return {name: pl.concat(parts) for name, parts in frames.items() if parts}, missing


def published_study(published, survivors) -> tuple[dict, dict]:
    """The long study of the published indices: what moves them, what they forecast, what was realised.

    Parameters
    ----------
    published : DailySeries
        Published indices beside the market's returns.
    survivors : PriceHistory or None
        Members' returns; None leaves out what was realised.

    Returns
    -------
    frames : dict of name -> frame
        The files of the run: published_drivers, published_forecasts, published_rolling, published_realized and
        replication.
    tables : dict of heading -> frame
        What is printed and shown.
    """
    realized = None if survivors is None else realized_tables(published, survivors)
    drivers, forecasts = driver_table(published), forecast_table(published, survivors, realized=realized)
    frames = {
        "published_drivers": drivers,
        "published_forecasts": forecasts,
        "published_rolling": rolling_table(published),
    }
    tables = {"What moves the published indices": drivers, "What the published indices forecast": forecasts}
    if survivors is not None and realized is not None:
        frames["published_realized"] = realized
        span = f"{survivors.dates[0]} .. {survivors.dates[-1]}, survivors, own returns of the fund"
        tables[f"Published correlation less what was realised, {span}"] = realized_means(realized)
        if {"VIX", "VIXEQ"} <= set(published.names):
            frames["replication"] = replication_form(published, survivors)
            heading = f"Variance dispersion replicated from VIX and VIXEQ: D x 100, variances x 10,000; {UNTRADABLE}"
            tables[heading] = replication_table(frames["replication"])
    return frames, tables


def realized_means(realized: pl.DataFrame) -> pl.DataFrame:
    """Return per index the means over the dates on which implied and realised correlation are both known."""
    known = realized.filter(pl.col("premium").is_not_null())
    means = pl.col("implied", "realized", "premium", "pairs_equal", "pairs_weighted").mean()
    return known.group_by("index", "window", maintain_order=True).agg(pl.len().alias("dates"), means)
