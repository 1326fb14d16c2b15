"""The surfaces of a market of one's own: from a table of volatilities, or from option quotes."""

import numpy as np
import polars as pl

from engine.data.choices import Choices
from engine.data.clean import QualityReport
from engine.data.clock import Clock
from engine.data.judge import COUNTS
from engine.data.quote_filters import QuoteLimits
from engine.data.quoted_surface import QuotedSurface, quoted_surface
from engine.data.records import QuoteStatus

LISTED_EXPIRIES = 24


def one_side(surface: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keep one volatility per node: the out-of-the-money option's, at 50 delta the mean of call and put; and count."""
    node = ["date", "ticker", "tenor", "delta"]
    nodes = surface.select(*node, "iv", rows=pl.lit(0))
    if (surface["right"] == "P").any():
        call, put = pl.col("right") == "C", pl.col("right") == "P"
        outside = (call & (pl.col("delta") < 50)) | (put & (pl.col("delta") > 50))
        mean = pl.when(outside.any()).then(pl.col("iv").filter(outside).mean()).otherwise(pl.col("iv").mean())
        nodes = surface.group_by(node, maintain_order=True).agg(mean, rows=pl.len() - 1)
    asset = pl.col("ticker").alias("asset")
    kept = nodes.group_by(asset).agg(pl.lit("kept").alias("reason"), pl.len().alias("rows"))
    twins = nodes.group_by(asset).agg(pl.lit("surface.other_side_of_a_node").alias("reason"), pl.col("rows").sum())
    counts = [part.select(pl.col(name).cast(kind) for name, kind in COUNTS.items()) for part in (kept, twins)]
    return nodes.drop("rows"), pl.concat(counts).filter(pl.col("rows") > 0)


def grid(surface: pl.DataFrame, dates, tickers, tenors, deltas) -> np.ndarray:
    """Arrange volatilities as (T, 1 + N, K, D), float32, NaN where there is none."""
    axes = {"date": dates, "ticker": pl.Series(tickers, dtype=pl.String), "tenor": tenors, "delta": deltas}
    placed = surface.filter(pl.col("date").is_between(dates[0], dates[-1]))
    placed = placed.with_columns(pl.col("tenor", "delta").cast(pl.Int64))
    for axis, values in axes.items():
        at = pl.DataFrame({axis: values, f"{axis}_at": np.arange(len(values))})
        placed = placed.join(at, on=axis)
    out = np.full(tuple(len(values) for values in axes.values()), np.nan, np.float32)
    out[tuple(placed[f"{axis}_at"].to_numpy() for axis in axes)] = placed["iv"].to_numpy()
    return out


def status_of(iv: np.ndarray) -> np.ndarray:
    """Say why a cell is NaN: nothing of that name on that date, nothing at that tenor, or not at that delta."""
    there = np.isfinite(iv)
    status = np.where(there.any(axis=3, keepdims=True), int(QuoteStatus.BEYOND_DELTA), int(QuoteStatus.BEYOND_TENOR))
    status = np.where(there.any(axis=(2, 3), keepdims=True), status, int(QuoteStatus.NO_QUOTE))
    return np.where(there, int(QuoteStatus.OK), status).astype(np.uint8)


def surface_of_quotes(
    quotes: pl.DataFrame,
    closes: pl.DataFrame,
    rate,
    dates,
    tickers,
    choices: Choices,
    dividends: pl.DataFrame | None = None,
) -> tuple[QuotedSurface, pl.DataFrame]:
    """Make surfaces of judged option quotes, and count every one of them by asset and reason.

    Parameters
    ----------
    quotes : frame, as the contract of `quotes` keeps it
    closes : frame of date, ticker, close
    rate : array (T,)
    dates : array (T,), datetime64[D]; tickers : sequence (A,) of str
        The index first.
    choices : Choices
    dividends : frame, as the contract of `dividends` keeps it, or None
    """
    on_index = pl.when(pl.col("ticker") == tickers[0]).then(pl.lit(choices.index_style))
    styled = quotes.with_columns(style=pl.coalesce("style", on_index.otherwise(pl.lit(choices.style))))
    listed = quotes.group_by("date").agg(pl.col("expiry").n_unique())["expiry"]
    report = QualityReport()
    found = quoted_surface(
        styled,
        closes,
        pl.DataFrame({"date": dates, "rate": rate}),
        dates,
        tickers,
        report,
        width=min(LISTED_EXPIRIES, int(listed.to_numpy().max(initial=1))),
        clock=Clock(quotes=choices.quotes_at, pm=choices.settles_at),
        limits=QuoteLimits(style=choices.style),
        dividends=None if dividends is None else dividends.rename({"ticker": "asset", "date": "ex_date"}),
        max_extrapolation_days=choices.max_extrapolation_days,
    )
    odd = found.checks.filter(pl.col("count") > 0)
    checks = odd.select("asset", pl.format("surface.{}", "check").alias("reason"), pl.col("count").alias("rows"))
    counts = [
        frame.select(pl.col(name).cast(kind) for name, kind in COUNTS.items()) for frame in (report.frame(), checks)
    ]
    return found, pl.concat(counts)
