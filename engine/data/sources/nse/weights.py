"""Members of the National Stock Exchange's indices, and their weights there."""

import numpy as np
import polars as pl

from engine.data.parquet import collect, scan
from engine.data.sources.nse.files import WEIGHTS
from engine.errors import InputError

SUB_INDICES = {"NIFTY": {"Banks": "BANKNIFTY"}}  # index -> sector -> the sub-index on which options are listed


def members(folder, index: str) -> pl.DataFrame:
    """Read the weights of an index: date, index, symbol, weight.

    Raises
    ------
    InputError
        When the file has no weights of that index.
    """
    columns = {"date": pl.Date, "index": pl.String, "symbol": pl.String, "weight": pl.Float64}
    weights = collect(scan(folder / WEIGHTS, columns), folder / WEIGHTS)
    ours = weights.filter(pl.col("index") == index)
    if ours.height == 0:
        known = ", ".join(sorted(weights["index"].unique()))
        raise InputError(f"index={index} has no weights in {folder / WEIGHTS}; it has {known}")
    return ours


def sub_indices(folder, index: str) -> dict[str, str]:
    """Return sector -> symbol of its sub-index, for the sub-indices whose weights the file has."""
    weights = scan(folder / WEIGHTS, {"index": pl.String}).unique()
    known = set(collect(weights, folder / WEIGHTS)["index"])
    return {sector: sub for sector, sub in SUB_INDICES.get(index, {}).items() if sub in known}


def all_names(folder, indices) -> list[str]:
    """Return every name that ever is a member of one of the indices, alphabetically."""
    return sorted(set().union(*(members(folder, index)["symbol"] for index in indices)))


def previous_weights(folder, index: str, dates, names) -> np.ndarray:
    """Weights of each name in an index at the last close before each date, (T, N); 0 = not a member."""
    ours = members(folder, index)
    known = ours["date"].unique().sort().to_numpy().astype("datetime64[D]")
    column = {name: n for n, name in enumerate(names)}
    by_day = np.zeros((len(known), len(names)))
    day = np.searchsorted(known, ours["date"].to_numpy().astype("datetime64[D]"))
    by_day[day, [column[symbol] for symbol in ours["symbol"]]] = ours["weight"].to_numpy()
    before = np.searchsorted(known, dates) - 1
    return np.where((before >= 0)[:, None], by_day[np.maximum(before, 0)], 0.0)


def sectors(folder, legs: dict, dates, names) -> tuple[np.ndarray, np.ndarray]:
    """Return the sector of each name, (N,) str, and its weight there, (T, N); a sector is its sub-index."""
    of_name = np.full(len(names), "", dtype=object)
    weights = np.zeros((len(dates), len(names)))
    for sector, sub_index in legs.items():
        of_name[np.isin(names, members(folder, sub_index)["symbol"])] = sector
        weights += previous_weights(folder, sub_index, dates, names)
    return of_name.astype(str), weights
