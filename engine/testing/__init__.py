"""For tests of your own: proof that a strategy uses nothing of the future, and small markets to try it on."""

from engine.testing.causality import LookAhead, NothingToProve, assert_causal, look_ahead, poisoned
from engine.testing.markets import small_market

__all__ = ["LookAhead", "NothingToProve", "assert_causal", "look_ahead", "poisoned", "small_market"]
