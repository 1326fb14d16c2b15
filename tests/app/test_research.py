"""What a correlation run adds to the levels: each table is the function it comes from, and its parts add up."""

import numpy as np
import polars as pl
import pytest

from engine import research
from engine.correlation import (
    CorrelationStatus,
    TopWeights,
    baskets,
    correlate_baskets,
    correlation_skew,
    daily_returns,
    realized_correlation,
    surface_dispersion,
    term_structure,
)
from engine.correlation.sectors import Everything
from engine.data import load_market
from engine.errors import InputError


@pytest.fixture(scope="module")
def market():
    return load_market("synthetic", years=1.5, names=12, seed=5, progress=False)


@pytest.fixture(scope="module")
def chosen(market):
    return baskets(Everything(n=5), market)


@pytest.fixture(scope="module")
def rho(market, chosen):
    return correlate_baskets(chosen, market.component_iv)


def test_the_four_drivers_add_up_to_the_change_of_the_index_volatility(market, chosen):
    drivers = research.drivers_form(market, chosen[0])
    parts = sum(drivers[name] for name in ("component_vol", "correlation", "weight", "cross"))
    known = drivers["total"].is_not_null()
    # A handful of float64 roundings of a few vol points.
    np.testing.assert_allclose(parts.filter(known), drivers["total"].filter(known), rtol=0, atol=1e-12)
    k, d = research._front_cell(market)
    moved = 100.0 * np.diff(market.index_iv[:, k, d].astype(float), prepend=np.nan)
    np.testing.assert_allclose(drivers["total"].fill_null(np.nan), np.where(known, moved, np.nan), rtol=0, atol=1e-10)
    assert known.sum() > 0.9 * len(market)


def test_the_drivers_of_a_day_add_up_to_that_days_change_of_correlation(market, chosen, rho):
    k, d = research._front_cell(market)
    clean = 100.0 * rho.clean[0, :, k, d]
    told = []
    for t in range(100, 140):
        day, frame = research.drivers_of_a_day(market, chosen[0], str(market.dates[t]))
        assert day == str(market.dates[t])
        whole = rho.coverage[0, t - 1 : t + 1, k, d].min() == 1.0
        if whole and np.isfinite(clean[t] - clean[t - 1]):  # else names quoted on one date only are left out
            assert frame["points"].sum() == pytest.approx(clean[t] - clean[t - 1], abs=1e-9)
            told.append(t)
    assert len(told) > 10
    day, _ = research.drivers_of_a_day(market, chosen[0])
    assert day in {str(date) for date in market.dates}


@pytest.mark.parametrize(
    ("day", "words"),
    [("2014-01-04", "is not a session"), ("yesterday", "is not a date"), ("2014-01-02", "is the first session")],
)
def test_a_day_without_drivers_is_refused(market, chosen, day, words):
    with pytest.raises(InputError, match=words):
        research.drivers_of_a_day(market, chosen[0], day)


def test_structure_is_that_of_usable_values(market, chosen, rho):
    form = research.structure_form(market, rho, [basket.label for basket in chosen])
    ours = form.filter(pl.col("basket") == chosen[0].label)
    clean = np.where(rho.status[0] == CorrelationStatus.THIN_COVERAGE, np.nan, rho.clean[0])
    middle, quarter = (int(np.flatnonzero(axis == v)[0]) for axis, v in ((market.deltas, 50), (market.tenors, 91)))
    term = term_structure(clean[:, :, middle], market.tenors)
    skew = correlation_skew(clean[:, quarter], market.deltas)
    np.testing.assert_array_equal(ours["slope_per_month"].fill_null(np.nan), term.slope)
    np.testing.assert_array_equal(ours["skew_put"].fill_null(np.nan), skew.put)
    assert set(ours["regime"].drop_nulls()) <= set(research.REGIMES.values())
    table = research.structure_table(form)
    assert (table["contango"] + table["backwardation"] <= 1.0).all()


def test_dispersion_and_premia_are_those_of_each_basket_with_an_index_leg(market, chosen, rho):
    legged = [basket.label for basket in chosen if basket.leg is not None]
    dispersion = research.dispersion_form(market, chosen, 0.8)
    assert dispersion["basket"].unique(maintain_order=True).to_list() == legged
    found = surface_dispersion(
        market.index_iv, market.component_iv, chosen[0].weights, market.tenors, market.deltas, min_coverage=0.8
    )
    first = dispersion.filter((pl.col("basket") == legged[0]) & (pl.col("tenor") == int(market.tenors[2])))
    np.testing.assert_array_equal(first["member_vol"].fill_null(np.nan), found.member_vol[:, 2])
    returns = daily_returns(market.spot, market.return_factor, market.dates)
    realized = {b.label: realized_correlation(returns, b.weights, window=21) for b in chosen}
    premium = research.premium_form(market, rho, chosen, realized)
    assert premium["basket"].unique(maintain_order=True).to_list() == legged
    gap = (premium["implied"] - premium["realised"]).fill_null(np.nan)
    np.testing.assert_allclose(
        premium["correlation_premium"].fill_null(np.nan), gap, rtol=0, atol=1e-15
    )  # one rounding


def test_thin_cells_are_not_shown_on_the_surface():
    long = pl.DataFrame(
        {
            "date": ["2026-01-02"] * 4,
            "basket": ["top5"] * 4,
            "tenor": [30, 30, 91, 91],
            "delta": [25, 50, 25, 50],
            "implied_correlation": [0.3, 0.2, 0.4, -0.7],
            "status": ["ok", "ok", "above_one", "thin_coverage"],
        }
    )
    surface = research.surface_of(long, "top5")
    assert surface.columns == ["tenor", "25", "50"]
    assert surface.rows() == [(30, 0.3, 0.2), (91, 0.4, None)]


def test_one_basket_alone_is_studied_as_well(market):
    alone = baskets(TopWeights(5), market)
    assert research.dispersion_form(market, alone, 0.8)["basket"].unique().to_list() == ["top5"]
