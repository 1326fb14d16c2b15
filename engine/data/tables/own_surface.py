"""The surfaces of a market of one's own, from a table of volatilities, month by month."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl

from engine.data.contract_quotes import ContractQuotes
from engine.data.records import ListedSmiles, QuotedBand, QuoteStatus
from engine.data.tables.dated_rows import DatedRows, Month
from engine.data.tables.judge import COUNTS

NODE = ["date", "ticker", "tenor", "delta"]


@dataclass(frozen=True, eq=False)
class SurfaceBlock:
    """Surfaces of some sessions: iv and status (T, 1 + N, K, D), the index first."""

    iv: np.ndarray
    status: np.ndarray
    listed: ListedSmiles | None = None
    band: QuotedBand | None = None


class Surfaces(Protocol):
    """The surfaces of all sessions, of which a few at a time are in memory.

    Attributes
    ----------
    tenors : array (K,); deltas : array (D,)
    used : frame of asset, reason, rows
        Volatilities, or quotes, that are kept or dropped on the way.
    checks : frame of check, count, of
        What is odd about them, by the names of `engine.data.quotes.surface_checks`.
    nodes : dict of axis -> frame of the axis, rows
        How many volatilities there are at each tenor and delta; of option quotes nothing.
    contracts : ContractQuotes or None
    empty : bool
        Whether not one quote made a volatility.
    """

    tenors: np.ndarray
    deltas: np.ndarray
    used: pl.DataFrame
    checks: pl.DataFrame
    nodes: dict[str, pl.DataFrame]
    contracts: ContractQuotes | None
    empty: bool

    def block(self, dates: np.ndarray) -> SurfaceBlock:
        """Return the surfaces of consecutive sessions."""
        ...


class GivenSurfaces:
    """Surfaces of a table that holds volatilities at tenors and deltas; as `Surfaces`.

    Parameters
    ----------
    rows : DatedRows
    tickers : list (1 + N,) of str
        The index first.
    """

    contracts: ContractQuotes | None = None
    empty = False

    def __init__(self, rows: DatedRows, tickers: list[str]):
        self._rows, self._tickers = rows, tickers
        facts = [self._facts(month) for month in rows.months]
        self.used = pl.concat([pl.DataFrame(schema=COUNTS), *(used for used, _ in facts)])
        self.checks = pl.DataFrame(schema={"check": pl.String, "count": pl.Int64, "of": pl.Int64})
        nodes = pl.concat([nodes for _, nodes in facts])
        self.nodes = {axis: nodes.group_by(axis).agg(pl.col("rows").sum()).sort(axis) for axis in ("tenor", "delta")}
        self.tenors, self.deltas = (nodes[axis].unique().sort().to_numpy() for axis in ("tenor", "delta"))

    def block(self, dates: np.ndarray) -> SurfaceBlock:
        """Return the surfaces of consecutive sessions."""
        nodes, _ = one_side(self._ours(self._rows.between(dates[0], dates[-1])))
        iv = grid(nodes, dates, self._tickers, self.tenors, self.deltas)
        return SurfaceBlock(iv, status_of(iv))

    def _ours(self, rows: pl.LazyFrame) -> pl.DataFrame:
        return rows.filter(pl.col("ticker").is_in(self._tickers)).select(*NODE, "right", "iv").collect()

    def _facts(self, month: Month) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Count what one month has, by ticker and by tenor and delta."""

        def make(put):
            nodes, used = one_side(self._ours(month.rows()))
            put("used", used)
            put("nodes", nodes.group_by(pl.col("tenor", "delta").cast(pl.Int64)).len("rows").sort("tenor", "delta"))
            return {}

        made = self._rows.kept.made("nodes", self._rows.kept.key(__file__, month.made_of, sorted(self._tickers)), make)
        return made.frame("used"), made.frame("nodes")


def one_side(surface: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keep one volatility per node: the out-of-the-money option's, at 50 delta the mean of call and put; and count."""
    nodes = surface.select(*NODE, "iv", rows=pl.lit(0))
    if (surface["right"] == "P").any():
        call, put = pl.col("right") == "C", pl.col("right") == "P"
        outside = (call & (pl.col("delta") < 50)) | (put & (pl.col("delta") > 50))
        mean = pl.when(outside.any()).then(pl.col("iv").filter(outside).mean()).otherwise(pl.col("iv").mean())
        nodes = surface.group_by(NODE, maintain_order=True).agg(mean, rows=pl.len() - 1)
    asset = pl.col("ticker").alias("asset")
    kept = nodes.group_by(asset).agg(pl.lit("kept").alias("reason"), pl.len().alias("rows"))
    twins = nodes.group_by(asset).agg(pl.lit("surface.other_side_of_a_node").alias("reason"), pl.col("rows").sum())
    counts = [part.select(pl.col(name).cast(kind) for name, kind in COUNTS.items()) for part in (kept, twins)]
    return nodes.drop("rows"), pl.concat(counts).filter(pl.col("rows") > 0)


def grid(surface: pl.DataFrame, dates, tickers, tenors, deltas) -> np.ndarray:
    """Arrange volatilities as (T, 1 + N, K, D), float32, NaN where there is none."""
    axes = {"date": dates, "ticker": pl.Series(tickers, dtype=pl.String), "tenor": tenors, "delta": deltas}
    placed = surface.with_columns(pl.col("tenor", "delta").cast(pl.Int64))
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
