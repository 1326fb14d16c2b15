"""Option quotes of one's own to a panel: the planted surface comes back, from frames as from files."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
import quoted_world as world

from engine.data import MarketPanel, build_panel, load_market, load_quality
from engine.data.sources.files import Files
from engine.data.tables.frames import own_market
from engine.errors import InputError
from tests.data.test_files import assert_same_numbers

NAMES = ["ODD", "PAY"]
LATER = timedelta(1)
WEIGHTS = pl.DataFrame({"ticker": NAMES, "weight": [0.6, 0.4]})


@pytest.fixture(scope="module")
def tables():
    one = world.quotes(seed=0).filter(pl.col("expiry") > world.DATE + timedelta(20))
    quotes = pl.concat([one, one.with_columns(pl.col("date") + LATER, pl.col("bid", "ask") + 0.01)])
    closes = pl.concat([world.closes(), world.closes().with_columns(pl.col("date") + LATER)])
    rates = world.rates().with_columns(pl.col("date") - LATER)
    return {"quotes": quotes, "weights": WEIGHTS, "prices": closes, "rates": rates}


@pytest.fixture(scope="module")
def own(tables):
    given = {name: table for name, table in tables.items() if name not in ("weights", "prices")}
    return own_market(None, tables["weights"], tables["prices"], **given, index="IDX")


def test_the_planted_surface_comes_back_with_listed_expiries_and_a_band(own, tables):
    panel = own.panel()
    assert (panel.names.tolist(), len(panel)) == (NAMES, 2)
    middle = panel.deltas.tolist().index(50)
    for tenor in (91, 182, 365):
        k = panel.tenors.tolist().index(tenor)
        assert abs(panel.index_iv[0, k, middle] - world.true_vol("IDX", 50, tenor)) < 0.001
        for n, name in enumerate(NAMES):
            assert abs(panel.component_iv[0, n, k, middle] - world.true_vol(name, 50, tenor)) < 0.004
    assert panel.listed is not None
    assert panel.listed.expiry.shape[1] == tables["quotes"]["expiry"].n_unique()
    assert panel.band is not None
    assert panel.info.marks == "quoted"
    assert "parity" in panel.info.forward_convention


def test_every_quote_is_kept_or_counted_once(own, tables):
    quality = own.quality.filter(~pl.col("reason").str.contains(r"\."))
    assert quality["rows"].sum() == tables["quotes"].height
    assert any("option quotes are taken to be of 16:00" in note for note in own.market.info.notes)


def test_a_quote_that_cannot_be_is_rejected_and_one_exercise_is_assumed_and_said(own, tables):
    broken = tables["quotes"].with_columns(
        right=pl.when(pl.int_range(pl.len()) == 3).then(pl.lit("X")).otherwise("right"),
        bid=pl.when(pl.int_range(pl.len()) == 5).then(-1.0).otherwise("bid"),
    )
    given = {"quotes": broken.drop("style"), "rates": tables["rates"], "index": "IDX"}
    found = own_market(None, tables["weights"], tables["prices"], **given)
    assert found.rejected.select("line", "reason").rows() == [(4, "right_not_understood"), (6, "bid_negative")]
    assert any("taken to be american, on IDX european" in note for note in found.market.info.notes)
    one, other = found.panel(), own.panel()
    np.testing.assert_allclose(one.component_iv, other.component_iv, atol=1e-3)


def test_files_of_quotes_make_the_panel_of_the_frames_bit_for_bit(own, tables, tmp_path, monkeypatch):
    for name, table in tables.items():
        table.write_csv(tmp_path / f"{name}.csv")
    found = load_market("files", tmp_path, cache=tmp_path / "panels", progress=False, index="IDX")
    assert_same_numbers(own.panel(), found)
    quality = load_quality(build_panel("files", tmp_path, cache=tmp_path / "panels", progress=False, index="IDX"))
    assert quality is not None
    assert quality.filter(pl.col("reason") == "kept")["rows"].sum() > 0
    monkeypatch.setattr("engine.data.tables.table_source.BLOCK", "datetime64[D]")
    first, second = Files(path=str(tmp_path), index="IDX").blocks()
    assert_same_numbers(own.panel(), first.append(second))
    (tmp_path / "surface.csv").write_text("date,ticker\n")
    with pytest.raises(InputError, match=r"surface\.csv and .*quotes\.csv: volatilities come from one of them"):
        load_market("files", tmp_path, cache=tmp_path / "panels", progress=False, index="IDX")


def test_from_quotes_is_the_same(own, tables):
    given = {"rates": tables["rates"], "index": "IDX"}
    panel = MarketPanel.from_quotes(tables["quotes"], tables["weights"], tables["prices"], **given)
    assert_same_numbers(own.panel(), panel)
    with pytest.raises(InputError, match="either a surface or option quotes"):
        own_market(None, tables["weights"], tables["prices"], **given)


def test_closes_of_another_moment_than_the_quotes_are_told(tables):
    closes = tables["prices"].with_columns(
        close=pl.when(pl.col("ticker") == "IDX").then(pl.col("close") * 1.002).otherwise("close")
    )
    found = own_market(None, tables["weights"], closes, quotes=tables["quotes"], rates=tables["rates"], index="IDX")
    assert any("closes and quotes are not of one moment" in note for note in found.market.info.notes)
    assert found.quality.filter(pl.col("reason") == "surface.spot_off_the_options")["rows"].sum() > 0


def test_dividends_that_were_known_say_what_early_exercise_is_worth(own, tables):
    """Of a share that pays .9 a quarter the planted volatility is a tenth as far off once its dividends are known."""
    paid = world.dividend_table().rename({"asset": "ticker"})
    given = {"rates": tables["rates"], "index": "IDX"}

    def missed(dividends):
        panel = MarketPanel.from_quotes(
            tables["quotes"], tables["weights"], tables["prices"], dividends=dividends, **given
        )
        n, middle = NAMES.index("PAY"), panel.deltas.tolist().index(50)
        tenors = [panel.tenors.tolist().index(days) for days in (91, 182, 365)]
        true = [world.true_vol("PAY", 50, days) for days in (91, 182, 365)]
        return np.abs(panel.component_iv[0, n, tenors, middle] - true).max()

    without = missed(None)
    assert without > 0.0015
    assert missed(paid) < 0.0005
    assert missed(paid.with_columns(known=pl.lit(world.DATE - LATER))) == missed(paid)
    assert missed(paid.with_columns(known=pl.lit(world.DATE + 5 * LATER))) == without  # nobody knew of them yet


def test_dividends_without_option_quotes_are_refused(tables):
    paid = world.dividend_table().rename({"asset": "ticker"})
    surface = pl.DataFrame({"date": [world.DATE], "ticker": ["IDX"], "tenor": [30], "delta": [50], "iv": [0.2]})
    with pytest.raises(InputError, match="dividends are read with option quotes"):
        own_market(surface, tables["weights"], tables["prices"], dividends=paid, index="IDX")
