"""The files of the National Stock Exchange: names, columns, and the derivatives file that most readers share."""

import polars as pl

from engine.data.contract_quotes import ContractQuotes
from engine.data.parquet import between, scan
from engine.data.tables.contracts import RIGHTS

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

# Of each contract; where a file lacks one of them its contracts do too. Settle is the level of what an option is on
# where it expires.
OF_CONTRACTS = {"settle": pl.Float64, "open_interest": pl.Float64, "lot_size": pl.Float64}


def contracts(folder, start, end, symbols) -> ContractQuotes:
    """Open the options on some symbols: a close counts where the contract traded that day."""
    there = pl.scan_parquet(folder / FO, glob=False).collect_schema().names()
    rows = scan(folder / FO, FO_COLUMNS | {name: kind for name, kind in OF_CONTRACTS.items() if name in there})
    rows = between(rows, start, end).filter(
        pl.col("instrument").str.starts_with("OPT") & pl.col("symbol").is_in(symbols)
    )
    code = pl.col("option_type").str.strip_chars().str.to_lowercase()
    traded = pl.col("contracts") > 0
    columns = {
        "ticker": pl.col("symbol"),
        "right": code.replace_strict(RIGHTS, default=None, return_dtype=pl.String),
        "last": pl.when(traded).then("close"),
        "volume": pl.col("contracts"),
        "style": pl.when(code.is_in(["ca", "pa"])).then(pl.lit("american")).otherwise(pl.lit("european")),
        "settlement": pl.lit("pm"),
    }
    if "settle" in there:
        columns["settle"] = pl.when(pl.col("expiry") > pl.col("date")).then("settle")
    if "lot_size" in there:
        columns["multiplier"] = pl.col("lot_size")
        if "open_interest" in there:  # the file counts units of the underlying, and ours are contracts
            columns["oi"] = pl.when(pl.col("lot_size") > 0).then(pl.col("open_interest") / pl.col("lot_size"))
    return ContractQuotes.of(rows.with_columns(**columns).filter(pl.col("right").is_not_null()))


def with_lots(folder, quotes: pl.DataFrame) -> pl.DataFrame:
    """Add multiplier, the units of the underlying in a lot, to quotes of options; null where the file has none."""
    contract = ["date", "ticker", "expiry", "strike", "right"]
    listed = contracts(folder, quotes["date"].min(), quotes["date"].max(), quotes["ticker"].unique().to_list())
    lots = listed.rows.select(*contract, "multiplier").unique(contract, keep="first", maintain_order=True)
    return quotes.lazy().join(lots, on=contract, how="left", maintain_order="left").collect()


def derivatives(folder, start=None, end=None) -> pl.LazyFrame:
    """Open the futures and options from `start` to `end`, both inclusive; None = as far as the file goes."""
    return between(scan(folder / FO, FO_COLUMNS), start, end)
