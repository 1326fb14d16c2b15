"""Published daily indices: the Cboe families, SPX and the returns of the US market, as `DailySeries`.

Reads us_history/{cboe_indices,spx_ohlc_1999_2018,fama_french_daily}.parquet. These files have no options: they give
signals, and numbers to compare results with, but no market that can be traded.
"""

from pathlib import Path

import polars as pl

from engine.data.parquet import collect, scan
from engine.data.series.daily import DailySeries, daily_series
from engine.errors import InputError

FOLDER = "us_history"
INDICES = "cboe_indices.parquet"
SPX = "spx_ohlc_1999_2018.parquet"
FACTORS = "fama_french_daily.parquet"


def load_published(path: Path | str) -> DailySeries:
    """Load the closes of the published indices: COR1M .. COR1Y, DSPX, VIXEQ, the VIX family, SKEW, SPX.

    Parameters
    ----------
    path : str or Path
        Folder that holds us_history/.

    Returns
    -------
    DailySeries
        In points, as published: a correlation index is 100 x correlation, a volatility index 100 x volatility.

    Raises
    ------
    InputError
        When a file or a column is missing, or an index has two closes on a date.

    Notes
    -----
    Only closes are read. Until 17 March 2022 the open, high and low of the correlation indices are copies of the close,
    so that a daily range would be zero in two thirds of the history. SPX is missing from 2019 to May 2026, in both
    files; the returns of `load_market_returns` have no such hole. From 2022 on VIX also has rows on holidays: take
    `common("COR1M", "VIX")` before differences. DSPX of 2018-02-08 is 0, as published.
    """
    indices = _read(path, INDICES, ("date", "index", "close"))
    spx = _read(path, SPX, ("Date", "Close")).select(
        pl.col("Date").alias("date"), pl.lit("SPX").alias("index"), pl.col("Close").alias("close")
    )
    closes = pl.concat([indices, spx]).filter(pl.col("close").is_not_null())
    if (twice := closes.select("date", "index").is_duplicated()).any():
        date, index, _ = closes.filter(twice).row(0)
        raise InputError(f"{index} has more than one close on {date}; remove one from {INDICES} or {SPX}")
    return daily_series(closes.pivot("index", index="date", values="close"))


def load_market_returns(path: Path | str) -> DailySeries:
    """Load the daily returns of the whole US stock market and of bills: series `market` and `bills`.

    Parameters
    ----------
    path : str or Path
        Folder that holds us_history/.

    Returns
    -------
    DailySeries
        Simple returns in decimals a day, dividends included; `market` is value-weighted over all US shares.

    Raises
    ------
    InputError
        When the file or a column is missing.

    References
    ----------
    Fama and French, daily factors: market = Mkt-RF + RF.
    """
    factors = _read(path, FACTORS, ("date", "mkt_rf_pct", "rf_pct_per_day"))
    return daily_series(
        factors.select(
            "date",
            market=(pl.col("mkt_rf_pct") + pl.col("rf_pct_per_day")) / 100.0,
            bills=pl.col("rf_pct_per_day") / 100.0,
        )
    )


def _read(path, name: str, columns) -> pl.DataFrame:
    file = Path(path) / FOLDER / name
    if not file.is_file():
        raise InputError(f"{file} does not exist; path is the folder that holds {FOLDER}/")
    kinds = {"date": pl.Date, "Date": pl.Date, "index": pl.String}
    rows = collect(scan(file, {column: kinds.get(column, pl.Float64) for column in columns}), file)
    keys = [column for column in columns if column in kinds]
    if rows.select(pl.col(keys).is_null()).select(pl.any_horizontal(keys).any()).item():
        raise InputError(f"{file} has rows without {' or '.join(keys)}; remove or repair them")
    return rows
