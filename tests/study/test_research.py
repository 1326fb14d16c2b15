"""What a correlation run adds to the levels: each table is the function it comes from, and its parts add up."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

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
    variance_premium,
)
from engine.correlation.dispersion import DispersionStatus
from engine.correlation.sectors import Everything
from engine.data import load_market
from engine.errors import InputError
from engine.study import research
from engine.study.levels import measure_levels
from engine.study.premia import premium_form, premium_table

PAGE = Path(__file__).resolve().parents[2] / "results" / "README.md"
TABLES = ("structure", "premium", "dispersion", "drivers", "season", "weekend")


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
    [
        ("2014-01-04", "is not a session"),
        ("2099-01-02", "is not a session"),
        ("yesterday", "is not a date"),
        ("2014-01-02", "is the first session"),
    ],
)
def test_a_day_without_drivers_is_refused(market, chosen, day, words):
    with pytest.raises(InputError, match=words):
        research.drivers_of_a_day(market, chosen[0], day)


@pytest.mark.parametrize("after", [0, 1])
def test_a_day_is_refused_where_the_index_was_not_quoted_on_it_or_the_day_before(market, after):
    index_iv = market.index_iv.copy()
    index_iv[150] = np.nan
    holed = replace(market, index_iv=index_iv, validate=False)
    with pytest.raises(InputError, match="correlation of top5 is not known"):
        research.drivers_of_a_day(holed, baskets(TopWeights(5), holed)[0], str(market.dates[150 + after]))


def test_structure_is_that_of_usable_values(market, chosen, rho):
    form = research.structure_form(market, rho, [basket.label for basket in chosen])
    middle, quarter = (int(np.flatnonzero(axis == v)[0]) for axis, v in ((market.deltas, 50), (market.tenors, 91)))
    for b, basket in enumerate(chosen):
        ours = form.filter(pl.col("basket") == basket.label)
        clean = np.where(rho.status[b] == CorrelationStatus.THIN_COVERAGE, np.nan, rho.clean[b])
        term = term_structure(clean[:, :, middle], market.tenors)
        skew = correlation_skew(clean[:, quarter], market.deltas)
        same(ours, slope_per_month=term.slope, skew_put=skew.put, skew_call=skew.call, skew_curvature=skew.curvature)
        known = np.isfinite(term.slope)
        assert ours["regime"].is_not_null().to_list() == known.tolist()
        words = np.where(term.slope > 0.0, "contango", np.where(term.slope < 0.0, "backwardation", "flat"))
        assert ours["regime"].drop_nulls().to_list() == words[known].tolist()
        assert known.any() == (basket.leg is not None)


def test_the_table_of_structure_counts_dates_with_a_regime():
    form = pl.DataFrame(
        {
            "basket": ["top5"] * 4 + ["no leg"],
            "regime": ["contango", "flat", None, "contango", None],
            "slope_per_month": [1.0, 0.0, None, 2.0, None],
            "skew_put": [10.0, 12.0, None, 14.0, None],
            "skew_call": [6.0, None, None, 8.0, None],
            "skew_curvature": [4.0, None, None, 2.0, None],
        }
    )
    assert research.structure_table(form).rows() == [("top5", 3, 2 / 3, 0.0, 1.0, 12.0, 7.0, 3.0)]


def test_dispersion_is_that_of_each_basket_with_an_index_leg(market, chosen):
    form = research.dispersion_form(market, chosen, 0.8)
    legged = [basket for basket in chosen if basket.leg is not None]
    assert form["basket"].unique(maintain_order=True).to_list() == [basket.label for basket in legged]
    for basket in legged:
        found = surface_dispersion(
            basket.index_iv, market.component_iv, basket.weights, market.tenors, market.deltas, min_coverage=0.8
        )
        for k, tenor in enumerate(market.tenors):
            ours = form.filter((pl.col("basket") == basket.label) & (pl.col("tenor") == int(tenor)))
            assert ours["date"].to_numpy().astype("datetime64[D]").tolist() == market.dates.tolist()
            same(ours, **{name: array[:, k] for name, array in vars(found).items() if name != "status"})
            assert ours["status"].to_list() == [DispersionStatus(code).text for code in found.status[:, k]]


@pytest.mark.parametrize(("tenor", "window"), [(10, 7), (30, 21), (91, 63), (365, 252)])
def test_premia_are_implied_less_realised_on_the_leg_s_own_returns_over_the_tenor_s_sessions(
    market, chosen, rho, tenor, window
):
    returns = daily_returns(market.spot, market.return_factor, market.dates)
    form = premium_form(market, measure_levels(market, chosen, 0.8)).filter(pl.col("tenor") == tenor)
    assert form["window"].unique().to_list() == [window]
    legged = [(b, basket) for b, basket in enumerate(chosen) if basket.leg is not None]
    assert form["basket"].unique(maintain_order=True).to_list() == [basket.label for _, basket in legged]
    k, d = (int(np.flatnonzero(axis == v)[0]) for axis, v in ((market.tenors, tenor), (market.deltas, 50)))
    for b, basket in legged:
        levels = market.sectors.leg_spot[:, 0] if basket.of_sector else market.index_spot
        own = np.append(np.nan, levels[1:] / levels[:-1] - 1.0)
        moved = realized_correlation(returns, basket.weights, window=window, index_returns=own)
        assert form.filter(pl.col("basket") == basket.label)["realized_leg"].unique().to_list() == [basket.leg]
        thin = rho.status[b, :, k, d] == CorrelationStatus.THIN_COVERAGE
        implied = np.where(thin, np.nan, rho.clean[b, :, k, d])
        variance = variance_premium(basket.index_iv[:, k, d], market.component_iv[:, :, k, d], basket.weights, moved)
        same(
            form.filter(pl.col("basket") == basket.label),
            implied=implied,
            realized=moved.clean,
            correlation_premium=implied - moved.clean,
            index_variance_premium=variance.index,
            basket_variance_premium=variance.basket,
        )


def test_a_tenor_far_longer_than_the_data_has_no_premium_and_its_table_says_how_many_sessions_there_were(market):
    part = replace(market.slice(end=market.dates[61]), history=None)
    levels = measure_levels(part, baskets(TopWeights(5), part), 0.8)
    table = premium_table(premium_form(part, levels), levels.windows)
    rows = {row["tenor"]: row for row in table.iter_rows(named=True)}
    assert [(rows[t]["window"], rows[t]["wanted"]) for t in (30, 91, 182)] == [(21, 21), (61, 63), (None, 126)]
    counts = levels.realized.group_by("window").agg(pl.col("realized_correlation").count())
    assert {(7, 55), (21, 41), (61, 1)} <= set(counts.iter_rows())
    assert 35 < rows[30]["dates"] <= 41  # a few index quotes are planted as missing
    assert rows[182]["dates"] == 0
    assert rows[30]["realized_leg"] == "SYNX"
    assert rows[182]["correlation_premium"] is None


def test_closes_from_before_the_first_date_fill_the_first_windows(market):
    later = market.slice(start=market.dates[200])
    whole, part = (measure_levels(m, baskets(TopWeights(5), m), 0.8) for m in (market, later))
    for window in (21, 63, 126):
        of_whole, of_part = (levels.realized.filter(pl.col("window") == window) for levels in (whole, part))
        assert of_part["realized_correlation"].null_count() == 0
        columns = pl.exclude("realized_display_only")  # a mean over the dates of the run
        assert of_part.select(columns).equals(of_whole[200:].select(columns))


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


def test_a_run_tells_of_the_day_asked_for_and_writes_every_column_its_page_names(command, tmp_path):
    ended = command("correlate", "debug=small", "report=none", "day=2014-06-05", place=tmp_path)
    assert ended.code == 0, ended.err
    assert "Drivers of top50 on 2014-06-05, points of correlation" in ended.out
    (folder,) = ended.folders
    page = PAGE.read_text()
    for name in TABLES:
        (told,) = re.findall(rf"^\| `{name}\.parquet` \| (.*) \|$", page, re.MULTILINE)
        words = set(re.findall(r"\w+", told))
        columns = set(pl.read_parquet_schema(folder / f"{name}.parquet")) - {"date", "basket", "tenor"}
        assert columns <= words
        assert {word for word in words if "_" in word} <= columns


def test_a_run_refuses_a_day_that_is_no_session(command, tmp_path):
    command("correlate", "debug=small", "report=none", "day=2014-06-07", place=tmp_path).refuses(
        "day=2014-06-07 is not a session of synthetic"
    )


def same(frame, **columns):
    """Assert that columns of a frame are these arrays bit for bit, null standing for NaN."""
    for name, array in columns.items():
        np.testing.assert_array_equal(frame[name].fill_null(np.nan), np.ravel(array), err_msg=name)
