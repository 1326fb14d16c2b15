"""Positions as they are held, contract by contract, marked and explained by the code that backtests run on."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.backend import namespace, to_host
from engine.backtest.cohorts.costs import Costs, VolPoints, hedge_cost, option_cost
from engine.backtest.contracts.instruments import Instrument
from engine.backtest.contracts.structure import Cohorts, LegStatus, dated_cohorts
from engine.backtest.explain.days import earned_on_day, imagined
from engine.backtest.legs.hedge_paths import held_deltas
from engine.backtest.legs.hedging import Hedge
from engine.backtest.legs.held import Held
from engine.backtest.legs.legs import Legs
from engine.data.panel import MarketPanel
from engine.errors import InputError
from engine.kernels.codes import PARTS, Kind

INDEX = -1  # leg of a position in the index
MARKED = ("forward", "iv", "value", "delta", "gamma", "vega", "theta")


@dataclass(frozen=True, eq=False)
class Positions:
    """What is held, each array (M,): in contracts and quantities of the day it was entered.

    Parameters
    ----------
    leg : array of int
        Position on the panel's name axis; `INDEX` = the index.
    kind : array of int
        `Kind` straddle, call or put.
    expiry : array, datetime64[D]
    strike, quantity : array
        Strike in the price of the day of entry; shares of the underlying, negative = short.
    entry : array of int
        Session that strike and quantity are of, which need not be that of the trade.
    left : array of int
        Session on which it was sold; that of the expiry, or later, where it was not.
    dated : array of bool
        Whether `entry` is when it was traded, so that what it earned and cost since is known.
    """

    leg: np.ndarray
    kind: np.ndarray
    expiry: np.ndarray
    strike: np.ndarray
    quantity: np.ndarray
    entry: np.ndarray
    left: np.ndarray
    dated: np.ndarray

    def __len__(self):
        return len(self.leg)

    def __getitem__(self, part: np.ndarray) -> "Positions":
        return Positions(**{name: array[part] for name, array in vars(self).items()})

    def cohorts(self, panel: MarketPanel) -> Cohorts:
        """Return each as a cohort of its own."""
        found = dated_cohorts(panel.dates, self.entry, self.expiry, panel.info.calendar)
        return found.until(np.maximum(self.left - self.entry, 0))

    def held_on(self, panel: MarketPanel, session: int) -> np.ndarray:
        """Positions held on from the close of a session, bool."""
        cohorts = self.cohorts(panel)
        return (self.entry <= session) & (cohorts.last - (cohorts.outcome != int(LegStatus.OPEN)) >= session)


@dataclass(frozen=True)
class _One:
    """A structure of one instrument."""

    kind: Kind

    @property
    def index(self) -> tuple[Instrument, ...]:
        return (Instrument(self.kind),)

    members = index


class PositionLegs(Legs):
    """A position as a cohort: the index leg, or the one member's, at the strike that it has."""

    def __init__(self, panel: MarketPanel, positions: Positions, days: int):
        asarray = namespace(panel.spot).asarray
        name = asarray(np.maximum(positions.leg, 0)[:, None])
        super().__init__(panel, positions.cohorts(panel), name, days, _One(Kind(int(positions.kind[0]))))
        (found,) = self.instruments
        strike = asarray(np.repeat(positions.strike[:, None], 2, axis=1))
        self.instruments = [Held(found.pair, found.marks, found.rolls, found.rate, strike)]
        is_index = (positions.leg == INDEX)[:, None]
        units = np.where(np.concatenate([is_index, ~is_index], axis=1), positions.quantity[:, None], 0.0)
        self.units = asarray(units)


def day(panel: MarketPanel, positions: Positions, session: int, hedge: Hedge, costs: Costs) -> dict[str, np.ndarray]:
    """Return what each position earned on a session by source, and what it cost: arrays (M,).

    0 where it was not held, or does not say since when.

    Parameters
    ----------
    panel : MarketPanel
    positions : Positions
    session : int
    hedge : Hedge
        Of each position by itself.
    costs : Costs
        Rates in vol points.
    """
    if not isinstance(costs, VolPoints):
        raise InputError(
            f"positions are charged in vol points, which {type(costs).__name__} is not; use costs=vol_points"
        )
    cohorts = positions.cohorts(panel)
    held = positions.dated & (positions.entry <= session) & (cohorts.last >= session)
    found = {name: np.zeros(len(positions)) for name in (*PARTS, "cost")}

    def work(rows: np.ndarray, legs: PositionLegs, days) -> None:
        earned = earned_on_day(legs, legs.units, days, hedge)
        parts = to_host(earned.parts.sum(axis=(1, 2)))
        for i, part in enumerate(PARTS):
            found[part][rows] = parts[:, i]
        vega = to_host(earned.vega_traded.sum(axis=2))
        option = option_cost(costs, {"index_traded": vega[:, 0], "component_traded": vega[:, 1]}, "traded")
        traded, delivered = (to_host(a) for a in (earned.hedge_traded.sum(axis=1), earned.delivered.sum(axis=(1, 2))))
        found["cost"][rows] = option + hedge_cost(costs, traded, delivered)

    _follow(panel, positions, session, held, work)
    return found


def marked(panel: MarketPanel, positions: Positions, session: int, hedge: Hedge) -> dict[str, np.ndarray]:
    """Return the marks and greeks of what is held on from a close: arrays (M,), NaN for what is not.

    forward and iv are of the contract; value in currency; delta that is hedged, times the forward, in currency; gamma
    its change per 1 % of the forward; vega per vol point; theta per calendar day. Strikes are now `shares` times, and
    quantities one over it times, those of the entry. `stale` is 1 where the contract keeps an earlier volatility, for
    want of a quote.
    """
    found = {name: np.full(len(positions), np.nan) for name in (*MARKED, "shares", "stale")}

    def work(rows: np.ndarray, legs: PositionLegs, days) -> None:
        (held,), units = legs.instruments, legs.units
        (delta,) = held_deltas(legs, units, hedge)
        greeks, forward = held.greeks, held.marks.forward
        size = units[:, :, None]
        columns = {
            "forward": forward,
            "iv": held.reading.iv,
            "value": size * greeks.value,
            "delta": size * delta * forward,
            "gamma": size * 0.01 * forward * forward * greeks.gamma,
            "vega": size * greeks.vega,
            "theta": size * greeks.theta,
            "shares": held.marks.shares,
            "stale": held.reading.stale,
        }
        side = (positions.leg[rows] != INDEX).astype(int)
        at = np.arange(len(rows)), side, to_host(days)
        for name, array in columns.items():
            shape = (len(rows), 2, legs.days + 1)
            found[name][rows] = np.broadcast_to(to_host(array), shape)[at]

    _follow(panel, positions, session, positions.held_on(panel, session), work)
    return found


def at_once(panel: MarketPanel, positions: Positions, session: int, hedge: Hedge, date: np.datetime64, move: Callable):
    """Return what positions held on from a close earn by a session that never was: (M,); see `days.imagined`."""
    gained = np.zeros(len(positions))
    held = np.flatnonzero(positions.held_on(panel, session))
    if len(held):
        ours = positions[held]
        ours = ours[np.argsort(ours.entry, kind="stable")]
        order = held[np.argsort(positions.entry[held], kind="stable")]
        market, _, at = imagined(panel, ours.cohorts(panel), session, date, move)
        first = int(ours.entry[0])
        left = np.full(len(ours), len(market))  # what is sold later is held until then
        known = {"entry": ours.entry - first, "left": left, "dated": np.ones(len(ours), dtype=bool)}
        since = Positions(**(vars(ours) | known))
        earned = day(market, since, at, hedge, VolPoints())
        gained[order] = sum(earned[part] for part in PARTS)
    return gained


def _follow(panel: MarketPanel, positions: Positions, session: int, held: np.ndarray, work: Callable) -> None:
    """Have `work` follow the positions held, kind by kind, from their entry to a session."""
    for kind in np.unique(positions.kind[held]):
        rows = np.flatnonzero(held & (positions.kind == kind))
        days = session - positions.entry[rows]
        legs = PositionLegs(panel, positions[rows], int(days.max()))
        work(rows, legs, namespace(panel.spot).asarray(days))
