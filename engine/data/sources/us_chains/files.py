"""The files of the US chains: names, columns, and the rows that several readers share."""

import polars as pl

from engine.data.parquet import between, collect, scan

CHAIN_FOLDER = "us2026"
CHAINS = "chains.parquet"
SPOT = "spot.parquet"
ACTIONS = "corporate_actions.parquet"
SPX_QUOTES = "spx_quotes.parquet"

HISTORY_FOLDER = "us_history"
HOLDINGS = "spy_holdings.parquet"
RATES = "fed_funds_dff.parquet"
SECTORS = "sp500_constituents_2026_gics.parquet"
LEVELS = "cboe_indices.parquet"
PRICES = "prices_sp500_2019_2025.parquet"

SPX = "SPX"  # as index leg: its options and closes are in files of their own
CHAIN_COLUMNS = {
    "date": pl.Date,
    "ticker": pl.String,
    "expiry": pl.Date,
    "strike": pl.Float64,
    "call_delta": pl.Float64,
    "call_iv_pct": pl.Float64,
    "put_delta": pl.Float64,
    "put_iv_pct": pl.Float64,
}
SPX_COLUMNS = {
    "session_date": pl.Date,
    "root": pl.String,
    "expiry": pl.Date,
    "right": pl.String,
    "strike": pl.Float64,
    "bid": pl.Float64,
    "ask": pl.Float64,
    "iv": pl.Float64,
    "delta": pl.Float64,
}


def chains(folder, start=None, end=None) -> pl.LazyFrame:
    """Open the chains from `start` to `end`, both inclusive; None = as far as the file goes."""
    return between(scan(folder / CHAINS, CHAIN_COLUMNS), start, end)


def spx_options(folder, start=None, end=None) -> pl.LazyFrame:
    """Open the options on SPX; of an expiry with both roots SPXW, which settles at the close as stock options do."""
    rows = scan(folder / SPX_QUOTES, SPX_COLUMNS).rename({"session_date": "date"})
    at_the_close = (pl.col("root") == "SPXW").any().over("date", "expiry")
    return between(rows.filter((pl.col("root") == "SPXW") | ~at_the_close), start, end)


def spx_strip_quotes(folder, start=None, end=None) -> pl.DataFrame:
    """Read bid and ask of SPX at all strikes, both roots: SPX settles in the morning, SPXW in the afternoon."""
    rows = between(scan(folder / SPX_QUOTES, SPX_COLUMNS).rename({"session_date": "date"}), start, end)
    morning = pl.when(pl.col("root") == "SPX").then(pl.lit("am")).otherwise(pl.lit("pm"))
    columns = ("date", "expiry", "strike", "right", "bid", "ask")
    return collect(rows.select(*columns, ticker=pl.lit(SPX), settlement=morning), folder / SPX_QUOTES)
