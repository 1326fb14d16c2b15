"""Whether calls and puts of the chains changed places: out-of-the-money options are quoted closer than others."""

import polars as pl

from engine.data.sources.us_chains.forwards import SMILE

OUTSIDE, INSIDE = 0.4, 0.6  # call deltas, between which options are neither
# Roughness of the smiles' outer side over that of the inner one: 1.1 to 1.5 on real sessions, 1.7 to 2.2 swapped.
MOST = 1.65
FEWEST = 1000  # options on either side


def roughness(quotes: pl.DataFrame) -> float | None:
    """Return how rough out-of-the-money volatilities are over those in the money; None where there are too few.

    Roughness is the median distance of a volatility from the middle of its neighbours by strike.

    Parameters
    ----------
    quotes : frame of date, asset, expiry, strike, right (C, P), iv, call_delta
    """
    outer, inner = [], []
    for right in ("C", "P"):
        side = quotes.filter(pl.col("right") == right).sort(*SMILE, "strike")
        middle = (pl.col("iv").shift(1) + pl.col("iv").shift(-1)).over(SMILE) / 2.0
        side = side.select("call_delta", off=(pl.col("iv") - middle).abs()).drop_nulls()
        low, high = side.filter(pl.col("call_delta") < OUTSIDE), side.filter(pl.col("call_delta") > INSIDE)
        outer.append((low if right == "C" else high)["off"])
        inner.append((high if right == "C" else low)["off"])
    if min(len(off) for off in (*outer, *inner)) < FEWEST:
        return None
    over = sum(float(off.median()) for off in inner)  # pyright: ignore[reportArgumentType]
    return sum(float(off.median()) for off in outer) / over if over > 0.0 else None  # pyright: ignore[reportArgumentType]
