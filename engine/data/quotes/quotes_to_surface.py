"""From quotes to a surface: smiles of listed expiries on call deltas, then constant maturities.

No loop over smiles: quotes are sorted once by (date, asset, expiry, delta) and every node of every smile is found by
one binary search.
"""

import numpy as np
import polars as pl

from engine.backend import special
from engine.calendar import days_between, year_fraction
from engine.data.records import QuoteStatus
from engine.pricing import tenors_from_expiries

# Up to the first call delta a smile is read from calls alone, from the second on from puts alone: out-of-the-money
# quotes. Between them the share of the calls falls linearly from 1 to 0; it is a half at 50 delta.
CALLS_ONLY = 0.35
PUTS_ONLY = 0.65
# Neighbouring quotes further apart in delta than this do not determine the smile between them.
WIDEST_GAP = 0.40


def expiry_slots(quotes: pl.DataFrame, dates, width: int) -> np.ndarray:
    """Return the nearest `width` expiries quoted on each date in ascending order, (T, E), NaT where fewer.

    Quotes of other dates are left out. Expiries on or before the date have no smile and take no slot. The width is
    given and not read from the quotes, so that later dates, which may list more expiries, can be appended.
    """
    listed = (
        quotes.join(pl.DataFrame({"date": np.asarray(dates)}), on="date")
        .filter(pl.col("expiry") > pl.col("date"))
        .select("date", "expiry")
        .unique()
        .sort("date", "expiry")
        .with_columns(pl.int_range(pl.len()).over("date").alias("slot"))
        .filter(pl.col("slot") < width)
    )
    slots = np.full((len(dates), width), np.datetime64("NaT", "D"))
    slots[np.searchsorted(dates, listed["date"].to_numpy()), listed["slot"].to_numpy()] = listed["expiry"].to_numpy()
    return slots


def listed_smiles(quotes: pl.DataFrame, dates, assets, slots, deltas) -> np.ndarray:
    """Put the smile of every (date, asset, listed expiry) on the call deltas.

    Between neighbouring quotes volatility is linear in log strike, as `vol_at_strike` reads it back, for calls and for
    puts; the two are then blended.

    Parameters
    ----------
    quotes : frame of schema `Quotes`
    dates : array (T,), datetime64[D], ascending; assets : sequence (A,) of str
    slots : array (T, E), datetime64[D]
    deltas : array (D,)
        Call deltas in percent.

    Returns
    -------
    array (T, A, E, D), float32
        NaN where the quotes do not reach.
    """
    shape = (len(dates), len(assets), slots.shape[1])
    smiles = np.full((*shape, len(deltas)), np.nan, dtype=np.float32)
    keyed = _with_smile_number(quotes, dates, assets, slots)
    if keyed.height == 0:
        return smiles
    number = keyed["smile"].unique().sort().to_numpy()
    smiles.reshape(-1, len(deltas))[number] = lines_on_deltas(keyed, number, deltas)
    return smiles


def lines_on_deltas(quotes: pl.DataFrame, number: np.ndarray, deltas) -> np.ndarray:
    """Read smiles that are lines between quotes at call deltas: calls and puts apart, then blended.

    Parameters
    ----------
    quotes : frame of smile (int), right, call_delta, iv, spread (total volatility s sqrt(T)), years the same in a smile
        Several of one delta and right are averaged.
    number : array (S,), int
        The smiles, ascending.
    deltas : sequence (D,)
        Call deltas in percent.

    Returns
    -------
    array (S, D)
        Annualised decimals, NaN where the quotes do not reach.
    """
    nodes = np.asarray(deltas) / 100.0
    calls, puts = (_on_nodes(quotes.filter(pl.col("right") == right), number, nodes) for right in ("C", "P"))
    call_share = np.clip((PUTS_ONLY - nodes) / (PUTS_ONLY - CALLS_ONLY), 0.0, 1.0)
    both = call_share * calls + (1.0 - call_share) * puts
    either = np.where(np.isfinite(calls), calls, puts)
    blended = np.where((call_share > 0.0) & (call_share < 1.0) & ~np.isfinite(both), either, both)
    return np.where(call_share == 1.0, calls, np.where(call_share == 0.0, puts, blended))


def _with_smile_number(quotes, dates, assets, slots) -> pl.DataFrame:
    """Give each quote its smile's position in the flattened (T, A, E), and its total volatility."""
    t, e = np.nonzero(~np.isnat(slots))
    years = year_fraction(days_between(slots[t, e], np.asarray(dates)[t]))
    places = pl.DataFrame({"date": np.asarray(dates)[t], "expiry": slots[t, e], "t": t, "e": e, "years": years})
    order = pl.DataFrame({"asset": list(assets), "a": np.arange(len(assets))})
    smile = (pl.col("t") * len(assets) + pl.col("a")) * slots.shape[1] + pl.col("e")
    return (
        quotes.join(places, on=["date", "expiry"])
        .join(order, on="asset")
        .select(smile.alias("smile"), "right", "call_delta", "iv", spread=pl.col("iv") * pl.col("years").sqrt())
    )


def _on_nodes(curve: pl.DataFrame, number: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Interpolate the quotes of each smile at the nodes, (len(number), D); NaN beyond its quotes or in a wide gap.

    A call of delta d and total volatility u = s sqrt(T) has the log-moneyness k = u^2 / 2 - q(d) u, q the normal
    quantile. With u and k linear between two quotes, a node is where u(x)^2 / 2 - q(node) u(x) - k(x) = 0.
    """
    if curve.height == 0:
        return np.full((len(number), len(nodes)), np.nan)
    curve = curve.sort("smile", "call_delta", maintain_order=True)
    smile, delta, iv, spread = (curve[c].to_numpy() for c in ("smile", "call_delta", "iv", "spread"))
    first = np.flatnonzero(np.append(True, (np.diff(smile) != 0) | (np.diff(delta) != 0.0)))
    iv, spread = (np.add.reduceat(each, first) / np.diff(first, append=len(smile)) for each in (iv, spread))
    smile, delta = smile[first], delta[first]
    key = smile + delta  # deltas lie inside (0, 1): the key orders by smile, then delta
    target = number[:, None] + nodes
    right = np.searchsorted(key, target.ravel(), side="left").reshape(target.shape)
    left = np.maximum(right - 1, 0)
    right = np.minimum(right, len(key) - 1)
    exact = np.isclose(key[right], target, rtol=0.0, atol=1e-9) & (smile[right] == number[:, None])
    inside = (smile[left] == number[:, None]) & (smile[right] == number[:, None]) & (delta[left] <= nodes)
    gap = delta[right] - delta[left]
    inside &= (gap > 0.0) & (gap <= WIDEST_GAP) & (delta[right] >= nodes)

    quantile, at = (special(np).ndtri(deltas) for deltas in (delta, nodes))
    moneyness = spread * (0.5 * spread - quantile)
    rise, fall = spread[right] - spread[left], moneyness[right] - moneyness[left]
    curved, slope = 0.5 * rise**2, (spread[left] - at) * rise - fall
    start = (quantile[left] - at) * spread[left]  # not positive, as the left quote's delta is below the node's
    root = np.sqrt(np.where(inside, slope**2 - 4.0 * curved * start, np.nan))
    share = -2.0 * start / (slope + root)
    between = np.where(inside, iv[left] + share * (iv[right] - iv[left]), np.nan)
    return np.where(exact, iv[right], between)


def constant_maturity(smiles, days, tenors, max_extrapolation_days: float):
    """Read smiles of listed expiries at constant tenors: total variance is linear in calendar days at each delta.

    Parameters
    ----------
    smiles : array (T, A, E, D)
        Annualised decimals, NaN where there is no quote.
    days : array (T, E) or (T, A, E)
        Calendar days to each expiry, NaN where there is none.
    tenors : sequence (K,)
        Calendar days.
    max_extrapolation_days : float
        A tenor outside the quoted expiries takes the volatility of the nearest one if it is at most this far away.

    Returns
    -------
    iv : array (T, A, K, D), float32
    status : array (T, A, K, D), uint8
        `QuoteStatus`: why a cell is NaN.
    """
    quoted = np.isfinite(smiles).any(axis=3)
    some = quoted.any(axis=2)  # most names of an index may have no options at all
    days = np.asarray(days)
    days = np.broadcast_to(days[:, None] if days.ndim == 2 else days, quoted.shape)[some]
    at_all = np.where(quoted[some], 1.0, np.nan)[..., None]
    found, reached = (tenors_from_expiries(v, days, tenors, max_extrapolation_days)[0] for v in (smiles[some], at_all))
    beyond = np.where(np.isfinite(reached), np.uint8(QuoteStatus.BEYOND_DELTA), np.uint8(QuoteStatus.BEYOND_TENOR))
    iv = np.full((*some.shape, *found.shape[1:]), np.nan, dtype=np.float32)
    status = np.full(iv.shape, QuoteStatus.NO_QUOTE, dtype=np.uint8)
    iv[some], status[some] = found, np.where(np.isfinite(found), np.uint8(QuoteStatus.OK), beyond)
    return iv, status
