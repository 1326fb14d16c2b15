"""What is timed: a function, how much it does, and the least any program must read and compute to do it.

Multiply-adds are those of the way that is known to need fewest, not those that this engine happens to do; a function
such as exp counts as the polynomial that computes it in double precision. Bytes are those of the inputs, each counted
once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

# Multiply-adds of each function; a division counts as a square root.
EXP = 12
LOG = 14
ERF = 25
ROOT = 4
QUOTE = 4  # each quote enters four sums: of w s, w s^2, w^2 s^2 and w
# The smile: four nodes with eight and a root each, 10 to interpolate. Then the forward, the straddle with its delta and
# vega, its value twice more with a vega (logarithms and discounts are known by then), and 40 for explain and hedge.
REPRICED = ROOT + EXP + 2 * (2 * ERF + ROOT + 8)
MARK = 4 * (8 + ROOT) + 10 + EXP + (LOG + 2 * ERF + EXP + 3 * ROOT + 15) + REPRICED + 40
# A node of a strip: its place and variance, a distribution and a density, a slope, 10 to add it up. A swap of it: the
# logarithm of a return, its value three times and its greeks, and 40 for explain and hedge.
STRIP_NODE = 8 + ERF + EXP + 2 * ROOT + 10
SWAP = LOG + 2 * EXP + 3 * (8 + 2 * ROOT) + 40
# A volatility swap is the root of two sums each time, the same smile read once more. A correlation swap has each day's
# returns in three sums again on each later day. What is struck later reads a second smile.
VOLATILITY_SWAP = SWAP + 3 * 2 * (8 + 2 * ROOT)
LATER = MARK + 4 * (8 + ROOT) + 10
PRICE_AND_GREEKS = LOG + 2 * ERF + 2 * EXP + 4 * ROOT + 30
# The normalised price, a first guess, and the two steps of Jaeckel's method: each takes two scaled erfc, exp and log.
INVERSION = (EXP + LOG + 4 * ROOT) + (LOG + ERF + 3 * ROOT) + 2 * (2 * ERF + EXP + LOG + 3 * ROOT + 30)
# A quote in a cubic spline: its four pieces, ten products of two of them and three of each with a price, three times
# over. A tree of forty steps: a mean of two and an exercise in every node.
SMILE_QUOTE = 3 * (16 + 10 + 12)
TREE = 40 * 41 // 2 * 4
# A sweep, per parameter set. For each cohort and day: P&L and two costs. For each session: two comparisons of the
# signal, the sums and the drawdown; on top of it, one for each lag of the long-run variance.
COHORT_DAY = 3
SESSION = 12

# Names of the plain loops, to which other cases refer.
CORRELATION_LOOP = "Implied correlation, plain loop"
BOOK_LOOP = "Trade book, plain loop"
SWEEP_LOOP = "Sweep, plain loop"
VOLS_LOOP = "Implied vols, plain loop"


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
        Bytes it must read (or write, where that is more) and multiply-adds it must do.
    plain : dict
        The plain loops that together do the same work: name -> how many units of that loop it takes.
    """

    size: str
    run: Callable[[], object]
    count: int
    read: float
    operations: float
    plain: dict[str, float] = field(default_factory=dict)
