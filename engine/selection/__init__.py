"""Choosing the best of many trials: what luck alone would have shown, and what of it lasts.

Functions of arrays of results, (P, T): P trials, such as the parameter sets of a sweep, over T sessions.
"""

from engine.selection.ability import Ability, superior_ability, survivors
from engine.selection.buckets import Buckets, by_bucket
from engine.selection.cscv import BlockSums, Overfitting, block_sums, overfitting
from engine.selection.deflated import deflated_sharpe, effective_trials, expected_best_sharpe, probabilistic_sharpe
from engine.selection.trials import Trials, trials_of

__all__ = [
    "Ability",
    "BlockSums",
    "Buckets",
    "Overfitting",
    "Trials",
    "block_sums",
    "by_bucket",
    "deflated_sharpe",
    "effective_trials",
    "expected_best_sharpe",
    "overfitting",
    "probabilistic_sharpe",
    "superior_ability",
    "survivors",
    "trials_of",
]
