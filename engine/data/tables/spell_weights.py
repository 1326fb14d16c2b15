"""Spells of members on the sessions of a market: weights that were known before each of them."""

import numpy as np
import polars as pl

from engine.data.arrange import on_dates
from engine.data.tables.membership import OPEN_END, check_spells, size_of
from engine.errors import InputError

# These change how many shares there are; other actions move the price alone.
_COUNTS_SHARES = ("split", "reverse_split", "bonus", "split_or_bonus", "stock_dividend")
_SHORT = 90  # days: no index takes back within a quarter whom it let go, so a gap as short is a slip


def spell_weights(
    spells: pl.DataFrame, file: str, dates, names, sessions, prices: pl.DataFrame, actions: pl.DataFrame, base
) -> np.ndarray:
    """Weights in each session, (T, N), known before it: sizes by the closes of the session before; 0 = no member.

    Parameters
    ----------
    spells : frame, as `judged_membership` keeps it
        Shares are counted on `since`; splits after it multiply them.
    file : str
    dates : array (T,), datetime64[D]; names : sequence (N,) of str
    sessions : array (H,), datetime64[D]
        All sessions that have prices.
    prices : frame of date, asset, close
    actions : frame of date, asset, kind, factor
    base : array (T, N) or None
        Weights of another source, known before each date: what float factors, and mere membership, choose from.

    Raises
    ------
    InputError
        When there is no size, a ticker is out for less than a quarter, or nobody is a member on a session between.
    """
    check_spells(spells, file)
    row = spell_of(spells, dates, names)
    _check_gaps(spells, file, dates, row >= 0)
    size = size_of(spells)
    if size == "weight":
        found = _at(spells["weight"], row)
        return found / np.maximum(found.sum(axis=1, keepdims=True), 1.0)  # rounded shares sum to a little more than 1
    if size == "shares":
        found = _capital(spells, row, dates, names, sessions, prices, actions)
    elif base is not None:
        found = np.where(row >= 0, base, 0.0)
    else:
        raise InputError(f"{file} has neither weight nor shares, and no other file has weights of members; add one")
    if spells["float"].is_not_null().any():
        found = found * _at(spells["float"], row)
    total = found.sum(axis=1, keepdims=True)
    return found / np.where(total > 0.0, total, 1.0)


def spell_of(spells: pl.DataFrame, dates, names) -> np.ndarray:
    """Return which row of the spells holds on a date for a name, (T, N); -1 = none."""
    row = np.full((len(dates), len(names)), -1)
    column = {name: n for n, name in enumerate(names)}
    since = spells["since"].to_numpy().astype("datetime64[D]")
    until = spells["until"].fill_null(OPEN_END).to_numpy().astype("datetime64[D]")
    first, stop = np.searchsorted(dates, since), np.searchsorted(dates, until, side="right")
    for r, ticker in enumerate(spells["ticker"]):
        if ticker in column:
            row[first[r] : stop[r], column[ticker]] = r
    return row


def _at(values: pl.Series, row: np.ndarray) -> np.ndarray:
    return np.where(row >= 0, values.to_numpy()[row], 0.0)


def _capital(spells: pl.DataFrame, row, dates, names, sessions, prices: pl.DataFrame, actions: pl.DataFrame):
    """Shares times the last close before each date, (T, N); 0 where no close was known.

    A close over all splits so far is one that splits do not move; so are shares times them.
    """
    close = on_dates(prices, "close", sessions, names)
    splits = actions.filter(pl.col("kind").is_in(_COUNTS_SHARES))
    steady = np.full((len(sessions) + 1, len(names)), np.nan)
    steady[1:] = close / _factors_until(splits, sessions, names)
    for t in range(1, len(steady)):  # who has no close has the last one
        steady[t] = np.where(np.isfinite(steady[t]), steady[t], steady[t - 1])
    known = steady[np.searchsorted(sessions, dates)]
    since = spells["since"].to_numpy().astype("datetime64[D]")
    at = {name: n for n, name in enumerate(names)}
    days, of = np.unique(since, return_inverse=True)
    factors = _factors_until(splits, days, names)
    column = np.array([at.get(ticker, 0) for ticker in spells["ticker"]])
    counted = pl.Series(spells["shares"].to_numpy() * factors[of, column])
    return np.nan_to_num(_at(counted, row) * known)


def _factors_until(splits: pl.DataFrame, days, names) -> np.ndarray:
    """Product of the factors of splits up to and with each day, (D, N)."""
    found = np.ones((len(days), len(names)))
    column = {name: n for n, name in enumerate(names)}
    for date, asset, factor in splits.select("date", "asset", "factor").iter_rows():
        if asset in column and factor is not None:
            found[np.searchsorted(days, np.datetime64(date, "D")) :, column[asset]] *= factor
    return found


def _check_gaps(spells: pl.DataFrame, file: str, dates, member: np.ndarray) -> None:
    rows = spells.sort("ticker", "since").with_columns(
        left=pl.col("until").shift(1).over("ticker"), other=pl.col("line").shift(1).over("ticker")
    )
    short = rows.filter((pl.col("since") - pl.col("left")).dt.total_days().is_between(2, _SHORT)).sort("line")
    for ticker, since, left, line, other in short.select("ticker", "since", "left", "line", "other").iter_rows():
        out = int(np.searchsorted(dates, np.datetime64(since)) - np.searchsorted(dates, np.datetime64(left), "right"))
        if out:
            raise InputError(
                f"{file}, line {line:.0f}: {ticker} is out for {out} sessions, between {left} (line {other:.0f}) and "
                f"{since}; close the gap, or if it was out add a row with {size_of(spells) or 'float'} 0"
            )
    held = np.flatnonzero(member.any(axis=1))
    empty = np.setdiff1d(np.arange(held[0], held[-1] + 1), held) if len(held) else held
    if len(empty):
        day = dates[empty[0]].item()
        last = spells.filter(pl.col("until") < day).sort("until", "line").row(-1, named=True)
        raise InputError(
            f"{file}: nobody is a member on {day}; the last one, {last['ticker']} of line {last['line']:.0f}, was "
            f"until {last['until']}; add the rows that hold then"
        )


def without_size(spells: pl.DataFrame, dates, names, weights: np.ndarray) -> str:
    """Say which members have no weight for want of a size, "" where all have one."""
    row = spell_of(spells, dates, names)
    meant = row >= 0
    for name in (size_of(spells), "float"):
        if name and spells[name].is_not_null().any():
            meant &= _at(spells[name], row) > 0.0
    lost = np.argwhere(meant & ~(weights > 0.0) & (weights > 0.0).any(axis=1, keepdims=True))
    if not len(lost):
        return ""
    t, n = lost[0]
    return (
        f"{len(np.unique(lost[:, 1])):,} members have no size on some sessions, the first {names[n]} on {dates[t]}: "
        "they are left out, and the others make up the whole"
    )
