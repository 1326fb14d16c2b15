"""Hedges of all cohorts traded together: one trade per underlying and close, of what they all want."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.arrays import Floats, PerCohort
from engine.backend import namespace
from engine.backtest.legs.leg_sums import by_day, total

if TYPE_CHECKING:
    from engine.backtest.contracts.structure import Cohorts
    from engine.backtest.legs.held import Flows
    from engine.backtest.legs.legs import Legs


@dataclass(frozen=True, eq=False)
class HedgeTrades:
    """What is traded of each leg's hedge, signed notional per unit of index vega; 16 bytes per cohort, leg and close.

    Parameters
    ----------
    traded : array (C, H + 1, 1 + L)
        At each close, the leg followed to its end.
    given_up : array (C, H + 1, 1 + L)
        What giving the hedge up at that close would trade instead.
    underlying : array (C, 1 + L), int
        0 = the index, 1 + n = name n, 1 + N = none, where the leg is not in the cohort.
    """

    traded: np.ndarray
    given_up: np.ndarray
    underlying: np.ndarray

    def summed(
        self, cohorts: "Cohorts", sessions: int, vega: PerCohort, exit_day: PerCohort | None
    ) -> tuple[Floats, Floats]:
        """Return what cohorts trade of each underlying on each session: added up with their signs, and without.

        Parameters
        ----------
        cohorts : Cohorts
        sessions : int
            T.
        vega : array (C,)
            Index vega of each cohort, signed.
        exit_day : array (C,), int, or None
            Holding day on which it is sold, its last where it ends by itself.

        Returns
        -------
        net, alone : array (T, U)
            Currency, of each `underlying`; `net` signed, `alone` what they would trade each by itself.
        """
        xp = namespace(self.traded)
        kept = (sessions, int(self.underlying.max(initial=0)) + 1)
        net, alone = xp.zeros(kept), xp.zeros(kept)
        life = xp.asarray(cohorts.life)[:, None]
        for day in range(self.traded.shape[1]):
            held = int((cohorts.entry + day < sessions).sum())  # entries ascend: no two of them share a date here
            amount = self.traded[:held, day]
            if exit_day is not None:
                until = exit_day[:held, None]
                amount = xp.where((until == day) & (day < life[:held]), self.given_up[:held, day], amount)
                amount = xp.where(until >= day, amount, 0.0)
            amount = vega[:held, None] * amount
            at = xp.asarray(cohorts.entry[:held] + day)[:, None], self.underlying[:held]
            net[at] += amount
            alone[at] += xp.abs(amount)
        return net, alone


def hedge_trades(legs: "Legs", flows: "list[Flows]", units: Floats) -> HedgeTrades:
    """Return what is traded of the hedges that legs hold, as `Legs.flows` returns them."""
    xp = namespace(units)
    signed = legs.signed_hedges(flows)
    names = xp.concatenate([xp.full((len(units), 1), -1), xp.asarray(legs.name)], axis=1)
    return HedgeTrades(
        traded=by_day(total([traded for traded, _ in signed])),
        given_up=by_day(total([given_up for _, given_up in signed])),
        underlying=xp.where(units != 0.0, 1 + names, 1 + legs.panel.spot.shape[1]),
    )
