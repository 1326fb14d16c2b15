"""Option quotes of the US chains: the vendor's volatilities, at deltas computed from them."""

import polars as pl

from engine.calendar import year_fraction
from engine.data.parquet import between, collect
from engine.data.quotes.clean import DELTA_TOLERANCE, SMILE_RULES, QualityReport
from engine.data.quotes.out_of_line import quotes_in_line
from engine.data.quotes.schema import Quotes, check_call_delta, check_decimal_iv
from engine.data.sources.us_chains.files import CHAINS, SPX, SPX_QUOTES, chains, spx_options
from engine.data.sources.us_chains.forwards import chain_forwards, quoted_forwards
from engine.pricing import call_delta

OPTION = ["date", "asset", "expiry", "strike", "right"]
HAS_IV = pl.col("iv").is_finite() & (pl.col("iv") > 0.0)
RULES = {
    "missing_iv": ~HAS_IV,
    "expired": pl.col("expiry") <= pl.col("date"),
    "strike_not_positive": ~(pl.col("strike").is_finite() & (pl.col("strike") > 0.0)),
    "no_forward": pl.col("forward").is_null(),
    **SMILE_RULES,
    "vendor_delta_differs": ~((pl.col("vendor_delta") - pl.col("call_delta")).abs() <= DELTA_TOLERANCE),
}


def option_quotes(folder, daily, spot: pl.DataFrame, report: QualityReport) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the usable option quotes of a block of dates, and their forwards; all quotes are counted in `report`.

    The delta of a quote is Black's call delta on the forward of its smile. The vendor's is a check: a quote whose two
    deltas lie more than `DELTA_TOLERANCE` apart is dropped.

    Parameters
    ----------
    folder : path of the chains
    daily : DailyInputs
        Its dates, assets and rates are read.
    spot : frame of date, asset, spot
        Closes of all assets, SPX too where it is the index.
    report : QualityReport

    Returns
    -------
    quotes : frame of schema `Quotes`
    forwards : frame of date, asset, expiry, forward
        As from `chain_forwards`; of SPX from `quoted_forwards`.

    Raises
    ------
    InputError
        When a file cannot be read, or volatilities or deltas are not in the declared unit.
    """
    quotes, forwards = quotes_and_forwards(folder, daily, spot)
    days = (quotes["expiry"] - quotes["date"]).dt.total_days().to_numpy()
    forward, strike, iv = (quotes[column].to_numpy() for column in ("forward", "strike", "iv"))
    delta = call_delta(forward, strike, iv, year_fraction(days))
    # Two lines of one option are a duplicate only if both could be used, so this is judged last.
    good = report.keep(quotes.with_columns(call_delta=pl.Series(delta)), RULES, final=False)
    single = report.keep(good, {"duplicate": ~pl.struct(OPTION).is_first_distinct()}, final=False)
    kept = quotes_in_line(single, report)
    kept = kept.with_columns(pl.col("right").cast(pl.Enum(["C", "P"])))
    return Quotes.validate(kept.drop("vendor_delta", "forward"), cast=True), forwards


def quotes_and_forwards(folder, daily, spot: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return all quotes, each with the forward of its smile (null where none is known), and the forwards.

    Parameters and errors are those of `option_quotes`; quotes are date, asset, expiry, strike, right, iv (decimals),
    vendor_delta (of the call, 0..1), forward.
    """
    quotes = _chain_quotes(folder, daily)
    forwards = chain_forwards(quotes.filter(HAS_IV), spot)
    if daily.index == SPX:
        spx = _spx_quotes(folder, daily)
        rate = pl.DataFrame({"date": daily.dates, "rate": daily.rate})
        forwards = pl.concat([forwards, quoted_forwards(spx, spot, rate)])
        quotes = pl.concat([quotes, spx.drop("bid", "ask")])
    usable = quotes.filter(HAS_IV)
    check_decimal_iv(usable, folder / CHAINS, "call_iv_pct / put_iv_pct (percent)")
    check_call_delta(usable, folder / CHAINS, {"C": "call_delta (0..1)", "P": "put_delta (-1..0)"})
    joined = quotes.join(forwards, on=["date", "asset", "expiry"], how="left", maintain_order="left")
    return joined, forwards


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
            (pl.col(f"{side}_delta") + offset).alias("vendor_delta"),
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
        (pl.col("delta") + offset).alias("vendor_delta"),
        "bid",
        "ask",
    )
