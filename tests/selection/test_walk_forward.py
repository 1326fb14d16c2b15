"""Choosing as one goes, intervals and stability: slow loops beside them, arch's own, noise over many seeds."""

import math

import numpy as np
import pytest

from engine.errors import InputError
from engine.selection import bootstrap_interval, stability, walk_forward
from engine.selection.bootstrap import optimal_block, samples


def noise(seed, trials=20, sessions=1000):
    return np.random.default_rng(seed).standard_normal((trials, sessions))


def plain_walk(results, train, test, gap, expanding):
    """By hand: one window after the other, one trial after the other."""
    chosen, curve = [], {}
    for start in range(train, results.shape[1], test):
        best, at = -np.inf, None
        for p, row in enumerate(results):
            past = row[0 if expanding else start - train : start - gap]
            ratio = past.mean() / past.std(ddof=1)
            if ratio > best:
                best, at = ratio, p
        chosen.append(at)
        curve.update({t: results[at, t] for t in range(start, min(start + test, results.shape[1]))})
    return chosen, curve


@pytest.mark.parametrize("expanding", [False, True])
def test_walk_forward_is_the_slow_loop(expanding):
    results = noise(3)
    found = walk_forward(results, 250, 60, holding_days=22, expanding=expanding)
    chosen, curve = plain_walk(results, 250, 60, 21, expanding)
    assert found.chosen.tolist() == chosen
    assert np.isnan(found.curve[:250]).all()
    assert {t: found.curve[t] for t in range(250, 1000)} == curve


def test_what_comes_later_changes_no_choice():
    results = noise(4)
    before = walk_forward(results, 250, 50, holding_days=5)
    poisoned = results.copy()
    poisoned[:, 600:] = 1e6 * np.random.default_rng(0).standard_normal((20, 400))
    after = walk_forward(poisoned, 250, 50, holding_days=5)
    until = before.first <= 600
    assert (before.chosen[until] == after.chosen[until]).all()
    assert np.array_equal(before.curve[250:600], after.curve[250:600])


def test_the_best_of_noise_earns_nothing_out_of_sample():
    found = [walk_forward(noise(seed), 250, 50) for seed in range(200)]
    rejected = np.mean([abs(one.t) > 1.96 for one in found])
    # .05 asymptotically; six lags of 750 days reject a little more, and 200 seeds are off by .03 (two deviations).
    assert rejected <= 0.1
    assert np.mean([one.trained.mean() for one in found]) > 0.1  # and yet it looked good: 1.6 a year
    assert abs(np.mean([one.earned.mean() for one in found])) < 0.006  # four deviations of the mean of 200 x 750 days


def test_a_planted_edge_is_found_and_kept():
    results = noise(5)
    results[7] += 0.3
    found = walk_forward(results, 250, 50)
    assert (found.chosen == 7).all()
    assert found.t > 5.0
    assert 0.7 < found.kept < 1.2
    assert "15 choices of 1 different trials" in repr(found)


def test_a_trial_that_never_moves_is_not_chosen():
    found = walk_forward(np.ones((2, 30)), 10, 10)
    assert (found.chosen == -1).all()
    assert found.curve[10:].tolist() == [0.0] * 20


def test_windows_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="do not fit 1000 sessions"):
        walk_forward(noise(0), 1000, 50)
    with pytest.raises(InputError, match="do not fit"):
        walk_forward(noise(0), 21, 50, holding_days=22)
    with pytest.raises(InputError, match="a row per trial"):
        walk_forward(noise(0)[0], 100, 50)
    with pytest.raises(InputError, match="not known"):
        walk_forward(np.full((2, 100), np.nan), 50, 10)


def test_the_interval_is_that_of_arch():
    bootstrap = pytest.importorskip("arch.bootstrap")
    results = np.random.default_rng(1).standard_t(4, 400)
    low, high = bootstrap_interval(results, np.mean, holding_days=22, repetitions=300, seed=9)
    block = max(math.ceil(bootstrap.optimal_block_length(results)["stationary"].iloc[0]), 22)
    theirs = bootstrap.StationaryBootstrap(block, results, seed=9).conf_int(np.mean, reps=300, method="percentile")
    assert [low[0], high[0]] == pytest.approx(theirs.ravel().tolist(), rel=1e-12)


def test_samples_are_the_rows_that_arch_draws():
    bootstrap = pytest.importorskip("arch.bootstrap")
    theirs = bootstrap.StationaryBootstrap(7, np.arange(90), seed=3).bootstrap(20)
    for rows, ((drawn,), _) in zip(samples(90, 7, 20, seed=3), theirs, strict=True):
        assert rows.tolist() == drawn.tolist()


@pytest.mark.parametrize("count", [30, 251, 2520])
@pytest.mark.parametrize("kept", [-0.5, 0.0, 0.3, 0.9])
def test_the_optimal_block_is_that_of_arch(count, kept):
    bootstrap = pytest.importorskip("arch.bootstrap")
    for seed in range(5):
        results = np.random.default_rng(seed).standard_normal(count)
        for t in range(1, count):
            results[t] += kept * results[t - 1]
        theirs = bootstrap.optimal_block_length(results)["stationary"].iloc[0]
        assert optimal_block(results) == pytest.approx(theirs, rel=1e-9)  # the same sums in another order


def test_intervals_cover_the_truth_as_often_as_they_say():
    inside = []
    for seed in range(120):
        shocks = np.random.default_rng(seed).standard_normal(421)
        results = 0.1 + shocks[1:] + 0.5 * shocks[:-1]  # neighbours depend on one another
        low, high = bootstrap_interval(results, np.mean, 2, repetitions=200, seed=seed)
        inside.append(low[0] <= 0.1 <= high[0])
    # .95 asymptotically; percentiles of short samples cover less (.93), and 120 seeds are off by .04 (two deviations).
    assert 0.88 <= np.mean(inside) <= 1.0


def test_an_interval_of_days_that_are_not_known_is_refused():
    with pytest.raises(InputError, match="ten results or more"):
        bootstrap_interval(np.array([1.0, np.nan] * 10), np.mean)


def test_stability_is_the_slow_loop_on_a_grid_of_two():
    grid = [(enter, leave) for enter in (0.5, 1.0, 2.0) for leave in (-1.0, 0.0, 0.25, 0.5)]
    values = np.random.default_rng(0).standard_normal(len(grid))
    found = stability(np.array(grid), values)
    enters, leaves = (sorted({row[k] for row in grid}) for k in (0, 1))
    for p, (enter, leave) in enumerate(grid):
        near = [
            values[q]
            for q, (e, v) in enumerate(grid)
            if abs(enters.index(e) - enters.index(enter)) <= 1 and abs(leaves.index(v) - leaves.index(leave)) <= 1
        ]
        assert found.neighbours[p] == len(near) - 1
        assert found.mean[p] == pytest.approx(np.mean(near))
        assert found.worst[p] == min(near)
