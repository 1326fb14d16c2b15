"""From rows to arrays: a column of a long frame is placed on the panel's axes."""

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
    """Arrange a column as (T, A, E), NaN where there is no row.

    Parameters
    ----------
    frame : frame with date, asset, expiry and the value; at most one row per triple
    value : str
    dates : array (T,), datetime64[D]; assets : sequence (A,) of str
    slots : array (T, E), datetime64[D]
        Listed expiries of each date; rows of other expiries are left out.
    """
    t, e = np.nonzero(~np.isnat(slots))
    places = pl.DataFrame({"date": np.asarray(dates)[t], "expiry": slots[t, e], "e": e})
    placed = _placed(frame.join(places, on=["date", "expiry"]), dates, assets)
    out = np.full((len(dates), len(assets), slots.shape[1]), np.nan)
    out[placed["t"].to_numpy(), placed["a"].to_numpy(), placed["e"].to_numpy()] = placed[value].to_numpy()
    return out


def as_actions(actions: pl.DataFrame) -> pl.DataFrame:
    """Return corporate actions with all columns that a table of them can have: those it has not are null."""
    optional = {"amount": pl.Float64, "into": pl.String, "cash": pl.Float64}
    given = (pl.lit(None, kind).alias(name) for name, kind in optional.items() if name not in actions.columns)
    return actions.with_columns(*given).select("date", "asset", "kind", "factor", *optional)


def action_factors(actions: pl.DataFrame, dates, assets) -> np.ndarray:
    """Arrange the factors of corporate actions as (T, A), each at the first session at or after its date, 1 elsewhere.

    An action on a day without a session, on a holiday or in a hole of the files, moves the prices of the next session.
    Actions before the first session and after the last one are left out: they move no price between two sessions.

    Parameters
    ----------
    actions : frame with date, asset and factor
        Factors that act on the same session multiply. A null, whose terms are unknown, makes their product NaN.
    dates : array (T,), datetime64[D]; assets : sequence (A,) of str

    Examples
    --------
    >>> from datetime import date
    >>> split = pl.DataFrame({"date": [date(2026, 1, 3)], "asset": ["B"], "factor": [0.5]})
    >>> action_factors(split, np.array(["2026-01-02", "2026-01-05"], "datetime64[D]"), ["A", "B"]).tolist()
    [[1.0, 1.0], [1.0, 0.5]]
    """
    factors = np.ones((len(dates), len(assets)))
    column = {asset: a for a, asset in enumerate(assets)}
    for date, asset, factor in actions.select("date", "asset", "factor").iter_rows():
        day = np.datetime64(date, "D")
        if len(dates) and dates[0] <= day <= dates[-1] and asset in column:
            factors[np.searchsorted(dates, day), column[asset]] *= np.nan if factor is None else factor
    return factors


def in_sectors(weights, of_name) -> np.ndarray:
    """Weight of each name in its own sector, (T, N), from weights in the whole; 0 where it has no sector.

    Examples
    --------
    >>> in_sectors(np.array([[0.5, 0.3, 0.1, 0.1]]), np.array(["Banks", "Energy", "Banks", ""])).round(4).tolist()
    [[0.8333, 1.0, 0.1667, 0.0]]
    """
    inside = np.zeros_like(weights)
    for sector in sorted({*of_name.tolist()} - {""}):
        here = of_name == sector
        total = weights[:, here].sum(axis=1, keepdims=True)
        inside[:, here] = weights[:, here] / np.where(total > 0.0, total, 1.0)
    return inside


def _placed(frame: pl.DataFrame, dates, assets) -> pl.DataFrame:
    rows = pl.DataFrame({"date": np.asarray(dates), "t": np.arange(len(dates))})
    columns = pl.DataFrame({"asset": pl.Series(list(assets), dtype=pl.String), "a": np.arange(len(assets))})
    return frame.join(rows, on="date").join(columns, on="asset")
