"""Quotes of the contracts that legs hold: which are chosen at entry, and what each was quoted at on every day."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.arrays import Floats
from engine.data.contract_quotes import ContractQuotes

# A strike that a split restates is rounded to the cent by the exchange.
CENTS = (pl.col("strike") * 100.0).round().cast(pl.Int64).alias("cents")
CONTRACT = ["date", "ticker", "expiry", "right"]
NUMBERS = ("strike", "multiplier", "volume", "oi")  # of a contract that is chosen
TWO_SIDED = (pl.col("ask") > 0.0) & (pl.col("bid") >= 0.0) & (pl.col("ask") >= pl.col("bid"))
# A last trade of a day on which nothing traded is none of that day.
TRADED = (pl.col("last") > 0.0) & ~(pl.col("volume") <= 0.0).fill_null(False)


MORNING, AT_CLOSE = "am", "pm"  # of `settlement`


@dataclass(frozen=True, eq=False)
class Chosen:
    """The contracts chosen at entry, (C, 1 + L, I); NaN where none could be had."""

    strike: Floats
    multiplier: Floats
    morning: np.ndarray  # bool: it settles on the morning of its expiry
    volume: Floats  # of the day of entry, in contracts
    oi: Floats  # open interest, in contracts
    parity: Floats  # (C, 1 + L), undiscounted: strike and call less put, of the pair nearest the forward


def settlements(rows: pl.LazyFrame, at_open: str | None) -> pl.LazyFrame:
    """Fill `settlement` where a source does not say: as asked for on the ticker `at_open`, at the close on all others.

    What settles in the morning is left out of all others: a leg is valued at closes.
    """
    asked = pl.lit(False) if at_open is None else pl.col("ticker").cast(pl.String) == at_open
    unsaid = pl.when(asked).then(pl.lit(MORNING)).otherwise(pl.lit(AT_CLOSE))
    rows = rows.with_columns(settlement=pl.coalesce(pl.col("settlement").cast(pl.String), unsaid))
    return rows.filter(asked | (pl.col("settlement") != MORNING))


def usable(quotes: ContractQuotes, at_open: str | None = None) -> pl.LazyFrame:
    """Add price and half_spread to quotes that can be used: the middle of two sides, or the last trade.

    half_spread is null of a trade. `at_open` as of `settlements`.
    """
    price = pl.when(TWO_SIDED).then((pl.col("bid") + pl.col("ask")) / 2.0).when(TRADED).then("last")
    half = pl.when(TWO_SIDED).then((pl.col("ask") - pl.col("bid")) / 2.0)
    rows = settlements(quotes.rows, at_open)
    return rows.with_columns(CENTS, price=price, half_spread=half).filter(pl.col("price") > 0.0)


def choose(
    quotes: ContractQuotes, dates, tickers, expiry, rights, asked, together, forward, at_open: str | None = None
) -> Chosen:
    """Choose the listed strikes nearest to what is asked, with a usable quote on the day; of two the lower.

    Parameters
    ----------
    quotes : ContractQuotes
    dates : array (C,); tickers : array (1 + L,) or (C, 1 + L), str
    expiry : array (C, I), datetime64[D]
    rights : array (1 + L, I), str
    asked : array (C, 1 + L, I)
    together : sequence (I,) of int
        Instruments of one number are struck alike.
    forward : array (C, 1 + L)
    at_open : str or None
        Ticker whose options are those that settle in the morning, of expiries that list such.
    """
    shape = asked.shape
    c, leg, i = (a.ravel() for a in np.indices(shape))
    frame = pl.DataFrame(
        {
            "at": np.arange(asked.size),
            "group": (c * shape[1] + leg) * shape[2] + np.asarray(together)[i],
            "date": dates[c],
            "ticker": tickers[c, leg],
            "expiry": expiry[c, i],
            "right": rights[leg, i],
            "asked": asked.ravel(),
        }
    ).filter(pl.col("asked").is_finite() & pl.col("expiry").is_not_null())
    chain = _day_chain(quotes, frame, at_open)
    # A bid of nothing is a mark, but nobody is there to buy.
    sold = chain.filter(pl.col("half_spread").is_null() | (pl.col("bid") > 0.0))
    found = frame.join(sold, on=CONTRACT)
    needed = frame.group_by("group").len(name="needed")
    strikes = (
        found.group_by("group", "strike")
        .agg(pl.len().alias("there"), (pl.col("strike") - pl.col("asked")).abs().first().alias("away"))
        .join(needed, on="group")
        .filter(pl.col("there") == pl.col("needed"))
        .sort("group", "away", "strike")
        .unique("group", keep="first", maintain_order=True)
    )
    chosen = found.join(strikes.select("group", "strike"), on=["group", "strike"])
    morning, at = np.zeros(asked.size, dtype=bool), chosen["at"].to_numpy()
    morning[at] = (chosen["settlement"] == MORNING).to_numpy()
    numbers = {name: np.full(asked.size, np.nan) for name in NUMBERS}
    for name, values in numbers.items():
        values[at] = chosen[name].fill_null(np.nan).to_numpy()
    return Chosen(
        **{name: values.reshape(shape) for name, values in numbers.items()},
        morning=morning.reshape(shape),
        parity=_parity(chain, dates, tickers, expiry[:, 0], forward),
    )


def _day_chain(quotes: ContractQuotes, frame: pl.DataFrame, at_open: str | None) -> pl.DataFrame:
    smile = ["date", "ticker", "expiry"]
    keys = frame.select(smile).unique().lazy()
    rows = usable(quotes, at_open).filter(pl.col("date").is_between(frame["date"].min(), frame["date"].max()))
    columns = (*CONTRACT, *NUMBERS, "bid", "price", "half_spread", "settlement")
    read = rows.join(keys, on=smile, how="semi").select(columns)
    # Of an expiry that settles twice those are left that settle in the morning; `settlements` left others none.
    morning = pl.col("settlement") == MORNING
    read = read.filter(morning == morning.any().over(smile))
    return read.unique([*CONTRACT, "strike"], keep="first", maintain_order=True).collect()


def _parity(chain: pl.DataFrame, dates, tickers, expiry, forward) -> np.ndarray:
    """Strike and call less put where both were quoted, nearest the forward, (C, 1 + L, 2)."""
    c, leg = (a.ravel() for a in np.indices(forward.shape))
    legs = pl.DataFrame(
        {
            "at": np.arange(forward.size),
            "date": dates[c],
            "ticker": tickers[c, leg],
            "expiry": expiry[c],
            "forward": forward.ravel(),
        }
    )
    key = ["date", "ticker", "expiry", "strike"]
    calls, puts = (chain.filter(pl.col("right") == right).select(*key, "price") for right in ("C", "P"))
    both = calls.join(puts, on=key, suffix="_put").join(legs, on=key[:3])
    both = both.sort((pl.col("strike") - pl.col("forward")).abs(), "strike").unique("at", keep="first")
    found = np.full((forward.size, 2), np.nan)
    found[both["at"].to_numpy()] = both.select("strike", pl.col("price") - pl.col("price_put")).to_numpy()
    return found.reshape(*forward.shape, 2)


def follow_quotes(
    quotes: ContractQuotes, dates, tickers, expiry, right, morning, strike, wanted, at_open: str | None = None
) -> tuple:
    """Return price and half-spread of contracts on the days they are wanted, (C, 1 + L, H + 1); NaN where none.

    Parameters
    ----------
    quotes : ContractQuotes
    dates : array (C, H + 1)
    tickers : array (C, 1 + L), str
    expiry : array (C,)
    right : array (1 + L,), str
    morning : array (C, 1 + L), bool
        It settles on the morning of its expiry.
    strike : array (C, 1 + L, H + 1)
        As it is on each day.
    wanted : array (C, 1 + L, H + 1), bool
    at_open : as of `choose`
    """
    price, half = (np.full(wanted.shape, np.nan) for _ in range(2))
    c, leg, day = np.nonzero(wanted & np.isfinite(strike))
    if not len(c):
        return price, half
    frame = pl.DataFrame(
        {
            "at": np.ravel_multi_index((c, leg, day), wanted.shape),
            "date": dates[c, day],
            "ticker": tickers[c, leg],
            "expiry": expiry[c],
            "right": right[leg],
            "strike": strike[c, leg, day],
            "settlement": np.where(morning[c, leg], MORNING, AT_CLOSE),
        }
    ).with_columns(CENTS)
    rows = usable(quotes, at_open).filter(pl.col("date").is_between(frame["date"].min(), frame["date"].max()))
    held = [*CONTRACT, "cents", "settlement"]
    read = rows.select(*held, "price", "half_spread").join(frame.lazy().select("at", *held), on=held).collect()
    read = read.unique("at", keep="first", maintain_order=True)
    at = read["at"].to_numpy()
    price.ravel()[at] = read["price"].to_numpy()
    half.ravel()[at] = read["half_spread"].fill_null(np.nan).to_numpy()
    return price, half
