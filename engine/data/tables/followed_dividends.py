"""Dividends of names that were called otherwise, or became shares of others: from a merger on the acquirer's."""

import polars as pl

from engine.data.tables.action_kinds import GOES_ON_AS, RENAME
from engine.data.tables.endings import acquirers_first


def followed_dividends(dividends: pl.DataFrame, actions: pl.DataFrame | None) -> pl.DataFrame:
    """Give each name the dividends of its ticker before, and of what it became from the session of its merger on.

    Of a share of an acquirer those for one share of its own.

    Parameters
    ----------
    dividends : frame of date, ticker, amount, known
    actions : frame of date, asset, kind, amount, into, or None
        Of a market's report, in which a rename has the ticker before as `into`; None where it has none.

    Examples
    --------
    >>> from datetime import date
    >>> paid = {"date": [date(2026, 1, 2), date(2026, 3, 2)], "ticker": "B", "amount": 2.0, "known": None}
    >>> merger = {"date": [date(2026, 2, 2)], "asset": "A", "kind": "stock_merger", "amount": 0.5, "into": "B"}
    >>> followed_dividends(pl.DataFrame(paid), pl.DataFrame(merger)).filter(ticker="A").select("date", "amount").rows()
    [(datetime.date(2026, 3, 2), 1.0)]
    """
    if actions is None:
        return dividends
    renames = actions.filter(pl.col("kind") == RENAME).sort("date").select("date", "asset", "into")
    for since, name, before in renames.iter_rows():
        was = (pl.col("ticker") == before) & (pl.col("date") < since)
        dividends = dividends.with_columns(ticker=pl.when(was).then(pl.lit(name)).otherwise("ticker"))
    for since, name, _, shares, into in acquirers_first(actions.filter(pl.col("kind").is_in(GOES_ON_AS))):
        if shares is None:
            continue
        theirs = dividends.filter(pl.col("ticker") == into, pl.col("date") >= since)
        own = (pl.col("ticker") != name) | (pl.col("date") < since)
        given = theirs.with_columns(ticker=pl.lit(name), amount=shares * pl.col("amount"))
        dividends = pl.concat([dividends.filter(own), given])
    return dividends
