"""Vendors' layouts on real files, where they lie beside the checkout: Deribit, LEAN, the Indian exchange, IvyDB."""

import datetime
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.data import load_market
from engine.data.sources.nse.files import contracts
from engine.data.vendors.canonical import vendor_tables

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the prepared files are not beside the checkout")

DATES = [datetime.date(2026, 1, 14), datetime.date(2026, 1, 16)]
KINDS = {"OPTIDX": "IDO", "OPTSTK": "STO", "FUTIDX": "IDF", "FUTSTK": "STF"}


def derivatives(dates):
    rows = pl.scan_parquet(DATA / "nse" / "fo.parquet").filter(pl.col("date").is_in(dates)).collect()
    return rows.cast(dict.fromkeys(("instrument", "symbol", "option_type"), pl.String))


def as_udiff(rows):
    option = pl.col("instrument").str.starts_with("OPT")
    return rows.select(
        TradDt="date",
        FinInstrmTp=pl.col("instrument").replace(KINDS),
        TckrSymb="symbol",
        FininstrmActlXpryDt="expiry",
        StrkPric=pl.when(option).then("strike"),
        OptnTp=pl.when(option).then("option_type"),
        ClsPric="close",
        SttlmPric="settle",
        UndrlygPric="underlying",
        OpnIntrst="open_interest",
        TtlTradgVol="contracts",
        NewBrdLotQty="lot_size",
    )


def as_legacy(rows):
    return rows.select(
        INSTRUMENT="instrument",
        SYMBOL="symbol",
        EXPIRY_DT=pl.col("expiry").dt.strftime("%d-%b-%Y"),
        STRIKE_PR=pl.col("strike").fill_null(0.0),
        OPTION_TYP="option_type",
        CLOSE="close",
        CONTRACTS="contracts",
        OPEN_INT="open_interest",
        TIMESTAMP=pl.col("date").dt.strftime("%d-%b-%Y").str.to_uppercase(),
    ).with_columns(pl.lit(None, pl.String).alias(""))


@pytest.mark.parametrize(
    ("written", "name"),
    [(as_udiff, "BhavCopy_NSE_FO_0_0_0_{:%Y%m%d}_F_0000.csv"), (as_legacy, "fo{:%d%b%Y}bhav.csv")],
)
def test_daily_files_of_the_indian_exchange_equal_the_prepared_ones(written, name, tmp_path):
    rows = derivatives(DATES)
    for date in DATES:
        stem = name.format(date)
        with zipfile.ZipFile(tmp_path / f"{stem}.zip", "w") as archive:
            archive.writestr(stem, written(rows.filter(pl.col("date") == date)).write_csv())
    tables = vendor_tables(tmp_path).tables
    traded = rows.filter(pl.col("contracts") > 0)
    every = traded.filter(pl.col("instrument").str.starts_with("OPT"))
    listed = traded.filter(pl.col("instrument").str.starts_with("FUT"))
    options = every.join(listed, on=["date", "symbol", "expiry"], how="semi")  # not the index's weeklies
    options = options.sort("date", "symbol", "expiry", "strike", "option_type")
    counted = tables["quotes"].counts.filter(pl.col("reason") == "no_future_of_that_expiry")
    assert counted["rows"].sum() == every.height - options.height > 500
    weeklies = every.join(listed, on=["date", "symbol", "expiry"], how="anti")
    assert set(counted["asset"]) == set(weeklies["symbol"]) >= {"NIFTY"}
    quotes = tables["quotes"].kept.sort("date", "ticker", "expiry", "strike", "right")
    assert quotes.height == options.height > 5000
    for column, other in {
        "date": "date",
        "ticker": "symbol",
        "expiry": "expiry",
        "strike": "strike",
        "price": "close",
    }.items():
        assert quotes[column].to_list() == options[other].to_list(), column
    assert quotes["right"].to_list() == options["option_type"].str.slice(0, 1).to_list()
    assert not tables["quotes"].rejected["reason"].is_in(["not_traded"]).not_().any()
    futures = traded.filter(pl.col("instrument").str.starts_with("FUT")).sort("date", "symbol", "expiry")
    forwards = tables["forwards"].kept.sort("date", "ticker", "expiry")
    futures = futures.filter(pl.col("expiry") > pl.col("date"))
    on_futures = quotes.join(forwards, on=["date", "ticker", "expiry"], suffix="_told")
    assert (on_futures["forward"] == on_futures["forward_told"]).all()
    assert (
        forwards.select("date", "ticker", "expiry", "forward").rows()
        == futures.select("date", "symbol", "expiry", "close").rows()
    )
    if written is as_udiff:
        assert quotes["oi"].to_list() == (options["open_interest"] / options["lot_size"]).to_list()
        assert quotes["multiplier"].to_list() == options["lot_size"].to_list()
        days = contracts(DATA / "nse", DATES[0], DATES[-1], ["NIFTY", "RELIANCE"]).by_date(
            np.array(DATES, "datetime64[D]")
        )
        prepared = pl.concat(days.values())
        both = quotes.join(prepared, on=["date", "ticker", "expiry", "strike", "right"], suffix="_prepared")
        assert both.height > 500
        assert both["oi"].to_list() == both["oi_prepared"].to_list()  # contracts, of one file as of the other
    else:
        assert quotes["oi"].null_count() == quotes.height  # in units, and the file has no lots


def test_a_split_is_in_the_strikes_and_prices_of_lean(tmp_path):
    tables = vendor_tables(DATA / "lean").tables
    quotes = tables["quotes"].kept.filter(pl.col("bid") > 0.0)
    before, after = (quotes.filter(pl.col("date") == datetime.date(2014, 6, day)) for day in (6, 9))
    # Seven for one: a call of 645 of the one day is one of 92.14 on the next, at a seventh of its price.
    calls = {
        day: part.filter((pl.col("right") == "C") & (pl.col("expiry") == datetime.date(2014, 7, 19)))
        for day, part in ((6, before), (9, after))
    }
    strikes = {day: set(part["strike"].to_list()) for day, part in calls.items()}
    common = [strike for strike in sorted(strikes[6]) if round(strike / 7.0, 2) in strikes[9]]
    assert len(common) > 20
    assert 645.0 in common
    prices = {
        day: dict(part.select("strike", ((pl.col("bid") + pl.col("ask")) / 2)).iter_rows())
        for day, part in calls.items()
    }
    ratio = np.array([prices[9][round(strike / 7.0, 2)] / prices[6][strike] for strike in common if 600 < strike < 700])
    assert np.median(ratio) == pytest.approx(1.0 / 7.0, rel=0.25)
    closes = dict(tables["prices"].kept.select("date", "close").iter_rows())
    assert closes[datetime.date(2014, 6, 6)] / closes[datetime.date(2014, 6, 9)] == pytest.approx(7.0, rel=0.03)
    assert tables["quotes"].counts.filter(pl.col("reason") == "another_file_counts")["rows"].sum() > 1000


def test_coins_are_read_in_dollars_and_volatilities_in_decimals(tmp_path):
    tables = vendor_tables(DATA / "deribit").tables
    quotes = tables["quotes"].kept
    assert set(quotes["ticker"]) == {"BTC", "ETH"}
    assert quotes["date"].n_unique() == 28
    assert 0.2 < quotes["iv"].median() < 0.9
    near = quotes.filter((pl.col("strike") / pl.col("forward")).is_between(0.97, 1.03) & (pl.col("right") == "C"))
    years = (near["expiry"] - near["date"]).dt.total_days().to_numpy() / 365.0
    mid = ((near["bid"] + near["ask"]) / 2.0).to_numpy()
    # At the money a call is worth about .4 of spot x volatility x root of time: dollars, not coins.
    worth = 0.4 * near["forward"].to_numpy() * near["iv"].to_numpy() * np.sqrt(years + 0.25 / 365.0)
    inside = np.isfinite(mid) & (years > 0.03)
    assert np.median(mid[inside] / worth[inside]) == pytest.approx(1.0, abs=0.15)
    panel = load_market("deribit", DATA / "deribit", index="BTC", weights="equal", cache=tmp_path, progress=False)
    assert panel.names.tolist() == ["ETH"]
    assert len(panel) == 28
    assert np.isfinite(panel.index_iv[:, list(panel.tenors).index(30), list(panel.deltas).index(50)]).all()


def test_a_surface_of_five_stocks_in_ivydbs_shape_is_the_one_that_was_written(tmp_path):
    given = pl.read_parquet(DATA / "vectors" / "qmoms_surface_2023.parquet")
    given.select(
        "date",
        "days",
        "delta",
        "impl_volatility",
        "ticker",
        secid="id",
        impl_strike="k",
        cp_flag=pl.when(pl.col("delta") > 0).then(pl.lit("C")).otherwise(pl.lit("P")),
    ).with_columns(pl.lit("").alias("class")).write_parquet(tmp_path / "vsurfd2023.parquet")
    surface = vendor_tables(tmp_path).tables["surface"]
    assert surface.rejected.height == 0
    key = ["date", "ticker", "days", "delta"]
    kept = surface.kept.with_columns(
        days=pl.col("tenor"),
        delta=pl.when(pl.col("right") == "P").then(pl.col("delta") - 100.0).otherwise(pl.col("delta")),
    )
    joined = given.join(kept.select(*key, "iv"), on=key)
    assert joined.height == given.height == surface.kept.height
    np.testing.assert_allclose(joined["iv"].to_numpy(), joined["impl_volatility"].to_numpy(), rtol=1e-12)
