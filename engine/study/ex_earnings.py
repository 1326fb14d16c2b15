"""Implied correlation without earnings, beside the raw one: the variance of known dates taken off the members."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from engine.backend import blocks, namespace, to_host
from engine.calendar import days_between
from engine.correlation import correlate_baskets
from engine.data.quotes.earnings import ex_earnings, known_events
from engine.data.quotes.quotes_to_surface import constant_maturity
from engine.data.tables.contracts import EARNINGS
from engine.data.tables.whole_file import read_whole, whole
from engine.data.vendors.vendor_table import of_vendor
from engine.errors import InputError
from engine.study.levels import Levels, middle_delta

COLUMN = "implied_correlation_ex_earnings"
EXTRAPOLATION_DAYS = 14.0  # of a tenor beyond the listed expiries, as sources have it
_BLOCK_BYTES = 2**28


def read_earnings(path: str | Path) -> pl.DataFrame:
    """Read a table of earnings, one's own or a vendor's: date, ticker, and known, the day from which it was known.

    Raises
    ------
    InputError
        When there is no such file, or a row cannot be what it says.
    """
    found = of_vendor(EARNINGS, Path(path))
    return read_whole(EARNINGS, path) if found is None else whole(found)


def ex_earnings_iv(market, earnings: pl.DataFrame) -> np.ndarray:
    """Return the members' volatilities (T, N, K, D) without the variance of earnings known on the date, on the host.

    Where no date is known the panel's own stay. Listed expiries tell each event (`engine.pricing.event`).

    Raises
    ------
    InputError
        When the market has no listed expiries.
    """
    if market.listed is None:
        raise InputError(f"market {market.info.name} has no listed expiries, which alone can tell earnings")
    events = known_events(earnings, market.dates, market.names)
    iv = np.array(to_host(market.component_iv))
    at_the_money, expiry = middle_delta(market), market.listed.expiry
    row = 8 * 6 * int(np.prod(market.listed.iv.shape[1:]))
    for part in blocks(len(market), row, _BLOCK_BYTES):
        coming = np.isfinite(events[:, part]).any(axis=0)
        t, n = np.nonzero(coming)
        if len(t) == 0:
            continue
        smiles = to_host(market.listed.iv[part])[t, n].astype(np.float64)[:, None]
        days = days_between(expiry[part][t], market.dates[part][t][:, None])[:, None]
        left, _ = ex_earnings(smiles, days, at_the_money, events[:, part][:, t, n][..., None])
        found, _ = constant_maturity(left, days, market.tenors, EXTRAPOLATION_DAYS)
        iv[part][t, n] = found[:, 0]
    return iv


def with_ex_earnings(levels: Levels, market, earnings: pl.DataFrame, min_coverage: float) -> Levels:
    """Return levels whose rows have implied_correlation_ex_earnings too, decimals, null where not computable.

    Index and baskets are those of the levels: an index spreads its members' dates over the quarter, and keeps its own
    volatility.
    """
    iv = namespace(levels.baskets[0].weights).asarray(ex_earnings_iv(market, earnings))
    rho = correlate_baskets(levels.baskets, iv, min_coverage=min_coverage, budget=market.window_bytes)
    column = pl.Series(COLUMN, to_host(rho.clean).ravel().astype(np.float64)).fill_nan(None)
    return replace(levels, implied=levels.implied.with_columns(column))
