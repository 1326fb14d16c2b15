"""Metrics by hand."""

import math
import statistics

import numpy as np
import pytest

from engine.backtest.metrics import drawdown, hac_t, share, sharpe
from engine.statistics import hac_tstat


def test_sharpe_is_the_annualised_ratio_of_mean_to_deviation_per_row():
    pnl = np.array([[1.0, 2.0, 3.0], [-1.0, 0.0, 1.0]])
    for row, found in zip(pnl, sharpe(pnl), strict=True):
        expected = math.sqrt(252) * statistics.mean(row) / statistics.stdev(row)  # of a sample: T - 1
        assert found == pytest.approx(expected, rel=1e-14)
    assert sharpe(pnl)[1] == 0.0


def test_sharpe_above_a_risk_free_rate_is_that_of_the_pnl_less_what_the_rate_pays():
    pnl = np.random.default_rng(1).normal(0.1, 1.0, (3, 50))
    hurdle = np.array([0.0, 0.05, -0.1])
    np.testing.assert_allclose(sharpe(pnl, hurdle), sharpe(pnl - hurdle[:, None]), rtol=1e-13)  # one more rounding each


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, -1e9 / 7, 1e-12 / 3])
@pytest.mark.parametrize("days", [2, 10, 5000])
def test_pnl_that_is_the_same_every_day_has_neither_sharpe_nor_t_value(constant, days):
    """Its deviation is a rounding of some 1e-17, not 0: the ratio to it was 7e16."""
    pnl = np.full((2, days), constant)
    assert np.isnan(sharpe(pnl)).all()
    assert np.isnan(hac_t(pnl, 5)).all()
    assert math.isnan(hac_tstat(pnl[0], 5))


def test_pnl_that_hardly_moves_still_has_a_sharpe():
    pnl = 1.0 + 1e-8 * np.random.default_rng(2).standard_normal(500)
    assert sharpe(pnl) == pytest.approx(math.sqrt(252) * pnl.mean() / pnl.std(ddof=1), rel=1e-6)  # digits left of 1e-8


def test_the_sharpe_of_one_day_is_unknown():
    assert math.isnan(sharpe(np.array([3.0])))


def test_drawdown_starts_from_zero_and_is_measured_from_the_running_high():
    assert drawdown(np.array([-1.0, 2.0, -4.0, 5.0])).tolist() == [-1.0, 0.0, -4.0, 0.0]


def test_share_of_nothing_is_unknown():
    assert math.isnan(share(1.0, 0.0))


@pytest.mark.parametrize(("sessions", "days"), [(60, 5), (300, 21), (12, 30)])
def test_the_t_statistics_of_a_batch_are_those_of_statsmodels_row_by_row(sessions, days):
    pnl = np.random.default_rng(sessions).normal(0.1, 1.0, (4, sessions)).cumsum(axis=1)
    pnl[3] = 0.0
    expected = [hac_tstat(row, days) for row in pnl]
    # Two orders of summing some hundred products.
    np.testing.assert_allclose(hac_t(pnl, days), expected, rtol=1e-9)
    assert math.isnan(expected[3])
