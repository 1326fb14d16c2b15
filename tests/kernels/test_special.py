"""The special functions of kernels, compiled for this CPU, against scipy's."""

import ctypes

import numpy as np
import pytest
import scipy.special

from engine.kernels import host
from engine.kernels.source import spliced

LOOP = """extern "C" void {name}_loop(const double *x, double *y, i64 n) {{
    HOST_SIMD for (i64 i = 0; i < n; ++i) y[i] = {name}_of(x[i]);
}}
"""
BOTH = """extern "C" void both_loop(const double *d, double *erf, double *density, i64 n) {
    HOST_SIMD for (i64 i = 0; i < n; ++i) erf_and_density(d[i], erf[i], density[i]);
}
"""
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0]


def library_of(folder, loops, real="double"):
    """Call the compiled functions by name: array in, arrays out."""
    if host.missing():
        pytest.skip(host.missing())
    path = folder / "special.so"
    host._compile(spliced(f'#include "special.cuh"\n{loops}'.replace("double", real), "float64"), path)
    library = ctypes.CDLL(str(path))

    def call(name, x):
        outputs = [np.empty_like(x) for _ in range(2 if name == "both" else 1)]
        pointers = (ctypes.c_void_p(a.ctypes.data) for a in (x, *outputs))
        getattr(library, f"{name}_loop")(*pointers, ctypes.c_int64(len(x)))
        return outputs if name == "both" else outputs[0]

    return call


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    loops = "".join(LOOP.format(name=name) for name in ("exp", "log", "erf", "erfcx"))
    return library_of(tmp_path_factory.mktemp("double"), loops + BOTH)


@pytest.fixture(scope="module")
def in_single(tmp_path_factory):
    loops = "".join(LOOP.format(name=name) for name in ("exp", "log"))
    return library_of(tmp_path_factory.mktemp("single"), loops + BOTH, "float")


def spread(seed, low, high, count=100_001):
    return np.random.default_rng(seed).uniform(low, high, count)


def test_exp_is_within_two_ulp_and_flushes_what_is_not_normal(compiled):
    x = np.concatenate([spread(1, -708.39, 709.78), spread(2, -1.0, 1.0), 10.0 ** spread(3, -300, 0)])
    np.testing.assert_array_max_ulp(compiled("exp", x), np.exp(x), 2)  # one of its own, one of numpy's
    edges = np.array([*SPECIAL, 709.7827128933840, 709.7827128933841, -708.4, 1e300, -1e300])
    expected = [np.nan, np.inf, 0.0, 1.0, 1.0, np.exp(709.7827128933840), np.inf, 0.0, np.inf, 0.0]
    np.testing.assert_allclose(compiled("exp", edges), expected, rtol=3e-16)


def test_log_is_within_two_ulp_also_next_to_one(compiled):
    x = np.concatenate([10.0 ** spread(1, -307.6, 308.2), spread(2, 0.5, 2.0), 1.0 + 10.0 ** spread(3, -16, 0)])
    x = np.concatenate([x, [2.2250738585072014e-308, 1.7976931348623157e308, 1.0 - 1.2e-16]])
    np.testing.assert_array_max_ulp(compiled("log", x), np.log(x), 2)  # one of its own, one of numpy's
    edges = np.array([*SPECIAL, -1.0, -1e-310, 1e-310, 1.0])
    expected = [np.nan, np.inf, np.nan, -np.inf, -np.inf, np.nan, np.nan, -np.inf, 0.0]
    np.testing.assert_array_equal(compiled("log", edges), expected)


def test_erf_keeps_its_digits_near_zero_and_its_sign(compiled):
    x = np.concatenate([spread(1, 0.0, 7.0), spread(2, 0.0, 1.0), 10.0 ** spread(3, -300, 0)])
    erf = compiled("erf", x)
    np.testing.assert_allclose(erf, scipy.special.erf(x), rtol=9e-16)  # 6e-16 of its own, an ulp of scipy's
    np.testing.assert_allclose(erf, scipy.special.erf(x), rtol=0, atol=5e-16)
    np.testing.assert_array_equal(compiled("erf", -x), -erf)
    edges = compiled("erf", np.array([*SPECIAL, 1e300, -1e300]))
    np.testing.assert_array_equal(edges, [np.nan, 1.0, -1.0, 0.0, 0.0, 1.0, -1.0])
    np.testing.assert_array_equal(np.signbit(edges[3:5]), [False, True])


def test_probability_and_density_come_together(compiled):
    d = np.concatenate([spread(1, -37.59, 37.59), spread(2, -3.0, 3.0), 10.0 ** spread(3, -300, 0)])
    erf, density = compiled("both", d)
    np.testing.assert_allclose(erf, 2.0 * scipy.special.ndtr(d) - 1.0, rtol=0, atol=6e-16)
    np.testing.assert_allclose(erf, scipy.special.erf(d * np.sqrt(0.5)), rtol=1.2e-15)  # as above; rounding d sqrt .5
    # d^2 / 2 rounds by up to 1.1e-16 of itself in either, which moves the exponential by so much times d^2 / 2 <= 707.
    np.testing.assert_allclose(density, np.exp(-0.5 * d * d), rtol=2e-13)
    near = np.abs(d) < 1.0
    np.testing.assert_allclose(density[near], np.exp(-0.5 * d[near] ** 2), rtol=6e-16)
    erf, density = compiled("both", np.array([*SPECIAL, 38.0, -1e300]))
    np.testing.assert_array_equal(erf, [np.nan, 1.0, -1.0, 0.0, 0.0, 1.0, -1.0])
    np.testing.assert_array_equal(density, [np.nan, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0])


def test_erfcx_keeps_its_digits_from_minus_a_half_to_the_far_wing(compiled):
    x = np.concatenate([spread(1, -0.5, 8.0), spread(2, 8.0, 80.0), 10.0 ** spread(3, -17, 25)])
    np.testing.assert_allclose(compiled("erfcx", x), scipy.special.erfcx(x), rtol=2e-15)  # about 1e-15 of either
    assert np.isnan(compiled("erfcx", np.array([np.nan]))[0])


def singles(*parts):
    return np.concatenate(parts).astype(np.float32)


def test_exp_and_log_of_singles_are_within_two_ulp(in_single):
    x = singles(spread(1, -87.3, 88.7), spread(2, -1.0, 1.0), 10.0 ** spread(3, -30, 0))
    np.testing.assert_array_max_ulp(in_single("exp", x), np.exp(x.astype(float)).astype(np.float32), 2)
    edges = singles([*SPECIAL, 88.8, -87.4, -1e30])
    np.testing.assert_array_equal(in_single("exp", edges), [np.nan, np.inf, 0.0, 1.0, 1.0, np.inf, 0.0, 0.0])
    x = singles(10.0 ** spread(1, -37.9, 38.5), spread(2, 0.5, 2.0), 1.0 + 10.0 ** spread(3, -7, 0))
    np.testing.assert_array_max_ulp(in_single("log", x), np.log(x.astype(float)).astype(np.float32), 2)
    edges = singles([*SPECIAL, -1.0, 1e-40, 1.0])
    np.testing.assert_array_equal(
        in_single("log", edges), [np.nan, np.inf, np.nan, -np.inf, -np.inf, np.nan, -np.inf, 0.0]
    )


def test_probability_and_density_of_singles_come_together(in_single):
    d = singles(spread(1, -13.1, 13.1), spread(2, -3.0, 3.0), 10.0 ** spread(3, -30, 0))
    erf, density = in_single("both", d)
    exact = d.astype(float)
    np.testing.assert_allclose(erf, scipy.special.erf(exact * np.sqrt(0.5)), rtol=6e-7)
    # d^2 / 2 rounds by up to 6e-8 of itself, which moves the exponential by so much times d^2 / 2 <= 87.
    np.testing.assert_allclose(density, np.exp(-0.5 * exact**2), rtol=1.2e-5)
    erf, density = in_single("both", singles([*SPECIAL, 13.3, -1e30]))
    np.testing.assert_array_equal(erf, [np.nan, 1.0, -1.0, 0.0, 0.0, 1.0, -1.0])
    np.testing.assert_array_equal(density, [np.nan, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0])
