"""Closes, splits and interest rates of the US chains."""

import numpy as np
import polars as pl

from engine.data.arrange import action_factors
from engine.data.parquet import collect, scan, session_dates
from engine.data.sources.us_chains.files import ACTIONS, CHAINS, LEVELS, RATES, SPOT, SPX, chains
from engine.errors import InputError


def spots(folder) -> pl.DataFrame:
    """Closes of funds and members: date, asset, spot."""
    columns = {"date": pl.Date, "ticker": pl.String, "spot": pl.Float64}
    rows = collect(scan(folder / SPOT, columns), folder / SPOT, may_be_empty=False)
    return rows.rename({"ticker": "asset"})


def spx_closes(history) -> pl.DataFrame:
    """Closes of SPX itself, which is not among the funds and members: date, asset, spot."""
    columns = {"date": pl.Date, "index": pl.String, "close": pl.Float64}
    rows = scan(history / LEVELS, columns).filter(pl.col("index") == SPX).drop_nulls()
    closes = rows.rename({"index": "asset", "close": "spot"}).unique(["date", "asset"], maintain_order=True)
    return collect(closes, history / LEVELS, may_be_empty=False)


def splits(folder) -> pl.DataFrame:
    """Splits: date, ticker, kind, price_factor."""
    columns = {"date": pl.Date, "ticker": pl.String, "kind": pl.String, "price_factor": pl.Float64}
    return collect(scan(folder / ACTIONS, columns), folder / ACTIONS)


def strike_factors(folder, dates, names, end) -> np.ndarray:
    """Factors of splits, (T, N).

    Parameters
    ----------
    dates : array (T,), datetime64[D]
        Some of the sessions of the chains.
    end : str or None
        Last session to look at.
    """
    actions = splits(folder).rename({"ticker": "asset", "price_factor": "factor"})
    listed = session_dates(chains(folder, end=end), folder / CHAINS)
    # With all sessions before: an action between the first date and the session before it acts on the first date.
    before = listed[listed < dates[0]] if len(dates) else dates
    return action_factors(actions, np.concatenate([before, dates]), names)[len(before) :]


def rates(history, dates) -> tuple[np.ndarray, np.datetime64]:
    """Fed funds rate last published before each date, (T,), continuous, and the day that the last of them is for.

    Raises
    ------
    InputError
        When none was published before the first date.
    """
    rows = scan(history / RATES, {"date": pl.Date, "dff": pl.Float64}).drop_nulls().sort("date")
    published = collect(rows, history / RATES, may_be_empty=False)
    days = published["date"].to_numpy().astype("datetime64[D]")
    last = np.searchsorted(days, dates) - 1
    if (last < 0).any():
        raise InputError(
            f"{history / RATES} knows no rate before the first session {dates[0]} (its first is of {days[0]}); "
            f"add earlier ones or start later"
        )
    return np.log1p(published["dff"].to_numpy()[last] / 100.0), days[last[-1] if len(last) else -1]
