"""Quotes of the contracts that legs hold: which are chosen at entry, and what each was quoted at on every day."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.arrays import Floats
from engine.data.contract_quotes import ContractQuotes

# A strike that a split restates is rounded to the cent by the exchange.
CENTS = (pl.col("strike") * 100.0).round().cast(pl.Int64).alias("cents")
CONTRACT = ["date", "ticker", "expiry", "right"]
TWO_SIDED = (pl.col("ask") > 0.0) & (pl.col("bid") >= 0.0) & (pl.col("ask") >= pl.col("bid"))
# A last trade of a day on which nothing traded is none of that day.
TRADED = (pl.col("last") > 0.0) & ~(pl.col("volume") <= 0.0).fill_null(False)


@dataclass(frozen=True, eq=False)
class Chosen:
    """The contracts chosen at entry, (C, 1 + L, I); NaN where none could be had."""

    strike: Floats
    multiplier: Floats
    parity: Floats  # (C, 1 + L), undiscounted: strike and call less put, of the pair nearest the forward


def usable(quotes: ContractQuotes) -> pl.LazyFrame:
    """Add price and half_spread to quotes that can be used: the middle of two sides, or the last trade.

    What settles in the morning is left out: a leg is valued at closes. half_spread is null of a trade.
    """
    price = pl.when(TWO_SIDED).then((pl.col("bid") + pl.col("ask")) / 2.0).when(TRADED).then("last")
    rows = quotes.rows.filter(pl.col("settlement").fill_null("pm") != "am")
    half = pl.when(TWO_SIDED).then((pl.col("ask") - pl.col("bid")) / 2.0)
    return rows.with_columns(CENTS, price=price, half_spread=half).filter(pl.col("price") > 0.0)


def choose(quotes: ContractQuotes, dates, tickers, expiry, rights, asked, together, forward) -> Chosen:
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
    chain = _day_chain(quotes, frame)
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
    strike, multiplier = (np.full(asked.size, np.nan) for _ in range(2))
    strike[chosen["at"].to_numpy()] = chosen["strike"].to_numpy()
    multiplier[chosen["at"].to_numpy()] = chosen["multiplier"].fill_null(np.nan).to_numpy()
    return Chosen(
        strike.reshape(shape), multiplier.reshape(shape), _parity(chain, dates, tickers, expiry[:, 0], forward)
    )


def _day_chain(quotes: ContractQuotes, frame: pl.DataFrame) -> pl.DataFrame:
    keys = frame.select("date", "ticker", "expiry").unique().lazy()
    rows = usable(quotes).filter(pl.col("date").is_between(frame["date"].min(), frame["date"].max()))
    columns = (*CONTRACT, "strike", "bid", "price", "half_spread", "multiplier")
    read = rows.join(keys, on=["date", "ticker", "expiry"], how="semi").select(columns)
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


def follow_quotes(quotes: ContractQuotes, dates, tickers, expiry, right, strike, wanted) -> tuple:
    """Return price and half-spread of contracts on the days they are wanted, (C, 1 + L, H + 1); NaN where none.

    Parameters
    ----------
    quotes : ContractQuotes
    dates : array (C, H + 1)
    tickers : array (C, 1 + L), str
    expiry : array (C,)
    right : array (1 + L,), str
    strike : array (C, 1 + L, H + 1)
        As it is on each day.
    wanted : array (C, 1 + L, H + 1), bool
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
        }
    ).with_columns(CENTS)
    rows = usable(quotes).filter(pl.col("date").is_between(frame["date"].min(), frame["date"].max()))
    read = rows.select(*CONTRACT, "cents", "price", "half_spread")
    read = read.join(frame.lazy().select("at", *CONTRACT, "cents"), on=[*CONTRACT, "cents"]).collect()
    read = read.unique("at", keep="first", maintain_order=True)
    at = read["at"].to_numpy()
    price.ravel()[at] = read["price"].to_numpy()
    half.ravel()[at] = read["half_spread"].fill_null(np.nan).to_numpy()
    return price, half
