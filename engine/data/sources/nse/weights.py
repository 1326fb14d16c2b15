"""Members of the National Stock Exchange's indices, and their weights there."""

from typing import Any

import numpy as np
import polars as pl

from engine.data.parquet import collect, scan
from engine.data.quotes.clean import QualityReport
from engine.data.sources.nse.files import WEIGHTS
from engine.data.tables import contracts as tables
from engine.data.tables.judged_files import read_judged
from engine.errors import InputError

SUB_INDICES = {"NIFTY": {"Banks": "BANKNIFTY"}}  # index -> sector -> the sub-index on which options are listed


def members(folder, index: str, report: QualityReport) -> pl.DataFrame:
    """Read the weights of an index: date, symbol, weight.

    Raises
    ------
    InputError
        When the file has no weights of that index.
    """
    file = folder / WEIGHTS
    known = set(collect(scan(file, {"index": pl.String}).unique(), file)["index"].drop_nulls())
    if index not in known:
        raise InputError(f"index={index} has no weights in {file}; it has {', '.join(sorted(known))}")
    asked: dict[str, Any] = {"names": {"date": "date", "ticker": "symbol"}, "units": {"weight": "decimals"}}
    rows = read_judged(tables.WEIGHTS, file, report, where=pl.col("index") == index, what=f" ({index})", **asked)
    return rows.rename({"ticker": "symbol"})


def sub_indices(folder, index: str) -> dict[str, str]:
    """Return sector -> symbol of its sub-index, for the sub-indices whose weights the file has."""
    weights = scan(folder / WEIGHTS, {"index": pl.String}).unique()
    known = set(collect(weights, folder / WEIGHTS)["index"])
    return {sector: sub for sector, sub in SUB_INDICES.get(index, {}).items() if sub in known}


def all_names(folder, indices, report: QualityReport) -> list[str]:
    """Return every name that ever is a member of one of the indices, alphabetically."""
    return sorted(set().union(*(members(folder, index, report)["symbol"] for index in indices)))


def previous_weights(folder, index: str, dates, names, report: QualityReport) -> np.ndarray:
    """Weights of each name in an index at the last close before each date, (T, N); 0 = not a member."""
    ours = members(folder, index, report)
    known = ours["date"].unique().sort().to_numpy().astype("datetime64[D]")
    column = {name: n for n, name in enumerate(names)}
    by_day = np.zeros((len(known), len(names)))
    day = np.searchsorted(known, ours["date"].to_numpy().astype("datetime64[D]"))
    by_day[day, [column[symbol] for symbol in ours["symbol"]]] = ours["weight"].to_numpy()
    before = np.searchsorted(known, dates) - 1
    return np.where((before >= 0)[:, None], by_day[np.maximum(before, 0)], 0.0)


def sectors(folder, legs: dict, dates, names, report: QualityReport) -> tuple[np.ndarray, np.ndarray]:
    """Return the sector of each name, (N,) str, and its weight there, (T, N); a sector is its sub-index."""
    of_name = np.full(len(names), "", dtype=object)
    weights = np.zeros((len(dates), len(names)))
    for sector, sub_index in legs.items():
        of_name[np.isin(names, members(folder, sub_index, report)["symbol"])] = sector
        weights += previous_weights(folder, sub_index, dates, names, report)
    return of_name.astype(str), weights
