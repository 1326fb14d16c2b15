"""Black's formula and the call delta against loops, textbook values and put-call parity."""

import math

import numpy as np
import pytest
from reference_pricing import black_reference

from engine.backend import to_host
from engine.pricing import black_price, call_delta

INPUTS = ("forward", "strike", "iv", "years", "is_call", "rate")


def random_options(seed, count=500):
    rng = np.random.default_rng(seed)
    forward = rng.uniform(50.0, 150.0, count)
    options = {
        "forward": forward,
        "strike": forward * np.exp(0.3 * rng.standard_normal(count)),
        "iv": rng.uniform(0.05, 1.0, count),
        "years": rng.uniform(0.01, 2.0, count),
        "is_call": rng.random(count) < 0.5,
        "rate": rng.uniform(-0.01, 0.08, count),
    }
    options["years"][:5] = 0.0
    return options


def test_black_price_equals_the_loop_over_options(xp):
    options = random_options(1)
    prices = black_price(*(xp.asarray(options[k]) for k in INPUTS))
    expected = [black_reference(*row) for row in zip(*(options[k] for k in INPUTS), strict=True)]
    # ndtr and erfc agree to a few roundings of 2e-16; a price is the difference of two numbers up to 400.
    np.testing.assert_allclose(to_host(prices), expected, rtol=1e-13, atol=4e-13)


def test_black_price_of_the_textbook_futures_put():
    """Hull, Options, Futures and Other Derivatives, Black's model: F 20, K 20, r 9 %, s 25 %, four months: 1.12."""
    assert float(black_price(20.0, 20.0, 0.25, 4 / 12, False, 0.09)) == pytest.approx(1.12, abs=0.005)  # as printed


@pytest.mark.parametrize(("is_call", "printed"), [(True, 4.76), (False, 0.81)])
def test_black_price_of_the_textbook_stock_options(is_call, printed):
    """Hull, Black-Scholes-Merton: S 42, K 40, r 10 %, s 20 %, six months, on the forward S exp(r T)."""
    forward = 42.0 * math.exp(0.10 * 0.5)
    assert float(black_price(forward, 40.0, 0.2, 0.5, is_call, 0.10)) == pytest.approx(printed, abs=0.005)  # as printed


def test_a_call_less_a_put_is_the_discounted_forward_less_the_strike(xp):
    o = {k: xp.asarray(v) for k, v in random_options(2).items()}
    call, put = (
        black_price(o["forward"], o["strike"], o["iv"], o["years"], right, o["rate"]) for right in (True, False)
    )
    parity = xp.exp(-o["rate"] * o["years"]) * (o["forward"] - o["strike"])
    # Roundings of numbers to 400, and a device's probabilities, off by up to 1e-15 each.
    np.testing.assert_allclose(to_host(call - put), to_host(parity), rtol=0, atol=1e-12)


def test_an_expired_option_is_worth_its_intrinsic_value_whatever_the_volatility(xp):
    forward = xp.asarray([90.0, 110.0, 100.0, 0.0])
    for years in (0.0, -0.1):
        assert black_price(forward, 100.0, np.nan, years, True, 0.05).tolist() == [0.0, 10.0, 0.0, 0.0]
        assert black_price(forward, 100.0, np.nan, years, False, 0.05).tolist() == [10.0, 0.0, 0.0, 100.0]


@pytest.mark.parametrize(
    ("missing", "value"),
    [(name, value) for name in ("forward", "strike", "iv") for value in (np.nan, -1.0)] + [("forward", 0.0)],
)
def test_an_option_without_a_volatility_or_price_is_unknown(missing, value):
    inputs = {"forward": 100.0, "strike": 100.0, "iv": 0.2, "years": 0.5} | {missing: np.array([value])}
    assert np.isnan(black_price(**inputs, is_call=True)).all()
    assert np.isnan(call_delta(**inputs)).all()


def test_no_volatility_gives_the_discounted_intrinsic_value(xp):
    forward, discount = xp.asarray([90.0, 100.0, 110.0]), math.exp(-0.05 * 0.5)
    for is_call, intrinsic in ((True, [0.0, 0.0, 10.0]), (False, [10.0, 0.0, 0.0])):
        price = to_host(black_price(forward, 100.0, 0.0, 0.5, is_call, 0.05))
        np.testing.assert_allclose(price, np.array(intrinsic) * discount, rtol=1e-15)  # one product
    assert call_delta(forward, 100.0, 0.0, 0.5).tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("iv", [0.0, 0.2])
def test_a_strike_of_zero_gives_the_discounted_forward(xp, iv):
    forward, discount = xp.asarray([90.0, 110.0]), math.exp(-0.05 * 0.5)
    call, put = (black_price(forward, 0.0, iv, 0.5, right, 0.05) for right in (True, False))
    np.testing.assert_allclose(to_host(call), [90.0 * discount, 110.0 * discount], rtol=1e-15)  # one product
    assert put.tolist() == [0.0, 0.0]
    assert call_delta(forward, 0.0, iv, 0.5).tolist() == [1.0, 1.0]


def test_a_vanishing_volatility_gives_the_intrinsic_value_without_overflow():
    for iv, years in ((1e-200, 1e-200), (1e-300, 1e-100)):
        assert black_price(np.array([90.0, 100.0, 110.0]), 100.0, iv, years, True).tolist() == [0.0, 0.0, 10.0]
        assert call_delta(np.array([90.0, 110.0]), 100.0, iv, years).tolist() == [0.0, 1.0]


def test_call_delta_is_the_slope_of_the_undiscounted_call_in_the_forward(xp):
    o = {k: xp.asarray(v[5:]) for k, v in random_options(3).items()}
    at = o["forward"], o["strike"], o["iv"], o["years"]
    h = 1e-3 * at[0] * at[2] * xp.sqrt(at[3])
    rise = black_price(at[0] + h, *at[1:], True) - black_price(at[0] - h, *at[1:], True)
    # Off by step^2 / 6 of a third derivative of order 1 / spread^2: 2e-7; rounding adds 1e-13 / h.
    np.testing.assert_allclose(to_host(call_delta(*at)), to_host(rise / (2.0 * h)), rtol=0, atol=5e-7)


def test_call_delta_falls_with_the_strike_from_one_to_zero():
    deltas = call_delta(100.0, np.array([1.0, 80.0, 100.0, 120.0, 10000.0]), 0.2, 0.25)
    assert (np.diff(deltas) < 0.0).all()
    assert deltas[[0, -1]] == pytest.approx([1.0, 0.0], abs=1e-15)  # 46 standard deviations out
