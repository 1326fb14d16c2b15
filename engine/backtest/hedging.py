"""How much of each straddle's delta is held against it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DailyDelta:
    """Trade the underlying's forward to zero delta at every close, each cohort by itself."""

    ratio = 1.0  # of the straddles' delta held from each close to the next


@dataclass(frozen=True)
class NoHedge:
    """Leave the deltas alone."""

    ratio = 0.0
