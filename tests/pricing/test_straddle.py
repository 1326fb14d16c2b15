"""Straddle value and greeks: both legs, finite differences, Black's equation, approximations and limits."""

import math

import numpy as np
import pytest
from reference_pricing import black_reference

from engine.backend import to_host
from engine.pricing import StraddleGreeks, black_price, straddle

GREEKS = ("value", "delta", "gamma", "vega", "theta", "vanna", "volga")


def random_straddles(seed, count=400):
    """Within three standard deviations of the money: forward, strike, iv, years, rate."""
    rng = np.random.default_rng(seed)
    iv, years, rate = rng.uniform(0.05, 1.0, count), rng.uniform(0.01, 2.0, count), rng.uniform(-0.01, 0.08, count)
    forward = rng.uniform(50.0, 150.0, count)
    return forward, forward * np.exp(rng.uniform(-3.0, 3.0, count) * iv * np.sqrt(years)), iv, years, rate


def test_a_straddle_is_a_call_and_a_put(xp):
    host = random_straddles(1)
    value = to_host(straddle(*(xp.asarray(a) for a in host)).value)
    f, k, s, t, r = host
    # Sums of the same few terms in another order, of numbers up to 2000.
    np.testing.assert_allclose(value, black_price(f, k, s, t, True, r) + black_price(f, k, s, t, False, r), rtol=1e-12)
    rows = zip(*host, strict=True)
    loop = [sum(black_reference(*row[:4], right, row[4]) for right in (True, False)) for row in rows]
    np.testing.assert_allclose(value, loop, rtol=1e-12)


def slope(function, at, step):
    """Five-point central difference: off by step^4 / 30 of the fifth derivative."""
    return (8.0 * (function(at + step) - function(at - step)) - function(at + 2 * step) + function(at - 2 * step)) / (
        12.0 * step
    )


@pytest.mark.parametrize("greek", GREEKS[1:])
def test_greeks_equal_finite_differences_of_the_value(greek):
    f, k, s, t, r = random_straddles(2)
    spread, discount = s * np.sqrt(t), np.exp(-r * t)
    step_f, step_s, step_t = 0.01 * f * np.minimum(spread, 0.5), 0.005 * s, 0.005 * t
    by_forward = {
        "delta": lambda x: straddle(x, k, s, t, r).value,
        "gamma": lambda x: straddle(x, k, s, t, r).delta,
    }
    by_vol = {
        "vega": lambda x: straddle(f, k, x, t, r).value,
        "vanna": lambda x: straddle(f, k, x, t, r).delta,
        "volga": lambda x: straddle(f, k, x, t, r).vega,
    }
    if greek in by_forward:
        difference = slope(by_forward[greek], f, step_f)
    elif greek in by_vol:
        difference = slope(by_vol[greek], s, step_s) * 0.01
    else:  # one calendar day less to expiry, the forward and the discount rate unchanged
        difference = -slope(lambda x: straddle(f, k, s, x, r).value, t, step_t) / 365.0
    unit = {
        "delta": np.ones_like(f),
        "gamma": 1.0 / (f * spread),
        "vega": f * np.sqrt(t) * 0.01,
        "theta": f * (spread / t + np.abs(r)) / 365.0,
        "vanna": 0.01 / s,
        "volga": f * np.sqrt(t) / s * 0.01**2,
    }[greek]
    # Steps are one hundredth (half of one) of the natural scale, the fifth derivative up to some hundred in its
    # units: 1e-8 / 30 of some hundred. Strikes lie up to exp(3) from the forward, which the unit does not know.
    tolerance = 2e-7 * unit * discount * np.maximum(1.0, k / f)
    assert (np.abs(getattr(straddle(f, k, s, t, r), greek) - difference) <= tolerance).all()


def test_theta_pays_interest_on_the_premium_less_what_gamma_earns():
    """Black's equation: theta = r V - s^2 F^2 gamma / 2, per year."""
    f, k, s, t, r = random_straddles(3)
    g = straddle(f, k, s, t, r)
    # Both sides are products of the same exponential in another order.
    np.testing.assert_allclose(365.0 * g.theta, r * g.value - 0.5 * s**2 * f**2 * g.gamma, rtol=1e-12, atol=1e-12)


def test_textbook_greeks():
    """Hull, The Greek Letters: S 49, K 50, r 5 %, s 20 %, 20 weeks: call gamma .066 and vega 12.1 on the spot."""
    rate, years = 0.05, 0.3846
    growth = math.exp(rate * years)
    g = straddle(49.0 * growth, 50.0, 0.2, years, rate)
    assert float(g.gamma) * growth**2 / 2 == pytest.approx(0.066, abs=0.0005)  # as printed
    assert float(g.vega) * 100 / 2 == pytest.approx(12.1, abs=0.05)  # as printed


def test_at_the_money_approximations_of_the_trade_hold():
    """price .798 S s sqrt(T); vega .798 S sqrt(T); gamma .798/(S s sqrt(T)); vega = gamma S^2 s T."""
    s, vol, t = 100.0, 0.2, 1 / 12
    g = straddle(s, s, vol, t)
    # The next term of the expansions is s^2 T / 24 to s^2 T / 8, relative: up to 4e-4; .798 is good to 2e-4.
    assert float(g.value) == pytest.approx(0.798 * s * vol * math.sqrt(t), rel=1e-3)
    assert float(100 * g.vega) == pytest.approx(0.798 * s * math.sqrt(t), rel=1e-3)
    assert float(g.gamma) == pytest.approx(0.798 / (s * vol * math.sqrt(t)), rel=1e-3)
    assert float(100 * g.vega) == pytest.approx(float(g.gamma) * s**2 * vol * t, rel=1e-14)  # exact identity


def test_greeks_scale_with_the_unit_of_money():
    f, k, s, t, r = random_straddles(4)
    one, five = straddle(f, k, s, t, r), straddle(5 * f, 5 * k, s, t, r)
    powers = {"value": 1, "delta": 0, "gamma": -1, "vega": 1, "theta": 1, "vanna": 0, "volga": 1}
    for name, power in powers.items():
        # One rounding of F/K, magnified by d1 d2 / spread < 1e3 three standard deviations out.
        np.testing.assert_allclose(getattr(five, name), getattr(one, name) * 5.0**power, rtol=1e-12, atol=1e-13)


def test_an_expired_straddle_is_worth_its_intrinsic_value_and_has_no_greeks_but_delta(xp):
    for years in (0.0, -1.0):
        g = straddle(xp.asarray([90.0, 110.0, 100.0, 0.0]), 100.0, np.nan, years, 0.05)
        assert g.value.tolist() == [10.0, 10.0, 0.0, 100.0]
        assert g.delta.tolist() == [-1.0, 1.0, 0.0, -1.0]
        for name in GREEKS[2:]:
            assert getattr(g, name).tolist() == [0.0] * 4


@pytest.mark.parametrize(
    "inputs", [(np.nan, 100.0, 0.2), (0.0, 100.0, 0.2), (100.0, np.nan, 0.2), (100.0, 100.0, np.nan)]
)
def test_a_straddle_without_a_volatility_or_price_is_unknown(inputs):
    g = straddle(*inputs, np.array([0.5]))
    assert all(np.isnan(getattr(g, name)).all() for name in GREEKS)


def test_a_straddle_after_its_expiry_is_unknown_without_a_price():
    g = straddle(np.array([np.nan]), 100.0, 0.2, 0.0)
    assert all(np.isnan(getattr(g, name)).all() for name in GREEKS)


def test_a_missing_volatility_spoils_only_its_own_straddle():
    alone = straddle(100.0, 95.0, 0.2, 0.5)
    beside = straddle(100.0, 95.0, np.array([0.2, np.nan]), np.array([0.5, 0.5]))
    for name in GREEKS:
        assert getattr(beside, name)[0] == getattr(alone, name)
        assert np.isnan(getattr(beside, name)[1])


@pytest.mark.parametrize(("iv", "years"), [(1e-3, 1e-9), (1e-12, 1e-12), (1e-200, 1e-200), (0.2, 1e-300)])
def test_the_last_moment_before_expiry_is_the_expiry_without_overflow(iv, years):
    late = straddle(np.array([90.0, 110.0]), 100.0, iv, years, 0.05)
    # Discounting over the last nanoyears is all that is left.
    np.testing.assert_allclose(late.value, [10.0, 10.0], rtol=1e-9)
    np.testing.assert_allclose(late.delta, [-1.0, 1.0], rtol=1e-9)
    for name in ("gamma", "vega", "vanna", "volga"):
        np.testing.assert_array_equal(np.abs(getattr(late, name)), 0.0)


def test_shapes_broadcast_from_cohorts_and_legs_to_days():
    forward, strike = np.full((4, 3, 6), 100.0), np.full((4, 3, 1), 95.0)
    g = straddle(forward, strike, np.full((4, 1, 1), 0.2), np.linspace(0.0, 0.5, 6), np.full((4, 1, 6), 0.03))
    assert isinstance(g, StraddleGreeks)
    assert all(getattr(g, name).shape == (4, 3, 6) for name in GREEKS)
    assert all(getattr(g, name).dtype == np.float64 for name in GREEKS)
