"""Black, straddle greeks and the surface against loops, finite differences and published values."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.pricing import (
    InversionStatus,
    black_price,
    call_delta,
    implied_vol,
    smile_at_tenor,
    straddle,
    vol_at_strike,
)


def black_by_loop(forward, strike, vol, years, is_call, rate):
    def cdf(z):
        return 0.5 * math.erfc(-z / math.sqrt(2.0))

    spread = vol * math.sqrt(years)
    d1 = (math.log(forward / strike) + 0.5 * spread**2) / spread
    sign = 1.0 if is_call else -1.0
    return math.exp(-rate * years) * sign * (forward * cdf(sign * d1) - strike * cdf(sign * (d1 - spread)))


def random_options(seed, count=500):
    rng = np.random.default_rng(seed)
    forward = rng.uniform(50.0, 150.0, count)
    return {
        "forward": forward,
        "strike": forward * np.exp(0.3 * rng.standard_normal(count)),
        "iv": rng.uniform(0.05, 1.0, count),
        "years": rng.uniform(0.01, 2.0, count),
        "is_call": rng.random(count) < 0.5,
        "rate": rng.uniform(-0.01, 0.08, count),
    }


def test_black_price_equals_the_loop_over_options(xp):
    options = random_options(1)
    prices = black_price(*(xp.asarray(options[k]) for k in ("forward", "strike", "iv", "years", "is_call", "rate")))
    expected = [black_by_loop(*row) for row in zip(*options.values(), strict=True)]
    # erfc and ndtr agree to a few ulps; prices are differences of numbers up to 300.
    np.testing.assert_allclose(np.asarray(prices.tolist()), expected, rtol=1e-12, atol=1e-12)


def test_black_price_of_the_textbook_futures_option():
    """Hull, Options, Futures and Other Derivatives, Black's model: put, F = K = 20, r = 9 %, s = 25 %, T = 4/12."""
    assert float(black_price(20.0, 20.0, 0.25, 4 / 12, False, 0.09)) == pytest.approx(1.12, abs=0.005)


def test_a_straddle_is_a_call_and_a_put(xp):
    o = {k: xp.asarray(v) for k, v in random_options(2).items()}
    legs = sum(black_price(o["forward"], o["strike"], o["iv"], o["years"], call, o["rate"]) for call in (True, False))
    value = straddle(o["forward"], o["strike"], o["iv"], o["years"], o["rate"]).value
    np.testing.assert_allclose(value.tolist(), legs.tolist(), rtol=1e-12)  # rounding of sums of a few terms


@pytest.mark.parametrize("greek", ["delta", "gamma", "vega", "theta", "vanna", "volga"])
def test_straddle_greeks_equal_central_differences_of_the_value(greek):
    o = random_options(3, 200)
    f, k, s, t, r = (o[x] for x in ("forward", "strike", "iv", "years", "rate"))
    h = 1e-4

    def value(f=f, s=s, t=t):
        return straddle(f, k, s, t, r)

    bump = {"f": h * f, "s": h * s, "t": h * t}
    difference = {
        "delta": (value(f=f + bump["f"]).value - value(f=f - bump["f"]).value) / (2 * bump["f"]),
        "gamma": (value(f=f + bump["f"]).delta - value(f=f - bump["f"]).delta) / (2 * bump["f"]),
        "vega": (value(s=s + bump["s"]).value - value(s=s - bump["s"]).value) / (2 * bump["s"]) * 0.01,
        "theta": (value(t=t - bump["t"]).value - value(t=t + bump["t"]).value) / (2 * bump["t"]) / 365.0,
        "vanna": (value(s=s + bump["s"]).delta - value(s=s - bump["s"]).delta) / (2 * bump["s"]) * 0.01,
        "volga": (value(s=s + bump["s"]).vega - value(s=s - bump["s"]).vega) / (2 * bump["s"]) * 0.01,
    }[greek]
    analytic = getattr(straddle(f, k, s, t, r), greek)
    # A central difference of relative step 1e-4 is off by 1e-8 times the third derivative, some hundreds of it here.
    np.testing.assert_allclose(difference, analytic, rtol=2e-5, atol=2e-6 * np.abs(analytic).max())


def test_at_the_money_approximations_of_the_trade_hold():
    """price .798 S s sqrt(T); vega .798 S sqrt(T); gamma .798/(S s sqrt(T)); vega = gamma S^2 s T."""
    s, vol, t = 100.0, 0.2, 1 / 12
    g = straddle(s, s, vol, t)
    # The next term of the expansion is s^2 T / 24, relative: 1.4e-4.
    assert g.value == pytest.approx(0.798 * s * vol * math.sqrt(t), rel=1e-3)
    assert 100 * g.vega == pytest.approx(0.798 * s * math.sqrt(t), rel=1e-3)
    assert g.gamma == pytest.approx(0.798 / (s * vol * math.sqrt(t)), rel=1e-3)
    assert 100 * g.vega == pytest.approx(g.gamma * s**2 * vol * t, rel=1e-12)


def test_an_expired_straddle_is_worth_its_intrinsic_value_and_has_no_greeks_but_delta():
    g = straddle(np.array([90.0, 110.0, 100.0, 0.0]), 100.0, np.nan, 0.0)
    assert g.value.tolist() == [10.0, 10.0, 0.0, 100.0]
    assert g.delta.tolist() == [-1.0, 1.0, 0.0, -1.0]
    for name in ("gamma", "vega", "theta", "vanna", "volga"):
        assert getattr(g, name).tolist() == [0.0] * 4


def test_a_straddle_without_a_volatility_or_price_is_unknown():
    g = straddle(np.array([100.0, np.nan, 0.0]), 100.0, np.array([np.nan, 0.2, 0.2]), 0.5)
    assert all(np.isnan(getattr(g, name)).all() for name in ("value", "delta", "gamma", "vega", "theta"))


@given(
    moneyness=st.floats(-1.0, 1.0),
    vol=st.floats(0.03, 2.0),
    years=st.floats(1 / 365, 3.0),
    is_call=st.booleans(),
    rate=st.floats(-0.02, 0.1),
)
@settings(max_examples=300, deadline=None)
def test_inverting_a_price_returns_its_volatility_wherever_the_price_determines_one(
    moneyness, vol, years, is_call, rate
):
    forward = 100.0
    strike = forward * math.exp(moneyness)
    price = black_price(forward, strike, vol, years, is_call, rate)
    iv, status = implied_vol(price, forward, strike, years, is_call, rate)
    if status == InversionStatus.OK:
        # 1e-10 is the accuracy the status promises; forming the price costs a few ulps more than storing it.
        assert float(iv) == pytest.approx(vol, rel=5e-10)
    else:
        greeks = straddle(forward, strike, vol, years, rate)
        assert 100.0 * float(greeks.vega) * vol * 1e-10 < 1e-13 * max(forward, strike), "only where vega is gone"


def test_inversion_is_exact_in_deep_wings_and_for_cents(xp):
    """Out-of-the-money prices carry full relative precision, however small."""
    forward = xp.full(6, 100.0)
    strike = xp.asarray([300.0, 20.0, 150.0, 100.0, 101.0, 60.0])
    vol = xp.asarray([0.2, 0.3, 0.15, 0.001, 0.05, 0.4])
    years = xp.asarray([0.25, 0.1, 0.1, 0.01, 1 / 365, 2.0])
    is_call = strike >= forward
    iv, status = implied_vol(black_price(forward, strike, vol, years, is_call), forward, strike, years, is_call)
    assert status.tolist() == [InversionStatus.OK] * 6
    # Black's plain difference of probabilities loses some digits of the deepest prices before they are inverted.
    np.testing.assert_allclose(iv.tolist(), vol.tolist(), rtol=1e-9)


def test_each_price_that_has_no_volatility_says_why():
    cases = {
        InversionStatus.INVALID: (np.nan, 100.0, 100.0, 0.5, True),
        InversionStatus.NO_TIME: (5.0, 100.0, 100.0, 0.0, True),
        InversionStatus.BELOW_INTRINSIC: (9.9, 110.0, 100.0, 0.5, True),
        InversionStatus.ABOVE_FORWARD: (100.0, 110.0, 100.0, 0.5, False),
        InversionStatus.NOT_IDENTIFIED: (60.0 + 1e-13, 160.0, 100.0, 0.1, True),
    }
    for status, case in cases.items():
        iv, actual = implied_vol(*case)
        assert actual == status
        assert np.isnan(iv)


def test_inversion_does_not_depend_on_the_unit_of_money():
    o = random_options(4)
    price = black_price(o["forward"], o["strike"], o["iv"], o["years"], o["is_call"])
    first, _ = implied_vol(price, o["forward"], o["strike"], o["years"], o["is_call"])
    fifth, _ = implied_vol(5 * price, 5 * o["forward"], 5 * o["strike"], o["years"], o["is_call"])
    # Rounding of the scaled inputs, magnified at most to the accuracy the status promises.
    np.testing.assert_allclose(fifth, first, rtol=5e-10)


def test_call_delta_orders_calls_and_puts_on_one_axis():
    strikes = np.array([80.0, 100.0, 120.0])
    deltas = call_delta(100.0, strikes, 0.2, 0.25)
    assert (np.diff(deltas) < 0).all()
    h = 1e-4
    rise = black_price(100.0 + h, strikes, 0.2, 0.25, True) - black_price(100.0 - h, strikes, 0.2, 0.25, True)
    np.testing.assert_allclose(deltas, rise / (2 * h), rtol=1e-7)  # central difference of step 1e-6


def test_total_variance_is_linear_between_tenors_and_volatility_flat_beyond(xp):
    iv, tenors = xp.asarray([[0.2, 0.25], [0.3, 0.2]]), xp.asarray([30, 90])
    days = xp.asarray([10.0, 30.0, 60.0, 90.0, 200.0])
    smile, beyond = smile_at_tenor(iv, tenors, days)
    middle = [math.sqrt((a * a * 30 + b * b * 90) / 2 / 60) for a, b in ((0.2, 0.3), (0.25, 0.2))]
    expected = [[0.2, 0.25], [0.2, 0.25], middle, [0.3, 0.2], [0.3, 0.2]]
    np.testing.assert_allclose(smile.tolist(), expected, rtol=1e-14)
    assert beyond.tolist() == [True, False, False, False, True]


def test_a_missing_smile_spoils_only_the_times_that_need_it():
    iv = np.array([[0.2], [np.nan]])
    smile, _ = smile_at_tenor(iv, np.array([30, 90]), np.array([20.0, 30.0, 31.0, 90.0]))
    assert np.isfinite(smile[:, 0]).tolist() == [True, True, False, False]


def test_vol_at_strike_returns_each_node_at_its_own_strike_and_lines_between(xp):
    deltas = np.arange(10, 95, 5)
    smile = xp.asarray(0.2 + 0.002 * (deltas - 50) + 1e-5 * (deltas - 50) ** 2)
    quantile = np.array([-1.2815515655446004, 0.0, 0.6744897501960817])
    at = np.array([0, 8, 13])
    node = smile[xp.asarray(at)]
    spread = node * math.sqrt(0.25)
    strikes = 100.0 * xp.exp(-xp.asarray(quantile) * spread + 0.5 * spread**2)
    iv, beyond = vol_at_strike(smile, deltas, 100.0, strikes, 0.25)
    np.testing.assert_allclose(iv.tolist(), node.tolist(), rtol=1e-9)  # quantiles above are given to 16 digits
    assert beyond.tolist() == [False] * 3
    outer, beyond = vol_at_strike(smile, deltas, 100.0, xp.asarray([20.0, 500.0]), 0.25)
    assert outer.tolist() == [float(smile[-1]), float(smile[0])]
    assert beyond.tolist() == [True, True]


def test_vol_at_strike_passes_over_missing_nodes_and_is_unknown_without_any():
    deltas = np.array([25, 50, 75])
    some = np.array([[0.2, np.nan, 0.2], [np.nan, np.nan, np.nan]])
    iv, beyond = vol_at_strike(some, deltas, 100.0, np.array([100.0, 100.0]), 0.25)
    assert iv[0] == pytest.approx(0.2, rel=1e-14)
    assert np.isnan(iv[1])
    assert beyond.tolist() == [False, False]


def test_a_flat_smile_is_flat_at_every_strike():
    strikes = np.linspace(50.0, 200.0, 50)
    iv, _ = vol_at_strike(np.full(17, 0.2), np.arange(10, 95, 5), 100.0, strikes, 0.1)
    np.testing.assert_allclose(iv, 0.2, rtol=1e-14)
