"""Implied correlation: hand values, exact identities, statuses, and independence of layout."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_correlation import implied_reference

from engine.backend import to_host
from engine.correlation import CorrelationStatus, correlation_sensitivity, implied_correlation
from engine.errors import InputError
from engine.kernels import switched_off

FIELDS = ("clean", "dirty", "variance_ratio", "status", "coverage", "names")
W, S, S_INDEX = np.array([[0.3, 0.4, 0.3]]), np.array([[0.25, 0.35, 0.18]]), np.array([0.21])


def surface(seed, dates=12, names=9, cells=(3, 4), missing=0.15):
    """Random float32 quotes with holes, and weights with non-members."""
    rng = np.random.default_rng(seed)
    iv = rng.uniform(0.1, 0.7, (dates, names, *cells)).astype(np.float32)
    iv[rng.random(iv.shape) < missing] = np.nan
    index = rng.uniform(0.08, 0.4, (dates, *cells)).astype(np.float32)
    index[rng.random(index.shape) < 0.05] = np.nan
    weights = rng.random((dates, names))
    weights[rng.random(weights.shape) < 0.2] = 0.0
    return index, iv, weights


def assert_same(left, right):
    for name in FIELDS:
        np.testing.assert_array_equal(to_host(getattr(left, name)), to_host(getattr(right, name)), err_msg=name)


def test_a_measure_is_printed_as_one_line():
    index, iv, weights = surface(3)
    rho = implied_correlation(index, iv, weights)
    ok = rho.clean[rho.status == CorrelationStatus.OK]
    assert f"(12, 3, 4): clean {ok.min():.3f} to {ok.max():.3f}, mean {ok.mean():.3f}; " in repr(rho)
    assert repr(rho).startswith("ImpliedCorrelation (12, 3, 4)")
    assert repr(implied_correlation(np.full(2, np.nan), iv[:2, :, 0, 0], weights[:2])).endswith(": no value is ok")


def test_three_names_by_hand():
    rho = implied_correlation(S_INDEX, S, W)
    # The published digits end at the seventh place.
    assert rho.clean[0] == pytest.approx(0.3609000, abs=5e-8)
    assert rho.dirty[0] == pytest.approx(0.6094443, abs=5e-8)
    assert (rho.status[0], rho.coverage[0], rho.names[0]) == (CorrelationStatus.OK, 1.0, 3)


def test_every_cell_equals_the_sum_over_pairs_written_as_loops(xp):
    index, iv, weights = surface(seed=0)
    rho = implied_correlation(*(xp.asarray(a) for a in (index, iv, weights)))
    for t, k, d in np.ndindex(index.shape):
        expected = implied_reference(float(index[t, k, d]), iv[t, :, k, d].tolist(), weights[t].tolist())
        found = [float(getattr(rho, name)[t, k, d]) for name in ("clean", "dirty", "variance_ratio", "coverage")]
        # A dozen float64 roundings, magnified by A^2 / (A^2 - B) < 10.
        np.testing.assert_allclose([*found, float(rho.names[t, k, d])], expected, rtol=1e-12, atol=1e-14)


def test_blocks_of_dates_equal_the_whole_bit_for_bit(xp):
    index, iv, weights = (xp.asarray(a) for a in surface(seed=1, dates=23))
    whole = implied_correlation(index, iv, weights)
    for budget in (1, 3000, 10_000, 10**9):
        assert_same(implied_correlation(index, iv, weights, budget=budget), whole)


def test_a_slice_of_dates_equals_its_rows_of_the_whole_bit_for_bit():
    index, iv, weights = surface(seed=2, dates=20)
    weights[:10, 4:] = 0.0  # a basket that is narrower at first
    whole = implied_correlation(index, iv, weights)
    for part in (slice(0, 7), slice(7, 8), slice(8, 20)):
        record = implied_correlation(index[part], iv[part], weights[part])
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(record, name), getattr(whole, name)[part])


def test_one_cell_alone_equals_that_cell_of_the_surface_bit_for_bit():
    index, iv, weights = surface(seed=3)
    whole = implied_correlation(index, iv, weights)
    alone = implied_correlation(index[:, 1, 2], iv[:, :, 1, 2], weights)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(alone, name), getattr(whole, name)[:, 1, 2])


def test_the_order_of_names_does_not_change_a_bit():
    # Array code sums names by falling weight, so with distinct weights the order of the axis is not even seen.
    index, iv, weights = surface(seed=4)
    order = np.random.default_rng(4).permutation(weights.shape[1])
    with switched_off():
        assert_same(
            implied_correlation(index, iv[:, order], weights[:, order]), implied_correlation(index, iv, weights)
        )


def test_several_baskets_at_once_equal_each_alone_bit_for_bit(xp):
    index, iv, weights = surface(seed=10)
    baskets = np.stack([weights, np.where(np.arange(9) < 4, weights, 0.0), np.where(np.arange(9) % 2, weights, 0.0)])
    own = np.stack([index, 1.1 * index, 0.9 * index])
    for indices in (index, own):
        together = implied_correlation(*(xp.asarray(a) for a in (indices, iv, baskets)))
        for b, basket in enumerate(baskets):
            each = indices if indices is index else indices[b]
            alone = implied_correlation(*(xp.asarray(a) for a in (each, iv, basket)))
            for name in FIELDS:
                np.testing.assert_array_equal(to_host(getattr(together, name))[b], to_host(getattr(alone, name)))


def test_a_name_of_weight_zero_changes_nothing_whatever_its_quote():
    index, iv, weights = surface(seed=5)
    weights[:, 2] = 0.0
    without = implied_correlation(index, np.delete(iv, 2, axis=1), np.delete(weights, 2, axis=1))
    for quote in (np.nan, 0.0, 50.0, np.inf):
        iv[:, 2] = quote
        assert_same(implied_correlation(index, iv, weights), without)


def test_an_unquoted_name_is_as_if_it_had_no_weight_but_for_coverage():
    index, iv, weights = surface(seed=6, missing=0.0)
    iv[:, 3] = np.nan
    weights[:, 3] = 0.2
    absent = weights.copy()
    absent[:, 3] = 0.0
    left, right = implied_correlation(index, iv, weights), implied_correlation(index, iv, absent)
    for name in ("clean", "dirty", "variance_ratio", "names"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))
    share = absent.sum(axis=1) / weights.sum(axis=1)
    # Two sums of nine weights each, taken in different orders.
    np.testing.assert_allclose(left.coverage, np.broadcast_to(share[:, None, None], left.coverage.shape), rtol=1e-14)


vols = st.floats(0.05, 1.5)
baskets = st.integers(2, 8).flatmap(
    lambda n: st.tuples(
        st.lists(vols, min_size=n, max_size=n), st.lists(st.floats(0.1, 1.0), min_size=n, max_size=n), vols
    )
)


def one_cell(basket):
    s, w, s_index = basket
    return np.array([s_index]), np.array([s]), np.array([w]) / sum(w)


@given(baskets)
@settings(max_examples=150, deadline=None)
def test_dirty_is_clean_plus_each_names_own_share(basket):
    s_index, s, w = one_cell(basket)
    rho = implied_correlation(s_index, s, w)
    own = np.sum((w * s) ** 2) / np.sum(w * s) ** 2
    # Rounding of clean, up to 1e-14 of values below 1 / (1 - own) * (1.5 / .05)^2.
    assert rho.dirty[0] == pytest.approx(rho.clean[0] + (1 - rho.clean[0]) * own, rel=1e-11, abs=1e-11)
    assert rho.variance_ratio[0] <= rho.dirty[0] * (1 + 1e-14)  # Jensen; equal vols are equal but for rounding


@given(baskets, st.integers(-20, 20), st.floats(0.01, 100.0))
@settings(max_examples=100, deadline=None)
def test_a_factor_on_every_volatility_or_every_weight_cancels(basket, power, factor):
    s_index, s, w = one_cell(basket)
    rho = implied_correlation(s_index, s, w)
    # A power of two only moves exponents: exact. Any other factor rounds each input once.
    assert_same(implied_correlation(s_index * 2.0**power, s * 2.0**power, w), rho)
    assert_same(implied_correlation(s_index, s, w * 2.0**power), rho)
    scaled = implied_correlation(s_index * factor, s * factor, w)
    assert scaled.clean[0] == pytest.approx(rho.clean[0], rel=1e-11, abs=1e-11)


@given(baskets, st.floats(-0.1, 1.0))
@settings(max_examples=150, deadline=None)
def test_the_correlation_an_index_volatility_was_built_from_comes_back(basket, planted):
    _, s, w = one_cell(basket)
    own, pairs = np.sum((w * s) ** 2), np.sum(w * s) ** 2 - np.sum((w * s) ** 2)
    variance = own + planted * pairs
    if variance <= 0:
        return
    rho = implied_correlation(np.sqrt([variance]), s, w)
    # Rounding of s_I^2 relative to A^2 - B, which for two names may be a hundredth of A^2.
    assert rho.clean[0] == pytest.approx(planted, abs=1e-12)


@given(baskets)
@settings(max_examples=50, deadline=None)
def test_an_index_as_volatile_as_its_members_on_average_has_correlation_one(basket):
    _, s, w = one_cell(basket)
    rho = implied_correlation(np.array([np.sum(w * s)]), s, w)
    # Rounding of A relative to A^2 - B, as above.
    assert rho.clean[0] == pytest.approx(1.0, abs=1e-12)
    assert rho.dirty[0] == pytest.approx(1.0, abs=1e-14)


def test_an_index_without_volatility_sits_at_the_lower_end_of_its_range():
    rho = implied_correlation(np.zeros(1), S, W, zero_counts=True)
    own = np.sum((W * S) ** 2) / np.sum(W * S) ** 2
    assert rho.clean[0] == pytest.approx(-own / (1 - own), rel=1e-14)  # one division


@pytest.mark.parametrize(
    ("s_index", "s", "w", "status", "computable"),
    [
        (0.21, [0.25, 0.35, 0.18], [0.3, 0.4, 0.3], "ok", True),
        (0.01, [0.30, 0.30, 0.30], [0.3, 0.4, 0.3], "below_psd_bound", True),
        (0.31, [0.30, 0.30, 0.30], [0.3, 0.4, 0.3], "above_one", True),
        (0.21, [0.25, np.nan, 0.18], [0.3, 0.4, 0.3], "thin_coverage", True),
        (0.90, [0.25, np.nan, 0.18], [0.3, 0.4, 0.3], "thin_coverage", True),  # before the bound
        (0.21, [np.nan, np.nan, 0.18], [0.3, 0.4, 0.3], "thin_coverage", False),  # before the lone name
        (0.21, [np.nan, np.nan, np.nan], [0.3, 0.4, 0.3], "thin_coverage", False),
        (0.21, [0.25, 0.35, 0.18], [0.0, 0.0, 0.0], "thin_coverage", False),
        (0.21, [0.25, 0.35, 0.18], [0.0, 1.0, 0.0], "degenerate", False),
        (0.21, [0.00, 0.35, 0.00], [0.3, 0.4, 0.3], "thin_coverage", False),
        (0.00, [0.25, 0.35, 0.18], [0.3, 0.4, 0.3], "no_index_quote", False),
        (-1.0, [0.25, 0.35, 0.18], [0.3, 0.4, 0.3], "no_index_quote", False),
        (-99.99, [0.25, 0.35, 0.18], [0.3, 0.4, 0.3], "no_index_quote", False),
        (np.nan, [0.25, 0.35, 0.18], [0.3, 0.4, 0.3], "no_index_quote", False),
        (np.nan, [np.nan, np.nan, np.nan], [0.3, 0.4, 0.3], "no_index_quote", False),
    ],
)
def test_each_cell_says_what_is_to_be_known_about_it(s_index, s, w, status, computable):
    rho = implied_correlation(np.array([s_index]), np.array([s]), np.array([w]))
    assert CorrelationStatus(rho.status[0]).text == status
    assert np.isfinite(rho.clean[0]) == computable


def test_the_statuses_carry_the_names_written_to_files():
    assert [status.text for status in CorrelationStatus] == [
        "ok",
        "below_psd_bound",
        "above_one",
        "degenerate",
        "thin_coverage",
        "no_index_quote",
        "no_index_leg",
        "off_calendar",
    ]


def test_values_beyond_the_bounds_are_kept_not_clipped():
    rho = implied_correlation(np.array([0.01, 0.6]), np.full((2, 3), 0.3), np.repeat(W, 2, axis=0))
    own = 0.34 * 0.09  # sum w^2 s^2
    # A dozen roundings; the bounds are -1/2 and 1.
    np.testing.assert_allclose(rho.clean, [(0.01**2 - own) / (0.09 - own), (0.6**2 - own) / (0.09 - own)], rtol=1e-12)
    assert rho.clean[0] < -0.5
    assert rho.clean[1] > 1.0


def test_the_least_coverage_can_be_chosen():
    quotes = np.array([[0.25, np.nan, 0.18]])
    assert implied_correlation(S_INDEX, quotes, W, min_coverage=0.5).status[0] == CorrelationStatus.OK
    with pytest.raises(InputError, match="min_coverage=80 is not a fraction"):
        implied_correlation(S_INDEX, quotes, W, min_coverage=80)


def test_shapes_that_do_not_belong_together_are_refused_by_name():
    for index, iv, weights in ((S_INDEX, S[:, :2], W), (S_INDEX, S[..., None], W), (np.ones(2), S, W)):
        with pytest.raises(InputError, match="do not belong together"):
            implied_correlation(index, iv, weights)


def test_a_single_quote_in_float32_loses_nothing_in_the_sum():
    index, iv, weights = surface(seed=7)
    assert_same(
        implied_correlation(index, iv, weights),
        implied_correlation(index.astype(float), iv.astype(float), weights),
    )


def test_sensitivities_equal_finite_differences(xp):
    s, w = np.array([[0.25, 0.35, 0.18, np.nan, 0.4]]), np.array([[0.3, 0.3, 0.2, 0.2, 0.0]])
    found = correlation_sensitivity(xp.asarray(S_INDEX), xp.asarray(s), xp.asarray(w))
    step = 1e-6

    def rho(index, component):
        return implied_correlation(index, component, w).clean[0]

    # A central difference errs by step^2 and by rounding / step, both below 1e-9.
    slope = (rho(S_INDEX + step, s) - rho(S_INDEX - step, s)) / (2 * step)
    assert float(found.index[0]) == pytest.approx(slope, abs=1e-8)
    for k in range(5):
        bump = np.zeros((1, 5))
        bump[0, k] = step
        slope = (rho(S_INDEX, s + bump) - rho(S_INDEX, s - bump)) / (2 * step)
        assert float(found.component[0, k]) == pytest.approx(slope, abs=1e-8)


def test_sensitivities_of_a_surface_equal_those_of_its_cells():
    index, iv, weights = surface(seed=8)
    whole = correlation_sensitivity(index.astype(float), iv.astype(float), weights)
    alone = correlation_sensitivity(index[:, 1, 2].astype(float), iv[:, :, 1, 2].astype(float), weights)
    np.testing.assert_array_equal(whole.index[:, 1, 2], alone.index)
    np.testing.assert_array_equal(whole.component[:, :, 1, 2], alone.component)
