"""When cohorts are entered and which contracts they take."""

from dataclasses import replace

import numpy as np
import pytest

from engine.backtest import EarlyExit, Monthly, Straddle, Weekly, backtest
from engine.backtest.structure import LegStatus, choose_contracts
from engine.calendar import sessions
from engine.errors import InputError
from engine.testing import small_market
from strategies.short_correlation import ShortCorrelation


def test_monthly_enters_the_first_tradable_session_of_each_month():
    dates = np.array(["2026-01-01", "2026-01-02", "2026-01-30", "2026-02-02", "2026-02-03"], "datetime64[D]")
    assert Monthly().entries(dates, lag=1).tolist() == [1, 3]
    assert Monthly().entries(dates, lag=3).tolist() == [3]


def test_weekly_enters_mondays_or_the_session_after_a_holiday():
    dates = np.array(
        ["2026-01-15", "2026-01-16", "2026-01-20", "2026-01-21", "2026-01-26", "2026-02-01", "2026-02-02"],
        "datetime64[D]",
    )
    entered = dates[Weekly().entries(dates, lag=1)]
    assert entered.astype(str).tolist() == ["2026-01-16", "2026-01-20", "2026-01-26", "2026-02-02"]


def test_the_listed_expiry_nearest_the_tenor_is_taken_and_near_ones_are_not():
    panel = small_market(listed=True, missing=0.0)
    entry = np.arange(0, 60, 7)
    cohorts = choose_contracts(panel, entry, Straddle(tenor=25, min_days=7))
    for c, t in enumerate(entry):
        days = (panel.listed.expiry[t] - panel.dates[t]).astype(int)
        allowed = [d for d in days if d >= 7]
        assert (cohorts.expiry[c] - panel.dates[t]).astype(int) == min(allowed, key=lambda d: abs(d - 25))
        assert panel.dates[cohorts.last[c]] <= cohorts.expiry[c]


def test_without_a_quoted_index_no_contract_is_chosen():
    panel = small_market(listed=True, missing=0.0)
    panel.listed.index_iv[3] = np.nan
    cohorts = choose_contracts(panel, np.array([3, 4]), Straddle(tenor=25))
    assert np.isnat(cohorts.expiry[0])
    assert not cohorts.settled[0]
    assert not np.isnat(cohorts.expiry[1])


def test_an_expiry_inside_a_hole_of_the_data_never_settles():
    panel = small_market(missing=0.0)
    hole = np.r_[0:20, 45:90]
    holed = panel.map_arrays(lambda _, array: array[hole])
    cohorts = choose_contracts(holed, np.array([10, 30]), Straddle(tenor=25))
    assert cohorts.settled.tolist() == [False, True]
    assert cohorts.last[0] == 19


class SecondWeeks:
    """A schedule of one's own: every second week, its sessions as `change` leaves them."""

    def __init__(self, change):
        self.change = change

    def entries(self, dates, lag):
        return self.change(Weekly().entries(dates, lag)[::2])


@pytest.mark.parametrize("change", [lambda entry: entry, lambda entry: entry.astype(np.int32), lambda entry: [*entry]])
def test_a_schedule_may_return_its_sessions_in_any_kind_of_array(change):
    panel = small_market(0)

    def pnl(schedule):
        return backtest(panel, ShortCorrelation(), schedule=schedule, exits=EarlyExit(stop=0.5)).pnl_gross

    np.testing.assert_array_equal(pnl(SecondWeeks(change)), pnl(SecondWeeks(np.copy)))


@pytest.mark.parametrize(
    "change", [lambda entry: entry[::-1], lambda entry: np.repeat(entry, 2), lambda entry: np.append(0, entry)]
)
def test_a_schedule_that_cannot_be_followed_is_refused(change):
    with pytest.raises(InputError, match="SecondWeeks enters on sessions that do not ascend, or before"):
        backtest(small_market(0), ShortCorrelation(), schedule=SecondWeeks(change))


def test_a_tenor_beyond_the_surface_is_refused_not_traded_at_another_tenors_volatility():
    panel = small_market(sessions=90)
    one_tenor = replace(
        panel,
        tenors=panel.tenors[2:],
        index_iv=panel.index_iv[:, 2:],
        component_iv=panel.component_iv[:, :, 2:],
        index_status=panel.index_status[:, 2:],
        component_status=panel.component_status[:, :, 2:],
    )
    with pytest.raises(InputError, match=r"tenor=30 lies outside the surface of small, 91 to 91 days"):
        backtest(one_tenor, ShortCorrelation(), structure=Straddle(tenor=30))
    assert backtest(one_tenor, ShortCorrelation(), structure=Straddle(tenor=91)).summary()["cohorts"] > 0
    with pytest.raises(InputError, match=r"tenor=100000 lies outside the surface of small, 10 to 91 days"):
        backtest(panel, ShortCorrelation(), structure=Straddle(tenor=100_000))


def test_a_tenor_far_from_every_listed_expiry_is_refused():
    panel = small_market(sessions=90, listed=True)
    assert backtest(panel, ShortCorrelation(), structure=Straddle(tenor=30)).summary()["cohorts"] > 0
    with pytest.raises(InputError, match="tenor=365 finds no expiry near it in small"):
        backtest(panel, ShortCorrelation(), structure=Straddle(tenor=365))


def test_an_expiry_while_the_exchange_is_closed_settles_on_the_session_before_and_one_in_a_hole_is_lost():
    dates = sessions("XTKS", "2019-03-01", "2019-06-28")  # none from 27 April to 6 May
    panel = small_market(sessions=len(dates), events=False)
    tokyo, new_york = (
        replace(panel, dates=dates, info=replace(panel.info, calendar=calendar)) for calendar in ("XTKS", "XNYS")
    )
    entry = np.searchsorted(dates, [np.datetime64("2019-04-04")])  # 30 days later is 4 May
    outcomes = [choose_contracts(market, entry, Straddle()).outcome.tolist() for market in (tokyo, new_york)]
    assert outcomes == [[LegStatus.EXPIRED], [LegStatus.LOST]]
