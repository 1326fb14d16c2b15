"""The quality of a market's data: what was read and dropped, what is quoted, what repeats itself, and what jumps."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.backend import blocks, to_host
from engine.backtest.text import as_text
from engine.data.panel import MarketPanel
from engine.data.records import QuoteStatus
from engine.study.levels import FRONT, middle_delta

# A volatility that moves by this factor in a session while half the other names move by less than a tenth of that has
# an event of its own, or an error.
JUMP = 1.5
BYTES_PER_BLOCK = 64_000_000


@dataclass(frozen=True, eq=False)
class Quality:
    """What is known of the quality of a market's data.

    Parameters
    ----------
    by_date : frame
        date, quoted (share of the members' weight that has a volatility at the front tenor, 50 delta), index (1.0 or
        0.0: whether the index leg has one).
    by_name : frame
        name, weight (mean), sessions (as a member), quoted (share of these with a volatility at the front tenor, 50
        delta), cells (share of all tenors and deltas), repeated (share of sessions whose surface is that of the session
        before, bit for bit), jumps, first and last session quoted; members only, those that miss most weight first.
    by_tenor : frame
        tenor, and for the index and the members the shares of cells by status.
    jumps : frame
        date, name, before, after (volatilities at the front tenor, 50 delta), others (median factor of the other
        names), factor; the largest first.
    reasons : frame or None
        reason, rows, share, assets, most (the asset with the most rows): every row that was read; None where the market
        counts none.
    """

    by_date: pl.DataFrame
    by_name: pl.DataFrame
    by_tenor: pl.DataFrame
    jumps: pl.DataFrame
    reasons: pl.DataFrame | None

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return the files of a run by name."""
        return {"quality_by_date": self.by_date, "quality_by_name": self.by_name, "quality_jumps": self.jumps}

    def lines(self) -> list[str]:
        """Return the quality in a few lines of text."""
        quoted, thin = self.by_date["quoted"], self.by_date.filter(pl.col("quoted") < 0.5)
        told = [
            f"Members' weight quoted: {_percent(quoted.mean())} on average, least {_percent(quoted.min())}",
            f"Sessions with less than half of it: {thin.height:,} of {self.by_date.height:,}",
            f"Sessions without the index leg: {int((self.by_date['index'] == 0.0).sum()):,}",
            f"Members without any quote: {int((self.by_name['quoted'] == 0.0).sum()):,} of {self.by_name.height:,}",
            f"Surfaces that repeat the session before: {_percent(self.by_name['repeated'].mean())} of all",
            f"Jumps of one name's volatility alone: {int(self.by_name['jumps'].sum()):,}",
        ]
        if self.reasons is not None:
            dropped = self.reasons.filter(pl.col("reason") != "kept")
            most = [f"{reason} {rows:,}" for reason, rows in dropped.select("reason", "rows").head(3).iter_rows()]
            share = float(dropped["share"].sum())
            told.append(f"Rows dropped: {_percent(share)}" + (f" ({', '.join(most)}, ...)" if most else ""))
        return told


def quality_of(market: MarketPanel, counts: pl.DataFrame | None = None) -> Quality:
    """Judge a market's data, date by date and name by name.

    Parameters
    ----------
    market : MarketPanel
        On the host or on a device.
    counts : frame or None
        Rows read by asset and reason, as from `load_quality`.

    Returns
    -------
    Quality
    """
    k, d = int(np.abs(market.tenors - FRONT).argmin()), middle_delta(market)
    front = to_host(market.component_iv[:, :, k, d]).astype(np.float64)
    member = to_host(market.weights) > 0.0
    weights = np.where(member, to_host(market.weights), 0.0)
    seen = np.isfinite(front)
    factor, others, is_jump = _jumps(front, member)
    cells, repeated, statuses = _surfaces(market, member)
    sessions = member.sum(axis=0)
    held = np.maximum(sessions, 1)
    shown = np.flatnonzero(sessions)
    first, last = (_edge(market.dates, seen & member, end)[shown] for end in (0, -1))
    by_name = pl.DataFrame(
        {
            "name": np.asarray(market.names)[shown],
            "weight": (weights.sum(axis=0) / held)[shown],
            "sessions": sessions[shown],
            "quoted": ((seen & member).sum(axis=0) / held)[shown],
            "cells": (cells / held)[shown],
            "repeated": (repeated / held)[shown],
            "jumps": is_jump.sum(axis=0)[shown],
            "first": first,
            "last": last,
        }
    )
    missing = pl.col("weight") * (1.0 - pl.col("quoted"))
    t, n = np.nonzero(is_jump)
    jumps = pl.DataFrame(
        {
            "date": market.dates[t],
            "name": np.asarray(market.names)[n],
            "before": front[t - 1, n],
            "after": front[t, n],
            "others": others[t],
            "factor": factor[t, n],
        }
    )
    return Quality(
        by_date=pl.DataFrame(
            {
                "date": market.dates,
                "quoted": (weights * seen).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-12),
                "index": np.isfinite(to_host(market.index_iv[:, k, d])).astype(float),
            }
        ),
        by_name=by_name.sort(missing, "name", descending=[True, False]),
        by_tenor=_by_tenor(market, statuses),
        jumps=jumps.sort(pl.col("factor").log().abs(), descending=True),
        reasons=None if counts is None else _reasons(counts),
    )


def _jumps(front: np.ndarray, member: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Factor by which each volatility moved (T, N), the median one (T,), and which moved alone."""
    factor = np.full(front.shape, np.nan)
    if len(front) > 1:
        factor[1:] = front[1:] / front[:-1]
    known = np.where(member, factor, np.nan)
    others = np.full(len(front), np.nan)
    told = np.isfinite(known).any(axis=1)
    others[told] = np.nanmedian(known[told], axis=1)
    alone = np.abs(np.log(others)) < 0.1 * np.log(JUMP)
    return factor, others, (np.abs(np.log(known)) > np.log(JUMP)) & alone[:, None]


def _surfaces(market: MarketPanel, member: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum over the sessions of a member its share of cells quoted (N,), its repeated surfaces (N,), statuses (K, S)."""
    dates, names, tenors, deltas = market.component_iv.shape
    cells, repeated = np.zeros(names), np.zeros(names)
    statuses = np.zeros((tenors, len(QuoteStatus)), dtype=np.int64)
    for part in blocks(dates, names * tenors * deltas * 12, BYTES_PER_BLOCK):
        before = slice(max(part.start - 1, 0), part.stop)
        iv = to_host(market.component_iv[before])
        finite, inside = np.isfinite(iv), member[part]
        cells += (finite[part.start - before.start :].mean(axis=(2, 3)) * inside).sum(axis=0)
        same = ((iv[1:] == iv[:-1]) | ~finite[1:]).all(axis=(2, 3)) & finite[1:].any(axis=(2, 3))
        repeated += (same & member[before][1:]).sum(axis=0)
        status = market.component_status[part]
        held = status[inside]  # (member on a date, tenor, delta)
        statuses += [[np.count_nonzero(held[:, k] == int(code)) for code in QuoteStatus] for k in range(tenors)]
    return cells, repeated, statuses


def _by_tenor(market: MarketPanel, statuses: np.ndarray) -> pl.DataFrame:
    columns: dict[str, np.ndarray] = {"tenor": np.asarray(market.tenors)}
    for code in QuoteStatus:
        columns[f"index_{code.name.lower()}"] = (market.index_status == code).mean(axis=(0, 2))
    total = np.maximum(statuses.sum(axis=1), 1)
    for code in QuoteStatus:
        columns[f"members_{code.name.lower()}"] = statuses[:, code] / total
    return pl.DataFrame(columns)


def _edge(dates: np.ndarray, seen: np.ndarray, end: int) -> np.ndarray:
    """First (0) or last (-1) date on which each name is seen, NaT where it never is."""
    rows = np.argmax(seen if end == 0 else seen[::-1], axis=0)
    found = dates[rows if end == 0 else len(dates) - 1 - rows].astype("datetime64[D]")
    found[~seen.any(axis=0)] = np.datetime64("NaT", "D")
    return found


def _percent(share) -> str:
    return as_text(share, "percent")


def _reasons(counts: pl.DataFrame) -> pl.DataFrame:
    by_reason = counts.sort("rows", "asset", descending=[True, False]).group_by("reason", maintain_order=True)
    told = by_reason.agg(
        pl.col("rows").sum(),
        (pl.col("rows").sum() / counts["rows"].sum()).alias("share"),
        pl.col("asset").n_unique().alias("assets"),
        pl.col("asset").first().alias("most"),
    )
    return told.sort("rows", "reason", descending=[True, False])
