"""Choosing the best of many trials: what luck alone would have shown, and what of it lasts.

Functions of arrays of results, (P, T): P trials, such as the parameter sets of a sweep, over T sessions.
"""

from engine.selection.ability import Ability, Resampled, block_of, moving, resampled, superior_ability, survivors
from engine.selection.bootstrap import block_length
from engine.selection.buckets import Buckets, by_bucket
from engine.selection.cscv import BlockSums, Overfitting, block_sums, most_blocks, overfitting
from engine.selection.deflated import deflated_sharpe, effective_trials, expected_best_sharpe, probabilistic_sharpe
from engine.selection.intervals import bootstrap_interval
from engine.selection.stability import Stability, stability
from engine.selection.trials import Trials, span_sums, trials_of
from engine.selection.walk import WalkForward, walk_forward

__all__ = [
    "Ability",
    "BlockSums",
    "Buckets",
    "Overfitting",
    "Resampled",
    "Stability",
    "Trials",
    "WalkForward",
    "block_length",
    "block_of",
    "block_sums",
    "bootstrap_interval",
    "by_bucket",
    "deflated_sharpe",
    "effective_trials",
    "expected_best_sharpe",
    "most_blocks",
    "moving",
    "overfitting",
    "probabilistic_sharpe",
    "resampled",
    "span_sums",
    "stability",
    "superior_ability",
    "survivors",
    "trials_of",
    "walk_forward",
]
