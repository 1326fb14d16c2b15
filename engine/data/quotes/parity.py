"""Forwards by put-call parity, expiry by expiry, of European and American options, and what they say of the spot.

    F = median of K + exp(r T) (C - P) over the strikes nearest the forward

of European prices: from American ones the premium of early exercise is taken off first. A forward comes from quotes of
one moment alone, so a close taken minutes before or after them moves no volatility; `spot_offsets` tells it.
"""

import numpy as np
import polars as pl

from engine.data.quotes.dividends import escrowed, ex_dates
from engine.data.quotes.filters import SMILE
from engine.pricing import black_price, early_exercise_premium, implied_vol

NEAREST = 6  # pairs whose median is taken
ROUNDS = 2  # of premium and forward, each from the other
FEWEST = 3  # expiries whose forwards tell a spot offset
LONGEST = 0.5  # years: beyond them dividends and the term structure of rates say more than the spot does
LEAST_NOISE = 1e-4  # of a forward by parity, as a share of it
MOST_DOUBT = 1e-3  # standard error of an offset above which it says nothing
LISTED, PARITY, NEIGHBOURS, CARRIED = "listed", "parity", "neighbouring_expiries", "spot_and_rate"


def parity_forwards(quotes: pl.DataFrame, dividends: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return the forward of every smile.

    Parameters
    ----------
    quotes : frame, as from `usable_quotes`
        Where it holds a forward, that is taken. A volatility without a price is priced on the spot compounded at the
        rate, which is the forward it is taken to be of.
    dividends : frame of asset, ex_date, amount, or None
        Known dividends; None = the yield that the forwards tell, spread evenly.

    Returns
    -------
    frame
        date, asset, expiry, forward, origin (listed; parity; neighbouring_expiries: their median carry, where an expiry
        has no pair; spot_and_rate where none has one), pairs (whose median it is), breaks (of these that contradict it
        by more than their spreads), parity_gap (median distance of these from it, as a share), spot_offset and its
        doubt as from `spot_offsets`, spot (corrected by that offset), borrow (rate less carry, a year: the
        fee, and dividends that are not known), years, rate, american. Sorted by smile.
    """
    first = ("years", "spot", "rate", "american")
    smiles = quotes.group_by(SMILE).agg(pl.col(first).first(), pl.col("forward").median().alias("listed")).sort(SMILE)
    ex_years, amounts = ex_dates(smiles, dividends)
    years, close, rate = (smiles[c].to_numpy() for c in ("years", "spot", "rate"))
    paid = escrowed(rate, ex_years, amounts)
    carried = (close - paid) * np.exp(rate * years)
    group = smiles.select(pl.struct("date", "asset").rank("dense") - 1).to_series().to_numpy()
    pairs = _Pairs(quotes, smiles, carried, ex_years, amounts)
    listed = smiles["listed"].fill_null(np.nan).to_numpy()
    american = smiles["american"].to_numpy()

    premium = np.zeros(pairs.strike.shape)
    for left in range(ROUNDS, -1, -1):
        parity, gap = pairs.forward(premium)
        known = np.where(np.isnan(listed), parity, listed)
        offset, doubt = spot_offsets(group, known / (close - paid), years, gap, pairs.count)
        spot = close * np.exp(np.where(doubt < MOST_DOUBT, offset, 0.0))
        if not left or not american.any():
            break
        premium = np.where(american[:, None] & pairs.priced, pairs.premium(known, spot), 0.0)

    carry = pl.Series(np.log(known / (spot - paid)) / years).fill_nan(None)
    usual = smiles.select("date", "asset").with_columns(carry=carry)
    usual = usual.select(pl.col("carry").median().over("date", "asset"))["carry"].to_numpy()
    around = (spot - paid) * np.exp(usual * years)
    choices = {LISTED: listed, PARITY: parity, NEIGHBOURS: around, CARRIED: carried}
    forward, origin = np.full(len(years), np.nan), np.full(len(years), "", dtype=object)
    for name, value in choices.items():
        taken = np.isnan(forward) & (value > 0.0)
        forward, origin = np.where(taken, value, forward), np.where(taken, name, origin)
    return smiles.select(
        *SMILE,
        forward=pl.Series(forward),
        origin=pl.Series(origin, dtype=pl.String),
        pairs=pl.Series(pairs.count),
        breaks=pl.Series(pairs.breaks(premium)),
        parity_gap=pl.Series(gap),
        spot_offset=pl.Series(offset),
        spot_offset_doubt=pl.Series(doubt),
        spot=pl.Series(spot),
        borrow=pl.Series(rate - np.log(forward / (spot - paid)) / years),
        years="years",
        rate="rate",
        american="american",
    )


def spot_offsets(group, growth, years, gap, count) -> tuple[np.ndarray, np.ndarray]:
    """Tell how far the options' own spot lies from the close: where ln(F / S) lies at an expiry of no time.

    A weighted straight line in time through the forwards of each group, a date and asset. Carry bends it little within
    half a year; how far it bends, as a dividend between two expiries makes it, is part of the doubt. A dividend before
    the first expiry looks like an offset of its size.

    Parameters
    ----------
    group : array (S,), int
    growth : array (S,)
        Forward over the spot less known dividends, NaN where no forward is known.
    years, gap, count : array (S,)
        Time to settlement, median distance of the pairs as a share of the forward, and their number.

    Returns
    -------
    offset, doubt : array (S,)
        Of the group of each: ln of the options' spot over the close, and its standard error; NaN with fewer than three
        expiries.

    Examples
    --------
    >>> years = np.array([0.05, 0.1, 0.3])
    >>> offset, doubt = spot_offsets(np.zeros(3, int), np.exp(0.002 + 0.03 * years), years, np.zeros(3), np.full(3, 6))
    >>> offset.round(6).tolist(), bool((doubt < 2e-4).all())
    ([0.002, 0.002, 0.002], True)
    """
    used = (growth > 0.0) & (years <= LONGEST)
    y = np.log(np.where(used, growth, 1.0))
    noise = np.where(count > 0, gap, 0.0) ** 2 / np.maximum(count, 1)
    weight = np.where(used, 1.0 / (LEAST_NOISE**2 + np.nan_to_num(noise)), 0.0)

    def total(values):
        return np.bincount(group, weights=values)

    w, wx, wy, wxx, wxy = (total(weight * v) for v in (1.0, years, y, years**2, years * y))
    spread, count = w * wxx - wx * wx, total(used * 1.0)
    spread = np.where((count >= FEWEST) & (spread > 0.0), spread, np.nan)
    offset, slope = (wxx * wy - wx * wxy) / spread, (w * wxy - wx * wy) / spread
    bent = total(weight * (y - offset[group] - slope[group] * years) ** 2) / (count - 2.0)
    return offset[group], np.sqrt(np.maximum(bent, 1.0) * wxx / spread)[group]


class _Pairs:
    """Calls and puts of one strike, the nearest of each smile: arrays (S, NEAREST), NaN where there are fewer."""

    def __init__(self, quotes, smiles, carried, ex_years, amounts):
        self.carried, self.ex_years, self.amounts = carried, ex_years[:, None, :], amounts[:, None, :]
        self.years, self.rate = (smiles[c].to_numpy()[:, None] for c in ("years", "rate"))
        numbered = smiles.select(*SMILE, guess=pl.Series(carried)).with_row_index("smile")
        half = (0.5 * (pl.col("ask") - pl.col("bid"))).fill_null(0.0).alias("half")
        priced = quotes.select(*SMILE, "strike", "right", "mid", "iv", half).join(numbered, on=SMILE)
        call, put = (
            priced.filter(pl.col("right") == right).unique(["smile", "strike"], keep="first") for right in ("C", "P")
        )
        both = call.select("smile", "strike", "guess", "mid", "iv", "half").join(
            put.select("smile", "strike", "mid", "iv", "half"), on=["smile", "strike"], suffix="_put"
        )
        has = [pl.all_horizontal(pl.col(c).is_not_null() for c in (name, f"{name}_put")) for name in ("mid", "iv")]
        distance = (pl.col("strike") / pl.col("guess")).log().abs()
        both = both.filter(has[0] | has[1]).sort("smile", distance, "strike")
        both = both.with_columns(place=pl.int_range(pl.len()).over("smile")).filter(pl.col("place") < NEAREST)
        at = (both["smile"].to_numpy(), both["place"].to_numpy())
        columns = {}
        for name in ("strike", "mid", "mid_put", "iv", "iv_put", "half", "half_put"):
            columns[name] = np.full((smiles.height, NEAREST), np.nan)
            columns[name][at] = both[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        self.strike = columns["strike"]
        self.spread = columns["half"] + columns["half_put"]
        self.count = np.isfinite(self.strike).sum(axis=1)
        self.priced = np.isfinite(columns["mid"] + columns["mid_put"])
        self.call, self.put = (
            np.where(
                self.priced,
                columns[mid],
                black_price(carried[:, None], self.strike, columns[iv], self.years, is_call, self.rate),
            )
            for mid, iv, is_call in (("mid", "iv", True), ("mid_put", "iv_put", False))
        )

    def forward(self, premium) -> tuple[np.ndarray, np.ndarray]:
        """Median forward (S,) without the call's premium less the put's, and how far the pairs lie from it."""
        each = self.strike + np.exp(self.rate * self.years) * (self.call - self.put - premium)
        middle = _median(each)
        return middle, _median(np.abs(each / middle[:, None] - 1.0))

    def breaks(self, premium) -> np.ndarray:
        """Pairs (S,) whose call and put contradict the forward by more than their half spreads and a basis point."""
        growth = np.exp(self.rate * self.years)
        middle, _ = self.forward(premium)
        off = np.abs(self.strike + growth * (self.call - self.put - premium) - middle[:, None])
        return (self.priced & (off > growth * self.spread + LEAST_NOISE * middle[:, None])).sum(axis=1)

    def premium(self, forward, spot) -> np.ndarray:
        """Premium of each pair's call less that of its put, at the volatility of its out-of-the-money option."""
        forward = np.where(np.isnan(forward), self.carried, forward)[:, None]
        spot = np.broadcast_to(spot[:, None], self.strike.shape)
        out = self.strike >= forward
        price = np.where(out, self.call, self.put)
        iv, _ = implied_vol(price, forward, self.strike, self.years, out, self.rate)
        call, put = (
            early_exercise_premium(
                spot, forward, self.strike, iv, self.years, is_call, self.rate, self.ex_years, self.amounts
            )
            for is_call in (True, False)
        )
        return np.nan_to_num(call - put)


def _median(values) -> np.ndarray:
    """Median along the last axis of what is not NaN; NaN where nothing is."""
    ordered = np.sort(values, axis=-1)  # NaN last
    count = np.isfinite(values).sum(axis=-1)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    pick = [
        np.take_along_axis(ordered, np.minimum(at, values.shape[-1] - 1)[..., None], axis=-1)[..., 0]
        for at in (low, high)
    ]
    return np.where(count > 0, 0.5 * (pick[0] + pick[1]), np.nan)
