"""Spans of the calendar and cohorts as trades, against plain loops over what they are made of."""

import itertools
import math
import statistics
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.backtest import Weekly, backtest
from engine.backtest.outcome.performance import gains_over_losses, sortino, tail_ratio
from engine.backtest.outcome.trades import cohorts_as_trades, spans
from engine.testing import small_market
from strategies.short_correlation import ShortCorrelation

PNL = st.lists(st.floats(-1e3, 1e3).map(lambda x: round(x, 2)), min_size=2, max_size=400)
BEGINS = {
    "day": lambda day: day,
    "week": lambda day: day - timedelta(day.weekday()),
    "month": lambda day: day.replace(day=1),
    "quarter": lambda day: day.replace(month=day.month - (day.month - 1) % 3, day=1),
    "year": lambda day: day.replace(month=1, day=1),
}


@given(PNL, st.integers(0, 3000))
@settings(max_examples=60, deadline=None)
def test_spans_are_those_of_a_loop_over_the_days(pnl, later):
    days = [date(2018, 1, 1) + timedelta(later + n) for n in range(len(pnl))]
    found = {row["span"]: row for row in spans(np.array(days, "datetime64[D]"), np.array(pnl)).iter_rows(named=True)}
    for span, begins in BEGINS.items():
        totals = {}
        for day, earned in zip(days, pnl, strict=True):
            totals[begins(day)] = totals.get(begins(day), 0.0) + earned
        row = found[span]
        assert row["count"] == len(totals)
        for side, pick in (("best", max), ("worst", min)):
            assert row[side] == pytest.approx(pick(totals.values()), abs=1e-9)
            assert totals[row[f"{side}_from"]] == pytest.approx(row[side], abs=1e-9)


@given(PNL)
@settings(max_examples=60, deadline=None)
def test_ratios_are_those_of_the_formulas_that_tear_sheets_publish(pnl):
    lost = [p for p in pnl if p < 0.0]
    downside = math.sqrt(sum(p * p for p in lost) / len(pnl))
    expected = {
        sortino: statistics.fmean(pnl) / downside * math.sqrt(252) if downside > 0.0 else math.nan,
        gains_over_losses: sum(p for p in pnl if p > 0.0) / -sum(lost) if lost else math.nan,
    }
    for ratio, value in expected.items():
        assert ratio(np.array(pnl)) == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True)
    ordered = sorted(pnl)

    def quantile(share):
        at = share * (len(ordered) - 1)
        low = ordered[math.floor(at)]
        return low + (at - math.floor(at)) * (ordered[math.ceil(at)] - low)

    tails = quantile(0.05), quantile(0.95)
    assert tail_ratio(np.array(pnl)) == pytest.approx(
        abs(tails[1] / tails[0]) if tails[0] < 0.0 else math.nan, rel=1e-9, abs=1e-12, nan_ok=True
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_cohorts_as_trades_are_counted_by_a_loop(seed):
    result = backtest(small_market(seed), ShortCorrelation(), schedule=Weekly())
    found = dict(result.trades().select("metric", "value").iter_rows())
    dates, cohorts = result.dates.astype("datetime64[D]").astype(object).tolist(), {}
    for row in result.ledger().iter_rows(named=True):
        cohorts.setdefault((row["entry_date"], row["cohort"]), []).append(row)
    net, lives, days = [], [], set()
    for key in sorted(cohorts):
        rows = cohorts[key]
        net.append(sum(row["pnl_net"] for row in rows))
        first, last = dates.index(key[0]), dates.index(max(row["exit_date"] for row in rows))
        lives.append((first, last))
        days |= set(range(first + 1, last + 1))
    gains, losses = [n for n in net if n > 0.0], [n for n in net if n < 0.0]
    runs = [(won, len(list(group))) for won, group in itertools.groupby(n > 0.0 for n in net)]
    expected = {
        "cohorts": len(net),
        "with a gain": len(gains) / len(net),
        "mean of all (expectancy)": statistics.fmean(net),
        "median": statistics.median(net),
        "mean gain over mean loss (payoff ratio)": statistics.fmean(gains) / -statistics.fmean(losses),
        "gains over losses (profit factor)": sum(gains) / -sum(losses),
        "best": max(net),
        "worst": min(net),
        "most gains in a row": max(length for won, length in runs if won),
        "most losses in a row": max(length for won, length in runs if not won),
        "sessions held, mean": statistics.fmean(last - first for first, last in lives),
        "sessions held, most": max(last - first for first, last in lives),
        "held at once, most": max(sum(first < t <= last for first, last in lives) for t in days),
        "sessions with a cohort held": len(days) / len(dates),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-12)
    assert sum(net) == pytest.approx(result.pnl_net.sum(), rel=1e-9)


def test_without_a_cohort_there_are_no_trades():
    ledger = pl.DataFrame(schema={"cohort": pl.Int64, "entry_date": pl.Date, "exit_date": pl.Date, "pnl_net": float})
    assert cohorts_as_trades(np.array(["2024-01-02"], "datetime64[D]"), ledger) is None
