"""Where a held book earns nothing: the correlation that must come out, and the prices of each leg at its expiry."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from engine.backend import to_host
from engine.backtest.contracts.instruments import PAYOFFS, pairs, ratios
from engine.backtest.explain.days import follow
from engine.backtest.explain.scenarios import Expectation, on_day
from engine.backtest.outcome.ledger import Rows
from engine.backtest.outcome.views import held_on, refuse_listed, session_of
from engine.calendar import Date
from engine.errors import InputError
from engine.kernels.codes import Kind

if TYPE_CHECKING:
    from engine.backtest.outcome.result import BacktestResult

FACTORS = (0.8, 1.0, 1.2)  # realised over implied volatility of the members, of which nobody knows the next


def breakeven_correlation(
    result: "BacktestResult", date: Date, *, p: int = 0, factors: Sequence[float] = FACTORS
) -> pl.DataFrame:
    """Return the correlation that members must realise to expiry for the held book to earn nothing from a close on.

    It depends on how much the members realise: a row for each multiple in `factors` of the volatilities they are marked
    at. At 1 it is the correlation that the marks imply. What was earned and paid before is not in it; NaN where nothing
    is held, or no correlation does it. Raises as `day`.
    """
    refuse_listed(result, "breakeven_correlation")
    if any(i.kind == Kind.CORRELATION or i.start for pair in pairs(result.book.recipe.structure) for i in pair):
        raise InputError("breakeven_correlation is of volatility struck at entry; a correlation swap's is its strike")
    session = session_of(result, date)
    held, cohorts = held_on(result, p, session)
    found = [float("nan")] * len(factors)
    if len(held):
        name, units = (to_host(getattr(result.book.legs, field))[held] for field in ("name", "units"))
        recipe = result.book.recipe
        state = follow(result.market, cohorts, recipe, name, units, session - cohorts.entry, on_day)
        vega = (result.entry_exposure[p] * result.vega_per_cohort(p))[held, None]
        weights = to_host(result.view.weights[session])[name]
        book = Expectation(pairs(recipe.structure), state, vega * units, weights)
        found = [book.breakeven(factor) for factor in factors]
    return pl.DataFrame({"realised_over_implied": np.asarray(factors, dtype=float), "correlation": found})


def breakeven_prices(result: "BacktestResult", date: Date, *, p: int = 0) -> pl.DataFrame:
    """Return at which prices each leg held on from a close breaks even, a row per cohort and leg.

    `lower` and `upper` are the prices at the expiry, below and above all its strikes, at which a leg pays what it is
    worth on the date, grown to the expiry at the riskless rate; NaN where there is none on that side. `move` is that of
    the forward within a calendar day, as a share of it, which pays for the day if the leg is hedged: its gamma's gain
    is then its theta. `forward`, `value` (grown) and both prices are as quoted on the date, of one share.

    Raises
    ------
    InputError
        As `day`, and when a leg holds what is no option, or options of two expiries, or is struck later.
    """
    refuse_listed(result, "breakeven_prices")
    session, recipe = session_of(result, date), result.book.recipe
    of_legs = pairs(recipe.structure)
    later = [one for pair in of_legs for one in pair if one.start is not None or one.tenor is not None]
    if later or any(one.kind not in PAYOFFS for pair in of_legs for one in pair):
        raise InputError("breakeven_prices are of options of one expiry; a swap breaks even at its strike")
    held, cohorts = held_on(result, p, session)
    name, units = (to_host(getattr(result.book.legs, field))[held] for field in ("name", "units"))
    columns = ("forward", "value", "lower", "upper", "move")
    rows, found = Rows(result, p, units[:, :0], held), dict.fromkeys(columns, np.zeros(0))
    if len(held):
        state = follow(result.market, cohorts, recipe, name, units, session - cohorts.entry, on_day)
        rows = Rows(result, p, np.where(state.alive, units, 0.0), held)
        found = {column: rows.of(array) for column, array in _prices(of_legs, state).items()}
    frame = pl.DataFrame({"cohort": rows.cohort} | rows.names(result, name) | found)
    return frame.unique(["cohort", "leg"], keep="first", maintain_order=True).drop("instrument")


def _prices(of_legs, state) -> dict[str, np.ndarray]:
    """Break-even prices of each leg, (C, 1 + L), from how it is marked: of its instruments together."""
    legs = state.alive.shape[1]
    lowest, highest = state.strike.min(axis=2), state.strike.max(axis=2)
    worth = {name: np.zeros(state.alive.shape) for name in ("value", "theta", "gamma", "at_lowest", "at_highest")}
    falling, rising = np.zeros(legs), np.zeros(legs)  # of what is paid, for each unit of the price beyond the strikes
    for i, pair in enumerate(of_legs):
        ratio, strike = ratios(pair, legs - 1, np), state.strike[..., i]
        straddles, forwards = np.array([PAYOFFS[pair[min(leg, 1)].kind] for leg in range(legs)]).T
        greeks = state.of(pair, i, state.iv[..., i])
        for greek in ("value", "theta", "gamma"):
            worth[greek] = worth[greek] + ratio * getattr(greeks, greek)
        for at, price in (("at_lowest", lowest), ("at_highest", highest)):
            paid = straddles * np.abs(price - strike) + forwards * (price - strike)
            worth[at] = worth[at] + ratio * paid
        falling, rising = falling + ratio * (straddles - forwards), rising + ratio * (straddles + forwards)
    below, above = worth["value"] - worth["at_lowest"], worth["value"] - worth["at_highest"]

    def away(missing, slope):
        there = (missing >= 0.0) & (slope > 0.0)
        return np.where(there, missing / np.where(slope > 0.0, slope, 1.0), np.nan)

    lower = lowest - away(below, falling)
    forward, pays = state.forward[..., 0], (worth["gamma"] > 0.0) & (worth["theta"] < 0.0)
    squared = np.where(pays, -2.0 * worth["theta"] / np.where(pays, worth["gamma"], 1.0), np.nan)
    prices = {
        "forward": forward,
        "value": worth["value"],
        "lower": np.where(lower > 0.0, lower, np.nan),
        "upper": highest + away(above, rising),
    }
    return {name: array * state.shares for name, array in prices.items()} | {"move": np.sqrt(squared) / forward}
