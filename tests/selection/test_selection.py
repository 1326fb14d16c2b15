"""Choosing among trials: plain loops beside the arrays, pure noise over many seeds, and an edge that was planted."""

import itertools
import math
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from engine.errors import InputError
from engine.kernels import switched_off
from engine.selection import (
    block_sums,
    by_bucket,
    deflated_sharpe,
    effective_trials,
    expected_best_sharpe,
    overfitting,
    probabilistic_sharpe,
    resampled,
    superior_ability,
    survivors,
    trials_of,
)


def noise(seed, trials=40, sessions=640):
    """Trials without an edge, that hold the same names: half of their variance is common."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((trials, sessions)) + rng.standard_normal(sessions)


def edged(seed, edge=0.35):
    results = noise(seed)
    results[7] += edge
    return results


def plain_overfitting(results, holding_days, count):
    """By the words of the paper: every split, one trial after the other."""
    sessions = results.shape[1]
    edges = [int(x) for x in np.linspace(0, sessions, count + 1)]
    parts = [range(edges[b] + (holding_days - 1 if b else 0), edges[b + 1]) for b in range(count)]
    below = loss = 0
    here, there = [], []
    for chosen in itertools.combinations(range(count), count // 2):
        ratios = []
        for inside in (True, False):
            days = [day for b in range(count) if (b in chosen) == inside for day in parts[b]]
            ratios.append([row[days].mean() / row[days].std(ddof=1) for row in results])
        best = int(np.argmax(ratios[0]))
        rank = stats.rankdata(ratios[1])[best] - 0.5
        below += rank / len(results) <= 0.5
        loss += ratios[1][best] < 0.0
        here.append(ratios[0][best])
        there.append(ratios[1][best])
    splits = math.comb(count, count // 2)
    return below / splits, loss / splits, np.mean(here), np.mean(there)


@pytest.mark.parametrize("by", [nullcontext, switched_off], ids=["kernel", "array code"])
@pytest.mark.parametrize(("seed", "holding_days"), [(0, 1), (1, 22)])
def test_overfitting_is_that_of_the_plain_loop(seed, holding_days, by):
    results = noise(seed, trials=9, sessions=400)
    with by():
        found = overfitting(block_sums(results, holding_days, count=8))
    *shares, here, there = plain_overfitting(results, holding_days, 8)
    assert [found.probability, found.loss] == shares
    assert (found.chosen_sharpe, found.later_sharpe) == pytest.approx((here, there), rel=1e-12)  # rounding
    assert found.splits == 70


def test_overfitting_does_not_depend_on_how_splits_are_cut(monkeypatch):
    cut = block_sums(noise(3))
    with switched_off():  # a kernel has its own
        whole = overfitting(cut)
        monkeypatch.setattr("engine.selection.cscv.SPLITS", 7)
        monkeypatch.setattr("engine.selection.cscv._TRIALS", 33)
        assert overfitting(cut).later_ranks == whole.later_ranks


def test_noise_is_as_likely_below_the_median_as_above_and_an_edge_is_not():
    chances = [overfitting(block_sums(noise(seed))).probability for seed in range(100, 160)]
    # One seed's probability is spread by .2, as its halves are of one sample; sixty of them have an error of .026.
    assert np.mean(chances) == pytest.approx(0.5, abs=3 * 0.026)
    assert overfitting(block_sums(edged(5))).probability < 0.02
    assert overfitting(block_sums(edged(5))).later_sharpe == pytest.approx(0.35 / math.sqrt(2), abs=0.08)


def test_a_trial_that_never_moves_is_never_chosen():
    results = np.vstack([noise(2, trials=5), np.ones((1, 640))])
    found = overfitting(block_sums(results))
    assert np.isfinite(found.chosen_sharpe)
    with pytest.raises(InputError, match="nothing to choose from"):
        overfitting(block_sums(results[:1]))


@pytest.mark.parametrize(("sessions", "holding_days", "count"), [(40, 22, 16), (640, 41, 16), (640, 1, 15)])
def test_blocks_too_short_for_what_is_held_are_refused(sessions, holding_days, count):
    with pytest.raises(InputError, match="blocks"):
        block_sums(np.ones((2, sessions)), holding_days, count)


def test_sessions_that_still_hold_what_was_entered_before_a_block_are_left_out():
    results = np.arange(64.0)[None]
    cut = block_sums(results, holding_days=3, count=4)
    assert cut.counts.tolist() == [16, 14, 14, 14]
    assert cut.sums[0].tolist() == [results[0, a:b].sum() for a, b in ((0, 16), (18, 32), (34, 48), (50, 64))]
    assert cut.squares[0, 1] == (results[0, 18:32] ** 2).sum()


def test_the_expected_best_is_that_of_simulated_trials():
    rng = np.random.default_rng(4)
    for trials in (10, 100, 1000):
        best = 0.3 * rng.standard_normal((4000, trials)).max(axis=1)
        # The formula is asymptotic: at ten trials it is 2 % low.
        assert expected_best_sharpe(0.09, trials) == pytest.approx(best.mean(), rel=0.03)


def test_the_probability_of_a_sharpe_ratio_is_that_of_simulated_samples():
    rng = np.random.default_rng(6)
    count, mean = 250, 0.15
    draws = stats.gamma.rvs(4.0, size=(6000, count), random_state=rng)  # skewed and with fat tails
    draws = mean + (draws - 4.0) / 2.0
    sharpe = draws.mean(axis=1) / draws.std(axis=1, ddof=1)
    chance = probabilistic_sharpe(sharpe, mean, count, stats.skew(draws, axis=1), stats.kurtosis(draws, axis=1) + 3.0)
    # Uniform where the formula holds; 6,000 draws tell shares within .006.
    assert [np.mean(chance < level) for level in (0.1, 0.5, 0.9)] == pytest.approx([0.1, 0.5, 0.9], abs=0.02)


def test_deflated_noise_has_a_median_near_one_half_and_is_all_but_never_sure():
    best = np.array([deflated_sharpe(noise(seed)).max() for seed in range(200)])
    # Half of the trials' variance is common: it moves all of them together, not how far the best lies above the rest.
    assert 0.3 < np.median(best) < 0.7
    assert (best > 0.95).mean() <= 0.05
    assert deflated_sharpe(edged(8)).argmax() == 7
    assert deflated_sharpe(edged(8))[7] > 0.95


def test_more_trials_behind_a_choice_make_it_less_sure():
    results = edged(9, edge=0.15)
    sure = [deflated_sharpe(results, trials)[7] for trials in (1, 10, 1000, 100_000)]
    assert sure == sorted(sure, reverse=True)
    assert sure[0] > sure[-1] + 0.1


@pytest.mark.parametrize("trials", [2, 25])
def test_effective_trials_lie_between_one_and_all(trials):
    rng = np.random.default_rng(10)
    own = rng.standard_normal((trials, 5000))
    same = np.tile(own[:1], (trials, 1))
    assert effective_trials(same) == pytest.approx(1.0)
    assert effective_trials(own) == pytest.approx(trials, rel=0.02)
    pairs = np.corrcoef(own + 1.5 * same)[np.triu_indices(trials, 1)]
    assert effective_trials(own + 1.5 * same) == pytest.approx(pairs.mean() + (1.0 - pairs.mean()) * trials)
    constant = np.vstack([own, np.zeros((3, 5000))])
    assert effective_trials(constant) == effective_trials(own)


def test_the_tests_of_all_trials_keep_their_size_on_noise_and_find_an_edge():
    values = [superior_ability(noise(seed, trials=10, sessions=300), repetitions=200).consistent for seed in range(60)]
    # Sixty draws at a size of .1: more than eleven rejections have a probability of 1.3 %.
    assert sum(value < 0.1 for value in values) <= 11
    found = [survivors(noise(seed, trials=10, sessions=300), repetitions=200) for seed in range(60)]
    assert sum(len(kept) > 0 for kept in found) <= 8  # size .05: more has a probability of .5 %
    assert superior_ability(edged(12), repetitions=500).consistent < 0.01
    assert survivors(edged(12), repetitions=500).tolist() == [7]


@pytest.mark.parametrize(
    ("trials", "sessions", "block", "drift"), [(10, 300, 17, 0.0), (700, 400, 20, 0.1), (1100, 250, 5, 0.2)]
)
def test_the_tests_of_all_trials_are_those_of_arch(trials, sessions, block, drift):
    theirs = pytest.importorskip("arch.bootstrap")
    rng = np.random.default_rng(trials)
    results = rng.standard_normal((trials, sessions)) + drift * rng.standard_normal((trials, 1))
    asked = {"block_size": block, "reps": 200, "seed": 3}
    test, steps = (make(np.zeros(sessions), -results.T, **asked) for make in (theirs.SPA, theirs.StepM))
    test.compute(), steps.compute()
    drawn = resampled(results, block, repetitions=200, seed=3)
    found = drawn.ability()
    assert [found.lower, found.consistent, found.upper] == np.asarray(test.pvalues).tolist()
    assert drawn.better().tolist() == sorted(steps.superior_models)
    assert bool(drawn.better().size) == (drift > 0.0)
    back = np.argsort(drawn.order)
    assert np.array_equal(drawn.centres[1, back] == 0.0, ~test._valid_columns)


def test_the_same_trials_are_told_from_their_spans():
    daily, edge = noise(16, trials=30, sessions=2400), 0.12 * np.arange(30)[:, None] / 30
    kept = trials_of(daily + edge, holding_days=22)
    assert kept.spans.shape == (30, 480)
    np.testing.assert_allclose(kept.spans.sum(axis=1), (daily + edge).sum(axis=1), rtol=1e-5)
    rows, drawn = kept.resampled(repetitions=1000)
    assert rows.tolist() == list(range(30))
    by_day = survivors(daily + edge, 22)
    # Samples of spans are others than samples of sessions: trials at the edge may fall on either side of it.
    assert len(set(by_day) ^ set(rows[drawn.better()].tolist())) <= 3
    assert 5 < len(by_day) < 25
    flat = trials_of(daily - daily.mean(axis=1, keepdims=True), holding_days=22).resampled()[1].ability()
    assert flat.consistent > 0.5


def test_trials_that_do_not_move_are_left_out_of_the_tests():
    results = np.vstack([np.zeros((1, 640)), edged(13)])
    assert superior_ability(results, repetitions=200).trials == 40
    assert survivors(results, repetitions=200).tolist() == [8]
    with pytest.raises(InputError, match="nothing to test"):
        superior_ability(np.zeros((3, 50)))


def test_buckets_hold_equal_numbers_in_the_order_of_the_signal():
    signal = np.array([5.0, 1.0, 4.0, 2.0, 3.0, np.nan, 6.0, 7.0])
    result = np.array([50.0, 10.0, 40.0, 20.0, np.nan, 1.0, 60.0, 70.0])
    found = by_bucket(signal, result, 3, repetitions=50)
    assert found.counts.tolist() == [2, 2, 2]
    assert found.signal.tolist() == [1.5, 4.5, 6.5]
    assert found.mean.tolist() == [15.0, 45.0, 65.0]
    assert found.edges.tolist() == [1.0, 4.0, 6.0, 7.0]
    with pytest.raises(InputError, match="too few for 4 buckets"):
        by_bucket(signal, result, 4)


def test_trades_of_one_signal_stay_together_and_too_few_signals_are_refused():
    luck = np.random.default_rng(0).standard_normal(200)
    signal = np.repeat([0.0, 1.0, 2.0], [60, 20, 120])
    order = np.random.default_rng(1).permutation(200)
    one, other = by_bucket(signal, luck, 2, repetitions=50), by_bucket(signal[order], luck[order], 2, repetitions=50)
    assert one.counts.tolist() == [80, 120]
    assert one.edges.tolist() == [0.0, 2.0, 2.0]
    assert one.mean == pytest.approx(other.mean)  # whatever the order of entry
    with pytest.raises(InputError, match="3 different signals do not make 5 buckets of two trades and more"):
        by_bucket(signal, luck)


def test_only_results_that_rise_throughout_are_monotonic():
    rng = np.random.default_rng(14)
    signal = rng.standard_normal(600)
    luck = rng.standard_normal(600)
    assert by_bucket(signal, 0.8 * signal + luck).p_monotonic < 0.01
    assert by_bucket(signal, -0.8 * signal + luck).p_monotonic > 0.9
    signals = rng.standard_normal((100, 100))
    for slope, most in ((0.0, 12), (-0.2, 4)):
        values = [by_bucket(x, slope * x + rng.standard_normal(100), repetitions=100).p_monotonic for x in signals]
        # Flat is the hardest case of the hypothesis: at a size of .05 more than 12 of 100 have a probability of .4 %.
        assert sum(value < 0.05 for value in values) <= most


def test_trials_without_their_sessions_are_judged_as_with_them():
    results = edged(15)
    kept = trials_of(results, holding_days=5)
    assert overfitting(kept.blocks()).probability == overfitting(block_sums(results, 5)).probability
    np.testing.assert_allclose(kept.deflated(7.0), deflated_sharpe(results, 7.0), rtol=1e-12)
    off = results - results.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(kept.skew, stats.skew(off, axis=1), rtol=1e-9)
    np.testing.assert_allclose(kept.kurtosis, stats.kurtosis(off, axis=1) + 3.0, rtol=1e-9)


def test_few_sessions_keep_fewer_blocks_and_too_few_keep_none():
    assert trials_of(noise(1, sessions=200), holding_days=22).cut.sums.shape[1] == 8
    few = trials_of(noise(1, sessions=100), holding_days=22)
    assert few.cut is None
    assert few.blocks() is None  # nor do spans of a session make more


def test_trials_that_were_cut_apart_are_split_by_their_spans():
    results = edged(15)[4:10]
    kept = replace(trials_of(results, holding_days=60), cut=None)  # spans of two sessions, 31 of which hold a cohort
    spans = results.reshape(len(results), -1, 2).sum(axis=2)
    found, plain = overfitting(kept.blocks()), plain_overfitting(spans, 31, 10)
    assert (found.probability, found.loss) == plain[:2]


def test_means_fall_with_a_signal_as_they_rise_with_its_opposite():
    rng = np.random.default_rng(4)
    signal, result = rng.standard_normal((2, 400))
    this, other = by_bucket(signal, result), by_bucket(-signal, result)
    assert (this.p_falling, this.p_monotonic) == (other.p_monotonic, other.p_falling)
    assert by_bucket(signal, result - 2.0 * signal).p_falling < 0.01
