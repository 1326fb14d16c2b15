"""Books whose marks, greeks and flows are computed in single precision, and how far that may be from double."""

import numpy as np

from engine.backend import namespace
from engine.backtest.contracts.instruments import pairs

DOUBLE, SINGLE = "double", "single"
MOST_ROUNDINGS = 8  # of a whole notional, that the P&L of a leg on a day has in it


def is_single(marks) -> bool:
    """Tell whether marks ask for single precision."""
    return getattr(marks, "precision", DOUBLE) == SINGLE


def error_budget(units, forward, structure) -> np.ndarray:
    """Return how far single precision may move the gross P&L of a cohort, on any day and over its life, (C,).

    In the book's unit: vol points per unit index vega. An option's value is a difference of amounts as large as its
    notional, units x forward, each rounded to 2^-24 of itself; so are the forwards that its hedge gains on. The P&L of
    a day has a few such roundings at each of two closes, independent from leg to leg: their squares add up. Over a life
    all marks but the first and the last cancel. The root mean square of a day is an eighth of what is returned: at the
    money 2^-24 / (.8 sqrt(years) / 100) vol points of the index leg, 2.6e-5 at 30 days.

    Parameters
    ----------
    units, forward : array (C, 1 + L)
        Of each leg, at entry, as in `LegTable`.
    structure : Structure
    """
    xp = namespace(units, forward)
    index, members = (sum(abs(pair[k].ratio) for pair in pairs(structure)) for k in (0, 1))
    shares = xp.abs(units) * xp.asarray([index] + [members] * (units.shape[1] - 1))
    notional = xp.where(units != 0.0, shares * forward, 0.0)
    return MOST_ROUNDINGS * 2.0**-24 * xp.sqrt((notional**2).sum(axis=1))
