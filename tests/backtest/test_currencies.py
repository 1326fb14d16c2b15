"""Markets of two currencies and calendars in one book: what is planted comes back, exchange rates stand apart."""

import datetime
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.backtest import Straddle, combine
from engine.correlation import implied_correlation
from engine.errors import InputError
from engine.kernels.codes import PARTS
from engine.testing import small_market
from tests.backtest.test_scenarios import run

CLOSED = {"USD": (17, 40, 41), "EUR": (25, 62)}  # sessions of the weekdays on which an exchange is shut
PLANTED = {"USD": 0.35, "EUR": 0.6}
MONEY = ("pnl_gross", "cost", "pnl_net", *PARTS)


def planted(currency, seed):
    """A market whose index has the variance that its members make at one correlation, without some sessions."""
    panel = small_market(seed, events=False, missing=0.0)
    w = panel.weights / panel.weights.sum(axis=1, keepdims=True)
    x = w[:, :, None, None] * panel.component_iv.astype(float)
    own = (x**2).sum(axis=1)
    index_iv = np.sqrt(own + PLANTED[currency] * (x.sum(axis=1) ** 2 - own)).astype(np.float32)
    open_days = np.delete(np.arange(len(panel)), CLOSED[currency])
    panel = replace(panel, index_iv=index_iv, info=replace(panel.info, currency=currency))
    return panel.map_arrays(lambda name, array: array[open_days])


@pytest.fixture(scope="module")
def results():
    return {"us": run(planted("USD", 5), Straddle(28)), "europe": run(planted("EUR", 8), Straddle(28), level=-0.7)}


@pytest.fixture(scope="module")
def fx(results):
    dates = sorted({date.item() for result in results.values() for date in result.dates})
    rate = 1.1 * np.exp(np.random.default_rng(3).normal(0.0, 0.01, len(dates)).cumsum())
    return pl.DataFrame({"date": dates, "currency": ["EUR"] * len(dates), "rate": rate})


def test_each_market_has_the_correlation_that_was_planted_on_its_own_calendar(results):
    us, europe = (set(result.dates.tolist()) for result in results.values())
    assert us - europe
    assert europe - us
    for result in results.values():
        market = result.market
        found = implied_correlation(market.index_iv, market.component_iv, market.weights).clean
        # Volatilities are float32: 6e-8 of each, over the difference of two variances.
        np.testing.assert_allclose(found, PLANTED[market.info.currency], atol=2e-5)


def test_a_book_of_two_currencies_is_an_account_kept_by_plain_loops(results, fx):
    book = combine(results, currency="USD", fx=fx, netted=False)
    rates = dict(zip(fx["date"], fx["rate"], strict=True))
    own = {name: {row["date"]: row for row in result.daily().iter_rows(named=True)} for name, result in results.items()}
    balance, before, last = {"us": 0.0, "europe": 0.0}, 0.0, None
    for row in book.daily.iter_rows(named=True):
        date = row["date"]
        of = {"us": 1.0, "europe": rates[date]}
        today = {name: own[name][date] for name in own if date in own[name]}
        held = balance["europe"]
        for name, day in today.items():
            balance[name] += day["pnl_net"]
        worth = sum(balance[name] * of[name] for name in balance)
        # What the account is worth moves by the P&L of the session and by the rate, and by nothing else.
        assert row["pnl_net"] + row["fx"] == pytest.approx(worth - before, rel=1e-9, abs=1e-6)
        assert row["fx"] == pytest.approx(held * (rates[date] - rates.get(last, 0.0)), abs=1e-6)
        for name in MONEY:
            expected = sum(day[name] * of[market] for market, day in today.items())
            assert row[name] == pytest.approx(expected, rel=1e-12, abs=1e-6), name
        before, last = worth, date
    assert abs(book.daily["fx"].sum()) > 1e3
    assert book.daily.height == len(rates)


def test_where_rates_stand_still_nothing_is_earned_by_them_and_netting_is_that_of_each_market(results, fx):
    still = fx.with_columns(rate=pl.lit(1.25))
    book = combine(results, currency="USD", fx=still)
    apart = {name: combine({name: result}) for name, result in results.items()}
    assert (book.daily["fx"] == 0.0).all()
    for name in (*MONEY, "saved"):
        expected = apart["us"].daily[name].sum() + 1.25 * apart["europe"].daily[name].sum()
        # What netting saves is a difference of costs, here none: the order of their sums is left, 1e-16 of them a term.
        rounding = 1e-12 * book.daily["cost"].sum()
        assert book.daily[name].sum() == pytest.approx(expected, rel=1e-12, abs=rounding), name
    assert book.capital == pytest.approx(results["us"].capital() + 1.25 * results["europe"].capital())
    vega = pl.concat(
        result.greeks().with_columns(pl.col("vega") * rate)
        for result, rate in zip(results.values(), (1.0, 1.25), strict=True)
    )
    assert book.greeks()["vega"].abs().sum() > 0.0
    assert book.greeks()["vega"].sum() == pytest.approx(vega["vega"].sum(), rel=1e-12)
    assert set(book.ledger()["currency"]) == {"USD", "EUR"}


def test_a_limit_counts_every_cohort_at_the_rate_of_the_day(results, fx):
    doubled = fx.with_columns(rate=pl.lit(2.0))
    vega = results["us"].vega_per_cohort()
    book = combine(results, currency="USD", fx=doubled, most_index_vega=2.5 * vega)
    held = {}
    for name, result in book.results.items():
        cohorts = result.book.cohorts
        for c in np.flatnonzero(result.entry_exposure[0]):
            size = abs(result.entry_exposure[0][c]) * vega * (2.0 if name == "europe" else 1.0)
            for date in result.dates[cohorts.entry[c] : cohorts.last[c]]:
                held[date.item()] = held.get(date.item(), 0.0) + size
    assert max(held.values()) == pytest.approx(2.5 * vega, rel=1e-12)


def test_rates_that_cannot_be_used_are_refused_with_what_is_wrong(results, fx):
    first = fx["date"][0]
    twice = pl.concat([fx, fx.head(1)])
    for given, words in (
        (None, "EUR, USD"),
        (fx.drop("rate"), "no column rate"),
        (fx.filter(pl.col("date") != first), f"no rate of EUR on {first}"),
        (fx.with_columns(rate=pl.when(pl.col("date") == first).then(-1.0).otherwise("rate")), "row 1, .* \\(-1.0\\)"),
        (fx.with_columns(rate=pl.lit("much")), "column rate"),
        (fx.with_columns(rate=pl.lit(True)), "column rate"),
        (fx.with_columns(pl.col("date").cast(pl.Int32)), "column date"),
        (twice, "duplicate"),
        (pl.concat([fx, fx.with_columns(currency=pl.lit("USD"), rate=pl.lit(2.0))]), "rates of USD, .* that are not 1"),
    ):
        with pytest.raises(InputError, match=words):
            combine(results, currency="USD", fx=given)
    with pytest.raises(InputError, match="say which as currency="):
        combine(results, fx=fx)
    assert isinstance(first, datetime.date)


def moved(fx, change, first, last=None):
    """Rates changed from one row to another."""
    rows = pl.int_range(pl.len()).is_between(first, fx.height if last is None else last)
    return fx.with_columns(rate=pl.when(rows).then(change).otherwise("rate"))


@pytest.mark.parametrize(
    ("change", "rows", "words"),
    [
        (pl.col("rate") * 10.0, (20, 20), "that of a day"),
        (pl.col("rate") / 100.0, (20, 20), "that of a day"),
        (pl.col("rate") * 1.3, (20, 20), "that of a day"),
        (pl.col("rate") * 100.0, (20,), "in other units"),
        (pl.col("rate") * 100.0, (0, 0), "in other units"),
        (1.0 / pl.col("rate"), (20, 20), "one over the rate before"),
        (1.0 / pl.col("rate"), (20,), "one over the rate before"),
    ],
)
def test_rates_that_move_as_no_currency_does_are_refused(results, fx, change, rows, words):
    fx = fx.with_columns(pl.col("rate") * 1.1)  # far enough from one over themselves
    combine(results, currency="USD", fx=fx)
    with pytest.raises(InputError, match=rf"fx: the rate of EUR is .*{words}"):
        combine(results, currency="USD", fx=moved(fx, change, *rows))


def test_what_currencies_have_done_is_taken(results, fx):
    franc, peso = moved(fx, pl.col("rate") * 1.19, 20), moved(fx, pl.col("rate") / 2.2, 20)
    for rates in (franc, peso, fx.with_columns(pl.col("date").cast(pl.String))):
        assert combine(results, currency="USD", fx=rates).daily.height


def test_names_are_texts_and_netting_is_a_choice_of_two(results):
    one = results["us"]
    with pytest.raises(InputError, match="by name, a text"):
        combine({1: one})
    with pytest.raises(InputError, match="netted='no' is neither"):
        combine({"us": one}, netted="no")
