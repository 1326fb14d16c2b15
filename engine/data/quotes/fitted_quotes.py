"""From option quotes to the smiles of their expiries: what can be done of one date without the others.

quotes -> usable_quotes -> parity_forwards -> inverted_quotes -> quoted_smiles
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate, pairwise

import numpy as np
import polars as pl

from engine.data.quotes.clean import QualityReport
from engine.data.quotes.clock import Clock
from engine.data.quotes.filters import QuoteLimits, usable_quotes
from engine.data.quotes.invert_quotes import inverted_quotes
from engine.data.quotes.parity import parity_forwards
from engine.data.quotes.quoted_smiles import QuotedSmiles, joined_smiles, quoted_smiles
from engine.data.quotes.surface_checks import surface_checks, vendor_check
from engine.data.records import DELTAS

QUOTES_AT_ONCE = 1_000_000  # some 1.5 GB while a block of dates is made


@dataclass(frozen=True, eq=False)
class FittedQuotes:
    """Smiles of some dates and assets.

    Parameters
    ----------
    smiles : QuotedSmiles
    forwards : frame, as from `parity_forwards`
    checks : frame of asset, check, count, of
        What is odd about smiles, forwards and volatilities, as from `surface_checks` and `vendor_check`.
    """

    smiles: QuotedSmiles
    forwards: pl.DataFrame
    checks: pl.DataFrame = field(repr=False)


def fitted_quotes(
    quotes: pl.DataFrame,
    closes: pl.DataFrame,
    rate: pl.DataFrame,
    first,
    report: QualityReport,
    *,
    deltas=DELTAS,
    clock: Clock | None = None,
    limits: QuoteLimits | None = None,
    dividends: pl.DataFrame | None = None,
    at_once: int | None = None,
) -> FittedQuotes:
    """Fit the smiles of all dates from `first` on.

    Parameters
    ----------
    quotes : frame of date, ticker, expiry, strike, right (C, P)
        As for `quoted_surface`; those before the first date tell which of its smiles are stale, and nothing else: a
        block with the session before it has the bits and counts of the whole.
    closes : frame of date, ticker, close
    rate : frame of date, rate
    first : datetime64[D]
    report : QualityReport
    deltas, clock, limits, dividends
        As for `quoted_surface`.
    at_once : int or None
        Quotes that are worked on at a time, or those of one date where it has more: 1,500 bytes each.
    """
    parts = []
    for some, own in _some_dates(quotes, first, at_once or QUOTES_AT_ONCE):
        usable = usable_quotes(some, closes, rate, report, clock, limits, own)
        told = parity_forwards(usable, dividends)
        inverted = inverted_quotes(usable, told, report, dividends)
        smiles = quoted_smiles(inverted, deltas)
        checks = pl.concat([surface_checks(told, smiles.smiles), vendor_check(inverted)])
        parts.append(FittedQuotes(smiles, told, checks))
    return joined_fits(parts)


def joined_fits(parts: Sequence[FittedQuotes]) -> FittedQuotes:
    """Put parts of a market after each other: of other dates, or of other assets."""
    checks = pl.concat([part.checks for part in parts]).group_by("asset", "check").agg(pl.col("count", "of").sum())
    return FittedQuotes(
        joined_smiles([part.smiles for part in parts]),
        pl.concat([part.forwards for part in parts]),
        checks.sort("asset", "check"),
    )


def _some_dates(quotes: pl.DataFrame, start, at_once: int) -> Iterator[tuple[pl.DataFrame, date]]:
    """Cut quotes between dates, so as not to ask for much memory at once; only the date before tells of another.

    Yields each part with the session before it, and its own first date.
    """
    quotes = quotes if quotes["date"].is_sorted() else quotes.sort("date", maintain_order=True)
    counts = quotes.group_by("date", maintain_order=True).len()
    days, sizes = counts["date"].to_list(), counts["len"].to_list()
    ends = [0, *accumulate(sizes)]
    own = bisect_left(days, np.datetime64(start, "D").astype(date))
    starts, taken = [own], 0
    for i in range(own, len(days)):
        if taken and taken + sizes[i] > at_once:
            starts, taken = [*starts, i], 0
        taken += sizes[i]
    for at, end in pairwise([*starts, len(days)]):
        before = ends[max(at - 1, 0)]
        yield quotes.slice(before, ends[end] - before), days[at] if at < len(days) else date.max
