"""How much of each straddle's delta is held against it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DailyDelta:
    """Trade the underlying's forward to zero delta at every close, each cohort by itself."""

    def held(self, delta):
        """Return the delta hedged from each close to the next, (..., H), given the straddles' deltas."""
        return delta


@dataclass(frozen=True)
class NoHedge:
    """Leave the deltas alone."""

    def held(self, delta):
        """Return the delta hedged from each close to the next, (..., H): none."""
        return delta * 0.0
