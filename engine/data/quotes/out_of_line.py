"""Quotes that contradict the quotes around them: a misplaced decimal point, an old trade, a slip of the hand.

The usual volatility of a quote is the median of the smile's quotes of the nearest strikes, its own among them, so one
wrong quote does not move it.
"""

import numpy as np
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
    usual = pl.coalesce(nearest.over(SMILE, order_by=["strike", "right"]), of_day)
    usual = quotes.select(usual.alias("usual")).to_series().to_numpy()
    off, (odd_vol, odd_price) = usual / quotes["iv"].to_numpy(), VOLATILITY_AND_PRICE
    out, odd = _beyond(off, VOLATILITY), np.flatnonzero(_beyond(off, odd_vol))
    asked = quotes[odd]  # few: the price of the others decides nothing
    years = year_fraction((asked["expiry"] - asked["date"]).dt.total_days().to_numpy())
    forward, strike, iv = (asked[name].to_numpy() for name in ("forward", "strike", "iv"))
    price, usual_price = (black_price(forward, strike, vol, years, strike >= forward) for vol in (iv, usual[odd]))
    out[odd] |= _beyond(usual_price / price, odd_price)
    return report.keep(quotes, {"out_of_line": pl.lit(pl.Series(out))})


def _beyond(ratio: np.ndarray, factor: float) -> np.ndarray:
    """Tell where a ratio is known and lies outside 1 / factor to factor."""
    return (ratio < 1.0 / factor) | (ratio > factor)
