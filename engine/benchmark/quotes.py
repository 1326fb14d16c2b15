"""What is timed on chains of quotes: everything from bid and ask to surfaces of constant maturity."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.benchmark.sizes import Sizes
from engine.benchmark.work import INVERSION, SMILE_QUOTE, TREE, Work
from engine.data.quotes.clean import QualityReport
from engine.data.quotes.quoted_surface import quoted_surface
from engine.pricing import american_price, black_price

DATE = np.datetime64("2026-01-05")
DAYS = np.array([11, 25, 39, 74, 102, 165, 193, 347, 375, 557, 745])
STRIKES = 40  # per expiry, calls and puts at each
RATE, YIELD, SPOT = 0.04, 0.01, 100.0
HALF_SPREAD = 0.004  # in volatility


@dataclass(frozen=True, eq=False)
class Chains:
    """Chains of names on one date, always on the host: `quoted_surface` reads tables."""

    quotes: pl.DataFrame
    closes: pl.DataFrame
    rate: pl.DataFrame
    names: list


def make_chains(sizes: Sizes, backend: str) -> Chains:
    """Make the chains that surfaces are made of, European and American prices of the same options."""
    return random_chains(sizes.chain_names)


def random_chains(names: int, seed: int = 0) -> Chains:
    """Make chains: a level of volatility per name, one skew, bid and ask; `style` tells which prices count."""
    rng = np.random.default_rng(seed)
    years = np.repeat(DAYS / 365.0, STRIKES)
    z = np.tile(np.linspace(-2.3, 2.0, STRIKES), len(DAYS))
    forward = SPOT * np.exp((RATE - YIELD) * years)
    frames = []
    for name, level in enumerate(rng.uniform(0.15, 0.5, names)):
        strike = np.round(forward * np.exp(z * level * np.sqrt(years)), 2)
        iv = level * np.sqrt(1.0 - 0.2 * z + 0.3 * (np.sqrt(z * z + 1.0) - 1.0))
        for right in ("C", "P"):
            option = (strike, iv, years, right == "C", RATE)
            mid = black_price(forward, *option)
            early = american_price(np.array(SPOT), forward, *option, steps=20) - mid
            half = HALF_SPREAD * forward * np.sqrt(years) * np.exp(-0.5 * z * z) / 2.5066
            frames.append(
                pl.DataFrame(
                    {
                        "ticker": np.full(len(z), f"N{name:04d}"),
                        "expiry": np.repeat(DATE + DAYS.astype("timedelta64[D]"), STRIKES),
                        "strike": strike,
                        "right": np.full(len(z), right),
                        "mid": mid,
                        "early": early,
                        "half": half,
                    }
                )
            )
    quotes = pl.concat(frames).with_columns(date=pl.lit(DATE.astype(object)))
    tickers = quotes["ticker"].unique(maintain_order=True)
    closes = pl.DataFrame({"ticker": tickers, "close": np.full(names, SPOT)}).with_columns(
        date=pl.lit(DATE.astype(object))
    )
    rate = pl.DataFrame({"date": [DATE.astype(object)], "rate": [RATE]})
    return Chains(quotes, closes, rate, tickers.to_list())


def surfaces(chains: Chains, sizes: Sizes, style: str, names: int | None = None) -> Work:
    """Surfaces at bid, mid and ask of all names, or of the first so many."""
    chosen = chains.names[:names]
    price = pl.col("mid") + (pl.col("early") if style == "american" else 0.0)
    quotes = chains.quotes.filter(pl.col("ticker").is_in(chosen)).select(
        *("date", "ticker", "expiry", "strike", "right"),
        bid=price - pl.col("half"),
        ask=price + pl.col("half"),
        style=pl.lit(style),
    )
    quotes = quotes.filter(pl.col("bid") > 0.0)
    dates = np.array([DATE], "datetime64[D]")

    def run():
        return quoted_surface(quotes, chains.closes, chains.rate, dates, chosen, QualityReport(), width=len(DAYS))

    # Half of the quotes are out of the money: their three prices are inverted, American ones after two trees each.
    per_quote = 1.5 * INVERSION + 0.5 * SMILE_QUOTE + (TREE if style == "american" else 0.0)
    size = f"{quotes.height:,} quotes, {len(chosen)} names"
    return Work(size, run, quotes.height, quotes.estimated_size(), quotes.height * per_quote)
