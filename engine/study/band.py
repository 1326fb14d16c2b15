"""Where implied correlation can be traded: its bid and ask beside the mid, where a market has volatilities at both."""

from collections.abc import Sequence

import polars as pl

from engine.backend import to_host
from engine.correlation import correlation_band
from engine.correlation.sectors import Chosen

BID, ASK = "implied_correlation_bid", "implied_correlation_ask"


def with_band(long: pl.DataFrame, market, baskets: Sequence[Chosen], min_coverage: float) -> pl.DataFrame:
    """Return rows of implied correlation with what a seller gets and a buyer pays (`correlation_band`).

    Parameters
    ----------
    long : frame
        As from `long_form`.
    market : MarketPanel
        Without volatilities at bid and ask the rows are returned as they are.
    baskets : sequence of Chosen
        Those against another leg than the market's index have none: null.
    min_coverage : float

    Returns
    -------
    frame
        With implied_correlation_bid and implied_correlation_ask, decimals, null where not computable.
    """
    if market.band is None:
        return long
    quoted = market.band
    parts = []
    for basket in baskets:
        rows = long.filter(pl.col("basket") == basket.label)
        if basket.index_iv is not market.index_iv:
            parts.append(rows.with_columns(pl.lit(None, pl.Float64).alias(side) for side in (BID, ASK)))
            continue
        sides = (quoted.index_bid, quoted.index_ask, quoted.bid, quoted.ask)
        band = correlation_band(*sides, to_host(basket.weights), min_coverage=min_coverage)
        found = {BID: band.bid.clean, ASK: band.ask.clean}
        parts.append(rows.with_columns(pl.Series(n, a.ravel().astype(float)).fill_nan(None) for n, a in found.items()))
    return pl.concat(parts)
