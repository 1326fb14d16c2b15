"""The files of the National Stock Exchange: names, columns, and the derivatives file that most readers share."""

import polars as pl

from engine.data.parquet import between, scan

FOLDER = "nse"
FO = "fo.parquet"  # futures and options
CASH = "cash.parquet"
INDEX = "index.parquet"
WEIGHTS = "weights.parquet"
ACTIONS = "corporate_actions.parquet"
FILES = (FO, CASH, INDEX, WEIGHTS, ACTIONS)
FO_COLUMNS = {
    "date": pl.Date,
    "instrument": pl.String,
    "symbol": pl.String,
    "expiry": pl.Date,
    "strike": pl.Float64,
    "option_type": pl.String,
    "close": pl.Float64,
    "contracts": pl.Int64,
}


def derivatives(folder, start=None, end=None) -> pl.LazyFrame:
    """Open the futures and options from `start` to `end`, both inclusive; None = as far as the file goes."""
    return between(scan(folder / FO, FO_COLUMNS), start, end)
