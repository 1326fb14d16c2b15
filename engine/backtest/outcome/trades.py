"""The best and worst day, week, month, quarter and year of a record, and its cohorts counted as trades."""

import numpy as np
import polars as pl

from engine.arrays import Dates, Floats
from engine.backtest.outcome.performance import gains_over_losses

SPANS = {"day": "1d", "week": "1w", "month": "1mo", "quarter": "1q", "year": "1y"}


def spans(dates: Dates, pnl: Floats) -> pl.DataFrame:
    """Return the best and the worst of each span of the calendar, with the date that each begins on.

    Parameters
    ----------
    dates : array (T,), datetime64[D]
    pnl : array (T,)
        In any unit, which sums have too: P&L on a fixed capital does not compound.

    Returns
    -------
    frame of span, count, positive (share above zero of those not zero), best, best_from, worst, worst_from

    Examples
    --------
    >>> days = np.array(["2024-01-30", "2024-01-31", "2024-02-01"], dtype="datetime64[D]")
    >>> spans(days, np.array([1.0, -3.0, 2.0])).row(2)
    ('month', 2, 0.5, 2.0, datetime.date(2024, 2, 1), -2.0, datetime.date(2024, 1, 1))
    """
    daily = pl.DataFrame({"date": dates.astype("datetime64[D]"), "pnl": np.asarray(pnl, dtype=float)})
    rows = []
    for span, every in SPANS.items():
        total = daily.group_by(pl.col("date").dt.truncate(every)).agg(pl.col("pnl").sum()).sort("date")
        moved = total.filter(pl.col("pnl") != 0.0)["pnl"]
        best, worst = (total.row(at) for at in (total["pnl"].arg_max(), total["pnl"].arg_min()))
        positive = (moved > 0.0).mean() if len(moved) else None
        rows.append((span, total.height, positive, best[1], best[0], worst[1], worst[0]))
    columns = ["span", "count", "positive", "best", "best_from", "worst", "worst_from"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def cohorts_as_trades(dates: Dates, ledger: pl.DataFrame) -> pl.DataFrame | None:
    """Return what cohorts come to as trades, one after the other by their entries; None where there is none.

    Parameters
    ----------
    dates : array (T,), datetime64[D]
        Sessions.
    ledger : frame of cohort, entry_date, exit_date, pnl_net

    Returns
    -------
    frame of metric, value, unit (money, count, percent or ratio)
    """
    if ledger.is_empty():
        return None
    each = ledger.group_by("cohort").agg(pl.col("pnl_net").sum(), pl.col("entry_date").min(), pl.col("exit_date").max())
    each = each.sort("entry_date", "cohort")
    net = each["pnl_net"].to_numpy()
    first, last = (np.searchsorted(dates, each[name].to_numpy().astype(dates.dtype)) for name in each.columns[2:])
    change = np.zeros(len(dates) + 1, dtype=int)
    np.add.at(change, first + 1, 1)  # entered at the close
    np.add.at(change, last + 1, -1)
    open_on = np.cumsum(change)[: len(dates)]
    gained, lost = net[net > 0.0], net[net < 0.0]
    gain, loss = (float(part.mean()) if len(part) else np.nan for part in (gained, lost))
    rows = [
        ("cohorts", len(net), "count"),
        ("with a gain", len(gained) / len(net), "percent"),
        ("mean of all (expectancy)", float(net.mean()), "money"),
        ("median", float(np.median(net)), "money"),
        ("mean gain", gain, "money"),
        ("mean loss", loss, "money"),
        ("mean gain over mean loss (payoff ratio)", -gain / loss, "ratio"),
        ("gains over losses (profit factor)", gains_over_losses(net), "ratio"),
        ("best", float(net.max()), "money"),
        ("worst", float(net.min()), "money"),
        ("most gains in a row", _longest(net > 0.0), "count"),
        ("most losses in a row", _longest(net < 0.0), "count"),
        ("sessions held, mean", float((last - first).mean()), "ratio"),
        ("sessions held, most", int((last - first).max()), "count"),
        ("held at once, most", int(open_on.max()), "count"),
        ("sessions with a cohort held", float((open_on > 0).mean()), "percent"),
    ]
    frame = pl.DataFrame(rows, schema={"metric": pl.String, "value": pl.Float64, "unit": pl.String}, orient="row")
    return frame.with_columns(pl.col("value").fill_nan(None))


def _longest(flags: np.ndarray) -> int:
    """Most True in a row.

    Examples
    --------
    >>> _longest(np.array([True, False, True, True]))
    2
    """
    ends = np.flatnonzero(~np.concatenate([[False], flags, [False]]))
    return int(np.diff(ends).max() - 1)
