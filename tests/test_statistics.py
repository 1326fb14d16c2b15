"""Statistics: autocorrelation-consistent t-values."""

import math

import numpy as np
import pytest

from engine.statistics import hac_tstat


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


@pytest.mark.parametrize("series", [[], [1.0], [np.nan, 2.0], [0.0, 0.0, 0.0]])
def test_a_series_that_says_nothing_has_no_t_value(series):
    assert math.isnan(hac_tstat(np.array(series)))
