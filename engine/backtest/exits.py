"""When a cohort ends."""

from dataclasses import dataclass


@dataclass(frozen=True)
class HoldToExpiry:
    """Keep every cohort until its options expire; only the entry pays the option spread."""
