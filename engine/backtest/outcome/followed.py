"""What a strategy followed: its signal, the closes that decided, and what cohorts earned by it."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from engine.backend import to_host
from engine.backtest.contracts.structure import LegStatus
from engine.backtest.signals.strategy import Signal, checked_signal
from engine.selection.buckets import BUCKETS, REPETITIONS, Buckets, by_bucket

if TYPE_CHECKING:
    from engine.backtest.outcome.result import BacktestResult


def signal(result: "BacktestResult", p: int = 0) -> Signal | None:
    """Return what the strategy follows, of one parameter set: values (T,); None where it does not say."""
    found = None if result.strategy is None else checked_signal(result.strategy, result.view)
    return None if found is None else found.of(p)


def decisions(result: "BacktestResult", p: int = 0) -> pl.DataFrame:
    """Return a row per cohort with an exposure: `decided`, the close `lag` sessions before its `entry_date`, the
    `signal` there (null where the strategy does not say, or it was unknown) and the `exposure` entered with."""
    held = np.flatnonzero(result.entry_exposure[p])
    entry = result.book.cohorts.entry[held]
    followed = signal(result, p)
    values = np.full(len(result.dates), np.nan) if followed is None else followed.values
    return pl.DataFrame(
        {
            "decided": result.dates[entry - result.lag],
            "entry_date": result.dates[entry],
            "signal": values[entry - result.lag],
            "exposure": result.entry_exposure[p][held],
        }
    ).with_columns(pl.col("signal").fill_nan(None))


def by_signal(
    result: "BacktestResult",
    p: int = 0,
    *,
    signal: np.ndarray | None = None,
    buckets: int = BUCKETS,
    repetitions: int = REPETITIONS,
) -> Buckets | None:
    """Sort all cohorts that could be traded by the signal that decided on them, entered or not.

    Results are gross P&L per unit of index vega, in vol points, of a cohort short correlation held to its expiry: what
    a gate is said to tell apart, whether or not it was open. Cohorts open when the data end are left out.

    Parameters
    ----------
    result : BacktestResult
    p : int
    signal : array (T,) or None
        Known at each close; None = the strategy's own.
    buckets, repetitions : int
        As of `by_bucket`, which raises where there are too few cohorts.

    Returns
    -------
    Buckets or None
        None where there is no signal, and where listed contracts are held: their lots are those of one exposure.
    """
    found = result.signal(p) if signal is None else None
    values = signal if found is None else found.values
    book = result.book
    if values is None or book.listed is not None:
        return None
    ended = to_host(book.entered) & (book.cohorts.outcome != int(LegStatus.OPEN))
    gross = to_host(book.by_day["gross"]).sum(axis=1)[ended]
    decided = np.asarray(values, dtype=float)[book.cohorts.entry[ended] - result.lag]
    return by_bucket(decided, gross, buckets, overlap=book.most_held, repetitions=repetitions)
