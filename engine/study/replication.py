"""Variance dispersion of the whole index, replicated from published indices and real closes: gross, and untradable."""

import numpy as np
import polars as pl

from engine.calendar import DAYS_PER_YEAR
from engine.statistics import hac_tstat

TENOR = 30  # calendar days: what VIX and VIXEQ are volatilities of
MONTH = 22  # sessions that they hold at most: entries so near to each other share returns
UNTRADABLE = "gross only, untradable: no strikes, no spreads, the fund for the index"
SCALES = {"coverage": 1.0, "implied": 1e2, "realized": 1e2, "members": 1e4, "index": 1e4, "gross": 1e4}
SAMPLES = {False: "survivors, weights of later", True: "point in time"}


def replication_form(published, history) -> pl.DataFrame:
    """Replicate a short variance swap on the index against one on each member, entered at every close for 30 days.

        members = sum w (RV_i - K_i^2)      with sum w K_i^2 = VIXEQ^2
        index   = VIX^2 - RV_I
        gross   = members + index = D_real^2 - D_impl^2,   D_impl^2 = VIXEQ^2 - VIX^2,   D_real^2 = sum w RV_i - RV_I

    Realised variance is 365 / 30 times the squared log returns of the sessions after the entry until 30 calendar days
    from it: one clock for all legs, that of the indices. Weights are those of the entry's previous close, of the names
    that have a return on each of these sessions, scaled to sum to 1.

    Parameters
    ----------
    published : DailySeries
        With VIX and VIXEQ, points.
    history : PriceHistory
        Total returns of members and of the fund; what has left the index before the last of them is missing.

    Returns
    -------
    frame
        A row per entry whose indices are published and whose life the closes reach: date, until (last session), sample
        (`SAMPLES`: weights are known from `history.known` on), coverage (share of the weight that has returns),
        implied and realized (D, decimals; null where D^2 < 0), members, index and gross (decimal variance), vol_points
        (gross / (2 VIX), vol points of index vega).
    """
    dates, weights = history.dates, history.weights
    vix, vixeq = (published.on(dates, name) / 100.0 for name in ("VIX", "VIXEQ"))
    last = np.searchsorted(dates, dates + np.timedelta64(TENOR, "D"), side="right") - 1
    reached = dates[-1] >= dates + np.timedelta64(TENOR, "D")
    entries = np.flatnonzero(reached & (vix > 0.0) & (vixeq > 0.0) & (weights.sum(axis=1) > 0.0))
    last = last[entries]
    returns = np.column_stack([history.index_returns, history.returns])
    variance = DAYS_PER_YEAR / TENOR * _squared_between(np.log1p(returns), entries, last)
    known = np.isfinite(variance[:, 1:])
    held = np.where(known, weights[entries], 0.0)
    coverage = held.sum(axis=1) / weights[entries].sum(axis=1)
    of_members = (held * np.where(known, variance[:, 1:], 0.0)).sum(axis=1) / held.sum(axis=1)
    members, index = of_members - vixeq[entries] ** 2, vix[entries] ** 2 - variance[:, 0]
    dispersion = {
        "implied": vixeq[entries] ** 2 - vix[entries] ** 2,
        "realized": of_members - variance[:, 0],
    }
    return pl.DataFrame(
        {
            "date": dates[entries],
            "until": dates[last],
            "sample": [SAMPLES[bool(late)] for late in dates[entries] >= history.known],
            "coverage": coverage,
            **{name: np.sqrt(np.where(square < 0.0, np.nan, square)) for name, square in dispersion.items()},
            "members": members,
            "index": index,
            "gross": members + index,
            "vol_points": 100.0 * (members + index) / (2.0 * vix[entries]),
        }
    ).with_columns(pl.selectors.float().fill_nan(None))


def replication_table(form: pl.DataFrame) -> pl.DataFrame:
    """Return per sample the means over entries, D x 100, variances x 10,000, and how sure the mean is.

    Parameters
    ----------
    form : frame
        As from `replication_form`.

    Returns
    -------
    frame
        sample, entries, apart (that do not overlap), coverage, implied, realized, members, index, gross, vol_points,
        won (share of entries with a gross P&L above 0), t (of vol_points, HAC).
    """
    rows = []
    for (sample,), part in form.group_by("sample", maintain_order=True):
        gross = part["vol_points"].to_numpy()
        rows.append(
            {"sample": sample, "entries": len(part), "apart": _apart(part)}
            | {name: scale * np.nanmean(part[name].to_numpy()) for name, scale in SCALES.items()}
            | {"vol_points": gross.mean(), "won": (gross > 0.0).mean(), "t": hac_tstat(gross, MONTH)}
        )
    return pl.DataFrame(rows).with_columns(pl.selectors.float().fill_nan(None))


def _squared_between(returns, after, until) -> np.ndarray:
    """Return the sum of squares of rows `after` + 1 to `until`, (E, ...): NaN where one of them is missing."""
    known = np.isfinite(returns)
    zero = np.zeros((1, returns.shape[1]))
    squares = np.concatenate([zero, np.cumsum(np.where(known, returns, 0.0) ** 2, axis=0)])
    missing = np.concatenate([zero, np.cumsum(~known, axis=0)])
    whole = missing[until + 1] == missing[after + 1]
    return np.where(whole, squares[until + 1] - squares[after + 1], np.nan)


def _apart(part: pl.DataFrame) -> int:
    """Count the entries that do not overlap, from the first one on."""
    count, free = 0, None
    for date, until in part.select("date", "until").iter_rows():
        if free is None or date >= free:
            count, free = count + 1, until
    return count
