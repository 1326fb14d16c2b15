"""Views of a result: each sums to the book, and a day is the difference of two backtests."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.backtest import (
    AbstractStrategy,
    Calendar,
    CorrelationSwap,
    EarlyExit,
    ForwardStart,
    GammaSwap,
    Straddle,
    Strangle,
    VarianceSwap,
    VolatilitySwap,
    VolPoints,
    backtest,
)
from engine.backtest.contracts.structure import LegStatus
from engine.backtest.legs.attribution import PARTS
from engine.correlation import AllMembers
from engine.errors import InputError
from engine.testing import small_market

SUMS = ("pnl_option", "pnl_hedge", "financing", "pnl_gross", "cost", "pnl_net")
STRUCTURES = [
    Straddle(28),
    Strangle(28),
    VarianceSwap(28),
    GammaSwap(28),
    VolatilitySwap(28),
    CorrelationSwap(28),
    ForwardStart(42, start=14),
    Calendar(28, far_tenor=60),
]  # entered and expiring on Wednesdays


class OnAndOff(AbstractStrategy):
    """Three weeks short correlation, two weeks long, by date: what is decided does not depend on later data."""

    def exposure(self, market):
        return np.where(np.arange(len(market.dates)) % 25 < 15, 1.0, -0.5)


class Wednesdays:
    """Events are on Mondays, and a backtest that ends on its entry does not enter."""

    def entries(self, dates, lag):
        return np.arange(lag + 1, len(dates), 5)


def run(panel, structure=STRUCTURES[0], exits=None, costs=None):
    choices = {"structure": structure, "exits": exits, "costs": costs}
    return backtest(panel, OnAndOff(), basket=AllMembers(), schedule=Wednesdays(), **choices)


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("exits", [None, EarlyExit(stop=0.5, days_left=8)], ids=["held", "sold"])
def test_names_and_cohorts_sum_to_the_book(structure, exits):
    result = run(small_market(30), structure, exits)
    daily, names, cohorts = result.daily(), result.by_name(), result.by_cohort()
    for column in ("pnl_gross", "cost", "pnl_net"):
        assert names[column].sum() == pytest.approx(daily[column].sum(), rel=1e-9)
        assert cohorts[column].sum() == pytest.approx(daily[column].sum(), rel=1e-9)
    for part in PARTS:
        # Legs of opposite signs: rounding of the sum of their sizes.
        assert cohorts[part].sum() == pytest.approx(daily[part].sum(), rel=1e-9, abs=1e-5)
    assert names["leg"].to_list() == ["IDX", *sorted(names["leg"].to_list()[1:])]
    assert cohorts["cohort"].to_list() == np.flatnonzero(result.entry_exposure[0]).tolist()


@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("exits", [None, EarlyExit(stop=0.5, days_left=8)], ids=["held", "sold"])
def test_a_day_is_the_difference_of_two_backtests_that_end_on_it_and_before(structure, exits, listed):
    panel = small_market(31, listed=listed)
    costs = VolPoints(hedge_bps=0.0)  # a backtest gives up its hedges where it ends
    result = run(panel, structure, exits, costs)
    until = {}
    for t in (20, 30, 40, 41, 55, 65, 70):
        for end in (t - 1, t):
            if end not in until:
                until[end] = run(panel.slice(end=panel.dates[end]), structure, exits, costs).by_name()
        day = result.day(panel.dates[t]).group_by("leg").agg(pl.col("pnl_gross", "cost", "pnl_net").sum())
        both = until[t].join(until[t - 1], on="leg", how="full", suffix="_before", coalesce=True).fill_null(0.0)
        both = both.join(day, on="leg", how="left", suffix="_day").fill_null(0.0)
        # Nor does it sell on its last session: what that costs shows a day later.
        for column in ("pnl_gross", "cost", "pnl_net")[: 1 if exits else 3]:
            # Sums over a life of values near 1e7, in the order of the days: 12 digits.
            np.testing.assert_allclose(
                both[f"{column}_day"],
                both[column] - both[f"{column}_before"],
                rtol=0,
                atol=1e-5,
                err_msg=f"{t} {column}",
            )


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: type(s).__name__)
def test_every_day_sums_to_its_row_of_the_daily_table_by_source(structure):
    panel = small_market(32)
    result = run(panel, structure, EarlyExit(target=0.3))
    for t, row in enumerate(result.daily().iter_rows(named=True)):
        day = result.day(panel.dates[t])
        for column in (*PARTS, "pnl_gross", "cost", "pnl_net"):
            assert day[column].sum() == pytest.approx(row[column], rel=1e-9, abs=1e-5), (t, column)


def test_a_day_that_is_no_session_is_refused():
    with pytest.raises(InputError, match="2024-01-06 is no session of small; nearest are 2024-01-05 and 2024-01-08"):
        run(small_market(33)).day("2024-01-06")
    with pytest.raises(InputError, match=r"no session of small; nearest are \d{4}-\d\d-\d\d$"):
        run(small_market(33)).day("2034-01-06")


@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: type(s).__name__)
def test_on_a_frozen_surface_the_next_day_earns_the_carry(structure, listed):
    panel = small_market(34, listed=listed, events=False)
    held = np.r_[0:50, 49, 51:90]  # session 50 repeats the quotes and prices of session 49
    still = panel.map_arrays(lambda name, array: array if name == "dates" else array[held])
    result = run(still, structure)
    carry, day = result.carry(panel.dates[49]), result.day(panel.dates[50])
    key = ("cohort", "leg", "instrument")
    both = carry.join(day, on=key, how="left", suffix="_day")
    assert carry.height > (2 if isinstance(structure, CorrelationSwap) else 10)
    for column in (*PARTS, "pnl_gross"):
        np.testing.assert_array_equal(both[column], both[f"{column}_day"], err_msg=column)
    assert (carry["theta"].abs() > 0.0).any()


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: type(s).__name__)
def test_carry_from_the_day_of_a_split_knows_of_no_other(structure):
    panel = small_market(36, missing=0.0)
    spot, factor = panel.spot.copy(), panel.strike_factor.copy()
    spot[30:, 0] /= 0.2
    factor[30, 0] = 1.0
    undone = replace(panel, spot=spot, strike_factor=factor, return_factor=factor.copy())
    for session in (30, 40, 55):  # the split, a merger and a bust
        carry, expected = (run(p, structure).carry(panel.dates[session]) for p in (panel, undone))
        assert carry.height == expected.height > (2 if isinstance(structure, CorrelationSwap) else 10)
        for part in PARTS:
            # Values in other units of shares: rounding of what nearly cancels.
            np.testing.assert_allclose(carry[part], expected[part], rtol=1e-7, atol=1e-5, err_msg=f"{session} {part}")


def test_after_the_last_session_carry_is_to_the_next_weekday():
    panel = small_market(35, events=False, missing=0.0)
    result = run(panel)
    carry = result.carry(panel.dates[-1])
    assert panel.dates[-1].astype(object).weekday() == 4, "a Friday: three days of interest"
    legs = result.book.legs
    vega = result.entry_exposure[0] * result.vega_per_cohort()
    still_open = result.book.cohorts.outcome == LegStatus.OPEN
    value = (vega[:, None] * legs.units * legs.exit_value[..., 0])[still_open].sum()
    assert set(carry["cohort"]) == set(np.flatnonzero(still_open & (vega != 0.0)).tolist())
    assert carry["financing"].sum() == pytest.approx(-np.expm1(0.04 * 3 / 365) * value, rel=1e-9)
