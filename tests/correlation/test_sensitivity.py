"""Sensitivities of implied correlation against finite differences, and the band in which it can be traded."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference_correlation import implied_reference

from engine.backend import to_host
from engine.correlation import CorrelationStatus, correlation_band, correlation_sensitivity, implied_correlation
from engine.errors import InputError

H = 1e-5  # step of central differences: their own error is of the order H^2 times a third derivative below 1e3


def market(seed, dates=4, names=6, cells=(2,), missing=0.15):
    """Random volatilities with missing quotes, weights that do not sum to 1, and names outside the basket."""
    rng = np.random.default_rng(seed)
    iv = rng.uniform(0.15, 0.6, (dates, names, *cells))
    iv[rng.random(iv.shape) < missing] = np.nan
    weights = rng.uniform(0.2, 2.0, (dates, names))
    weights[rng.random(weights.shape) < 0.15] = 0.0
    return rng.uniform(0.1, 0.35, (dates, *cells)), iv, weights


def slope(index, vols, weights, of, k=None):
    """Central difference of clean correlation in the index's, one name's volatility, or one name's weight."""
    moved = []
    for step in (H, -H):
        i, s, w = index, list(vols), list(weights)
        if of == "index":
            i += step
        elif of == "component":
            s[k] += step
        else:
            w[k] += step
        moved.append(implied_reference(i, s, w)[0])
    return (moved[0] - moved[1]) / (2 * H)


def test_every_sensitivity_equals_the_finite_difference_of_the_pairs_formula(xp):
    index, iv, weights = market(seed=0)
    found = correlation_sensitivity(*(xp.asarray(a) for a in (index, iv, weights)))
    assert np.isfinite(to_host(found.index)).all()
    for t, c in np.ndindex(index.shape):
        cell = float(index[t, c]), iv[t, :, c].tolist(), weights[t].tolist()
        # The step's own error, on derivatives of the order 1 to 10.
        assert float(found.index[t, c]) == pytest.approx(slope(*cell, "index"), rel=1e-6, abs=1e-6)
        for k in range(iv.shape[1]):
            used = weights[t, k] > 0 and math.isfinite(iv[t, k, c])
            for of in ("component", "weight"):
                expected = slope(*cell, of, k) if used else 0.0
                assert float(getattr(found, of)[t, k, c]) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_quotes_in_float32_lose_nothing():
    index, iv, weights = market(seed=6)
    single = [a.astype(np.float32) for a in (index, iv)]
    found = correlation_sensitivity(*single, weights)
    for name, expected in vars(correlation_sensitivity(*(a.astype(float) for a in single), weights)).items():
        np.testing.assert_array_equal(getattr(found, name), expected)


def test_moving_all_weights_together_moves_nothing_and_all_volatilities_together_neither():
    index, iv, weights = market(seed=1)
    found = correlation_sensitivity(index, iv, weights)
    # Correlation is of degree zero in the weights, and in all volatilities: Euler's sums are zero but for rounding.
    np.testing.assert_allclose(np.sum(found.weight * weights[:, :, None], axis=1), 0.0, atol=1e-12)
    together = found.index * index + np.nansum(found.component * iv, axis=1)
    np.testing.assert_allclose(together, 0.0, atol=1e-12)


def test_a_small_move_of_everything_is_the_sensitivities_times_the_moves():
    index, iv, weights = market(seed=2, missing=0.0)
    rng = np.random.default_rng(2)
    move = [1e-6 * rng.standard_normal(a.shape) for a in (index, iv, weights)]
    move[2][weights == 0.0] = 0.0
    found = correlation_sensitivity(index, iv, weights)
    expected = found.index * move[0] + (found.component * move[1] + found.weight * move[2][:, :, None]).sum(axis=1)
    after = implied_correlation(index + move[0], iv + move[1], weights + move[2]).clean
    # Second-order terms: second derivatives below 1e3 times 1e-12.
    np.testing.assert_allclose(after - implied_correlation(index, iv, weights).clean, expected, atol=1e-9)


def test_errors_add_up_at_worst_and_in_quadrature_when_independent(xp):
    index, iv, weights = market(seed=3)
    found = correlation_sensitivity(*(xp.asarray(a) for a in (index, iv, weights)))
    index_error, error = np.full(index.shape, 0.002), np.where(np.isfinite(iv), 0.01, np.nan)
    worst = found.worst_error(xp.asarray(index_error), xp.asarray(error))
    standard = found.standard_error(xp.asarray(index_error), xp.asarray(error))
    for t, c in np.ndindex(index.shape):
        terms = [0.002 * float(found.index[t, c]), *(0.01 * float(d) for d in found.component[t, :, c])]
        # A handful of roundings.
        assert float(worst[t, c]) == pytest.approx(sum(abs(term) for term in terms), rel=1e-13)
        assert float(standard[t, c]) == pytest.approx(math.hypot(*terms), rel=1e-13)


def test_each_side_of_the_band_is_the_correlation_at_the_quotes_a_trade_would_meet(xp):
    index, iv, weights = market(seed=4, missing=0.0)
    sides = [index - 0.002, index + 0.002, iv - 0.006, iv + 0.006]
    band = correlation_band(*(xp.asarray(a) for a in sides), xp.asarray(weights))
    index_bid, index_ask, bid, ask = sides
    for t, c in np.ndindex(index.shape):
        w = weights[t].tolist()
        # Roundings magnified by A^2 / (A^2 - B) < 10; the mean of bid and ask rounds once.
        assert float(band.bid.clean[t, c]) == pytest.approx(
            implied_reference(index_bid[t, c], ask[t, :, c], w)[0], abs=1e-12
        )
        assert float(band.mid.clean[t, c]) == pytest.approx(
            implied_reference(index[t, c], iv[t, :, c], w)[0], abs=1e-12
        )
        assert float(band.ask.clean[t, c]) == pytest.approx(
            implied_reference(index_ask[t, c], bid[t, :, c], w)[0], abs=1e-12
        )


quotes = st.integers(2, 8).flatmap(
    lambda n: st.tuples(
        st.lists(st.floats(0.05, 1.5), min_size=n, max_size=n),
        st.lists(st.floats(0.0, 0.5), min_size=n, max_size=n),  # half-spreads, shares of the volatility
        st.lists(st.floats(0.1, 1.0), min_size=n, max_size=n),
        st.floats(0.05, 1.5),
        st.floats(0.0, 0.5),
    )
)


@given(quotes)
@settings(max_examples=200, deadline=None)
def test_the_band_contains_the_mid_wherever_the_mid_is_not_negative(quote):
    s, half, w, index, index_half = quote
    s, half, w, index = np.array([s]), np.array([half]), np.array([w]), np.array([index])
    band = correlation_band(index * (1 - index_half), index * (1 + index_half), s * (1 - half), s * (1 + half), w)
    assume(band.mid.clean[0] >= 0.0)
    # Rounding of values below 1 / (1 - own) * (1.5 / .05)^2.
    slack = 1e-11 * (1.0 + band.ask.clean[0])
    assert band.bid.clean[0] - slack <= band.mid.clean[0] <= band.ask.clean[0] + slack


def test_the_delta_method_gives_half_the_width_of_a_narrow_band():
    index, iv, weights = market(seed=5, missing=0.0)
    index = 0.85 * (weights[:, :, None] * iv).sum(axis=1) / weights.sum(axis=1)[:, None]  # correlations above zero
    half, index_half = np.full(iv.shape, 1e-5), np.full(index.shape, 4e-6)
    band = correlation_band(index - index_half, index + index_half, iv - half, iv + half, weights)
    assert band.mid.clean.min() > 0.0
    worst = correlation_sensitivity(index, iv, weights).worst_error(index_half, half)
    # Odd terms of third order are left: (half / volatility)^2 below 1e-8.
    np.testing.assert_allclose((band.ask.clean - band.bid.clean) / 2, worst, rtol=1e-6)


def test_a_one_sided_or_crossed_quote_is_no_quote_on_any_side():
    s, w = np.full((4, 3), 0.3), np.full((4, 3), 1 / 3)
    bid, ask, index_bid, index_ask = s - 0.01, s + 0.01, np.full(4, 0.19), np.full(4, 0.21)
    bid[0, 1] = np.nan
    ask[1, 1] = np.nan
    bid[2, 1] = 0.4  # crossed
    index_ask[3] = 0.1
    band = correlation_band(index_bid, index_ask, bid, ask, w, min_coverage=0.5)
    for side in (band.bid, band.mid, band.ask):
        assert side.names.tolist() == [2, 2, 2, 3]
        assert side.status.tolist() == [CorrelationStatus.OK] * 3 + [CorrelationStatus.NO_INDEX_QUOTE]


def test_bid_and_ask_of_different_shapes_are_refused():
    with pytest.raises(InputError, match="bid and ask differ in shape"):
        correlation_band(np.ones(2), np.ones(3), np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 3)))
