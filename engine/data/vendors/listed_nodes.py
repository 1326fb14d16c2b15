"""Volatilities that a vendor has by call delta for each listed expiry, brought to constant maturities."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl

from engine.backend import blocks
from engine.calendar import days_between
from engine.data.quotes.quotes_to_surface import constant_maturity
from engine.data.records import TENORS
from engine.data.tables.contracts import LEAST_IV, MOST_IV, QUOTES, SURFACE, TABLES, Rule, Table
from engine.data.tables.judge import COUNTS, Judged

REACH = 14.0  # days beyond the listed expiries, unless told
_BLOCK_BYTES = 2**27

NODES = Table(
    "nodes",
    {name: QUOTES.columns[name] for name in ("date", "ticker", "expiry")}
    | {name: SURFACE.columns[name] for name in ("delta", "iv")},
    ("date", "ticker", "expiry", "delta"),
    (
        Rule("expired", "expiry", pl.col("expiry") < pl.col("date")),
        Rule("iv_out_of_bounds", "iv", ~pl.col("iv").is_between(LEAST_IV, MOST_IV)),
    ),
    may_be_mostly_bad=True,
)
READ = TABLES | {NODES.name: NODES}  # the contracts of what is read of vendors' files


def with_nodes(surface: Judged | None, nodes: Judged, gave_way: str, max_extrapolation_days: float) -> Judged:
    """Join the surface that nodes make to the one that there is; of a ticker's day that both have, the nodes' counts.

    Parameters
    ----------
    surface : Judged or None
        Of files that have constant maturities themselves.
    nodes : Judged
        Of the contract `NODES`.
    gave_way : str
        Reason of the rows that are left out for it.
    max_extrapolation_days : float
        How far beyond the listed expiries a tenor may take the nearest one's volatility.
    """
    made = nodes_to_surface(nodes.kept, max_extrapolation_days)
    whole = replace(nodes, table="surface", kept=made)
    if surface is None:
        return whole
    twice = surface.kept.join(made.select("date", "ticker").unique(), on=["date", "ticker"], how="semi")
    counts = twice.group_by(asset="ticker").agg(pl.lit(gave_way).alias("reason"), pl.len().alias("rows"))
    return replace(
        whole,
        file=f"{surface.file} and {nodes.file}",
        kept=pl.concat([made, surface.kept.join(twice, on=["date", "ticker"], how="anti")]),
        rejected=pl.concat([nodes.rejected, surface.rejected]),
        counts=pl.concat([nodes.counts, surface.counts, counts.cast(COUNTS)]),  # pyright: ignore[reportArgumentType]
        notes=(*nodes.notes, *surface.notes),
    )


def nodes_to_surface(nodes: pl.DataFrame, max_extrapolation_days: float = REACH) -> pl.DataFrame:
    """Read the smiles of listed expiries at constant maturities: total variance linear in calendar days at each delta.

    Parameters
    ----------
    nodes : frame of date, ticker, expiry, delta, iv
        Call deltas in percent, annualised decimals.
    max_extrapolation_days : float

    Returns
    -------
    frame, as the contract of `surface` keeps it
        At the tenors of the engine that the expiries reach, and no others.

    Examples
    --------
    >>> from datetime import date
    >>> day, expiries = date(2026, 1, 2), [date(2026, 1, 22), date(2026, 2, 11)]
    >>> nodes = pl.DataFrame({"date": day, "ticker": "A", "expiry": expiries, "delta": 50.0, "iv": [0.2, 0.3]})
    >>> nodes_to_surface(nodes).filter(pl.col("tenor") == 30).select("delta", pl.col("iv").round(4)).rows()
    [(50.0, 0.2708)]
    """
    return pl.concat([_EMPTY, *_parts(nodes, max_extrapolation_days)])


_EMPTY = pl.DataFrame(
    schema={
        "date": pl.Date,
        "ticker": pl.String,
        "tenor": pl.Float64,
        "delta": pl.Float64,
        "right": pl.String,
        "iv": pl.Float64,
    }
)


def _parts(nodes: pl.DataFrame, max_extrapolation_days: float) -> Iterator[pl.DataFrame]:
    coming = nodes.filter(pl.col("expiry") > pl.col("date"))
    if coming.is_empty():
        return
    smile = pl.struct("date", "ticker").rank("dense") - 1
    slot = pl.col("expiry").rank("dense").over("date", "ticker") - 1
    at = pl.col("delta").rank("dense") - 1
    placed = coming.with_columns(s=smile.cast(pl.Int64), e=slot.cast(pl.Int64), d=at.cast(pl.Int64)).sort("s")
    deltas = placed["delta"].unique().sort().to_numpy()
    width, smiles = 1 + int(placed["e"].to_numpy().max()), 1 + int(placed["s"][-1])
    of = placed.unique("s", keep="first", maintain_order=True).select("date", "ticker")
    first = np.searchsorted(placed["s"].to_numpy(), np.arange(smiles + 1))
    for block in blocks(smiles, 8 * 8 * width * len(deltas), _BLOCK_BYTES):
        part = placed[first[block.start] : first[block.stop]]
        s, e, d = (part[name].to_numpy() for name in ("s", "e", "d"))
        iv = np.full((block.stop - block.start, 1, width, len(deltas)), np.nan)
        days = np.full((len(iv), 1, width), np.nan)
        iv[s - block.start, 0, e, d] = part["iv"].to_numpy()
        days[s - block.start, 0, e] = days_between(part["expiry"].to_numpy(), part["date"].to_numpy())
        found, _ = constant_maturity(iv, days, TENORS, max_extrapolation_days)
        n, _, k, at_delta = np.nonzero(np.isfinite(found))
        yield of[block][n.tolist()].with_columns(
            tenor=pl.Series(np.asarray(TENORS, float)[k]),
            delta=pl.Series(deltas[at_delta]),
            right=pl.lit(None, pl.String),
            iv=pl.Series(found[n, 0, k, at_delta].astype(np.float64)),
        )
