"""Cash that is taken off strikes: special dividends by the OCC's rule, and mergers that pay cash beside shares."""

import subprocess
import sys
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from engine.backtest import DailyDelta, NoCosts, NoHedge, OnDates, SingleOption, Straddle, backtest
from engine.backtest.legs.ex_dividends import ex_dividends
from engine.correlation import AllMembers
from engine.data import MarketPanel
from engine.data.store.storage import open_panel, save_panel
from engine.data.tables.contracts import ACTIONS
from engine.data.tables.judge import judged
from engine.errors import InputError
from engine.pricing import black_price, straddle
from strategies.short_correlation import ShortCorrelation

DAYS = [day for n in range(60) if (day := date(2026, 1, 5) + timedelta(n)).weekday() < 5]
ENTRY, EVENT, LATE = DAYS[3], DAYS[10], DAYS[15]
FIRST = {"IDX": 1000.0, "A": 60.0, "B": 100.0, "C": 80.0}
COLUMNS = {"date": pl.Date, "ticker": pl.String, "kind": pl.String, "factor": pl.Float64, "amount": pl.Float64}
COLUMNS |= {"into": pl.String, "cash": pl.Float64}
DIVIDEND = (EVENT, "A", "strike_dividend", None, 9.0, None, None)
MERGER = (EVENT, "A", "cash_and_stock_merger", None, 0.2, "B", 40.0)


def actions(*rows):
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def close(name, t):
    return FIRST[name] * (1.0 + (0.01 * np.sin(t + len(name)) if name != "A" or t > 10 else 0.0))


VOL, AFTER = (float(np.float32(vol)) for vol in (0.3, 0.36))  # as a surface holds them


def tables(events, prices=close, vol=lambda name, t: VOL, gone=()):
    there = [(t, day, x) for t, day in enumerate(DAYS) for x in FIRST if x not in gone or day < EVENT]
    iv = [(day, x, k, d, vol(x, t)) for t, day, x in there for k in (5, 30, 60) for d in (25, 50, 75)]
    return {
        "surface": pl.DataFrame(iv, schema=["date", "ticker", "tenor", "delta", "iv"], orient="row"),
        "prices": pl.DataFrame(
            [(day, x, prices(x, t)) for t, day, x in there], schema=["date", "ticker", "close"], orient="row"
        ),
        "weights": pl.DataFrame({"ticker": ["A", "B", "C"], "weight": [0.4, 0.4, 0.2]}),
        "rates": 0.0,
        "index": "IDX",
        "actions": actions(*events),
    }


def run(market, structure=None, hedge=None):
    choices = {"basket": AllMembers(), "schedule": OnDates((str(ENTRY),)), "costs": NoCosts()}
    return backtest(
        market, ShortCorrelation(), structure=structure or Straddle(30), hedge=hedge or NoHedge(), **choices
    )


def leg(result, name="A"):
    return result.ledger().row(by_predicate=pl.col("leg") == name, named=True)


def ex_dividend(name, t, paid=9.0):
    """A falls by the dividend on its ex-date, and otherwise never moves."""
    return close(name, t) if name != "A" else FIRST["A"] - paid * (DAYS[t] >= EVENT)


def test_a_dividend_taken_off_strikes_leaves_the_value_what_it_was_on_its_ex_date():
    """Without the cash the share is so much wilder that the option is worth what it was, but for the day's theta."""
    expiry = leg(run(MarketPanel.from_frames(**tables([DIVIDEND], ex_dividend))))["expiry"]

    def at_the_money(vol, when):
        return float(straddle(1.0, 1.0, vol, (expiry - when).days / 365.0).value)

    paid = 60.0 * (1.0 - at_the_money(VOL, EVENT) / at_the_money(AFTER, EVENT))
    market = MarketPanel.from_frames(
        **tables(
            [(EVENT, "A", "strike_dividend", None, paid, None, None)],
            lambda name, t: ex_dividend(name, t, paid),
            lambda name, t: AFTER if name == "A" and DAYS[t] >= EVENT else VOL,
        )
    )
    for hedge in (NoHedge(), DailyDelta()):
        result = run(market, hedge=hedge)
        row, day = leg(result), result.day(str(EVENT)).row(by_predicate=pl.col("leg") == "A", named=True)
        theta = row["quantity"] * 60.0 * (at_the_money(VOL, EVENT) - at_the_money(VOL, DAYS[9]))
        assert day["pnl_gross"] == pytest.approx(theta, abs=1e-9 * abs(row["premium"]))
        assert (row["strike"], row["strike_factor"], row["strike_reduction"]) == (60.0, 1.0, paid)
        assert f"strike_dividend {EVENT}" in row["events"]
        assert row["exit_value"] == pytest.approx(0.0, abs=1e-9)  # of what was struck at the money
    assert market.return_factor[DAYS.index(EVENT), 0] == pytest.approx((60.0 - paid) / 60.0, rel=1e-15)
    # By the ratio, as Eurex does, strikes are the same at the money alone.
    ratio = [(EVENT, "A", "adjusted_dividend", 51.0 / 60.0, None, None, None)]
    assert leg(run(MarketPanel.from_frames(**tables(ratio, ex_dividend))))["strike_factor"] == 0.85


@pytest.mark.parametrize("kind", ["call", "put"])
@pytest.mark.parametrize("delta", [20.0, 75.0])
def test_options_in_and_out_of_the_money_are_worth_what_they_deliver_on_every_day(kind, delta):
    market = MarketPanel.from_frames(
        **tables([MERGER, (LATE, "B", "split", 0.25, None, None, None)], split_b, gone="A")
    )
    result = run(market, SingleOption(30, index_kind=kind, member_kind=kind, delta=delta), DailyDelta())
    row = leg(result)
    value = []
    for t in range(3, len(DAYS)):
        if DAYS[t] > row["expiry"]:
            break
        years, paid = (row["expiry"] - DAYS[t]).days / 365.0, 40.0 if DAYS[t] >= EVENT else 0.0
        spot = close("A", t) if DAYS[t] < EVENT else 0.2 * close("B", t)
        value.append(float(black_price(spot, row["strike"] - paid, VOL, years, kind == "call")))
    steps = row["quantity"] * np.diff(value)
    for t in (4, 9, 10, 11, 15, 16):
        day = result.day(str(DAYS[t])).row(by_predicate=pl.col("leg") == "A", named=True)
        assert day["pnl_gross"] - day["hedge"] == pytest.approx(steps[t - 4], abs=1e-9 * abs(row["premium"]))
    assert row["exit_value"] == pytest.approx(row["quantity"] * value[-1], rel=1e-9, abs=1e-9)
    assert row["strike_reduction"] == 40.0
    assert row["events"].startswith(f"cash_and_stock_merger {EVENT}; split {LATE}")


def split_b(name, t):
    return close(name, t) * (0.25 if name == "B" and DAYS[t] >= LATE else 1.0)


def test_a_merger_worth_the_close_before_earns_nothing_but_what_shares_made():
    """A at 60 becomes 0.2 B at 100 and 40 in cash: its forward, a call less a put, moves by 0.2 of B's move."""
    market = MarketPanel.from_frames(**tables([MERGER], gone="A"))
    result = run(market, hedge=DailyDelta())
    at = DAYS.index(EVENT)
    worth = 0.2 * close("B", at - 1) + 40.0
    assert market.return_factor[at, 0] == pytest.approx(20.0 / 60.0, rel=1e-15)
    assert market.spot[at, 0] == 0.2 * close("B", at)
    assert abs(worth / close("A", at - 1) - 1.0) < 0.01
    ledger, daily = result.ledger(), result.daily()
    assert abs(ledger["pnl_gross"].sum() - daily["pnl_gross"].sum()) < 1e-9 * np.abs(ledger["premium"]).sum()


def test_more_cash_than_the_strike_makes_a_call_a_forward_and_a_put_nothing():
    cash = (EVENT, "A", "cash_and_stock_merger", None, 0.05, "B", 55.0)
    for kind, left in (("call", lambda spot, k: spot - k), ("put", lambda spot, k: 0.0)):
        market = MarketPanel.from_frames(**tables([cash], gone="A"))
        row = leg(
            run(market, SingleOption(30, index_kind=kind, member_kind=kind, delta=99.0 if kind == "call" else 1.0))
        )
        last = 0.05 * close("B", DAYS.index(row["exit_date"]))
        assert row["strike"] < 55.0
        assert row["exit_value"] == pytest.approx(row["quantity"] * left(last, row["strike"] - 55.0), rel=1e-12)


def test_a_call_without_a_strike_left_is_exercised_before_a_dividend_of_the_acquirer():
    """It has no time value: who waits loses the dividend, and has the rest of the cash later."""
    rows = [
        (EVENT, "A", "cash_and_stock_merger", None, 0.05, "B", 55.0),
        (LATE, "B", "special_dividend", 0.9, None, None, None),
    ]
    market = MarketPanel.from_frames(
        **tables(rows, lambda name, t: close(name, t) * (0.9 if name == "B" and DAYS[t] >= LATE else 1.0), gone="A")
    )
    structure = SingleOption(30, delta=99.0, exercise="american")
    row = leg(run(market, structure))
    eve = DAYS[DAYS.index(LATE) - 1]
    assert (row["status"], row["exit_date"]) == ("exercised", eve)
    spot = 0.05 * close("B", DAYS.index(eve))
    assert row["exit_value"] == pytest.approx(row["quantity"] * (spot - (row["strike"] - 55.0)), rel=1e-12)


def test_a_table_of_dividends_is_the_acquirers_from_the_merger_on(tmp_path):
    """A becomes .2 B, which pays 3; what A would have paid after that nobody is paid."""
    rows = [(DAYS[8], "A", 0.01), (LATE, "A", 50.0), (DAYS[6], "B", 9.0), (LATE, "B", 3.0)]
    file = tmp_path / "dividends.csv"
    pl.DataFrame(rows, schema=["date", "ticker", "amount"], orient="row").write_csv(file)
    merger = (EVENT, "A", "stock_merger", None, 0.6, "B", None)
    for terms, shares in ((merger, 0.6), (MERGER, 0.2)):
        due = ex_dividends(MarketPanel.from_frames(**tables([terms], gone="A")), str(file))
        paid = due.next[:, 0]
        assert {t: paid[t] for t in np.flatnonzero(paid).tolist()} == {8: 0.01, 15: pytest.approx(3.0 * shares)}
        assert due.next[[6, 15], 1].tolist() == [9.0, 3.0]
        assert np.count_nonzero(due.amount[0]) == 2
    # The eve of the acquirer's dividend is that of an option on A, too.
    pl.read_csv(file).filter(pl.col("amount") > 0.1).write_csv(file)
    market = MarketPanel.from_frames(**tables([merger], gone="A"))
    row = leg(run(market, SingleOption(30, delta=99.0, exercise="american", dividends=str(file))))
    assert (row["status"], row["exit_date"]) == ("exercised", DAYS[14])


def test_a_table_of_dividends_may_have_the_ticker_that_a_name_had(tmp_path):
    rows = [(DAYS[8], "OLD", 1.0), (LATE, "A", 2.0), (LATE, "OLD", 7.0)]
    file = tmp_path / "dividends.csv"
    pl.DataFrame(rows, schema=["date", "ticker", "amount"], orient="row").write_csv(file)
    renamed = (EVENT, "OLD", "rename", None, None, "A", None)
    again = (DAYS[18], "OLD", "rename", None, None, "C", None)  # another company took it
    due = ex_dividends(MarketPanel.from_frames(**tables([renamed, again])), str(file))
    assert due.next[15, 2] == 7.0
    assert {t: due.next[t, 0] for t in np.flatnonzero(due.next[:, 0]).tolist()} == {8: 1.0, 15: 2.0}


def test_strikes_that_fall_with_a_dividend_are_no_reason_to_exercise():
    market = MarketPanel.from_frames(**tables([DIVIDEND], ex_dividend))
    for kind in ("call", "put"):
        structure = SingleOption(30, index_kind=kind, member_kind=kind, delta=90.0, exercise="american")
        assert leg(run(market, structure))["status"] == "expired"
    special = [(EVENT, "A", "special_dividend", 51.0 / 60.0, None, None, None)]
    market = MarketPanel.from_frames(**tables(special, ex_dividend))
    assert leg(run(market, SingleOption(30, delta=90.0, exercise="american")))["status"] == "exercised"


def test_a_panel_keeps_it_and_panels_with_and_without_it_are_not_joined(tmp_path):
    market = MarketPanel.from_frames(**tables([DIVIDEND], ex_dividend))
    plain = MarketPanel.from_frames(**tables([], close))
    assert plain.strike_reduction is None
    save_panel(market, tmp_path / "kept")
    kept = open_panel(tmp_path / "kept")
    np.testing.assert_array_equal(kept.strike_reduction, market.strike_reduction)
    assert run(kept).ledger().equals(run(market).ledger())
    for one, other in ((market, plain), (plain, market)):
        with pytest.raises(InputError, match="only one of the two has cash taken off strikes; rebuild the panel"):
            one.slice(end=str(DAYS[20])).append(other.slice(start=str(DAYS[21])))


def test_without_a_table_the_numbers_say_that_strikes_fell():
    market = MarketPanel.from_frames(**tables([DIVIDEND], ex_dividend))
    bare = MarketPanel(**{name: value for name, value in vars(market).items() if name != "report"})
    assert f"strikes_reduced {EVENT}" in leg(run(bare))["events"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            (EVENT, "A", "strike_dividend", None, 61.0, None, None),
            r"strike_dividend of A on .* pays 61 in cash, and the",
        ),
        ((EVENT, "A", "strike_dividend", 0.9, 9.0, None, None), "has factor 0.9; it takes an amount, the cash for one"),
        ((EVENT, "A", "special_dividend", 0.9, None, None, 9.0), "has cash 9; it takes none; only a cash_and_stock_m"),
        ((EVENT, "A", "cash_and_stock_merger", 0.5, 0.2, "B", 40.0), "has factor 0.5; it takes amount and cash"),
        ((EVENT, "A", "cash_and_stock_merger", None, 9.0, "B", 40.0), r"for 9 of B and 40 in cash, worth 9"),
        ((EVENT, "A", "cash_and_stock_merger", None, 0.2, "B", 70.0), r"cash_and_stock_merger of A on .* pays 70 in"),
    ],
)
def test_terms_that_cannot_be_are_refused(row, said):
    with pytest.raises(InputError, match=said):
        MarketPanel.from_frames(**tables([row], gone="A"))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((EVENT, "A", "strike_dividend", None, None, None, None), "no_amount"),
        ((EVENT, "A", "strike_dividend", None, 0.0, None, None), "amount_not_positive"),
        ((EVENT, "A", "cash_and_stock_merger", None, 0.0, "B", 40.0), "amount_not_positive"),
        ((EVENT, "A", "cash_and_stock_merger", None, 0.2, "B", None), "no_cash"),
        ((EVENT, "A", "cash_and_stock_merger", None, 0.2, "B", -4.0), "cash_not_positive"),
        ((EVENT, "A", "cash_and_stock_merger", None, 0.2, None, 40.0), "into_no_name"),
        ((EVENT, "A", "cash_and_stock_merger", None, None, "B", 40.0), "no_amount"),
    ],
)
def test_rows_without_terms_are_rejected(row, reason):
    good = (EVENT, "C", "cash_merger", None, 57.0, None, None)
    assert judged(ACTIONS, actions(row, good), "actions").rejected["reason"].to_list() == [reason]


def command(folder, *choices):
    """Run the command on files of one's own; the cohorts are those of one entry."""
    given = ("market=files", f"market.path={folder}", "market.index=IDX", "hedge=none", *choices)
    return subprocess.run([sys.executable, "-m", "engine.run", *given], capture_output=True, text=True)


def test_the_command_follows_files_and_refuses_terms_that_are_half(tmp_path):
    for name, table in tables(
        [MERGER], vol=lambda name, t: VOL + 0.01 * np.cos(2 * t + ord(name[-1])), gone="A"
    ).items():
        if isinstance(table, pl.DataFrame):
            table.write_csv(tmp_path / f"{name}.csv")
    schedule = (f"schedule.dates=[{ENTRY}]", "schedule=dates", f"hydra.run.dir={tmp_path / 'out'}")
    done = command(tmp_path, *schedule)
    assert done.returncode == 0, done.stderr
    [file] = (tmp_path / "out").rglob("ledger.parquet")
    row = pl.read_parquet(file).row(by_predicate=pl.col("leg") == "A", named=True)
    assert (row["status"], row["strike_reduction"]) == ("expired", 40.0)
    actions((*MERGER[:-1], None)).write_csv(tmp_path / "actions.csv")
    done = command(tmp_path, *schedule[:2], f"hydra.run.dir={tmp_path / 'other'}", "market.strict=true")
    assert done.returncode == 2
    for words in ("actions.csv", "no_cash"):
        assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_merger_into_what_is_no_name_or_on_no_terms_is_sold_at_its_last_mark():
    told = f"A becomes cash and shares on {EVENT}: options on it are sold at their last mark before that"
    for row in ((EVENT, "A", "cash_and_stock_merger", None, None, "B", None), (*MERGER[:5], "ZZ", 40.0)):
        market = MarketPanel.from_frames(**tables([row], gone="A"))
        assert leg(run(market))["status"] == "closed"
        assert told in market.info.notes
