"""What other rows than its own say of a quote: open interest, and the future of its expiry."""

import polars as pl

from engine.data.tables.judge import COUNTS, LINE

_CONTRACT = ["date", "ticker", "expiry", "strike", "right"]
NO_FUTURE = "no_future_of_that_expiry"


def with_interest(frames: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Give quotes the open interest of a file of its own."""
    interest = frames.pop("open_interest", None)
    if interest is None or "quotes" not in frames or "oi" in frames["quotes"].columns:
        return frames
    one = interest.drop(LINE).unique(_CONTRACT, keep="last", maintain_order=True)
    right = pl.col("right").str.slice(0, 1).str.to_uppercase()
    one = one.with_columns(right.alias("_right")).drop("right")
    quotes = frames["quotes"].with_columns(right.alias("_right"))
    joined = quotes.join(one, on=["date", "ticker", "expiry", "strike", "_right"], how="left", maintain_order="left")
    return frames | {"quotes": joined.drop("_right")}


def with_futures(frames: dict[str, pl.DataFrame]) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """Give quotes the future of their expiry as forward, on dates on which futures traded.

    Returns the tables, and the count of the quotes left out: of weekly expiries an index alone has options, and a
    volatility between two expiries is then not that of its members.
    """
    futures = frames.pop("futures", None)
    key, counts = ["date", "ticker", "expiry"], pl.DataFrame(schema=COUNTS)
    if futures is None or "quotes" not in frames:
        return frames, counts
    traded = futures.filter(pl.col("forward") > 0.0)
    one = traded.unique(key, keep="first", maintain_order=True).select(*key, "forward")
    quotes = frames["quotes"].join(one, on=key, how="left", maintain_order="left")
    gone = pl.col("forward").is_null() & pl.col("date").is_in(traded["date"].unique().implode())
    counts = quotes.filter(gone).group_by(asset="ticker").agg(reason=pl.lit(NO_FUTURE), rows=pl.len().cast(pl.UInt32))
    return frames | {"quotes": quotes.filter(~gone)}, counts
