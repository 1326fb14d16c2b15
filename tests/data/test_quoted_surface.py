"""From planted surfaces to chains to surfaces; and what the steps between do, quote by quote."""

import datetime
import re

import numpy as np
import polars as pl
import pytest
import quoted_world as world

from engine.data.quotes.clean import QualityReport
from engine.data.quotes.clock import Clock
from engine.data.quotes.filters import QuoteLimits, usable_quotes
from engine.data.quotes.parity import parity_forwards
from engine.data.quotes.quoted_surface import quoted_surface
from engine.data.quotes.surface_checks import told_checks
from engine.data.records import DELTAS, TENORS
from engine.errors import InputError
from engine.pricing import black_price

TESTED = [30, 91, 182, 365, 547, 730]
ASSETS = list(world.NAMES)
ATM = DELTAS.index(50)


def surface(quotes, **settings):
    report = QualityReport()
    settings = {"width": 20, "dividends": world.dividend_table()} | settings
    dates = np.array([world.DATE], "datetime64[D]")
    found = quoted_surface(quotes, world.closes(), world.rates(), dates, ASSETS, report, **settings)
    return found, report.frame()


def off(found):
    """How far volatilities (A, K, D) are from the planted ones, in vol points."""
    truth = [[[world.true_vol(a, d, k) for d in DELTAS] for k in TESTED] for a in ASSETS]
    return 100.0 * (found.iv[0][:, [TENORS.index(k) for k in TESTED]] - np.array(truth))


@pytest.fixture(scope="module")
def quotes():
    return world.quotes(seed=0)


@pytest.fixture(scope="module")
def from_quotes(quotes):
    return surface(quotes)


def test_a_planted_surface_comes_back(from_quotes):
    """Bid and ask in cents, mids off by two fifths of a half spread, dividends, American exercise."""
    missed = np.abs(off(from_quotes[0]))
    assert missed[..., DELTAS.index(50)].max() < 0.1
    assert missed[..., [DELTAS.index(10), DELTAS.index(90)]].max() < 0.5
    assert np.sqrt((missed**2).mean()) < 0.05


def test_forwards_come_back_and_every_quote_is_counted(from_quotes, quotes):
    found, counts = from_quotes
    assert counts["rows"].sum() == quotes.height
    for asset, expiry, forward in found.forwards.select("asset", "expiry", "forward").iter_rows():
        planted = world.forward_of(asset, (expiry - world.DATE).days)
        assert abs(np.log(forward / planted)) < (5e-4 if asset == "IDX" else 1e-3)
    assert found.checks["count"].sum() == 0
    borrow = found.forwards.filter(pl.col("years") > 0.2).group_by("asset").agg(pl.col("borrow").median())
    for asset, fee in borrow.iter_rows():
        assert abs(fee - world.NAMES[asset][3]) < 0.001, "dividends are known, so that the fee is what is left"


def test_band_holds_the_mid_and_is_as_wide_as_the_quotes(from_quotes):
    found, _ = from_quotes
    known = np.isfinite(found.iv)
    assert known.mean() > 0.95
    assert ((found.bid_iv <= found.iv) & (found.iv <= found.ask_iv))[known].all()
    width = 100.0 * (found.ask_iv - found.bid_iv)[0]
    for a, asset in enumerate(ASSETS):
        # Half spreads vary by 30 %, and the tighter quotes weigh more.
        assert 1.6 * 100 * world.HALF_SPREAD[asset] < np.nanmedian(width[a]) < 2.2 * 100 * world.HALF_SPREAD[asset]


def test_listed_smiles_carry_the_variance_of_the_quotes_over_whole_days(quotes):
    """An index that settles in the morning has less time: more volatility for it, and the same price."""
    morning = quotes.filter(pl.col("ticker") == "IDX").with_columns(settlement=pl.lit("am"))
    later, _ = surface(quotes.filter(pl.col("ticker") == "IDX"))
    sooner, _ = surface(morning)
    np.testing.assert_allclose(sooner.smiles, later.smiles, rtol=1e-4)
    month = TENORS.index(30)
    assert (sooner.iv[0, 0, month] > later.iv[0, 0, month]).all()


def test_a_spot_fourteen_minutes_late_is_told_and_moves_no_volatility():
    """A quarter of a percent: one standard deviation of fourteen minutes at 20 %."""
    lagged, _ = surface(world.quotes(seed=3, lag=1.0025))
    plain, _ = surface(world.quotes(seed=3))
    at_the_money = [100.0 * f.iv[0, :, :, DELTAS.index(50)] for f in (lagged, plain)]
    truth = [off(f)[..., DELTAS.index(50)] for f in (lagged, plain)]
    assert np.nanmax(np.abs(at_the_money[0] - at_the_money[1])) < 0.2  # other strikes, other cents
    assert abs(np.abs(truth[0]).mean() - np.abs(truth[1]).mean()) < 0.02
    (line,) = told_checks(lagged.checks, lagged.forwards)
    assert "closes and quotes are not of one moment: 3 of 3" in line
    assert re.search(r"\+0\.2[456] % from the close", line)
    assert told_checks(plain.checks, plain.forwards) == []
    told = lagged.checks.filter(pl.col("check") == "spot_off_the_options")
    assert told["count"].to_list() == [1, 1, 1]
    offset = lagged.forwards.group_by("asset").agg(pl.col("spot_offset").first())["spot_offset"].to_numpy()
    np.testing.assert_allclose(offset, np.log(1.0025), atol=2e-4)


def test_the_same_quotes_with_a_late_close_give_the_same_surface(quotes):
    """The close enters early exercise alone, and there it is replaced by what the options say."""
    report, dates = QualityReport(), np.array([world.DATE], "datetime64[D]")
    late = world.closes().with_columns(pl.col("close") * 1.0025)
    common = (world.rates(), dates, ASSETS, report)
    found = quoted_surface(quotes, late, *common, width=20, dividends=world.dividend_table())
    plain, _ = surface(quotes)
    assert np.nanmax(np.abs(found.iv - plain.iv)[..., DELTAS.index(50)]) < 0.0005


def test_a_listed_forward_is_taken_as_it_is(quotes):
    given = quotes.filter(pl.col("ticker") == "IDX").with_columns(forward=pl.lit(5012.5))
    found, _ = surface(given)
    assert found.forwards["forward"].unique().to_list() == [5012.5]
    assert found.forwards["origin"].unique().to_list() == ["listed"]


@pytest.mark.parametrize("style", ["european", "american"])
def test_volatilities_without_prices_pass_through(style, quotes):
    """A file of vendor volatilities: they are kept, and read on a forward of which they are."""
    rows = quotes.filter(pl.col("ticker") == "IDX")
    given = rows.select("date", "ticker", "expiry", "strike", "right", iv=pl.lit(0.2), style=pl.lit(style))
    found, counts = surface(given)
    assert np.nanmax(np.abs(found.iv[0, 0] - 0.2)) < 1e-4
    assert np.isnan(found.bid_iv).all()
    assert counts["rows"].sum() == rows.height
    np.testing.assert_allclose(found.forwards["forward"], 5000.0 * np.exp(world.RATE * found.forwards["years"]))


BROKEN = {
    "no_bid": {"bid": 0.0},
    "crossed": {"bid": 9.0, "ask": 8.0},
    "too_wide": {"bid": 1.0, "ask": 8.0},
    "no_price": {"bid": None, "ask": None},
    "expired": {"expiry": world.DATE},
    "beyond_tenor": {"expiry": world.DATE + datetime.timedelta(days=2000)},
    "no_spot": {"ticker": "UNKNOWN"},
}


@pytest.mark.parametrize(("reason", "change"), BROKEN.items(), ids=BROKEN)
def test_each_reason_is_counted(reason, change, quotes):
    first = pl.int_range(pl.len()) == 0
    broken = quotes.with_columns(
        pl.when(first).then(pl.lit(value, dtype=quotes.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in change.items()
    )
    report = QualityReport()
    kept = usable_quotes(broken, world.closes(), world.rates(), report)
    assert report.frame().select("reason", "rows").rows() == [(reason, 1)]
    assert kept.height == quotes.height - 1


def test_of_two_settlements_of_one_expiry_one_is_kept(quotes):
    rows = quotes.filter(pl.col("ticker") == "IDX", pl.col("expiry") == quotes["expiry"].min())
    both = pl.concat([rows.with_columns(settlement=pl.lit(when)) for when in ("am", "pm")])
    for kept in ("am", "pm"):
        report = QualityReport()
        usable = usable_quotes(both, world.closes(), world.rates(), report, limits=QuoteLimits(settlement=kept))
        assert report.frame()["reason"].to_list() == ["other_settlement"]
        assert usable["years"].unique().item() == pytest.approx((11 - (6.5 / 24 if kept == "am" else 0)) / 365)


def test_a_smile_that_repeats_the_last_one_while_the_spot_moves_is_stale(quotes):
    after = world.DATE + datetime.timedelta(days=1)
    again = quotes.with_columns(date=pl.lit(after))
    closes = pl.concat([world.closes(), world.closes().with_columns(pl.col("close") * 1.01, date=pl.lit(after))])
    rates = pl.concat([world.rates(), world.rates().with_columns(date=pl.lit(after))])
    report = QualityReport()
    kept = usable_quotes(pl.concat([quotes, again]), closes, rates, report)
    assert kept["date"].unique().to_list() == [world.DATE]
    assert report.frame()["reason"].unique().to_list() == ["stale"]
    unmoved = closes.with_columns(pl.col("close").first().over("ticker"))
    assert usable_quotes(pl.concat([quotes, again]), unmoved, rates, QualityReport()).height == 2 * quotes.height


def test_forwards_without_pairs_come_from_the_neighbours_and_say_so(quotes):
    index = quotes.filter(pl.col("ticker") == "IDX")
    first, second = index["expiry"].unique().sort().to_list()[:2]
    no_pairs = index.filter((pl.col("expiry") != second) | (pl.col("right") == "C"))
    usable = usable_quotes(no_pairs, world.closes(), world.rates(), QualityReport())
    forwards = parity_forwards(usable)
    origin = dict(forwards.select("expiry", "origin").iter_rows())
    assert origin[first] == "parity"
    assert origin[second] == "neighbouring_expiries"
    forward = dict(forwards.select("expiry", "forward").iter_rows())[second]
    assert abs(np.log(forward / world.forward_of("IDX", 25))) < 1e-3


def test_clock_refuses_what_is_no_time():
    with pytest.raises(InputError, match="15:45"):
        Clock(quotes="25:00")


def test_weekends_weigh_as_the_clock_says():
    """One expiry on a Friday, one on the Monday after it: with business time the days between hold little variance."""
    monday = datetime.date(2026, 1, 5)
    rows = []
    for days, level in ((25, 0.20), (28, 0.19)):
        years = days / 365.0
        strike = 100.0 * np.exp(np.linspace(-2.0, 2.0, 30) * 0.2 * np.sqrt(years))
        iv = np.full(30, level)
        for right in ("C", "P"):
            expiry = monday + datetime.timedelta(days=days)
            columns = {"strike": strike, "right": right, "price": black_price(100.0, strike, iv, years, right == "C")}
            rows.append(pl.DataFrame(columns).with_columns(date=monday, ticker=pl.lit("X"), expiry=expiry))
    closes = pl.DataFrame({"date": [monday], "ticker": ["X"], "close": [100.0]})
    rate = pl.DataFrame({"date": [monday], "rate": [0.0]})
    table, dates = pl.concat(rows), np.array([monday], "datetime64[D]")
    limits = QuoteLimits(style="european")
    for weekend in (1.0, 0.0, 0.4):
        clock = Clock(weekend=weekend)
        common = (table, closes, rate, dates, ["X"], QualityReport())
        found = quoted_surface(*common, tenors=(25, 26, 27, 28), clock=clock, limits=limits)
        total = found.iv[0, 0, :, ATM] ** 2 * np.array([25, 26, 27, 28]) / 365.0
        weekday = (7.0 - 2.0 * weekend) / 5.0  # from 16:00: 8 hours of Friday, the weekend, 16 of Monday
        step = np.array([weekday / 3 + weekend * 2 / 3, weekend, weekend / 3 + weekday * 2 / 3])
        share = np.concatenate([[0.0], np.cumsum(step) / step.sum()])
        ends = 0.2**2 * 25 / 365.0, 0.19**2 * 28 / 365.0
        np.testing.assert_allclose(total, ends[0] + share * (ends[1] - ends[0]), rtol=2e-4)


def test_parts_of_the_dates_give_the_whole(quotes, monkeypatch):
    """However few quotes are taken at once; and no quote at all gives a surface without a number."""
    days = [world.DATE + datetime.timedelta(days=d) for d in range(3)]
    three = pl.concat(
        [quotes.with_columns(pl.col("bid", "ask") * (1.0 + 0.01 * i), date=pl.lit(day)) for i, day in enumerate(days)]
    )
    closes, rates = (
        pl.concat([frame.with_columns(date=pl.lit(day)) for day in days]) for frame in (world.closes(), world.rates())
    )
    common = (closes, rates, np.array(days, "datetime64[D]"), ASSETS)
    whole_report, report = QualityReport(), QualityReport()
    whole = quoted_surface(three, *common, whole_report)
    monkeypatch.setattr("engine.data.quotes.fitted_quotes.QUOTES_AT_ONCE", 10)
    parts = quoted_surface(three, *common, report)
    for name in ("iv", "status", "bid_iv", "ask_iv", "smiles", "forward"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    assert report.frame().equals(whole_report.frame())
    early = three.filter(pl.col("date") < days[2])
    known = quoted_surface(early, *common[:2], common[2][:2], ASSETS, QualityReport(), width=whole.slots.shape[1])
    for name in ("iv", "status", "bid_iv", "smiles", "forward"):
        np.testing.assert_array_equal(getattr(known, name), getattr(whole, name)[:2], err_msg="of a later date")
    nothing = quoted_surface(three.clear(), *common, QualityReport())
    assert np.isnan(nothing.iv).all()
    assert (nothing.status == 1).all()
    assert nothing.frame().is_empty()
    assert nothing.band() is None


def test_a_block_of_dates_with_the_session_before_it_has_the_bits_and_counts_of_the_whole(quotes):
    """Of the third date one share's quotes are those of the second, though its spot moved: stale, by that date alone.

    Quotes come in no order, and the ODD share's lack prices on one date, which is counted on that date alone.
    """
    days = [world.DATE + datetime.timedelta(days=d) for d in range(4)]
    level = {("PAY", 2): 1.01}
    tables = []
    for i, day in enumerate(days):
        moved = pl.col("bid", "ask") * pl.col("ticker").replace_strict(
            {name: level.get((name, i), 1.0 + 0.01 * i) for name in ASSETS}
        )
        tables.append(quotes.with_columns(moved, date=pl.lit(day)))
    mixed = (pl.col("date") == days[1]) & (pl.col("ticker") == "ODD") & (pl.col("strike") > 240.0)
    four = pl.concat(tables).with_columns(
        pl.when(~mixed).then(pl.col("bid", "ask")), iv=pl.when(mixed).then(pl.lit(0.4))
    )
    four = four.sample(fraction=1.0, shuffle=True, seed=7)
    closes = pl.concat(
        [world.closes().with_columns(pl.col("close") * (1.0 + 0.01 * i), date=pl.lit(d)) for i, d in enumerate(days)]
    )
    rates = pl.concat([world.rates().with_columns(date=pl.lit(day)) for day in days])

    def made(first, last, width):
        report, before = QualityReport(), days[max(first - 1, 0)]
        some = four.filter(pl.col("date").is_between(before, days[last - 1]))
        dates = np.array(days[first:last], "datetime64[D]")
        return quoted_surface(some, closes, rates, dates, ASSETS, report, width=width), report.frame()

    whole, counts = made(0, 4, 24)
    assert "stale" in counts["reason"]
    assert whole.checks.filter(pl.col("check") == "without_price")["count"].sum() > 0
    for cut in (1, 2, 3):
        parts = [made(0, cut, 24), made(cut, 4, 24)]
        for name in ("slots", "iv", "status", "bid_iv", "ask_iv", "smiles", "forward"):
            joined = np.concatenate([getattr(part, name) for part, _ in parts])
            np.testing.assert_array_equal(joined, getattr(whole, name), err_msg=f"{name}, cut at {cut}")
        rows = pl.concat([frame for _, frame in parts]).group_by("asset", "reason").agg(pl.col("rows").sum())
        assert rows.sort("asset", "reason").equals(counts)
        checks = (
            pl.concat([part.checks for part, _ in parts]).group_by("asset", "check").agg(pl.col("count", "of").sum())
        )
        assert checks.sort("asset", "check").equals(whole.checks)


def test_a_pair_that_breaks_parity_is_told_and_moves_no_forward(quotes):
    """One call of one expiry two forwards' worth of spread too dear."""
    index = (pl.col("ticker") == "IDX") & (pl.col("expiry") == quotes["expiry"].min()) & (pl.col("right") == "C")
    near = quotes.filter(index).sort((pl.col("strike") - 5000.0).abs())["strike"][0]
    dear = index & (pl.col("strike") == near)
    wrong = quotes.with_columns(
        pl.when(dear).then(pl.col(side) + 20.0).otherwise(pl.col(side)) for side in ("bid", "ask")
    )
    plain, _ = surface(quotes)
    found, _ = surface(wrong)
    told = found.checks.filter(pl.col("count") > 0)
    assert told.select("asset", "check", "count").rows() == [("IDX", "parity_break", 1)]
    moved = (found.forwards["forward"] / plain.forwards["forward"] - 1.0).abs()
    assert moved.max() < 2e-4


def test_a_vendors_volatility_beside_a_price_is_compared_and_not_used(quotes):
    rows = quotes.filter(pl.col("ticker") == "IDX")
    plain, _ = surface(rows)
    found, _ = surface(rows.with_columns(iv=pl.lit(0.5)))
    np.testing.assert_array_equal(found.iv, plain.iv)
    check = found.checks.filter(pl.col("check") == "vendor_iv_differs")
    assert check["count"].item() == check["of"].item() > 50
    assert "vendor_iv_differs" not in plain.checks["check"]
