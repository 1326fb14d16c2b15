"""Whether names cease to trade as their actions say: once, for about what a share was worth, into what there is."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import polars as pl

from engine.data.tables.action_kinds import ENDS, GOES_ON_AS, MIXED_MERGER, PAID_IN_CASH, STOCK_MERGER, STRIKE_DIVIDEND
from engine.errors import InputError

TIMES = 3.0  # no deal pays so many times the last close; what pays less than a third of it is no merger
UNLIKE = 0.2  # on the eve of a merger the market values both sides more alike
MERGER = "cash_merger"


class Priced(Protocol):
    """A market on all dates; the first column of prices is the index's."""

    @property
    def dates(self) -> np.ndarray: ...
    @property
    def names(self) -> list[str]: ...
    @property
    def prices(self) -> np.ndarray: ...
    @property
    def return_factor(self) -> np.ndarray: ...


def check_endings(actions: pl.DataFrame, file: str, market: Priced, index: str) -> None:
    """Raise InputError where a name ends twice, in a circle, for what no share was worth, or fields are mixed up.

    Parameters
    ----------
    actions : frame of date, ticker, kind, factor, amount, into, cash
    file : str
        Where they are from.
    market : Priced
    index : str
    """
    _check_fields(actions, file)
    ends = _endings(actions)
    _check_once(file, ends, index)
    column = {name: 1 + n for n, name in enumerate(market.names)}
    for date, name, kind, amount, into, cash in ends.iter_rows():
        before = int(np.searchsorted(market.dates, np.datetime64(date, "D"))) - 1
        if name not in column or not 0 <= before < len(market.dates) - 1:
            continue
        if kind in GOES_ON_AS and (into not in column or amount is None):
            continue
        last, paid = _worth_before(market, before, column, name, into, cash), amount or 0.0
        if kind in GOES_ON_AS:
            paid = amount * _last(market, before, column[into]) + (cash or 0.0)
        little = kind in (MERGER, *GOES_ON_AS) and paid * TIMES < last
        if paid > TIMES * last or little:
            given = f"{_terms(amount, into, cash)}, worth {paid:.6g}" if kind in GOES_ON_AS else f"{paid:.6g}"
            raise InputError(
                f"{file}: {name} ends by {kind} on {date} for {given}, and its close before was {last:.6g}; "
                "give what is paid for one share, in prices as quoted that day"
            )


def told_of_endings(actions: pl.DataFrame, market: Priced) -> Iterator[str]:
    """Say which names have prices after their end, or became something of another worth, and what is sold before it."""
    column = {name: 1 + n for n, name in enumerate(market.names)}
    for date, name, kind, amount, into, cash in _endings(actions).iter_rows():
        if name not in column:
            continue
        later = market.prices[market.dates > np.datetime64(date, "D"), column[name]]
        if count := int(np.isfinite(later).sum()):
            yield f"{name} ends by {kind} on {date}, and has {count:,} closes after that: they count no more"
        before = int(np.searchsorted(market.dates, np.datetime64(date, "D"))) - 1
        if kind == MIXED_MERGER and (amount is None or into not in column):
            yield f"{name} becomes cash and shares on {date}: options on it are sold at their last mark before that"
        elif kind in GOES_ON_AS and into in column and before >= 0:
            last = _worth_before(market, before, column, name, into, cash)
            worth = amount * _last(market, before, column[into]) + (cash or 0.0)
            if abs(worth / last - 1.0) > UNLIKE:
                told = (
                    f"{name} ends on {date} for {_terms(amount, into, cash)}, worth {worth:.6g}, and its close before "
                )
                beside = f"; where cash is paid beside the shares, its kind is {MIXED_MERGER}"
                yield f"{told}was {last:.6g}{beside if kind == STOCK_MERGER else ''}"


def _endings(actions: pl.DataFrame) -> pl.DataFrame:
    kept = actions.filter(pl.col("kind").is_in(ENDS)).rename({"ticker": "asset"})
    return kept.sort("date", "asset").select("date", "asset", "kind", "amount", "into", "cash")


def _check_fields(actions: pl.DataFrame, file: str) -> None:
    """Refuse what a kind does not use: 4 for a split is an amount by mistake, and its terms would not be known."""
    kind = pl.col("kind")
    for field, kinds, takes in (
        ("factor", kind.is_in([*PAID_IN_CASH, STOCK_MERGER]), "an amount, cash or shares for one share"),
        ("factor", kind == MIXED_MERGER, "amount and cash, shares of `into` and currency for one share"),
        ("factor", kind == STRIKE_DIVIDEND, "an amount, the cash for one share"),
        ("amount", ~kind.is_in([*ENDS, STRIKE_DIVIDEND]), "a factor, new price / old price"),
        ("cash", kind != MIXED_MERGER, f"none; only a {MIXED_MERGER} does"),
    ):
        wrong = actions.filter(kinds & pl.col(field).is_not_null())
        for date, name, kind, value in wrong.select("date", "ticker", "kind", field).head(1).iter_rows():
            raise InputError(f"{file}: the {kind} of {name} on {date} has {field} {value:g}; it takes {takes}")


def _check_once(file: str, ends: pl.DataFrame, index: str) -> None:
    into, paid = {}, {}
    for date, name, kind, _, other, _ in ends.iter_rows():
        if name == index:
            raise InputError(f"{file}: {index} is the index, and ends by {kind} on {date}; end the market before that")
        if name in into:
            raise InputError(f"{file}: {name} ends on {into[name][0]} and, by {kind}, on {date}; keep one of the rows")
        into[name] = (date, other)
        if kind in PAID_IN_CASH:
            paid[name] = date
        if other in paid and paid[other] < date:
            raise InputError(
                f"{file}: {name} becomes {other} on {date}, which ended for cash on {paid[other]}; mend one of them"
            )
    for first in into:
        name, seen = first, set()
        while name in into and into[name][1] is not None:
            if name in seen:
                raise InputError(
                    f"{file}: {first} becomes {into[first][1]}, which ends as {first} again; mend one of them"
                )
            seen.add(name)
            name = into[name][1]


def _terms(amount: float, into: str, cash: float | None) -> str:
    return f"{amount:g} of {into}" + (f" and {cash:g} in cash" if cash else "")


def _worth_before(market: Priced, before: int, column: dict, name: str, into: str | None, cash) -> float:
    """Return what a share was worth at the close before its end, after its own actions of that session."""
    # The name's factor of returns has the cash taken off.
    return _last(market, before, column[name]) * _own(market, before + 1, name, into) + (cash or 0.0)


def _own(market: Priced, row: int, name: str, into: str | None) -> float:
    """Return the factor of the name's own actions on a session, which come before what it becomes."""
    if row == len(market.dates):
        return 1.0
    column = {one: n for n, one in enumerate(market.names)}
    of_both = market.return_factor[row]
    return float(of_both[column[name]] / (of_both[column[into]] if into in column else 1.0))


def _last(market: Priced, row: int, column: int) -> float:
    """Return the last close on or before a session, NaN where there is none: nothing is then told of it."""
    known = market.prices[: row + 1, column]
    known = known[np.isfinite(known)]
    return float(known[-1]) if len(known) else float("nan")
