"""A path is the name of one thing, whatever signs it holds: it is never a pattern, and `~` is the home."""

import polars as pl
import pytest
from test_us_chains import FILES

from engine.data import build_panel, load_market, load_published, load_quality, load_sp500_history, open_panel

NAMES = ["v[12]", "v*", "v?", "v{1,2}", "a b", "größe", "date=2026", "~old", "%20", "#1"]


def write(folder, spot=1.0):
    for name, make in FILES.items():
        path = folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame = make()
        (frame.with_columns(pl.col("spot") * spot) if "spot" in frame.columns else frame).write_parquet(path)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_market_reads_the_folder_it_is_given_and_no_other_that_fits(tmp_path, name):
    for other in ("v1", "v2", "vx"):  # what the patterns among the names would find first
        write(tmp_path / other, spot=2.0)
    folder = write(tmp_path / name)
    cache = tmp_path / f"panels {name}"
    panel = load_market("us_chains", path=folder, cache=cache, progress=False)
    assert panel.index_spot[0] == 700.0
    built = build_panel("us_chains", path=folder, cache=cache, progress=False)
    assert load_quality(built).height > 0
    assert open_panel(built).content_hash == panel.content_hash


@pytest.mark.parametrize("name", NAMES)
def test_series_read_the_folder_they_are_given(tmp_path, name):
    day = FILES["us2026/spot"]()["date"][0]
    for other, close in (("v1", 2.0), (name, 1.0)):
        folder = tmp_path / other / "us_history"
        folder.mkdir(parents=True)
        pl.DataFrame({"date": [day], "index": ["COR1M"], "close": [close]}).write_parquet(
            folder / "cboe_indices.parquet"
        )
        pl.DataFrame({"Date": [day], "Close": [close]}).write_parquet(folder / "spx_ohlc_1999_2018.parquet")
        rows = [(day, ticker, close) for ticker in ("SPY", "A")]
        prices = pl.DataFrame(rows, schema=["date", "ticker", "adjusted"], orient="row")
        prices.write_parquet(folder / "prices_sp500_2019_2025.parquet")
        held = pl.DataFrame({"asof": [day], "ticker": ["A"], "weight": [close]})
        held.write_parquet(folder / "spy_holdings.parquet")
    assert load_published(tmp_path / name)["COR1M"].tolist() == [1.0]
    assert load_sp500_history(tmp_path / name).names == ("A",)


def test_the_tilde_of_a_markets_path_is_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "chains")
    assert len(load_market("us_chains", path="~/chains", cache=tmp_path / "panels", progress=False)) == 3
