"""The legs of a block of cohorts, followed and reduced by the kernel `book`: no mark is kept for longer than a day."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from engine import kernels
from engine.backend import namespace
from engine.backtest.contracts.instruments import PAYOFFS, Instrument, Pair, pairs
from engine.backtest.contracts.structure import day_numbers
from engine.backtest.legs.attribution import date_rolls
from engine.backtest.legs.hedging import Hedge, compiled
from engine.backtest.legs.legs import Entry, Legs
from engine.backtest.legs.marks import tenors_around
from engine.calendar import year_fraction
from engine.kernels.codes import MAGNITUDES, PARTS, Kind
from engine.kernels.entries import MOST_DELTAS, MOST_LEGS
from engine.pricing import StraddleGreeks, node_quantiles

STRADDLES = ((Instrument(Kind.STRADDLE),) * 2,)  # at the money forward: the kernel enters them too


class FusedLegs:
    """What `Legs` does for options, a leg at a time; takes and returns the same."""

    def __init__(self, panel, cohorts, name, days: int, structure, single: bool = False):
        xp = namespace(panel.spot)
        dates, listed = panel.dates, panel.listed
        session = cohorts.sessions(dates, days, xp)
        days_left = cohorts.days_left(dates, session)
        if listed is None:
            # A device is sent a table of what follows from a number of days; at entry a cohort has most left.
            most = cohorts.days_left(dates, cohorts.entry[:, None]).max(initial=0.0)
            left = days_left.astype(xp.int64)
            smiles = [xp.asarray(column)[left] for column in between_tenors(panel.tenors, most)]
        else:
            smiles = _listed_slots(listed.expiry, session, cohorts.expiry_day, days_left)
        self.panel, self.days, self.instruments, self.single = panel, days, pairs(structure), single
        self.first_day = partial(Legs, panel, cohorts, name, 0, structure)
        rate = panel.rate[session]
        self.life, self.outcome = xp.asarray(cohorts.life), xp.asarray(cohorts.outcome)
        self.rolls = date_rolls(cohorts, dates, rate, days)
        smile, index_smile = (panel.component_iv, panel.index_iv) if listed is None else (listed.iv, listed.index_iv)
        # The kernel reads both in one type: the wider of the two, so that neither is rounded.
        smile = xp.ascontiguousarray(smile, dtype=xp.result_type(smile, index_smile, xp.float32))
        quantile = node_quantiles(xp, panel.deltas)
        self.dtype = smile.dtype.name
        self.size, self.legs = len(cohorts), name.shape[1]
        self.market = (  # in the order of kernels/entries.py
            self.legs,
            days,
            *smile.shape,
            xp.ascontiguousarray(name, dtype=xp.int64),
            session,
            *smiles,
            xp.ascontiguousarray(rate),
            xp.ascontiguousarray(index_smile, dtype=smile.dtype),
            smile,
            quantile,
            *((None, None) if listed is None else map(_doubles, (listed.index_forward, listed.forward))),
            *map(_doubles, (panel.index_spot, panel.index_carry, panel.spot, panel.carry)),
        )

    @staticmethod
    def fits(panel, legs: int, recipe) -> bool:
        """Say whether the kernel knows what a recipe asks for, and has room for such a smile and basket."""
        options = all(
            i.kind in PAYOFFS and i.tenor is i.start is None for pair in pairs(recipe.structure) for i in pair
        )
        known = options and compiled(recipe.hedge, _is_one(pairs(recipe.structure))) is not None
        known = known and not recipe.detailed and not recipe.netted
        return known and (len(panel.deltas) <= MOST_DELTAS if namespace(panel.spot) is np else 1 + legs <= MOST_LEGS)

    @staticmethod
    def bytes_per_cohort(panel, legs: int, days: int, structure) -> int:
        """Return the size of one cohort's temporaries: there are none where array code does not enter the cohort."""
        return 0 if pairs(structure) == STRADDLES else Legs.bytes_per_cohort(panel, legs, 0, structure)

    def weigh(self, weights) -> None:
        """Take what each member weighs: a leg by itself does not ask."""

    def entry(self) -> Entry:
        """Return every leg as it could be entered: by array code, which knows where to strike, or the kernel."""
        if self.instruments != STRADDLES:
            return self.first_day().entry()
        xp = namespace(self.panel.spot)
        shape = (self.size, 1 + self.legs)
        quoted = xp.empty(shape, dtype=bool)
        forward, iv, value, delta, gamma, vega, theta, vanna, volga = (xp.empty(shape) for _ in range(9))
        outputs = (quoted, forward, iv, value, delta, gamma, vega, theta, vanna, volga)
        self._launch("enter", (*self.market, *outputs))
        greeks = StraddleGreeks(value, delta, gamma, vega, theta, vanna, volga)
        return Entry(quoted, forward, greeks, *(a[:, :, None] for a in (forward, iv, value, vega)))

    def held(self, units, entry: Entry, hedge: Hedge) -> tuple[dict, dict]:
        """Hold `units` of each leg, (C, 1 + L), as it was entered, hedged by a rule that it knows."""
        xp, panel = namespace(units), self.panel
        rule, by = compiled(hedge, _is_one(self.instruments)) or (None, 0.0)
        if rule is None:
            raise TypeError(f"the kernel does not know {hedge}; ask `fits` first")
        count = len(self.instruments)
        by_day, by_leg, each = (self.size, self.days + 1), units.shape, (*units.shape, count)
        payoff = [[(pair[k].ratio, *PAYOFFS[pair[k].kind]) for pair in self.instruments] for k in (0, 1)]
        reduced = {"explain": xp.zeros((*by_day, 2, len(PARTS))), "magnitude": xp.zeros((*by_day, len(MAGNITUDES)))}
        for name in ("vega_traded", "vega_held", "hedge_traded", "hedge_held", "delivered"):
            reduced[name] = xp.zeros((*by_day, 2))
        table = {name: xp.zeros(by_leg) for name in ("shares", "hedge_traded")}
        table |= {name: xp.zeros(by_leg, dtype=xp.int64) for name in ("end", "status")}
        for name in ("exit_value", "pnl_option", "pnl_hedge", "financing", "vega_traded", "delivered"):
            table[name] = xp.zeros(each)
        inputs = (
            *self.market,
            *map(_doubles, vars(self.rolls).values()),
            self.life,
            self.outcome,
            _doubles(panel.strike_factor),
            _doubles(panel.settlement),
            None if panel.strike_reduction is None else _doubles(panel.strike_reduction),
            int(panel.info.physical_delivery),
            by,
            count,
            xp.asarray(payoff),
            _doubles(units),
            _doubles(entry.strike),
        )
        self._launch(
            "hold",
            (*inputs, *reduced.values(), *table.values()),
            count,
            int(rule),
            int(panel.strike_reduction is not None),
            int(self.single),
        )
        return reduced, table

    def _launch(self, entry: str, arguments, *variant: int) -> None:
        xp = namespace(self.panel.spot)
        threads = 32 * -(-(1 + self.legs) // 32)  # a thread per leg, in whole warps
        how = {"dtype": self.dtype, "variant": variant, "threads": threads}
        kernels.launch(xp, "book", entry, self.size, arguments, **how)


def _is_one(instruments: Sequence[Pair]) -> bool:
    """Tell whether a unit of every leg is one of one instrument."""
    return len(instruments) == 1 and all(one.ratio == 1.0 for one in instruments[0])


def _doubles(array):
    xp = namespace(array)
    return xp.ascontiguousarray(array, dtype=xp.float64)


def _listed_slots(listed, session, expiry, days_left):
    """Where each cohort's expiry is among those listed, (T, expiries), on each day, as `between_tenors`."""
    xp = namespace(session)
    match = day_numbers(listed, session) == xp.asarray(expiry)[:, None, None]
    slot = xp.where(match.any(axis=-1), match.argmax(axis=-1), -1)  # -1 where it is not
    none = xp.zeros(slot.shape)
    return slot, xp.ones(slot.shape), none, none.astype(xp.uint8), year_fraction(days_left)


def between_tenors(tenors, most: float):
    """Where a smile lies between the tenors when 0, 1, ... `most` days are left.

    Returns
    -------
    slot : array of int64
        Of the tenor below; the one above is the next.
    near, far : array of float
        Smile variance = near * first^2 + far * second^2.
    beyond : array of uint8
        1 where the tenors do not reach the time left.
    years : array of float
    """
    days = np.arange(most + 1.0)
    slots, around = tenors_around(tenors, days[None])
    first, second = around[0, 0].T.astype(float)
    gap = second - first
    share = np.clip(np.divide(days - first, gap, out=np.zeros(gap.shape), where=gap > 0.0), 0.0, 1.0)
    time = np.clip(days, first, second)
    beyond = (days < first) | (days > second)
    near, far = (1.0 - share) * first / time, share * second / time
    return slots[0, 0], near, far, beyond.astype(np.uint8), year_fraction(days)
