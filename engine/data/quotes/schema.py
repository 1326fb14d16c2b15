"""The columns and units of option quotes, and checks that a file keeps to the units it is declared to have."""

from pathlib import Path

import dataframely as dy
import polars as pl

from engine.errors import InputError


class Quotes(dy.Schema):
    """Option quotes of any source, after reading: one row per option and date.

    Units: strike and forward in currency per share as quoted that day; iv in annualised decimals (0.20, never 20);
    call_delta is the delta of the call at the strike, 0..1, for calls and puts alike: Black's on the forward, computed
    from the quote's own strike and iv (`engine.pricing.call_delta`), never a vendor's.
    """

    date = dy.Date(nullable=False)
    asset = dy.String(nullable=False)
    expiry = dy.Date(nullable=False)
    strike = dy.Float64(nullable=False, min_exclusive=0.0)
    right = dy.Enum(["C", "P"], nullable=False)
    iv = dy.Float64(nullable=False, min_exclusive=0.0)
    call_delta = dy.Float64(nullable=False, min_exclusive=0.0, max_exclusive=1.0)


# In no market does the median volatility lie outside this range: percent and decimals were mixed up.
PLAUSIBLE_MEDIAN_IV = (0.02, 3.0)


def check_decimal_iv(quotes: pl.DataFrame, file: Path | str, column: str) -> None:
    """Raise InputError when the median of `iv` shows that it is not in decimals.

    Parameters
    ----------
    quotes : frame with iv
        After conversion to decimals.
    file, column : the file and its column, for the message
    """
    median = quotes.filter(pl.col("iv").is_finite()).select(pl.col("iv").median()).item()
    low, high = PLAUSIBLE_MEDIAN_IV
    if median is not None and not low <= median <= high:
        other = "already decimals" if median < low else "percent"
        raise InputError(
            f"{file}, column {column}: after conversion the median volatility is {median:.4g}, "
            f"so the column seems to be {other}; restore the declared unit"
        )


def check_call_delta(quotes: pl.DataFrame, file: Path | str, columns: dict[str, str]) -> None:
    """Raise InputError when most of a vendor's call deltas, of the calls or of the puts, lie outside 0..1.

    Parameters
    ----------
    quotes : frame with right and vendor_delta
    file : the file, for the message
    columns : dict of right -> the file's column and its convention, for the message
    """
    possible = (pl.col("vendor_delta") >= 0.0) & (pl.col("vendor_delta") <= 1.0)
    for right, column in columns.items():
        share = quotes.filter(pl.col("right") == right).select(possible.mean()).item()
        if share is not None and share < 0.5:
            raise InputError(
                f"{file}, column {column}: {1.0 - share:.0%} of the deltas lie outside that range; "
                f"restore the declared sign and scale"
            )
