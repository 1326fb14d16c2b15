"""Several backtests in one book: sums, hedges that net, a limit that blocks or scales and says so."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.backtest import DeskCosts, NoHedge, ShortestTenor, Straddle, Strangle, VolPoints, combine
from engine.backtest.outcome.combined import PARTS
from engine.errors import InputError
from engine.testing import small_market
from tests.backtest.test_scenarios import run


@pytest.fixture(scope="module")
def market():
    return small_market(5)


def column(frame, name):
    return frame[name].to_numpy()


def test_two_strategies_in_two_markets_add_up_and_none_of_their_hedges_net(market):
    other = small_market(8, sessions=70)
    one, two = run(market, Straddle(28)), run(other, Strangle(28), level=-0.7)
    book = combine({"one": one, "two": two})
    rows = pl.concat([one.daily(), two.daily()]).group_by("date").agg(pl.all().sum()).sort("date")
    assert book.daily["date"].to_list() == rows["date"].to_list()
    for name in ("pnl_gross", *PARTS):
        np.testing.assert_allclose(column(book.daily, name), column(rows, name), rtol=1e-12, atol=1e-6)
    apart = [column(combine({"it": it}).daily, "saved").sum() for it in (one, two)]
    assert column(book.daily, "saved").sum() == pytest.approx(
        sum(apart), rel=1e-12
    )  # cohorts of each net by themselves
    greeks = pl.concat([one.greeks(), two.greeks()]).group_by("date", "leg_class").agg(pl.all().sum())
    joined = book.greeks().join(greeks, on=["date", "leg_class"], suffix="_plain")
    np.testing.assert_allclose(column(joined, "vega"), column(joined, "vega_plain"), rtol=1e-12, atol=1e-9)
    assert book.capital == one.capital() + two.capital()
    assert book.ledger().height == one.ledger().height + two.ledger().height


def test_the_summary_of_one_backtest_is_its_own_and_of_two_that_of_their_sum(market):
    one, other = run(market, Straddle(28), risk_free=0.04), run(market, Strangle(28), level=-0.7)
    alone, own = combine({"it": one}, netted=False).summary(), one.summary()
    assert alone.pop("fx") == 0.0
    assert len(alone) == 12
    for name, value in alone.items():
        assert value == pytest.approx(own[name], rel=1e-9), name
    both, net = combine({"one": one, "other": other}, netted=False).summary(), one.pnl_net[0] + other.pnl_net[0]
    capital = one.capital() + other.capital()
    years = (market.dates[-1] - market.dates[0]).astype(int) / 365.25
    excess = net.mean() - 0.04 / 252 * one.capital()
    assert both["return_net_annual"] == pytest.approx(net.sum() / capital / years, rel=1e-9)
    assert both["sharpe_net"] == pytest.approx(excess / net.std(ddof=1) * np.sqrt(252), rel=1e-9)
    assert both["worst_day"] == pytest.approx(net.min(), rel=1e-9)


def test_a_book_is_printed_as_its_summary_and_what_its_limit_did(market):
    parts = {"one": run(market, Straddle(28)), "other": run(market, Straddle(28))}
    book = combine(parts)
    first, *rows = repr(book).splitlines()
    assert first == f"one and other in one book, {market.dates[0]} to {market.dates[-1]}"
    net = book.daily["pnl_net"].sum()
    assert f"Net P&L {net:,.0f} USD" in [" ".join(row.split()) for row in rows]
    assert "Limit" not in repr(book)
    blocked = combine(parts, most_index_vega=1.0, action="block")
    assert repr(blocked).endswith(f"Limit: {blocked.limits.height} cohorts were scaled or blocked; limits has each")


def test_netting_takes_hedge_costs_off_and_changes_nothing_else(market):
    one, two = run(market, Straddle(28)), run(market, Straddle(28), level=-1.0, exits=ShortestTenor())
    apart, netted = combine({"one": one, "two": two}, netted=False), combine({"one": one, "two": two})
    for name in ("date", "pnl_gross", *PARTS):
        assert apart.daily[name].to_list() == netted.daily[name].to_list()
    saved = column(netted.daily, "saved")
    assert (saved >= -1e-9).all()
    assert saved.sum() > 0.0
    assert (column(apart.daily, "saved") == 0.0).all()
    np.testing.assert_allclose(column(apart.daily, "cost") - column(netted.daily, "cost"), saved, atol=1e-9)
    hedging = (one.hedge_cost + two.hedge_cost)[0]
    assert (saved <= hedging + 1e-6).all()


def test_a_book_and_its_opposite_net_every_hedge_and_two_halves_none(market):
    costs = VolPoints(hedge_bps=7.0, delivery_bps=0.0)
    whole = run(market, Straddle(28), costs=costs)
    opposite, half = (
        run(market, Straddle(28), level=-1.0, costs=costs),
        run(market, Straddle(28), level=0.5, costs=costs),
    )
    flat = combine({"one": whole, "two": opposite}).daily
    np.testing.assert_allclose(column(flat, "saved"), 2.0 * whole.hedge_cost[0], rtol=1e-9, atol=1e-6)
    same = combine({"one": half, "two": replace(half)}).daily
    own = combine({"one": whole}).daily
    np.testing.assert_allclose(column(same, "saved"), column(own, "saved"), rtol=1e-9, atol=1e-6)


def test_of_a_smaller_book_held_against_it_every_hedge_nets(market):
    one, two = run(market, Straddle(28)), run(market, Straddle(28), level=-0.4)
    found = combine({"one": one, "two": two}).daily
    # The second book is -.4 of the first: of each hedge it trades .4 against, and .6 of what is left is traded.
    expected = one.hedge_cost[0] + two.hedge_cost[0] - _delivered(one) - _delivered(two)
    own = combine({"one": one}).daily
    paid = one.hedge_cost[0] - _delivered(one) - column(own, "saved")
    np.testing.assert_allclose(column(found, "saved"), expected - 0.6 * paid, rtol=1e-9, atol=1e-6)


def _delivered(result):
    free = run(result.market, Straddle(28), level=result.entry_exposure[0].min() or result.entry_exposure[0].max())
    free = replace(free, accounts=replace(free.accounts, costs=VolPoints(hedge_bps=0.0)))
    return free.hedge_cost[0]


@pytest.mark.parametrize("action", ["scale", "block"])
def test_a_limit_that_is_breached_scales_or_blocks_and_the_ledger_says_so(market, action):
    one, two = run(market, Straddle(28)), run(market, Straddle(28))
    vega = one.vega_per_cohort()
    most = 2.5 * vega
    book = combine({"one": one, "two": two}, most_index_vega=most, action=action)
    held = np.zeros(len(market))
    for result in book.results.values():
        cohorts = result.book.cohorts
        for c in np.flatnonzero(result.entry_exposure[0]):
            held[cohorts.entry[c] : cohorts.last[c]] += abs(result.entry_exposure[0][c]) * vega
    assert held.max() <= most * (1.0 + 1e-12)
    assert held.max() == pytest.approx(most if action == "scale" else 2.0 * vega)
    assert book.limits.height > 0
    for row in book.limits.iter_rows(named=True):
        result = book.results[row["strategy"]]
        assert result.entry_exposure[0][row["cohort"]] == row["exposure"]
        assert abs(row["exposure"]) < abs(row["asked"]) == 1.0
        assert row["action"] == ("scaled" if row["exposure"] else "blocked")
    scaled = book.limits.filter(pl.col("action") == "scaled")
    told = book.ledger().filter(pl.col("action") == "scaled").select("strategy", "cohort").unique()
    assert set(told.iter_rows()) == set(scaled.select("strategy", "cohort").iter_rows())
    gone = book.limits.filter(pl.col("action") == "blocked")
    assert book.ledger().join(gone, on=["strategy", "cohort"], how="semi").is_empty()
    summed = sum(result.pnl_gross[0] for result in book.results.values())
    np.testing.assert_allclose(column(book.daily, "pnl_gross"), summed, atol=1e-6)


def test_a_limit_that_is_not_reached_changes_nothing(market):
    one = run(market, Straddle(28))
    free, bound = combine({"one": one}), combine({"one": one}, most_index_vega=1e12)
    assert free.daily.equals(bound.daily)
    assert bound.limits.is_empty()
    assert bound.ledger()["action"].null_count() == one.ledger().height


@pytest.mark.parametrize("most", [float("nan"), -1.0, "1e5", True])
def test_a_limit_that_is_no_amount_is_refused(market, most):
    # NaN was no limit at all, and -1 a book of nothing.
    with pytest.raises(InputError, match=f"most_index_vega={most} is no amount"):
        combine({"one": run(market, Straddle(28))}, most_index_vega=most)


@pytest.mark.parametrize("results", [{}, None, [1], {"one": None}])
def test_what_is_no_backtest_is_refused(results):
    with pytest.raises(InputError, match="a book needs a backtest at least; give them by name"):
        combine(results)


def test_what_cannot_be_combined_is_refused(market):
    one = run(market, Straddle(28))
    for results, words in (
        ({}, "at least"),
        ({"one": run(market, Straddle(28), hedge=NoHedge())}, "not netted"),
        ({"one": run(market, Straddle(28), costs=DeskCosts())}, "not netted"),
    ):
        with pytest.raises(InputError, match=words):
            combine(results)
    with pytest.raises(InputError, match="scale or block"):
        combine({"one": one}, action="cut")
