"""Model-free variance of every listed expiry, from its quotes at all strikes by the rules of VIX and DSPX.

American quotes enter as they are, as they do in the published indices.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.calendar import DAYS_PER_YEAR, days_between, monthly_expiries, weekly_expiries
from engine.data.quotes.clock import Clock
from engine.pricing import strip_variance, tenors_from_expiries

SIDES = tuple(f"{right}_{price}" for right in ("call", "put") for price in ("bid", "ask"))
STRIP = ["date", "ticker", "expiry", "settlement"]
STRIPS_AT_ONCE = 2048


@dataclass(frozen=True, eq=False)
class QuotedStrips:
    """Strips of A assets on T dates; an expiry that settles morning and afternoon takes two of its E slots.

    Parameters
    ----------
    dates : array (T,), datetime64[D]; assets : tuple (A,) of str
    expiry : array (T, A, E), datetime64[D]
        Ascending, NaT where fewer.
    days, years : array (T, A, E)
        Calendar days to the expiry's date; time to settlement, minutes / 525,600.
    monthly, standard : array (T, A, E), bool
        Third Fridays, or the session before a holiday; and those that VIX may use: all Fridays, of a third Friday the
        morning's alone where both settlements are listed.
    variance : array (T, A, E)
        Annualised decimals, as from `strip_variance`.
    options : array (T, A, E), int
        Options used beside the one at the money.
    """

    dates: np.ndarray
    assets: tuple
    expiry: np.ndarray
    days: np.ndarray
    years: np.ndarray
    monthly: np.ndarray
    standard: np.ndarray
    variance: np.ndarray
    options: np.ndarray

    def at_tenors(self, tenors, max_extrapolation_days: float = 0.0) -> np.ndarray:
        """Volatility (T, A, K) at constant tenors, calendar days: total variance linear in time between expiries."""
        root = np.sqrt(np.where(self.variance > 0.0, self.variance, np.nan))[..., None]
        vol, _ = tenors_from_expiries(root, self.years * DAYS_PER_YEAR, tenors, max_extrapolation_days)
        return vol[..., 0]


def quoted_strips(
    quotes: pl.DataFrame,
    rate: pl.DataFrame,
    dates,
    assets,
    clock: Clock | None = None,
    *,
    min_options: int = 3,
    calendar: str = "XNYS",
) -> QuotedStrips:
    """Return the model-free variance of every (date, asset, expiry) with quotes of both sides.

    Parameters
    ----------
    quotes : frame of date, ticker, expiry, strike, right (C, P), bid, ask, and settlement (am, pm) where known
        All strikes, those without a bid too: they end a strip.
    rate : frame of date, rate (continuous decimals)
    dates : array (T,), datetime64[D], ascending; assets : sequence (A,) of str
    clock : Clock or None
    min_options : int
        Needed on either side of the money; 3 as in DSPX.
    calendar : str
        exchange_calendars code, whose third Fridays are monthly.
    """
    clock = clock or Clock()
    strips, at, arrays = _arranged(quotes, clock)
    rates = strips.join(rate.select("date", "rate"), on="date", how="left", maintain_order="left")["rate"]
    years = clock.years(*(strips[c].to_numpy() for c in ("date", "expiry", "settlement")))
    variance, options = np.full(strips.height, np.nan), np.zeros(strips.height, int)
    growth = rates.fill_null(np.nan).to_numpy()
    for first in range(0, strips.height, STRIPS_AT_ONCE):
        rows = slice(first, first + STRIPS_AT_ONCE)
        deepest = 1 + int(at[1][(at[0] >= rows.start) & (at[0] < rows.stop)].max(initial=0))
        strike, *sides = (array[rows, :deepest] for array in arrays)
        timed = {"years": years[rows], "rate": growth[rows]}
        found = strip_variance(strike, *sides, **timed, min_options=min_options)
        variance[rows], options[rows] = found.variance, found.calls + found.puts
    return _placed(strips, years, variance, options, np.asarray(dates), tuple(assets), calendar)


def _arranged(quotes: pl.DataFrame, clock: Clock):
    """Strips (X rows), where each strike lies, and strike, call and put bid and ask as padded arrays (X, S)."""
    if "settlement" not in quotes.columns:
        quotes = quotes.with_columns(settlement=pl.lit(None, pl.String))
    known = quotes.with_columns(pl.col("settlement").fill_null(clock.default))
    known = known.filter(pl.col("expiry") > pl.col("date"), pl.col("bid").is_not_null(), pl.col("ask").is_not_null())
    wide = (
        known.group_by(*STRIP, "strike")
        .agg(
            pl.col(price).filter(pl.col("right") == right[0].upper()).first().alias(f"{right}_{price}")
            for right in ("call", "put")
            for price in ("bid", "ask")
        )
        .sort(*STRIP, "strike")
    )
    strips = wide.select(STRIP).unique(maintain_order=True)
    placed = wide.with_columns(
        x=pl.struct(STRIP).rle_id().cast(pl.Int64), s=pl.int_range(pl.len()).over(STRIP, order_by="strike")
    )
    at = (placed["x"].to_numpy(), placed["s"].to_numpy())
    shape = (strips.height, 1 + int(at[1].max(initial=0)))
    arrays = []
    for column in ("strike", *SIDES):
        array = np.full(shape, np.nan)
        array[at] = placed[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
        arrays.append(array)
    return strips, at, arrays


def _placed(strips: pl.DataFrame, years, variance, options, dates, assets, calendar: str) -> QuotedStrips:
    order = pl.DataFrame({"ticker": pl.Series(assets, dtype=pl.String), "a": np.arange(len(assets))})
    sessions = pl.DataFrame({"date": dates, "t": np.arange(len(dates))})
    rows = strips.with_columns(years=years, variance=variance, options=options)
    rows = rows.join(sessions, on="date").join(order, on="ticker").sort("t", "a", "expiry", "settlement")
    rows = rows.with_columns(
        e=pl.int_range(pl.len()).over("t", "a"), both=pl.col("settlement").n_unique().over("t", "a", "expiry") > 1
    )
    at = tuple(rows[axis].to_numpy() for axis in ("t", "a", "e"))
    shape = (len(dates), len(assets), 1 + int(at[2].max(initial=0)))

    def axes(values, empty, kind):
        array = np.full(shape, empty, dtype=kind)
        array[at] = values
        return array

    expiry = rows["expiry"].to_numpy().astype("datetime64[D]")
    third = friday = np.zeros(len(expiry), bool)
    if len(expiry):
        span = (dates[0], expiry.max())
        third, friday = (np.isin(expiry, found(calendar, *span)) for found in (monthly_expiries, weekly_expiries))
    morning, both = (rows["settlement"] == "am").to_numpy(), rows["both"].to_numpy()
    slots = axes(expiry, np.datetime64("NaT", "D"), "datetime64[D]")
    return QuotedStrips(
        dates=dates,
        assets=assets,
        expiry=slots,
        days=days_between(slots, dates[:, None, None]),
        years=axes(rows["years"].to_numpy(), np.nan, float),
        monthly=axes(third, False, bool),
        standard=axes(friday & (~both | (third == morning)), False, bool),
        variance=axes(rows["variance"].to_numpy(), np.nan, float),
        options=axes(rows["options"].to_numpy(), 0, int),
    )
