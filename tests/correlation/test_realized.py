"""Realised correlation: returns, windows, the held basket, and nothing from the future."""

import numpy as np
import pytest
from reference_correlation import realized_reference

import engine.backend
from engine.backend import to_host
from engine.calendar import DAY
from engine.correlation import (
    AllMembers,
    CorrelationStatus,
    correlation_premium,
    daily_returns,
    forward_realized_correlation,
    implied_correlation,
    realized_correlation,
    sessions_in_month,
)
from engine.errors import InputError

FIELDS = ("clean", "dirty", "variance_ratio", "component_vol", "index_vol", "status", "coverage", "names")


def market(seed, dates=60, names=6):
    """Correlated returns with unknown days, and weights that drift, with members that leave and join."""
    rng = np.random.default_rng(seed)
    returns = 0.01 * rng.standard_normal((dates, 1)) + 0.01 * rng.standard_normal((dates, names))
    returns[0] = np.nan
    returns[dates // 2, 1] = np.nan
    returns[: dates // 3, 2] = np.nan
    weights = rng.random((dates, names))
    weights[: dates // 2, 3] = 0.0
    weights[dates // 2 :, 4] = 0.0
    return returns, weights


def test_a_return_undoes_the_split_of_its_own_day(xp):
    spot = xp.asarray([[100.0, 50.0], [101.0, 11.0], [np.nan, 12.1]])
    factor = xp.asarray([[1.0, 1.0], [1.0, 0.2], [1.0, 1.0]])
    # One rounding of a quotient near 1.
    np.testing.assert_allclose(
        to_host(daily_returns(spot, factor)), [[np.nan] * 2, [0.01, 0.1], [np.nan, 0.1]], atol=1e-15
    )


def test_a_return_is_unknown_where_the_factor_or_the_price_before_is():
    spot, factor = np.array([[1.0, 0.0, 1.0], [2.0, 1.0, np.nan]]), np.array([[1.0, 1.0, 1.0], [np.nan, 1.0, 1.0]])
    assert np.isnan(daily_returns(spot, factor)).all()


def test_a_return_over_a_hole_of_the_dates_is_no_daily_return(xp):
    dates = np.array(["2001-09-10", "2001-09-17", "2001-09-18", "2001-09-26", "2001-09-27"], dtype="datetime64[D]")
    spot, factor = xp.asarray([[100.0], [95.0], [96.0], [144.0], [145.0]]), xp.ones((5, 1))
    known = np.isfinite(to_host(daily_returns(spot, factor, dates)))[:, 0]
    assert known.tolist() == [False, True, True, False, True]  # seven days were a closure, eight are a hole
    assert np.isfinite(to_host(daily_returns(spot, factor)))[1:].all()


def test_a_window_over_a_hole_measures_nothing():
    returns, weights = market(seed=12)
    spot = 100.0 * np.cumprod(1.0 + np.nan_to_num(returns), axis=0)
    dates = np.arange("2025-01-01", "2025-03-02", dtype="datetime64[D]")
    dates[30:] += 200 * DAY
    record = realized_correlation(daily_returns(spot, np.ones_like(spot), dates), weights, window=10)
    assert (np.isnan(record.clean) == [t < 10 or 30 <= t < 40 for t in range(60)]).all()


def test_a_later_split_changes_no_earlier_return():
    rng = np.random.default_rng(0)
    spot, factor = rng.uniform(50, 150, (20, 3)), np.ones((20, 3))
    before = daily_returns(spot, factor)
    spot[12:] /= 10
    factor[12] = 0.1
    np.testing.assert_array_equal(daily_returns(spot, factor)[:12], before[:12])


@pytest.mark.parametrize("demean", [False, True])
@pytest.mark.parametrize("own_index", [False, True])
def test_every_date_equals_the_definition_written_as_loops(xp, demean, own_index):
    returns, weights = market(seed=1)
    index = np.random.default_rng(9).normal(0, 0.01, len(returns)) if own_index else None
    record = realized_correlation(
        xp.asarray(returns),
        xp.asarray(weights),
        window=10,
        demean=demean,
        index_returns=None if index is None else xp.asarray(index),
    )
    for t in range(len(returns)):
        clean, vols, index_vol = realized_reference(returns, weights, t, 10, demean, index)
        # Sums of ten and of six float64 terms; clean divides by A^2 - B.
        np.testing.assert_allclose(to_host(record.component_vol[t]), vols, rtol=1e-13)
        np.testing.assert_allclose(float(record.index_vol[t]), index_vol, rtol=1e-13)
        np.testing.assert_allclose(float(record.clean[t]), clean, rtol=1e-11, atol=1e-13)


def test_each_date_may_have_a_window_of_its_own():
    returns, weights = market(seed=2)
    window = np.random.default_rng(2).integers(3, 15, len(returns))
    record = realized_correlation(returns, weights, window)
    for t in range(len(returns)):
        same_length = realized_correlation(returns, weights, int(window[t]))
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(record, name)[t], getattr(same_length, name)[t])


def test_a_window_must_be_full_and_the_first_return_is_unknown():
    returns, weights = market(seed=3)
    record = realized_correlation(returns, weights, window=10)
    assert np.isnan(record.clean[:10]).all()
    assert np.isfinite(record.clean[10:]).all()
    assert (record.status[:10] == CorrelationStatus.THIN_COVERAGE).all()
    assert np.isnan(record.index_vol[:10]).all()


def test_a_name_without_a_full_window_is_left_out_and_coverage_says_so():
    returns, weights = market(seed=4)
    record = realized_correlation(returns, weights, window=10)
    t = 32  # name 1 lacks the return of date 30
    without = weights.copy()
    without[:, 1] = 0.0
    np.testing.assert_array_equal(record.clean[t], realized_correlation(returns, without, window=10).clean[t])
    # Two sums of six weights in different orders.
    assert record.coverage[t] == pytest.approx(without[t].sum() / weights[t].sum(), rel=1e-14)
    assert record.names[t] == 4  # name 4 left at date 30


def test_it_is_the_implied_formula_with_realised_volatilities():
    returns, weights = market(seed=5)
    record = realized_correlation(returns, weights, window=10)
    formula = implied_correlation(record.index_vol, record.component_vol, weights)
    np.testing.assert_array_equal(record.clean, formula.clean)
    np.testing.assert_array_equal(record.variance_ratio, formula.variance_ratio)


def test_the_basket_keeps_the_weights_of_the_last_date_through_the_window():
    returns, weights = market(seed=6)
    changed = weights.copy()
    changed[:40] = np.random.default_rng(1).random((40, 6))
    left, right = (realized_correlation(returns, w, window=10) for w in (weights, changed))
    np.testing.assert_array_equal(left.clean[40:], right.clean[40:])


def test_identical_names_have_correlation_one_and_independent_names_have_none():
    rng = np.random.default_rng(7)
    together = np.repeat(rng.normal(0, 0.01, (400, 1)), 4, axis=1)
    weights = AllMembers().select(rng.random((400, 4)), None)
    # Rounding of A^2 - B, a dozen operations.
    np.testing.assert_allclose(realized_correlation(together, weights, 63).clean[62:], 1.0, rtol=1e-13)
    apart = realized_correlation(rng.normal(0, 0.01, (1000, 4)), np.full((1000, 4), 0.25), 1000).clean[-1]
    assert abs(apart) < 4 / np.sqrt(1000 * 6)  # four standard errors of the mean of six pairwise correlations


def test_nothing_after_a_date_changes_a_bit_of_it():
    returns, weights = market(seed=8)
    whole = realized_correlation(returns, weights, window=10)
    for t in (12, 29, 30, 45):
        poisoned, reweighted = returns.copy(), weights.copy()
        poisoned[t + 1 :], reweighted[t + 1 :] = 9.9, 0.5
        poisoned = realized_correlation(poisoned, reweighted, window=10)
        prefix = realized_correlation(returns[: t + 1], weights[: t + 1], window=10)
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(poisoned, name)[: t + 1], getattr(whole, name)[: t + 1])
            np.testing.assert_array_equal(getattr(prefix, name), getattr(whole, name)[: t + 1])


def test_blocks_of_dates_equal_the_whole_bit_for_bit(monkeypatch):
    returns, weights = market(seed=9)
    whole = realized_correlation(returns, weights, window=10)
    for budget in (1, 2000, 10_000):
        monkeypatch.setattr(engine.backend, "CPU_BLOCK_BYTES", budget)
        cut = realized_correlation(returns, weights, window=10)
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(cut, name), getattr(whole, name))


def test_forward_realised_is_trailing_realised_seen_from_the_start_of_its_window():
    returns, _ = market(seed=10)
    constant = np.broadcast_to(np.random.default_rng(3).random(6), returns.shape)
    forward = forward_realized_correlation(returns, constant, window=10)
    trailing = realized_correlation(returns, constant, window=10)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(forward, name)[:-10], getattr(trailing, name)[10:])
    assert np.isnan(forward.clean[-10:]).all()


def test_the_premium_is_implied_less_realised_for_every_cell():
    implied = np.array([[[0.4, 0.5]], [[0.3, np.nan]]])
    # One subtraction.
    np.testing.assert_allclose(
        correlation_premium(implied, np.array([0.35, 0.2])), [[[0.05, 0.15]], [[0.1, np.nan]]], rtol=1e-14
    )


def test_a_trailing_month_starts_after_the_same_day_of_the_month_before():
    dates = np.arange("2024-01-25", "2024-04-05", dtype="datetime64[D]")
    sessions = dict(zip(dates.astype(str), sessions_in_month(dates), strict=True))
    assert sessions["2024-03-29"] == 29  # after 29 February
    assert sessions["2024-03-31"] == 31  # after the last day of February
    assert sessions["2024-02-29"] == 31  # after 29 January
    assert sessions["2024-02-10"] == 17  # all that is known


def test_windows_that_measure_nothing_are_refused():
    returns, weights = market(seed=11)
    with pytest.raises(InputError, match=r"window of 0 session\(s\) measures nothing"):
        realized_correlation(returns, weights, window=0)
    with pytest.raises(InputError, match="use at least 2"):
        realized_correlation(returns, weights, window=1, demean=True)
    assert np.isnan(realized_correlation(returns, weights, np.arange(len(returns)), demean=True).clean[:2]).all()
    with pytest.raises(InputError, match="differ in shape"):
        realized_correlation(returns, weights[1:])
