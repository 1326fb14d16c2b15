"""Four ways to read one surface, each against what it means."""

import numpy as np
import pytest

from engine.backend import to_host
from engine.errors import InputError
from engine.pricing import call_delta, model_free_vol, vol_at_strike
from engine.pricing.conventions import CONVENTIONS, read_surface

TENORS, DELTAS = [30, 182], [10, 25, 40, 50, 60, 75, 90]
SKEW = np.array([0.17, 0.18, 0.19, 0.2, 0.212, 0.235, 0.28])
SURFACE = np.stack([np.stack([SKEW, 1.1 * SKEW]), np.stack([0.5 + SKEW, 0.4 + SKEW])])  # (names, K, D)


def test_nodes_are_read_as_they_are(xp):
    read = read_surface(xp.asarray(SURFACE), TENORS, DELTAS, "delta", (25, 50, 90))
    np.testing.assert_allclose(to_host(read.iv), SURFACE[..., [1, 3, 6]], rtol=1e-9)
    assert read.at == (25.0, 50.0, 90.0)


def test_between_nodes_the_option_has_the_delta_asked(xp):
    read = to_host(read_surface(xp.asarray(SURFACE), TENORS, DELTAS, "delta", (33.0, 80.0)).iv)
    for name in range(2):
        for k, tenor in enumerate(TENORS):
            years = tenor / 365.0
            strike = np.exp(np.linspace(-1.2, 1.2, 240_001) * np.sqrt(years))
            vol, _ = vol_at_strike(SURFACE[name, k], DELTAS, 1.0, strike, years)
            delta = call_delta(1.0, strike, vol, years)
            for m, wanted in enumerate((0.33, 0.80)):
                expected = vol[np.abs(delta - wanted).argmin()]
                assert abs(read[name, k, m] - expected) < 1e-5


def test_strike_is_moneyness_times_forward(xp):
    forward = np.array([[100.0, 101.0], [40.0, 40.5]])
    percent = np.array([92.0, 100.0, 104.0])
    by_moneyness = read_surface(xp.asarray(SURFACE), TENORS, DELTAS, "moneyness", tuple(percent))
    strike = xp.asarray(forward[..., None] * percent / 100.0)
    by_strike = read_surface(xp.asarray(SURFACE), TENORS, DELTAS, "strike", strike, xp.asarray(forward))
    np.testing.assert_allclose(to_host(by_moneyness.iv), to_host(by_strike.iv), rtol=1e-12)
    expected, _ = vol_at_strike(SURFACE[0, 0], DELTAS, 100.0, 104.0, 30 / 365)
    np.testing.assert_allclose(to_host(by_strike.iv)[0, 0, 2], expected)


def test_variance_swap_is_the_integral_of_the_smile(xp):
    read = read_surface(xp.asarray(SURFACE), TENORS, DELTAS, "variance")
    expected = model_free_vol(SURFACE, DELTAS, np.array(TENORS) / 365.0)
    np.testing.assert_allclose(to_host(read.iv)[..., 0], expected)
    assert (to_host(read.iv)[0, :, 0] > SURFACE[0, :, 3]).all(), "above the money: the wings count"


def test_nothing_is_extrapolated():
    read = read_surface(SURFACE, TENORS, DELTAS, "moneyness", (40.0, 100.0))
    assert np.isnan(read.iv[0, :, 0]).all()
    assert np.isfinite(read.iv[0, :, 1]).all()
    assert np.isnan(read_surface(SURFACE, TENORS, DELTAS, "delta", (3.0,)).iv).all()


def test_each_reading_names_its_convention():
    at = {"delta": (50,), "moneyness": (100,), "variance": ()}
    told = {read_surface(SURFACE, TENORS, DELTAS, name, places).text for name, places in at.items()}
    assert told == {CONVENTIONS[name] for name in at}
    with pytest.raises(InputError, match="choose one of delta"):
        read_surface(SURFACE, TENORS, DELTAS, "spot", (1,))
    with pytest.raises(InputError, match="forward="):
        read_surface(SURFACE, TENORS, DELTAS, "strike", (1,))
    with pytest.raises(InputError, match="at="):
        read_surface(SURFACE, TENORS, DELTAS, "delta")
