"""Bid and ask of SPX options at all strikes of the expiries around 30 days: the strips of the VIX.

Reads us2026/spx_quotes.parquet.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from engine.calendar import DAYS_PER_YEAR, days_between, monthly_expiries, weekly_expiries
from engine.data.parquet import collect, scan
from engine.data.sources.us_chains.files import CHAIN_FOLDER, SPX_QUOTES

# Minutes after midnight in New York: the close of index options, at which published index values of a day are taken,
# and the two times at which SPX options settle.
CLOSE = 16 * 60 + 15
MORNING = 9 * 60 + 30
AFTERNOON = 16 * 60
COLUMNS = {
    "session_date": pl.Date,
    "expiry": pl.Date,
    "root": pl.String,
    "right": pl.String,
    "strike": pl.Float64,
    "bid": pl.Float64,
    "ask": pl.Float64,
}
SIDES = ("call_bid", "call_ask", "put_bid", "put_ask")


@dataclass(frozen=True, eq=False)
class OptionStrips:
    """Quotes of every strike of a few expiries per session.

    Parameters
    ----------
    dates : array (T,), datetime64[D]
    expiry : array (T, E), datetime64[D]
        Ascending, NaT where fewer; a day with a morning and an afternoon settlement takes two slots.
    days : array (T, E)
        Calendar days to the expiry's date.
    years : array (T, E)
        Minutes from the close to settlement / 525,600.
    standard : array (T, E), bool
        Whether the VIX may use the expiry: Fridays (the session before where that is a holiday), and of a third Friday
        only the one that settles in the morning.
    strike, call_bid, call_ask, put_bid, put_ask : array (T, E, S)
        Strikes ascending, NaN at the end of shorter strips and where an option is not in the file.
    """

    dates: np.ndarray
    expiry: np.ndarray
    days: np.ndarray
    years: np.ndarray
    standard: np.ndarray
    strike: np.ndarray
    call_bid: np.ndarray
    call_ask: np.ndarray
    put_bid: np.ndarray
    put_ask: np.ndarray


def read_spx_strips(path, days: tuple[int, int] = (24, 37)) -> OptionStrips:
    """Read the SPX strips whose expiries lie within a range of calendar days.

    Parameters
    ----------
    path : str or Path
        Folder that holds us2026/.
    days : tuple of two int
        First and last day read; the file holds every strike from 24 to 37 only.

    Raises
    ------
    InputError
        When the file cannot be read, or has no expiry in the range.
    """
    file = Path(path) / CHAIN_FOLDER / SPX_QUOTES
    inside = (pl.col("expiry") - pl.col("session_date")).dt.total_days().is_between(*days)
    option = ["session_date", "expiry", "root", "strike"]
    quotes = collect(
        scan(file, COLUMNS)
        .filter(inside)
        .group_by(option)
        .agg(
            pl.col(price).filter(pl.col("right") == right[0].upper()).first().alias(f"{right}_{price}")
            for right in ("call", "put")
            for price in ("bid", "ask")
        )
        .sort(option),
        file,
        may_be_empty=False,
    )
    return _arranged(quotes)


def _arranged(quotes: pl.DataFrame) -> OptionStrips:
    """Put sorted rows into padded arrays; root SPX comes before SPXW, as it settles before it."""
    strip = ["session_date", "expiry", "root"]
    placed = quotes.with_columns(
        (pl.col("session_date").rank("dense") - 1).alias("t"),
        (pl.struct("expiry", "root").rank("dense").over("session_date") - 1).alias("e"),
        pl.int_range(pl.len()).over(strip).alias("s"),
    )
    at = tuple(placed[axis].to_numpy().astype(int) for axis in ("t", "e", "s"))
    shape = tuple(int(axis.max()) + 1 for axis in at)
    arrays = {}
    for column in ("strike", *SIDES):
        arrays[column] = np.full(shape, np.nan)
        arrays[column][at] = placed[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
    expiry = np.full(shape[:2], np.datetime64("NaT", "D"))
    morning = np.zeros(shape[:2], bool)
    expiry[at[:2]] = placed["expiry"].to_numpy()
    morning[at[:2]] = (placed["root"] == "SPX").to_numpy()
    dates = quotes["session_date"].unique().sort().to_numpy().astype("datetime64[D]")
    days = days_between(expiry, dates[:, None])
    minutes = 1440.0 * days + np.where(morning, MORNING, AFTERNOON) - CLOSE
    span = (dates[0], np.nanmax(expiry))
    third, friday = (np.isin(expiry, expiries("XNYS", *span)) for expiries in (monthly_expiries, weekly_expiries))
    return OptionStrips(
        dates=dates,
        expiry=expiry,
        days=days,
        years=minutes / (1440.0 * DAYS_PER_YEAR),
        standard=friday & (third == morning),
        **arrays,
    )
