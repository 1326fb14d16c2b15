"""Signals against loops, and their behaviour at the edges."""

import math
import statistics

import numpy as np
import pytest

from engine.backtest import hysteresis, zscore


def zscore_by_loop(series, window):
    scores = []
    for t in range(len(series)):
        known = [x for x in series[t - window + 1 : t + 1] if not math.isnan(x)] if t >= window - 1 else []
        usable = len(known) >= 0.8 * window and not math.isnan(series[t]) and len(known) > 0
        deviation = statistics.pstdev(known) if usable else 0.0
        scores.append((series[t] - statistics.fmean(known)) / deviation if deviation > 0 else math.nan)
    return scores


@pytest.mark.parametrize("window", [1, 5, 20, 40, 41])
def test_zscore_equals_the_loop_over_windows(xp, window):
    rng = np.random.default_rng(window)
    series = rng.standard_normal(40)
    series[rng.random(40) < 0.15] = np.nan
    # Two orders of summation of at most 40 numbers of order 1.
    actual = zscore(xp.asarray(series), window)
    np.testing.assert_allclose(np.asarray(actual.tolist()), zscore_by_loop(series, window), rtol=0, atol=1e-12)


@pytest.mark.parametrize("constant", [1.0, 0.1, 1 / 3])
def test_zscore_of_a_series_that_does_not_move_is_unknown(xp, constant):
    """The mean of ten tenths is no tenth: a score of a rounding over a rounding would start a trade."""
    assert bool(xp.isnan(zscore(xp.full(30, constant), 7)).all())


def hysteresis_by_loop(signal, enter, leave):
    state, states = 0.0, []
    for x in signal:
        if x >= enter:
            state = 1.0
        elif x <= leave:
            state = 0.0
        states.append(state)
    return states


@pytest.mark.parametrize("seed", range(10))
def test_hysteresis_equals_the_state_machine(xp, seed):
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal(200)
    signal[rng.random(200) < 0.1] = np.nan
    enter, leave = np.array([[0.5], [1.0], [2.0]]), np.array([[0.0], [1.0], [-0.5]])
    states = hysteresis(xp.asarray(signal), xp.asarray(enter), xp.asarray(leave)).tolist()
    for row in range(3):
        assert states[row] == hysteresis_by_loop(signal, enter[row, 0], leave[row, 0])
