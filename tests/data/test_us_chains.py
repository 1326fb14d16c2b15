"""The reader of US chains on small files in the documented shape, checked by hand; no real data needed."""

import math
from dataclasses import replace
from datetime import date
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest

from engine.correlation import CorrelationStatus, daily_returns, implied_correlation
from engine.data import append_panel, build_panel, extend_panel, load_market, load_quality, open_panel, save_panel
from engine.data.records import DELTAS, QuoteStatus
from engine.data.sources.us_chains.source import UsChains
from engine.errors import InputError
from engine.pricing import black_price, implied_vol
from engine.study.against_cboe import with_members

DAYS = [date(2026, 6, 1), date(2026, 6, 2), date(2026, 6, 3)]
EXPIRIES = [date(2026, 6, 18), date(2026, 7, 17), date(2026, 10, 16)]
VOL = {"SPY": 15.0, "AAA": 30.0, "BBB": 40.0, "XLF": 20.0}  # percent, flat; XLF is no holding of the fund
SPOT = {"SPY": [700.0, 707.0, 700.0], "AAA": [100.0, 110.0, 11.0], "BBB": [50.0, 50.0, 55.0], "XLF": [9.0, 9.0, 9.0]}
GRID = [i / 100.0 for i in range(3, 100, 5)]  # none at the .80 beyond which quotes are deep in the money
CARRY = 0.02  # continuous, at which the vendor's forwards grow: its rate less dividends


def strike_of(delta, spot, vol, day, expiry, carry=CARRY):
    """Strike whose call has that delta, so that volatility, strike and delta of the fixture agree."""
    years = (expiry - day).days / 365.0
    spread = vol * years**0.5
    return spot * math.exp(carry * years + 0.5 * spread**2 - NormalDist().inv_cdf(delta) * spread)


def chains() -> pl.DataFrame:
    rows = [
        (day, ticker, expiry, strike_of(delta, SPOT[ticker][t], vol / 100.0, day, expiry), delta, vol, delta - 1.0, vol)
        for t, day in enumerate(DAYS)
        for ticker, vol in VOL.items()
        for expiry in EXPIRIES
        for delta in GRID
    ]
    columns = ["date", "ticker", "expiry", "strike", "call_delta", "call_iv_pct", "put_delta", "put_iv_pct"]
    return pl.DataFrame(rows, schema=columns, orient="row")


FILES = {
    "us2026/chains": chains,
    "us2026/spot": lambda: pl.DataFrame(
        [(day, ticker, spot[t]) for t, day in enumerate(DAYS) for ticker, spot in SPOT.items()],
        schema=["date", "ticker", "spot"],
        orient="row",
    ),
    "us2026/corporate_actions": lambda: pl.DataFrame(
        {
            "date": [date(2026, 5, 4), date(2026, 6, 3)],
            "ticker": ["BBB", "AAA"],
            "kind": "split",
            "price_factor": [0.5, 0.1],
        }
    ),
    "us_history/spy_holdings": lambda: pl.DataFrame(
        {
            "asof": [date(2026, 4, 10)] * 3 + [date(2026, 6, 3)] * 2,  # the second is not known before 4 June
            "ticker": ["AAA", "BBB", "CCC", "AAA", "BBB"],  # CCC has no chains
            "weight": [0.42, 0.18, 0.40, 0.5, 0.5],
            "shares_held": [10.0, 20.0, 7.0, 1.0, 1.0],
        }
    ),
    "us_history/fed_funds_dff": lambda: pl.DataFrame(
        {"date": [date(2026, 3, 26), date(2026, 6, 2)], "dff": [4.0, 5.0]}  # the second is not known before 3 June
    ),
}


@pytest.fixture
def files(tmp_path):
    for name, make in FILES.items():
        path = tmp_path / "files" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        make().write_parquet(path)
    return tmp_path / "files"


def respell(files, name, change):
    path = files / f"{name}.parquet"
    change(pl.read_parquet(path)).write_parquet(path)


def load(files, **settings):
    return load_market("us_chains", path=files, cache=files.parent / "panels", progress=False, **settings)


def test_volatilities_are_decimals_on_every_delta_and_tenor_within_reach(files):
    panel = load(files)
    assert (panel.info.index, panel.names.tolist()) == ("SPY", ["AAA", "BBB", "CCC"])
    first, second, beyond = (panel.tenors.tolist().index(tenor) for tenor in (30, 91, 365))
    np.testing.assert_allclose(panel.index_iv[:, first : second + 1], 0.15, rtol=1e-6)  # stored as float32
    np.testing.assert_allclose(panel.component_iv[:, 1, first], 0.40, rtol=1e-6)
    assert np.isnan(panel.index_iv[:, beyond]).all()
    assert (panel.index_status[:, beyond] == QuoteStatus.BEYOND_TENOR).all()
    listed = panel.listed.iv[:, 0, : len(EXPIRIES)]
    np.testing.assert_allclose(listed, np.full((3, len(EXPIRIES), len(DELTAS)), 0.30), rtol=1e-6)


def test_weights_are_shares_through_splits_times_the_close_before_over_the_whole_index(files):
    weights = load(files).weights
    assert weights[0].tolist() == pytest.approx([0.42, 0.18, 0.4])  # no close is known yet: the snapshot's own
    # CCC keeps its 0.4. BBB split two for one after the snapshot: 10 AAA at 100 against 40 BBB at 50.
    assert weights[1].tolist() == pytest.approx([0.6 * 1000 / 3000, 0.6 * 2000 / 3000, 0.4])
    # AAA splits ten for one on this day; the night before it was still 10 at 110. The new snapshot is not known yet.
    assert weights[2].tolist() == pytest.approx([0.6 * 1100 / 3100, 0.6 * 2000 / 3100, 0.4])


def test_a_member_without_the_close_before_keeps_the_snapshots_weight_and_leaves_that_of_the_others_alone(files):
    respell(files, "us2026/spot", lambda f: f.filter((pl.col("ticker") != "BBB") | (pl.col("date") != DAYS[0])))
    weights = load(files).weights
    assert weights[1].tolist() == pytest.approx([0.42, 0.18, 0.4])
    assert weights[2].tolist() == pytest.approx([0.6 * 1100 / 3100, 0.6 * 2000 / 3100, 0.4])


def test_a_member_without_chains_has_a_weight_and_no_quote_and_coverage_tells(files):
    panel = load(files)
    ccc = panel.names.tolist().index("CCC")
    assert (panel.component_status[:, ccc] == QuoteStatus.NO_QUOTE).all()
    assert np.isnan(panel.spot[:, ccc]).all()
    rho = implied_correlation(panel.index_iv, panel.component_iv, panel.weights)
    cell = (slice(None), panel.tenors.tolist().index(30), DELTAS.index(50))
    assert rho.coverage[cell].tolist() == pytest.approx([0.6] * 3)
    assert (rho.status[cell] == CorrelationStatus.THIN_COVERAGE).all()


def with_sectors(files):
    sectors = {"Symbol": ["AAA", "BBB", "CCC"], "GICS Sector": ["Financials", "Energy", "Financials"]}
    pl.DataFrame(sectors).write_parquet(files / "us_history" / "sp500_constituents_2026_gics.parquet")


def test_without_the_file_of_sectors_none_is_known(files):
    assert load(files).sectors is None


def test_a_sector_has_the_weights_inside_it_and_its_fund_where_that_has_chains(files):
    with_sectors(files)
    panel = load(files)
    sectors = panel.sectors
    assert sectors.of_name.tolist() == ["Financials", "Energy", "Financials"]
    assert (sectors.legs.tolist(), sectors.symbols.tolist()) == (["Financials"], ["XLF"])
    first, beyond = (panel.tenors.tolist().index(tenor) for tenor in (30, 365))
    np.testing.assert_allclose(sectors.leg_iv[:, 0, first], 0.20, rtol=1e-6)  # stored as float32
    assert (sectors.leg_status[:, 0, beyond] == QuoteStatus.BEYOND_TENOR).all()
    # CCC, which has no chains, keeps its 0.4 of the index beside AAA; BBB is all of its sector.
    aaa = [0.42, 0.6 * 1000 / 3000, 0.6 * 1100 / 3100]
    assert sectors.weights[:, 0].tolist() == pytest.approx([a / (a + 0.4) for a in aaa])
    assert sectors.weights[:, 1].tolist() == pytest.approx([1.0, 1.0, 1.0])


def test_sectors_are_kept_cut_and_appended_with_the_panel(files, tmp_path):
    with_sectors(files)
    panel = load(files)
    save_panel(panel.slice(end="2026-06-01"), tmp_path / "own")
    append_panel(tmp_path / "own", panel.slice("2026-06-02"))
    for other in (open_panel(tmp_path / "own"), panel.slice(end="2026-06-01").append(panel.slice("2026-06-02"))):
        for name, values in vars(panel.sectors).items():
            np.testing.assert_array_equal(getattr(other.sectors, name), values, err_msg=name)
    later = panel.slice("2026-06-02")
    renamed = replace(later, sectors=replace(later.sectors, symbols=np.array(["IYF"])))
    for stranger in (renamed, replace(renamed, sectors=None, validate=False)):
        with pytest.raises(InputError, match="the sectors differ; rebuild the panel"):
            panel.slice(end="2026-06-01").append(stranger)


def spx_quote(day, root, expiry, right, strike, spot, vol, delta):
    """One line of the file, with bid and ask around Black's price on the forward of the fixture."""
    years = (expiry - day).days / 365.0
    forward, rate = spot * math.exp(CARRY * years), math.log(1.04 if day < DAYS[2] else 1.05)
    mid = float(black_price(forward, strike, vol, years, right == "C", rate))
    return day, root, expiry, right, strike, mid - 0.01, mid + 0.01, vol, delta - (right == "P")


def test_the_index_itself_is_a_leg_on_the_sessions_its_quotes_have_settled_at_the_close_where_they_can_be(files):
    vols = {("SPX", EXPIRIES[1]): 0.30, ("SPXW", EXPIRIES[1]): 0.12, ("SPX", EXPIRIES[2]): 0.12}
    level = {DAYS[0]: 7000.0, DAYS[2]: 7020.0}
    rows = [
        spx_quote(day, root, expiry, right, strike_of(delta, level[day], vol, day, expiry), level[day], vol, delta)
        for day in level
        for (root, expiry), vol in vols.items()
        for right in "CP"
        for delta in GRID
    ]
    columns = ["session_date", "root", "expiry", "right", "strike", "bid", "ask", "iv", "delta"]
    pl.DataFrame(rows, schema=columns, orient="row").write_parquet(files / "us2026" / "spx_quotes.parquet")
    levels = {"date": DAYS, "index": ["SPX"] * 3, "close": [7000.0, 7010.0, 7020.0]}
    pl.DataFrame(levels).write_parquet(files / "us_history" / "cboe_indices.parquet")
    weekly = date(2026, 7, 2)  # 31 and 29 days after the two sessions: no member expires then
    rows = [
        spx_quote(day, "SPXW", weekly, right, strike_of(delta, level[day], 0.15, day, weekly), level[day], 0.15, delta)
        for day in level
        for right in "CP"
        for delta in GRID
    ]
    more = pl.DataFrame(rows, schema=columns, orient="row")
    respell(files, "us2026/spx_quotes", lambda frame: pl.concat([frame, more]))
    panel, fund = load(files, index="SPX"), load(files)
    one_month = panel.index_iv[:, panel.tenors.tolist().index(30), DELTAS.index(50)]
    # Total variance linear between the weekly and the third Friday behind it; before it SPX has nothing: 31 days.
    between = ((14.0 / 15.0) * 0.15**2 * 29 + (1.0 / 15.0) * 0.12**2 * 44) / 30.0
    assert one_month.tolist() == pytest.approx([0.15, math.sqrt(between)], rel=1e-6)  # stored as float32
    assert (panel.listed.expiry == fund.listed.expiry[[0, 2]])[:, : len(EXPIRIES)].all()
    assert panel.dates.tolist() == [DAYS[0], DAYS[2]]
    assert panel.index_spot.tolist() == [7000.0, 7020.0]
    at = panel.tenors.tolist().index(91)
    np.testing.assert_allclose(panel.index_iv[:, at], 0.12, rtol=1e-6)  # stored as float32
    for name in ("component_iv", "weights", "strike_factor"):  # AAA's split comes on the last day
        np.testing.assert_array_equal(getattr(panel, name), getattr(fund, name)[[0, 2]])
    leg = load(files, index="SPX", members=False)
    np.testing.assert_array_equal(leg.index_iv, panel.index_iv)
    assert np.isnan(leg.component_iv).all()
    assert leg.contracts.rows.collect()["ticker"].unique().to_list() == ["SPX"]
    joined = with_members(leg, fund)
    for name in ("index_iv", "component_iv", "component_status", "weights", "spot", "rate"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(panel, name))


def test_a_split_is_marked_on_its_day_on_strikes_and_returns(files):
    panel = load(files)
    expected = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [0.1, 1.0, 1.0]])
    np.testing.assert_array_equal(panel.strike_factor, expected)
    np.testing.assert_array_equal(panel.return_factor, expected)
    assert np.isnan(panel.settlement).all()


def test_a_split_on_a_day_without_session_is_undone_at_the_next_one_however_the_sessions_are_read(files):
    hole = pl.col("date") != DAYS[1]
    for name in ("us2026/chains", "us2026/spot"):
        respell(files, name, lambda frame: frame.filter(hole))
    respell(files, "us2026/corporate_actions", lambda frame: frame.with_columns(date=pl.lit(DAYS[1])))
    panel = load(files)
    np.testing.assert_array_equal(panel.strike_factor, [[1.0, 1.0, 1.0], [0.1, 0.5, 1.0]])
    np.testing.assert_allclose(daily_returns(panel.spot, panel.return_factor)[1], [0.1, 1.2, np.nan])
    (later,) = UsChains(path=str(files), start="2026-06-03").blocks()
    np.testing.assert_array_equal(later.strike_factor, panel.strike_factor[1:])


def test_the_rate_is_the_one_published_before_the_date(files):
    panel = load(files)
    np.testing.assert_allclose(panel.rate, np.log([1.04, 1.04, 1.05]), rtol=1e-14)  # one logarithm
    assert "last one is of 2026-06-02" in panel.info.forward_convention


def test_where_calls_and_puts_have_one_volatility_the_forward_is_the_vendors(files):
    panel = load(files)
    years = (EXPIRIES[1] - DAYS[0]).days / 365.0
    # The file's deltas are exact here; 1e-6 leaves room for strikes that a file keeps as float32.
    assert panel.listed.forward[0, 0, 1] == pytest.approx(100.0 * math.exp(CARRY * years), rel=1e-6)
    assert panel.listed.index_forward[2, 1] == pytest.approx(700.0 * math.exp(CARRY * (years - 2 / 365.0)), rel=1e-6)


def test_where_the_vendor_inverted_on_a_wrong_forward_parity_of_its_volatilities_finds_the_traded_one(files):
    """Prices of one smile at a forward 1 % above the vendor's: it makes its calls dear and its puts cheap."""
    years = (EXPIRIES[2] - DAYS[0]).days / 365.0
    vendor, true, vol = 100.0 * math.exp(CARRY * years), 101.0 * math.exp(CARRY * years), 0.30
    at = (pl.col("ticker") == "AAA") & (pl.col("date") == DAYS[0]) & (pl.col("expiry") == EXPIRIES[2])

    def reinvert(frame):
        rows = frame.filter(at)
        strike = rows["strike"].to_numpy()
        found = {}
        for side, is_call in (("call", True), ("put", False)):
            price = black_price(true, strike, vol, years, is_call)
            found[f"{side}_iv_pct"] = 100.0 * implied_vol(price, vendor, strike, years, is_call)[0]
        return pl.concat([frame.filter(~at), rows.with_columns(**{k: pl.Series(v) for k, v in found.items()})])

    respell(files, "us2026/chains", reinvert)
    panel = load(files)
    assert panel.listed.forward[0, 0, 2] == pytest.approx(true, rel=1e-6)  # as the carry above
    # The call's volatility is 2 points too high, the put's as much too low: in their mean the second order is left.
    assert panel.listed.iv[0, 0, 2, DELTAS.index(50)] == pytest.approx(vol, abs=1e-3)


def test_deltas_are_computed_and_a_vendors_stale_one_is_dropped_and_counted(files):
    smile = (pl.col("ticker") == "AAA") & (pl.col("date") == DAYS[0]) & (pl.col("expiry") == EXPIRIES[1])
    last_traded_nearer = pl.when(smile & (pl.col("call_delta") == 0.03)).then(0.20)
    within_tolerance = last_traded_nearer.when(smile & (pl.col("call_delta") == 0.08)).then(0.17)
    before = load(files)
    moved = within_tolerance.otherwise("call_delta").alias("call_delta")
    respell(files, "us2026/chains", lambda frame: frame.with_columns(moved))
    panel = load(files)
    quality = load_quality(build_panel("us_chains", path=files, cache=files.parent / "panels"))
    dropped = quality.filter(pl.col("reason") == "vendor_delta_differs")
    assert dropped.select("asset", "rows").rows() == [("AAA", 1)]
    np.testing.assert_array_equal(panel.component_iv, before.component_iv)
    np.testing.assert_array_equal(panel.listed.forward, before.listed.forward)


def test_a_smile_without_a_forward_is_dropped_and_counted(files):
    near = pl.col("call_delta").is_between(0.30, 0.70) & (pl.col("ticker") == "AAA") & (pl.col("date") == DAYS[0])
    respell(files, "us2026/chains", lambda frame: frame.filter(~near))
    panel = load(files)
    quality = load_quality(build_panel("us_chains", path=files, cache=files.parent / "panels"))
    assert quality.filter(pl.col("reason") == "no_forward")["asset"].to_list() == ["AAA"]
    assert np.isnan(panel.listed.forward[0, 0]).all()
    assert (panel.component_status[0, 0] == QuoteStatus.NO_QUOTE).all()


def test_quotes_are_dropped_for_stated_reasons(files):
    aaa = pl.col("ticker") == "AAA"
    first = aaa & (pl.col("date") == DAYS[0]) & (pl.col("expiry") == EXPIRIES[0])

    def spoil(frame):
        at = [first & (pl.col("call_delta") == delta) for delta in (0.28, 0.33, 0.38)]
        vol = pl.when(at[0]).then(0.0).when(at[1]).then(float("nan")).when(at[2]).then(900.0).otherwise("call_iv_pct")
        return pl.concat(
            [
                frame.with_columns(vol.alias("call_iv_pct")),
                frame.filter(at[0]),  # the line above has no call volatility: this one counts, its put is there twice
                frame.filter(first & (pl.col("call_delta") == 0.43)),
            ]
        )

    respell(files, "us2026/chains", spoil)
    panel = load(files)
    quality = load_quality(build_panel("us_chains", path=files, cache=files.parent / "panels"))
    counted = {row["reason"]: row["rows"] for row in quality.filter(pl.col("asset") == "AAA").iter_rows(named=True)}
    deep = 3 * len(EXPIRIES) * 8  # calls at .83 .88 .93 .98 and puts at .03 .08 .13 .18
    options = 2 * (3 * len(EXPIRIES) * len(GRID) + 2)
    assert counted == {
        "missing_iv": 2,
        "iv_out_of_bounds": 1,
        "duplicate": 3,
        "deep_in_the_money": deep,
        "kept": options - deep - 6,
    }
    assert set(quality.filter(~pl.col("reason").str.contains(r"\."))["asset"]) == {"SPY", "AAA", "BBB"}
    np.testing.assert_allclose(panel.component_iv[:, 0, 0], 0.30, rtol=1e-6)  # stored as float32


def test_later_sessions_alone_equal_the_end_of_the_whole(files):
    (whole,) = UsChains(path=str(files)).blocks()
    (later,) = UsChains(path=str(files), start="2026-06-03").blocks()
    expected = []
    whole.slice("2026-06-03").map_arrays(lambda name, array: expected.append((name, array)))
    later.map_arrays(lambda name, array: np.testing.assert_array_equal(array, dict(expected)[name], err_msg=name))


def test_a_panel_of_ones_own_grows_by_the_sessions_that_arrive_and_equals_the_whole_build(files, tmp_path):
    before = pl.col("date") < DAYS[2]
    for name in ("us2026/chains", "us2026/spot"):
        respell(files, name, lambda frame: frame.filter(before))
    save_panel(load(files), tmp_path / "own")
    assert len(extend_panel(tmp_path / "own", "us_chains", files, progress=False)) == 2  # nothing has arrived
    for name in ("us2026/chains", "us2026/spot"):
        FILES[name]().write_parquet(files / f"{name}.parquet")
    expected, whole = [], load(files)
    whole.map_arrays(lambda name, array: expected.append((name, array)))
    extended = extend_panel(tmp_path / "own", "us_chains", files, progress=False)
    extended.map_arrays(lambda name, array: np.testing.assert_array_equal(array, dict(expected)[name], err_msg=name))
    assert extended.info == whole.info


def test_a_panel_of_ones_own_refuses_sessions_of_another_market_or_with_another_name(files, tmp_path):
    save_panel(load(files).slice(end="2026-06-02"), tmp_path / "own")
    with pytest.raises(InputError, match="market synthetic reads no files"):
        extend_panel(tmp_path / "own", "synthetic", progress=False)
    with pytest.raises(InputError, match="cannot append AAA to SPY"):
        extend_panel(tmp_path / "own", "us_chains", files, index="AAA", progress=False)
    respell(files, "us_history/spy_holdings", lambda f: f.with_columns(pl.col("ticker").replace("CCC", "XLF")))
    with pytest.raises(InputError, match="the names differ; rebuild the panel"):
        extend_panel(tmp_path / "own", "us_chains", files, progress=False)
    assert len(open_panel(tmp_path / "own")) == 2


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("us2026/spot", lambda f: f.drop("spot"), r"spot.parquet has no column spot; it has date, ticker"),
        ("us2026/spot", lambda f: f.head(0), r"spot.parquet has no usable row"),
        (
            "us2026/spot",
            lambda f: f.with_columns(spot=pl.lit("x")),
            r"spot.parquet, column spot holds String, not numbers",
        ),
        ("us_history/spy_holdings", lambda f: f.head(0), r"spy_holdings.parquet has no usable row"),
        (
            "us_history/spy_holdings",
            lambda f: f.filter(asof=date(2026, 6, 3)),
            r"spy_holdings.*no snapshot at",
        ),
        ("us_history/fed_funds_dff", lambda f: f.head(0), r"fed_funds_dff.parquet has no usable row"),
        (
            "us_history/fed_funds_dff",
            lambda f: f.tail(1).with_columns(date=date(2026, 6, 1)),  # known on 2 June only
            r"fed_funds_dff.parquet knows no rate before the first session 2026-06-01",
        ),
        (
            "us2026/chains",
            lambda f: f.with_columns(pl.col("call_iv_pct", "put_iv_pct") / 100.0),
            r"chains.parquet, column call_iv_pct.*already decimals",
        ),
        (
            "us2026/chains",
            lambda f: f.with_columns(pl.col("call_delta", "put_delta") * 100.0),
            r"chains.parquet, column call_delta \(0..1\): 100% of the deltas",
        ),
        (
            "us2026/chains",
            lambda f: f.with_columns(pl.col("put_delta").abs()),
            r"chains.parquet, column put_delta \(-1..0\): 100% of the deltas",
        ),
        (
            "us2026/chains",
            lambda f: f.with_columns(pl.col("expiry").cast(pl.String)),
            r"chains.parquet, column expiry holds String, not dates",
        ),
        (
            "us2026/chains",
            lambda f: f.with_columns(date=pl.when(pl.col("ticker") == "AAA").then(None).otherwise("date")),
            r"chains.parquet, column date: some rows have none",
        ),
        (
            "us2026/chains",
            lambda f: f.with_columns(call_iv_pct=0.0, put_iv_pct=0.0),
            r"every quote was dropped \(missing_iv",
        ),
    ],
)
def test_a_wrong_file_is_named_with_the_column_and_nothing_is_kept(files, name, change, words):
    respell(files, name, change)
    with pytest.raises(InputError, match=words):
        load(files)
    assert list((files.parent / "panels").glob("*")) == []


@pytest.mark.parametrize("size", [0, 40, 200])
def test_a_truncated_file_is_named(files, size):
    path = files / "us2026" / "spot.parquet"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match=r"spot.parquet cannot be read as parquet"):
        load(files)


def test_an_index_without_chains_is_refused(files):
    with pytest.raises(InputError, match="index=DIA has no chains"):
        load(files, index="DIA")
    with pytest.raises(InputError, match=r"spx_quotes\.parquet is missing"):
        load(files, index="SPX")


def test_what_lies_beside_the_chains_is_offered_where_its_files_are_there(files):
    source = UsChains(path=str(files))
    assert source.published() is None
    assert source.other_index_legs() == ()
    history = files / "us_history"
    levels = {"date": DAYS, "index": ["SPX", "COR1M", "COR1M"], "close": [7000.0, 12.0, 13.0]}
    pl.DataFrame(levels).write_parquet(history / "cboe_indices.parquet")
    pl.DataFrame({"Date": [date(2018, 12, 31)], "Close": [2506.85]}).write_parquet(
        history / "spx_ohlc_1999_2018.parquet"
    )
    returns = pl.DataFrame({"date": DAYS[:1], "mkt_rf_pct": [0.9], "rf_pct_per_day": [0.01]})
    returns.write_parquet(history / "fama_french_daily.parquet")
    assert source.published().common("COR1M").values.tolist() == [[12.0], [13.0]]
    assert source.published().names[-2:] == ("market", "bills")
    (files / "us2026" / "spx_quotes.parquet").touch()
    assert source.other_index_legs() == ("SPX",)
    assert replace(source, index="SPX").other_index_legs() == ()
