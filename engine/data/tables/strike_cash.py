"""Cash that is taken off strikes: special dividends as the OCC adjusts for them, and what mergers pay beside shares."""

import numpy as np
import polars as pl

from engine.data.tables.action_kinds import MIXED_MERGER, MOVES, STRIKE_DIVIDEND
from engine.errors import InputError

# Cash for a share of each row that takes some off strikes, null of the others.
_DIVIDEND, _BESIDE = pl.col("kind") == STRIKE_DIVIDEND, pl.col("kind") == MIXED_MERGER
CASH = pl.when(_DIVIDEND).then("amount").when(_BESIDE).then("cash")


def with_factors(events: pl.DataFrame, prices: pl.DataFrame, file: str) -> pl.DataFrame:
    """Give what is taken off strikes the factor by which it moves prices: 1 - cash / close before, after own actions.

    Before the first close of a name nothing is held, and none is given.

    Parameters
    ----------
    events : frame of date, asset, kind, factor, amount, into, cash
    prices : frame of date, asset, close
    file : str
        Where the events are from.

    Raises
    ------
    InputError
        When more is paid for a share than it was worth.
    """
    rows = events.with_columns(taken=CASH).with_row_index("row").sort("date")
    if rows["taken"].null_count() == rows.height:
        return events
    others = (
        rows.filter(pl.col("kind").is_in(list(MOVES))).group_by("date", "asset").agg(own=pl.col("factor").product())
    )
    closes = prices.filter(pl.col("close").is_finite()).sort("date").select("date", "asset", before="close")
    rows = rows.join(others, on=["date", "asset"], how="left", maintain_order="left").join_asof(
        closes, on="date", by="asset", allow_exact_matches=False, check_sortedness=False
    )
    rows = rows.with_columns(worth=pl.col("before") * pl.col("own").fill_null(1.0))
    dear = rows.filter(pl.col("taken") >= pl.col("worth")).select("kind", "asset", "date", "taken", "worth")
    for kind, asset, date, taken, worth in dear.head(1).iter_rows():
        raise InputError(
            f"{file}: the {kind} of {asset} on {date} pays {taken:g} in cash, and the close before was {worth:.6g}; "
            "give what is paid for one share, in prices as quoted that day"
        )
    alone = (1.0 - pl.col("taken") / pl.col("worth")).fill_null(1.0)
    factor = pl.when(pl.col("taken").is_not_null()).then(alone).otherwise("factor")
    return rows.with_columns(factor=factor).sort("row").select(events.columns)


def cash_taken(events: pl.DataFrame, dates: np.ndarray, names: list[str]) -> np.ndarray | None:
    """Arrange the cash for a share as (T, N), on the first session at or after each date; None where there is none."""
    found, column = np.zeros((len(dates), len(names))), {name: n for n, name in enumerate(names)}
    rows = events.with_columns(taken=CASH).filter(pl.col("taken").is_not_null() & pl.col("asset").is_in(names))
    for date, asset, cash in rows.select("date", "asset", "taken").iter_rows():
        day = np.datetime64(date, "D")
        if len(dates) and dates[0] <= day <= dates[-1]:
            found[np.searchsorted(dates, day), column[asset]] += cash
    return found if found.any() else None
