"""Metrics by hand."""

import math

import numpy as np
import pytest

from engine.backtest.metrics import drawdown, hac_t, share, sharpe
from engine.statistics import hac_tstat


def test_sharpe_is_the_annualised_ratio_of_mean_to_deviation_per_row():
    pnl = np.array([[1.0, 2.0, 3.0], [-1.0, 0.0, 1.0]])
    assert sharpe(pnl)[0] == pytest.approx(math.sqrt(252) * 2.0 / math.sqrt(2.0 / 3.0), rel=1e-14)
    assert sharpe(pnl)[1] == 0.0


def test_sharpe_of_pnl_that_never_moves_is_unknown():
    assert math.isnan(sharpe(np.zeros(5)))


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
