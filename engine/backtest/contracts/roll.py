"""A schedule that follows the contracts: the next cohort is entered when the last one is to be replaced."""

import math
from dataclasses import dataclass

import numpy as np

from engine.arrays import Dates, Integers
from engine.backend import to_host
from engine.backtest.batch import refuse_below
from engine.backtest.contracts.structure import Cohorts, Structure, choose_contracts
from engine.calendar import days_between
from engine.data.panel import MarketPanel
from engine.errors import InputError
from engine.kinds import check_count, check_kinds


@dataclass(frozen=True)
class Roll:
    """Enter the next cohort when the last one nears its expiry, or the index has left the strikes behind.

    The cohorts follow each other with `exits=next_entry`; without, each is kept to its own expiry beside the next.

    Parameters
    ----------
    days : int
        Calendar days to its expiry, or fewer, at which a cohort is followed by the next; 0 = on its last session.
    band : float
        Share by which the index's close may move from that of the entry, either way; `lag` sessions after it has moved
        further the next cohort is entered, struck anew. Infinite = never.
    """

    days: int = 0
    band: float = math.inf

    def __post_init__(self):
        check_count("schedule.days", self.days, least=0)
        check_kinds(self)
        refuse_below(self, 0.0, "band")

    def entries(self, dates: Dates, lag: int) -> Integers:
        """Return the session of the first entry; the others follow from the contracts it takes."""
        return np.arange(lag, len(dates))[:1]

    def next_entry(self, dates: Dates, index_spot: np.ndarray, cohort: Cohorts, lag: int) -> int:
        """Return the session at which a cohort is followed by the next, T or more where the data end before.

        Parameters
        ----------
        dates : array (T,), datetime64[D]; index_spot : array (T,)
            Sessions, and the index's closes on them.
        cohort : Cohorts
            One.
        lag : int
        """
        entry, last = int(cohort.entry[0]), int(cohort.last[0])
        if np.isnat(cohort.expiry[0]):  # nothing could be entered: try again
            return entry + 1
        near = days_between(cohort.expiry[0], dates[entry + 1 :]) <= self.days
        due = entry + 1 + (int(near.argmax()) if near.any() else len(near))
        if cohort.settled[0]:
            due = min(due, last)
        left = np.abs(index_spot[entry + 1 :] / index_spot[entry] - 1.0) > self.band
        away = entry + 1 + (int(left.argmax()) + lag if left.any() else len(left))
        return max(min(due, away), entry + 1)


def rolled(schedule: Roll, market: MarketPanel, structure: Structure, lag: int) -> Integers:
    """Return the sessions on which the cohorts of a roll are entered, (C,).

    Raises
    ------
    InputError
        When contracts would be followed by others as soon as they are entered.
    """
    if schedule.days >= structure.tenor:
        raise InputError(
            f"schedule.days={schedule.days} rolls contracts of structure.tenor={structure.tenor} days as soon as they "
            "are entered; use fewer"
        )
    index_spot, chain = to_host(market.index_spot), [int(e) for e in schedule.entries(market.dates, lag)]
    while chain and chain[-1] < len(market):
        cohort = choose_contracts(market, np.array(chain[-1:]), structure)
        chain.append(schedule.next_entry(market.dates, index_spot, cohort, lag))
    return np.array(chain[:-1], dtype=int)
