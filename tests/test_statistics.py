"""Statistics: autocorrelation-consistent t-values and regressions, against textbook sums and statsmodels itself."""

import math

import numpy as np
import pytest

from engine.errors import InputError
from engine.statistics import (
    asymmetric_regression,
    forward_sum,
    hac_lags,
    hac_regression,
    hac_tstat,
    mincer_zarnowitz,
    predictive_regression,
    rolling_regression,
)


def newey_west(series, lags):
    """The textbook sums."""
    count, mean = len(series), sum(series) / len(series)
    e = [x - mean for x in series]
    long_run = sum(x * x for x in e)
    for lag in range(1, lags + 1):
        long_run += 2 * (1 - lag / (lags + 1)) * sum(e[t] * e[t - lag] for t in range(lag, count))
    return mean / math.sqrt(long_run / count**2)


@pytest.mark.parametrize(("days", "holding", "lags"), [(100, 1, 4), (100, 21, 20), (2520, 1, 8), (6, 21, 5)])
def test_the_t_value_is_newey_wests_with_lags_for_the_holding_period(days, holding, lags):
    series = np.random.default_rng(days).normal(0.1, 1.0, days)
    # Two orders of summing some thousand terms.
    assert hac_tstat(series, holding) == pytest.approx(newey_west(series.tolist(), lags), rel=1e-10)


def test_overlapping_results_are_less_sure_once_their_holding_period_is_told():
    noise = np.random.default_rng(1).normal(0.05, 1.0, 3000)
    overlapping = np.convolve(noise, np.ones(21) / 21, mode="valid")
    assert hac_tstat(overlapping, 21) < hac_tstat(overlapping, 1)


def test_unknown_days_are_left_out():
    series = np.random.default_rng(2).normal(0.1, 1.0, 50)
    holes = np.insert(series, [3, 20, 50], np.nan)
    assert hac_tstat(holes) == hac_tstat(series)


@pytest.mark.parametrize("series", [[], [1.0], [np.nan, 2.0], [0.0, 0.0, 0.0], [0.1] * 10, [1 / 3] * 1000])
def test_a_series_that_says_nothing_has_no_t_value(series):
    assert math.isnan(hac_tstat(np.array(series)))


def autocorrelated(seed, days=400):
    """Two regressors and an outcome whose errors are correlated in time and unequal in size."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((days, 2))
    noise = np.convolve(rng.standard_normal(days + 9), np.ones(10) / 3, mode="valid") * (1 + np.abs(X[:, 0]))
    return 0.5 + X @ [1.0, -2.0] + noise, X


def sandwich(y, X, lags):
    """Coefficients and Newey-West covariance, written out."""
    X = np.column_stack([np.ones(len(y)), X])
    bread = np.linalg.inv(X.T @ X)
    b = bread @ X.T @ y
    score = X * (y - X @ b)[:, None]
    meat = score.T @ score
    for lag in range(1, lags + 1):
        between = score[lag:].T @ score[:-lag]
        meat += (1 - lag / (lags + 1)) * (between + between.T)
    return b, bread @ meat @ bread


@pytest.mark.parametrize("lags", [0, 5, 20])
def test_a_regression_has_the_sandwich_of_the_textbook(lags):
    y, X = autocorrelated(lags)
    fit = hac_regression(y, X, lags, ("first", "second"))
    b, covariance = sandwich(y, X, lags)
    # Two ways to invert a well-conditioned 3 x 3 matrix.
    np.testing.assert_allclose(fit.coefficients, b, rtol=1e-10)
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-9)
    assert fit.names == ("constant", "first", "second")
    assert (fit.n, fit.lags) == (400, lags)


def test_a_regression_is_statsmodels_with_hac_errors():
    import statsmodels.api as sm

    y, X = autocorrelated(1)
    fit = hac_regression(y, X)
    golden = sm.OLS(y, sm.add_constant(X)).fit(cov_type="HAC", cov_kwds={"maxlags": 5})  # floor(4 (400/100)^(2/9))
    # The same sums in another order.
    np.testing.assert_allclose(fit.covariance, golden.cov_params(), rtol=1e-11, atol=0)
    np.testing.assert_allclose(fit.t, golden.tvalues, rtol=1e-11)
    assert fit.r2 == pytest.approx(golden.rsquared, rel=1e-12)
    assert fit.lags == 5
    joint = golden.wald_test(np.eye(3), use_f=False, scalar=True)
    statistic, p = fit.wald((0, 0, 0))
    # A 3 x 3 system solved in two ways.
    assert statistic == pytest.approx(float(joint.statistic), rel=1e-9)
    assert p == pytest.approx(float(joint.pvalue), rel=1e-6, abs=1e-300)
    value, t = fit.contrast((0, 1, 1))
    test = golden.t_test([0, 1, 1])
    assert (value, t) == pytest.approx((float(test.effect[0]), float(test.tvalue.squeeze())), rel=1e-10)


def test_an_exact_fit_has_coefficients_and_no_t_values():
    x = np.random.default_rng(9).standard_normal(50)
    fit = hac_regression(0.3 + 2.0 * x, x)
    np.testing.assert_allclose(fit.coefficients, [0.3, 2.0], rtol=1e-13)  # a well-conditioned 2 x 2 system
    assert np.isnan(fit.t).all()
    assert fit.r2 == pytest.approx(1.0, rel=1e-14)
    assert math.isnan(hac_regression(np.full(50, 0.1), x).r2)


def test_rows_with_an_unknown_value_are_left_out():
    y, X = autocorrelated(2)
    holes_y, holes_X = np.insert(y, 7, np.nan), np.insert(X, 7, 1.0, axis=0)
    fit = hac_regression(np.append(holes_y, 1.0), np.vstack([holes_X, [np.nan, 1.0]]))
    np.testing.assert_array_equal(fit.t, hac_regression(y, X).t)


@pytest.mark.parametrize(
    ("y", "X", "message"),
    [
        (np.zeros(3), np.zeros(4), "align them"),
        (np.arange(2.0), np.arange(2.0), "needs more than 2 known rows"),
        (np.arange(5.0), np.ones(5), "repeat the constant"),
    ],
)
def test_a_regression_that_cannot_be_run_is_told(y, X, message):
    with pytest.raises(InputError, match=message):
        hac_regression(y, X)
    with pytest.raises(InputError, match="1 columns and 2 names"):
        hac_regression(np.arange(5.0), np.arange(5.0), names=("a", "b"))


def test_what_comes_is_the_sum_of_the_days_after():
    daily = np.random.default_rng(3).standard_normal(30)
    found = forward_sum(daily, 5)
    # Two orders of summing five numbers.
    np.testing.assert_allclose(found[:25], [daily[t + 1 : t + 6].sum() for t in range(25)], rtol=0, atol=1e-14)
    assert np.isnan(found[25:]).all()
    assert np.isnan(forward_sum(daily[:3], 5)).all()


def test_a_predictive_regression_knows_that_its_outcomes_overlap():
    rng = np.random.default_rng(4)
    signal = rng.standard_normal(500)
    daily = 0.2 * np.append(0.0, signal[:-1]) + rng.standard_normal(500)  # the signal moves the next day
    fit = predictive_regression(signal, daily, 21)
    b, covariance = sandwich(forward_sum(daily, 21)[:-21], signal[:-21], 20)
    np.testing.assert_allclose(fit.t, b / np.sqrt(np.diagonal(covariance)), rtol=1e-9)  # as above
    assert (fit.lags, fit.n) == (20, 479)


def test_an_unbiased_forecast_is_not_rejected_and_a_biased_one_is():
    rng = np.random.default_rng(5)
    implied = rng.uniform(0.1, 0.6, 2000)
    came = implied + 0.05 * rng.standard_normal(2000)
    assert mincer_zarnowitz(came, implied, 1).wald((0, 1))[1] > 0.05
    assert mincer_zarnowitz(0.8 * came, implied, 1).wald((0, 1))[1] < 1e-6
    assert mincer_zarnowitz(came, implied, 21).lags == 20


def test_slopes_of_rises_and_falls_are_planted_ones():
    r = np.random.default_rng(6).standard_normal(300)
    fit = asymmetric_regression(0.1 - 1.5 * np.maximum(r, 0) - 2.5 * np.minimum(r, 0) + 1e-9 * np.sin(r), r)
    # The planted noise is a billionth.
    np.testing.assert_allclose(fit.coefficients, [0.1, -1.5, -2.5], rtol=0, atol=1e-7)
    assert fit.contrast((0, -1, 1))[0] == pytest.approx(-1.0, abs=1e-7)


def test_every_rolling_window_is_the_regression_of_that_window():
    y, X = autocorrelated(7, days=120)
    rolling = rolling_regression(y, X[:, 0], 60)
    for t in (59, 60, 119):
        window = slice(t - 59, t + 1)
        fit = hac_regression(y[window], X[window, 0])
        # Sums of sixty terms in another order.
        assert rolling.slope[t] == pytest.approx(fit.coefficients[1], rel=1e-10)
        assert rolling.t[t] == pytest.approx(fit.t[1], rel=1e-9)
        assert rolling.correlation[t] ** 2 == pytest.approx(fit.r2, rel=1e-10)
    assert np.isnan(rolling.slope[:59]).all()
    assert fit.lags == hac_lags(60)


def test_a_window_with_an_unknown_day_or_a_still_regressor_has_no_slope():
    y, X = autocorrelated(8, days=40)
    x = X[:, 0]
    x[5], x[20:30] = np.nan, 1.0
    rolling = rolling_regression(y, x, 10)
    assert np.isnan(rolling.slope[5:15]).all()
    assert np.isnan(rolling.slope[29])
    assert np.isfinite(rolling.slope[15:28]).all()
    still = np.where(np.arange(40) < 20, 0.1, 1 / 3) * 1.1  # constant but for rounding
    for rolling in (rolling_regression(y, still, 10), rolling_regression(still, x, 10)):
        assert np.isnan(rolling.t[30:]).all()
        assert np.isnan(rolling.correlation[30:]).all()
    with pytest.raises(InputError, match="window=50 does not fit"):
        rolling_regression(y, x, 50)
