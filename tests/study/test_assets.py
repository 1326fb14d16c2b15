"""A basket beyond an index: what its option is worth at a correlation, what it implies, and what it moves with."""

import math

import numpy as np
import polars as pl
import pytest

from engine.correlation import market_returns
from engine.data import load_market
from engine.errors import InputError
from engine.study.assets import Assets, assets_found, read_assets
from engine.study.levels import middle_delta
from engine.testing import small_market

WEIGHTS = pl.DataFrame({"ticker": ["S1", "S3", "IDX"], "weight": [0.5, 0.3, 0.2]})
WINDOW = 20


@pytest.fixture(scope="module")
def market():
    return small_market(3, sessions=60, names=8, events=False, missing=0.0)


def moves_of(market):
    returns = market_returns(market)
    return np.column_stack([returns.names[:, 1], returns.names[:, 3], returns.legs["IDX"]])


def test_correlation_and_prices_of_the_last_date_equal_plain_loops(market):
    found = assets_found(market, Assets(WEIGHTS, None, None), WINDOW).rows
    moves, w, d = moves_of(market)[-WINDOW:], [0.5, 0.3, 0.2], middle_delta(market)
    vol = [math.sqrt(sum(r[i] ** 2 for r in moves) / WINDOW) for i in range(3)]
    basket = math.sqrt(sum(sum(w[i] * r[i] for i in range(3)) ** 2 for r in moves) / WINDOW)
    own = sum((w[i] * vol[i]) ** 2 for i in range(3))
    pairs = sum(w[i] * w[j] * vol[i] * vol[j] for i in range(3) for j in range(3) if i != j)
    realized = (basket**2 - own) / pairs
    for k, tenor in enumerate(market.tenors):
        of = [market.component_iv[-1, 1, k, d], market.component_iv[-1, 3, k, d], market.index_iv[-1, k, d]]
        s = [float(iv) for iv in of]
        variance = sum(w[i] * w[j] * s[i] * s[j] * (1.0 if i == j else realized) for i in range(3) for j in range(3))
        years = int(tenor) / 365.0
        call = math.erf(math.sqrt(variance * years) / 2.0 / math.sqrt(2.0))  # N(x) - N(-x) at the forward
        (row,) = found.filter(pl.col("date") == market.dates[-1], pl.col("tenor") == int(tenor)).to_dicts()
        assert row["realized_correlation"] == pytest.approx(realized, rel=1e-9)  # differences of squares of returns
        assert row["breakeven_vol"] == pytest.approx(math.sqrt(variance), rel=1e-9)
        assert row["breakeven"] == pytest.approx(call, rel=1e-9)
        assert (row["call_at_0"] < row["breakeven"]) == (realized > 0.0)


def test_an_option_quoted_at_the_break_even_volatility_implies_the_realised_correlation(market):
    plain = assets_found(market, Assets(WEIGHTS, None, None), WINDOW).rows
    option = plain.select("date", pl.col("tenor").cast(pl.Float64), iv="breakeven_vol").drop_nulls()
    found = assets_found(market, Assets(WEIGHTS, option, None), WINDOW).rows.drop_nulls("implied_correlation")
    assert found.height == option.height > 0
    np.testing.assert_allclose(found["implied_correlation"], found["realized_correlation"], rtol=1e-6)
    np.testing.assert_allclose(found["price"], found["breakeven"], rtol=1e-6)  # the surface is stored as float32
    assert set(found["status"]) <= {"ok", "below_psd_bound"}


@pytest.mark.parametrize("kept", [1, 2], ids=["same calendar", "another calendar"])
def test_a_series_that_is_the_basket_moves_with_it_and_its_inverse_against_it(market, kept):
    basket = np.nan_to_num(moves_of(market) @ np.array([0.5, 0.3, 0.2]))
    dates = market_returns(market).dates
    same = pl.DataFrame({"date": dates, "ticker": "SAME", "close": 50.0 * np.cumprod(1.0 + basket)})
    opposite = pl.DataFrame({"date": dates, "ticker": "OPPOSITE", "close": np.cumprod(1.0 - basket)})
    closes = pl.concat([same.gather_every(kept), opposite.gather_every(kept)])
    found = assets_found(market, Assets(WEIGHTS, None, closes), WINDOW).beside
    assert found is not None
    known = found.drop_nulls("correlation")
    expected = {"SAME": 1.0, "OPPOSITE": -1.0}
    for name, value in expected.items():
        here = known.filter(pl.col("series") == name)["correlation"]
        assert len(here) == len(dates[::kept]) - WINDOW
        # A product of returns is not the return of the product over two sessions.
        np.testing.assert_allclose(here, value, atol=1e-12 if kept == 1 or value > 0.0 else 0.02)


def written(tmp_path, name, *lines):
    file = tmp_path / name
    file.write_text("\n".join(lines) + "\n")
    return file


def test_a_series_with_too_few_common_sessions_says_so(market):
    few = pl.DataFrame({"date": market.dates[-9:], "ticker": "GOLD", "close": np.linspace(50.0, 55.0, 9)})
    told = assets_found(market, Assets(WEIGHTS, None, few), WINDOW).lines(market)
    assert told[-1] == "  GOLD: 9 common sessions, too few for the window; realized_window=N shortens it"


def test_what_is_no_basket_is_refused(tmp_path, market):
    for lines, words in (
        (("S1,0.7", "S2,0.1"), "sum to 0.8"),
        (("S1,1.3", "S2,-0.3"), "positive weights"),
        (("S1,1.0",), "two assets"),
    ):
        with pytest.raises(InputError, match=words):
            read_assets(written(tmp_path, "assets.csv", "name,weight", *lines), None, None)
    with pytest.raises(InputError, match=r"option=.*is no file"):
        read_assets(written(tmp_path, "assets.csv", "name,weight", "S1,0.5", "S2,0.5"), tmp_path / "none.csv", None)
    with pytest.raises(InputError, match="add assets=FILE"):
        read_assets(None, tmp_path / "none.csv", None)
    odd = pl.DataFrame({"ticker": ["S1", "GOLD"], "weight": [0.5, 0.5]})
    with pytest.raises(InputError, match="GOLD"):
        assets_found(market, Assets(odd, None, None), WINDOW)


def test_bitcoin_and_ether_of_real_chains_against_a_basket_of_both(shared_data, panel_cache):
    market = load_market(
        "deribit", path=shared_data / "deribit", cache=panel_cache, index="BTC", weights="equal", progress=False
    )
    halves = pl.DataFrame({"ticker": ["BTC", "ETH"], "weight": [0.5, 0.5]})
    option = pl.DataFrame({"date": market.dates, "tenor": 30.0, "iv": 0.40}).with_columns(pl.col("date").cast(pl.Date))
    found = assets_found(market, Assets(halves, option, None), 15).rows
    month = found.filter(pl.col("tenor") == 30).drop_nulls(["realized_correlation", "implied_correlation"])
    assert month.height >= 10
    assert month["realized_correlation"].is_between(0.5, 1.0).all()  # the two move together in any month on record
    ok = month.filter(pl.col("status") == "ok")
    assert (ok["price"] <= ok["call_at_1"] * (1.0 + 1e-9)).all()
    assert (month["breakeven"] <= month["call_at_1"]).all()
    assert (month["breakeven"] >= month["call_at_0"]).all()


def test_the_command_keeps_and_prints_them(command, tmp_path):
    file = written(tmp_path, "assets.csv", "name,weight", "SYN1,0.5", "SYN2,0.5")
    ended = command("correlate", "debug=small", f"assets={file}", place=tmp_path)
    assert ended.code == 0, ended.err
    (folder,) = ended.folders
    assert {found.name for found in folder.glob("*.parquet")} == {"assets.parquet"}
    assert "breakeven" in ended.out
    (other := tmp_path / "other").mkdir()
    command("correlate", "debug=small", f"assets={file}", f"portfolio={file}", place=other).refuses("ask one of them")
