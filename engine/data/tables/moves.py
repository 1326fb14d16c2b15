"""What corporate actions do to names: factors of prices and strikes, cash off strikes, and who ceases to trade."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.data.arrange import action_factors
from engine.data.tables.action_kinds import MOVES, MOVES_CONTRACTS
from engine.data.tables.endings import Endings, endings
from engine.data.tables.strike_cash import CASH, cash_taken


@dataclass(frozen=True, eq=False)
class Moves:
    """What actions do on the dates of a panel.

    Parameters
    ----------
    endings : Endings
    strike_factor, return_factor : array (T, N)
        As in `MarketPanel`.
    strike_reduction : array (T, N), or None
        As in `MarketPanel`.
    """

    endings: Endings
    strike_factor: np.ndarray
    return_factor: np.ndarray
    strike_reduction: np.ndarray | None


def moving(events: pl.DataFrame) -> pl.DataFrame:
    """Return the actions that move prices: all but names that end or change theirs."""
    return events.filter(pl.col("kind").is_in(list(MOVES)) | CASH.is_not_null())


def moves(events: pl.DataFrame, dates: np.ndarray, sessions: np.ndarray, names: list[str]) -> Moves:
    """Arrange corporate actions on the dates of a panel.

    Parameters
    ----------
    events : frame of date, asset, kind, factor, amount, into, cash
        Cash that is taken off strikes has factors: `strike_cash.with_factors`.
    dates : array (T,), datetime64[D]
    sessions : array (any number,), datetime64[D]
        All that are known: what happens between the one before the first date and that date acts on it.
    names : list (N,) of str
    """
    before = sessions[sessions < dates[0]][-1:] if len(dates) else dates
    known = np.concatenate([before, dates])

    def factors(actions: pl.DataFrame) -> np.ndarray:
        return action_factors(actions, known, names)[len(before) :]

    actions = moving(events)
    of_splits = factors(actions.filter(pl.col("kind").is_in(MOVES_CONTRACTS)))
    ends, cash = endings(events, dates, names), cash_taken(events, dates, names)
    return Moves(
        endings=ends,
        strike_factor=ends.factors(of_splits),
        return_factor=ends.factors(factors(actions)),
        strike_reduction=None if cash is None else ends.reductions(cash, of_splits),
    )
