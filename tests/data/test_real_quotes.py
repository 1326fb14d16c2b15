"""Own forwards and volatilities of real quotes beside the vendor's, which used neither our clock nor our forward."""

import datetime
import zipfile

import numpy as np
import polars as pl
import pytest

from engine.data.quotes.clean import QualityReport
from engine.data.quotes.clock import Clock
from engine.data.quotes.filters import QuoteLimits, usable_quotes
from engine.data.quotes.invert_quotes import inverted_quotes
from engine.data.quotes.parity import parity_forwards
from engine.data.quotes.quoted_surface import quoted_surface
from engine.data.records import DELTAS, TENORS

SMILE = ["date", "asset", "expiry"]
INDEX_CLOSE = Clock(quotes="16:15")
ATM = DELTAS.index(50)


@pytest.fixture(scope="module")
def spx(shared_data):
    """SPX quotes as a table, with the vendor's volatility and delta beside."""
    rows = pl.read_parquet(shared_data / "us2026" / "spx_quotes.parquet")
    return rows.select(
        "expiry",
        "right",
        date="session_date",
        ticker=pl.lit("SPX"),
        strike=pl.col("strike").cast(pl.Float64),
        bid=pl.col("bid").cast(pl.Float64),
        ask=pl.col("ask").cast(pl.Float64),
        their_iv=pl.col("iv").cast(pl.Float64),
        vendor_delta=pl.col("delta").cast(pl.Float64),
        style=pl.lit("european"),
        settlement=pl.when(pl.col("root") == "SPX").then(pl.lit("am")).otherwise(pl.lit("pm")),
    )


@pytest.fixture(scope="module")
def closes(shared_data):
    levels = pl.read_parquet(shared_data / "us_history" / "cboe_indices.parquet").filter(pl.col("index") == "SPX")
    spy = pl.read_parquet(shared_data / "us2026" / "spot.parquet").filter(pl.col("ticker") == "SPY")
    index = levels.select("date", ticker=pl.lit("SPX"), close="close")
    return pl.concat([index, spy.select("date", "ticker", close="spot")])


def rates(quotes):
    """Fed funds of the spring: the last the files have."""
    return quotes.select("date").unique().with_columns(rate=pl.lit(float(np.log(1.0364))))


@pytest.mark.parametrize(("settlement", "most"), [("pm", 0.05), ("am", 0.12)])
def test_own_volatilities_are_the_vendors_near_the_money(settlement, most, spx, closes):
    quotes = spx.filter(pl.col("settlement") == settlement)
    usable = usable_quotes(quotes, closes, rates(quotes), QualityReport(), INDEX_CLOSE)
    inverted = inverted_quotes(usable, parity_forwards(usable), QualityReport())
    vendor = quotes.rename({"ticker": "asset"}).select(*SMILE, "strike", "right", "their_iv", "vendor_delta")
    both = inverted.join(vendor, on=[*SMILE, "strike", "right"])
    near = both.filter(pl.col("vendor_delta").abs().is_between(0.3, 0.7), pl.col("their_iv") > 0.0)
    assert near.height > 8000
    assert 100.0 * (near["iv"] - near["their_iv"]).abs().median() < most


def test_forwards_of_morning_and_afternoon_agree_within_five_basis_points(spx, closes):
    """Different options of one date: SPX and SPXW of the third Fridays."""
    forwards = []
    for settlement in ("am", "pm"):
        quotes = spx.filter(pl.col("settlement") == settlement)
        forwards.append(parity_forwards(usable_quotes(quotes, closes, rates(quotes), QualityReport(), INDEX_CLOSE)))
    own = [found.filter(pl.col("origin") == "parity") for found in forwards]
    both = own[0].join(own[1], on=SMILE, suffix="_pm")
    apart = 1e4 * (both["forward"] / both["forward_pm"]).log().abs()
    assert both.height > 50
    assert apart.median() < 1.0
    assert apart.quantile(0.95) < 5.0
    assert 1e4 * pl.concat(own)["parity_gap"].median() < 1.0


def test_closes_that_are_not_of_the_quotes_are_told(spx, closes):
    """The file of 2026-07-23 repeats a session: its quotes lie 1.3 % from the close."""
    quotes = spx.filter(pl.col("settlement") == "pm")
    forwards = parity_forwards(usable_quotes(quotes, closes, rates(quotes), QualityReport(), INDEX_CLOSE))
    offset = dict(forwards.unique("date").select("date", "spot_offset").iter_rows())
    assert abs(offset[datetime.date(2026, 7, 23)]) > 0.01
    assert np.median(np.abs(list(offset.values()))) < 1e-3


def test_american_fund_and_european_index_have_one_volatility(shared_data, spx, closes):
    """SPY is a tenth of SPX, with dividends and early exercise: what is left after both are gone is the spread."""
    rows = pl.read_parquet(shared_data / "us2026" / "spy_quotes.parquet")
    fund = rows.select(
        "expiry",
        "right",
        date="session_date",
        ticker=pl.lit("SPY"),
        strike=pl.col("strike").cast(pl.Float64),
        bid=pl.col("bid").cast(pl.Float64),
        ask=pl.col("ask").cast(pl.Float64),
        style=pl.lit("american"),
        settlement=pl.lit("pm"),
    )
    quotes = pl.concat([spx.select(fund.columns), fund])
    dates = quotes["date"].unique().sort().to_numpy()
    report = QualityReport()
    assets = ["SPX", "SPY"]
    common = (closes, rates(quotes), dates, assets, report)
    found = quoted_surface(quotes, *common, width=40, clock=INDEX_CLOSE, limits=QuoteLimits())
    assert report.frame()["rows"].sum() == quotes.height
    level = 100.0 * found.iv[..., ATM]
    for tenor in (91, 182, 365):
        apart = np.abs(level[:, 0, TENORS.index(tenor)] - level[:, 1, TENORS.index(tenor)])
        assert np.isfinite(apart).sum() >= 18
        assert np.nanmedian(apart) < 0.12
    width = 100.0 * np.nanmedian((found.ask_iv - found.bid_iv)[..., ATM])
    assert 0.02 < width < 0.15


def lean_quotes(file):
    """Quotes at the close of two days, one file per contract; prices and strikes are times 10,000."""
    rows = []
    with zipfile.ZipFile(file) as contracts:
        for name in contracts.namelist():
            *_, right, strike, expiry = name.removesuffix(".csv").split("_")
            for line in contracts.read(name).decode().splitlines():
                at, *fields = line.split(",")
                bid, ask = (float(fields[i]) / 1e4 if fields[i] else None for i in (3, 8))
                contract = (datetime.date.fromisoformat(expiry), int(strike) / 1e4, right[0].upper())
                rows.append((datetime.date.fromisoformat(at[:8]), "AAPL", *contract, bid, ask))
    columns = ["date", "ticker", "expiry", "strike", "right", "bid", "ask"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def test_a_split_changes_no_volatility(shared_data):
    """AAPL on the session before its 7:1 split and on the one of it: other strikes, other prices, one surface."""
    quotes = lean_quotes(shared_data / "lean" / "aapl_2014_quote_american.zip")
    dates = np.array(["2014-06-06", "2014-06-09"], "datetime64[D]")
    closes = pl.DataFrame({"date": dates, "ticker": ["AAPL"] * 2, "close": [645.57, 93.70]})
    rate = pl.DataFrame({"date": dates, "rate": [0.002] * 2})
    report = QualityReport()
    found = quoted_surface(quotes, closes, rate, dates, ["AAPL"], report)
    read = report.frame().filter(~pl.col("reason").str.contains(".", literal=True))
    assert read["rows"].sum() == quotes.height == 4532
    for tenor in (91, 182, 365):
        before, after = 100.0 * found.iv[:, 0, TENORS.index(tenor), ATM]
        assert 20.0 < before < 30.0
        assert abs(after - before) < 0.3
    assert 1e4 * found.forwards["parity_gap"].max() < 3.0
    growth = found.forwards.select("date", "expiry", pl.col("forward") / pl.col("spot"))
    early, late = (growth.filter(pl.col("date") == day).sort("expiry")["forward"].to_numpy() for day in dates)
    np.testing.assert_allclose(early, late, atol=0.002)  # the dividend of August is .5 % of either price


def test_panel_of_the_chains_has_the_vendors_volatility_at_the_money(shared_data, us_panel):
    """Vendor: mean of call and put at |delta| .5 by line in delta, total variance linear between expiries."""
    days = [datetime.date(2026, 6, 1), datetime.date(2026, 7, 15), datetime.date(2026, 8, 12)]
    rows = pl.scan_parquet(shared_data / "us2026" / "chains.parquet").filter(pl.col("date").is_in(days)).collect()
    rows = rows.with_columns(pl.col("ticker").cast(pl.String))
    missed = {30: [], 91: [], 182: [], 365: []}
    names, dates = list(us_panel.names), list(us_panel.dates.astype(object))
    for (date, ticker), chain in rows.group_by("date", "ticker"):
        if ticker not in names:
            continue
        at_the_money = []
        for (expiry,), smile in chain.group_by("expiry"):
            sides = []
            for side in ("call", "put"):
                quoted = smile.filter(pl.col(f"{side}_iv_pct") > 0.0).sort(f"{side}_delta")
                delta, vol = (quoted[c].cast(pl.Float64).to_numpy() for c in (f"{side}_delta", f"{side}_iv_pct"))
                half = 0.5 if side == "call" else -0.5
                near = np.abs(delta - half) < 0.2
                if near.any() and delta[near].min() <= half <= delta[near].max():
                    sides.append(np.interp(half, delta[near], vol[near]))
            if len(sides) == 2:
                at_the_money.append(((expiry - date).days, np.mean(sides)))
        if len(at_the_money) < 2:
            continue
        time, vol = np.array(sorted(at_the_money)).T
        for tenor, found in missed.items():
            if time[0] <= tenor <= time[-1]:
                vendor = np.sqrt(np.interp(tenor, time, vol**2 * time) / tenor)
                cell = us_panel.component_iv[dates.index(date), names.index(ticker), TENORS.index(tenor), ATM]
                found.append(abs(100.0 * cell - vendor))
    for tenor, most in ((30, 0.1), (91, 0.1), (182, 0.15), (365, 0.25)):
        assert len(missed[tenor]) > 150
        assert np.nanmedian(missed[tenor]) < most
