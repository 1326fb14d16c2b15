"""The codes and columns that kernels and array code both write: how a leg ended, which column holds which part.

They are declared only here: array code imports them, and `entries` has them written into the text of each kernel.
"""

from enum import IntEnum


class LegStatus(IntEnum):
    """How a leg's life ended."""

    OPEN = 0  # the data ends before the expiry: valued at the last mark
    EXPIRED = 1
    SETTLED = 2  # merger or delisting: intrinsic value on the day the name ceased to trade
    CLOSED = 3  # sold at the mark before a corporate action whose terms are not known, on the day of the action
    LOST = 4  # the data has a hole where the expiry is: followed to its last mark before the hole
    EXITED = 5  # sold at the mark of an early exit


class HedgeRule(IntEnum):
    """When the delta that is held against a leg is another than at the close before; each with a number of its own."""

    SHARE = 0  # at every close: that share of its delta
    DAYS = 1  # at entry and every so many sessions: all of it
    BAND = 2  # where delta is further from it than that: all of it


class Kind(IntEnum):
    """What an instrument pays at its expiry."""

    STRADDLE = 0  # a call and a put at one strike
    CALL = 1
    PUT = 2
    VARIANCE = 3  # realised less agreed variance, over twice the agreed volatility
    GAMMA = 4  # the same of variance weighted by the forward over that at entry
    VOLATILITY = 5  # realised less agreed volatility
    CORRELATION = 6  # realised less agreed correlation of the members


class Beyond(IntEnum):
    """Where a mark lies outside the surface that it is read from; of both, the tenors."""

    NOTHING = 0
    DELTAS = 1
    TENORS = 2


class CorrelationStatus(IntEnum):
    """What to know about a value of implied correlation; of several, the first in `correlation.implied.PRECEDENCE`."""

    OK = 0
    BELOW_PSD_BOUND = 1  # below -1/(n-1): no set of returns has this average correlation
    ABOVE_ONE = 2  # the index costs more volatility than its members
    DEGENERATE = 3  # no pair of names to be correlated: NaN
    THIN_COVERAGE = 4  # names holding too little of the basket's weight are quoted: value kept, NaN if none is
    NO_INDEX_QUOTE = 5  # NaN
    NO_INDEX_LEG = 6  # NaN: no options on the basket as a whole exist (`correlate_baskets`)
    OFF_CALENDAR = 7  # no session of the market's exchange: quotes may be stale; value kept (`study.levels`)

    @property
    def text(self) -> str:
        """The name written to files: `ok`, `below_psd_bound`, ..."""
        return self.name.lower()


class InversionStatus(IntEnum):
    """Whether, and why not, a price gave a volatility."""

    OK = 0
    BELOW_INTRINSIC = 1  # no time value beyond rounding: no volatility is low enough
    ABOVE_FORWARD = 2  # a call at or above the forward, a put at or above the strike: none is high enough
    NO_TIME = 3  # at or past expiry
    INVALID = 4  # an input is not finite, or a price, forward or strike is not positive
    NOT_IDENTIFIED = 5  # rounding of the price, forward or strike moves the volatility by more than 1e-10 of itself
    NOT_CONVERGED = (
        6  # of an American option: so much of the price is early exercise that the iteration does not settle
    )


# Columns of the explain, in order; they sum to the gross P&L. What settling at an opening adds no mark knows of.
MARKED_PARTS = ("delta", "gamma", "theta", "vega", "vanna_volga", "hedge", "financing", "unexplained")
PARTS = (*MARKED_PARTS, "settlement")

# Columns of the magnitudes, in order; each is a sum over legs of absolute values: of the whole P&L, of the P&L of days
# with a stale mark, with a mark beyond the tenors of the surface, with one beyond its deltas but not its tenors, and of
# three parts of the explain.
MAGNITUDES = ("pnl", "stale", "beyond_tenors", "beyond_deltas", "gamma", "theta", "unexplained")

# What is reported of the days of a parameter set, in order.
STATISTICS = (
    "pnl_gross",
    "option_cost",
    "hedge_cost",
    "sharpe_gross",
    "sharpe_net",
    "hac_t",
    "max_drawdown",
    "worst_day",
)
