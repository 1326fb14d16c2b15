"""The ledger names what happened to the contracts of each row: told by tables, shown by factors, at the expiry."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from engine.backtest import NoCosts, OnDates, Straddle, Strangle, backtest
from engine.backtest.legs.events import events_of
from engine.correlation import AllMembers
from engine.data import MarketPanel
from engine.data.store.storage import open_panel, save_panel
from strategies.short_correlation import ShortCorrelation

DAYS = [day for n in range(60) if (day := date(2026, 1, 5) + timedelta(n)).weekday() < 5]
ENTRY, EARLY, MIDDLE, LATE = DAYS[3], DAYS[2], DAYS[10], DAYS[15]
FIRST = {"IDX": 1000.0, "A": 50.0, "B": 100.0, "C": 80.0}
HALTED = (DAYS[12], DAYS[13])


def panel(events, gone=(), halted=""):
    """Prices that show each factor of the events; B is halted for two sessions where asked for."""
    there = [(t, day, x) for t, day in enumerate(DAYS) for x in FIRST if x not in gone or day < MIDDLE]
    there = [row for row in there if row[2] != halted or row[1] not in HALTED]

    def close(day, x):
        factor = np.prod([f for when, name, _, f, *_ in events if name == x and f and day >= when])
        return float(FIRST[x] * factor * (1.0 + 0.01 * np.sin(DAYS.index(day))))

    iv = [(day, x, k, d, 0.3 + 0.001 * t) for t, day, x in there for k in (5, 30, 60) for d in (25, 50, 75)]
    columns = {"date": pl.Date, "ticker": pl.String, "kind": pl.String, "factor": pl.Float64, "amount": pl.Float64}
    return MarketPanel.from_frames(
        surface=pl.DataFrame(iv, schema=["date", "ticker", "tenor", "delta", "iv"], orient="row"),
        prices=pl.DataFrame(
            [(day, x, close(day, x)) for _, day, x in there], schema=["date", "ticker", "close"], orient="row"
        ),
        weights=pl.DataFrame({"ticker": ["A", "B", "C"], "weight": [0.4, 0.4, 0.2]}),
        rates=0.01,
        index="IDX",
        actions=pl.DataFrame(events, schema=columns | {"into": pl.String}, orient="row"),
    )


def ledger(market, structure=None):
    choices = {"basket": AllMembers(), "schedule": OnDates((str(ENTRY),)), "costs": NoCosts()}
    return backtest(market, ShortCorrelation(), structure=structure or Straddle(30), **choices).ledger()


def said(market, leg, structure=None):
    return ledger(market, structure).filter(pl.col("leg") == leg)["events"].to_list()


@pytest.mark.parametrize(
    ("kind", "factor"),
    [
        ("split", 0.25),
        ("reverse_split", 4.0),
        ("bonus", 0.5),
        ("spinoff", 0.8),
        ("adjusted_dividend", 0.95),
        ("special_dividend", 0.93),
    ],
)
def test_an_action_is_named_on_its_day_in_every_row_that_held_it_through(kind, factor):
    market = panel([(EARLY, "A", "split", 0.5, None, None), (MIDDLE, "A", kind, factor, None, None)])
    [row] = said(market, "A")
    first, last = row.split("; ")
    assert first == f"{kind} {MIDDLE}"
    assert last.startswith("exercised ")  # a straddle is worth something at its expiry, and members are bought
    for other in ("B", "C"):
        assert kind not in said(market, other)[0]
    assert said(market, "IDX")[0].startswith("assigned ")  # the index is sold


@pytest.mark.parametrize(("kind", "amount"), [("cash_merger", 57.0), ("delisting", 31.0), ("bankruptcy", None)])
def test_an_end_in_cash_is_named_and_options_in_the_money_are_exercised(kind, amount):
    market = panel([(MIDDLE, "A", kind, None, amount, None)], gone=("A",))
    assert said(market, "A") == [f"{kind} {MIDDLE}; exercised {MIDDLE}"]
    rows = ledger(market, Strangle(tenor=30, delta=30.0)).filter(pl.col("leg") == "A")
    for row in rows.iter_rows(named=True):
        ended = "; exercised" if row["exit_value"] > 0.0 else ""
        assert row["events"] == f"{kind} {MIDDLE}" + (f"{ended} {MIDDLE}" if ended else "")


def test_after_a_merger_the_events_of_the_acquirer_are_those_of_the_name():
    actions = [(MIDDLE, "A", "stock_merger", None, 0.5, "B"), (LATE, "B", "split", 0.25, None, None)]
    before = (EARLY, "B", "reverse_split", 2.0, None, None)
    market = panel([before, *actions], gone=("A",))
    assert said(market, "A")[0].startswith(f"stock_merger {MIDDLE}; split {LATE}; ")
    assert said(market, "B")[0].startswith(f"split {LATE}; ")
    stranger = panel([(MIDDLE, "A", "stock_merger", None, 0.5, "ZZ")], gone=("A",))
    assert said(stranger, "A") == [f"stock_merger {MIDDLE}"]  # sold at its last mark: nothing is exercised


def test_a_rename_and_a_halt_are_named():
    assert f"rename {MIDDLE}" in said(panel([(MIDDLE, "OLD", "rename", None, None, "A")]), "A")[0]
    assert said(panel([], halted="B"), "B")[0].startswith(f"halt_carried {HALTED[0]}; ")
    assert "halt" not in said(panel([], halted="B"), "A")[0]


def test_ordinary_dividends_are_none():
    assert "dividend" not in said(panel([(MIDDLE, "A", "dividend", 0.99, None, None)]), "A")[0]


def test_without_a_table_the_factors_say_what_can_be_known(tmp_path):
    given = panel([(MIDDLE, "A", "split", 0.25, None, None), (LATE, "B", "special_dividend", 0.9, None, None)])
    save_panel(given, tmp_path / "kept")
    assert ledger(open_panel(tmp_path / "kept")).equals(ledger(given))  # the table is kept with the panel
    untold = given.map_arrays(lambda _, array: array)
    untold = MarketPanel(**{name: value for name, value in vars(untold).items() if name != "report"})
    t, late = DAYS.index(MIDDLE), DAYS.index(LATE)
    assert events_of(untold) == {"A": [(t, "contracts_restated")], "B": [(late, "price_adjusted")]}
    assert events_of(given) == {"A": [(t, "split")], "B": [(late, "special_dividend")]}


def test_a_slice_knows_its_events_and_what_nobody_held_is_not_told():
    market = panel([(MIDDLE, "A", "split", 0.25, None, None)])
    assert f"split {MIDDLE}" in said(market.slice(str(DAYS[1])), "A")[0]
    assert events_of(market.slice(str(MIDDLE))) == {}  # nothing is held before the first session
    assert events_of(market.slice(end=str(DAYS[9]))) == {}
