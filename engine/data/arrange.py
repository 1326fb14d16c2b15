"""From rows to arrays: a column of a long frame put on the panel's axes."""

import numpy as np
import polars as pl


def on_dates(frame: pl.DataFrame, value: str, dates, assets) -> np.ndarray:
    """Arrange a column as (T, A), NaN where there is no row.

    Parameters
    ----------
    frame : frame with date, asset and the value; at most one row per pair
    value : str
    dates : array (T,), datetime64[D]; assets : sequence (A,) of str

    Examples
    --------
    >>> from datetime import date
    >>> rows = pl.DataFrame({"date": [date(2026, 1, 2)], "asset": ["B"], "close": [7.0]})
    >>> on_dates(rows, "close", np.array(["2026-01-01", "2026-01-02"], "datetime64[D]"), ["A", "B"]).tolist()
    [[nan, nan], [nan, 7.0]]
    """
    placed = _placed(frame, dates, assets)
    out = np.full((len(dates), len(assets)), np.nan)
    out[placed["t"].to_numpy(), placed["a"].to_numpy()] = placed[value].to_numpy()
    return out


def on_expiries(frame: pl.DataFrame, value: str, dates, assets, slots) -> np.ndarray:
    """Arrange a column as (T, A, E) by the slots (T, E) of listed expiries, NaN where there is no row."""
    t, e = np.nonzero(~np.isnat(slots))
    places = pl.DataFrame({"date": np.asarray(dates)[t], "expiry": slots[t, e], "e": e})
    placed = _placed(frame.join(places, on=["date", "expiry"]), dates, assets)
    out = np.full((len(dates), len(assets), slots.shape[1]), np.nan)
    out[placed["t"].to_numpy(), placed["a"].to_numpy(), placed["e"].to_numpy()] = placed[value].to_numpy()
    return out


def _placed(frame: pl.DataFrame, dates, assets) -> pl.DataFrame:
    rows = pl.DataFrame({"date": np.asarray(dates), "t": np.arange(len(dates))})
    columns = pl.DataFrame({"asset": list(assets), "a": np.arange(len(assets))})
    return frame.join(rows, on="date").join(columns, on="asset")
