"""Option quotes of the National Stock Exchange: closes that traded, inverted by Black's formula on the future."""

import polars as pl

from engine.calendar import year_fraction
from engine.data.parquet import between, collect
from engine.data.quotes.clean import SMILE_RULES, QualityReport
from engine.data.quotes.out_of_line import quotes_in_line
from engine.data.quotes.schema import Quotes, check_decimal_iv
from engine.data.tables.contracts import RIGHTS
from engine.pricing import InversionStatus, call_delta, implied_vol

_CODE = pl.col("option_type").str.strip_chars().str.to_lowercase()
_RIGHT = _CODE.replace_strict(RIGHTS, default=None, return_dtype=pl.String)
OPTION = ["date", "asset", "expiry", "strike", "option_type"]
TRADE_RULES = {
    "unknown_option_type": _RIGHT.is_null(),
    "american_exercise": _CODE.is_in(["ca", "pa"]),  # stock options until 2010: Black's formula is not theirs
    "expired": pl.col("expiry") <= pl.col("date"),  # settle is the underlying's level that day
    "no_trade": ~(pl.col("contracts") > 0),  # the close is stale, settle is theoretical
    "no_future_of_that_expiry": pl.col("forward").is_null(),  # index weeklies, which stocks do not have
    "price_not_positive": ~(pl.col("close") > 0.0),
    "strike_not_positive": ~(pl.col("strike") > 0.0),
    "duplicate": ~pl.struct(OPTION).is_first_distinct(),
}
INVERSION_RULES = {
    status.name.lower(): pl.col("inversion") == int(status)
    for status in InversionStatus
    if status is not InversionStatus.OK
}


def traded_options(rows: pl.LazyFrame, file, daily, futures: pl.DataFrame, report: QualityReport) -> pl.DataFrame:
    """Return the options that traded, each with its right and the future of its expiry; the others are counted.

    Parameters are those of `option_quotes`.
    """
    inside = between(rows, daily.dates[0], daily.dates[-1])
    options = inside.filter(pl.col("instrument").str.starts_with("OPT") & pl.col("symbol").is_in(daily.assets))
    quotes = collect(options, file).rename({"symbol": "asset"})
    quotes = quotes.join(futures, on=["date", "asset", "expiry"], how="left")
    return report.keep(quotes, TRADE_RULES, final=False).with_columns(right=_RIGHT.cast(pl.Enum(["C", "P"])))


def option_quotes(rows: pl.LazyFrame, file, daily, futures: pl.DataFrame, rate: float, report: QualityReport):
    """Return the usable option quotes of a block of dates, a frame of schema `Quotes`; all are counted in `report`.

    Parameters
    ----------
    rows : lazy frame of the derivatives file
    file : path
        The derivatives file, for messages.
    daily : DailyInputs
        Its dates and assets are read.
    futures : frame of date, asset, expiry, forward
    rate : float
        Continuous rate that option premiums are discounted at.
    report : QualityReport

    Raises
    ------
    InputError
        When the file cannot be read, or the volatilities show that prices are in another unit.
    """
    quotes = traded_options(rows, file, daily, futures, report)
    is_call = (quotes["right"] == "C").to_numpy()
    years = year_fraction((quotes["expiry"] - quotes["date"]).dt.total_days().to_numpy())
    price, forward, strike = (quotes[column].to_numpy() for column in ("close", "forward", "strike"))
    iv, status = implied_vol(price, forward, strike, years, is_call, rate)
    delta = call_delta(forward, strike, iv, years)
    quotes = quotes.with_columns(
        iv=pl.Series(iv),
        call_delta=pl.Series(delta),
        inversion=pl.Series(status),
    )
    kept = quotes_in_line(report.keep(quotes, INVERSION_RULES | SMILE_RULES, final=False), report)
    check_decimal_iv(kept, file, "close")
    return Quotes.validate(kept.select("date", "asset", "expiry", "strike", "right", "iv", "call_delta"), cast=True)
