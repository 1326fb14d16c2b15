"""Views of what a result holds, as frames: on one day, and what would become of it."""

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from engine.backend import to_host
from engine.backtest.contracts.structure import Cohorts, LegStatus
from engine.backtest.explain.days import (
    GREEKS,
    earned,
    held_greeks,
    held_greeks_and_splits,
    held_split,
    held_vega_split,
    imagined,
    next_session,
)
from engine.backtest.explain.scenarios import shift
from engine.backtest.explain.split import SPLIT
from engine.backtest.explain.vega_split import VEGA_SPLIT, has_vega_split
from engine.backtest.outcome.ledger import Rows
from engine.backtest.risk.crises import STRESSES
from engine.backtest.risk.stresses import Stress, happens
from engine.calendar import Date, read_date
from engine.errors import InputError
from engine.kernels.codes import PARTS

if TYPE_CHECKING:
    from engine.backtest.outcome.result import BacktestResult


def day(result: "BacktestResult", date: Date, p: int = 0) -> pl.DataFrame:
    """Return what each leg and instrument held into a session earned there, by source, and what it cost.

    The rows sum to the session's row of `BacktestResult.daily`. Summed by leg they are what a backtest that ends on the
    session earned more than one that ends a session earlier (each gives up its hedges where it ends, at a cost).

    Raises
    ------
    InputError
        When the date is no session of the market.
    """
    session = session_of(result, date)
    cohorts = result.book.cohorts.until(result.held_until(p))
    held = _held(result, p, session, cohorts.last)
    return _day_frame(result, p, held, (result.market, cohorts[held], session))


def carry(result: "BacktestResult", date: Date, p: int = 0) -> pl.DataFrame:
    """Return what the cohorts held on from a close earn by the next session if nothing moves; rows as of `day`.

    Every quote and price of the close stands a session later: what is left is theta, the roll along the forwards
    (`delta`, `gamma`, `hedge`) and down the surface (`vega`), and financing. The next session is the market's, or the
    next weekday where the data end. Raises as `day`.
    """
    refuse_listed(result, "carry")
    _refuse_looking_back(result, "carry")
    session = session_of(result, date)
    held, cohorts = held_on(result, p, session)
    quiet = None
    if len(held):
        quiet = imagined(result.market, cohorts, session, next_session(result.dates, session), lambda _, row: row)
    return _day_frame(result, p, held, quiet).drop("cost", "pnl_net")


def greeks(result: "BacktestResult", p: int = 0) -> pl.DataFrame:
    """Return `BacktestResult.greeks`."""
    return _greek_rows(result, _over_time(result, p, held_greeks, (2, len(GREEKS))))


def split_by_day(result: "BacktestResult", p: int) -> pl.DataFrame:
    """Return `BacktestResult.split`."""
    refuse_listed(result, "split")
    follows = partial(held_split, weights=result.view.weights)
    return _split_rows(result, p, _over_time(result, p, follows, (len(SPLIT),)))


def vega_split(result: "BacktestResult", p: int = 0) -> pl.DataFrame:
    """Return what changes of volatility earned each session by why these changed: `vega_split.vega_split` says how."""
    refuse_listed(result, "vega_split")
    follows = partial(held_vega_split, weights=result.view.weights)
    return _by_date(result, _over_time(result, p, follows, (len(VEGA_SPLIT),)), VEGA_SPLIT)


def greeks_and_splits(
    result: "BacktestResult", p: int, vega: bool = True
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame | None]:
    """Return `greeks`, `split_by_day` and `vega_split` in half the time of asking for each; raises as the second.

    The last is None where `vega` does not ask for it, and of what has no strike or is struck later.
    """
    refuse_listed(result, "split")
    vega = vega and has_vega_split(result.book.recipe.structure)
    follows = partial(held_greeks_and_splits, weights=result.view.weights, vega=vega)
    ends = np.cumsum([2 * len(GREEKS), len(SPLIT), vega * len(VEGA_SPLIT)])
    greeks, parts, moves = np.split(_over_time(result, p, follows, (ends[-1],)), ends[:-1], axis=1)
    by_class = greeks.reshape(len(greeks), 2, len(GREEKS))
    of_vega = _by_date(result, moves, VEGA_SPLIT) if vega else None
    return _greek_rows(result, by_class), _split_rows(result, p, parts), of_vega


def _greek_rows(result: "BacktestResult", by_class: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "date": np.repeat(result.dates, 2),
            "leg_class": np.tile(np.array(["index", "component"]), len(by_class)),
            **{greek: by_class[:, :, i].reshape(-1) for i, greek in enumerate(GREEKS)},
        }
    )


def _split_rows(result: "BacktestResult", p: int, parts: np.ndarray) -> pl.DataFrame:
    parts[:, SPLIT.index("other")] += result.explain(p)[:, PARTS.index("settlement")]
    return _by_date(result, parts, SPLIT)


def _by_date(result: "BacktestResult", parts: np.ndarray, names: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame({"date": result.dates, **{name: parts[:, i] for i, name in enumerate(names)}})


def _over_time(result: "BacktestResult", p: int, follows: Callable, shape: tuple) -> np.ndarray:
    """Add up on each date, (T, *shape), what cohorts have on their holding days, (C, H + 1, *shape)."""
    traded = np.flatnonzero(result.entry_exposure[p])
    out = np.zeros((len(result.dates), *shape))
    if not len(traded):
        return out
    cohorts = result.book.cohorts.until(result.held_until(p))[traded]
    name, units = (to_host(getattr(result.book.legs, field))[traded] for field in ("name", "units"))
    by_day = follows(result.market, cohorts, result.book.recipe, name, units)
    vega = (result.entry_exposure[p] * result.vega_per_cohort(p))[traded]
    for day in range(by_day.shape[1]):
        lives = day <= cohorts.life
        out[cohorts.entry[lives] + day] += vega[lives].reshape(-1, *(1 for _ in shape)) * by_day[lives, day]
    return out


def scenarios(
    result: "BacktestResult",
    date: Date,
    p: int,
    spot: Sequence[float] = (-0.1, -0.05, 0.0, 0.05, 0.1),
    vol: Sequence[float] = (-0.2, 0.0, 0.2, 0.5),
    correlation: Sequence[float] = (0.0,),
) -> pl.DataFrame:
    """Return what the cohorts held on from a close would earn at once if all moved, a row per combination.

    Hedges are those of the close. A leg without a quote on the date keeps the volatility it is marked at.

    Parameters
    ----------
    result : BacktestResult
    date : date
    p : int
    spot, vol : sequence of float
        Shares by which all prices and all volatilities move, smiles staying where they are in call deltas.
    correlation : sequence of float
        What implied correlation between the members gains on top, in decimals: the index's volatility alone moves.

    Raises
    ------
    InputError
        As `day`, and when a correlation leaves the index no volatility.
    """
    refuse_listed(result, "scenarios")
    _refuse_looking_back(result, "scenarios")
    session = session_of(result, date)
    held, cohorts = held_on(result, p, session)
    rows = []
    for moved in itertools.product(spot, vol, correlation):
        index = members = 0.0
        if len(held):
            move = shift(result.market, result.view.weights, session, *moved)
            index, members = _at_once(result, p, held, cohorts, session, move)
        rows.append((*moved, index, members))
    columns = ("spot", "vol", "correlation", "pnl_index", "pnl_component")
    grid = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.Float64), orient="row")
    return grid.with_columns(pnl_gross=pl.col("pnl_index") + pl.col("pnl_component"))


def stress(
    result: "BacktestResult",
    p: int = 0,
    stresses: Sequence[Stress] = STRESSES,
    dates: Sequence[Date] | Date | None = None,
) -> pl.DataFrame:
    """Return what the cohorts held on from each close, of all dates, some or one, would earn at once in each stress.

    Hedges are those of the close. A leg without a quote on the date keeps the volatility it is marked at.

    Raises
    ------
    InputError
        As `scenarios`.
    """
    refuse_listed(result, "stress")
    _refuse_looking_back(result, "stress")
    if isinstance(dates, Date):
        dates = [dates]
    sessions = range(len(result.dates)) if dates is None else [session_of(result, date) for date in dates]
    rows = []
    for session in sessions:
        held, cohorts = held_on(result, p, session)
        for one in stresses:
            pnl = (0.0, 0.0)
            if len(held):
                move = happens(result.market, result.view.weights, session, one)
                pnl = _at_once(result, p, held, cohorts, session, move)
            rows.append((result.dates[session].item(), one.name, *pnl, len(held)))
    columns = {"date": pl.Date, "stress": pl.String, "pnl_index": pl.Float64, "pnl_component": pl.Float64}
    frame = pl.DataFrame(rows, schema=columns | {"cohorts": pl.Int64}, orient="row")
    return frame.with_columns(pnl_gross=pl.col("pnl_index") + pl.col("pnl_component"))


def _at_once(
    result: "BacktestResult", p: int, held: np.ndarray, cohorts: Cohorts, session: int, move: Callable
) -> tuple[float, float]:
    """P&L of the index legs and of the others if a session's quotes and prices moved after its close."""
    what_if = imagined(result.market, cohorts, session, result.dates[session], move)
    day = _day_frame(result, p, held, what_if)
    index, members = (day.filter(pl.col("leg_class") == leg)["pnl_gross"].sum() for leg in ("index", "component"))
    return float(index), float(members)


def refuse_listed(result: "BacktestResult", view: str) -> None:
    """Raise InputError where a view would price contracts at volatilities that are none of their own quotes."""
    if result.book.listed is not None:
        raise InputError(
            f"{view} reprices legs on the surface, which listed contracts are not marked on; use marks=surface"
        )


def _refuse_looking_back(result: "BacktestResult", view: str) -> None:
    """Raise InputError where a hedge would need the return of a session that never was."""
    if getattr(result.book.recipe.hedge, "looks_back", False):
        raise InputError(f"{view} imagines a session, of which a hedge by past returns knows none; use another hedge")


def session_of(result: "BacktestResult", date: Date) -> int:
    asked = read_date(date)
    at = int(np.searchsorted(result.dates, asked))
    beside = result.dates[max(at - 1, 0) : at + 1]
    if asked not in beside:
        near = " and ".join(map(str, beside))
        raise InputError(f"date={asked} is no session of {result.market.info.name}; nearest are {near}")
    return at


def _held(result: "BacktestResult", p: int, session: int, last: np.ndarray) -> np.ndarray:
    """Cohorts with an exposure that are entered by a session, and whose last one is not before it."""
    return np.flatnonzero(
        (result.entry_exposure[p] != 0.0) & (result.book.cohorts.entry <= session) & (last >= session)
    )


def held_on(result: "BacktestResult", p: int, session: int) -> tuple[np.ndarray, Cohorts]:
    """Cohorts held on from the close of a session, and which these are."""
    cohorts = result.book.cohorts.until(result.held_until(p))
    held = _held(result, p, session, cohorts.last - (cohorts.outcome != int(LegStatus.OPEN)))
    return held, cohorts[held]


def _day_frame(result: "BacktestResult", p: int, held: np.ndarray, followed: tuple | None) -> pl.DataFrame:
    name, units = (to_host(getattr(result.book.legs, field))[held] for field in ("name", "units"))
    rows = Rows(result, p, units * 0.0, held)
    parts = np.zeros((0, len(PARTS)))
    cost = np.zeros(0)
    if followed is not None and len(held):
        market, cohorts, session = followed
        found = earned(market, cohorts, result.book.recipe, name, units, session)
        rows = Rows(result, p, np.where(found.alive, units, 0.0), held)
        parts = rows.vega[:, None] * found.parts[rows.at]
        if market is result.market:
            parts[:, PARTS.index("settlement")] += rows.settled(result, p, session)
        detail, hedge_traded, book = None, found.hedge_traded, result.book
        at = min(int(book.cohorts.entry[held[0]] - cohorts.entry[0]) + session, len(result.dates) - 1)
        if book.hedges is not None:
            hedge_traded = hedge_traded * result.accounts.left_to_trade(p)[at, to_host(book.hedges.underlying)[held]]
        if book.recipe.detailed:
            detail = ([(found.amounts, result.widened(p)[at])], found.short_stock)
        cost = rows.cost(found.vega_traded, hedge_traded, found.delivered, found.spread, detail)
    gross = parts.sum(axis=1)
    return pl.DataFrame(
        {
            "cohort": rows.cohort,
            **rows.names(result, name),
            "quantity": rows.quantity,
            **{part: parts[:, i] for i, part in enumerate(PARTS)},
            "pnl_gross": gross,
            "cost": cost,
            "pnl_net": gross - cost,
        }
    )
