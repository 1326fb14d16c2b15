"""The page of a run says what the result holds: its tables against slow sums, its packed numbers against the frames."""

import base64
import gzip
import json
import re
from datetime import date

import numpy as np
import polars as pl
import pytest

from engine.backtest import Signal
from engine.backtest.contracts.structure import LegStatus
from engine.report import run_tables, tearsheet
from engine.report.cells import as_table
from engine.report.glossary import WORDS, explained
from engine.report.packed import MOST_POINTS, Packed, as_list


@pytest.fixture(scope="module")
def result():

    from engine.backtest import Weekly, backtest
    from engine.correlation import AllMembers
    from engine.testing import small_market
    from strategies.short_correlation import ShortCorrelation

    return backtest(small_market(3, sessions=120), ShortCorrelation(), basket=AllMembers(), schedule=Weekly())


@pytest.fixture(scope="module")
def page(result):
    return tearsheet(result, script="../plotly.js")


def unpacked(page: str) -> dict:
    text = re.search(r'id="packed">([^<]*)<', page)[1]
    return json.loads(gzip.decompress(base64.b64decode(text)))


def column(held: dict, place: dict) -> list:
    values = held["columns"][place["values"]["column"]]
    return [place["words"][value] for value in values] if place["words"] else values


def test_the_ledger_of_the_page_holds_every_leg_of_both_classes(result, page):
    held, ledger = unpacked(page), result.ledger()
    rows = {place["name"]: column(held, place) for place in held["rows"]["ledger"]}
    assert rows["leg"] == ledger["leg"].to_list()
    assert set(rows["leg_class"]) == {"index", "member"}
    # Five significant digits are kept.
    np.testing.assert_allclose(rows["pnl_net"], ledger["pnl_net"], rtol=1e-4)
    assert rows["entry_date"] == [str(day) for day in ledger["entry_date"]]


def test_the_page_of_a_sweep_keeps_whole_cohorts_and_says_how_many_rows_it_has(result, monkeypatch):
    import sys

    monkeypatch.setattr(sys.modules["engine.report.run_page"], "MOST_ROWS_IN_SWEEPS", 40)
    page = tearsheet(result, script="../plotly.js")
    held, ledger = unpacked(page), result.ledger()
    (place,) = (place for place in held["rows"]["ledger"] if place["name"] == "cohort")
    kept = column(held, place)
    assert 0 < len(kept) <= 40
    assert kept == ledger.filter(pl.col("cohort") >= min(kept))["cohort"].to_list()
    assert f"The last {len(kept)} of {ledger.height:,} rows" in page


def test_index_and_members_sum_to_the_summary(result):
    rows = {row["leg"]: row for row in run_tables.by_class(result.by_name()).to_dicts()}
    for name in ("pnl_gross", "cost", "pnl_net"):
        # The same numbers added in another order.
        assert rows["index"][name] + rows["members"][name] == pytest.approx(rows["together"][name], rel=1e-9)
        assert rows["together"][name] == pytest.approx(result.summary()[name], rel=1e-9)


def test_months_sum_to_their_years_and_to_the_run(result):
    table = run_tables.months(result.dates, result.pnl_net[0])
    slow: dict[tuple[int, int], float] = {}
    for day, pnl in zip(result.dates.tolist(), result.pnl_net[0], strict=True):
        slow[day.year, day.month] = slow.get((day.year, day.month), 0.0) + pnl
    for row in table.to_dicts():
        for month, name in enumerate(run_tables.MONTHS, 1):
            wanted = slow.get((int(row["year"]), month))
            assert row[name] == (None if wanted is None else pytest.approx(wanted, rel=1e-9, abs=1e-9))
    assert table["all"].sum() == pytest.approx(result.summary()["pnl_net"], rel=1e-9)


def test_the_sources_of_each_cohort_shown_sum_to_its_gross(page):
    tables = re.findall(r"<tbody>.*?</tbody>", page.split('id="cohorts"')[1].split("</section>")[0], re.DOTALL)
    rows = [re.findall(r'<td class="n[^>]*>([^<]*)<', row) for found in tables for row in found.split("<tr>")[1:]]
    assert len(rows) == 10
    for row in rows:
        _, *sources, gross, cost, net = (float(number.replace(",", "")) for number in row)
        assert sum(sources) == pytest.approx(gross, abs=2.5)  # each is written in whole currency
        assert gross - cost == pytest.approx(net, abs=1.5)


def slow_drawdowns(dates: list[date], pnl: list[float]) -> list[tuple]:
    """Walk the account day by day: one fall lasts from a high to the first day back at it."""
    total = high = depth = 0.0
    peak, trough, found = dates[0], None, []
    for day, earned in zip(dates, pnl, strict=True):
        total += earned
        if total >= high:
            if trough is not None:
                found.append((depth, peak, trough, day))
            high, peak, depth, trough = total, day, 0.0, None
        elif total - high < depth:
            depth, trough = total - high, day
    return sorted([*found, *([(depth, peak, trough, None)] if trough is not None else [])], key=lambda row: row[0])


@pytest.mark.parametrize("seed", range(5))
def test_drawdowns_are_those_of_an_account_walked_day_by_day(seed):
    days = np.arange("2024-01-01", "2024-04-10", dtype="datetime64[D]")
    pnl = np.random.default_rng(seed).normal(0.1, 1.0, len(days))
    found = run_tables.drawdowns(days, pnl, count=100)
    wanted = slow_drawdowns(days.tolist(), pnl.tolist())
    assert found.drop("depth", "sessions").rows() == [row[1:] for row in wanted]
    # One sum of up to a hundred numbers against another.
    np.testing.assert_allclose(found["depth"], [row[0] for row in wanted], rtol=0, atol=1e-12)


def test_the_rolling_sharpe_is_that_of_each_window():
    pnl = np.random.default_rng(0).normal(0.1, 1.0, 200)
    window, found = run_tables.rolling_sharpe(pnl)
    assert window == 50
    assert np.isnan(found[: window - 1]).all()
    slow = [np.sqrt(252) * pnl[t - 49 : t + 1].mean() / pnl[t - 49 : t + 1].std(ddof=1) for t in range(49, 200)]
    np.testing.assert_allclose(found[window - 1 :], slow, rtol=1e-12)  # the same operations
    assert run_tables.rolling_sharpe(pnl[:160])[0] == 0


def test_best_and_worst_have_no_row_in_common():
    frame = pl.DataFrame({"leg": list("abc"), "pnl_net": [1.0, -1.0, 3.0]})
    best, worst = run_tables.ends(frame, "pnl_net")
    assert (best["leg"].to_list(), worst["leg"].to_list()) == (["c", "a"], ["b"])


@pytest.fixture(scope="module")
def rich():
    from engine import load_market
    from engine.backtest import Weekly, backtest
    from strategies.rich_correlation import RichCorrelation

    market = load_market("synthetic", years=2, names=5, progress=False)
    return backtest(market, RichCorrelation(window=20, enter=0.5, leave=-0.25), schedule=Weekly(), lag=2)


def drawn(page: str, first: str) -> tuple[dict, dict]:
    """Return the traces of a figure, by name, of which the first line is so named, and the columns of the page."""
    held = unpacked(page)
    (traces,) = (one["data"] for one in held["figures"] if one["data"][0]["name"].startswith(first))
    return {trace["name"]: trace for trace in traces}, held["columns"]


@pytest.mark.parametrize("first", ["implied, ", "z-score of implied correlation"])
def test_entries_are_marked_on_the_line(rich, first):
    traces, columns = drawn(tearsheet(rich, script="x"), first)
    line = next(iter(traces.values()))
    values = dict(zip(*(columns[line[axis]["column"]] for axis in "xy"), strict=True))
    marks = traces["enters short correlation"]
    x, y = (columns[marks[axis]["column"]] for axis in "xy")
    assert len(x) == np.count_nonzero(rich.entry_exposure[0]) > 3
    assert y == [values[day] for day in x]


def test_a_signal_is_marked_at_the_closes_that_decided(rich):
    traces, columns = drawn(tearsheet(rich, script="x"), "z-score")
    sessions, entry = [str(day) for day in rich.dates], rich.book.cohorts.entry
    decided = [sessions[entry[c] - 2] for c in np.flatnonzero(rich.entry_exposure[0])]
    assert columns[traces["enters short correlation"]["x"]["column"]] == decided
    assert traces["enter"]["y"] == [0.5, 0.5]
    assert traces["leave"]["y"] == [-0.25, -0.25]


def test_cohorts_by_signal_are_those_that_always_trade_sorted_by_hand(rich):
    from engine.backtest import Weekly, backtest
    from strategies.short_correlation import ShortCorrelation

    always = backtest(rich.market, ShortCorrelation(), schedule=Weekly(), lag=2)
    rows = always.by_cohort().select("entry_date", "pnl_gross").to_dicts()
    still_open = always.book.cohorts.outcome == LegStatus.OPEN
    open_dates = {day.item() for day in always.dates[always.book.cohorts.entry[still_open]]}
    signal = rich.signal().values
    sessions = [day.item() for day in rich.dates]
    known = []
    for row in rows:
        value = signal[sessions.index(row["entry_date"]) - 2]
        if row["entry_date"] not in open_dates and np.isfinite(value):
            known.append((value, row["pnl_gross"] / always.vega_per_cohort()))
    known.sort()
    found = rich.by_signal(buckets=2, repetitions=10)
    half = -(-len(known) // 2)
    assert found.counts.tolist() == [half, len(known) - half]
    # The same P&L summed in another order.
    wanted = [np.mean([pnl for _, pnl in part]) for part in (known[:half], known[half:])]
    np.testing.assert_allclose(found.mean, wanted, rtol=1e-9)


def test_statistics_of_the_page_are_those_of_the_result(rich):
    page, record = tearsheet(rich, script="x"), rich.statistics()
    row = record.metrics.row(by_predicate=pl.col("metric") == "Sharpe ratio", named=True)
    cells = re.search(r"<td>[^/]*Sharpe</abbr> ratio</td>(.*?)</tr>", page)[1]
    assert re.findall(r">([^<]+)<", cells) == [f"{row[name]:.2f}" for name in ("value", "error", "low", "high")]
    (slope,) = record.factors.filter(factor="index return")["coefficient"]
    cells = re.search(r"<td>index up 1 %</td>(.*?)</tr>", page)[1]
    assert re.findall(r">([^<]+)<", cells)[0] == f"{100 * slope:.2f}"  # of 1 %, in bp


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (lambda market: np.ones(3), "returns ndarray; return a Signal"),
        (lambda market: Signal("x", np.ones(3)), r"shape \(3,\)"),
    ],
)
def test_a_signal_that_is_none_is_refused(result, signal, message):
    from engine.backtest import backtest
    from engine.errors import InputError
    from strategies.short_correlation import ShortCorrelation

    kind = type("Own", (ShortCorrelation,), {"signal": lambda self, market: signal(market)})
    with pytest.raises(InputError, match=f"Own.signal .*{message}"):
        backtest(result.market, kind()).signal()


def test_a_signal_of_a_batch_is_that_of_its_set():
    levels = {"enter": np.array([[1.0], [2.0]]), "leave": 0.5}
    both = Signal("x", np.array([[1.0, 2.0], [3.0, 4.0]]), levels)
    assert both.of(1).levels == {"enter": 2.0, "leave": 0.5}
    assert both.of(1).values.tolist() == [3.0, 4.0]
    assert Signal("x", np.array([5.0])).of(1).values.tolist() == [5.0]


def test_a_run_that_trades_nothing_has_a_page(result):
    from engine.backtest import backtest
    from strategies.rich_correlation import RichCorrelation

    page = tearsheet(backtest(result.market, RichCorrelation(window=1000)), script="x")
    assert "nothing was traded" in page
    assert "never invested" in page


def test_greeks_and_splits_in_one_pass_are_those_of_three(result):
    from engine.backtest import VarianceSwap, backtest
    from engine.backtest.outcome.views import greeks_and_splits
    from strategies.short_correlation import ShortCorrelation

    greeks, split, vega = greeks_and_splits(result, 0)
    assert greeks.equals(result.greeks())
    assert split.equals(result.split())
    assert vega.equals(result.vega_split())
    assert greeks_and_splits(result, 0, vega=False)[2] is None
    swaps = backtest(result.market, ShortCorrelation(), structure=VarianceSwap(30))
    greeks, split, vega = greeks_and_splits(swaps, 0)
    assert greeks.equals(swaps.greeks())
    assert split.equals(swaps.split())
    assert vega is None


def test_what_is_packed_is_held_once_thinned_and_never_not_a_number():
    packed = Packed()
    x, y = np.arange(3000.0), np.where(np.arange(3000) % 7, 1.0 / 3.0, np.nan)
    for _ in range(2):
        packed.figure({"data": [{"type": "scatter", "x": x, "y": y}], "layout": {"width": float("inf")}})
    held = json.loads(gzip.decompress(base64.b64decode(packed.text())))
    assert len(held["columns"]) == 2
    assert len(held["columns"][0]) <= MOST_POINTS
    assert held["columns"][0][-1] == 2999.0
    assert set(held["columns"][1]) == {0.33333, None}
    assert held["figures"][0] == held["figures"][1]
    assert packed.text() == packed.text()


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-12, 123456789.0, -2.5e15, 0.1 + 0.2, 99999.5])
def test_packed_numbers_keep_five_digits(value):
    (kept,) = as_list(np.array([value]))
    assert kept == float(f"{value:.5g}")


def test_hostile_words_are_text_on_the_page():
    assert explained("<img src=x onerror=alert(1)>") == "&lt;img src=x onerror=alert(1)&gt;"
    assert 'title="' in explained("Net P&L")
    assert all(said.endswith(".") for said in WORDS.values())


def test_losses_and_gains_are_toned_by_size():
    (rows,) = (as_table(pl.DataFrame({"pnl_net": [-2.0, 1.0, None]}), toned=("pnl_net",)).rows,)
    assert [(cell.text, cell.tone) for (cell,) in rows] == [("-2", -1.0), ("1", 0.5), ("n/a", 0.0)]


def test_settings_are_shown_as_they_were_asked(result):
    strategy = {"_target_": "strategies.rich_correlation.RichCorrelation", "enter": 1.5, "leave": None}
    market = {"path": "/home/somebody/quotes", "index": "SPX"}
    page = tearsheet(result, script="x", settings={"strategy": strategy, "market": market, "lag": 1, "study": "mine"})
    assert "strategy.enter" in page
    assert "<td>RichCorrelation</td>" in page
    assert "/home/somebody" not in page
    assert ">mine<" not in page
    assert "strategy.leave" not in page


def test_a_page_to_be_shared_has_no_strikes_quotes_or_volatilities_of_names(result):
    whole, shared = ([c["name"] for c in unpacked(tearsheet(result, share=s))["rows"]["ledger"]] for s in (False, True))
    assert [name for name in whole if name not in shared] == ["strike", "entry_iv", "entry_vega", "premium"]
    assert shared == [name for name in whole if name in shared]


def test_remarks_stand_under_the_heading(result):
    page = tearsheet(result, remarks=["a note with <b>"])
    assert "a note with &lt;b&gt;" in page


def test_the_page_says_why_volatilities_earned_and_where_legs_break_even(result):
    whole = tearsheet(result)
    traces = next(one["data"] for one in unpacked(whole)["figures"] if one["data"][0]["name"] == "term roll")
    assert [trace["name"] for trace in traces] == ["term roll", "skew", "volatility", "correlation", "cross"]
    held = unpacked(whole)["columns"]
    ends = [held[trace["y"]["column"]][-1] for trace in traces]
    explained = result.daily().select(pl.col("vega") + pl.col("vanna_volga")).to_series().sum()
    # Five significant digits are kept of each part.
    assert sum(ends) == pytest.approx(explained, abs=1e-4 * sum(map(abs, ends)))
    grid = run_tables.scenario_grid(result, 0)
    assert grid is not None
    found, prices = run_tables.breakevens(result, 0, grid[0]), result.breakeven_prices(grid[0])
    assert found is not None
    last = prices.filter(pl.col("cohort") == prices["cohort"].max())
    assert found["leg"].to_list() == last["leg"].to_list()
    below = [low / forward - 1.0 for low, forward in zip(last["lower"], last["forward"], strict=True)]
    np.testing.assert_allclose(found["below"].to_numpy(), below, rtol=1e-12)  # the same operations
    assert "must move by to break even" in whole
    # Daily moves are implied volatilities in other words: no vendor's data in what is sent on.
    assert "must move by to break even" not in tearsheet(result, share=True)


def test_the_page_of_what_has_no_strike_leaves_out_vega_parts_and_break_evens():
    from engine.backtest import VarianceSwap, Weekly, backtest
    from engine.testing import small_market
    from strategies.short_correlation import ShortCorrelation

    page = tearsheet(backtest(small_market(60), ShortCorrelation(), structure=VarianceSwap(28), schedule=Weekly()))
    assert "must move by to break even" not in page
    assert "by why volatilities changed" not in page
