"""Quotes that contradict the quotes around them: a misplaced decimal point, an old trade, a slip of the hand.

The usual volatility of a quote is the median of the smile's quotes of the nearest strikes, its own among them, so one
wrong quote does not move it.
"""

import polars as pl

from engine.calendar import year_fraction
from engine.data.quotes.clean import QualityReport
from engine.data.quotes.filters import SMILE
from engine.pricing import black_price

NEAREST = 5  # quotes whose median is taken, calls and puts together; at the end of a smile, three
FEWEST = 3  # of which one may be wrong
# A quote is out of line where its volatility is twice the usual one, or half of it; or where already 1.3 times it makes
# five times the price, as far from the money. Of real closes of the Indian exchange that is .3 %, nearly all of them
# single trades in the money; of the US chains' volatilities .2 %, nearly all of them of deltas below ten.
VOLATILITY = 2.0
VOLATILITY_AND_PRICE = 1.3, 5.0


def quotes_in_line(quotes: pl.DataFrame, report: QualityReport) -> pl.DataFrame:
    """Return the quotes that are in line with those around them; the others are counted as `out_of_line`.

    Parameters
    ----------
    quotes : frame of date, asset, expiry, strike, right, iv, forward
        That broke no other rule.
    report : QualityReport
        Counts all quotes here, kept and dropped.

    Returns
    -------
    frame
        In the same order. A quote of a smile with fewer than three is held against all of its asset on that day.
    """
    nearest = pl.col("iv").rolling_median(NEAREST, min_samples=FEWEST, center=True)
    of_day = pl.when(pl.len().over("date", "asset") >= FEWEST).then(pl.col("iv").median().over("date", "asset"))
    usual = quotes.select(pl.coalesce(nearest.over(SMILE, order_by=["strike", "right"]), of_day).alias("usual"))[
        "usual"
    ]
    years = year_fraction((quotes["expiry"] - quotes["date"]).dt.total_days().to_numpy())
    forward, strike, iv = (quotes[name].to_numpy() for name in ("forward", "strike", "iv"))
    price, usual_price = (black_price(forward, strike, vol, years, strike >= forward) for vol in (iv, usual.to_numpy()))
    judged = quotes.with_columns(_vol=usual / quotes["iv"], _price=pl.Series(usual_price / price))
    vol, both = VOLATILITY, VOLATILITY_AND_PRICE
    rule = _beyond("_vol", vol) | (_beyond("_vol", both[0]) & _beyond("_price", both[1]))
    return report.keep(judged, {"out_of_line": rule.fill_null(False)}).drop("_vol", "_price")


def _beyond(column: str, factor: float) -> pl.Expr:
    return ~pl.col(column).fill_nan(1.0).is_between(1.0 / factor, factor)
