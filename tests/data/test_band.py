"""Volatilities at bid and ask in a panel: cut, stored and appended with it, and the band of correlation they give."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.correlation import baskets, correlation_band
from engine.correlation.basket import TopWeights
from engine.data import open_panel, save_panel
from engine.data.check_append import check_appendable
from engine.data.records import QuotedBand
from engine.data.store.storage import append_panel
from engine.errors import InputError
from engine.report import correlation_levels
from engine.study.levels import measure_levels
from engine.testing import small_market


@pytest.fixture(scope="module")
def market():
    panel = small_market(3, sessions=80)
    half = 0.004
    sides = (panel.index_iv - half / 2, panel.index_iv + half / 2, panel.component_iv - half, panel.component_iv + half)
    return replace(panel, band=QuotedBand(*(side.astype(np.float32) for side in sides)))


def test_band_is_cut_stored_and_appended_with_the_panel(market, tmp_path):
    first, last = market.slice(end=market.dates[49]), market.slice(start=market.dates[50])
    assert len(first.band.bid) == 50
    save_panel(first, tmp_path / "panel")
    whole = append_panel(tmp_path / "panel", last)
    for name in ("index_bid", "index_ask", "bid", "ask"):
        np.testing.assert_array_equal(getattr(whole.band, name), getattr(market.band, name))
    assert open_panel(tmp_path / "panel").content_hash == whole.content_hash
    with pytest.raises(InputError, match="bid and ask"):
        check_appendable(first, replace(last, band=None))


def test_a_band_of_another_shape_is_refused(market):
    with pytest.raises(InputError, match=r"band\.bid has shape"):
        replace(market, band=replace(market.band, bid=market.band.bid[:, 1:]))


def test_correlation_rows_have_their_band(market):
    chosen = baskets(TopWeights(5), market)
    levels = measure_levels(market, chosen, 0.5)
    rows = levels.implied.with_columns(pl.col("implied_correlation").alias("mid"))
    held = market.band
    direct = correlation_band(held.index_bid, held.index_ask, held.bid, held.ask, chosen[0].weights, min_coverage=0.5)
    np.testing.assert_allclose(rows["implied_correlation_bid"].to_numpy(), direct.bid.clean.ravel(), equal_nan=True)
    positive = rows.filter(pl.col("mid") > 0.0, pl.col("status") == "ok").drop_nulls()
    assert positive.height > 1000
    assert (positive["implied_correlation_bid"] < positive["mid"]).all()
    assert (positive["mid"] < positive["implied_correlation_ask"]).all()
    shown = correlation_levels(levels.measured())
    assert (shown["bid"] < shown["mean"]).all()
    assert (shown["mean"] < shown["ask"]).all()


def test_without_a_band_nothing_is_added(market):
    plain = replace(market, band=None)
    levels = measure_levels(plain, baskets(TopWeights(5), plain), 0.5)
    assert "implied_correlation_bid" not in levels.implied.columns
    assert "bid" not in correlation_levels(levels.measured()).columns
