"""Earnings as known on each day, and volatilities without them."""

import numpy as np
import polars as pl

from engine.arrays import Dates, Symbols
from engine.calendar import DAY, DAYS_PER_YEAR, days_between
from engine.pricing.event import event_variance, without_event

YEAR_AHEAD = 384 * DAY  # as far as expiries that tell an event


def known_events(earnings: pl.DataFrame, dates: Dates, assets: Symbols) -> np.ndarray:
    """Time in years to every coming event that was known on the date, (M, T, A), NaN where there are fewer than M.

    Parameters
    ----------
    earnings : frame of date (of the event), ticker, known (day from which the date was known; null = always)
    dates : array (T,), datetime64[D]; assets : sequence (A,) of str

    Examples
    --------
    >>> from datetime import date
    >>> table = pl.DataFrame({"date": [date(2026, 2, 5)], "ticker": ["A"], "known": [date(2026, 1, 15)]})
    >>> days = np.array(["2026-01-14", "2026-01-15", "2026-02-05"], "datetime64[D]")
    >>> (365 * known_events(table, days, ["A"])[0, :, 0]).round().tolist()
    [nan, 21.0, nan]
    """
    dates = np.asarray(dates, dtype="datetime64[D]")
    order = pl.DataFrame({"ticker": pl.Series(list(assets), dtype=pl.String), "a": np.arange(len(assets))})
    rows = earnings.unique(["date", "ticker"]).join(order, on="ticker").sort("a", "date")
    event, known = (rows[c].to_numpy().astype("datetime64[D]") for c in ("date", "known"))
    # Each event is coming on a run of sessions: from that it was known on, a year ahead at most, to the one before it.
    known = np.where(np.isnat(known), event - YEAR_AHEAD, np.maximum(known, event - YEAR_AHEAD))
    first, last = np.searchsorted(dates, known), np.searchsorted(dates, event)
    runs = np.maximum(last - first, 0)
    of = np.repeat(np.arange(rows.height), runs)
    t = np.arange(len(of)) - np.repeat(np.cumsum(runs) - runs, runs) + first[of]
    coming = pl.DataFrame({"t": t, "a": rows["a"].to_numpy()[of], "event": event[of]}).sort("t", "a", "event")
    coming = coming.with_columns(place=pl.int_range(pl.len()).over("t", "a"))
    most = 0 if coming.is_empty() else 1 + int(coming["place"].to_numpy().max())
    events = np.full((most, len(dates), len(assets)), np.nan)
    at = tuple(coming[c].to_numpy() for c in ("place", "t", "a"))
    events[at] = days_between(coming["event"].to_numpy(), dates[at[1]]) / DAYS_PER_YEAR
    return events


def ex_earnings(vol: np.ndarray, days: np.ndarray, at_the_money: int, events: np.ndarray):
    """Take the variance of all known events off the smiles of listed expiries.

    Events are told at the money (`event_variance`); the same variance is taken off every delta.

    Parameters
    ----------
    vol : array (T, A, E, D)
        Annualised decimals, NaN where there is none.
    days : array (T, A, E)
        Calendar days to each expiry.
    at_the_money : int
        Position of the 50 delta.
    events : array (M, T, A)
        As from `known_events`.

    Returns
    -------
    vol : array (T, A, E, D)
    variance : array (M, T, A)
        Of each event, as from `event_variance`.
    """
    years = days / DAYS_PER_YEAR
    variance = event_variance(vol[..., at_the_money] ** 2 * years, years, events)
    for event, added in zip(events, variance, strict=True):
        vol = without_event(vol, years, event, added)
    return vol, variance
