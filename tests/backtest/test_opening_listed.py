"""Listed index options that settle in the morning, beside others of the same strike and expiry that do at the close."""

import datetime

import numpy as np
import polars as pl
import pytest

from engine.backtest import Calendar, ListedMarks, NoHedge, Straddle, Weekly
from engine.data import MarketPanel
from engine.errors import InputError
from tests.backtest.test_listed_quotes import EXPIRIES, START, prices, quotes, run, sessions, spot

DEARER = 0.3  # by which what settles in the morning is quoted above what settles at the close
FIRST = START + datetime.timedelta(EXPIRIES[0])


@pytest.fixture(scope="module")
def settles_twice():
    """The first expiry of the index is listed with either settlement, the second for the close alone."""
    volume = pl.when(pl.col("ticker") == "IDX").then(70.0).otherwise(1e6)
    rows = quotes().with_columns(settlement=pl.lit("pm"), volume=volume)
    morning = rows.filter(ticker="IDX", expiry=FIRST).with_columns(
        pl.col("bid", "ask") + DEARER, settlement=pl.lit("am"), volume=pl.lit(9.0)
    )
    return pl.concat([rows, morning])


def panel_of(rows):
    weights = pl.DataFrame({"ticker": ["A", "B"], "weight": [0.6, 0.4]})
    return MarketPanel.from_quotes(rows, weights, prices(), rates=0.0, index="IDX")


@pytest.fixture(scope="module")
def panel(settles_twice):
    return panel_of(settles_twice)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("openings") / "open.csv"
    days = sessions()
    pl.DataFrame({"date": days, "open": [opening(day) for day in days]}).write_csv(path)
    return str(path)


def opening(day):
    return spot("IDX", day) * 1.013


def mid(rows, row, date, settlement):
    same = rows.filter(ticker=row["leg"], expiry=row["expiry"], right=row["right"], date=date, settlement=settlement)
    found = same.filter((pl.col("strike") - row["strike"]).abs() < 1e-9)
    assert found.height == 1
    return (found["bid"][0] + found["ask"][0]) / 2.0


def pays(row, at):
    return max(at - row["strike"], 0.0) if row["right"] == "C" else max(row["strike"] - at, 0.0)


def test_the_index_leg_is_what_settles_in_the_morning_and_the_members_what_settles_at_the_close(
    panel, settles_twice, file
):
    result = run(panel, structure=Straddle(28, opening=file), hedge=NoHedge())
    ledger, daily = result.ledger(), np.zeros(len(panel))
    days = panel.dates.astype(object).tolist()
    on_index = ledger["leg_class"] == "index"
    assert ledger["settles"].to_list() == np.where(on_index, "am", "pm").tolist()
    for row in ledger.iter_rows(named=True):
        quoted = [mid(settles_twice, row, day, row["settles"]) for day in days if row["entry_date"] <= day < FIRST]
        at_close = pays(row, spot(row["leg"], FIRST))
        gap = pays(row, opening(FIRST)) - at_close if row["leg"] == "IDX" else 0.0
        assert row["entry_price"] == pytest.approx(quoted[0], rel=1e-12)
        assert row["exit_price"] == pytest.approx(at_close + gap, rel=1e-9, abs=1e-9)
        assert row["settlement"] == pytest.approx(row["quantity"] * gap, rel=1e-9, abs=1e-6)
        assert row["pnl_gross"] == pytest.approx(row["quantity"] * (at_close + gap - quoted[0]), rel=1e-9)
        first = days.index(row["entry_date"])
        moved = np.diff([*quoted, at_close])
        daily[first + 1 : first + 1 + len(moved)] += row["quantity"] * moved
        daily[days.index(FIRST)] += row["quantity"] * gap
    assert ledger["settlement"].abs().max() > 0.0
    np.testing.assert_allclose(result.pnl_gross[0], daily, rtol=1e-9, atol=1e-6)
    # Without the table what settles at the close is held, at its own quotes.
    close = run(panel, hedge=NoHedge()).ledger()
    assert set(close["settles"]) == {"pm"}
    for row in close.iter_rows(named=True):
        assert row["entry_price"] == pytest.approx(mid(settles_twice, row, row["entry_date"], "pm"), rel=1e-12)
    # And of a contract that is listed twice the volume is that of the one held.
    held = {
        kind: run(panel, structure=Straddle(28, opening=kind)).capacity(share=1.0).row(0, named=True)
        for kind in (file, None)
    }
    assert (held[file]["settles"], held[file]["volume"]) == ("am", 9.0)
    assert (held[None]["settles"], held[None]["volume"]) == ("pm", 70.0)


def test_expiries_that_list_no_such_options_settle_at_the_close_and_it_is_told(panel, file, caplog):
    caplog.set_level("WARNING")
    ledger = run(panel, structure=Straddle(28, opening=file), schedule=Weekly()).ledger()
    on_index = ledger.filter(leg_class="index")
    assert set(on_index.filter(expiry=FIRST)["settles"]) == {"am"}
    assert set(on_index.filter(pl.col("expiry") != FIRST)["settles"]) == {"pm"}
    later = on_index.filter(pl.col("expiry") != FIRST)["cohort"].n_unique()
    all_of = on_index["cohort"].n_unique()
    assert 0 < later < all_of
    assert f"{later} of {all_of} cohorts hold IDX options that settle at the close: no others are listed" in caplog.text


def test_every_expiry_of_a_calendar_has_a_settlement_of_its_own(panel, file):
    ledger = run(panel, structure=Calendar(28, far_tenor=60, opening=file)).ledger().filter(leg_class="index")
    # The longer is listed for the close alone, and sold where the shorter settles.
    assert ledger.sort("expiry")["settles"].to_list() == ["am", "am", "pm", "pm"]
    assert (ledger.filter(settles="pm")["settlement"] == 0.0).all()
    assert (ledger.filter(settles="am")["settlement"].abs() > 0.0).any()


def test_where_the_source_does_not_say_the_structure_does_and_where_it_says_otherwise_it_is_refused(
    settles_twice, file
):
    at_close = settles_twice.filter(settlement="pm")
    unsaid = panel_of(at_close.drop("settlement"))
    ledger = run(unsaid, structure=Straddle(28, opening=file)).ledger()
    assert dict(ledger.select("leg_class", "settles").unique().iter_rows()) == {"index": "am", "component": "pm"}
    assert ledger.filter(leg_class="index")["settlement"].abs().max() > 0.0
    with pytest.raises(InputError, match=r"no option on IDX that could be held settles in the morning"):
        run(panel_of(at_close), structure=Straddle(28, opening=file))


def test_an_opening_at_the_close_leaves_the_marks_of_the_contract(panel, tmp_path):
    days = sessions()
    pl.DataFrame({"date": days, "open": [spot("IDX", day) for day in days]}).write_csv(tmp_path / "same.csv")
    found = run(panel, structure=Straddle(28, opening=str(tmp_path / "same.csv")), marks=ListedMarks(fill=0.0))
    close = run(panel, marks=ListedMarks(fill=0.0))
    lots = found.ledger().filter(leg_class="index")["lots"].to_numpy()
    assert (lots == close.ledger().filter(leg_class="index")["lots"].to_numpy()).all()
    # Both settle at one price: what is sold dearer earns that once, on every share.
    dearer = -DEARER * lots.sum() * 100.0
    unhedged = [result.ledger()["pnl_option"].sum() + result.ledger()["settlement"].sum() for result in (found, close)]
    assert unhedged[0] - unhedged[1] == pytest.approx(dearer, rel=1e-9)
