"""VIX, VIXEQ and DSPX from quotes: a planted world in which they are known, and the published VIX from SPX quotes."""

import datetime
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.data.quotes.clock import Clock
from engine.data.quotes.quoted_strips import quoted_strips
from engine.data.series.published_indices import load_published
from engine.data.sources.files import Files
from engine.pricing import black_price
from engine.study.strips import strips_form, strips_table, thirty_day_vols
from engine.testing import small_market

VOLS = {"IDX": 0.15, "A": 0.3, "B": 0.4}
DATE = datetime.date(2026, 1, 5)


@pytest.fixture(scope="module")
def planted():
    """Flat smiles, all strikes in cents of a percent, weekly expiries for the index and third Fridays for names."""
    frames = []
    for ticker, vol in VOLS.items():
        weekly = [18, 25, 32, 39, 46, 74, 102, 200]
        for days in weekly if ticker == "IDX" else [11, 46, 74, 102, 200]:
            strike = np.arange(40.0, 200.0, 0.5)
            for right in ("C", "P"):
                price = black_price(100.0, strike, vol, days / 365.0, right == "C", 0.0)
                frames.append(
                    pl.DataFrame(
                        {
                            "date": DATE,
                            "ticker": ticker,
                            "expiry": DATE + datetime.timedelta(days=days),
                            "strike": strike,
                            "right": right,
                            "bid": np.where(price > 1e-4, price * 0.99, 0.0),
                            "ask": price * 1.01,
                        }
                    )
                )
    return pl.concat(frames)


def strips_of(planted):
    rate = pl.DataFrame({"date": [DATE], "rate": [0.0]})
    return quoted_strips(planted, rate, np.array([DATE], "datetime64[D]"), list(VOLS))


def test_flat_smiles_give_their_volatility(planted):
    strips = strips_of(planted)
    thirty = thirty_day_vols(strips)
    np.testing.assert_allclose(thirty[0], list(VOLS.values()), atol=5e-4)  # strikes half apart, wings cut at a bid of 0
    np.testing.assert_allclose(strips.at_tenors([60])[0, :, 0], list(VOLS.values()), atol=5e-4)
    assert strips.monthly[0, 1, :2].tolist() == [True, True]
    assert not strips.monthly[0, 0, 0]


def test_measures_of_a_market_are_made_of_its_strips(planted):
    panel = small_market(sessions=70, names=6)
    market = replace(
        panel.slice(start=panel.dates[0], end=panel.dates[1]),
        dates=np.array([DATE, DATE + datetime.timedelta(days=1)], "datetime64[D]"),
        names=np.array(["A", "B", "C", "D", "E", "F"]),
        info=replace(panel.info, index="IDX"),
        validate=False,
    )
    weights = np.array([[0.5, 0.5, 0.0, 0.0, 0.0, 0.0]] * 2)
    form = strips_form(market, strips_of(planted), weights, 0.8)
    first = form.filter(pl.col("tenor") == 30).row(0, named=True)
    members = np.sqrt(0.5 * 0.3**2 + 0.5 * 0.4**2)
    assert first["index_vol"] == pytest.approx(0.15, abs=5e-4)
    assert first["member_vol"] == pytest.approx(members, abs=1e-3)
    assert first["dispersion_vol"] == pytest.approx(np.sqrt(members**2 - 0.15**2), abs=1e-3)
    missing = form.filter(pl.col("tenor") == 30).row(1, named=True)
    assert missing["index_vol"] is None
    table = strips_table(form, None)
    assert table.filter(pl.col("tenor") == 30)["dates"].item() == 1


def test_quotes_in_a_folder_have_strips(planted, tmp_path):
    day = datetime.date(2026, 1, 4)
    planted.write_csv(tmp_path / "quotes.csv")
    pl.DataFrame({"ticker": ["A", "B"], "weight": [0.5, 0.5]}).write_csv(tmp_path / "weights.csv")
    pl.DataFrame({"date": DATE, "ticker": list(VOLS), "close": 100.0}).write_csv(tmp_path / "prices.csv")
    pl.DataFrame({"date": [day], "rate": [0.0]}).write_csv(tmp_path / "rates.csv")
    source = Files(path=str(tmp_path), index="IDX")
    strips = source.strips()
    np.testing.assert_array_equal(strips.variance, strips_of(planted).variance)
    (panel,) = source.blocks()
    form = strips_form(panel, strips, panel.weights, 0.8)
    assert form.filter(pl.col("tenor") == 30)["dispersion_vol"].item() == pytest.approx(0.32, abs=0.01)


def test_vix_of_spx_quotes_is_the_published_one(shared_data):
    """By the table's way of reading quotes; two sessions of the file repeat the day before."""
    rows = pl.read_parquet(shared_data / "us2026" / "spx_quotes.parquet")
    quotes = rows.select(
        "expiry",
        "right",
        "bid",
        "ask",
        date="session_date",
        ticker=pl.lit("SPX"),
        strike=pl.col("strike").cast(pl.Float64),
        settlement=pl.when(pl.col("root") == "SPX").then(pl.lit("am")).otherwise(pl.lit("pm")),
    )
    dates = quotes["date"].unique().sort().to_numpy()
    rate = pl.DataFrame({"date": dates, "rate": np.full(len(dates), np.log(1.0364))})
    strips = quoted_strips(quotes, rate, dates, ["SPX"], Clock(quotes="16:15"), min_options=1)
    computed = 100.0 * thirty_day_vols(strips)[:, 0]
    error = np.abs(computed - load_published(shared_data).on(dates, "VIX"))
    assert np.isfinite(error).all()
    assert np.sort(error)[:20].max() <= 0.011
    assert error.mean() <= 0.35
