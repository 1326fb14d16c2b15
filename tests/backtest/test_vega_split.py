"""What changes of volatility earned by why they changed: exact sums, and planted worlds with one reason each."""

from dataclasses import replace

import numpy as np
import pytest

from engine.backtest import Calendar, NoHedge, SingleOption, Straddle, Strangle, ThetaNeutral, VarianceSwap
from engine.backtest.explain.vega_split import VEGA_SPLIT
from engine.errors import InputError
from engine.testing import small_market
from tests.backtest.test_split import SESSIONS, run, still

OPTIONS = [Straddle(28), Strangle(28), SingleOption(28), Calendar(28, far_tenor=60)]


def found(result):
    parts, daily = result.vega_split(), result.daily()
    moved = (daily["vega"] + daily["vanna_volga"]).to_numpy()
    return {name: parts[name].to_numpy() for name in VEGA_SPLIT}, moved


@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
@pytest.mark.parametrize("structure", OPTIONS, ids=lambda s: type(s).__name__)
def test_the_parts_sum_to_what_volatility_earned_every_day(structure, listed):
    result = run(small_market(60, listed=listed), structure, sizing=ThetaNeutral())
    parts, moved = found(result)
    scale = np.abs(moved).max()
    # Values of straddles, a hundred times their daily changes, are taken off each other.
    np.testing.assert_allclose(sum(parts.values()), moved, rtol=0, atol=1e-8 * scale)
    assert all(np.abs(part).sum() > 1e-3 * scale for name, part in parts.items() if name != "term_roll" or not listed)


def only(parts, moved, *names):
    scale = np.abs(moved).sum()
    assert scale > 1e4
    for name in set(VEGA_SPLIT) - set(names):
        np.testing.assert_allclose(parts[name], 0.0, atol=1e-8 * scale, err_msg=name)
    np.testing.assert_allclose(sum(parts[name] for name in names), moved, rtol=0, atol=1e-8 * scale)


def steps(seed, size=0.03):
    return np.exp(size * np.random.default_rng(seed).standard_normal(SESSIONS).cumsum())


def test_volatilities_that_move_alike_are_volatility_alone():
    panel, step = still(), steps(1)
    moved = replace(
        panel,
        index_iv=panel.index_iv * step[:, None, None],
        component_iv=panel.component_iv * step[:, None, None, None],
    )
    only(*found(run(moved)), "volatility")


def test_an_index_that_moves_alone_is_correlation_alone():
    panel = still()
    only(*found(run(replace(panel, index_iv=panel.index_iv * steps(2)[:, None, None]))), "correlation")


def test_both_at_once_cross():
    """Members and correlation move together: the cross term is what neither of them explains alone."""
    panel = still()
    members, index = steps(3, 0.1), steps(4, 0.1)
    moved = replace(
        panel,
        index_iv=panel.index_iv * index[:, None, None],
        component_iv=panel.component_iv * members[:, None, None, None],
    )
    parts, all_of_it = found(run(moved))
    assert np.abs(parts["cross"]).sum() > 1e-3 * np.abs(all_of_it).sum()
    only(parts, all_of_it, "volatility", "correlation", "cross")


def test_a_surface_that_stays_is_rolled_down():
    panel = still()
    slope = 1.0 + 0.1 * np.log(np.asarray(panel.tenors) / 30.0)
    sloped = replace(
        panel,
        index_iv=panel.index_iv * slope[:, None],
        component_iv=panel.component_iv * slope[:, None],
    )
    only(*found(run(sloped)), "term_roll")


def test_spots_that_move_along_a_smile_are_skew():
    """A smile that stays where it is in call deltas: its reading at a fixed strike moves with the spot alone."""
    panel = still()
    tilt = 1.0 + 0.004 * (np.asarray(panel.deltas) - 50.0)
    tilted = replace(panel, index_iv=panel.index_iv * tilt, component_iv=panel.component_iv * tilt)
    walk = 1.0 + 0.03 * np.sin(np.arange(SESSIONS))
    moved = replace(tilted, spot=tilted.spot * walk[:, None], index_spot=tilted.index_spot * walk)
    parts, all_of_it = found(run(moved, hedge=NoHedge()))
    # The axis of deltas widens with the time left, so the same strike is at another one: that is the roll.
    assert np.abs(parts["skew"]).sum() > 5.0 * np.abs(parts["term_roll"]).sum()
    only(parts, all_of_it, "skew", "term_roll")


def test_what_has_no_strike_is_refused():
    with pytest.raises(InputError, match="a swap has none, so use split"):
        run(small_market(60), VarianceSwap(28)).vega_split()
