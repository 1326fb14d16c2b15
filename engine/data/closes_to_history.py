"""From closes to the history of a panel: the sessions that have prices, with and without option quotes."""

import numpy as np
import polars as pl

from engine.data.arrange import action_factors, on_dates
from engine.data.records import History


def closes_to_history(
    closes: pl.DataFrame, actions: pl.DataFrame, dates, index, names, legs, note=""
) -> History | None:
    """Arrange all closes up to the last date of a panel; None where they have no session that the panel lacks.

    A session is a date of the panel, or one on which the index and at least one name have a close. On a special session
    of the stocks alone the index has none, and a return over it would be missing on both sides.

    Parameters
    ----------
    closes : frame of date, asset, close
        Raw closes, at most one per date and asset; other assets are left out.
    actions : frame of date, asset, factor
        Corporate actions of the names, as for `action_factors`.
    dates : array (T,), datetime64[D]
        Sessions of the panel.
    index : str; names : sequence (N,) of str; legs : sequence (S,) of str
        Symbols of the index leg, of the names, and of the sectors' legs.
    note : str
        As in `History`.

    Examples
    --------
    >>> from datetime import date
    >>> days = [date(2026, 1, 2), date(2026, 1, 5), date(2026, 1, 6)]
    >>> rows = [(day, asset, 7.0) for day in days for asset in ("IDX", "A")]
    >>> closes = pl.DataFrame(rows, schema=["date", "asset", "close"], orient="row")
    >>> split = pl.DataFrame({"date": [days[1]], "asset": ["A"], "factor": [0.5]})
    >>> history = closes_to_history(closes, split, np.array(days[2:], "datetime64[D]"), "IDX", ["A"], [])
    >>> history.dates.astype(str).tolist(), history.return_factor[:, 0].tolist()
    (['2026-01-02', '2026-01-05', '2026-01-06'], [1.0, 0.5, 1.0])
    """
    known = closes.filter(pl.col("close").is_finite())
    of_index = known.filter(pl.col("asset") == index)["date"]
    of_names = known.filter(pl.col("asset").is_in(list(names)))["date"]
    priced = np.intersect1d(of_index.to_numpy(), of_names.to_numpy()).astype("datetime64[D]")
    sessions = np.union1d(priced[priced <= dates[-1]], dates) if len(dates) else dates
    if len(sessions) == len(dates):
        return None
    close = on_dates(closes, "close", sessions, [index, *names, *legs])
    return History(
        dates=sessions,
        index_close=close[:, 0],
        close=close[:, 1 : 1 + len(names)],
        return_factor=action_factors(actions, sessions, names),
        leg_close=close[:, 1 + len(names) :],
        note=note,
    )
