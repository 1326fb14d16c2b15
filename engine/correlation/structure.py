"""The shape of implied correlation: across tenors, and across deltas. The surface itself is a record's (T, K, D) field.

Slopes and spreads are in correlation points (100 x correlation), as a desk and the published indices quote them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.arrays import Axis, PerDate
from engine.backend import namespace
from engine.errors import InputError

DAYS_PER_MONTH = 365.0 / 12.0
CONTANGO = 1
FLAT = 0
BACKWARDATION = -1


@dataclass(frozen=True, eq=False)
class TermStructure:
    """Front against back tenor; arrays (T, D) for a surface (T, K, D), (T,) for one delta (T, K).

    Parameters
    ----------
    front, back : array
        Implied correlation of the two tenors, decimals.
    slope : array
        Points per month of tenor, back less front; NaN where either is unknown.
    regime : array, int8
        1 contango (back above front), -1 backwardation, 0 within the flat band or unknown.
    """

    front: np.ndarray
    back: np.ndarray
    slope: np.ndarray
    regime: np.ndarray


def term_structure(clean: PerDate, tenors: Axis, front: int = 30, back: int = 365, flat: float = 0.0) -> TermStructure:
    """Slope and regime of the term structure of correlation.

        slope = 100 (back - front) / months between them,   a month is 365 / 12 days

    Parameters
    ----------
    clean : array (T, K) or (T, K, D)
        Implied correlation, decimals.
    tenors : array (K,) on the host
        Calendar days.
    front, back : int
        Tenors to compare, calendar days.
    flat : float
        Points by which back and front must differ to be contango or backwardation.

    Raises
    ------
    InputError
        When a tenor is not on the surface, or `back` is not the longer.

    Examples
    --------
    >>> shape = term_structure(np.array([[0.20, 0.32], [0.60, 0.48]]), np.array([30, 395]))
    Traceback (most recent call last):
    engine.errors.InputError: tenor 365 is not among 30, 395
    >>> shape = term_structure(np.array([[0.20, 0.32], [0.60, 0.48]]), np.array([30, 395]), back=395)
    >>> shape.slope.round(9).tolist(), shape.regime.tolist()
    ([1.0, -1.0], [1, -1])
    """
    xp = namespace(clean)
    if back <= front:
        raise InputError(f"back={back} must be longer than front={front}")
    near, far = (clean[:, _place(tenors, tenor, "tenor")] for tenor in (front, back))
    apart = 100.0 * (far - near)
    regime = (apart > flat).astype(xp.int8) - (apart < -flat).astype(xp.int8)
    return TermStructure(near, far, apart * (DAYS_PER_MONTH / (back - front)), regime)


@dataclass(frozen=True, eq=False)
class CorrelationSkew:
    """Spreads between deltas, correlation points; arrays (T, K), NaN where a delta is unknown.

    Parameters
    ----------
    put : array
        90 less 50 delta: what a crash adds.
    call : array
        50 less 10 delta: what a rally takes away.
    total : array
        90 less 10 delta.
    curvature : array
        90 + 10 - 2 x 50 delta = put - call: positive where the crash side is the steeper.
    """

    put: np.ndarray
    call: np.ndarray
    total: np.ndarray
    curvature: np.ndarray


def correlation_skew(clean: PerDate, deltas: Axis) -> CorrelationSkew:
    """Skew of implied correlation between the 10-delta put (90), the middle (50) and the 10-delta call (10).

    Each name is taken at the delta of its own smile, as in Cboe's COR90D and COR10D.

    Parameters
    ----------
    clean : array (T, K, D)
        Implied correlation, decimals.
    deltas : array (D,) on the host
        Call deltas.

    Examples
    --------
    >>> skew = correlation_skew(np.array([[[0.07, 0.13, 0.35]]]), np.array([10, 50, 90]))
    >>> [part.round(9).tolist() for part in (skew.put, skew.call, skew.curvature)]
    [[[22.0]], [[6.0]], [[16.0]]]
    """
    low, middle, high = (100.0 * clean[..., _place(deltas, delta, "delta")] for delta in (10, 50, 90))
    return CorrelationSkew(high - middle, middle - low, high - low, (high - middle) - (middle - low))


def descends(clean: PerDate, deltas: Axis, order: Sequence[int] = (90, 70, 50, 30)) -> PerDate:
    """Tell where correlation falls along the deltas as a crash-averse market has it: 1 yes, 0 no, NaN unknown, (T, K).

    Its mean over known dates is the share of dates on which the order holds.

    Examples
    --------
    >>> descends(np.array([[[0.3, 0.2, 0.4], [0.4, 0.3, np.nan]]]), np.array([90, 70, 50]), order=(90, 70)).tolist()
    [[1.0, 1.0]]
    """
    xp = namespace(clean)
    along = xp.stack([clean[..., _place(deltas, delta, "delta")] for delta in order], axis=-1)
    holds = (along[..., 1:] < along[..., :-1]).all(axis=-1)
    return xp.where(xp.isfinite(along).all(axis=-1), holds.astype(xp.float64), xp.nan)


def _place(axis: Axis, value: int, what: str) -> int:
    found = np.flatnonzero(np.asarray(axis) == value)
    if len(found) == 0:
        raise InputError(f"{what} {value} is not among {', '.join(str(v) for v in axis)}")
    return int(found[0])
