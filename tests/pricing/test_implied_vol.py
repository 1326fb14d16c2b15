"""Inversion: prices of sixty digits, round trips, statuses, and independence of batch and unit of money."""

import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from reference_pricing import cdf, exact_black, implied_vol_reference

from engine.backend import to_host
from engine.pricing import InversionStatus, black_price, implied_vol

# Price, forward, strike, volatility, years, is_call, rate. Prices from Black's formula in 60 digits (mpmath 1.3.0,
# mp.dps = 60, N(z) = erfc(-z / sqrt 2) / 2, every other column exactly as the float64 it is), rounded to float64.
SIXTY_DIGITS = [
    (3.9877611676744924, 100, 100, 0.2, 0.25, True, 0.0),
    (0.12615656854207788, 100, 100.00000001, 0.1, 0.001, True, 0.0),  # a hair from the money
    (0.001261566260957515, 100, 100, 0.01, 1e-5, False, 0.0),  # minutes before the expiry
    # and nearly no volatility
    (0.00041093880740784215, 100, 100, 0.00321558069950005, 1.0261606438894933e-05, False, 0.0),
    (9.69778777045634e-90, 5000, 4000, 0.15, 2 / 365, False, 0.0),  # deep wings
    (3.4100236900047623e-28, 100, 300, 0.2, 0.25, True, 0.05),
    (1.8506535654956234e-65, 100, 20, 0.3, 0.1, False, 0.0),
    (2.1364183154497622e-16, 100, 2000, 0.5, 0.5, True, 0.0),
    (1.4189183739253442e-12, 100, 130, 0.12, 0.1, True, 0.0),
    (4.43948898706299e-06, 100, 101, 0.05, 1 / 365, True, 0.0),  # far below a cent, one day
    (1.196423759578042e-08, 25000, 27500, 0.11, 7 / 365, True, 0.07),
    (0.0023218638809430017, 0.5, 0.7, 0.9, 0.05, True, 0.0),
    (19.976357952344458, 100, 80, 0.35, 1 / 12, True, 0.04),  # in the money
    (41.69229840744502, 100, 60, 0.4, 2.0, True, 0.03),
    (371.2040427789072, 100, 400, 2.5, 3.0, False, 0.02),
    (98.7895647750313, 100, 95, 5.0, 1.0, True, 0.0),  # near the highest price there is
    (2.3734299424584296e-05, 1e-4, 5e4, 2.9, 4.0, True, 0.0),  # further from the money than any market
]


def random_options(seed, count=500, reach=3.0):
    """Forward, strike, vol, years, is_call, rate; strikes within some standard deviations of the forward."""
    rng = np.random.default_rng(seed)
    vol, years = np.exp(rng.uniform(-3.0, 0.5, count)), np.exp(rng.uniform(-6.0, 1.0, count))
    forward = np.exp(rng.uniform(0.0, 9.0, count))
    strike = forward * np.exp(rng.uniform(-reach, reach, count) * vol * np.sqrt(years))
    return forward, strike, vol, years, rng.random(count) < 0.5, rng.uniform(-0.01, 0.08, count)


def invert(options, price=None):
    forward, strike, vol, years, is_call, rate = options
    price = black_price(forward, strike, vol, years, is_call, rate) if price is None else price
    return implied_vol(price, forward, strike, years, is_call, rate)


def test_prices_of_sixty_digits_give_their_volatility_back(xp):
    price, forward, strike, vol, years, is_call, rate = (xp.asarray(a) for a in zip(*SIXTY_DIGITS, strict=True))
    iv, status = implied_vol(price, forward, strike, years, is_call, rate)
    assert status.tolist() == [InversionStatus.OK] * len(SIXTY_DIGITS)
    np.testing.assert_allclose(to_host(iv), to_host(vol), rtol=1e-10)  # the accuracy the status promises
    np.testing.assert_allclose(to_host(iv)[4:12], to_host(vol)[4:12], rtol=1e-13)  # wings: a few roundings


def test_inversion_equals_bisection_of_one_option_at_a_time(xp):
    options = random_options(1, 150, reach=1.5)
    price = black_price(*options)
    iv, status = invert([xp.asarray(a) for a in options], xp.asarray(price))
    assert (to_host(status) == InversionStatus.OK).all()
    forward, strike, _, years, is_call, rate = options
    rows = zip(price, forward, strike, years, is_call, rate, strict=True)
    # The price formula of the loop rounds in other places: some 1e-15 of the forward over a vega of .1 of it.
    np.testing.assert_allclose(to_host(iv), [implied_vol_reference(*row) for row in rows], rtol=1e-11)


def hidden_by_rounding(price, forward, strike, vol, years, is_call, rate):
    """Relative change of the volatility when price, forward and strike each move by half a unit in the last place."""
    sign, spread = 1.0 if is_call else -1.0, vol * math.sqrt(years)
    d1 = math.log(forward / strike) / spread + 0.5 * spread
    moved = price * math.exp(rate * years) + forward * cdf(sign * d1) + strike * cdf(sign * (d1 - spread))
    slope = forward * math.exp(-0.5 * d1 * d1) / math.sqrt(2.0 * math.pi) * spread
    return 2.0**-53 * moved / slope if slope > 0.0 else math.inf


@given(
    moneyness=st.floats(-45.0, 45.0) | st.floats(-1.0, 1.0),
    depth=st.floats(-13.0, 9.0),
    years=st.floats(1 / 365 / 24, 10.0),
    is_call=st.booleans(),
    rate=st.floats(-0.02, 0.1),
)
@settings(max_examples=300, deadline=None)
@example(moneyness=-30.0, depth=7.0, years=0.5, is_call=True, rate=0.0)  # near the highest price there is
@example(moneyness=7.62939453125e-06, depth=-2.0, years=1.0, is_call=True, rate=0.0)
@example(moneyness=30.0, depth=0.0, years=0.5, is_call=True, rate=0.0)
@example(moneyness=45.0, depth=-12.0, years=0.5, is_call=True, rate=0.0)
def test_a_price_gives_its_volatility_where_rounding_leaves_it_determined(moneyness, depth, years, is_call, rate):
    """`depth` is h + t, the d1 or -d2 of the option out of the money: what bounds see of a volatility."""
    forward, strike = 100.0, 100.0 * math.exp(moneyness)
    spread = depth + math.sqrt(depth * depth + 2.0 * abs(moneyness))
    assume(spread > 1e-7)
    vol = spread / math.sqrt(years)
    price = exact_black(forward, strike, vol, years, is_call, rate)
    assume(price > 0.0)
    iv, status = implied_vol(price, forward, strike, years, is_call, rate)
    hidden = hidden_by_rounding(price, forward, strike, vol, years, is_call, rate)
    if status == InversionStatus.OK:
        assert abs(float(iv) / vol - 1.0) <= 1e-10
    else:
        assert status != InversionStatus.INVALID
        # The arithmetic adds five roundings, of a price discounted, to the three of what is given; and in two of these
        # it takes exp(-d^2 / 2) / 2 for N(d), which is three times too much at d = -2.
        bound = 0.5 * math.exp(-0.5 * min(depth, 0.0) ** 2) / cdf(min(depth, 0.0))
        assert hidden > 1e-10 / max(4.0, 1.6 * bound), "refused although the price determines it"
    assert hidden < 1e-10 or status != InversionStatus.OK, "accepted although rounding hides the volatility"


@given(
    deviations=st.floats(0.0, 30.0), vol=st.floats(0.005, 4.0), years=st.floats(1 / 365, 10.0), is_call=st.booleans()
)
@settings(max_examples=300, deadline=None)
def test_every_out_of_the_money_price_above_the_smallest_has_a_volatility(deviations, vol, years, is_call):
    away = deviations * vol * math.sqrt(years)
    strike = 100.0 * math.exp(away if is_call else -away)
    price = float(black_price(100.0, strike, vol, years, is_call))
    iv, status = implied_vol(price, 100.0, strike, years, is_call)
    if 1e-280 < price < 0.99 * (100.0 if is_call else strike):
        assert status == InversionStatus.OK
        # What is left of Black's difference of two probabilities before it is inverted.
        assert float(iv) == pytest.approx(vol, rel=1e-6)


def test_a_call_and_a_put_at_one_strike_have_one_volatility():
    forward, strike, vol, years, _, rate = random_options(2, reach=1.5)
    call, put = (invert((forward, strike, vol, years, right, rate))[0] for right in (True, False))
    np.testing.assert_allclose(call, put, rtol=2e-10)  # the accuracy the status promises, of each


def test_inversion_does_not_depend_on_the_unit_of_money():
    options = forward, strike, _, years, is_call, rate = random_options(3, 5000, reach=8.0)
    price = black_price(*options)
    first, before = invert(options, price)
    for factor in (5.0, 0.2, 1e-6, 1e9):
        scaled, after = implied_vol(factor * price, factor * forward, factor * strike, years, is_call, rate)
        both = (before == InversionStatus.OK) & (after == InversionStatus.OK)
        np.testing.assert_allclose(scaled[both], first[both], rtol=2e-10)  # the accuracy the status promises, of each
        assert (before != after).mean() < 0.005  # only where rounding decides between determined and not
    # Scaling by a power of two rounds nothing.
    for a, b in zip(invert(options, price), invert((4 * forward, 4 * strike, *options[2:]), 4 * price), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_volatility_does_not_depend_on_what_else_is_in_the_batch():
    options = random_options(4, 60_000, reach=6.0)  # more than one block
    price = black_price(*options)
    iv, status = invert(options, price)
    order = np.random.default_rng(5).permutation(len(price))
    shuffled = invert([a[order] for a in options], price[order])
    np.testing.assert_array_equal(shuffled[0], iv[order])
    np.testing.assert_array_equal(shuffled[1], status[order])
    for i in (0, 26_214, 59_999):
        alone = invert([a[i] for a in options], price[i])
        np.testing.assert_array_equal(alone[0], iv[i])


@pytest.mark.parametrize(
    ("status", "price", "forward", "strike", "years", "is_call"),
    [
        (InversionStatus.BELOW_INTRINSIC, 9.9, 110.0, 100.0, 0.5, True),
        (InversionStatus.BELOW_INTRINSIC, 10.0, 110.0, 100.0, 0.5, True),
        (InversionStatus.BELOW_INTRINSIC, 9.9, 100.0, 110.0, 0.5, False),
        (InversionStatus.ABOVE_FORWARD, 110.0, 110.0, 100.0, 0.5, True),
        (InversionStatus.ABOVE_FORWARD, 100.0, 110.0, 100.0, 0.5, False),
        (InversionStatus.ABOVE_FORWARD, 1e300, 110.0, 100.0, 0.5, True),
        (InversionStatus.NO_TIME, 5.0, 100.0, 100.0, 0.0, True),
        (InversionStatus.NO_TIME, 5.0, 100.0, 100.0, -0.1, True),
        (InversionStatus.INVALID, np.nan, 100.0, 100.0, 0.5, True),
        (InversionStatus.INVALID, np.inf, 100.0, 100.0, 0.5, True),
        (InversionStatus.INVALID, 0.0, 100.0, 100.0, 0.5, True),
        (InversionStatus.INVALID, -1.0, 100.0, 100.0, 0.5, True),
        (InversionStatus.INVALID, 5.0, np.nan, 100.0, 0.5, True),
        (InversionStatus.INVALID, 5.0, 0.0, 100.0, 0.5, True),
        (InversionStatus.INVALID, 5.0, 100.0, -1.0, 0.5, True),
        (InversionStatus.INVALID, 5.0, 100.0, 100.0, np.nan, True),
        (InversionStatus.NOT_IDENTIFIED, 60.0 + 2e-13, 160.0, 100.0, 0.1, True),  # a time value of a few roundings
        (InversionStatus.NOT_IDENTIFIED, 100.0 - 1e-13, 100.0, 100.0, 0.5, True),  # a few roundings below the forward
        (InversionStatus.NOT_IDENTIFIED, 1e-300, 100.0, 200.0, 0.5, True),  # meets denormal numbers
    ],
)
def test_each_price_that_has_no_volatility_says_why(status, price, forward, strike, years, is_call):
    iv, found = implied_vol(np.array([price]), forward, strike, years, is_call)
    assert InversionStatus(found[0]) is status
    assert np.isnan(iv[0])


def test_a_quote_printed_at_intrinsic_has_no_volatility_in_any_unit_of_money():
    forward = np.array([110.05, 101.3, 17.7, 2301.45])
    strike = np.array([100.05, 99.9, 12.1, 1900.1])
    for factor in (1.0, 5.0, 0.2, 1.0 / 3.0):
        price = factor * (forward - strike)
        _, status = implied_vol(price, factor * forward, factor * strike, 0.1, True)
        assert (status == InversionStatus.BELOW_INTRINSIC).all()


def test_bad_quotes_spoil_only_themselves():
    price = np.array([5.0, np.nan, 150.0, 5.0])
    years = np.array([0.5, 0.5, 0.5, 0.0])
    iv, status = implied_vol(price, 100.0, 100.0, years, True)
    assert iv[0] == implied_vol(5.0, 100.0, 100.0, 0.5, True)[0]
    assert np.isnan(iv[1:]).all()
    assert [InversionStatus(s).name for s in status] == ["OK", "INVALID", "ABOVE_FORWARD", "NO_TIME"]


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (4, 1, 3)])
def test_shapes_are_kept_and_broadcast(xp, shape):
    iv, status = implied_vol(xp.full(shape, 5.0), 100.0, 100.0, 0.5, True)
    assert iv.shape == status.shape == shape
    assert iv.dtype == np.float64
    assert status.dtype == np.uint8
    assert implied_vol(xp.full((4, 1), 5.0), xp.full(3, 100.0), 100.0, 0.5, True)[0].shape == (4, 3)
