"""What is timed: a function, how much it does, and the least any program must read and compute to do it.

Multiply-adds are counted for the leanest way known to do the work, not for what this engine happens to do; a function
counts as the polynomial that gives it in double precision. Bytes are those of the inputs, each counted once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

EXP, LOG, ERF, ROOT = 12, 14, 25, 4  # multiply-adds; a division counts as a square root
QUOTE = 4  # four sums: w s, w s^2, w^2 s^2, w
# Smile: four nodes of eight and a root, then 10 to interpolate; forward, straddle, greeks, explain and hedge.
MARK = 4 * (8 + ROOT) + 10 + EXP + (LOG + 2 * ERF + 2 * EXP + 3 * ROOT + 25) + 40
PRICE_AND_GREEKS = LOG + 2 * ERF + 2 * EXP + 4 * ROOT + 30
# Normalised price, a guess, and the two steps of Jaeckel's method, each two scaled erfc, exp, log and a ratio.
INVERSION = (EXP + LOG + 4 * ROOT) + (LOG + ERF + 3 * ROOT) + 2 * (2 * ERF + EXP + LOG + 3 * ROOT + 30)
# Of a sweep, per parameter set: P&L and two costs of each cohort and day; of each date two comparisons of the signal,
# the sums, the drawdown and, for each lag, a term of the long-run variance.
COHORT_DAY, SESSION = 3, 12

# Names of the plain loops, to which other cases refer.
CORRELATION_LOOP, BOOK_LOOP = "Implied correlation, plain loop", "Trade book, plain loop"
SWEEP_LOOP, VOLS_LOOP = "Sweep, plain loop", "Implied vols, plain loop"


@dataclass(frozen=True)
class Work:
    """Something to time.

    Parameters
    ----------
    size : str
    run : callable without arguments
        Does `count` units.
    count : int
    read, operations : float
        Bytes it must read (or, where that is more, write) and multiply-adds it must do.
    plain : dict
        Names of the plain loops that together do the same, and how many of their units that takes.
    """

    size: str
    run: Callable[[], object]
    count: int
    read: float
    operations: float
    plain: dict = field(default_factory=dict)
