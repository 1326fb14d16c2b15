"""What entries of listed contracts could not have, for want of volume or open interest: the residual they leave."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from engine.backend import to_host
from engine.backtest.contracts.instruments import pairs
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.backtest.cohorts.book import TradeBook
    from engine.backtest.outcome.result import BacktestResult


def unfilled(result: "BacktestResult", p: int = 0) -> pl.DataFrame:
    """Return the legs that were entered with fewer lots than were asked for, or with none.

    Parameters
    ----------
    result : BacktestResult
        Of `marks=listed` with `volume_share` or `open_interest_share`.
    p : int

    Returns
    -------
    frame
        cohort, entry_date, leg, lots_asked, lots (signed), and `missing_vega`, currency per vol point that was asked
        for and is not held. Nothing is traded in its place: `by_cohort` tells what all legs together leave open.

    Raises
    ------
    InputError
        When entries had whatever they asked for.
    """
    book = result.book
    if book.listed is None or not book.recipe.marks.caps:
        raise InputError("entries had all they asked for; cap them by marks=listed marks.volume_share=0.05")
    size = result.entry_exposure[p] * result.vega_per_cohort(p)
    asked, units = to_host(book.listed.asked), to_host(book.legs.units)
    c, leg = np.nonzero((asked != units) & (size != 0.0)[:, None])
    names = np.array([result.market.info.index, *result.market.names], dtype=object)
    lot = to_host(book.listed.multiplier)[c, leg, 0]
    rows = {
        "cohort": c,
        "entry_date": result.dates[book.cohorts.entry[c]],
        "leg": names[to_host(book.legs.name)[c, leg] + 1].tolist(),
        "lots_asked": np.rint(size[c] * asked[c, leg] / lot).astype(np.int64),
        "lots": np.rint(size[c] * units[c, leg] / lot).astype(np.int64),
        "missing_vega": size[c] * (_vega(book) * (asked - units))[c, leg],
    }
    return pl.DataFrame(rows)


def missing_share(book: "TradeBook", entered: np.ndarray) -> np.ndarray:
    """Return the share of the vega asked for that could not be had, over the cohorts that parameter sets entered.

    Parameters
    ----------
    book : TradeBook
        Of listed contracts.
    entered : array (P, C), bool

    Returns
    -------
    array (P,)
        NaN where nothing was asked for.
    """
    assert book.listed is not None
    asked = to_host(book.listed.asked)
    each = np.abs(_vega(book))
    missing = entered @ (each * np.abs(asked - to_host(book.legs.units))).sum(axis=1)
    wanted = entered @ (each * np.abs(asked)).sum(axis=1)
    return np.divide(missing, wanted, out=np.full(len(entered), np.nan), where=wanted > 0.0)


def _vega(book: "TradeBook") -> np.ndarray:
    """Vega of a unit of each leg at entry, (C, 1 + L), per vol point."""
    vega = to_host(book.legs.vega)
    ratio = np.array(
        [[pair[min(leg, 1)].ratio for pair in pairs(book.recipe.structure)] for leg in range(vega.shape[1])]
    )
    return np.nan_to_num(vega * ratio).sum(axis=2)
