"""Implied correlation under the names Cboe publishes it by: COR1M ... COR24M, COR10D ... COR90D."""

import difflib
import re

from engine.arrays import Axis, Floats
from engine.errors import InputError

# Cboe's tenors in calendar days: the surface's standard maturities.
TENORS = {"1M": 30, "3M": 91, "6M": 182, "9M": 273, "1Y": 365, "18M": 547, "24M": 730}
DELTA, DELTA_TENOR = 50, "3M"  # of an index named by its tenor alone, and by its delta alone
_DELTAS = range(10, 95, 5)
_NAME = re.compile(r"COR(\d+[MY])?(?:(\d\d)D)?")


def index_name(tenor: int, delta: int = DELTA) -> str:
    """Return the name of the index of a tenor in calendar days and a call delta in percent.

    An index at 50 delta is named by its tenor, one at 3 months by its delta, any other by both.

    Raises
    ------
    InputError
        For a tenor that Cboe has no name for, or a delta off the grid.

    Examples
    --------
    >>> index_name(30), index_name(91), index_name(91, 90), index_name(365, 25)
    ('COR1M', 'COR3M', 'COR90D', 'COR1Y25D')
    """
    months = {days: word for word, days in TENORS.items()}
    if tenor not in months:
        raise InputError(f"no index has a tenor of {tenor} days; they have {', '.join(map(str, months))}")
    if delta not in _DELTAS:
        raise InputError(f"no index has a delta of {delta}; they are the call deltas 10 to 90 by 5")
    month = "" if months[tenor] == DELTA_TENOR and delta != DELTA else months[tenor]
    return f"COR{month}" + ("" if delta == DELTA else f"{delta}D")


def index_cell(name: str) -> tuple[int, int]:
    """Return the tenor in calendar days and the call delta in percent that a name stands for.

    COR10D ... COR90D are 3-month indices at that **call** delta: COR90D is the 10-delta put, the crash side.

    Raises
    ------
    InputError
        For a name of no index, with the nearest one.

    References
    ----------
    Cboe S&P 500 Implied Correlation Indices, fact sheet; press releases of 1 July 2021 and 18 July 2022.

    Examples
    --------
    >>> index_cell("COR1M"), index_cell("COR90D"), index_cell("COR6M25D")
    ((30, 50), (91, 90), (182, 25))
    """
    found = _NAME.fullmatch(name)
    month, delta = found.groups() if found else (None, None)
    known = (month or delta) and (month or DELTA_TENOR) in TENORS and int(delta or DELTA) in _DELTAS
    if not known:
        nearest = difflib.get_close_matches(name, INDICES, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else "there are COR1M ... COR24M and COR10D ... COR90D"
        raise InputError(f"there is no index {name}; {hint}")
    return TENORS[month or DELTA_TENOR], int(delta or DELTA)


# The family as published: every tenor at 50 delta, and every other delta at three months.
INDICES = tuple(index_name(days) for days in TENORS.values()) + tuple(
    index_name(TENORS[DELTA_TENOR], delta) for delta in _DELTAS if delta != DELTA
)


def correlation_index(name: str, clean: Floats, tenors: Axis, deltas: Axis) -> Floats:
    """Return one index as a series of levels, 100 x clean implied correlation as published.

    Parameters
    ----------
    name : str
        Such as COR3M, COR90D or COR1Y25D.
    clean : array (..., K, D)
        Clean implied correlation, decimals: (T, K, D), or (B, T, K, D) of several baskets.
    tenors : array (K,); deltas : array (D,)
        Of the surface.

    Returns
    -------
    array (...)
        Points, NaN where not computable.

    Raises
    ------
    InputError
        For an unknown name, or one whose tenor or delta the surface does not have.

    Examples
    --------
    >>> import numpy as np
    >>> clean = np.array([[[0.2, 0.3], [0.25, 0.35]]])
    >>> correlation_index("COR3M", clean, (30, 91), (50, 90)).tolist()
    [25.0]
    >>> correlation_index("COR90D", clean, (30, 91), (50, 90)).tolist()
    [35.0]
    """
    tenor, delta = index_cell(name)
    tenors, deltas = list(tenors), list(deltas)
    if tenor not in tenors or delta not in deltas:
        raise InputError(f"{name} needs {tenor} days at {delta} delta, which the surface does not have")
    return 100.0 * clean[..., tenors.index(tenor), deltas.index(delta)]


def correlation_indices(clean: Floats, tenors: Axis, deltas: Axis) -> dict[str, Floats]:
    """Return every index of the family that the surface has, name -> levels in points, as `correlation_index`.

    Examples
    --------
    >>> import numpy as np
    >>> list(correlation_indices(np.zeros((1, 2, 3)), (30, 91), (10, 50, 90)))
    ['COR1M', 'COR3M', 'COR10D', 'COR90D']
    """
    tenors, deltas = list(tenors), list(deltas)
    cells = {name: index_cell(name) for name in INDICES}
    held = [name for name, (tenor, delta) in cells.items() if tenor in tenors and delta in deltas]
    return {name: correlation_index(name, clean, tenors, deltas) for name in held}
