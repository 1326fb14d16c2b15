"""Several currencies in one book: P&L at the rate of its session, and what rates make of what was earned before."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from engine.data.tables.contracts import EXCHANGE_RATES
from engine.data.tables.given import as_frame
from engine.data.tables.judge import judged
from engine.errors import InputError

# Close to close no currency has moved by a quarter and come back the day after, and none by a factor of eight but by
# being renamed in other units. NEAR is what a day's move of its own leaves of the way back.
THERE_AND_BACK, RESCALED, NEAR = 1.25, 8.0, 0.04
LONGEST_GAP = 10  # days between two rates, beyond which they say nothing of each other
INVERTED = 0.02  # of one over the rate before, where the two are more than five times as far apart


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
        When either is missing, a row breaks the contract (`engine.data.tables.contracts.EXCHANGE_RATES`), rates of the
        book's own currency are not 1, or rates move as no currency does.
    """
    if currency is None and len(currencies) == 1:
        (currency,) = currencies
    if currency is None or (fx is None and currencies != {currency}):
        raise InputError(
            f"a book is kept in one currency, and these are in {', '.join(sorted(currencies))}; say which as "
            "currency=, and give fx=, a frame of date, currency and rate"
        )
    return Rates(currency, {} if fx is None else _by_currency(as_frame(fx, "fx"), currency))


def _by_currency(given: pl.DataFrame, own: str) -> dict[str, dict]:
    told = judged(EXCHANGE_RATES, given, "fx")
    if told.rejected.height:
        _, _, line, column, reason, value = told.rejected.row(0)
        more = f"; {told.rejected.height - 1:,} more such rows" if told.rejected.height > 1 else ""
        raise InputError(f"fx, row {line}, column {column}: {reason} ({value}){more}; mend it, or leave it out")
    rates = {str(code): part.sort("date") for (code,), part in told.kept.group_by("currency", maintain_order=True)}
    for code, part in rates.items():
        if code == own and (part["rate"] != 1.0).any():
            raise InputError(f"fx has rates of {own}, which the book is kept in, that are not 1; leave its rows out")
        _check_moves(code, part["date"].to_numpy(), part["rate"].to_numpy(), own)
    return {code: dict(zip(part["date"], part["rate"], strict=True)) for code, part in rates.items()}


def _check_moves(code: str, dates: np.ndarray, rates: np.ndarray, own: str) -> None:
    """Raise InputError where rates move as no currency does."""
    level = np.log(rates)
    move = np.where(np.diff(dates) <= np.timedelta64(LONGEST_GAP, "D"), np.diff(level), 0.0)
    back = np.abs(np.append(level[2:] - level[:-2], np.inf)) < NEAR
    inverted = (np.abs(level[1:] + level[:-1]) < INVERTED) & (np.abs(move) > 5.0 * INVERTED)
    for odd, what in (
        (inverted, "is one over the rate before: it is units of the one currency for the other on both"),
        ((np.abs(move) > np.log(THERE_AND_BACK)) & back, "is that of a day, and the next is as before"),
        (np.abs(move) > np.log(RESCALED), "is in other units than the rate before"),
    ):
        if len(found := np.flatnonzero(odd)):
            t = int(found[0]) + 1
            raise InputError(
                f"fx: the rate of {code} is {rates[t]:.6g} on {dates[t]} after {rates[t - 1]:.6g} on {dates[t - 1]}, "
                f"which {what}; a rate is {own} for one {code}: mend it"
            )
