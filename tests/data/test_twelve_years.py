"""Twelve real years of 20 names with one tenor and one delta, from frames and files as a user has them.

The numbers expected were made by other code: cohorts priced one by one in plain loops.
"""

import numpy as np
import polars as pl
import pytest

from engine import backtest, implied_correlation
from engine.backtest import Straddle
from engine.correlation import AllMembers
from engine.data import MarketPanel, load_market, load_published
from strategies.short_correlation import ShortCorrelation
from tests.data.tiny_panel import arrays

INDEX_NOTE = "VIX3M x .92: a strip, scaled to stand for an at-the-money volatility"


@pytest.fixture(scope="module")
def frames(shared_data):
    folder = shared_data / "skfolio"
    if not folder.is_dir():
        pytest.skip("the twelve years of 20 names are not among the real data")
    vols, closes, spx = (
        pl.read_csv(folder / f"{name}.csv.gz", try_parse_dates=True)
        for name in ("sp500_implied_vol_dataset", "sp500_dataset", "sp500_index")
    )
    published = load_published(shared_data)
    strip = pl.DataFrame({"Date": published.dates, "INDEX": 0.92 * published["VIX3M"] / 100.0})
    names = [column for column in closes.columns if column != "Date"]
    moves = closes.select(pl.mean_horizontal(pl.col(names).pct_change()).fill_null(0.0)).to_series()
    dff = pl.read_parquet(shared_data / "us_history" / "fed_funds_dff.parquet")
    return {
        "surface": vols.join(strip, on="Date"),
        "prices": closes.with_columns(INDEX=100.0 * (1.0 + moves).cum_prod()),
        "spx": closes.join(spx.rename({"SP500": "INDEX"}), on="Date"),
        "rates": dff.select("date", rate=(1.0 + pl.col("dff") / 100.0).log()),
    }


@pytest.fixture(scope="module")
def panel(frames):
    return own(frames, "prices")


def own(frames, prices) -> MarketPanel:
    given = {"rates": frames["rates"], "index": "INDEX", "index_note": INDEX_NOTE, "tenor": 91, "delta": 50}
    return MarketPanel.from_frames(frames["surface"], "equal", frames[prices], **given)


def test_every_row_is_there_and_says_what_it_is(panel):
    assert (len(panel), len(panel.names)) == (3270, 20)
    assert np.isfinite(panel.component_iv).all()
    assert (panel.weights == 1 / 20).all()
    assert panel.history is not None
    assert str(panel.history.dates[0]) == "1990-01-02"
    assert INDEX_NOTE in panel.info.source
    for said in ("survivors", "one tenor", "no forwards", "equal"):
        assert any(said in note for note in panel.info.notes)


def test_their_correlation_moves_as_the_published_one_does(panel, shared_data):
    published = load_published(shared_data).on(panel.dates, "COR3M")
    own = 100.0 * implied_correlation(panel.index_iv, panel.component_iv, panel.weights).clean[:, 0, 0]
    both = np.isfinite(own) & np.isfinite(published)
    own, published = own[both], published[both]
    assert both.sum() == 3263
    assert np.corrcoef(own, published)[0, 1] >= 0.75
    assert np.corrcoef(np.diff(own), np.diff(published))[0, 1] >= 0.72
    assert (own.mean(), published.mean()) == pytest.approx((48.2, 45.6), abs=0.05)


def test_files_make_the_same_panel_bit_for_bit(frames, panel, tmp_path):
    for name in ("surface", "prices", "rates"):
        frames[name].write_csv(tmp_path / f"{name}.csv")
    settings = {"index": "INDEX", "index_note": INDEX_NOTE, "tenor": 91, "delta": 50, "weights": "equal"}
    found = load_market("files", tmp_path, cache=tmp_path / "panels", progress=False, **settings)
    for name, array in arrays(panel).items():
        np.testing.assert_array_equal(array, arrays(found)[name], err_msg=name)
    assert (found.info.source, found.info.notes) == (panel.info.source, panel.info.notes)


@pytest.mark.parametrize(
    ("prices", "gross", "cost", "net"),
    [
        ("prices", 44_740_944.668, 20_476_967.472, 24_263_977.196),
        ("spx", 43_009_372.156, 20_515_737.545, 22_493_634.611),
    ],
)
def test_their_straddles_earn_what_other_code_says(frames, prices, gross, cost, net):
    """A regression test and no result: members are survivors, and the index leg is a proxy that cannot be traded."""
    market = own(frames, prices)
    result = backtest(market, ShortCorrelation(), structure=Straddle(91), basket=AllMembers())
    summary = result.summary()
    found = tuple(summary[name] for name in ("pnl_gross", "cost", "pnl_net"))
    assert found == pytest.approx((gross, cost, net), abs=0.001)
    assert (summary["cohorts"], summary["cohorts_open"], summary["stale_share"]) == (156, 3, 0.0)
    codes = [caution.code for caution in result.cautions()]
    assert {"surface_marks", "flat_smiles", "noted_of_data"} <= set(codes)
