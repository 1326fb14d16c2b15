"""Several currencies in one book: P&L at the rate of its session, and what rates make of what was earned before."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from engine.data.tables.given import as_frame
from engine.errors import InputError

COLUMNS = ("date", "currency", "rate")


@dataclass(frozen=True, eq=False)
class Rates:
    """What currencies are worth in the one that a book is kept in, at the close of each date.

    Parameters
    ----------
    currency : str
        That of the book.
    known : dict of currency -> dict of date -> float
        Units of the book's currency for one of another.
    """

    currency: str
    known: dict[str, dict]

    def on(self, currency: str, dates: pl.Series) -> np.ndarray:
        """Return the rates of a currency on dates; 1 of the book's own.

        Raises
        ------
        InputError
            Where a date has none.
        """
        if currency == self.currency:
            return np.ones(len(dates))
        rates = self.known.get(currency, {})
        missing = [date for date in dates if date not in rates]
        if missing:
            raise InputError(
                f"fx has no rate of {currency} on {missing[0]} (and {len(missing) - 1} more dates); a book needs one "
                f"for each session of any of its markets: add rows of date, currency={currency} and rate, "
                f"{self.currency} for one {currency}"
            )
        return np.array([rates[date] for date in dates])

    def at(self, currency: str, date) -> float:
        """Return the rate of a currency on one date; see `on`."""
        return float(self.on(currency, pl.Series([date]))[0])

    def converted(self, currency: str, daily: pl.DataFrame, dates: pl.Series) -> pl.DataFrame:
        """Return what was earned in a currency in that of the book, with the column `fx`.

        A session's P&L counts at its own rate, and is kept in the currency it was made in. From then on it gains as the
        rate does: fx_t = (sum of pnl_net before t) (rate_t - rate_{t-1}). So the sum of pnl_net and fx, up to any date,
        is the sum of pnl_net in the currency at the rate of that date.

        Parameters
        ----------
        currency : str
        daily : frame
            date, pnl_net and other money, in the currency.
        dates : series
            Sessions of the book, ascending; those before the first of `daily` are left out.
        """
        sessions = dates.filter(dates >= daily["date"].min()).to_frame("date")
        local = sessions.join(daily, on="date", how="left", maintain_order="left").with_columns(
            pl.exclude("date").fill_null(0.0)
        )
        rates = self.on(currency, local["date"])
        balance = local["pnl_net"].to_numpy().cumsum()
        gains = np.append(0.0, balance[:-1] * np.diff(rates))
        return local.with_columns(pl.exclude("date") * pl.Series(rates)).with_columns(fx=pl.Series(gains))


def read_rates(currencies: set[str], currency: str | None, fx: Any) -> Rates:
    """Check the rates that a book of several currencies is kept by.

    Parameters
    ----------
    currencies : set of str
        That anything of the book is in.
    currency : str or None
        Of the book; None where all is in one.
    fx : frame or None
        date, currency, rate: units of the book's currency for one of the row's.

    Raises
    ------
    InputError
        When either is missing, or a row is no rate, or there are two of one currency and date.
    """
    if currency is None and len(currencies) == 1:
        (currency,) = currencies
    if currency is None or (fx is None and currencies != {currency}):
        raise InputError(
            f"a book is kept in one currency, and these are in {', '.join(sorted(currencies))}; say which as "
            "currency=, and give fx=, a frame of date, currency and rate"
        )
    return Rates(currency, {} if fx is None else _by_currency(as_frame(fx, "fx")))


def _by_currency(frame: pl.DataFrame) -> dict[str, dict]:
    if absent := [name for name in COLUMNS if name not in frame.columns]:
        raise InputError(f"fx has no column {absent[0]}; it needs {', '.join(COLUMNS)}")
    try:
        rows = frame.select(
            pl.col("date").cast(pl.Date), pl.col("currency").cast(pl.String), pl.col("rate").cast(pl.Float64)
        )
    except pl.exceptions.PolarsError as error:
        raise InputError(f"fx: {error}; date is a date, currency a code such as EUR, rate a number") from error
    odd = rows.filter(
        ~(pl.col("rate").is_finite() & (pl.col("rate") > 0.0)).fill_null(False) | pl.col("date").is_null()
    )
    if odd.height:
        raise InputError(
            f"fx has a rate of {odd['rate'][0]} for {odd['currency'][0]} on {odd['date'][0]}; leave it out"
        )
    twice = rows.filter(rows.select("date", "currency").is_duplicated())
    if twice.height:
        raise InputError(f"fx has two rates of {twice['currency'][0]} on {twice['date'][0]}; keep one")
    return {
        str(key[0]): dict(zip(part["date"], part["rate"], strict=True))
        for key, part in rows.partition_by("currency", as_dict=True).items()
    }
