"""Option quotes of the US chains: the vendor's volatilities, at deltas computed from them."""

import polars as pl

from engine.calendar import year_fraction
from engine.data.parquet import between, collect
from engine.data.quotes.clean import DELTA_TOLERANCE, SMILE_RULES, QualityReport
from engine.data.quotes.out_of_line import quotes_in_line
from engine.data.quotes.schema import Quotes, check_call_delta, check_decimal_iv
from engine.data.sources.us_chains.files import CHAINS, SPX, SPX_QUOTES, chains, spx_options
from engine.data.sources.us_chains.forwards import SMILE, chain_forwards, has_iv, quoted_forwards
from engine.pricing import call_delta

OPTION = [*SMILE, "strike", "right"]
HAS_IV = has_iv("iv")
RULES = {
    "missing_iv": ~HAS_IV,
    "expired": pl.col("expiry") <= pl.col("date"),
    "strike_not_positive": ~(pl.col("strike").is_finite() & (pl.col("strike") > 0.0)),
    "no_forward": pl.col("forward").is_null(),
    **SMILE_RULES,
    "vendor_delta_differs": ~((pl.col("vendor_delta") - pl.col("call_delta")).abs() <= DELTA_TOLERANCE),
}


def option_quotes(
    folder, daily, tickers, spot: pl.DataFrame, report: QualityReport
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the usable option quotes of a block of dates, and their forwards; all quotes are counted in `report`.

    The delta of a quote is Black's call delta on the forward of its smile. The vendor's is a check: a quote whose two
    deltas lie more than `DELTA_TOLERANCE` apart is dropped.

    Parameters
    ----------
    folder : path of the chains
    daily : DailyInputs
        Its dates, index and rates are read.
    tickers : sequence of str
        Whose chains are read.
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
    quotes, forwards = quotes_and_forwards(folder, daily, tickers, spot)
    days = (quotes["expiry"] - quotes["date"]).dt.total_days().to_numpy()
    forward, strike, iv = (quotes[column].to_numpy() for column in ("forward", "strike", "iv"))
    delta = call_delta(forward, strike, iv, year_fraction(days))
    # Two lines of one option are a duplicate only if both could be used, so this is judged last.
    good = report.keep(quotes.with_columns(call_delta=pl.Series(delta)), RULES, final=False)
    single = report.keep(good, {"duplicate": ~pl.struct(OPTION).is_first_distinct()}, final=False)
    kept = quotes_in_line(single, report)
    kept = kept.with_columns(pl.col("right").cast(pl.Enum(["C", "P"])))
    return Quotes.validate(kept.drop("vendor_delta", "forward"), cast=True), forwards


def quotes_and_forwards(folder, daily, tickers, spot: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return all quotes, each with the forward of its smile (null where none is known), and the forwards.

    Parameters and errors are those of `option_quotes`; quotes are date, asset, expiry, strike, right, iv (decimals),
    vendor_delta (of the call, 0..1), forward.
    """
    chain = _chain(folder, daily, tickers)
    forwards = chain_forwards(chain, spot)
    quotes = _calls_and_puts(_with_forward(chain, forwards))
    if daily.index == SPX:
        spx = _spx_quotes(folder, daily)
        own = quoted_forwards(spx, spot, pl.DataFrame({"date": daily.dates, "rate": daily.rate}))
        forwards = pl.concat([forwards, own])
        quotes = pl.concat([quotes, _with_forward(spx.drop("bid", "ask"), own)])
    usable = quotes.filter(HAS_IV)
    check_decimal_iv(usable, folder / CHAINS, "call_iv_pct / put_iv_pct (percent)")
    check_call_delta(usable, folder / CHAINS, {"C": "call_delta (0..1)", "P": "put_delta (-1..0)"})
    return quotes, forwards


def _chain(folder, daily, tickers) -> pl.DataFrame:
    """Read a block of the chains as they lie, the call and the put of a strike in one row: `chain_forwards` has it."""
    rows = between(chains(folder), daily.dates[0], daily.dates[-1]).filter(pl.col("ticker").is_in(tickers))
    option = ("date", pl.col("ticker").alias("asset"), "expiry", "strike")
    vols = ((pl.col(f"{side}_iv_pct") / 100.0).alias(f"{side}_iv") for side in ("call", "put"))
    return collect(rows.select(*option, *vols, "call_delta", pl.col("put_delta") + 1.0), folder / CHAINS)


def _calls_and_puts(chain: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each option: all calls, then all puts."""
    sides = [
        chain.select(
            *OPTION[:-1],
            pl.lit(right).alias("right"),
            pl.col(f"{side}_iv").alias("iv"),
            pl.col(f"{side}_delta").alias("vendor_delta"),
            "forward",
        )
        for right, side in (("C", "call"), ("P", "put"))
    ]
    return pl.concat(sides)


def _with_forward(rows: pl.DataFrame, forwards: pl.DataFrame) -> pl.DataFrame:
    return rows.join(forwards, on=SMILE, how="left", maintain_order="left")


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
