"""Realised correlation by pairs and with other series, against plain loops over pairs and windows."""

import numpy as np
import pytest

import engine.backend
from engine.backend import to_host
from engine.correlation import forward_realized_correlation, realized_correlation
from engine.correlation.pairwise import (
    basket_returns,
    pairwise_correlation,
    rolling_correlation,
    smoothed_for_display,
)
from engine.correlation.premium import variance_premium
from engine.errors import InputError

WINDOW = 15


def market(seed, dates=50, names=6):
    """Correlated returns with unknown days, and weights that drift, with members that leave and join."""
    rng = np.random.default_rng(seed)
    returns = 0.01 * rng.standard_normal((dates, 1)) + 0.01 * rng.standard_normal((dates, names))
    returns[0] = np.nan
    returns[dates // 2, 1] = np.nan
    returns[:, 5] = 0.0  # never moves
    weights = rng.random((dates, names))
    weights[: dates // 2, 3] = 0.0
    return returns, weights


def pairs(returns, weights, t, window):
    """Every pair's correlation, and the two means of them."""
    part = returns[t - window + 1 : t + 1]
    used = [
        i for i in range(part.shape[1]) if weights[t, i] > 0 and not np.isnan(part[:, i]).any() and part[:, i].any()
    ]
    found = []
    for i in used:
        for j in used:
            if i < j:
                x, y = part[:, i], part[:, j]
                rho = (x @ y) / np.sqrt((x @ x) * (y @ y))
                found.append((rho, weights[t, i] * weights[t, j]))
    if not found:
        return np.nan, np.nan, len(used)
    rho, w = np.array(found).T
    return rho.mean(), (rho * w).sum() / w.sum(), len(used)


def test_both_means_are_those_of_all_pairs(xp):
    returns, weights = market(0)
    found = pairwise_correlation(xp.asarray(returns), xp.asarray(weights), WINDOW)
    wanted = [pairs(returns, weights, t, WINDOW) for t in range(WINDOW - 1, len(returns))]
    for field, column in (("equal", 0), ("weighted", 1), ("names", 2)):
        values = to_host(getattr(found, field))
        # Two orders of summing fifteen days of six names.
        np.testing.assert_allclose(values[WINDOW - 1 :], [w[column] for w in wanted], rtol=0, atol=1e-13)
    assert np.isnan(to_host(found.equal)[: WINDOW - 1]).all()


def test_pairs_of_equal_volatilities_and_weights_give_the_index_formula():
    returns, _ = market(1)
    returns = returns[1:, [0, 2, 3, 4]]
    window = len(returns)
    returns = returns / np.sqrt((returns**2).mean(axis=0)) * 0.01
    weights = np.full(returns.shape, 0.25)
    by_formula = realized_correlation(returns, weights, window).clean[-1]
    # With s_i = s and w_i = 1/n both are the same mean of pairs.
    assert pairwise_correlation(returns, weights, window).equal[-1] == pytest.approx(by_formula, rel=1e-12)


def test_chunks_of_dates_give_the_same_bits(monkeypatch):
    returns, weights = market(2)
    whole = pairwise_correlation(returns, weights, WINDOW)
    monkeypatch.setattr(engine.backend, "CPU_BLOCK_BYTES", 1000)
    cut = pairwise_correlation(returns, weights, WINDOW)
    for field in ("equal", "weighted", "names"):
        np.testing.assert_array_equal(getattr(whole, field), getattr(cut, field))


def test_no_realised_measure_reads_the_future():
    returns, weights = market(3)
    poisoned, series = returns.copy(), returns[:, :2]
    poisoned[30:] = 9.0
    for measure in (
        lambda r: pairwise_correlation(r, weights, WINDOW).weighted,
        lambda r: basket_returns(r, weights),
        lambda r: rolling_correlation(np.where(np.arange(50)[:, None] < 30, series, r[:, :2]), r[:, 0], WINDOW),
        lambda r: smoothed_for_display(r[:, 0], 5),
    ):
        np.testing.assert_array_equal(measure(returns)[:30], measure(poisoned)[:30])


def test_the_basket_return_is_the_mean_of_the_names_that_traded(xp):
    returns, weights = market(4)
    found = to_host(basket_returns(xp.asarray(returns), xp.asarray(weights)))
    for t in range(len(returns)):
        known = ~np.isnan(returns[t])
        wanted = np.average(returns[t, known], weights=weights[t, known]) if known.any() else np.nan
        # Two orders of summing six returns of a percent.
        np.testing.assert_allclose(found[t], wanted, rtol=0, atol=1e-16)


def test_a_rolling_correlation_is_that_of_the_days_both_are_known(xp):
    rng = np.random.default_rng(5)
    basket = 0.01 * rng.standard_normal(60)
    series = np.stack([0.5 * basket + 0.01 * rng.standard_normal(60), -basket], axis=1)
    series[10:12, 0], basket[40:45] = np.nan, np.nan
    found = to_host(rolling_correlation(xp.asarray(series), xp.asarray(basket), WINDOW))
    for t in range(60):
        for s in range(2):
            if t < WINDOW - 1:
                assert np.isnan(found[t, s])
                continue
            x, b = series[t - WINDOW + 1 : t + 1, s], basket[t - WINDOW + 1 : t + 1]
            both = ~np.isnan(x) & ~np.isnan(b)
            x, b = x[both], b[both]
            wanted = (x @ b) / np.sqrt((x @ x) * (b @ b)) if both.sum() >= 0.8 * WINDOW else np.nan
            # Two orders of summing fifteen products.
            np.testing.assert_allclose(found[t, s], wanted, rtol=0, atol=1e-13)
    assert np.isnan(found[44]).all()


def test_smoothing_is_the_mean_of_the_known_days_of_the_window(xp):
    series = xp.asarray([1.0, 2.0, np.nan, np.nan, 4.0])
    np.testing.assert_array_equal(to_host(smoothed_for_display(series, 2)), [np.nan, 1.5, 2.0, np.nan, 4.0])


def test_variance_premia_of_index_and_members_are_separate_and_weigh_what_is_known(xp):
    returns, weights = market(6)
    iv = np.random.default_rng(7).uniform(0.1, 0.5, returns.shape)
    iv[:, 2] = np.nan
    index_iv = np.full(len(returns), 0.2)
    for measure in (realized_correlation, forward_realized_correlation):
        realized = measure(xp.asarray(returns), xp.asarray(weights), WINDOW)
        found = variance_premium(xp.asarray(index_iv), xp.asarray(iv), xp.asarray(weights), realized)
        vol, index_vol = to_host(realized.component_vol), to_host(realized.index_vol)
        for t in range(len(returns)):
            # Squares below 0.25 that round otherwise on a device.
            np.testing.assert_allclose(to_host(found.index)[t], 0.2**2 - index_vol[t] ** 2, rtol=0, atol=1e-16)
            known = ~np.isnan(vol[t]) & ~np.isnan(iv[t]) & (weights[t] > 0)
            gained = iv[t, known] ** 2 - vol[t, known] ** 2
            wanted = np.average(gained, weights=weights[t, known]) if known.any() else np.nan
            # Two orders of summing six variances below 0.25.
            np.testing.assert_allclose(to_host(found.basket)[t], wanted, rtol=0, atol=1e-15)
            share = weights[t, known].sum() / weights[t].sum()
            np.testing.assert_allclose(to_host(found.coverage)[t], share, rtol=0, atol=1e-15)


def test_inputs_that_do_not_fit_are_told():
    returns, weights = market(8)
    with pytest.raises(InputError, match="differ in shape"):
        pairwise_correlation(returns, weights[1:])
    with pytest.raises(InputError, match="use 2 sessions"):
        pairwise_correlation(returns, weights, 1)
    with pytest.raises(InputError, match="put them on the same"):
        rolling_correlation(returns[1:, 0], returns[:, 0])
    with pytest.raises(InputError, match="use 2 sessions"):
        rolling_correlation(returns[:, 0], returns[:, 0], 1)
    with pytest.raises(InputError, match="all are"):
        variance_premium(returns[:, 0], returns[:, :3], weights, realized_correlation(returns, weights, WINDOW))
