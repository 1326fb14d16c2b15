"""Prices of S&P 500 members over five and a half years, without options: what published correlation was followed by.

Reads us_history/{prices_sp500_2019_2025,spy_holdings}.parquet.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from engine.data.arrange import on_dates
from engine.data.parquet import collect, scan
from engine.errors import InputError

FOLDER = "us_history"
PRICES = "prices_sp500_2019_2025.parquet"
HOLDINGS = "spy_holdings.parquet"
INDEX = "SPY"


@dataclass(frozen=True, eq=False)
class PriceHistory:
    """Returns and weights of the members, and the returns of the index fund; **survivors of 2025 only**.

    Parameters
    ----------
    dates : array (T,), datetime64[D]
    names : tuple of str, length N
    returns : array (T, N)
        Simple daily total returns, decimals, NaN on the first date and where there is no price.
    weights : array (T, N)
        Usable on their date: those of the first known holdings, moved by the adjusted closes from their date to the
        session before, and divided by the sum over the names. 0 where the name has no price.
    index_returns : array (T,)
        As `returns`, of the index fund.
    known : datetime64[D]
        Date of those holdings: on earlier dates nobody could have known them.
    """

    dates: np.ndarray
    names: tuple
    returns: np.ndarray
    weights: np.ndarray
    index_returns: np.ndarray
    known: np.datetime64


def load_sp500_history(path: Path | str) -> PriceHistory:
    """Load the members' returns, to measure which correlation followed a published level; never to trade on.

    Names and what is held of each are those of 2024-05-10 on all dates: names that had left the index by then are
    missing, and names that grew are too large at first. Whatever is measured on them must be labelled accordingly.
    Closes are adjusted for splits and dividends that came later, share counts are not: weights are taken as published,
    since a count of shares times a close divided by a later split is a tenth of the holding.

    Parameters
    ----------
    path : str or Path
        Folder that holds us_history/.

    Raises
    ------
    InputError
        When a file is missing.
    """
    folder = Path(path) / FOLDER
    for name in (PRICES, HOLDINGS):
        if not (folder / name).is_file():
            raise InputError(f"{folder / name} does not exist; path is the folder that holds {FOLDER}/")
    prices = _read(folder / PRICES, {"date": pl.Date, "ticker": pl.String, "adjusted": pl.Float64}).sort("date")
    holdings = _read(folder / HOLDINGS, {"asof": pl.Date, "ticker": pl.String, "weight": pl.Float64})
    for file, rows in ((PRICES, prices.select("date", "ticker")), (HOLDINGS, holdings.select("asof", "ticker"))):
        if (twice := rows.is_duplicated()).any():
            raise InputError(
                f"{folder / file} has {rows.filter(twice).row(0)[1]} more than once on a date; keep one row"
            )
    if INDEX not in prices["ticker"]:
        raise InputError(f"{folder / PRICES} has no {INDEX}, whose sessions are the market's; add it")
    if holdings.is_empty():
        raise InputError(f"{folder / HOLDINGS} has no row; give what is held of each member")
    held = holdings.filter((pl.col("asof") == pl.col("asof").min()) & (pl.col("weight") > 0.0))
    of_index = prices.filter(pl.col("ticker") == INDEX, pl.col("adjusted").is_not_null())  # has none on holidays
    dates, known = (days.to_numpy().astype("datetime64[D]") for days in (of_index["date"], holdings["asof"]))
    known = known.min()
    names = tuple(sorted((set(prices["ticker"].unique()) & set(held["ticker"])) - {INDEX}))
    closes = on_dates(prices.rename({"ticker": "asset"}), "adjusted", dates, [INDEX, *names])
    index, close = closes[:, 0], np.asfortranarray(closes[:, 1:])  # sums over names take one name after the other
    first = np.searchsorted(dates, known, side="right") - 1
    if first < 0:
        raise InputError(f"{folder / PRICES} begins after {known}, of which {HOLDINGS} has the weights")
    weight = dict(zip(held["ticker"], held["weight"], strict=True))
    value = np.nan_to_num(np.array([weight[name] for name in names]) * close / close[first])
    weights = np.zeros_like(close)
    total = value[:-1].sum(axis=1, keepdims=True)
    weights[1:] = value[:-1] / np.where(total > 0.0, total, 1.0)
    return PriceHistory(dates, names, _returns(close), weights, _returns(index), known)


def _read(file: Path, columns: dict) -> pl.DataFrame:
    return collect(scan(file, columns), file).drop_nulls(list(columns)[:2])


def _returns(close) -> np.ndarray:
    before = np.where(close[:-1] > 0.0, close[:-1], np.nan)
    return np.concatenate([np.full_like(close[:1], np.nan), close[1:] / before - 1.0])
