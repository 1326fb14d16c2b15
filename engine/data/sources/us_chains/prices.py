"""Closes, corporate actions and interest rates of the US chains."""

import numpy as np
import polars as pl

from engine.calendar import days_between
from engine.data.parquet import session_dates
from engine.data.quotes.clean import QualityReport
from engine.data.sources.file_actions import file_actions
from engine.data.sources.us_chains.files import ACTIONS, CHAINS, LEVELS, RATES, SPOT, SPX, chains
from engine.data.tables import contracts as tables
from engine.data.tables.judged_files import read_judged
from engine.data.tables.moves import Moves, moves
from engine.data.tables.strike_cash import with_factors
from engine.errors import InputError

STALE_DAYS = 31  # a rate that is older on a session is told
LOW_RATE = 0.002  # a file that never goes beyond it seems to be in decimals, and not in percent


def spots(folder, report: QualityReport) -> pl.DataFrame:
    """Closes of funds and members: date, asset, spot."""
    rows = read_judged(tables.PRICES, folder / SPOT, report, names={"close": "spot"})
    return rows.rename({"ticker": "asset", "close": "spot"})


def spx_closes(history, report: QualityReport) -> pl.DataFrame:
    """Closes of SPX itself, which is not among the funds and members: date, asset, spot."""
    of_spx = {"names": {"ticker": "index"}, "where": pl.col("index") == SPX}
    rows = read_judged(tables.PRICES, history / LEVELS, report, **of_spx)
    return rows.rename({"ticker": "asset", "close": "spot"})


def corporate_actions(folder, report: QualityReport) -> pl.DataFrame:
    """Corporate actions: date, asset, kind, factor, amount, into, cash."""
    return file_actions(folder / ACTIONS, report).rename({"ticker": "asset"})


def priced_actions(folder, report: QualityReport) -> pl.DataFrame:
    """Corporate actions, those that take cash off strikes with the factor by which they move prices."""
    closes = spots(folder, report).rename({"spot": "close"})
    return with_factors(corporate_actions(folder, report), closes, str(folder / ACTIONS))


def moves_of(folder, dates, names, end, report: QualityReport) -> Moves:
    """What corporate actions do on some dates.

    Parameters
    ----------
    dates : array (T,), datetime64[D]
        Some of the sessions of the chains.
    end : str or None
        Last session to look at.
    """
    listed = session_dates(chains(folder, end=end), folder / CHAINS)
    return moves(priced_actions(folder, report), dates, listed, names)


def rates(history, dates, report: QualityReport) -> tuple[np.ndarray, np.datetime64]:
    """Fed funds rate last published before each date, (T,), continuous, and the day that the last of them is for.

    A rate that is old on a session, and a file that seems to be in decimals, is told and counted in `report`.

    Raises
    ------
    InputError
        When none was published before the first date.
    """
    file = history / RATES
    published = read_judged(tables.RATES, file, report, names={"rate": "dff"}, units={"rate": "percent"}).sort("date")
    days, rate = published["date"].to_numpy().astype("datetime64[D]"), published["rate"].to_numpy()
    last = np.searchsorted(days, dates) - 1
    if (last < 0).any():
        raise InputError(
            f"{file} knows no rate before the first session {dates[0]} (its first is of {days[0]}); "
            f"add earlier ones or start later"
        )
    if np.abs(rate).max() < LOW_RATE:
        words = f"no rate is beyond {LOW_RATE:.1%}: are they decimals, and not percent as they should be?"
        report.suspect("", "rates.suspected_decimals", len(rate), f"{file}, column dff: {words}")
    old = days_between(dates, days[last])
    if stale := int((old > STALE_DAYS).sum()):
        words = f"on {stale:,} sessions the last rate known is more than {STALE_DAYS} days old, at most {old.max():.0f}"
        report.suspect("", "rates.stale", stale, f"{file}: {words}")
    return np.log1p(rate[last]), days[last[-1] if len(last) else -1]
