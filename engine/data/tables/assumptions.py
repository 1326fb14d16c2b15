"""What was assumed of tables of one's own, in sentences, and corporate actions that the prices contradict."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from engine.calendar import after_hole, check_sessions, days_between
from engine.data.quotes.surface_checks import WORDS
from engine.data.tables.choices import Choices
from engine.data.tables.dated_rows import DatedRows
from engine.data.tables.judge import Judged
from engine.data.tables.membership import is_membership
from engine.data.tables.spell_weights import without_size
from engine.data.tables.tickers import spelt_otherwise
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.data.tables.tables_to_panel import TabledMarket

DEAR = 0.1  # a rate beyond this is told: it may be in percent
STALE_DAYS = 31  # a rate older than this on a session is told
STALE_WEIGHTS_DAYS = 400
LITTLE = 0.5  # of an index that members together hold
CLEAR = np.log(1.5)  # an action that moves prices by less may drown in the day's own move

FEW = 0.05  # of the rows that other tenors and deltas have


def assumptions(
    rows: DatedRows, tables: dict[str, Judged], market: "TabledMarket", choices: Choices, rate: float | None
) -> Iterator[str]:
    """Yield what whoever leans on the numbers has to know of the tables, each as a sentence without a full stop."""
    for table in (rows, *tables.values()):
        yield from (f"{table.file}: {note}" for note in table.notes)
        yield from _without_a_row(table)
    yield from _of_weights(tables.get("weights"), market)
    yield from _of_rates(tables.get("rates"), market, rate)
    if rows.table == "quotes":
        yield from _of_quotes(rows, market, choices)
    elif "forwards" not in tables:
        yield "no forwards were given: spots grow at the interest rate, without dividends or borrow"
    if len(tenors := market.surfaces.tenors) == 1:
        yield (
            f"the surface has one tenor ({tenors[0]} days): an option keeps its volatility as its time runs "
            "out, and such marks are counted as beyond the tenors"
        )
    yield from _of_tickers((rows, *tables.values()), market)
    yield from _of_nodes(market)
    extra = check_sessions(market.dates, market.info.calendar).extra
    if len(extra):
        yield f"{len(extra):,} dates are no session of {market.info.calendar}, the first {extra[0]}"


def _of_nodes(market: "TabledMarket") -> Iterator[str]:
    """Say which tenors and deltas hardly anything is quoted at: a slip of one row makes an axis of its own."""
    for axis, counts in market.surfaces.nodes.items():
        usual = float(np.median(counts["rows"].to_numpy())) if counts.height else 0.0
        for node, rows in counts.filter(pl.col("rows") < FEW * usual).iter_rows():
            yield f"the surface has {rows:,} volatilities at {axis} {node}, and {usual:,.0f} at others"


def check_actions(actions: Judged | None, market: "TabledMarket") -> None:
    """Raise InputError where prices moved the other way than an action says, or do not show it at all."""
    if actions is None:
        return
    spot = market.endings.prices(market.prices[:, 1:])
    became = np.diff(market.endings.source, axis=0) != 0  # another name, whose worth `check_endings` holds against it
    with np.errstate(invalid="ignore", divide="ignore"):
        moved = np.log(spot[1:] / spot[:-1])
        factor = np.log(market.return_factor[1:])
    over_hole = after_hole(market.dates, market.info.calendar)[1:, None]  # in years a price goes anywhere
    clear = (np.abs(factor) > CLEAR) & ~over_hole & ~became
    for t, n in zip(*np.nonzero(clear & (np.abs(moved - factor) > np.abs(factor) / 2)), strict=True):
        given, seen = np.exp(factor[t, n]), np.exp(moved[t, n])
        other_way = abs(moved[t, n] + factor[t, n]) < abs(factor[t, n]) / 2
        why = (
            "the factor is upside down: give new price / old price"
            if other_way
            else ("the prices seem to be adjusted already: leave out the action, or give prices as quoted that day")
        )
        raise InputError(
            f"{actions.file}: the factor of {market.names[n]} on {market.dates[t + 1]} is {given:.4g}, and its price "
            f"went to {seen:.4g} times what it was; {why}"
        )


def _of_weights(weights: Judged | None, market: "TabledMarket") -> Iterator[str]:
    member = market.weights > 0.0
    if weights is None:
        yield f"weights are equal among those of {len(market.names):,} names that had a price the session before"
    elif is_membership(weights):
        if said := without_size(weights.kept, market.dates, market.names, market.weights):
            yield f"{weights.file}: {said}"
    elif weights.kept["date"].null_count() == weights.kept.height:
        yield "weights have no dates: they are the same on all, though nobody knew them then"
    else:
        days = weights.kept["date"].unique().sort().to_numpy().astype("datetime64[D]")
        row = np.searchsorted(days, market.dates) - 1
        old = days_between(market.dates[row >= 0], days[row[row >= 0]])
        if stale := int((old > STALE_WEIGHTS_DAYS).sum()):
            yield f"on {stale:,} sessions the weights are more than {STALE_WEIGHTS_DAYS} days old"
    if without := int((~member.any(axis=1)).sum()):
        what = (
            "member with a size known before them"
            if is_membership(weights)
            else "weights known before them, and so no members"
        )
        yield f"{without:,} sessions have no {what}"
    sums = market.weights.sum(axis=1)
    if little := int(((sums > 0.0) & (sums < LITTLE)).sum()):
        yield f"on {little:,} sessions the weights known sum to less than {LITTLE:.0%}: a date has to list all members"
    ever = member.any(axis=0)
    if ever.sum() == 1:
        only = np.array(market.names)[ever][0]
        yield f"{only} is the only member: a basket of one name has no correlation; give others"
    elif member[member.any(axis=1)][:, ever].all():
        yield "the members are the same on all dates: survivors, if they were chosen later"


def _without_a_row(table: Judged | DatedRows) -> Iterator[str]:
    """Name the tickers of which no row could be used."""
    held = set(table.by_ticker()["ticker"])
    lost = sorted(set(table.counts["asset"].drop_nulls()) - held - {""}) if held else []
    if lost:
        more = f" and {len(lost) - 5:,} more" if len(lost) > 5 else ""
        yield f"{table.file}: no row of {', '.join(lost[:5])}{more} can be used; they are left out"


def _of_rates(rates: Judged | None, market: "TabledMarket", rate: float | None) -> Iterator[str]:
    if rates is None:
        if rate is None:
            yield "no interest rates were given: 0 is used"
        elif abs(rate) > DEAR:
            yield f"the rate is read in decimals: {100 * rate:.3g} % a year"
        return
    if (middle := float(np.median(np.abs(market.rate)))) > DEAR:
        yield f"{rates.file}: rates are read as decimals, which makes the middle one {100 * middle:.3g} % a year"
    days = rates.kept["date"].unique().sort().to_numpy().astype("datetime64[D]")
    old = days_between(market.dates, days[np.searchsorted(days, market.dates) - 1])
    if (old > STALE_DAYS).any():
        yield (
            f"{rates.file}: on {int((old > STALE_DAYS).sum()):,} sessions the last interest rate known is more than "
            f"{STALE_DAYS} days old, at most {int(old.max())}"
        )


def _of_quotes(quotes: DatedRows, market: "TabledMarket", choices: Choices) -> Iterator[str]:
    yield f"option quotes are taken to be of {choices.quotes_at}, as the closes are of the close"
    if not quotes.styled:
        yield (
            f"options that do not say how they are exercised are taken to be {choices.style}, on {choices.index} "
            f"{choices.index_style}"
        )
    odd = market.surfaces.checks.filter(pl.col("count") > 0)
    yield from (f"{WORDS[check]} ({count:,} of {of:,})" for check, count, of in odd.sort("check").iter_rows())


def _of_tickers(tables: Sequence[Judged | DatedRows], market: "TabledMarket") -> Iterator[str]:
    tickers = {market.info.index, *market.names}
    for table in tables:
        if table.table not in ("surface", "quotes", "prices", "actions", "forwards", "sectors"):
            continue
        known = set(table.by_ticker()["ticker"])
        if table.table in ("surface", "quotes", "prices") and (without := set(market.names) - known):
            yield f"{table.file} has no row of the members {spelt_otherwise(without, known - tickers)}"
        if other := known - tickers:
            yield f"{table.file} has rows of {spelt_otherwise(other, tickers - known)}, no members: left out"
