"""Variance dispersion replicated from published indices: plain loops, planted truth, and the published files."""

import datetime

import numpy as np
import polars as pl
import pytest

from engine.calendar import sessions
from engine.data import PriceHistory, daily_series, load_published, load_sp500_history
from engine.study.replication import replication_form, replication_table

DATES = sessions("XNYS", "2024-01-02", "2024-12-31")
KNOWN = np.datetime64("2024-05-10")
VOL, RHO = 0.32, 0.25  # of each of twenty members, and between any two


@pytest.fixture(scope="module")
def world():
    """Twenty equal members whose realised dispersion is that implied, but for what a window of 21 sessions leaves."""
    rng = np.random.default_rng(3)
    daily = VOL / np.sqrt(252.0)
    common, own = rng.standard_normal((len(DATES), 1)), rng.standard_normal((len(DATES), 20))
    returns = daily * (np.sqrt(RHO) * common + np.sqrt(1.0 - RHO) * own)
    index_returns = returns.mean(axis=1)
    returns[0], index_returns[0], returns[100, 4] = np.nan, np.nan, np.nan
    weights = np.full(returns.shape, 0.05)
    weights[0] = 0.0
    history = PriceHistory(DATES, tuple("ABCDEFGHIJKLMNOPQRST"), returns, weights, index_returns, KNOWN)
    index = VOL * np.sqrt(RHO + (1.0 - RHO) / 20)
    frame = {"date": DATES, "VIX": np.full(len(DATES), 100 * index), "VIXEQ": np.full(len(DATES), 100 * VOL)}
    frame["VIX"][7] = np.nan
    return daily_series(pl.DataFrame(frame)), history


def by_loops(published, history):
    rows = []
    for t, date in enumerate(history.dates):
        vix, vixeq = (published[name][t] / 100.0 for name in ("VIX", "VIXEQ"))
        end = date + np.timedelta64(30, "D")
        if not vix > 0.0 or history.weights[t].sum() == 0.0 or end > history.dates[-1]:
            continue
        window = [s for s in range(t + 1, len(history.dates)) if history.dates[s] <= end]
        names, index = [], 365.0 / 30.0 * sum(np.log1p(history.index_returns[s]) ** 2 for s in window)
        for n, weight in enumerate(history.weights[t]):
            squares = [np.log1p(history.returns[s, n]) ** 2 for s in window]
            if all(np.isfinite(squares)):
                names.append((weight, 365.0 / 30.0 * sum(squares)))
        held = sum(weight for weight, _ in names)
        members = sum(weight / held * variance for weight, variance in names) - vixeq**2
        rows.append((date, history.dates[window[-1]], held / history.weights[t].sum(), members, vix**2 - index))
    return rows


def test_the_form_is_that_of_plain_loops(world):
    form = replication_form(*world)
    loops = by_loops(*world)
    assert form.select("date", "until").rows() == [(a.item(), b.item()) for a, b, *_ in loops]
    assert loops[0][0] == DATES[1]  # the first return is never known, and no window needs it
    assert datetime.date(2024, 1, 11) not in form["date"].to_list()  # no VIX
    for column, name in enumerate(("coverage", "members", "index"), start=2):
        # Sums of 21 squares, as differences of running sums of 250: a rounding of 250 terms.
        np.testing.assert_allclose(form[name], [row[column] for row in loops], rtol=0.0, atol=1e-12)
    assert form["coverage"].min() == pytest.approx(0.95)
    assert form.filter(pl.col("sample") == "point in time")["date"].min() == KNOWN.item()


def test_the_parts_are_the_change_of_dispersion_squared(world):
    form = replication_form(*world)
    squares = form["realized"] ** 2 - form["implied"] ** 2
    np.testing.assert_allclose(form["gross"], squares, rtol=0.0, atol=1e-15)
    np.testing.assert_allclose(form["gross"], form["members"] + form["index"], rtol=0.0, atol=0.0)


def test_a_market_that_realises_what_was_implied_pays_nothing(world):
    form = replication_form(*world)
    table = replication_table(form)
    assert table["entries"].sum() == len(form)
    # 30 days of the year hold 20.7 sessions of 252; a mean t of 3 would be found once in 400 draws.
    assert table["t"].abs().max() < 3.0
    doubled = world[1]
    twice = PriceHistory(
        DATES, doubled.names, np.expm1(2.0 * np.log1p(doubled.returns)), doubled.weights, doubled.index_returns, KNOWN
    )
    paid = replication_form(world[0], twice)
    # Members move twice as much and the index as before: three times their variance is earned.
    np.testing.assert_allclose(paid["gross"] - form["gross"], 3.0 * (form["members"] + VOL**2), rtol=1e-9)


def test_entries_that_do_not_overlap_are_counted(world):
    form = replication_form(*world).filter(pl.col("sample") == "point in time")
    assert replication_table(form)["apart"].to_list() == [8]  # 10 May, 7 June, 5 July, ... 22 November


def test_the_published_indices_give_the_published_dispersion_index(shared_data):
    published, history = load_published(shared_data), load_sp500_history(shared_data)
    form = replication_form(published, history)
    dspx = published.on(form["date"].to_numpy().astype("datetime64[D]"), "DSPX") / 100.0
    # VIX and VIXEQ have two decimals and DSPX is made of unrounded ones a moment apart: .06 points at the median.
    assert np.nanmedian(np.abs(form["implied"] - dspx)) < 0.001
    table = replication_table(form)
    assert table["sample"].to_list() == ["survivors, weights of later", "point in time"]
    assert table["entries"].to_list() == [1135, 221]
    assert table["vol_points"].to_list() == pytest.approx([-0.449, -2.382], abs=0.001)  # measured
    assert table["t"].abs().max() < 2.0
