"""Weights of the members, as they were known before each session: given with dates, without, or equal."""

import numpy as np
import polars as pl

from engine.data.arrange import on_dates
from engine.errors import InputError

EQUAL = "equal"
KNOWN = ("close", "open")


def equal_weights(prices: pl.DataFrame, sessions, dates, names) -> np.ndarray:
    """1 / N of the names that had a price the session before, (T, N).

    Parameters
    ----------
    prices : frame of date, asset, close
    sessions : array (H,), datetime64[D]
        All sessions that have prices, those before the panel's too: without one before it, a date has no weights.
    dates : array (T,), datetime64[D]; names : sequence (N,) of str

    Examples
    --------
    >>> from datetime import date
    >>> prices = pl.DataFrame({"date": [date(2026, 1, 2)], "asset": ["B"], "close": [7.0]})
    >>> days = np.array(["2026-01-02", "2026-01-05"], "datetime64[D]")
    >>> equal_weights(prices, days, days, ["A", "B"]).tolist()
    [[0.0, 0.0], [0.0, 1.0]]
    """
    priced = np.isfinite(on_dates(prices, "close", sessions, names))
    before = np.searchsorted(sessions, dates) - 1
    known = np.where((before >= 0)[:, None], priced[np.maximum(before, 0)], False)
    return known / np.maximum(known.sum(axis=1, keepdims=True), 1)


def known_weights(weights: pl.DataFrame, dates, names, known: str) -> np.ndarray:
    """Weights last known before each date, (T, N): 0 = not a member then.

    Parameters
    ----------
    weights : frame of date, ticker, weight
        Decimals; without dates they are the same on all. Each date lists all members.
    dates : array (T,), datetime64[D]; names : sequence (N,) of str
    known : str
        "close": weights dated t are that close's, and count from the next session. "open": they count on t.

    Raises
    ------
    InputError
        When `known` is something else, or nothing has a weight.
    """
    if known not in KNOWN:
        raise InputError(f"weights_known={known} is unknown; choose close or open")
    if not (weights["weight"] > 0.0).any():
        raise InputError("no weight is above 0: give each member its share of the index, or weights=equal")
    if weights["date"].null_count() == weights.height:
        of_name = dict(weights.select("ticker", "weight").iter_rows())
        table, row = np.array([[of_name.get(name, 0.0) for name in names]]), np.zeros(len(dates), int)
    else:
        days = weights["date"].unique().sort().to_numpy().astype("datetime64[D]")
        table = np.nan_to_num(on_dates(weights.rename({"ticker": "asset"}), "weight", days, names))
        row = np.searchsorted(days, dates, side="right" if known == "open" else "left") - 1
    table = table / np.maximum(table.sum(axis=1, keepdims=True), 1.0)  # rounded shares sum to a little more than 1
    found = np.where((row >= 0)[:, None], table[np.maximum(row, 0)], 0.0)
    if not (found > 0.0).any():
        raise InputError(
            f"no weight counts on any session: they are dated from {weights['date'].min()} on, and the sessions end on "
            f"{dates[-1]}; add earlier weights, or leave the dates out"
        )
    return found
