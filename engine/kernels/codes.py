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


# Columns of the explain, in order; they sum to the gross P&L.
PARTS = ("delta", "gamma", "theta", "vega", "vanna_volga", "hedge", "financing", "unexplained")

# Columns of the magnitudes, in order; each is a sum over legs of absolute values: of the whole P&L, of the P&L of days
# with a stale mark, of days with an extrapolated mark, and of three parts of the explain.
MAGNITUDES = ("pnl", "stale", "extrapolated", "gamma", "theta", "unexplained")

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
