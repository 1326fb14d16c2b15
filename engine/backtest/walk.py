"""Walk-forward selection among the parameter sets of a result, cohort by cohort."""

from dataclasses import replace

import numpy as np

from engine.arrays import Floats
from engine.backend import namespace, to_host
from engine.backtest.batch import batch_fields
from engine.backtest.outcome.result import BacktestResult
from engine.errors import InputError
from engine.selection.walk import WalkForward
from engine.selection.walk import walk_forward as choose


def walk_forward(
    result: BacktestResult, train: int, test: int, *, expanding: bool = False
) -> tuple[BacktestResult, WalkForward]:
    """Enter each cohort as the set that was best until then would have, and hold it as that set does.

    The choice is made on net P&L that ends a holding period before it counts, so no cohort is learnt from while open.
    Unlike the curve of `engine.selection.walk_forward`, no positions are taken over when the choice changes.

    Parameters
    ----------
    result : BacktestResult
        Of sets that differ in when they enter and leave; their size and costs are the same.
    train, test : int
        Sessions learnt from, and sessions a choice holds.
    expanding : bool
        Learn from the first session on.

    Returns
    -------
    result : BacktestResult
        Of one parameter set, with its ledger, statistics and all else; before the first choice nothing is held.
    choices : WalkForward
        Which set was chosen when.

    Raises
    ------
    InputError
        When sizes or costs differ between the sets, or the sessions do not hold one training and one test.
    """
    costs = result.costs
    rates = {name: np.unique(to_host(getattr(costs, name))) for name in batch_fields(costs)}
    if len(np.unique(result.vegas)) > 1 or any(len(values) > 1 for values in rates.values()):
        raise InputError(
            "a walk-forward choice is made among sets of one size and one cost: sweep entries and exits only"
        )
    found = choose(result.pnl_net, train, test, max(result.book.days, 1), expanding=expanding)
    cohorts = result.book.cohorts
    window = np.searchsorted(found.first, cohorts.entry, side="right") - 1
    p = np.where(window >= 0, found.chosen[np.maximum(window, 0)], -1)
    c = np.arange(len(cohorts))
    exposure = np.where(p >= 0, result.entry_exposure[np.maximum(p, 0), c], 0.0)
    exits = None if result.exit_day is None else result.exit_day[np.maximum(p, 0), c]
    before = result.accounts.entry_exposure
    fixed = {name: values.item() for name, values in rates.items()}
    accounts = replace(
        result.accounts,
        entry_exposure=_beside(before, exposure[None]),
        exit_day=None if exits is None else _beside(before, exits[None]),
        index_vega=result.vega_per_cohort(),
        costs=replace(costs, **fixed),  # pyright: ignore[reportArgumentType] - protocols do not say that it is a dataclass
    )
    return BacktestResult(result.view, accounts, np.array([int((p < 0).sum())]), lag=result.lag), found


def _beside(array: Floats, host: np.ndarray) -> Floats:
    """Put an array of the host where another one lies."""
    return namespace(array).asarray(host)
