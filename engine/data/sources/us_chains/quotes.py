"""Option quotes of the US chains, with the vendor's volatilities and deltas."""

import polars as pl

from engine.data.clean import SMILE_RULES, QualityReport
from engine.data.parquet import between, collect
from engine.data.schema import Quotes, check_call_delta, check_decimal_iv
from engine.data.sources.us_chains.files import CHAINS, SPX, SPX_QUOTES, chains, spx_options

OPTION = ["date", "asset", "expiry", "strike", "right"]
HAS_IV = pl.col("iv").is_finite() & (pl.col("iv") > 0.0)
RULES = {
    "missing_iv": ~HAS_IV,
    "expired": pl.col("expiry") <= pl.col("date"),
    **SMILE_RULES,
    "strike_not_positive": ~(pl.col("strike").is_finite() & (pl.col("strike") > 0.0)),
}


def option_quotes(folder, daily, report: QualityReport) -> pl.DataFrame:
    """Return the usable option quotes of a block of dates, a frame of schema `Quotes`; all are counted in `report`.

    Parameters
    ----------
    folder : path of the chains
    daily : DailyInputs
        Its dates and assets are read.
    report : QualityReport

    Raises
    ------
    InputError
        When a file cannot be read, or volatilities or deltas are not in the declared unit.
    """
    quotes = _chain_quotes(folder, daily)
    if daily.index == SPX:
        quotes = pl.concat([quotes, _spx_quotes(folder, daily)])
    usable = quotes.filter(HAS_IV)
    check_decimal_iv(usable, folder / CHAINS, "call_iv_pct / put_iv_pct (percent)")
    check_call_delta(usable, folder / CHAINS, {"C": "call_delta (0..1)", "P": "put_delta (-1..0)"})
    # Two lines of one option are a duplicate only if both could be used, so this is judged last.
    good = report.keep(quotes, RULES, final=False)
    kept = report.keep(good, {"duplicate": ~pl.struct(OPTION).is_first_distinct()})
    return Quotes.validate(kept.with_columns(pl.col("right").cast(pl.Enum(["C", "P"]))), cast=True)


def _chain_quotes(folder, daily) -> pl.DataFrame:
    rows = between(chains(folder), daily.dates[0], daily.dates[-1])
    wide = collect(rows.filter(pl.col("ticker").is_in(daily.assets)), folder / CHAINS)
    sides = [
        wide.select(
            "date",
            pl.col("ticker").alias("asset"),
            "expiry",
            "strike",
            pl.lit(right).alias("right"),
            (pl.col(f"{side}_iv_pct") / 100.0).alias("iv"),
            # Two decimals were stored as float32: restore them, so that equal deltas are equal.
            (pl.col(f"{side}_delta") + offset).round(4).alias("call_delta"),
        )
        for right, side, offset in (("C", "call", 0.0), ("P", "put", 1.0))
    ]
    return pl.concat(sides)


def _spx_quotes(folder, daily) -> pl.DataFrame:
    rows = collect(between(spx_options(folder), daily.dates[0], daily.dates[-1]), folder / SPX_QUOTES)
    offset = pl.when(pl.col("right") == "P").then(1.0).otherwise(0.0)
    return rows.select(
        "date",
        pl.lit(SPX).alias("asset"),
        "expiry",
        "strike",
        "right",
        "iv",
        (pl.col("delta") + offset).alias("call_delta"),
    )
