"""Volatilities of out-of-the-money quotes, each on the forward of its own expiry, at bid, mid and ask."""

import numpy as np
import polars as pl

from engine.data.quotes.clean import DELTA_TOLERANCE, DEPTH, SMILE_RULES, QualityReport
from engine.data.quotes.dividends import ex_dates
from engine.data.quotes.filters import SMILE
from engine.data.quotes.out_of_line import quotes_in_line
from engine.pricing import InversionStatus, american_implied_vol, black_price, call_delta, implied_vol

# A vendor's call and put volatilities differ where its forward is not the one that its quotes have: beside prices of
# the same expiry both count up to this delta in the money.
DEEPEST_GIVEN = 0.65
# Where no quote of an expiry has two sides, calls and puts count in and out of the money: either may be an old trade.
TWO_SIDED = pl.col("bid").is_not_null() & pl.col("ask").is_not_null()
_FITTED = TWO_SIDED.any().over(SMILE)
_IN_THE_MONEY = (pl.col("strike") >= pl.col("forward")) != (pl.col("right") == "C")
RULES = {
    "no_forward": pl.col("forward").is_null(),
    "in_the_money": _IN_THE_MONEY & pl.col("mid").is_not_null() & _FITTED,
}
# The sign of a vendor's delta says nothing, as puts are written either way.
_VENDOR = pl.when(pl.col("right") == "C").then(pl.col("delta").abs()).otherwise(1.0 - pl.col("delta").abs())
GIVEN_RULES = {
    "in_the_money": (DEPTH > DEEPEST_GIVEN) & pl.col("mid").is_null() & pl.col("fitted"),
    "vendor_delta_differs": pl.col("mid").is_null()
    & ((_VENDOR - pl.col("call_delta")).abs() > DELTA_TOLERANCE).fill_null(False),
}
STATUS_RULES = {
    status.name.lower(): pl.col("inversion") == int(status)
    for status in InversionStatus
    if status is not InversionStatus.OK
}


def inverted_quotes(
    quotes: pl.DataFrame, forwards: pl.DataFrame, report: QualityReport, dividends: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return the volatility of every out-of-the-money quote, of all quotes where none of the smile has two sides.

    European prices are inverted as they are, American ones without their premium of early exercise. A quote with a
    volatility and no price keeps that volatility.

    Parameters
    ----------
    quotes : frame, as from `usable_quotes`
    forwards : frame, as from `parity_forwards`
    report : QualityReport
    dividends : frame of asset, ex_date, amount, or None

    Returns
    -------
    frame
        date, asset, expiry, strike, right, iv, bid_iv, ask_iv (NaN without bid and ask, or where a side has no
        volatility), call_delta (Black's, on the forward), forward, years, years_by_date, vendor_iv (beside a price,
        null where there is none), priced (whether it has a price, or its volatility was given),
        fitted (whether a quote of its smile has two sides); sorted as the quotes.
        Volatilities are those of `years`, the time to settlement.
    """
    smiles = forwards.select(*SMILE, "forward", pl.col("spot").alias("own_spot")).with_row_index("smile")
    joined = quotes.drop("forward").join(smiles, on=SMILE, how="left", maintain_order="left")
    out = report.keep(joined.with_columns(fitted=_FITTED), RULES, final=False)
    ex_years, amounts = ex_dates(forwards, dividends)
    strike, forward, years, rate, spot = (out[c].to_numpy() for c in ("strike", "forward", "years", "rate", "own_spot"))
    price, bid, ask, given = (out[c].cast(pl.Float64).fill_null(np.nan).to_numpy() for c in ("mid", "bid", "ask", "iv"))
    is_call, american = (out["right"] == "C").to_numpy(), out["american"].to_numpy()

    priced = np.isfinite(price)
    iv, status = implied_vol(np.where(priced, price, 1.0), forward, strike, years, is_call, rate)
    early = np.flatnonzero(american & priced)
    if len(early):
        smile = out["smile"].to_numpy()[early]
        option = (a[early] for a in (price, spot, forward, strike, years, is_call, rate))
        iv[early], status[early] = american_implied_vol(*option, ex_years=ex_years[smile], dividends=amounts[smile])
    iv = np.where(priced, iv, given)
    status = np.where(priced, status, np.uint8(InversionStatus.OK))
    premium = np.where(american, price - black_price(forward, strike, iv, years, is_call, rate), 0.0)
    sides = [implied_vol(side - premium, forward, strike, years, is_call, rate)[0] for side in (bid, ask)]
    inverted = out.with_columns(
        vendor_iv="iv",
        iv=pl.Series(iv),
        bid_iv=pl.Series(sides[0]),
        ask_iv=pl.Series(sides[1]),
        call_delta=pl.Series(call_delta(forward, strike, iv, years)),
        inversion=pl.Series(status),
    )
    kept = quotes_in_line(report.keep(inverted, GIVEN_RULES | STATUS_RULES | SMILE_RULES, final=False), report)
    return kept.select(
        *(*SMILE, "strike", "right", "iv", "bid_iv", "ask_iv", "call_delta", "forward", "years", "years_by_date"),
        vendor_iv=pl.when(pl.col("mid").is_not_null()).then(pl.col("vendor_iv")),
        priced=pl.col("mid").is_not_null(),
        fitted="fitted",
    )
