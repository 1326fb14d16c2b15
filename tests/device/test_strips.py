"""Strips on a device give what they give on the host, and ask nothing of it that CuPy does not have."""

import numpy as np

from engine.backend import to_host
from engine.correlation import VIX_TERMS, choose_terms, thirty_day_vol
from engine.pricing import strip_variance
from tests.pricing.test_strip import random_strips


def month(to_machine):
    """Thirty-day volatilities of strips that expire in 15 to 39 days, computed where `to_machine` puts them."""
    arrays, years, rate = random_strips(1, 12, 25)
    days = to_machine(np.broadcast_to(np.arange(15.0, 40.0), years.shape))
    strip = strip_variance(*map(to_machine, (*arrays, years, rate)))
    return to_host(thirty_day_vol(strip.variance, days / 365.0, choose_terms(days, days > 0.0, *VIX_TERMS)))


def test_strips_on_the_device_give_the_same_as_on_the_host(device):
    expected = month(np.asarray)
    assert np.isfinite(expected).any()
    # Sums over strikes may be taken in another order.
    np.testing.assert_allclose(month(device.asarray), expected, rtol=1e-13)
