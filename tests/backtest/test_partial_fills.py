"""Entries capped by what trades: lots that could be had, what is left open, entries spread over sessions."""

import numpy as np
import polars as pl
import pytest

from engine.backtest import ListedMarks, Monthly, NextEntry, OnDates, Straddle, Weekly, backtest
from engine.correlation import AllMembers
from engine.data import MarketPanel
from engine.errors import InputError
from engine.testing import small_market
from strategies.short_correlation import ShortCorrelation
from tests.backtest.test_listed_quotes import First, prices, quotes, run

VOLUME = {"IDX": 1_000_000.0, "A": 2000.0, "B": None}


def with_volumes(volumes: dict, column: str = "volume") -> MarketPanel:
    """The market of listed quotes, every contract of a name with the same volume."""
    known = pl.DataFrame(
        {"ticker": list(volumes), column: list(volumes.values())}, schema={"ticker": pl.String, column: pl.Float64}
    )
    weights = pl.DataFrame({"ticker": ["A", "B"], "weight": [0.6, 0.4]})
    rows = quotes().join(known, on="ticker", how="left")
    return MarketPanel.from_quotes(quotes=rows, weights=weights, prices=prices(), rates=0.0, index="IDX")


def lots_of(result) -> dict:
    ledger = result.ledger()
    return {leg: rows["lots"].unique().to_list() for (leg,), rows in ledger.group_by("leg")}


@pytest.fixture(scope="module")
def free():
    """Entries that have all they ask for: lots by leg, the same of call and put."""
    return lots_of(run(with_volumes(VOLUME)))


def test_a_leg_has_the_lots_that_its_share_of_the_volume_holds(free):
    result = run(with_volumes(VOLUME | {"B": 70.0}), marks=ListedMarks(volume_share=0.1))
    found = lots_of(result)
    ((asked_a,), (asked_b,)) = free["A"], free["B"]
    assert asked_a > 0 > free["IDX"][0] * np.sign(asked_a)
    assert asked_a < 200
    assert asked_b > 7
    assert found == free | {"B": [7]}  # a tenth of 70; a tenth of 2,000 is more than A asks for
    frame = result.unfilled()
    row = frame.row(0, named=True)
    assert frame.height == 1
    assert (row["leg"], row["lots_asked"], row["lots"]) == ("B", asked_b, 7)
    vega = result.ledger().filter(leg="B")["entry_vega"].sum()
    assert row["missing_vega"] == pytest.approx(vega * (asked_b - 7) / 7, rel=1e-9)
    summary = result.summary()
    asked_vega = row["missing_vega"] + result.ledger()["entry_vega"].abs().sum()
    assert summary["unfilled_vega_share"] == pytest.approx(row["missing_vega"] / asked_vega, rel=1e-9)
    assert "unfilled" in [caution.code for caution in result.cautions()]
    # What is missing is the residual: nothing else was traded in its place.
    whole = run(with_volumes(VOLUME)).by_cohort()["residual_vega"][0]
    assert result.by_cohort()["residual_vega"][0] == pytest.approx(whole - row["missing_vega"], rel=1e-9)


def test_a_cap_that_binds_nowhere_changes_no_bit(free):
    panel = with_volumes(dict.fromkeys(VOLUME, 1e6))
    capped, whole = run(panel, marks=ListedMarks(volume_share=1.0)), run(panel)
    for name in ("pnl_gross", "cost", "pnl_net"):
        np.testing.assert_array_equal(getattr(capped, name), getattr(whole, name))
    assert capped.unfilled().is_empty()
    assert capped.summary()["unfilled_vega_share"] == 0.0


def test_of_what_is_not_known_nothing_can_be_had(free):
    result = run(with_volumes(VOLUME), marks=ListedMarks(volume_share=1.0))
    assert lots_of(result) == {leg: lots for leg, lots in free.items() if leg != "B"}
    assert result.unfilled().select("leg", "lots").rows() == [("B", 0)]


def test_open_interest_caps_as_volume_does(free):
    panel = with_volumes({"IDX": 1e6, "A": 1e6, "B": 41.0}, "oi")
    found = lots_of(run(panel, marks=ListedMarks(open_interest_share=0.5)))
    assert found == free | {"B": [20]}


def test_an_index_that_cannot_be_had_is_not_entered():
    with pytest.raises(InputError, match="none of 1 cohorts can be entered"):
        run(with_volumes(VOLUME | {"IDX": 0.0}), marks=ListedMarks(volume_share=0.5))


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(InputError, match="volume_share="):
        ListedMarks(volume_share=share)


def test_a_market_without_volumes_is_refused():
    with pytest.raises(InputError, match=r"marks\.open_interest_share: no contract of .* has its oi"):
        run(with_volumes(VOLUME), marks=ListedMarks(open_interest_share=0.5))
    with pytest.raises(InputError, match="all they asked for"):
        run(with_volumes(VOLUME)).unfilled()


def sessions_of(period, lag, over):
    """The first sessions of each period, found by walking."""
    found, count = [], {}
    for session in range(lag, len(period)):
        count[period[session]] = count.get(period[session], 0) + 1
        if count[period[session]] <= over:
            found.append(session)
    return found


@pytest.mark.parametrize("lag", [1, 4])
@pytest.mark.parametrize("over", [1, 2, 3, 5])
def test_an_entry_is_spread_over_the_first_sessions_of_each_period(over, lag):
    dates = small_market(3).dates
    months = [str(date)[:7] for date in dates]
    weeks = [date.isocalendar()[:2] for date in dates.astype("datetime64[D]").tolist()]
    assert Monthly(over).entries(dates, lag).tolist() == sessions_of(months, lag, over)
    assert Weekly(over).entries(dates, lag).tolist() == sessions_of(weeks, lag, over)


def test_a_spread_entry_is_the_mean_of_entries_on_each_of_its_sessions():
    panel = small_market(3, missing=0.0, events=False)
    choices = {"basket": AllMembers(), "structure": Straddle(25)}
    spread = backtest(panel, ShortCorrelation(), schedule=Weekly(over=2), **choices)
    entry = spread.book.cohorts.entry
    weeks = np.array([date.isocalendar()[1] for date in panel.dates[entry].tolist()])
    first = np.concatenate([[True], weeks[1:] != weeks[:-1]])
    parts = [
        backtest(panel, ShortCorrelation(), schedule=OnDates(tuple(map(str, panel.dates[entry[of]]))), **choices)
        for of in (first, ~first)
    ]
    for name in ("pnl_gross", "cost"):
        whole = sum(getattr(part, name) for part in parts) / 2.0
        # The same cohorts, added up in another order.
        np.testing.assert_allclose(getattr(spread, name), whole, rtol=1e-12, atol=1e-9 * np.abs(whole).max())
    assert "of 0.5 each held at once" in spread.capital_convention()


@pytest.mark.parametrize("schedule", [Weekly(over=3), Monthly(over=4)])
def test_rolled_into_the_next_no_more_is_held_than_is_asked_for(schedule):
    panel = small_market(3, missing=0.0, events=False)
    result = backtest(panel, ShortCorrelation(), schedule=schedule, exits=NextEntry(), structure=Straddle(25))
    held = np.zeros(len(panel))
    until = result.held_until(0)
    for c, entry in enumerate(result.book.cohorts.entry):
        held[entry : entry + until[c]] += abs(result.entry_exposure[0, c])
    assert held.max() == pytest.approx(1.0, abs=1e-12)


def test_whole_lots_are_spread_too():
    panel = with_volumes(VOLUME)
    result = run(panel, schedule=Weekly(over=2))
    ledger = result.ledger()
    assert ledger["cohort"].n_unique() > 2
    exact = ledger["quantity"] / 100.0
    np.testing.assert_allclose(exact, exact.round(), atol=1e-9)
    whole = run(panel, schedule=First()).ledger().filter(leg="IDX")["lots"][0]
    assert ledger.filter(cohort=0, leg="IDX")["lots"][0] == pytest.approx(whole / 2, abs=0.5)


@pytest.mark.parametrize(("schedule", "over"), [(Weekly, 0), (Weekly, 6), (Monthly, 16), (Monthly, 1.5)])
def test_a_spread_that_no_period_holds_is_refused(schedule, over):
    with pytest.raises(InputError, match=r"schedule\.over="):
        schedule(over=over)
