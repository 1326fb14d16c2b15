"""When cohorts are entered and which contracts they take."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.backtest import (
    AbstractStrategy,
    DailyLadder,
    EarlyExit,
    Monthly,
    NextEntry,
    OnDates,
    Roll,
    Straddle,
    Weekly,
    backtest,
)
from engine.backtest.contracts.roll import rolled
from engine.backtest.contracts.structure import LegStatus, choose_contracts
from engine.calendar import sessions
from engine.data import load_market
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
    index_iv = panel.listed.index_iv.copy()
    index_iv[3] = np.nan
    panel = replace(panel, listed=replace(panel.listed, index_iv=index_iv))
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
    with pytest.raises(
        InputError, match=r"tenor=30 lies outside the surface of small, 91 to 91 days.*structure.tenor=91"
    ):
        backtest(one_tenor, ShortCorrelation(), structure=Straddle(tenor=30))
    assert backtest(one_tenor, ShortCorrelation(), structure=Straddle(tenor=91)).summary()["cohorts"] > 0
    with pytest.raises(
        InputError, match=r"tenor=100000 lies outside the surface of small, 10 to 91 days.*structure.tenor=91"
    ):
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


class NowAndThen(AbstractStrategy):
    def exposure(self, market):
        session = np.arange(len(market.dates))
        return np.where((session % 90 < 20) & (session < 300), 1.0, 0.0)


def test_where_the_rungs_of_a_ladder_have_all_ended_nothing_is_carried():
    market = load_market("synthetic", years=1.5, names=6, progress=False)
    found = backtest(market, NowAndThen(), schedule=DailyLadder(7))
    open_on = np.zeros(len(market), dtype=int)
    lives = found.ledger().group_by("cohort").agg(pl.col("entry_date").first(), pl.col("exit_date").max())
    for _, entry, end in lives.rows():
        open_on += (market.dates >= np.datetime64(entry)) & (market.dates < np.datetime64(end))
    flat = open_on == 0
    assert 10 < flat.sum() < len(market) - 10
    np.testing.assert_array_equal(found.carried_exposure()[flat], 0.0)
    np.testing.assert_allclose(found.carried_exposure()[~flat], open_on[~flat] / 7)


def test_a_ladder_enters_every_session_with_its_rung_of_the_exposure():
    panel = small_market(3, missing=0.0, events=False)
    laddered = backtest(panel, ShortCorrelation(), schedule=DailyLadder(4))
    assert laddered.book.cohorts.entry.tolist() == list(range(1, len(panel)))
    held = laddered.book.entered
    assert held.sum() > 50
    np.testing.assert_array_equal(laddered.entry_exposure[0, held], 0.25)
    whole = backtest(panel, ShortCorrelation(), schedule=DailyLadder(1))
    # A quarter is exact in binary: everything scales by it, what returns are measured on too.
    np.testing.assert_array_equal(4.0 * laddered.pnl_gross, whole.pnl_gross)
    assert laddered.capital() == whole.capital() / 4
    assert "of 0.25 each held at once" in laddered.capital_convention()


def test_dates_of_ones_own_are_entered_from_a_list_or_a_file(tmp_path):
    panel = small_market(4)
    wanted = [str(panel.dates[t]) for t in (5, 17, 40)]
    (tmp_path / "rolls.csv").write_text("date\n" + "\n".join(["1999-01-04", *wanted[::-1], "2050-01-03"]) + "\n")
    assert OnDates(tuple(wanted)).entries(panel.dates, 1).tolist() == [5, 17, 40]
    assert OnDates(str(tmp_path / "rolls.csv")).entries(panel.dates, 1).tolist() == [5, 17, 40]
    assert OnDates(str(tmp_path / "rolls.csv")).entries(panel.dates, 6).tolist() == [17, 40]


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        ("none.csv", r"schedule\.dates=none\.csv is no file; give a table of date"),
        ("a" * 400, r"is no file; give a table of date"),
        (("2024-01-06",), r"schedule\.dates: 2024-01-06 is no session; the next one is 2024-01-08"),
        (("2020-01-06",), r"none of 1 dates lies between 2024-01-02, the first session that can be traded"),
        (("06/01/2024",), r"06/01/2024"),
    ],
)
def test_dates_that_cannot_be_entered_are_told(dates, words):
    with pytest.raises(InputError, match=words):
        OnDates(dates).entries(small_market(4).dates, 1)


@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
@pytest.mark.parametrize(("days", "band"), [(0, np.inf), (6, np.inf), (6, 0.02), (0, 0.001)])
def test_a_roll_enters_the_next_cohort_where_a_loop_over_sessions_does(listed, days, band):
    panel, structure, lag = small_market(5, listed=listed, missing=0.0), Straddle(tenor=25), 2
    expected = [lag]
    while True:
        cohort = choose_contracts(panel, np.array(expected[-1:]), structure)
        entry, found = expected[-1], None
        for t in range(entry + 1, len(panel)):
            moved = entry < t - lag and abs(panel.index_spot[t - lag] / panel.index_spot[entry] - 1.0) > band
            left = (cohort.expiry[0] - panel.dates[t]).astype(int)
            if moved or left <= days or (cohort.settled[0] and t == cohort.last[0]):
                found = t
                break
        if found is None:
            break
        expected.append(found)
    assert len(expected) > 2
    assert rolled(Roll(days, band), panel, structure, lag).tolist() == expected


def test_a_roll_that_never_holds_is_refused():
    with pytest.raises(InputError, match=r"schedule\.days=25 rolls contracts of structure\.tenor=25"):
        backtest(small_market(5), ShortCorrelation(), structure=Straddle(25), schedule=Roll(days=25), exits=NextEntry())
