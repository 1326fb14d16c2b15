"""Greeks of single options: published values, finite differences, Black's equation, the straddle, and limits."""

import math
from dataclasses import fields

import numpy as np
import pytest

from engine.backend import to_host
from engine.pricing import OptionGreeks, black_price, call_delta, option_greeks, straddle

GREEKS = [field.name for field in fields(OptionGreeks)]


def random_options(seed, count=400):
    """Within three standard deviations of the money: forward, strike, iv, years, is_call, rate."""
    rng = np.random.default_rng(seed)
    iv, years = rng.uniform(0.05, 1.0, count), rng.uniform(0.01, 2.0, count)
    forward = rng.uniform(50.0, 150.0, count)
    strike = forward * np.exp(rng.uniform(-3.0, 3.0, count) * iv * np.sqrt(years))
    return forward, strike, iv, years, rng.random(count) < 0.5, rng.uniform(-0.01, 0.08, count)


@pytest.mark.parametrize(
    ("greek", "call", "put"),
    [
        ("delta", 0.45107017482201828, None),
        ("gamma", 0.0640646705882, 0.0640646705882),
        ("vega", 0.118317785624, 0.118317785624),
        ("theta", -0.00816236877462, -0.00802799155312),
        ("rho", -0.0074705380059582258, -0.011243286001308292),
    ],
)
def test_greeks_equal_those_published_with_vollib(xp, greek, call, put):
    """Doctests of py_vollib.black.greeks.analytical: F 49, K 50, r 5 %, s 20 %, 20 weeks; in the same units."""
    is_call = xp.asarray([True, False])
    found = to_host(getattr(option_greeks(xp.asarray([49.0, 49.0]), 50.0, 0.2, 0.3846, is_call, 0.05), greek))
    assert found[0] == pytest.approx(call, abs=5e-13)  # as printed
    if put is not None:
        assert found[1] == pytest.approx(put, abs=5e-13)  # as printed


def test_the_textbook_greeks_of_a_stock_option():
    """Hull, The Greek Letters: S 49, K 50, r 5 %, s 20 %, 20 weeks; greeks on the spot, rho with the spot held."""
    rate, years = 0.05, 0.3846
    growth = math.exp(rate * years)
    g = option_greeks(49.0 * growth, 50.0, 0.2, years, True, rate)
    assert float(g.delta) * growth == pytest.approx(0.522, abs=0.0005)  # as printed, as all below
    assert float(g.gamma) * growth**2 == pytest.approx(0.066, abs=0.0005)
    assert float(g.vega) == pytest.approx(0.121, abs=0.0005)
    assert float(g.rho + 0.01 * years * 49.0 * growth * g.delta) == pytest.approx(0.0891, abs=0.00005)


def slope(function, at, step):
    """Five-point central difference: off by step^4 / 30 of the fifth derivative."""
    return (8.0 * (function(at + step) - function(at - step)) - function(at + 2 * step) + function(at - 2 * step)) / (
        12.0 * step
    )


@pytest.mark.parametrize("greek", GREEKS[1:])
def test_greeks_equal_finite_differences_of_the_price(greek):
    f, k, s, t, c, r = random_options(1)
    spread, discount = s * np.sqrt(t), np.exp(-r * t)
    step_f, step_s, step_t = 0.01 * f * np.minimum(spread, 0.5), 0.005 * s, 0.005 * t

    def price(f=f, s=s, t=t, r=r):
        return black_price(f, k, s, t, c, r)

    def delta(s):
        return slope(lambda x: price(f=x, s=s), f, step_f)

    difference = {
        "delta": lambda: delta(s),
        "gamma": lambda: slope(lambda x: option_greeks(x, k, s, t, c, r).delta, f, step_f),
        "vega": lambda: 0.01 * slope(lambda x: price(s=x), s, step_s),
        "theta": lambda: -slope(lambda x: price(t=x), t, step_t) / 365.0,
        "rho": lambda: 0.01 * slope(lambda x: price(r=x), r, 1e-3),
        "vanna": lambda: 0.01 * slope(delta, s, step_s),
        "volga": lambda: 0.01 * slope(lambda x: option_greeks(f, k, x, t, c, r).vega, s, step_s),
    }[greek]()
    unit = {
        "delta": np.ones_like(f),
        "gamma": 1.0 / (f * spread),
        "vega": f * np.sqrt(t) * 0.01,
        "theta": f * (spread / t + np.abs(r)) / 365.0,
        "rho": 0.01 * t * f,
        "vanna": 0.01 / s,
        "volga": f * np.sqrt(t) / s * 0.01**2,
    }[greek]
    # Steps are one hundredth (half of one) of the natural scale, the fifth derivative up to some hundred in its
    # units: 1e-8 / 30 of some hundred. Strikes lie up to exp(3) from the forward, which the unit does not know.
    tolerance = 2e-7 * unit * discount * np.maximum(1.0, k / f)
    assert (np.abs(getattr(option_greeks(f, k, s, t, c, r), greek) - difference) <= tolerance).all()


def test_a_call_and_a_put_together_are_the_straddle(xp):
    f, k, s, t, _, r = (xp.asarray(a) for a in random_options(2))
    call, put = (option_greeks(f, k, s, t, right, r) for right in (True, False))
    both = straddle(f, k, s, t, r)
    for name in GREEKS:
        if name == "rho":
            continue
        total = to_host(getattr(call, name) + getattr(put, name))
        # The same few terms in another order; a delta and a value are differences of numbers up to 1 and 2000.
        np.testing.assert_allclose(total, to_host(getattr(both, name)), rtol=1e-11, atol=1e-11, err_msg=name)


def test_value_and_delta_are_those_of_the_functions_for_them_alone():
    f, k, s, t, c, r = random_options(3)
    t[:20], s[20:40], k[40:60] = 0.0, 0.0, 0.0
    g = option_greeks(f, k, s, t, c, r)
    np.testing.assert_allclose(g.value, black_price(f, k, s, t, c, r), rtol=1e-13, atol=1e-13)  # roundings of 1e3
    alive = t > 0.0
    put_less = np.where(c, 0.0, 1.0)
    delta = (g.delta * np.exp(r * t) + put_less)[alive]
    np.testing.assert_allclose(delta, call_delta(f, k, s, t)[alive], rtol=0, atol=1e-15)  # one rounding of 1


def test_theta_pays_interest_on_the_premium_less_what_gamma_earns():
    """Black's equation: theta = r V - s^2 F^2 gamma / 2, per year."""
    f, k, s, t, c, r = random_options(4)
    g = option_greeks(f, k, s, t, c, r)
    # Both sides are products of the same exponential in another order.
    np.testing.assert_allclose(365.0 * g.theta, r * g.value - 0.5 * s**2 * f**2 * g.gamma, rtol=1e-12, atol=1e-12)


def test_greeks_of_an_option_without_volatility_or_strike_are_those_of_its_intrinsic_value(xp):
    rate, years, discount = 0.05, 0.5, math.exp(-0.025)
    forward, strike = xp.asarray([110.0, 90.0, 100.0, 100.0, 100.0]), xp.asarray([100.0, 100.0, 100.0, 0.0, 0.0])
    iv = xp.asarray([0.0, 0.0, 0.0, 0.2, 0.0])
    for right, value, delta in (
        (True, [10.0, 0.0, 0.0, 100.0, 100.0], [1.0, 0.0, 0.5, 1.0, 1.0]),
        (False, [0.0, 10.0, 0.0, 0.0, 0.0], [0.0, -1.0, -0.5, 0.0, 0.0]),
    ):
        g = option_greeks(forward, strike, iv, years, right, rate)
        found = {name: to_host(getattr(g, name)) for name in GREEKS}
        value = discount * np.array(value)
        expected = {"value": value, "delta": discount * np.array(delta), "rho": -0.01 * years * value}
        expected |= {"theta": rate * value / 365.0}
        for name in GREEKS:
            np.testing.assert_allclose(found[name], expected.get(name, np.zeros(5)), rtol=1e-15, err_msg=name)


def test_an_expired_option_has_no_greek_but_delta(xp):
    for years in (0.0, -0.1):
        g = option_greeks(xp.asarray([90.0, 110.0, 100.0]), 100.0, np.nan, years, True, 0.05)
        assert g.value.tolist() == [0.0, 10.0, 0.0]
        assert g.delta.tolist() == [0.0, 1.0, 0.5]
        for name in GREEKS[2:]:
            assert to_host(getattr(g, name)).tolist() == [0.0] * 3, name


@pytest.mark.parametrize(
    ("missing", "value"),
    [(name, value) for name in ("forward", "strike", "iv") for value in (np.nan, -1.0)]
    + [("forward", 0.0), ("years", np.nan), ("rate", np.nan)],
)
def test_an_option_without_an_input_has_no_greeks(missing, value):
    inputs = {"forward": 100.0, "strike": 100.0, "iv": 0.2, "years": 0.5, "rate": 0.01} | {missing: np.array([value])}
    g = option_greeks(**inputs, is_call=np.array([True, False]))
    assert all(np.isnan(getattr(g, name)).all() for name in GREEKS)
