"""Reading surfaces in time and strike, against loops over single smiles."""

import math
from itertools import pairwise

import numpy as np
import pytest
from reference_pricing import smile_at_tenor_reference, tenor_from_expiries_reference, vol_at_strike_reference

from engine.backend import special, to_host
from engine.pricing import call_delta, node_quantiles, smile_at_tenor, tenors_from_expiries, vol_at_strike

TENORS, DELTAS = [30, 91, 182, 273, 365, 547, 730], np.arange(10, 95, 5)


def random_smiles(seed, *shape, missing=0.0):
    rng = np.random.default_rng(seed)
    smiles = rng.uniform(0.1, 0.6, (*shape, len(DELTAS))).astype(np.float32)
    smiles[rng.random(smiles.shape) < missing] = np.nan
    return smiles


def skewed_smile():
    return 0.2 + 0.002 * (DELTAS - 50) + 1e-5 * (DELTAS - 50) ** 2


def node_strikes(smile, forward, years):
    spread = smile * math.sqrt(years)
    return forward * np.exp(-special(np).ndtri(DELTAS / 100.0) * spread + 0.5 * spread**2)


# In time


@pytest.mark.parametrize("furthest", [math.inf, 40.0])
def test_smile_at_tenor_equals_the_loop_over_smiles(xp, furthest):
    smiles = random_smiles(1, 50, len(TENORS))
    days = np.random.default_rng(2).uniform(1.0, 900.0, 50)
    days[:10] = [30, 91, 182, 273, 365, 547, 730, 29.5, 731, 770]
    found, beyond = smile_at_tenor(xp.asarray(smiles), xp.asarray(TENORS), xp.asarray(days), furthest)
    for i, day in enumerate(days):
        expected, outside = smile_at_tenor_reference(smiles[i].astype(float).tolist(), TENORS, float(day), furthest)
        np.testing.assert_allclose(to_host(found)[i], expected, rtol=1e-14)  # a dozen roundings
        assert bool(beyond[i]) == outside


def test_total_variance_is_linear_in_time_between_neighbouring_tenors():
    smiles = random_smiles(3, len(TENORS)).astype(float)
    for left, right in pairwise(TENORS):
        days = np.linspace(left, right, 7)
        smile, beyond = smile_at_tenor(smiles, TENORS, days)
        bends = np.diff(smile**2 * days[:, None], n=2, axis=0)
        np.testing.assert_allclose(bends, 0.0, atol=1e-12 * 730)  # roundings of total variances up to 730 * .36
        assert not beyond.any()


def test_a_tenor_of_the_grid_gives_its_own_smile_and_is_on_the_surface(xp):
    smiles = random_smiles(4, len(TENORS))
    found, beyond = smile_at_tenor(xp.asarray(smiles), xp.asarray(TENORS), xp.asarray(TENORS))
    np.testing.assert_allclose(to_host(found), smiles, rtol=1e-15)  # squared, weighted by one, and its root
    assert not beyond.any()


def test_beyond_the_tenors_volatility_is_flat_and_flagged_up_to_a_limit():
    smiles = random_smiles(5, len(TENORS)).astype(float)
    found, beyond = smile_at_tenor(smiles, TENORS, np.array([1.0, 25.0, 735.0, 800.0]), max_extrapolation_days=5)
    np.testing.assert_allclose(found[1:3], smiles[[0, -1]], rtol=1e-15)
    assert np.isnan(found[[0, 3]]).all()
    assert beyond.all()


def test_a_missing_smile_spoils_only_the_times_that_need_it():
    smile, _ = smile_at_tenor(np.array([[0.2], [np.nan]]), np.array([30, 90]), np.array([20.0, 30.0, 31.0, 90.0]))
    assert np.isfinite(smile[:, 0]).tolist() == [True, True, False, False]
    smile, _ = smile_at_tenor(np.array([[np.nan], [0.2]]), np.array([30, 90]), np.array([30.0, 89.0, 90.0, 95.0]))
    assert np.isfinite(smile[:, 0]).tolist() == [False, False, True, True]
    assert np.isnan(smile_at_tenor(np.array([[0.2], [0.2]]), np.array([30, 90]), np.array([np.nan]))[0]).all()


def test_two_tenors_picked_beforehand_give_the_same_bits_as_the_whole_grid(xp):
    smiles = random_smiles(6, 40, len(TENORS))
    days = np.random.default_rng(7).uniform(1.0, 900.0, 40)
    below = np.clip(np.searchsorted(TENORS, days, side="right") - 1, 0, len(TENORS) - 2)
    slots = np.stack([below, below + 1], axis=1)
    pair = np.take_along_axis(smiles, slots[..., None], axis=1)
    whole = smile_at_tenor(xp.asarray(smiles), xp.asarray(TENORS), xp.asarray(days))
    picked = smile_at_tenor(xp.asarray(pair), xp.asarray(np.array(TENORS)[slots]), xp.asarray(days))
    for a, b in zip(whole, picked, strict=True):
        np.testing.assert_array_equal(to_host(a), to_host(b))


def test_a_surface_of_one_tenor_is_flat_in_time():
    found, beyond = smile_at_tenor(np.array([[0.2, 0.3]]), [30], np.array([10.0, 30.0, 60.0]))
    np.testing.assert_allclose(found, [[0.2, 0.3]] * 3, rtol=1e-15)  # squared and its root
    assert beyond.tolist() == [True, False, True]


# From listed expiries


def test_tenors_from_expiries_equal_the_loop_over_deltas(xp):
    rng = np.random.default_rng(8)
    smiles = random_smiles(9, 6, 4, 9, missing=0.4)
    days = rng.integers(1, 800, (6, 1, 9)).astype(float)  # in no order
    days[rng.random(days.shape) < 0.2] = np.nan
    days[0, 0, :3] = [30.0, 91.0, -2.0]
    furthest = 20.0
    iv, beyond = tenors_from_expiries(xp.asarray(smiles), xp.asarray(days), np.array(TENORS), furthest)
    assert iv.shape == beyond.shape == (6, 4, len(TENORS), len(DELTAS))
    for t, n, k, d in np.ndindex(iv.shape):
        vols, at = smiles[t, n, :, d].astype(float).tolist(), days[t, 0].tolist()
        expected, outside = tenor_from_expiries_reference(vols, at, TENORS[k], furthest)
        # A dozen roundings, of which a narrow bracket with a far tenor magnifies none: weights lie in 0..1.
        np.testing.assert_allclose(float(iv[t, n, k, d]), expected, rtol=1e-14)
        assert bool(beyond[t, n, k, d]) == outside


def test_a_tenor_beyond_the_listed_expiries_takes_the_nearest_volatility_only_within_the_limit():
    smiles = np.full((2, 1), 0.2)
    iv, beyond = tenors_from_expiries(smiles, [40, 60], [29, 30, 50, 70, 71], max_extrapolation_days=10)
    np.testing.assert_allclose(iv[:, 0], [np.nan, 0.2, 0.2, 0.2, np.nan], rtol=1e-15)
    assert beyond[:, 0].tolist() == [True, True, False, True, True]


def test_a_tenor_on_an_expiry_takes_its_smile_even_at_the_end_of_the_list():
    smiles = np.array([[0.2], [0.3]])
    iv, beyond = tenors_from_expiries(smiles, [30, 60], [30, 60])
    assert iv[:, 0].tolist() == [0.2, 0.3]
    assert not beyond.any()


def test_a_delta_nobody_quotes_is_missing_and_not_beyond():
    smiles = np.array([[0.2, np.nan], [0.3, np.nan]])
    iv, beyond = tenors_from_expiries(smiles, [30, 60], [45, 90], max_extrapolation_days=100)
    assert np.isfinite(iv[:, 0]).all()
    assert np.isnan(iv[:, 1]).all()
    assert beyond.tolist() == [[False, False], [True, False]]


# In strike


def test_vol_at_strike_equals_the_loop_over_smiles(xp):
    rng = np.random.default_rng(10)
    smiles = random_smiles(11, 300, missing=0.3)  # so rough that node strikes are not in the order of their deltas
    smiles[0] = np.nan
    forward, years = rng.uniform(50.0, 150.0, 300), rng.uniform(0.02, 2.0, 300)
    strike = forward * np.exp(rng.uniform(-2.5, 2.5, 300) * 0.3 * np.sqrt(years))
    found, beyond = vol_at_strike(xp.asarray(smiles), DELTAS, *(xp.asarray(a) for a in (forward, strike, years)))
    for i in range(300):
        expected, outside = vol_at_strike_reference(
            smiles[i].astype(float).tolist(), DELTAS.tolist(), forward[i], strike[i], years[i]
        )
        # Roundings of node positions divided by the distance of neighbours: 1e-16 / 1e-4.
        np.testing.assert_allclose(float(found[i]), expected, rtol=1e-11)
        assert bool(beyond[i]) == outside


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_flat_smile_is_flat_at_every_strike_to_the_bit(xp, dtype):
    smile = xp.full(17, 0.2, dtype=dtype)
    iv, _ = vol_at_strike(smile, DELTAS, 100.0, xp.linspace(50.0, 200.0, 50), 0.1)
    assert iv.dtype == np.float64
    assert set(iv.tolist()) == {float(dtype(0.2))}


def test_a_skewed_smile_comes_back_at_the_strikes_of_its_nodes(xp):
    smile, forward, years = skewed_smile(), 100.0, 0.25
    strikes = node_strikes(smile, forward, years)
    iv, beyond = vol_at_strike(xp.asarray(smile), DELTAS, forward, xp.asarray(strikes), years)
    # A rounding of ln(K/F) over the distance of neighbouring nodes, 1e-2.
    np.testing.assert_allclose(to_host(iv), smile, rtol=1e-12)
    assert not beyond.any()


def test_the_strike_of_a_node_has_the_delta_of_the_node():
    smile = skewed_smile()
    delta = call_delta(100.0, node_strikes(smile, 100.0, 0.25), smile, 0.25)
    np.testing.assert_allclose(delta, DELTAS / 100.0, rtol=1e-12)  # a rounding of ln(F/K) over the spread of .1


def test_between_nodes_volatility_is_linear_in_log_moneyness():
    smile = skewed_smile()
    strikes = node_strikes(smile, 100.0, 0.25)
    middle = np.sqrt(strikes[1:] * strikes[:-1])
    iv, _ = vol_at_strike(smile, DELTAS, 100.0, middle, 0.25)
    np.testing.assert_allclose(iv, 0.5 * (smile[1:] + smile[:-1]), rtol=1e-12)  # as above


def test_beyond_the_outer_quoted_nodes_volatility_is_flat_and_flagged(xp):
    smile = skewed_smile()
    smile[[0, -1]] = np.nan
    iv, beyond = vol_at_strike(xp.asarray(smile), DELTAS, 100.0, xp.asarray([20.0, 100.0, 500.0]), 0.25)
    assert (float(iv[0]), float(iv[2])) == (smile[-2], smile[1])
    assert beyond.tolist() == [True, False, True]


def test_missing_nodes_are_passed_over():
    smile = skewed_smile()
    strikes = node_strikes(smile, 100.0, 0.25)
    kept = np.isin(DELTAS, [25, 50, 75])
    iv, _ = vol_at_strike(np.where(kept, smile, np.nan), DELTAS, 100.0, strikes[kept], 0.25)
    np.testing.assert_allclose(iv, smile[kept], rtol=1e-12)  # as above


def test_without_a_node_or_an_input_the_volatility_is_unknown_and_not_flagged():
    smile = skewed_smile()
    assert np.isnan(vol_at_strike(np.full(17, np.nan), DELTAS, 100.0, 100.0, 0.25)[0])
    for at in [(np.nan, 100.0, 0.25), (0.0, 100.0, 0.25), (100.0, np.nan, 0.25), (100.0, 100.0, np.nan)]:
        iv, beyond = vol_at_strike(smile, DELTAS, *(np.array([a]) for a in at))
        assert np.isnan(iv).all()
        assert not beyond.any()


def test_smiles_broadcast_over_days_and_strikes():
    smiles = random_smiles(12, 4, 3, 6)
    strike, years = np.full((4, 3, 1), 95.0), np.linspace(0.0, 0.5, 6)
    iv, beyond = vol_at_strike(smiles, DELTAS, np.full((4, 3, 6), 100.0), strike, years)
    assert iv.shape == beyond.shape == (4, 3, 6)
    alone, _ = vol_at_strike(smiles[2, 1, 4], DELTAS, 100.0, 95.0, years[4])
    assert iv[2, 1, 4] == alone
    one_smile, _ = vol_at_strike(smiles[:, :, 0, None, :], DELTAS, 100.0, np.array([90.0, 100.0]), 0.25)
    assert one_smile.shape == (4, 3, 2)


def test_quantiles_of_nodes_are_the_normal_ones(xp):
    deltas = np.r_[0.01, 0.5:99.6:0.5, 99.99]
    # Either is off by a rounding or two of its own.
    np.testing.assert_allclose(to_host(node_quantiles(xp, deltas)), special(np).ndtri(deltas / 100.0), rtol=1e-15)
