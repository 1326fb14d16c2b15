"""Changes of index variance and correlation, taken apart: exact sums, loops, and moves with one cause."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.backend import to_host
from engine.correlation import (
    correlation_change,
    correlation_contribution,
    correlation_sensitivity,
    implied_correlation,
    implied_matrix,
    realized_matrix,
    variance_change,
)
from engine.errors import InputError

PARTS = ("component_vol", "correlation", "weight", "cross")


def market(seed, dates=6, names=9, cells=(2,), missing=0.1):
    """Random volatilities with missing quotes, and a basket whose names come and go."""
    rng = np.random.default_rng(seed)
    iv = rng.uniform(0.15, 0.6, (dates, names, *cells))
    iv[rng.random(iv.shape) < missing] = np.nan
    weights = rng.uniform(0.2, 2.0, (dates, names))
    weights[rng.random(weights.shape) < 0.2] = 0.0
    return rng.uniform(0.1, 0.35, (dates, *cells)), iv, weights


def pair_sum(vols, weights, rho):
    """Index variance from the definition over pairs."""
    n = range(len(vols))
    return sum(weights[i] * weights[j] * vols[i] * vols[j] * (1.0 if i == j else rho) for i in n for j in n)


def common(first, last):
    """Two cells over the names quoted in both: index volatility, volatilities, weights summing to 1, correlation."""
    quoted = [k for k in range(len(first[1])) if math.isfinite(first[1][k]) and math.isfinite(last[1][k])]
    cells = []
    for index, vols, weights in (first, last):
        total = sum(weights[k] for k in quoted)
        s, w = [vols[k] for k in quoted], [weights[k] / total for k in quoted]
        own = pair_sum(s, w, 0.0)
        cells.append((index, s, w, (index**2 - own) / (pair_sum(s, w, 1.0) - own)))
    return quoted, cells


def variance_reference(first, last):
    """The four parts, the cross one from its interactions: each pair of causes together, then all three."""
    _, ((_, s0, w0, r0), (_, s1, w1, r1)) = common(first, last)
    v = {(i, j, k): pair_sum((s0, s1)[i], (w0, w1)[k], (r0, r1)[j]) for i in (0, 1) for j in (0, 1) for k in (0, 1)}
    two = sum(v[c] for c in ((1, 1, 0), (1, 0, 1), (0, 1, 1)))
    one = [v[c] for c in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]
    pairwise = two - 2 * sum(one) + 3 * v[0, 0, 0]
    all_three = v[1, 1, 1] - two + sum(one) - v[0, 0, 0]
    return [*(part - v[0, 0, 0] for part in one), pairwise + all_three]


def cell(arrays, t, c):
    index, iv, weights = arrays
    return float(index[t, c]), iv[t, :, c].tolist(), weights[t].tolist()


def test_the_parts_equal_their_definition_over_pairs_of_names(xp):
    arrays = market(seed=0)
    found = variance_change(*(xp.asarray(a) for a in arrays))
    for t in range(1, len(arrays[0])):
        for c in range(2):
            expected = variance_reference(cell(arrays, t - 1, c), cell(arrays, t, c))
            # Some fifty roundings of variances below 1, magnified by A^2 / (A^2 - B) < 10 in the correlations.
            np.testing.assert_allclose([float(getattr(found, p)[t, c]) for p in PARTS], expected, rtol=0, atol=1e-13)


changes = st.integers(2, 7).flatmap(
    lambda n: st.lists(
        st.tuples(
            st.lists(st.floats(0.05, 1.5), min_size=n, max_size=n),
            st.lists(st.floats(0.1, 1.0), min_size=n, max_size=n),
            st.floats(0.05, 1.5),
        ),
        min_size=2,
        max_size=2,
    )
)


@given(changes)
@settings(max_examples=150, deadline=None)
def test_the_parts_sum_to_the_change_and_the_names_to_their_part(change):
    iv, weights, index = (np.array([state[n] for state in change]) for n in range(3))
    weights /= weights.sum(axis=1, keepdims=True)
    variance = variance_change(index, iv, weights)
    # A few roundings of the largest part: variances below 1.5^2 times correlations below (1.5 / .05)^2 * 100.
    size = max(1.0, *(abs(getattr(variance, part)[1]) for part in PARTS))
    assert variance.total[1] == pytest.approx(index[1] ** 2 - index[0] ** 2, abs=1e-15 * 2)
    assert sum(getattr(variance, part)[1] for part in PARTS) == pytest.approx(variance.total[1], abs=1e-14 * size)
    assert variance.component[1].sum() == pytest.approx(variance.component_vol[1], abs=1e-13 * size)
    vol = variance.in_vol()
    assert vol.total[1] == pytest.approx(index[1] - index[0], abs=1e-14)
    # Divided by the sum of two volatilities, at least .1.
    assert sum(getattr(vol, part)[1] for part in PARTS) == pytest.approx(vol.total[1], abs=1e-13 * size)
    assert vol.component[1].sum() == pytest.approx(vol.component_vol[1], abs=1e-12 * size)

    correlation = correlation_change(index, iv, weights)
    implied = implied_correlation(index, iv, weights).clean
    size = max(1.0, *np.abs(implied), *(np.abs(part[1]).max() for part in (correlation.component, correlation.weight)))
    # Both are differences of values up to `size`, whose own rounding is magnified by A^2 / (A^2 - B) < 100.
    assert correlation.total[1] == pytest.approx(implied[1] - implied[0], abs=1e-12 * size)
    named = correlation.component[1].sum() + correlation.weight[1].sum()
    assert correlation.index[1] + named == pytest.approx(correlation.total[1], abs=1e-12 * size)


@given(changes, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_of_names_and_the_scale_of_weights_do_not_matter(change, random):
    iv, weights, index = (np.array([state[n] for state in change]) for n in range(3))
    order = random.sample(range(iv.shape[1]), iv.shape[1])
    for explain in (variance_change, correlation_change):
        straight, shuffled = explain(index, iv, weights), explain(index, iv[:, order], 8.0 * weights[:, order])
        for name, values in vars(straight).items():
            other = getattr(shuffled, name)
            values = values[:, order] if values.shape == iv.shape else values
            size = max(1.0, np.abs(values[1]).max())
            # Sums taken in another order, of correlations magnified as above.
            np.testing.assert_allclose(other[1], values[1], rtol=0, atol=1e-11 * size, err_msg=name)


def test_a_move_with_one_cause_is_all_in_its_part():
    iv, weights = np.full((2, 4), 0.3), np.array([[0.4, 0.3, 0.2, 0.1]] * 2)
    iv[:] = [0.2, 0.3, 0.25, 0.4]
    own, pairs = ((weights * iv) ** 2).sum(axis=1), (weights * iv).sum(axis=1) ** 2 - ((weights * iv) ** 2).sum(axis=1)

    def parts(rho, s, w):
        own = ((w * s) ** 2).sum(axis=1)
        index = np.sqrt(own + rho * ((w * s).sum(axis=1) ** 2 - own))
        change = variance_change(index, s, w)
        return {part: getattr(change, part)[1] for part in PARTS}

    moved_vol = iv * np.array([[1.0], [1.1]])
    moved_weight = np.array([[0.4, 0.3, 0.2, 0.1], [0.0, 0.3, 0.3, 0.4]])
    cases = {
        "component_vol": parts(np.array([0.3, 0.3]), moved_vol, weights),
        "correlation": parts(np.array([0.3, 0.5]), iv, weights),
        "weight": parts(np.array([0.3, 0.3]), iv, moved_weight),
    }
    for cause, found in cases.items():
        for part in PARTS:
            # Roundings of variances of a tenth.
            assert found[part] == pytest.approx(0.0, abs=1e-15) if part != cause else abs(found[part]) > 1e-3
    assert cases["correlation"]["correlation"] == pytest.approx(0.2 * pairs[0], rel=1e-12)  # a dozen roundings
    assert cases["component_vol"]["component_vol"] == pytest.approx(0.21 * (own[0] + 0.3 * pairs[0]), rel=1e-12)


def test_small_changes_of_correlation_are_the_sensitivities_times_the_moves():
    index, iv, weights = market(seed=1, dates=1, missing=0.0)
    rng = np.random.default_rng(1)
    move = [1e-6 * rng.standard_normal(a.shape) for a in (index, iv, weights)]
    after = [a + m for a, m in zip((index, iv, weights), move, strict=True)]
    after[2] *= weights.sum() / after[2].sum()  # a weight's sensitivity is that of its share
    weights_moved = np.where(weights > 0.0, after[2] - weights, 0.0)
    after[2] = weights + weights_moved
    change = correlation_change(*(np.concatenate([a, b]) for a, b in zip((index, iv, weights), after, strict=True)))
    slope = correlation_sensitivity(index, iv, weights)
    # Second-order terms: second derivatives below 1e3 times 1e-12.
    np.testing.assert_allclose(change.index[1], (slope.index * move[0])[0], atol=1e-9)
    np.testing.assert_allclose(change.component[1], (slope.component * move[1])[0], atol=1e-9)


def test_a_name_missing_on_either_date_is_left_out_on_both():
    index, iv, weights = market(seed=2, missing=0.0)
    iv[3, 2] = np.nan
    weights[2:5, 2] = 0.7
    without = np.delete(iv, 2, axis=1), np.delete(weights, 2, axis=1)
    for explain in (variance_change, correlation_change):
        found, expected = explain(index, iv, weights), explain(index, *without)
        for t in (3, 4):
            # The weights sum to 1 in another order.
            np.testing.assert_allclose(found.total[t], expected.total[t], rtol=1e-12)
            assert (found.component[t, 2] == 0.0).all()
            share = min(without[1][d].sum() / weights[d].sum() for d in (t - 1, t))
            np.testing.assert_allclose(found.coverage[t], share, rtol=1e-14)


def test_a_date_without_an_index_quote_has_no_change_to_it_or_from_it():
    index, iv, weights = market(seed=3, missing=0.0)
    index[2] = np.nan
    for explain in (variance_change, correlation_change):
        found = explain(index, iv, weights)
        for name, values in vars(found).items():
            if name != "coverage":
                missing = np.isnan(values).reshape(len(index), -1)
                assert missing.all(axis=1).tolist() == [True, False, True, True, False, False], name
                assert missing.any(axis=1).tolist() == missing.all(axis=1).tolist(), name


def test_any_two_dates_can_be_compared(xp):
    arrays = market(seed=4)
    device = [xp.asarray(a) for a in arrays]
    for explain in (variance_change, correlation_change):
        fixed, each = explain(*device, since=1), explain(*device, since=np.array([5, 4, 1, 2, 0, 3]))
        for a, b in ((1, 4), (0, 4), (3, 5)):
            rows = explain(*(array[np.array([a, b])] for array in device))
            whole = fixed if a == 1 else each
            for name, values in vars(whole).items():
                np.testing.assert_array_equal(to_host(values)[b], to_host(getattr(rows, name))[1])
        np.testing.assert_allclose(to_host(fixed.total)[1], 0.0, atol=0.0)


def test_blocks_of_dates_equal_the_whole_bit_for_bit(xp):
    arrays = [xp.asarray(a) for a in market(seed=5, dates=11)]
    for explain in (variance_change, correlation_change):
        whole = explain(*arrays)
        for budget in (1, 6000):
            for name, values in vars(explain(*arrays, budget=budget)).items():
                np.testing.assert_array_equal(to_host(values), to_host(getattr(whole, name)))


@pytest.mark.parametrize("since", [6, -1, 1.0, [0, 1]])
def test_an_earlier_date_that_is_no_row_is_refused(since):
    with pytest.raises(InputError, match="names no row; use one of 0 to 5"):
        variance_change(*market(seed=6), since=since)


def test_shapes_that_do_not_belong_together_are_refused():
    index, iv, weights = market(seed=6)
    with pytest.raises(InputError, match="do not belong together"):
        correlation_change(index[:, 0], iv, weights)
    with pytest.raises(InputError, match="a change needs two"):
        variance_change(index[:0], iv[:0], weights[:0])


def test_contributions_of_names_sum_to_the_level_and_those_of_two_dates_to_its_change(xp):
    rng = np.random.default_rng(7)
    returns = 0.01 * (rng.standard_normal((60, 1)) + rng.standard_normal((60, 5)))
    weights = rng.uniform(0.2, 1.0, (60, 5))
    weights[:, 3] = 0.0
    iv = rng.uniform(0.2, 0.4, (60, 5))
    iv[55, 1] = np.nan
    index = np.full(60, 0.2)
    realized = realized_matrix(xp.asarray(returns), xp.asarray(weights), window=30)
    matrix = implied_matrix(xp.asarray(index), xp.asarray(iv), realized, min_coverage=0.0)
    found, level = to_host(correlation_contribution(matrix, names=5)), to_host(matrix.level)
    made = np.arange(60) >= 29
    # Twenty products over the pairs' sum, each rounded.
    np.testing.assert_allclose(found[made].sum(axis=1), level[made], atol=1e-13)
    np.testing.assert_allclose(np.diff(found[made], axis=0).sum(axis=1), np.diff(level[made]), atol=1e-13)
    assert np.isnan(found[:20]).all()
    assert (found[made][:, 3] == 0.0).all()
    assert found[55, 1] == 0.0
    correlation, position = to_host(matrix.correlation), to_host(matrix.position)
    w, s = to_host(matrix.weight), to_host(matrix.vol)
    t = 40
    x = w[t] * s[t]
    pairs = sum(x[i] * x[j] for i in range(4) for j in range(4) if i != j)
    for i in range(4):
        expected = sum(x[i] * x[j] * correlation[t, i, j] for j in range(4) if j != i) / pairs
        assert found[t, position[t, i]] == pytest.approx(expected, rel=1e-12)  # eight roundings
