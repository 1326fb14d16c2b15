"""The statistics of daily accounts, by array code and by kernel, on books small enough to know the answer."""

from types import SimpleNamespace

import numpy as np
import pytest

from engine.backtest import NoCosts, VolPoints, backtest
from engine.backtest.accounts import Accounts
from engine.backtest.metrics import hac_t, sharpe
from engine.correlation import AllMembers
from engine.testing import small_market
from strategies.short_correlation import ShortCorrelation


class OneCohort:
    """Held on all sessions."""

    def __init__(self, sessions):
        self.entry, self.life = np.array([0]), np.array([sessions - 1])

    def __len__(self):
        return 1


def statistics(xp, gross, **given):
    """Statistics of a book that holds one cohort, makes `gross` day by day, and trades nothing."""
    gross = xp.asarray(gross)[None]
    idle = [
        "index_traded",
        "component_traded",
        "index_held",
        "component_held",
        "hedge_traded",
        "hedge_held",
        "delivered",
    ]
    by_day = {"gross": gross} | {name: xp.zeros_like(gross) for name in idle}
    sessions = gross.shape[1]
    book = SimpleNamespace(explain=gross, days=sessions - 1, cohorts=OneCohort(sessions), by_day=by_day, most_held=1)
    accounts = Accounts(book, sessions, xp.ones((1, 1)), None, 1.0, NoCosts(), **given)
    return {name: float(value[0]) for name, value in accounts.statistics().items()}


@pytest.mark.parametrize("constant", [0.0, 0.1, -1e6 / 3])
def test_pnl_that_is_the_same_every_day_has_no_ratio_to_its_deviation(xp, constant):
    found = statistics(xp, np.full(700, constant))
    assert all(np.isnan(found[name]) for name in ("sharpe_gross", "sharpe_net", "hac_t"))
    assert found["pnl_gross"] == pytest.approx(700 * constant, rel=1e-12)  # a sum of 700 numbers


def test_sharpe_is_measured_above_what_the_capital_would_have_earned(xp):
    gross = np.random.default_rng(3).normal(0.2, 1.0, 400)
    found = statistics(xp, gross, risk_free=0.05)
    # Capital is a hundred vol points of the one unit of index vega held at once.
    expected = sharpe(gross, hurdle=100.0 * 0.05 / 252)
    # Two orders of adding 400 numbers.
    assert found["sharpe_gross"] == pytest.approx(expected, rel=1e-11)
    assert found["sharpe_net"] == pytest.approx(expected, rel=1e-11)
    assert found["hac_t"] == pytest.approx(hac_t(gross, 399), rel=1e-9)  # a test against zero, whatever the rate


def test_a_backtest_with_a_risk_free_rate_changes_its_sharpe_ratios_alone():
    panel = small_market(40, sessions=120)
    plain, above = (
        backtest(panel, ShortCorrelation(), basket=AllMembers(), costs=VolPoints(), risk_free=rate)
        for rate in (0.0, 0.04)
    )
    hurdle = 0.04 / 252 * plain.capital()
    expected = {
        "sharpe_gross": float(sharpe(plain.pnl_gross[0], hurdle)),
        "sharpe_net": float(sharpe(plain.pnl_net[0], hurdle)),
    }
    assert above.summary() == pytest.approx(plain.summary() | expected, rel=1e-11, nan_ok=True)  # as above
    assert "above a risk-free 4 % a year" in above.capital_convention()
