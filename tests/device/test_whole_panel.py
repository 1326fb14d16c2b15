"""Everything a panel on a device is used for gives the numbers of numpy, and nothing crosses over by itself."""

import numpy as np
import pytest

from engine.backend import namespace
from engine.backtest import Straddle, Weekly, backtest
from strategies.rich_correlation import RichCorrelation
from strategies.short_correlation import ShortCorrelation
from tests.backtest.small_market import small_market

# Sums over a handful of legs in another order, and special functions of another library.
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


@pytest.mark.parametrize("listed", [False, True])
def test_a_panel_goes_to_the_device_and_back_unchanged(device, listed):
    panel = small_market(listed=listed)
    there = panel.to("cupy")
    assert there.window_bytes is None
    assert namespace(there.component_iv, there.weights, there.spot) is device
    assert isinstance(there.dates, np.ndarray)
    back = {}
    there.to("numpy").map_arrays(lambda name, array: back.update({name: array}))
    panel.map_arrays(lambda name, array: np.testing.assert_array_equal(back[name], array, err_msg=name))


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("strategy", [ShortCorrelation(), RichCorrelation(window=20, enter=0.5)])
def test_a_backtest_on_a_device_gives_the_numbers_of_numpy(device, listed, strategy):
    panel = small_market(listed=listed)
    choices = {"structure": Straddle(tenor=30), "schedule": Weekly()}
    expected, found = backtest(panel, strategy, **choices), backtest(panel.to("cupy"), strategy, **choices)
    assert np.abs(expected.pnl_gross).sum() > 0.0
    np.testing.assert_allclose(found.daily().drop("date").to_numpy(), expected.daily().drop("date").to_numpy(), **CLOSE)
    assert found.ledger().drop("cohort").shape == expected.ledger().drop("cohort").shape
    for name, value in expected.summary().items():
        assert found.summary()[name] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), name
