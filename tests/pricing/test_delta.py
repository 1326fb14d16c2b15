"""Strikes from deltas, and premium-adjusted deltas: round trips, a search over strikes, and published values."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.backend import to_host
from engine.pricing import (
    black_price,
    call_delta,
    premium_adjusted_delta,
    strike_from_delta,
    strike_from_premium_adjusted_delta,
)

# Is it a call, premium-adjusted or not, on the spot or the forward, spot, domestic and foreign discount factor, total
# volatility, strike, delta: QuantLib's test suite, BlackDeltaCalculatorTest (values from an implementation in R), the
# last two from Castagna, "FX Options and Smile Risk" (2010).
PUBLISHED = [
    (True, False, "spot", 1.421, 0.997306, 0.992266, 0.1180654, 1.608080, 0.15),
    (True, True, "spot", 1.421, 0.997306, 0.992266, 0.1180654, 1.600545, 0.15),
    (True, False, "forward", 1.421, 0.997306, 0.992266, 0.1180654, 1.609029, 0.15),
    (True, True, "forward", 1.421, 0.997306, 0.992266, 0.1180654, 1.601550, 0.15),
    (True, False, "spot", 122.121, 0.9695434, 0.9872347, 0.0887676, 119.8031, 0.67),
    (True, True, "spot", 122.121, 0.9695434, 0.9872347, 0.0887676, 117.7096, 0.67),
    (True, False, "forward", 122.121, 0.9695434, 0.9872347, 0.0887676, 120.0592, 0.67),
    (True, True, "forward", 122.121, 0.9695434, 0.9872347, 0.0887676, 118.0532, 0.67),
    (False, False, "spot", 3.4582, 0.99979, 0.9250616, 0.3199034, 4.964924, -0.821),
    (False, True, "spot", 3.4582, 0.99979, 0.9250616, 0.3199034, 3.778327, -0.821),
    (False, False, "forward", 3.4582, 0.99979, 0.9250616, 0.3199034, 4.51896, -0.821),
    (False, True, "forward", 3.4582, 0.99979, 0.9250616, 0.3199034, 3.65728, -0.8219),
    (False, False, "spot", 103.00, 0.99482, 0.98508, 0.07247845, 97.47, -0.25),
    (False, True, "spot", 103.00, 0.99482, 0.98508, 0.07247845, 97.22, -0.25),
]


@pytest.mark.parametrize("row", PUBLISHED)
def test_deltas_and_strikes_are_those_published(row):
    is_call, adjusted, on, spot, domestic, foreign, spread, strike, delta = row
    forward = spot * foreign / domestic
    # A delta on the spot is that on the forward, discounted at the foreign rate.
    on_forward = delta / foreign if on == "spot" else delta
    if adjusted:
        found = premium_adjusted_delta(forward, strike, spread, 1.0, is_call)
        back = strike_from_premium_adjusted_delta(on_forward, forward, spread, 1.0, is_call)
    else:
        found = call_delta(forward, strike, spread, 1.0) - (0.0 if is_call else 1.0)
        back = strike_from_delta(on_forward + (0.0 if is_call else 1.0), forward, spread, 1.0)
    assert float(found) == pytest.approx(on_forward, abs=1e-3)  # the tolerances of that suite: strikes are rounded
    assert float(back) == pytest.approx(strike, abs=1e-2)


def random_options(seed, count=400):
    """Within three standard deviations of the money: forward, strike, iv, years."""
    rng = np.random.default_rng(seed)
    iv, years = rng.uniform(0.05, 1.0, count), rng.uniform(0.01, 2.0, count)
    forward = rng.uniform(50.0, 150.0, count)
    return forward, forward * np.exp(rng.uniform(-3.0, 3.0, count) * iv * np.sqrt(years)), iv, years


def test_the_strike_of_a_delta_is_the_strike_it_came_from(xp):
    f, k, s, t = (xp.asarray(a) for a in random_options(1))
    strike = strike_from_delta(call_delta(f, k, s, t), f, s, t)
    # A delta near 1 hides what its last digits stand for: d1 reaches 4.4, where the density is 2.5e-5, and a device is
    # off by five of them.
    np.testing.assert_allclose(to_host(strike), to_host(k), rtol=5e-11)


def test_a_premium_adjusted_delta_is_the_delta_less_the_premium_over_the_forward(xp):
    f, k, s, t = (xp.asarray(a) for a in random_options(2))
    for right in (True, False):
        delta = call_delta(f, k, s, t) - (0.0 if right else 1.0)
        expected = delta - black_price(f, k, s, t, right) / f
        # Roundings of numbers up to the strike over the forward, exp(3).
        np.testing.assert_allclose(to_host(premium_adjusted_delta(f, k, s, t, right)), to_host(expected), atol=1e-13)


@given(st.floats(0.001, 2.0), st.floats(-8.0, 8.0), st.booleans())
@settings(max_examples=300, deadline=None)
def test_the_strike_of_a_premium_adjusted_delta_has_that_delta(spread, y, is_call):
    """And of a call's two strikes it is the higher: no strike above it has as large a delta."""
    sign = 1.0 if is_call else -1.0
    strike = 100.0 * math.exp(-sign * spread * y - 0.5 * spread * spread)
    delta = float(premium_adjusted_delta(100.0, strike, spread, 1.0, is_call))
    found = float(strike_from_premium_adjusted_delta(delta, 100.0, spread, 1.0, is_call))
    assert float(premium_adjusted_delta(100.0, found, spread, 1.0, is_call)) == pytest.approx(delta, rel=1e-11)
    if is_call:
        assert found >= strike * (1.0 - 1e-5)  # at the largest delta the two strikes meet like roots of a square
        above = found * np.exp(np.linspace(1e-4, 1.0, 200))
        assert (premium_adjusted_delta(100.0, above, spread, 1.0, True) < delta * (1.0 + 1e-12)).all()
    else:
        assert found == pytest.approx(strike, rel=1e-9)  # a delta of 1e-15 in the wing determines its strike so far


def test_the_largest_premium_adjusted_delta_of_a_call_is_where_a_search_finds_it():
    strikes = 100.0 * np.exp(np.linspace(-2.0, 2.0, 400_001))
    for spread in (0.01, 0.1, 0.4):
        largest = float(premium_adjusted_delta(100.0, strikes, spread, 1.0, True).max())
        inside, outside = (
            float(strike_from_premium_adjusted_delta(largest * factor, 100.0, spread, 1.0, True))
            for factor in (1.0 - 1e-9, 1.0 + 1e-6)  # the grid of strikes misses the maximum by some 1e-10 of it
        )
        assert inside > 0.0
        assert math.isnan(outside)


@pytest.mark.parametrize("delta", [0.0, 1.0, -0.2, 1.2, np.nan])
def test_what_is_no_call_delta_has_no_strike(delta):
    assert np.isnan(strike_from_delta(np.array([delta]), 100.0, 0.2, 0.25)).all()


@pytest.mark.parametrize("bad", [{"forward": 0.0}, {"iv": 0.0}, {"years": 0.0}, {"iv": np.nan}, {"forward": -1.0}])
def test_without_an_input_there_is_no_strike(bad):
    inputs = {"forward": 100.0, "iv": 0.2, "years": 0.25} | bad
    assert np.isnan(strike_from_delta(0.5, **inputs))
    assert np.isnan(strike_from_premium_adjusted_delta(np.array([0.4, -0.4]), **inputs, is_call=[True, False])).all()


def test_the_other_kinds_sign_has_no_strike():
    assert np.isnan(strike_from_premium_adjusted_delta(np.array([-0.3, 0.3]), 100.0, 0.2, 0.25, [True, False])).all()


def test_shapes_broadcast_on_every_library(xp):
    delta, forward = xp.asarray([[0.1], [0.4]]), xp.asarray([90.0, 100.0, 110.0])
    assert strike_from_delta(delta, forward, 0.2, 0.25).shape == (2, 3)
    found = strike_from_premium_adjusted_delta(delta, forward, 0.2, 0.25, True)
    np.testing.assert_allclose(
        to_host(premium_adjusted_delta(forward, found, 0.2, 0.25, True)), to_host(delta + 0.0 * forward), rtol=1e-11
    )
