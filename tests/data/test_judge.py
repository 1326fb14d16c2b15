"""The contract of each table: what is kept, what is rejected with line, column, reason and value, what is refused."""

from datetime import date

import polars as pl
import pytest

from engine.data.tables.contracts import (
    ACTIONS,
    EARNINGS,
    FORWARDS,
    PRICES,
    QUOTES,
    RATES,
    SECTORS,
    SURFACE,
    TABLES,
    WEIGHTS,
)
from engine.data.tables.judge import judged
from engine.errors import InputError

DAY = date(2026, 1, 2)


def rows_of(found):
    return found.rejected.select("line", "column", "reason", "value").rows()


def test_a_row_is_rejected_for_the_first_rule_it_breaks_and_one_without_a_value_is_counted():
    given = {
        "Date": ["2026-01-02", "2026-01-05", "2026-01-05", "2026-01-06", "x", "2026-01-08", "2026-01-09"],
        "symbol": ["A", "A", "A", "", "A", "A", "A"],
        "close": [7.0, -1.0, 3.0, 5.0, 6.0, None, float("inf")],
    }
    for column, value in (("Date", "2026-01-12"), ("symbol", ""), ("close", 1.0)):
        given[column] += [value] * 4
    given["symbol"][-4:] = "BCDE"
    found = judged(PRICES, pl.DataFrame(given), "prices.csv", first=2)
    assert found.kept.rows()[:2] == [(DAY, "A", 7.0), (date(2026, 1, 5), "A", 3.0)]
    assert rows_of(found) == [
        (3, "close", "close_not_positive", "-1.0"),
        (5, "symbol", "no_ticker", ""),
        (6, "Date", "date_not_understood", "x"),
        (8, "close", "close_not_finite", "inf"),
    ]
    assert ("A", "missing_close", 1) in found.counts.rows()
    assert found.counts["rows"].sum() == len(given["close"]) - found.kept.height
    assert set(found.rejected["file"]) == {"prices.csv"}


def test_equal_rows_of_one_key_count_once_and_rows_that_contradict_each_other_not_at_all():
    given = {"date": [DAY] * 6, "ticker": ["A", "A", "B", "B", "C", "D"], "close": [7.0, 7.0, 3.0, 30.0, 1.0, 1.0]}
    found = judged(PRICES, pl.DataFrame(given), "prices")
    assert found.kept["ticker"].to_list() == ["A", "C", "D"]
    assert [row[:3] for row in rows_of(found)] == [
        (2, "close", "duplicate"),
        (3, "close", "conflicting_duplicate"),
        (4, "close", "conflicting_duplicate"),
    ]


def test_a_table_most_rows_of_which_are_rejected_is_refused():
    given = {"date": [DAY] * 3, "ticker": ["A", "B", "C"], "close": [7.0, -7.0, 0.0]}
    with pytest.raises(
        InputError, match=r"prices has 2 of 3 rows rejected \(close_not_positive 2\); check its columns"
    ):
        judged(PRICES, pl.DataFrame(given), "prices")


def test_a_row_that_breaks_a_rule_spoils_no_other_of_its_key():
    found = judged(PRICES, pl.DataFrame({"date": [DAY] * 2, "ticker": ["A"] * 2, "close": [7.0, -7.0]}), "prices")
    assert found.kept["close"].to_list() == [7.0]


QUOTE = {"date": DAY, "ticker": "A", "expiry": date(2026, 1, 30), "strike": 10.0, "right": "C", "bid": 1.0, "ask": 1.2}


@pytest.mark.parametrize("spelt", ["C", "c", "Call", "CALL", " call ", "CE", "CA", "calls"])
def test_every_known_spelling_of_a_call_is_one(spelt):
    assert judged(QUOTES, pl.DataFrame(QUOTE | {"right": spelt}), "quotes").kept["right"].to_list() == ["C"]


@pytest.mark.parametrize("spelt", ["P", "put", "PE", "pa"])
def test_every_known_spelling_of_a_put_is_one(spelt):
    assert judged(QUOTES, pl.DataFrame(QUOTE | {"right": spelt}), "quotes").kept["right"].to_list() == ["P"]


@pytest.mark.parametrize("spelt", ["XX", "X", "pc", "0", "callput", None])
def test_what_is_no_known_right_is_never_taken_for_the_other_one(spelt):
    given = pl.DataFrame([QUOTE, QUOTE | {"right": spelt}])
    found = judged(QUOTES, given, "quotes")
    assert found.kept.height == 1
    assert [row[2] for row in rows_of(found)] == ["no_right" if spelt is None else "right_not_understood"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bid": 2.0}, "crossed"),
        ({"bid": -1.0}, "bid_negative"),
        ({"ask": -1.0}, "ask_negative"),
        ({"bid": None}, "no_price"),
        ({"strike": 0.0}, "strike_not_positive"),
        ({"strike": None}, "no_strike"),
        ({"expiry": date(2026, 1, 1)}, "expired"),
        ({"expiry": None}, "no_expiry"),
    ],
)
def test_a_quote_that_cannot_be_one_is_rejected(change, reason):
    found = judged(QUOTES, pl.DataFrame([QUOTE, QUOTE | {"ticker": "B"} | change]), "quotes")
    assert [row[2] for row in rows_of(found)] == [reason]


def test_a_vendors_sentinel_is_no_volatility_and_the_quote_keeps_its_price():
    given = pl.DataFrame(
        [QUOTE | {"strike": 10.0 + i, "iv": iv} for i, iv in enumerate((0.3, 0.3, 0.3, -99.99, 0.0, 9.0))]
    )
    found = judged(QUOTES, given, "quotes")
    assert found.kept["iv"].to_list() == [0.3, 0.3, 0.3, None, None, None]
    assert found.counts.rows() == [("A", "iv_not_usable", 3)]


def test_a_zero_bid_and_a_quote_with_a_volatility_alone_are_quotes():
    given = pl.DataFrame([QUOTE | {"bid": 0.0, "iv": None}, QUOTE | {"strike": 11.0, "bid": None, "iv": 0.2}])
    assert judged(QUOTES, given, "quotes").kept.height == 2


def test_deltas_of_puts_become_call_deltas_signed_or_told_by_their_right():
    node = {"date": DAY, "ticker": "A", "tenor": 30, "iv": 0.2}
    signed = pl.DataFrame([node | {"delta": delta} for delta in (25.0, -25.0, 50.0, -50.0)])
    told = pl.DataFrame(
        [node | {"delta": d, "cp_flag": r} for d, r in ((0.25, "C"), (0.25, "P"), (0.5, "C"), (0.5, "P"))]
    )
    for frame in (signed, told):
        found = judged(SURFACE, frame, "surface")
        assert found.kept.select("delta", "right").rows() == [(25.0, "C"), (75.0, "P"), (50.0, "C"), (50.0, "P")]
        assert any("puts" in note for note in found.notes)


def test_percent_is_found_out_and_said_and_a_declared_unit_is_held_against_the_numbers():
    node = {"date": DAY, "ticker": "A", "tenor": 30, "delta": 50}
    found = judged(SURFACE, pl.DataFrame(node | {"iv": 20.0}), "surface")
    assert found.kept["iv"].to_list() == [0.2]
    assert found.notes == ("iv is in percent (median 20)",)
    assert judged(SURFACE, pl.DataFrame(node | {"iv": 20.0}), "s", units={"iv": "percent"}).notes == ()
    with pytest.raises(InputError, match="declared as decimals"):
        judged(SURFACE, pl.DataFrame(node | {"iv": 20.0}), "surface", units={"iv": "decimals"})
    with pytest.raises(InputError, match="declared as percent"):
        judged(SURFACE, pl.DataFrame(node | {"iv": 0.2}), "surface", units={"iv": "percent"})
    with pytest.raises(InputError, match="iv_unit=points is unknown"):
        judged(SURFACE, pl.DataFrame(node | {"iv": 0.2}), "surface", units={"iv": "points"})


def test_two_units_in_one_column_are_refused_by_ticker_and_month():
    days = [date(2026, 1, day) for day in range(5, 25)]
    node = {"tenor": 30, "delta": 50}
    frame = pl.DataFrame(
        [
            node | {"date": day, "ticker": t, "iv": iv}
            for day in days
            for t, iv in (("A", 20.0), ("B", 25.0), ("C", 0.3))
        ]
    )
    with pytest.raises(InputError, match=r"of C in 2026-01 0\.3: two units"):
        judged(SURFACE, frame, "surface")


def test_weights_are_of_one_date_or_of_none_and_sum_to_one_or_a_hundred():
    undated = judged(WEIGHTS, pl.DataFrame({"ticker": ["A", "B"], "weight": [60.0, 40.0]}), "weights")
    assert undated.kept["weight"].to_list() == [0.6, 0.4]
    assert undated.notes == ("weights are in percent (their sum is 100)",)
    dated = pl.DataFrame({"date": [DAY, None], "ticker": ["A", "B"], "weight": [0.5, 0.5]})
    assert [row[2] for row in rows_of(judged(WEIGHTS, dated, "weights"))] == ["no_date"]
    twice = pl.DataFrame(
        {"date": [DAY, date(2026, 1, 3)] * 2, "ticker": ["A", "A", "B", "B"], "weight": [0.5, 0.5, 0.5, 50.0]}
    )
    with pytest.raises(InputError, match="of 2026-01-02 sum to 1, on most dates to"):
        judged(WEIGHTS, twice, "weights")


def test_rates_in_percent_are_refused_unless_declared():
    rates = pl.DataFrame({"date": [DAY], "rate": [4.33]})
    with pytest.raises(InputError, match="divide them by 100"):
        judged(RATES, rates, "rates")
    assert judged(RATES, rates, "rates", units={"rate": "percent"}).kept["rate"].to_list() == [0.0433]


def test_other_tables_hold_to_their_keys_and_codes():
    split = {"date": [DAY] * 3, "ticker": ["A", "B", "C"], "kind": ["Split", "nonsense", "demerger"]}
    found = judged(ACTIONS, pl.DataFrame(split | {"factor": [0.1, 0.5, None]}), "actions")
    assert found.kept.select("ticker", "kind", "factor").rows() == [("A", "split", 0.1), ("C", "demerger", None)]
    assert rows_of(found) == [(2, "kind", "kind_not_understood", "nonsense")]
    forward = {"date": [DAY] * 2, "ticker": ["A"] * 2, "expiry": [date(2026, 2, 2), DAY], "forward": [10.0, 10.0]}
    assert [row[2] for row in rows_of(judged(FORWARDS, pl.DataFrame(forward), "forwards"))] == ["expired"]
    sectors = pl.DataFrame({"ticker": ["A", "A"], "sector": ["Banks", "Energy"]})
    with pytest.raises(InputError, match="no usable row"):
        judged(SECTORS, sectors, "sectors")
    reports = pl.DataFrame({"date": [DAY] * 2, "ticker": ["A", "B"], "known": [date(2025, 12, 1), date(2026, 2, 1)]})
    assert [row[2] for row in rows_of(judged(EARNINGS, reports, "earnings"))] == ["known_after_the_date"]


def test_a_missing_column_names_what_is_there_and_what_may_be_meant():
    with pytest.raises(InputError, match=r"prices has no column close; it has date, ticker, closing; if closing is it"):
        judged(PRICES, pl.DataFrame({"date": [DAY], "ticker": ["A"], "closing": [1.0]}), "prices")
    with pytest.raises(InputError, match="two columns date"):
        judged(PRICES, pl.DataFrame({"date": [DAY], "Date": [DAY], "ticker": ["A"], "close": [1.0]}), "prices")


def test_columns_of_another_name_are_found_where_the_caller_says_so():
    given = pl.DataFrame({"date": [DAY], "Symbol": ["A"], "GICS Sector": ["Energy"]})
    assert judged(SECTORS, given, "sectors", names={"sector": "GICS Sector"}).kept.rows() == [("A", "Energy")]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_rule_of_every_table_shows_a_column_it_has(table):
    assert set(table.key) <= set(table.columns)
    assert {rule.column for rule in table.rules} <= set(table.columns)
    assert all((column.codes is not None) == (column.kind == "code") for column in table.columns.values())
