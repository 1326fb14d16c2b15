"""The volatility that a smile expects: against worlds in which it is known, slow sums, and hand-made smiles."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import chi2

from engine.errors import InputError
from engine.pricing import model_free_vol, sampled_volatility, zero_vanna_vol

DELTAS = np.arange(10, 91, 5)


def test_a_flat_smile_expects_its_own_volatility_and_a_line_is_read_where_d2_is_zero():
    years = np.array([0.0, 0.02, 0.5, 2.0])
    smile = np.full((4, len(DELTAS)), 0.3)
    np.testing.assert_allclose(zero_vanna_vol(smile, DELTAS, years)[1:], 0.3, rtol=1e-15)
    assert np.isnan(zero_vanna_vol(smile, DELTAS, years)[0])
    rng = np.random.default_rng(0)
    smile = (0.25 + 0.05 * ndtri(DELTAS / 100.0)) * rng.uniform(0.5, 1.5, (50, 1))
    smile[rng.random(smile.shape) < 0.2] = np.nan
    for row in smile:
        quoted = np.isfinite(row)
        d2 = ndtri(DELTAS[quoted] / 100.0) - row[quoted] * math.sqrt(0.3)
        expected = math.sqrt(np.interp(0.0, d2, row[quoted] ** 2))
        assert zero_vanna_vol(row, DELTAS, 0.3) == pytest.approx(expected, rel=1e-13)
    assert np.isnan(zero_vanna_vol(np.full(len(DELTAS), np.nan), DELTAS, 0.3))
    with pytest.raises(InputError, match="must end in the axis of the 3 deltas"):
        zero_vanna_vol(smile, DELTAS[:3], 0.3)


def mixed_world(correlation: float, vol_of_vol: float, years: float):
    """Volatility that reverts to 20 %, correlated with the spot: (expected volatility, smile on DELTAS).

    Given the path of volatility the spot is lognormal (Romano and Touzi), so options are means of Black's prices and
    the smile has no noise of its own beyond the paths', which the expected volatility shares.
    """
    rng = np.random.default_rng(1)
    steps, paths = 40, 20_000
    step = years / steps
    log_variance = np.full(paths, math.log(0.04))
    variance, pulled = np.zeros(paths), np.zeros(paths)
    for _ in range(steps):
        half = rng.standard_normal(paths // 2) * math.sqrt(step)
        shock = np.concatenate([half, -half])
        variance += np.exp(log_variance) * step
        pulled += np.exp(0.5 * log_variance) * shock
        log_variance += 3.0 * (math.log(0.04) - log_variance) * step + vol_of_vol * shock
    spot = np.exp(correlation * pulled - 0.5 * correlation**2 * variance)
    spot, width = spot / spot.mean(), np.sqrt((1.0 - correlation**2) * variance)

    def total_vol(k: float) -> float:
        d1 = (np.log(spot) - k) / width + 0.5 * width
        call = (spot * ndtr(d1) - math.exp(k) * ndtr(d1 - width)).mean()
        return brentq(lambda s: ndtr(-k / s + 0.5 * s) - math.exp(k) * ndtr(-k / s - 0.5 * s) - call, 1e-3, 3.0)

    def node(delta: float) -> float:
        def off(k: float) -> float:
            return -k / total_vol(k) + 0.5 * total_vol(k) - ndtri(delta / 100.0)

        return total_vol(brentq(off, -1.2 * math.sqrt(years), 1.2 * math.sqrt(years))) / math.sqrt(years)

    return np.sqrt(variance / years).mean(), np.array([node(delta) for delta in DELTAS])


@pytest.mark.parametrize(
    ("correlation", "vol_of_vol", "years", "points"),
    [
        # Without correlation what is left is of third order and lies below .002 points.
        (0.0, 2.0, 0.25, 0.002),
        # With a correlation of -.4 and a volatility of variance of 100 % a year .01; at twice that .05, where the
        # model-free volatility is .31 points above.
        (-0.4, 1.0, 0.08, 0.02),
        (-0.4, 2.0, 0.25, 0.08),
    ],
)
def test_where_volatility_is_volatile_the_smile_tells_its_mean(correlation, vol_of_vol, years, points):
    expected, smile = mixed_world(correlation, vol_of_vol, years)
    found = zero_vanna_vol(smile, DELTAS, years)
    assert 100.0 * abs(found - expected) <= points
    assert 100.0 * (model_free_vol(smile, DELTAS, years) - expected) > 1.5 * points, "the two must differ"


@pytest.mark.parametrize("sessions", [1, 2, 5, 20, 63, 252])
def test_few_closes_realise_less_than_the_volatility_they_follow(sessions):
    expected, _ = quad(lambda x: math.sqrt(x / sessions) * chi2.pdf(x, sessions), 0.0, np.inf, epsabs=1e-12)
    share, slope = (a.item() for a in sampled_volatility(np.array(float(sessions))))
    assert share == pytest.approx(expected, rel=1e-7)
    step = 1e-3 * sessions
    above, below = (sampled_volatility(np.array(sessions + way * step))[0].item() for way in (1, -1))
    assert slope == pytest.approx((above - below) / (2.0 * step), rel=1e-5)


def test_no_close_left_realises_nothing():
    share, slope = sampled_volatility(np.array([0.0, 0.5]))
    assert share[0] == slope[0] == 0.0
    assert 0.0 < share[1] < math.sqrt(0.5)
