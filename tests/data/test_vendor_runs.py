"""From a vendor's folder to a correlation and a backtest, named or found out; the rest from files of one's own."""

import numpy as np
import polars as pl
import pytest

from engine.backtest import Weekly, backtest
from engine.correlation import implied_correlation
from engine.data import find_source, load_market, save_panel
from engine.data.load import build_panel
from engine.errors import InputError
from strategies.short_correlation import ShortCorrelation
from tests.data.vendor_world import FORMATS, NAMES, RATE, dolthub, options, orats, spots

WEIGHTS = {"NDX": 0.5, "RUT": 0.3, "XSP": 0.2}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Closes and weights of one's own, for the vendors that have none."""
    folder = tmp_path_factory.mktemp("own")
    spots().write_csv(folder / "closes.csv")
    dated = (
        spots()
        .filter(pl.col("ticker") != "SPX")
        .select("date", "ticker", weight=pl.col("ticker").replace_strict(WEIGHTS))
    )
    dated.write_csv(folder / "weights.csv")
    return folder


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_a_correlation_and_a_backtest(name, files, tmp_path):
    vendor, write, _, others = FORMATS[name]
    write(tmp_path / "files")
    own = {"weights": str(files / "weights.csv")}
    if "prices" not in others and name != "tardis":
        own["prices"] = str(files / "closes.csv")
    if "rates" not in others and vendor != "deribit":
        own["rate"] = RATE
    market = load_market(vendor, tmp_path / "files", index="SPX", cache=tmp_path, progress=False, **own)
    assert market.weights[1:].sum(axis=1) == pytest.approx(1.0)
    measured = implied_correlation(market.index_iv[1:], market.component_iv[1:], market.weights[1:]).clean
    tenor, delta = list(market.tenors).index(91), list(market.deltas).index(50)
    correlation = measured[:, tenor, delta]
    alone = sum((weight * NAMES[name]) ** 2 for name, weight in WEIGHTS.items())
    together = sum(weight * NAMES[name] for name, weight in WEIGHTS.items()) ** 2
    # Bids and asks in cents, and a delta of 50 that is not at the money exactly, move it by less than .01.
    assert correlation == pytest.approx((NAMES["SPX"] ** 2 - alone) / (together - alone), abs=0.01)
    result = backtest(market, ShortCorrelation(), schedule=Weekly())
    assert len(result.daily(0)) == len(market)
    assert np.isfinite(result.daily(0)["pnl_net"].to_numpy()).all()
    assert result.ledger(0).height > 0


def test_a_folder_tells_which_market_it_is_and_the_panel_keeps_why(tmp_path):
    orats(tmp_path / "files")
    panel = load_market("auto", tmp_path / "files", index="SPX", weights="equal", cache=tmp_path, progress=False)
    named = load_market("orats", tmp_path / "files", index="SPX", weights="equal", cache=tmp_path, progress=False)
    assert panel.info.name == "orats"
    assert any(note.startswith("taken for files of orats by its columns ticker, ") for note in panel.info.notes)
    np.testing.assert_array_equal(panel.component_iv, named.component_iv)
    folder = build_panel("auto", tmp_path / "files", index="SPX", weights="equal", cache=tmp_path, progress=False)
    assert folder.name.startswith("orats-")


def test_auto_opens_a_stored_panel_and_tables_of_ones_own(files, tmp_path):
    orats(tmp_path / "files")
    panel = load_market("auto", tmp_path / "files", index="SPX", weights="equal", cache=tmp_path, progress=False)
    save_panel(panel, tmp_path / "panel")
    again = load_market("auto", tmp_path / "panel", cache=tmp_path, progress=False)
    np.testing.assert_array_equal(again.index_iv, panel.index_iv)
    own = tmp_path / "own"
    own.mkdir()
    (own / "prices.csv").write_text((files / "closes.csv").read_text())
    options().select("date", "ticker", tenor=pl.lit(91), delta=pl.lit(50), iv="iv").unique(
        ["date", "ticker"], keep="first"
    ).write_csv(own / "surface.csv")
    assert find_source("auto", own, {"index": "SPX", "weights": "equal"}).path == str(own)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"rate": 0.01},
            r"market=auto found orats, and takes path, index, weights, memory_budget; with rate name it: market=orats",
        ),
        ({"index": "SPX"}, r"orats has no weights; add market.weights=FILE"),
        ({"index": "QQQ", "weights": "equal"}, r"index=QQQ is no ticker"),
        ({"index": "SPX", "weights": "nowhere.csv"}, r"market.weights=nowhere.csv is no file"),
    ],
)
def test_what_is_missing_or_meant_for_a_named_market_is_said(settings, message, tmp_path):
    orats(tmp_path / "files")
    with pytest.raises(InputError, match=message):
        load_market("auto", tmp_path / "files", cache=tmp_path, progress=False, **settings)


def test_two_vendors_in_a_folder_are_refused_by_auto_and_read_by_their_names(tmp_path):
    orats(tmp_path / "files")
    dolthub(tmp_path / "files")
    with pytest.raises(InputError, match=r"holds files of 2 vendors: orats .* dolthub .*give each its own folder"):
        load_market("auto", tmp_path / "files", weights="equal", cache=tmp_path, progress=False)
    settings = {"index": "SPX", "weights": "equal", "cache": tmp_path, "progress": False}
    for name in ("orats", "dolthub"):
        assert load_market(name, tmp_path / "files", **settings).info.name == name
    with pytest.raises(InputError, match="holds no file of ivydb, but of orats, dolthub"):
        load_market("ivydb", tmp_path / "files", **settings)


def test_rejected_rows_and_counts_lie_beside_the_panel(tmp_path):
    from engine.data.store.account import load_quality, load_rejected

    orats(tmp_path / "files")
    file = tmp_path / "files" / "2019" / "more.csv"
    header = "ticker,cOpra,stkPx,expirDate,strike,cBidPx,cAskPx,pBidPx,pAskPx,smoothSmvVol,delta,trade_date"
    file.write_text(f"{header}\nRUT,RUT1190215C00100000,100,2/15/2019,100,1,2,1,2,0.2,0.5,1/16/2019\n")
    folder = build_panel("orats", tmp_path / "files", index="SPX", weights="equal", cache=tmp_path, progress=False)
    rejected = load_rejected(folder)
    assert rejected.select("file", "line", "reason").rows() == [(str(file), 2, "adjusted_contract")]
    quality = load_quality(folder)
    assert quality.filter(pl.col("reason") == "adjusted_contract")["rows"].to_list() == [1]
    assert quality.filter(pl.col("reason") == "kept")["rows"].sum() > 500


def test_levels_of_an_index_are_no_market(tmp_path):
    (tmp_path / "VIX_History.csv").write_text("DATE,OPEN,HIGH,LOW,CLOSE\n01/16/2019,19,19,19,19\n")
    with pytest.raises(InputError, match="holds files of cboe_index alone, which are no options"):
        load_market("auto", tmp_path, cache=tmp_path, progress=False)


def test_the_empty_file_of_a_holiday_is_no_damage(tmp_path):
    orats(tmp_path / "files")
    (tmp_path / "files" / "ORATS_SMV_Strikes_20190121.csv").write_text("")
    panel = load_market("orats", tmp_path / "files", index="SPX", weights="equal", cache=tmp_path, progress=False)
    assert len(panel) == 8


@pytest.mark.parametrize("path", ["x" * 5000, "a\0b", "nowhere", 7, None])
def test_auto_refuses_what_is_no_path(path, tmp_path):
    with pytest.raises(InputError):
        load_market("auto", path, cache=tmp_path, progress=False)
