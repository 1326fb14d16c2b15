"""The book in worlds where its expected P&L is known: nothing where nothing is planted, else the closed form."""

import numpy as np
import pytest

from engine.backtest import Monthly, NoCosts, Straddle, ThetaNeutral, VegaNeutral, backtest
from engine.backtest.cohorts.book import INDEX
from engine.backtest.legs.attribution import PARTS
from engine.calendar import days_between, year_fraction
from engine.correlation import AllMembers
from engine.data.synthetic import SyntheticMarket, synthetic_market
from engine.pricing import straddle
from strategies.short_correlation import ShortCorrelation


def always_on(sizing=None, **planted):
    """Always-on book of 60 years of monthly cohorts on 20 names: the panel, the truth and the result."""
    settings = SyntheticMarket.no_premium(start="1963-01-02", years=60, names=20, tenors=(30,), deltas=(25, 50, 75))
    panel, truth = synthetic_market(settings, **planted)
    result = backtest(
        panel,
        ShortCorrelation(),
        basket=AllMembers(),
        structure=Straddle(tenor=30),
        schedule=Monthly(),
        sizing=sizing or VegaNeutral(),
        costs=NoCosts(),
    )
    return panel, truth, result


def per_cohort(result):
    """P&L of every settled cohort in vol points per unit index vega, with its mean and standard error.

    Cohorts follow one another almost without overlap, so they are independent draws.
    """
    settled = result.book.cohorts.settled & result.book.entered
    pnl = result.book.explain.sum(axis=(1, 2, 3))[settled]
    return settled, pnl, pnl.mean(), pnl.std(ddof=1) / np.sqrt(len(pnl))


def expected(panel, truth, result, settled):
    """Closed form: each leg is worth, at entry, its price at fair volatility less the price paid."""
    book = result.book
    legs, entry = book.legs, book.cohorts.entry
    years = year_fraction(days_between(book.cohorts.expiry, panel.dates[entry]))[:, None]
    names = np.maximum(legs.name, 0)
    fair = np.sqrt(
        np.where(
            legs.name < 0, truth.fair_index_variance[entry, 0][:, None], truth.fair_variance[entry[:, None], names, 0]
        )
    )
    worth = straddle(legs.forward, legs.strike[..., 0], fair, years).value - legs.value[..., 0]
    return (legs.units * worth).sum(axis=1)[settled].mean()


@pytest.mark.parametrize("sizing", [VegaNeutral(), ThetaNeutral()], ids=["vega", "theta"])
def test_without_a_premium_the_always_on_book_earns_zero(sizing):
    _, _, result = always_on(sizing, seed=1)
    _, pnl, mean, error = per_cohort(result)
    assert len(pnl) > 700
    assert error <= 0.1
    assert abs(mean) <= 3.0 * error


@pytest.mark.parametrize(
    "planted",
    [{"correlation_premium": 0.10}, {"correlation_premium": -0.05}, {"vol_premium": 0.05, "correlation_premium": 0.08}],
    ids=["correlation", "cheap correlation", "both"],
)
def test_a_planted_premium_is_earned_to_its_closed_form(planted):
    panel, truth, result = always_on(seed=2, **planted)
    settled, _, mean, error = per_cohort(result)
    theory = expected(panel, truth, result, settled)
    assert error <= 0.1
    assert abs(theory) > 5.0 * error, "the premium must stand out of the noise"
    assert abs(mean - theory) <= 3.0 * error


def test_without_a_premium_gamma_earns_what_theta_costs():
    """At fair volatility, on the calendar's clock, a straddle's expected value tomorrow is its value today."""
    _, _, result = always_on(seed=3, weekend_variance=1.0)
    settled = result.book.cohorts.settled & result.book.entered
    parts = dict(zip(PARTS, result.book.explain[settled][:, :, INDEX].sum(axis=1).T, strict=True))
    assert not parts["unexplained"].any()
    left = parts["gamma"] + parts["theta"]
    assert abs(left.mean()) <= 3.0 * left.std(ddof=1) / np.sqrt(len(left))
    assert parts["theta"].min() > 0.0, "the index leg is short"
