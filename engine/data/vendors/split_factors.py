"""Splits out of factors that make old prices comparable with today's."""

import polars as pl

from engine.data.tables.judge import LINE


def splits_between(tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Turn factors that hold up to and with a day into splits on the day after.

    Parameters
    ----------
    tables : dict of table -> frame
        With split_factors (date, ticker, factor), where there are any: a price of that day or before, back to the row
        before, times the factor is in today's shares.

    Returns
    -------
    dict of table -> frame
        With actions in their place: new price / old price is the factor over the next one.
    """
    factors = tables.pop("split_factors", None)
    if factors is None:
        return tables
    rows = factors.drop_nulls(["date", "factor"]).unique(["ticker", "date"], keep="first").sort("ticker", "date")
    ratio = pl.col("factor") / pl.col("factor").shift(-1).over("ticker")
    splits = rows.with_columns(factor=ratio, date=pl.col("date").dt.offset_by("1d"))
    splits = splits.filter(pl.col("factor").is_finite() & ((pl.col("factor") - 1.0).abs() > 1e-9))
    actions = splits.select("date", "ticker", pl.lit("split").alias("kind"), "factor", LINE)
    return tables | {"actions": actions}
