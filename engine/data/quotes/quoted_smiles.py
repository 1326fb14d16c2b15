"""From volatilities of quotes to the smiles of listed expiries on call deltas, at bid, mid and ask."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.backend import each
from engine.data.quotes.filters import SMILE
from engine.data.quotes.quotes_to_surface import WIDEST_GAP, lines_on_deltas
from engine.pricing.smile import fit_smiles, points, read_at_deltas
from engine.pricing.static_arbitrage import calendars

# Standard error of a mid as a share of half its spread, of a volatility without bid and ask as a share of itself, and
# the least there is: rounding of prices.
NOISE_OF_SPREAD = 0.5
NOISE_WITHOUT = 0.03
LEAST_NOISE = 5e-4
SMILES_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class QuotedSmiles:
    """Smiles of S expiries.

    Parameters
    ----------
    smiles : frame of date, asset, expiry, years, years_by_date, quotes (used), butterfly, stiff, calendar
        As in `FittedSmiles`; calendar counts the points at which the next expiry has less total variance.
    mid, bid, ask : array (S, D)
        Total volatility s sqrt(T) at the call deltas, NaN where the quotes do not reach.
    """

    smiles: pl.DataFrame
    mid: np.ndarray
    bid: np.ndarray
    ask: np.ndarray


def quoted_smiles(inverted: pl.DataFrame, deltas) -> QuotedSmiles:
    """Fit the smile of every expiry to its quotes, and read it at call deltas.

    Where no quote of an expiry has two sides, which would tell how far off it may be, the smile is lines between them:
    last trades, and volatilities that somebody gave.

    Parameters
    ----------
    inverted : frame, as from `inverted_quotes`, sorted by smile
    deltas : sequence (D,)
        Call deltas in percent.
    """
    smiles = inverted.group_by(SMILE, maintain_order=True).agg(
        pl.col("years", "years_by_date").first(), pl.len().alias("quotes"), pl.col("fitted").first()
    )
    counts = smiles["quotes"].to_numpy()
    ends = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
    strike, forward, years, *vols = (
        inverted[c].to_numpy() for c in ("strike", "forward", "years", "iv", "bid_iv", "ask_iv")
    )
    moneyness, root = np.log(strike / forward), np.sqrt(years)
    iv, bid, ask = vols
    # Where one side of a quote has no volatility it is taken to be as far from the mid as the other.
    bid, ask = np.where(bid > 0.0, bid, 2.0 * iv - ask), np.where(ask > 0.0, ask, 2.0 * iv - bid)
    half = 0.5 * (ask - bid)
    noise = np.where(half >= 0.0, np.maximum(NOISE_OF_SPREAD * half / iv, LEAST_NOISE), NOISE_WITHOUT)
    number = np.repeat(np.arange(len(counts)), counts)
    nodes = [float(delta) / 100.0 for delta in deltas]

    def fitted(first):
        last = min(first + SMILES_AT_ONCE, len(counts))
        rows = slice(ends[first], ends[last])
        own, *sides = (vol[rows] * root[rows] for vol in (iv, bid, ask))
        fit = fit_smiles(number[rows] - first, moneyness[rows], own, noise[rows], last - first, tuple(sides))
        return fit.root, fit.spread, fit.butterfly, fit.stiff, *read_at_deltas(fit, nodes, WIDEST_GAP)

    parts = list(each(np, fitted, range(0, len(counts), SMILES_AT_ONCE)))
    if not parts:
        nothing = np.empty((0, len(nodes)))
        none = smiles.with_columns(butterfly=pl.lit(0), stiff=pl.lit(False), calendar=pl.lit(0))
        return QuotedSmiles(none, nothing, nothing, nothing)
    own_root, spread, butterfly, stiff, mid, low, high = (np.concatenate(a) for a in zip(*parts, strict=True))
    told = smiles.with_columns(
        butterfly=pl.Series(butterfly),
        stiff=pl.Series(stiff),
        calendar=pl.Series(calendars(np.array(points()), own_root, spread, _next_expiry(smiles))),
    )
    lined = np.flatnonzero(~smiles["fitted"].to_numpy())
    if len(lined):
        lines = inverted.select("right", "call_delta", "iv", smile=pl.Series(number), spread=pl.Series(iv * root))
        apart = lines.filter(pl.col("smile").is_in(lined))
        mid[lined] = lines_on_deltas(apart, lined, deltas) * np.sqrt(smiles["years"].to_numpy()[lined])[:, None]
    two_sided = (low <= mid) & (mid <= high)
    return QuotedSmiles(told, mid, np.where(two_sided, low, np.nan), np.where(two_sided, high, np.nan))


def joined_smiles(parts: list[QuotedSmiles]) -> QuotedSmiles:
    """Put the smiles of parts after each other."""
    sides = {side: np.concatenate([getattr(part, side) for part in parts]) for side in ("mid", "bid", "ask")}
    return QuotedSmiles(pl.concat([part.smiles for part in parts], how="vertical_relaxed"), **sides)


def _next_expiry(smiles: pl.DataFrame) -> np.ndarray:
    """Row of the next expiry of the same date and asset, -1 where there is none."""
    following = smiles.select(
        same=(pl.struct("date", "asset") == pl.struct("date", "asset").shift(-1)).fill_null(False)
    )
    row = np.arange(smiles.height)
    return np.where(following["same"].to_numpy(), row + 1, -1)
