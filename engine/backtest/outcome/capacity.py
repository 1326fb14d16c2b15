"""How much larger cohorts of listed contracts could have been, were they a share of what traded on their entry."""

from typing import TYPE_CHECKING

import polars as pl

from engine.data.held_contracts import AT_CLOSE, settlements
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.backtest.outcome.result import BacktestResult

CONTRACT = ["entry_date", "leg", "expiry", "strike", "right", "settles"]
SHARE = 0.05


def capacity(result: "BacktestResult", p: int = 0, *, share: float = SHARE) -> pl.DataFrame:
    """Return how many times as large each cohort could have been entered on the day of its entry.

    The contract that binds is the one of least volume for the lots it takes; all others could have been larger.

    Parameters
    ----------
    result : BacktestResult
        Of `marks=listed`.
    p : int
    share : float
        Most of a day's volume of a contract that the cohort may be.

    Returns
    -------
    frame
        A row per cohort: cohort, entry_date, multiple (share x volume / lots of the contract that binds), of which leg,
        expiry, strike, right, settles (am, pm), lots and volume follow, and `unknown`, how many of its contracts have
        no volume; these bind nothing.

    Raises
    ------
    InputError
        When no listed contracts are held, or none has a volume.
    """
    quotes = result.market.contracts
    if result.book.listed is None or quotes is None:
        raise InputError("capacity is of listed contracts, whose volume is known; use marks=listed")
    if not 0.0 < share <= 1.0:
        raise InputError(f"share={share:g} of a day's volume is none; choose one above 0, of at most 1")
    dates = result.dates
    opening = getattr(result.book.recipe.structure, "opening", None)
    rows = settlements(quotes.between(dates[0], dates[-1]).rows, opening and result.market.info.index)
    return capacity_of(result.ledger(p), rows, share, result.market.info.name)


def capacity_of(ledger: pl.DataFrame, quotes: pl.LazyFrame, share: float, market: str = "the market") -> pl.DataFrame:
    """Return `capacity` of the ledger of listed contracts and rows of `ContractQuotes`, a null settlement at the close.

    A contract listed with either settlement is two: of each the volume is its own.
    """
    cents = (pl.col("strike") * 100.0).round().cast(pl.Int64).alias("cents")
    key = ["entry_date", "leg", "expiry", "right", "cents", "settles"]
    traded = ledger.select("cohort", *CONTRACT, "lots", cents).filter(pl.col("lots") != 0)
    words = pl.col("leg", "right", "settles").cast(pl.String)  # files keep them as categories
    volumes = quotes.rename({"date": "entry_date", "ticker": "leg", "settlement": "settles"})
    volumes = volumes.with_columns(cents, words).with_columns(pl.col("settles").fill_null(AT_CLOSE))
    volumes = volumes.select(*key, "volume").unique(key, keep="first", maintain_order=True)
    found = traded.lazy().join(volumes, on=key, how="left", maintain_order="left").collect()
    if found.height and found["volume"].null_count() == found.height:
        raise InputError(f"no contract of {market} has a volume; capacity needs the column volume in its quotes")
    multiple = share * pl.col("volume") / pl.col("lots").abs()
    found = found.with_columns(multiple=multiple).sort("cohort", "multiple", nulls_last=True, maintain_order=True)
    return found.group_by("cohort", maintain_order=True).agg(
        pl.col("entry_date", "multiple", "leg", "expiry", "strike", "right", "settles", "lots", "volume").first(),
        unknown=pl.col("volume").null_count().cast(pl.Int64),
    )
