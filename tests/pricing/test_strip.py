"""Model-free variance: strips against the published rules as a loop, planted variances, smiles against quadrature."""

import math

import numpy as np
import pytest

from engine.backend import special, to_host
from engine.errors import InputError
from engine.pricing import black_price, model_free_vol, strip_variance

DELTAS = np.arange(10, 95, 5)


def strip_by_the_rules(strike, call_bid, call_ask, put_bid, put_ask, years, rate, min_options):
    """The published rules, one strip, one step after the other; (variance, forward, K0, calls, puts)."""
    listed = [j for j in range(len(strike)) if not math.isnan(strike[j])]
    call = {j: (call_bid[j] + call_ask[j]) / 2 for j in listed if call_bid[j] > 0}
    put = {j: (put_bid[j] + put_ask[j]) / 2 for j in listed if put_bid[j] > 0}
    nearest = min((j for j in listed if j in call and j in put), key=lambda j: abs(call[j] - put[j]))
    forward = strike[nearest] + math.exp(rate * years) * (call[nearest] - put[nearest])
    center = max(j for j in listed if strike[j] <= forward)

    def wing(outwards, bid):
        chosen, empty = [], 0
        for j in outwards:
            if math.isnan(bid[j]):
                continue
            empty = 0 if bid[j] > 0 else empty + 1
            if empty == 2:
                break
            if empty == 0:
                chosen.append(j)
        return chosen

    calls = wing([j for j in listed if j > center], call_bid)
    puts = wing([j for j in reversed(listed) if j < center], put_bid)
    if min(len(calls), len(puts)) < min_options or center not in call or center not in put:
        return math.nan, forward, strike[center], len(calls), len(puts)
    price = {center: (call[center] + put[center]) / 2} | {j: call[j] for j in calls} | {j: put[j] for j in puts}
    used, total = sorted(price), 0.0
    for i, j in enumerate(used):
        if i == 0:
            width = strike[used[1]] - strike[j]
        elif i == len(used) - 1:
            width = strike[j] - strike[used[i - 1]]
        else:
            width = (strike[used[i + 1]] - strike[used[i - 1]]) / 2
        total += width / strike[j] ** 2 * math.exp(rate * years) * price[j]
    variance = 2 / years * total - (forward / strike[center] - 1) ** 2 / years
    return variance, forward, strike[center], len(calls), len(puts)


def random_strips(seed, *shape, strikes=40):
    """Ragged strips of Black prices with spreads, bids of zero far out, and options that are not listed."""
    rng = np.random.default_rng(seed)
    strike = 60.0 + np.cumsum(rng.choice([1.0, 2.0, 5.0], (*shape, strikes)), axis=-1)
    years, rate = rng.uniform(0.03, 0.2, shape), rng.uniform(0.0, 0.05, shape)
    vol = rng.uniform(0.15, 0.6, shape)[..., None]
    quotes = []
    for is_call in (True, False):
        mid = black_price(110.0, strike, vol, years[..., None], is_call)
        half = 0.03 + 0.02 * mid
        bid = np.where((rng.random(mid.shape) < 0.05) | (mid < half + 0.02), 0.0, np.round(mid - half, 2))
        unlisted = (rng.random(mid.shape) < 0.08) & (np.abs(strike - 110.0) > 8.0)
        quotes += [np.where(unlisted, np.nan, bid), np.where(unlisted, np.nan, mid + half)]
    end = rng.integers(30, strikes + 1, shape)[..., None]
    beyond = np.arange(strikes) >= end
    return [np.where(beyond, np.nan, part) for part in (strike, *quotes)], years, rate


# Strips


@pytest.mark.parametrize("min_options", [1, 3])
def test_strips_follow_the_published_rules_step_by_step(xp, min_options):
    arrays, years, rate = random_strips(1, 12, 25)
    found = strip_variance(*map(xp.asarray, (*arrays, years, rate)), min_options=min_options)
    fields = [to_host(getattr(found, name)) for name in ("variance", "forward", "center", "calls", "puts")]
    for t, e in np.ndindex(12, 25):
        strip = [part[t, e].tolist() for part in arrays]
        expected = strip_by_the_rules(*strip, years[t, e], rate[t, e], min_options)
        # Forty roundings of the sum.
        np.testing.assert_allclose([field[t, e] for field in fields], expected, rtol=1e-12)
    assert np.isfinite(fields[0]).mean() > 0.8  # the others lack options on one side


def test_two_neighbours_without_a_bid_end_a_wing_and_one_does_not():
    strike = np.arange(80.0, 125.0, 5.0)  # 80 .. 120, forward 100
    call_bid = np.array([20.0, 15.0, 10.0, 6.0, 3.0, 0.0, 0.5, 0.0, 0.0])
    put_bid = np.array([0.4, 0.0, 0.0, 0.9, 3.0, 6.0, 10.0, 15.0, 20.0])
    strip = strip_variance(strike, call_bid, call_bid, put_bid, put_bid, 0.1)
    assert (float(strip.forward), int(strip.calls), int(strip.puts)) == (100.0, 1, 1)
    # 95, 100 and 110 are used: 105 has no bid, and 80 lies beyond 90 and 85, which have none.
    by_hand = 2 / 0.1 * (5.0 / 95**2 * 0.9 + 7.5 / 100**2 * 3.0 + 10.0 / 110**2 * 0.5)
    assert float(strip.variance) == pytest.approx(by_hand, rel=1e-14)  # three roundings


def test_an_option_that_is_not_listed_neither_ends_a_wing_nor_counts_as_a_bid():
    strike = np.arange(80.0, 125.0, 5.0)
    call = np.array([20.0, 15.0, 10.0, 6.0, 3.0, 1.0, 0.5, 0.2, 0.1])
    put = call[::-1].copy()
    whole = strip_variance(np.delete(strike, [1, 2]), *(np.delete(q, [1, 2]) for q in (call, call, put, put)), 0.1)
    put[1:3] = np.nan
    found = strip_variance(strike, call, call, put, put, 0.1)
    # Padding with unused strikes changes the order of the sum.
    assert float(found.variance) == pytest.approx(float(whole.variance), rel=1e-14)
    assert int(found.puts) == 2


def test_a_strip_without_a_pair_at_the_money_or_with_too_few_options_has_no_variance():
    strike = np.array([[90.0, 100.0, 110.0]] * 3)
    call, put = np.array([[10.5, 2.5, 0.2]] * 3), np.array([[0.2, 2.1, 9.9]] * 3)
    call[1, 1], put[2] = np.nan, np.nan
    strip = strip_variance(strike, call, call, put, put, np.full(3, 0.1))
    assert np.isfinite(strip.variance).tolist() == [True, False, False]
    assert np.isnan(strip_variance(strike, call, call, put, put, np.full(3, 0.1), min_options=3).variance).all()


def test_quotes_of_another_shape_than_the_strikes_are_refused():
    with pytest.raises(InputError, match="one shape"):
        strip_variance(np.ones((2, 3)), *[np.ones((2, 4))] * 4, np.ones(2))


def skew(log_moneyness):
    """A planted smile, steep on the put side: variance a hyperbola of log-moneyness, 18 vol points at the money."""
    return np.sqrt(0.0096 + 0.36 * (np.hypot(log_moneyness, 0.06) - 0.7 * log_moneyness))


def by_quadrature(vol, years, widest=3.0, points=400_001):
    """Model-free volatility 2/T integral of out-of-the-money prices over K^2, on a dense even grid of log-strikes."""
    k = np.linspace(-widest, widest, points)
    price = black_price(1.0, np.exp(k), vol(k), years, k > 0.0)
    # dK / K^2 = exp(-k) dk; the grid holds the kink at k = 0.
    return math.sqrt(2.0 / years * np.trapezoid(price * np.exp(-k), k))


@pytest.mark.parametrize("vol", [lambda k: np.full_like(k, 0.23), skew], ids=["flat", "skewed"])
@pytest.mark.parametrize("rate", [0.0, 0.04])
def test_a_fine_strip_recovers_the_planted_model_free_variance(xp, vol, rate):
    years, forward = 1 / 12, 100.37  # between two strikes: the term of K0 matters
    strike = np.arange(20.0, 300.0, 0.05)
    iv = vol(np.log(strike / forward))
    call, put = (black_price(forward, strike, iv, years, is_call, rate) for is_call in (True, False))
    quotes = [np.maximum(side, 1e-300) for side in (call, put)]  # rounding must not make a bid of zero
    strip = strip_variance(
        *map(xp.asarray, (strike, quotes[0], quotes[0], quotes[1], quotes[1])), xp.asarray(years), rate
    )
    # What is left is the sum for an integral: (dK / K)^2 / T in the variance, 3e-6.
    assert float(strip.variance) == pytest.approx(by_quadrature(vol, years) ** 2, abs=3e-6)
    assert math.sqrt(float(strip.variance)) == pytest.approx(by_quadrature(vol, years), abs=1e-4)
    assert float(strip.forward) == pytest.approx(forward, abs=1e-9)  # parity of Black prices, rounded at strike 100


# Smiles


def smile_on_deltas(vol, years, deltas=DELTAS):
    """Volatilities at the call deltas of a smile given over log-moneyness: bisection on the strike."""
    target = special(np).ndtri(deltas / 100.0)
    low, high = np.full(len(deltas), -3.0), np.full(len(deltas), 3.0)
    for _ in range(80):
        k = 0.5 * (low + high)
        spread = vol(k) * math.sqrt(years)
        above = -k / spread + 0.5 * spread > target  # delta still too large: the strike is too low
        low, high = np.where(above, k, low), np.where(above, high, k)
    return vol(k), k


@pytest.mark.parametrize("level", [0.05, 0.23, 1.5])
def test_a_flat_smile_is_its_own_model_free_volatility(xp, level):
    years = xp.asarray([10 / 365, 30 / 365, 2.0])
    found = model_free_vol(xp.full((4, 3, len(DELTAS)), level), DELTAS, years)
    np.testing.assert_allclose(to_host(found), level, rtol=1e-14)  # a sum of seventeen masses that is 1


@pytest.mark.parametrize("years", [10 / 365, 30 / 365, 91 / 365])
def test_a_planted_skew_with_flat_tails_is_recovered_from_seventeen_deltas(xp, years):
    iv, k = smile_on_deltas(skew, years)

    def flat_beyond(x):
        return skew(np.clip(x, k[-1], k[0]))

    found = float(model_free_vol(xp.asarray(iv), DELTAS, xp.asarray(years)))
    # s^2 is linear in d2 between nodes five deltas apart: .01 vol points at 30 days, .03 at 91, on a skew this steep.
    assert found == pytest.approx(by_quadrature(flat_beyond, years, widest=6.0), abs=4e-4)


def test_flat_tails_miss_what_lies_beyond_the_outer_deltas():
    years = 30 / 365
    iv, _ = smile_on_deltas(skew, years)
    truth = by_quadrature(skew, years)
    missed = truth - float(model_free_vol(iv, DELTAS, years))
    narrower = truth - float(model_free_vol(iv[3:-3], DELTAS[3:-3], years))
    # An index skew as steep as that of SPX: 1.4 vol points lie beyond the deltas 10 and 90.
    assert missed == pytest.approx(0.0136, abs=5e-4)
    assert narrower > missed  # the earlier the tails begin


@pytest.mark.parametrize("years", [10 / 365, 30 / 365, 91 / 365])
def test_a_weighted_strip_is_the_integral_of_prices_over_strike_that_a_gamma_swap_takes(xp, years):
    """2 / (T F) integral Q(K) / K dK, whose smile is flat beyond the outer deltas, by fine steps of log strike."""
    iv, k = smile_on_deltas(skew, years)
    step = 1e-4
    x = np.arange(-6.0 * 0.4 * math.sqrt(years), 6.0 * 0.4 * math.sqrt(years), step)
    vol = skew(np.clip(x, k[-1], k[0]))
    price = np.where(x < 0.0, *(black_price(1.0, np.exp(x), vol, years, is_call, 0.0) for is_call in (False, True)))
    # dK / K is the step.
    weighted, plain = (math.sqrt(2.0 / years * (price * per * step).sum()) for per in (1.0, 1.0 / np.exp(x)))
    found, other = (
        float(model_free_vol(xp.asarray(iv), DELTAS, xp.asarray(years), weighted=by_price))
        for by_price in (True, False)
    )
    assert found == pytest.approx(weighted, abs=4e-4)  # as for the plain strip
    # What s^2 is between the nodes moves both alike: the weight alone is left, 6e-4 at ten days and more later.
    assert other - found == pytest.approx(plain - weighted, abs=5e-6)
    assert plain - weighted > 5e-4


def test_nodes_without_a_quote_are_passed_over(xp):
    years = 30 / 365
    iv, _ = smile_on_deltas(skew, years)
    gaps = iv.copy()
    gaps[[0, 4, 5, 15]] = np.nan
    kept = np.isfinite(gaps)
    found = model_free_vol(xp.asarray(gaps), DELTAS, xp.asarray(years))
    assert float(found) == float(model_free_vol(xp.asarray(iv[kept]), DELTAS[kept], xp.asarray(years)))


def test_a_smile_quoted_on_one_side_only_has_no_model_free_volatility():
    iv = np.full((3, len(DELTAS)), 0.2)
    iv[1, DELTAS <= 25], iv[2, DELTAS >= 75] = np.nan, np.nan
    assert np.isfinite(model_free_vol(iv, DELTAS, 0.1)).tolist() == [True, False, False]
    assert np.isfinite(model_free_vol(iv, DELTAS, 0.1, reach=30)).all()


def test_blocks_of_any_size_give_the_same_bits(xp):
    iv = xp.asarray(np.random.default_rng(3).uniform(0.1, 0.5, (11, 5, 2, len(DELTAS))).astype(np.float32))
    years = xp.asarray([30 / 365, 91 / 365])
    whole = to_host(model_free_vol(iv, DELTAS, years))
    np.testing.assert_array_equal(to_host(model_free_vol(iv, DELTAS, years, budget=1)), whole)


def test_a_smile_that_does_not_lie_on_the_deltas_is_refused():
    with pytest.raises(InputError, match="axis of the 17 deltas"):
        model_free_vol(np.ones((2, 5)), DELTAS, 0.1)
