"""Names that are bought or go bust while options on them are held: what these deliver, planted and told by tables."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from engine.backtest import NoCosts, OnDates, Straddle, Strangle, backtest
from engine.correlation import AllMembers
from engine.data import MarketPanel
from engine.data.tables.contracts import ACTIONS
from engine.data.tables.judge import judged
from engine.errors import InputError
from strategies.short_correlation import ShortCorrelation

DAYS = [day for n in range(60) if (day := date(2026, 1, 5) + timedelta(n)).weekday() < 5]
EVENT, SPLIT = DAYS[10], DAYS[15]
VOLS = {"IDX": 0.15, "A": 0.3, "B": 0.3, "C": 0.25}


def close(ticker, t):
    """A is worth half a B on every day, which splits four for one."""
    moved = 1.0 + 0.02 * np.sin(0.8 * t + len(VOLS)) * (ticker != "IDX")
    first = {"IDX": 1000.0, "A": 50.0, "B": 100.0, "C": 80.0}[ticker]
    return first * moved / (4.0 if ticker in "AB" and DAYS[t] >= SPLIT else 1.0)


def vol(ticker, t):
    return VOLS[ticker] + 0.001 * t


def tables(gone=(), since=EVENT):
    """Surface and closes; some names have none from a day on."""
    there = [(t, day, x) for t, day in enumerate(DAYS) for x in VOLS if x not in gone or day < since]
    iv = [
        (day, x, k, d, vol(x, t) + 0.0004 * (50 - d)) for t, day, x in there for k in (5, 30, 60) for d in (25, 50, 75)
    ]
    return {
        "surface": pl.DataFrame(iv, schema=["date", "ticker", "tenor", "delta", "iv"], orient="row"),
        "prices": pl.DataFrame(
            [(day, x, close(x, t)) for t, day, x in there], schema=["date", "ticker", "close"], orient="row"
        ),
        "weights": pl.DataFrame({"ticker": ["A", "B", "C"], "weight": [0.4, 0.4, 0.2]}),
        "rates": 0.01,
        "index": "IDX",
    }


def actions(*rows):
    columns = {"date": pl.Date, "ticker": pl.String, "kind": pl.String, "factor": pl.Float64, "amount": pl.Float64}
    return pl.DataFrame(rows, schema=columns | {"into": pl.String}, orient="row")


SPLIT_B = (SPLIT, "B", "split", 0.25, None, None)
SPLIT_A = (SPLIT, "A", "split", 0.25, None, None)


def panel(events, **choices):
    return MarketPanel.from_frames(**tables(**choices), actions=actions(*events))


def run(market, structure=None):
    choices = {"basket": AllMembers(), "schedule": OnDates(("2026-01-08",)), "costs": NoCosts()}
    return backtest(market, ShortCorrelation(), structure=structure or Straddle(30), **choices)


@pytest.mark.parametrize("structure", [Straddle(30), Strangle(tenor=30, delta=30.0)], ids=["straddle", "strangle"])
def test_a_stock_merger_delivers_the_acquirers_shares_and_its_splits(structure):
    merged = run(panel([(EVENT, "A", "stock_merger", None, 0.5, "B"), SPLIT_B], gone=("A",)), structure)
    lasting = run(panel([SPLIT_A, SPLIT_B]), structure)
    scale = np.abs(lasting.pnl_gross).max()
    np.testing.assert_allclose(merged.pnl_gross, lasting.pnl_gross, rtol=0, atol=1e-9 * scale)
    ledger = merged.ledger().filter(pl.col("leg") == "A")
    assert set(ledger["status"]) == {"expired"}
    assert (ledger["strike_factor"] == 0.25).all()
    # Without the action the options are marked at what was last known: another P&L.
    assert np.abs(run(panel([SPLIT_B], gone=("A",)), structure).pnl_gross - lasting.pnl_gross).max() > 1e-3 * scale


@pytest.mark.parametrize(
    ("own", "of_b", "factor"),
    [((), 0.5, 0.25), ((SPLIT_A,), 0.125, 0.0625)],
    ids=["the acquirer splits", "both split"],
)
def test_actions_on_the_session_of_a_stock_merger_are_the_names_then_the_acquirers(own, of_b, factor):
    merger = (SPLIT, "A", "stock_merger", None, of_b, "B")
    market = panel([*own, merger, SPLIT_B], gone=("A",), since=SPLIT)
    merged, lasting = run(market), run(panel([SPLIT_A, SPLIT_B]))
    scale = np.abs(lasting.pnl_gross).max()
    np.testing.assert_allclose(merged.pnl_gross, lasting.pnl_gross, rtol=0, atol=1e-9 * scale)
    at = DAYS.index(SPLIT)
    assert market.strike_factor[at].tolist() == market.return_factor[at].tolist() == [factor, 0.25, 1.0]
    row = merged.ledger().row(by_predicate=pl.col("leg") == "A", named=True)
    assert row["strike_factor"] == factor
    assert row["events"].startswith(f"split {SPLIT}; stock_merger {SPLIT}; ")


def test_mergers_of_one_session_are_one_after_the_other_in_whatever_order_they_are_told():
    """A becomes some C, which becomes some B that day, which splits and is paid for in cash."""
    rows = [
        (SPLIT, "A", "stock_merger", None, 0.625, "C"),
        (SPLIT, "C", "stock_merger", None, 0.8, "B"),
        SPLIT_B,
        (SPLIT, "B", "cash_merger", None, 24.0, None),
    ]
    at = DAYS.index(SPLIT)
    for order in (rows, rows[::-1]):
        market = panel(order, gone=("A", "C"), since=SPLIT)
        assert market.strike_factor[at].tolist() == [0.25, 0.25, 0.25]
        assert market.settlement[at].tolist() == pytest.approx([12.0, 24.0, 19.2], rel=1e-15)
        assert np.isfinite(market.settlement).sum() == 3
    # Earlier told or later, what B became is what A becomes.
    late = [(DAYS[12], "A", "stock_merger", None, 1.0, "B"), (EVENT, "B", "stock_merger", None, 0.6, "C")]
    market = panel(late, gone=("B",))
    assert market.spot[DAYS.index(DAYS[12]) :, 0].tolist() == (0.6 * market.spot[DAYS.index(DAYS[12]) :, 2]).tolist()


def test_what_the_acquirer_becomes_goes_along():
    """A becomes half a B; then B becomes two C, which is bought for cash."""
    later, last = DAYS[13], DAYS[16]
    market = panel(
        [
            (EVENT, "A", "stock_merger", None, 0.5, "B"),
            (later, "B", "stock_merger", None, 2.0, "C"),
            (last, "C", "cash_merger", None, 90.0, None),
        ],
        gone=("A",),
    )
    at = DAYS.index
    spot_b, spot_c = close("B", at(EVENT)), close("C", at(later))
    assert market.spot[at(EVENT)].tolist() == [0.5 * spot_b, spot_b, close("C", at(EVENT))]
    assert market.spot[at(later)].tolist() == pytest.approx([spot_c, 2.0 * spot_c, spot_c])
    assert market.settlement[at(last)].tolist() == [90.0, 180.0, 90.0]
    assert np.isfinite(market.settlement).sum() == 3
    np.testing.assert_array_equal(market.component_iv[at(later) :, 0], market.component_iv[at(later) :, 2])


@pytest.mark.parametrize(("kind", "amount"), [("cash_merger", 57.0), ("delisting", 31.0), ("bankruptcy", None)])
def test_cash_for_a_share_settles_options_at_intrinsic_value(kind, amount):
    result = run(panel([(EVENT, "A", kind, None, amount, None), SPLIT_B], gone=("A",)))
    row = result.ledger().row(by_predicate=pl.col("leg") == "A", named=True)
    assert (row["status"], row["exit_date"]) == ("settled", EVENT)
    assert row["exit_value"] == pytest.approx(row["quantity"] * abs((amount or 0.0) - row["strike"]), rel=1e-12)
    assert row["pnl_option"] == pytest.approx(row["exit_value"] - row["premium"], rel=1e-12)
    lasting = run(panel([SPLIT_A, SPLIT_B])).day(str(DAYS[9])).row(by_predicate=pl.col("leg") == "A", named=True)
    assert result.day(str(DAYS[9])).row(by_predicate=pl.col("leg") == "A", named=True) == lasting


def test_options_on_what_becomes_shares_of_a_stranger_are_sold_at_their_last_mark():
    result = run(panel([(EVENT, "A", "stock_merger", None, 0.5, "ZZ"), SPLIT_B], gone=("A",)))
    row = result.ledger().row(by_predicate=pl.col("leg") == "A", named=True)
    assert (row["status"], row["exit_date"]) == ("closed", EVENT)


def test_options_on_what_becomes_cash_and_shares_are_sold_at_their_last_mark_and_lose_no_cash():
    market = panel([(EVENT, "A", "cash_and_stock_merger", None, None, "B"), SPLIT_B], gone=("A",))
    result = run(market)
    row = result.ledger().row(by_predicate=pl.col("leg") == "A", named=True)
    assert (row["status"], row["exit_date"]) == ("closed", EVENT)
    assert f"cash_and_stock_merger {EVENT}" in row["events"]
    # What the name made until the eve is all it makes: nothing is lost with the shares.
    lasting = run(panel([SPLIT_A, SPLIT_B]))
    held = [lasting.day(str(day)) for day in DAYS[4 : DAYS.index(EVENT)]]
    made = sum(day.row(by_predicate=pl.col("leg") == "A", named=True)["pnl_gross"] for day in held)
    assert row["pnl_gross"] == pytest.approx(made, rel=1e-9)
    told = f"A becomes cash and shares on {EVENT}: options on it are sold at their last mark before that"
    assert told in market.info.notes


def test_a_stock_merger_that_pays_far_less_than_a_share_was_worth_is_told():
    few, enough = (
        panel([(EVENT, "A", "stock_merger", None, of_b, "B")], gone=("A",)).info.notes for of_b in (0.3, 0.5)
    )
    assert any("where cash is paid beside the shares, its kind is cash_and_stock_merger" in note for note in few)
    assert not any("cash is paid" in note for note in enough)


def test_rows_that_do_not_say_what_is_paid_are_rejected():
    good = (EVENT, "C", "cash_merger", None, 57.0, None)
    bad = [
        ((EVENT, "A", "cash_merger", None, None, None), "no_amount"),
        ((EVENT, "A", "delisting", None, -1.0, None), "amount_negative"),
        ((EVENT, "A", "stock_merger", None, 0.0, "B"), "amount_not_positive"),
        ((EVENT, "A", "stock_merger", None, 0.5, None), "into_no_name"),
        ((EVENT, "A", "stock_merger", None, 0.5, "A"), "into_no_name"),
    ]
    for row, reason in bad:
        assert judged(ACTIONS, actions(row, good), "actions").rejected["reason"].to_list() == [reason]


def ending(kind, amount, into=None, name="A", day=EVENT):
    return (day, name, kind, None, amount, into)


@pytest.mark.parametrize(
    ("events", "match"),
    [
        (
            [ending("cash_merger", 5700.0)],
            r"A ends by cash_merger on 2026-01-19 for 5700, and its close before was 49\.02",
        ),
        (
            [ending("cash_merger", 0.57)],
            r"A ends by cash_merger on 2026-01-19 for 0\.57, and its close before was 49\.02",
        ),
        ([ending("delisting", 5700.0)], r"A ends by delisting on 2026-01-19 for 5700"),
        ([ending("bankruptcy", 5700.0)], r"A ends by bankruptcy on 2026-01-19 for 5700"),
        ([ending("stock_merger", 50.0, "B")], r"A ends by stock_merger on 2026-01-19 for 50 of B, worth 4"),
        ([ending("stock_merger", 0.005, "B")], r"A ends by stock_merger on 2026-01-19 for 0\.005 of B, worth 0\."),
        (
            [ending("cash_merger", 57.0), ending("delisting", 1.0)],
            r"A ends on 2026-01-19 and, by delisting, on 2026-01-19",
        ),
        (
            [ending("cash_merger", 57.0), ending("delisting", 57.0, day=DAYS[12])],
            r"A ends on 2026-01-19 and, by delisting",
        ),
        (
            [ending("stock_merger", 0.5, "B"), ending("stock_merger", 2.0, "A", name="B", day=DAYS[12])],
            r"A becomes B, which ends as A again",
        ),
        (
            [ending("cash_merger", 100.0, name="B"), ending("stock_merger", 0.5, "B", day=DAYS[12])],
            r"A becomes B on 2026-01-21, which ended for cash on 2026-01-19; mend one of them",
        ),
        ([(EVENT, "A", "split", None, 4.0, None)], r"the split of A on 2026-01-19 has amount 4; it takes a factor"),
        ([(SPLIT, "A", "split", 0.25, 4.0, None)], r"the split of A on 2026-01-26 has amount 4; it takes a factor"),
        (
            [(EVENT, "A", "cash_merger", 0.5, 57.0, None)],
            r"the cash_merger of A on 2026-01-19 has factor 0\.5; it takes an",
        ),
        ([ending("cash_merger", 1000.0, name="IDX")], r"IDX is the index, and ends by cash_merger"),
        (
            [(EVENT, "IDX", "rename", None, None, "NEW")],
            r"IDX is the index, and is called NEW from 2026-01-19 on.* ask for it as NEW",
        ),
    ],
)
def test_an_ending_that_cannot_be_is_refused(events, match):
    with pytest.raises(InputError, match=match):
        panel(events)


def test_a_delisting_may_pay_little_and_a_merger_into_no_name_pays_what_nobody_knows():
    assert np.isfinite(panel([ending("delisting", 0.57)]).settlement).sum() == 1
    assert np.isnan(panel([ending("stock_merger", 900.0, "ELSEWHERE")]).strike_factor).sum() == 1


def test_closes_after_an_end_are_told():
    notes = panel([ending("cash_merger", 57.0)]).info.notes
    later = sum(day > EVENT for day in DAYS)
    assert f"A ends by cash_merger on {EVENT}, and has {later} closes after that: they count no more" in notes
    assert not any("closes after that" in note for note in panel([ending("cash_merger", 57.0)], gone=("A",)).info.notes)
