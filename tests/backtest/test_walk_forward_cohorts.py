"""Walk-forward choice among parameter sets, cohort by cohort, against the slow loop."""

import numpy as np
import pytest

from engine import TopWeights, backtest, load_market
from engine.backtest import EarlyExit, VegaNeutral, walk_forward
from engine.errors import InputError
from strategies.dear_correlation import DearCorrelation

LEVELS = np.array([[0.0], [0.4], [0.7]])


@pytest.fixture(scope="module")
def market():
    return load_market("synthetic", years=4, names=6, progress=False)


def swept(market, **given):
    return backtest(market, DearCorrelation(least=60, quantile=LEVELS), basket=TopWeights(6), **given)


@pytest.mark.parametrize("exits", [None, EarlyExit(stop=1.0)], ids=["held", "stopped"])
def test_each_cohort_is_the_chosen_sets_own(market, exits):
    many = swept(market, exits=exits)
    one, choices = walk_forward(many, train=252, test=63)
    assert len(set(choices.chosen.tolist())) > 1  # it does change its mind
    net = np.zeros(len(market.dates))
    for c, entry in enumerate(many.book.cohorts.entry):
        made = [first for first in choices.first if first <= entry]
        if not made:
            continue
        p = choices.chosen[len(made) - 1]
        gross, exposure = many.book.by_day["gross"][c], many.entry_exposure[p, c]
        until = many.held_until(p)[c]
        for day in range(until + 1):
            if entry + day < len(net):
                net[entry + day] += exposure * gross[day] * many.vegas[p]
    assert one.pnl_gross[0] == pytest.approx(net, abs=1e-6)  # sums of the same products in another order
    assert one.sets == 1
    assert one.ledger()["pnl_net"].sum() == pytest.approx(one.pnl_net[0].sum(), rel=1e-9)


def test_one_set_is_itself_from_the_first_choice_on(market):
    alone = backtest(market, DearCorrelation(least=60, quantile=0.0), basket=TopWeights(6))
    one, choices = walk_forward(alone, train=252, test=63)
    later = alone.book.cohorts.entry >= choices.first[0]
    assert np.array_equal(one.entry_exposure[0], np.where(later, alone.entry_exposure[0], 0.0))
    settled = choices.first[0] + alone.book.days  # cohorts of before have ended
    assert np.array_equal(one.pnl_net[0, settled:], alone.pnl_net[0, settled:])
    assert one.capital() == alone.capital()


def test_sets_of_other_sizes_are_refused(market):
    sized = swept(market, sizing=VegaNeutral(index_vega=np.array([[1e5], [2e5], [1e5]])))
    with pytest.raises(InputError, match="among sets of one size and one cost"):
        walk_forward(sized, train=252, test=63)
    with pytest.raises(InputError, match="do not fit"):
        walk_forward(swept(market), train=5000, test=63)


def test_decisions_are_told_at_the_closes_that_the_sets_decided_on(market):
    one, _ = walk_forward(swept(market, lag=3), train=252, test=63)
    told = one.decisions()
    assert told.height > 3
    at = np.searchsorted(market.dates, told["entry_date"].to_numpy().astype(market.dates.dtype))
    assert np.array_equal(told["decided"].to_numpy(), market.dates[at - 3])
