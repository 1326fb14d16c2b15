"""The statistics of daily accounts, by array code and by kernel, on books small enough to know the answer."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from engine.backend import namespace
from engine.backtest import AbstractStrategy, EarlyExit, NoCosts, VolPoints, Weekly, backtest
from engine.backtest.batch import stack
from engine.backtest.cohorts.accounts import Accounts
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
    book = SimpleNamespace(
        explain=gross,
        days=sessions - 1,
        cohorts=OneCohort(sessions),
        by_day=by_day,
        most_held=1,
        share=1.0,
        listed=None,
        hedges=None,
    )
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


@dataclass(frozen=True)
class Level(AbstractStrategy):
    """The same exposure every day, or one that changes on a session."""

    level: float = field(default=1.0, metadata={"batch": True})
    then: float = field(default=1.0, metadata={"batch": True})
    at: int = 60

    def exposure(self, market):
        xp = namespace(market.panel.spot)
        later = xp.arange(len(market.dates)) >= self.at
        return xp.where(later, self.then, self.level) + xp.zeros(len(market.dates))


def held_by_loop(result, p=0):
    """The largest sum of |entry exposure| of cohorts open after a close, session by session."""
    cohorts, most = result.book.cohorts, 0.0
    for t in range(len(result.dates)):
        held = [
            abs(e) for e, a, b in zip(result.entry_exposure[p], cohorts.entry, cohorts.last, strict=True) if a <= t < b
        ]
        most = max(most, sum(held))
    return most


def test_exposure_above_one_is_counted_by_the_capital_and_below_one_leaves_it_as_it_is():
    panel = small_market(40, sessions=120)
    terms = {"basket": AllMembers(), "schedule": Weekly(), "costs": VolPoints(), "risk_free": 0.04}
    one, hundred, short, small = (backtest(panel, Level(v, v), **terms) for v in (1.0, 100.0, -100.0, 0.01))
    assert one.book.most_held > 3
    assert one.capital() == 100 * 100_000 * one.book.most_held == small.capital()
    for levered in (hundred, short):
        assert levered.capital() == pytest.approx(100 * one.capital(), rel=1e-14)
        assert levered.capital() == pytest.approx(100 * 100_000 * held_by_loop(levered), rel=1e-14)
        assert f"an exposure of {100 * one.book.most_held:,.4g} held at once" in levered.capital_convention()
    for name in ("return_net_annual", "max_drawdown_share", "sharpe_net", "sharpe_gross", "hac_t"):
        assert hundred.summary()[name] == pytest.approx(one.summary()[name], rel=1e-9), name
    assert hundred.summary()["pnl_net"] == pytest.approx(100 * one.summary()["pnl_net"], rel=1e-9)


@pytest.mark.parametrize(("level", "then"), [(0.0, 3.0), (2.0, 0.5), (-1.5, 1.0), (1.0, 1.0), (0.2, -0.4)])
def test_capital_is_that_of_the_exposures_held_at_once_alone_in_a_batch_and_in_a_loop(xp, level, then):
    panel = small_market(40, sessions=120).to(xp.__name__)
    terms = {"basket": AllMembers(), "schedule": Weekly()}
    sets = [Level(1.0, 1.0), Level(level, then), Level(0.0, 50.0)]
    batch = backtest(panel, stack(sets, xp), **terms)
    alone = backtest(panel, sets[1], **terms)
    assert batch.capital(1) == alone.capital()
    most = max(held_by_loop(alone), alone.book.most_held)
    assert alone.capital() == pytest.approx(100 * 100_000 * most, rel=1e-14)  # sums of a handful of numbers
    assert batch.summary(1)["capital"] == alone.summary()["capital"]
    assert batch.capital(0) == 100 * 100_000 * alone.book.most_held


def test_turnover_is_what_a_loop_over_cohorts_trades_a_year_of_the_most_that_it_holds():
    panel = small_market(40, sessions=120)
    terms = {"basket": AllMembers(), "schedule": Weekly()}
    rules = [EarlyExit(days_left=5), EarlyExit(days_left=12)]
    batch = backtest(panel, stack([Level(1.0, 0.5), Level(-2.0, 1.0)]), exits=stack(rules), **terms)
    kept = backtest(panel, Level(1.0, 0.5), **terms)
    years = (panel.dates[-1] - panel.dates[0]).astype(int) / 365.25
    for result, p in ((batch, 0), (batch, 1), (kept, 0)):
        traded, sales = 0.0, 0
        for c, size in enumerate(np.abs(result.entry_exposure[p])):
            is_sold = result.exit_day is not None and result.exit_day[p, c] < result.book.cohorts.life[c]
            traded += size * (2.0 if is_sold else 1.0)
            sales += bool(is_sold and size)
        assert (sales > 0) == (result is batch)
        most = max(held_by_loop(result, p), result.book.most_held)
        assert result.summary(p)["turnover"] == pytest.approx(traded / years / most, rel=1e-12)
