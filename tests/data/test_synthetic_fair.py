"""What the synthetic market calls fair, and the correlation and premia planted on it."""

from dataclasses import replace

import numpy as np
import pytest
from reference_synthetic import clean_correlation, expected_variances

from engine.calendar import DAY
from engine.correlation import daily_returns, implied_correlation
from engine.data.synthetic import SyntheticMarket, synthetic_market
from engine.data.synthetic.paths import draw_paths
from engine.data.synthetic.variance import FairPricer

LIVELY = SyntheticMarket(years=2, names=8, seed=3, name_level_noise=0.04, weekend_variance=0.3)


def test_fair_variances_are_those_of_a_session_by_session_expectation():
    paths = draw_paths(LIVELY)
    fair = FairPricer(paths).at(slice(None))
    exits = paths.plan.ceases | ~paths.plan.trading
    checked = 0
    for t in (0, 41, 150, 333, len(paths.dates) - 1):
        for k, tenor in enumerate(LIVELY.tenors):
            names, index = expected_variances(paths, t, tenor)
            alive = ~exits[t]
            np.testing.assert_allclose(fair.component[t, alive, k], names[alive], rtol=1e-11)  # rounding of long sums
            assert np.isnan(fair.component[t, ~alive, k]).all()
            assert fair.index[t, k] == pytest.approx(index, rel=1e-11)
            checked += 1
    assert checked == 50


def test_state_moves_as_its_expectation_says():
    """Shocks around the conditional mean average to nothing; 3 standard errors over 40 years."""
    settings = SyntheticMarket.no_premium(
        years=40, names=30, start="1980-01-01", level_noise=0.08, name_level_noise=0.03, correlation_noise=0.018
    )
    paths = draw_paths(settings)
    half_lives = (settings.level_half_life, settings.correlation_half_life, settings.name_level_half_life)
    means = (1.0, settings.correlation, 1.0)
    states = (paths.level[:, None], paths.correlation[:, None], paths.name_level)
    for state, mean, half_life in zip(states, means, half_lives, strict=True):
        shock = (state[1:] - (mean + 0.5 ** (1.0 / half_life) * (state[:-1] - mean))).mean(axis=1)
        assert abs(shock.mean()) <= 3.0 * shock.std() / np.sqrt(len(shock))
    own = paths.name_level[1:] / (1.0 + 0.5 ** (1.0 / 60.0) * (paths.name_level[:-1] - 1.0)) - 1.0
    # The relative error of a standard deviation from n draws is 1 / sqrt(2 n): .13 % here.
    assert own.std() == pytest.approx(0.03, rel=0.004)
    assert 0.0 < paths.correlation.min() < paths.correlation.max() < 1.0


def test_realised_variance_and_correlation_average_to_the_fair_ones():
    """Disjoint months of 30 years with every kind of noise: realised over fair is 1 on average, within 3 errors."""
    settings = SyntheticMarket(
        years=30, names=20, start="1985-01-01", tenors=(28,), deltas=(50,), events=False, rate=0.0
    )
    panel, truth = synthetic_market(settings)
    returns = daily_returns(panel.spot, panel.return_factor)
    index = np.append(np.nan, panel.index_spot[1:] / panel.index_spot[:-1] - 1.0)
    starts = np.arange(0, len(panel) - 25, 21)
    ends = np.searchsorted(panel.dates, panel.dates[starts] + 28 * DAY, side="right")
    name_error, index_error, pair_error = [], [], []
    for t, end in zip(starts, ends, strict=True):
        days = slice(t + 1, end)
        w = panel.weights[t]
        own = (w**2 * (returns[days] ** 2).sum(axis=0)).sum()
        together = ((returns[days] @ w) ** 2).sum()
        fair_own = (w**2 * truth.fair_variance[t, :, 0]).sum() * 28 / 365
        fair_index = truth.fair_index_variance[t, 0] * 28 / 365
        name_error.append(((returns[days] ** 2).sum(axis=0) / (truth.fair_variance[t, :, 0] * 28 / 365)).mean() - 1.0)
        index_error.append((index[days] ** 2).sum() / fair_index - 1.0)
        pair_error.append((together - own) / (fair_index - fair_own) - 1.0)
    for error in (name_error, index_error, pair_error):
        standard_error = np.std(error) / np.sqrt(len(error))
        assert abs(np.mean(error)) <= 3.0 * standard_error
        assert standard_error <= 0.05  # else the line above would say nothing


@pytest.mark.parametrize("events", [True, False])
def test_planted_correlation_is_recovered_to_1e_10_from_float64_volatilities(events):
    panel, truth = synthetic_market(
        replace(LIVELY, events=events), dtype="float64", missing_rate=0.0, tenors=(10, 30, 365), deltas=(10, 50, 90)
    )
    for t in range(0, len(panel), 61):
        for k in range(3):
            for d in range(3):
                rho = clean_correlation(panel.index_iv[t, k, d], panel.component_iv[t, :, k, d], panel.weights[t])
                assert abs(rho - truth.implied_correlation[t, k, d]) <= 1e-10
    record = implied_correlation(panel.index_iv, panel.component_iv, panel.weights)
    assert np.abs(record.clean - truth.implied_correlation).max() <= 1e-10


def test_premia_are_where_they_were_planted():
    settings = replace(LIVELY, missing_rate=0.0, correlation_skew=0.08)
    panel, truth = synthetic_market(settings)
    gap = truth.implied_correlation - truth.fair_correlation[:, :, None]
    x = (panel.deltas - 50.0) / 40.0
    np.testing.assert_allclose(gap, (truth.correlation_premium[:, None] + 0.08 * x)[:, None, :] + 0.0 * gap, atol=1e-14)
    at_the_money = panel.component_iv[..., list(panel.deltas).index(50)]
    alive = np.isfinite(at_the_money)
    fair = np.sqrt(truth.fair_variance)
    np.testing.assert_allclose(at_the_money[alive], 1.02 * fair[alive], rtol=1e-7)  # float32
    # A mean of draws that forget half in 20 sessions: a standard error of .006 over 2 years.
    assert truth.correlation_premium.mean() == pytest.approx(0.07, abs=0.018)


def test_a_correlation_premium_of_zero_leaves_the_index_at_its_fair_volatility():
    panel, truth = synthetic_market(SyntheticMarket.no_premium(years=1, names=10, dtype="float64", tenors=(30, 91)))
    fair = np.sqrt(truth.fair_index_variance)[:, :, None]
    np.testing.assert_allclose(panel.index_iv, np.broadcast_to(fair, panel.index_iv.shape), rtol=1e-12)
    np.testing.assert_allclose(truth.fair_correlation, 0.35, rtol=1e-12)
    assert len(np.unique(panel.weights, axis=0)) == 1


def test_an_index_of_lognormal_names_is_fairly_priced_as_lognormal_to_a_hundredth_of_a_point():
    """What the no-premium world leaves out: second moment of the index at 30 days against the variance planted."""
    paths = draw_paths(SyntheticMarket.no_premium(years=1, names=20))
    sessions, weight = 21, paths.weights[0]
    covariance = 0.35 * np.outer(paths.base_vol, paths.base_vol)
    np.fill_diagonal(covariance, paths.base_vol**2)
    covariance /= 252.0
    planted = weight @ covariance @ weight
    rebalanced = np.log(weight @ np.exp(covariance) @ weight)
    held = np.log(weight @ np.exp(covariance * sessions) @ weight) / sessions
    points = 100.0 * np.sqrt(252.0 * np.array([planted, rebalanced, held]))
    assert np.abs(points - points[0]).max() <= 0.01


def test_smiles_are_higher_on_the_put_side_and_flatten_with_tenor():
    panel, _ = synthetic_market(replace(LIVELY, missing_rate=0.0))
    skew = np.nanmean(panel.component_iv[..., -1] / panel.component_iv[..., 0] - 1.0, axis=(0, 1))
    assert (skew > 0.05).all()
    assert (np.diff(skew) < 0.0).all()


def test_strikes_of_every_smile_fall_with_call_delta():
    """A smile on deltas belongs to one on strikes only if node strikes are in order, far tenors included."""
    from scipy.special import ndtri

    panel, _ = synthetic_market(SyntheticMarket(years=3, names=30, missing_rate=0.0, seed=8))
    root = np.sqrt(panel.tenors / 365.0)[:, None]
    for surface in (panel.index_iv, panel.component_iv[::20].reshape(-1, *panel.component_iv.shape[2:])):
        spread = surface.astype(float) * root
        log_strike = -ndtri(panel.deltas / 100.0) * spread + 0.5 * spread**2
        quoted = np.isfinite(log_strike[..., 0])
        assert (np.diff(log_strike, axis=-1)[quoted] < 0.0).all()
