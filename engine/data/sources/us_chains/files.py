"""The files of the US chains: names, columns, and the rows that several readers share."""

import polars as pl

from engine.data.contract_quotes import ContractQuotes
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

SHARES = 100.0  # of a contract, of all options on stocks, funds and SPX here
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


def contracts(folder, start, end, tickers) -> ContractQuotes:
    """Open the options on some tickers: last trades of the chains, of unknown age, and bid and ask of SPX."""
    there = pl.scan_parquet(folder / CHAINS, glob=False).collect_schema().names()
    beside = ("call_price", "put_price", "call_oi", "put_oi")
    rows = scan(folder / CHAINS, CHAIN_COLUMNS | {name: pl.Float64 for name in beside if name in there})
    rows = between(rows, start, end).filter(pl.col("ticker").is_in(tickers))
    parts = []
    for right, side in (("C", "call"), ("P", "put")):
        known = {
            new: pl.col(f"{side}_{old}") for new, old in (("last", "price"), ("oi", "oi")) if f"{side}_{old}" in there
        }
        style = {"right": pl.lit(right), "style": pl.lit("american"), "settlement": pl.lit("pm")}
        parts.append(ContractQuotes.of(rows.with_columns(**known, **style, multiplier=pl.lit(SHARES))).rows)
    if SPX in tickers:
        parts.append(ContractQuotes.of(_spx_contracts(folder, start, end)).rows)
    return ContractQuotes(pl.concat(parts))


def _spx_contracts(folder, start, end) -> pl.LazyFrame:
    there = pl.scan_parquet(folder / SPX_QUOTES, glob=False).collect_schema().names()
    beside = {name: pl.Float64 for name in ("last", "volume") if name in there}
    rows = scan(folder / SPX_QUOTES, SPX_COLUMNS | beside).rename({"session_date": "date"})
    morning = pl.when(pl.col("root") == SPX).then(pl.lit("am")).otherwise(pl.lit("pm"))
    style = {"ticker": pl.lit(SPX), "style": pl.lit("european"), "settlement": morning}
    return between(rows, start, end).with_columns(**style, multiplier=pl.lit(SHARES))


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
