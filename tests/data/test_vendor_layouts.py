"""Every vendor's layout on a few invented rows in its shape: recognised, units mended, sentinels missing."""

import math
import re
import zipfile
from datetime import date, timedelta

import polars as pl
import pytest

from engine.data.vendors.canonical import Reading, vendor_tables
from engine.data.vendors.recognise import all_vendors, look, recognise
from engine.errors import InputError
from tests.data.vendor_samples import SAMPLES

DAY, EXPIRY = date(2019, 1, 16), date(2019, 2, 15)
OPTION = {"date": DAY, "ticker": "ZZQ", "expiry": EXPIRY, "strike": 100.0, "right": "C"}
ACTION = ["date", "ticker", "kind", "factor"]  # of a split; amount and into are of mergers
TWO_SIDED = {"bid": 2.60, "ask": 2.70}
FULL = TWO_SIDED | {"iv": 0.2309, "delta": 0.5148, "oi": 8801.0}
AMERICAN = {"style": "american", "settlement": None}
EUROPEAN = {"style": "european", "settlement": None}
# What the first option of each sample says, beside OPTION.
FIRST = {
    "om_opprc": FULL | {"ticker": "999001", "forward": None, "settlement": "pm"},
    "om_opprc_native": FULL | {"ticker": "999001", "settlement": "pm"},
    "om_native_opprc": FULL | {"ticker": "999001", "settlement": "pm"},
    "orats_strikes_file": FULL | AMERICAN,
    "orats_strikes_api": FULL | {"style": "american", "settlement": "pm"},
    "cboe_eod_calcs": FULL | AMERICAN | {"forward": 100.022},
    "cboe_eod_quotes": TWO_SIDED | AMERICAN | {"oi": 8801.0, "iv": None},
    "cboe_interval": FULL | AMERICAN,
    "optionsdx": FULL | AMERICAN | {"oi": None},
    "hod_l2": FULL | AMERICAN,
    "hod_l3": FULL | AMERICAN,
    "dolthub_chain": FULL | AMERICAN | {"oi": None},
    "alphavantage": FULL | AMERICAN,
    "theta_v3_eod": TWO_SIDED | AMERICAN,
    "theta_v3_greeks": FULL | AMERICAN | {"oi": None},
    "theta_v3_quotes": TWO_SIDED | AMERICAN,
    "theta_v2": TWO_SIDED | AMERICAN,
    "polygon_day": AMERICAN | {"price": 2.65, "bid": None, "volume": 412.0},
    "databento_bars": AMERICAN | {"price": 2.65, "bid": None},
    "databento_quotes": TWO_SIDED | AMERICAN,
    "databento_trades": AMERICAN | {"price": 2.65, "bid": None},
    "polygon_quotes": TWO_SIDED | AMERICAN,
    "theta_v3_bars": AMERICAN | {"price": 2.65, "volume": None},
    "yfinance": FULL | AMERICAN | {"delta": None},
    "tardis_chain": FULL | EUROPEAN | {"forward": 100.0},
    "deribit_book": FULL | EUROPEAN | {"forward": 100.0, "delta": None},
    "crypto_snapshot": FULL | EUROPEAN | {"forward": 100.0, "delta": None},
    "nse_udiff": EUROPEAN | {"price": 2.65, "oi": 8801.0, "multiplier": 1250.0},
    "nse_legacy_fo": EUROPEAN | {"price": 2.65, "oi": None},
    "nse_oldest_fo": {"date": date(2004, 1, 16), "expiry": date(2004, 2, 26), "style": "american", "price": 2.65},
    "lean_universe": AMERICAN | {"price": 2.65, "iv": 0.2309, "delta": 0.5148, "oi": 8801.0},
}


def written(folder, *layouts):
    for layout in layouts:
        name, text = SAMPLES[layout]
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def reasons(judged):
    return dict(judged.counts.group_by("reason").agg(pl.col("rows").sum()).iter_rows())


@pytest.mark.parametrize("layout", SAMPLES)
def test_a_layout_is_told_by_its_columns_or_its_name_and_by_no_other(layout, tmp_path):
    found = look(written(tmp_path, layout))
    assert [match.layout.name for match in found.matches] == [layout]
    assert found.unknown == found.unread == []
    assert found.matches[0].why.startswith("its ")


def layouts():
    return [layout for vendor in all_vendors() for layout in vendor.layouts if layout.views]


# Told by the names of files in an archive, or one column of one index each: tried in their own tests.
WITHOUT_SAMPLE = re.compile(r"lean_(quotes|trades|interest|daily|factors)|cboe_index_")
# Fields that no sample of theirs fills: columns that older and poorer files of a layout lack.
BLANK = {
    "cboe_eod_quotes": {"iv", "delta", "forward"},
    "deribit_book": {"delta"},
    "crypto_snapshot": {"delta"},
    "om_opprc": {"forward", "style"},
    "om_opprc_native": {"forward", "style"},
    "om_native_opprc": {"forward", "style"},
    "theta_v3_eod": {"iv", "delta"},
    "theta_v3_quotes": {"iv", "delta", "volume"},
    "theta_v2": {"iv", "delta"},
}


@pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout.name)
def test_every_field_of_every_layout_is_read_from_a_sample(layout, tmp_path):
    if layout.name not in SAMPLES:
        assert WITHOUT_SAMPLE.match(layout.name)
        return
    tables = vendor_tables(written(tmp_path, layout.name)).tables
    views = [view for view in layout.views if view.table in tables]  # others are worked into tables of the market
    for view in views:
        kept = tables[view.table].kept
        fields = {field for field in view.fields if field in kept.columns}
        blank = {field for field in fields if kept[field].null_count() == kept.height}
        assert blank - {"settlement"} == (BLANK.get(layout.name, set()) if view.table == "quotes" else set())


@pytest.mark.parametrize("layout", FIRST)
def test_the_first_option_of_every_vendor_says_the_same(layout, tmp_path):
    quotes = vendor_tables(written(tmp_path, layout)).tables["quotes"]
    row = quotes.kept.row(0, named=True)
    expected = OPTION | FIRST[layout]
    for name, value in expected.items():
        assert row[name] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value), name


@pytest.mark.parametrize(
    ("layout", "close"),
    [
        ("orats_strikes_file", 100.02),
        ("orats_strikes_api", 100.02),
        ("orats_summaries", 100.02),
        ("orats_dailies", 100.02),
        ("cboe_eod_calcs", 100.02),
        ("cboe_eod_quotes", 100.02),
        ("optionsdx", 100.02),
        ("hod_l2", 100.02),
        ("hod_stocks", 100.02),
        ("yfinance_history", 100.02),
        ("hod_l3", 100.02),
        ("dolthub_closes", 100.02),
        ("theta_v3_greeks", 100.02),
        ("polygon_day", 100.02),
        ("databento_bars", 100.02),
        ("yfinance", 100.02),
        ("tardis_chain", 100.0),  # a forward: the chains have no spot
        ("deribit_book", 100.02),
        ("nse_udiff", 100.02),
        ("nse_legacy_cm", 100.02),
        ("nse_full_cm", 100.02),
        ("lean_universe", 100.02),
    ],
)
def test_spots_are_those_of_the_file(layout, close, tmp_path):
    prices = vendor_tables(written(tmp_path, layout)).tables["prices"].kept
    found = dict(prices.filter(pl.col("ticker") == "ZZQ").select("date", "close").iter_rows())
    assert found == {DAY: pytest.approx(close)}


@pytest.mark.parametrize(
    ("layout", "reason", "rows"),
    [
        ("om_opprc", "adjusted_contract", 1),
        ("om_opprc", "iv_is_-99.99", 1),
        ("om_opprc", "delta_is_-99.99", 1),
        ("orats_strikes_file", "adjusted_contract", 1),
        ("orats_strikes_file", "iv_is_10", 2),
        ("cboe_eod_calcs", "adjusted_contract", 1),
        ("cboe_eod_calcs", "iv_is_0", 1),
        ("hod_l2", "adjusted_contract", 1),
        ("hod_l2", "iv_stands_for_nothing", 1),
        ("polygon_day", "adjusted_contract", 1),
        ("yfinance", "iv_is_1e-05", 1),
        ("yfinance", "iv_is_0.250007", 1),
        ("yfinance", "ask_is_0", 1),
        ("nse_udiff", "not_traded", 1),
        ("nse_legacy_fo", "not_traded", 1),
        ("nse_legacy_fo", "not_of_stocks_or_indices", 1),
        ("lean_universe", "iv_is_1e-07", 1),
        ("dolthub_split", "duplicate", 1),
    ],
)
def test_what_stands_for_nothing_and_what_is_left_out_is_counted_by_its_reason(layout, reason, rows, tmp_path):
    tables = vendor_tables(written(tmp_path, layout)).tables
    assert sum(reasons(table).get(reason, 0) for table in tables.values()) == rows


def test_rejected_rows_know_their_file_their_line_and_what_was_there(tmp_path):
    rejected = vendor_tables(written(tmp_path, "hod_l2")).tables["quotes"].rejected
    row = rejected.filter(pl.col("reason") == "adjusted_contract").row(0, named=True)
    assert row["file"] == str(tmp_path / "L2_options_20190116.csv")
    assert (row["line"], row["column"], row["value"]) == (4, "optionroot", "ZZQ1190215C00100000")


def test_a_put_of_a_two_sided_row_has_the_call_delta_less_one_and_its_own_quotes(tmp_path):
    quotes = vendor_tables(written(tmp_path, "orats_strikes_file")).tables["quotes"].kept
    put = quotes.filter((pl.col("right") == "P") & (pl.col("strike") == 100.0)).row(0, named=True)
    assert (put["bid"], put["ask"], put["oi"], put["delta"]) == (2.41, 2.52, 5120.0, pytest.approx(-0.4852))


def test_a_surface_has_call_deltas_in_percent_and_tenors_in_days(tmp_path):
    surface = vendor_tables(written(tmp_path, "om_vsurf")).tables["surface"].kept
    assert surface.select("ticker", "tenor", "delta", "right", "iv").rows() == [
        ("999001", 30.0, 50.0, "C", 0.2309),
        ("999001", 30.0, 75.0, "P", 0.2688),
    ]
    summaries = (
        vendor_tables(written(tmp_path / "..", "orats_summaries").joinpath("summaries.csv")).tables["surface"].kept
    )
    nodes = {(row["tenor"], row["delta"]): row["iv"] for row in summaries.iter_rows(named=True)}
    assert nodes[30.0, 50.0] == 0.2309
    assert nodes[30.0, 95.0] == 0.2933  # the 5-delta put
    assert nodes[182.0, 50.0] == 0.229


def test_standard_options_give_a_surface_at_the_money_and_forwards(tmp_path):
    tables = vendor_tables(written(tmp_path, "om_stdop")).tables
    assert tables["surface"].kept.select("delta", "right", "iv").rows() == [(50.0, "C", 0.2309), (50.0, "P", 0.2305)]
    assert tables["forwards"].kept.rows() == [(DAY, "999001", EXPIRY, 100.21)]


def test_ivydb_names_keys_by_their_last_name_and_weighs_members_by_shares_times_close(tmp_path):
    tables = vendor_tables(
        written(tmp_path, "om_vsurf", "om_secprd", "om_secnm", "om_zero", "om_dist", "om_fwdprd")
    ).tables
    assert tables["surface"].kept["ticker"].unique().to_list() == ["ZZQ"]
    prices = dict(tables["prices"].kept.select("ticker", "close").iter_rows())
    assert prices == {"ZZQ": 100.02, "BRK.B": 12.10, "SPX": 2616.1}
    weights = dict(tables["weights"].kept.select("ticker", "weight").iter_rows())
    sizes = {"ZZQ": 250000 * 100.02, "BRK.B": 8100 * 12.10}
    assert weights == pytest.approx({name: size / sum(sizes.values()) for name, size in sizes.items()})
    assert tables["rates"].kept.rows() == [(date(2019, 6, 27), pytest.approx(0.0241))]
    assert tables["actions"].kept.select(ACTION).rows() == [(date(2019, 3, 4), "ZZQ", "split", 0.25)]
    assert reasons(tables["actions"])["cancelled"] == 1
    assert tables["forwards"].kept.select("ticker", "forward").rows() == [("SPX", 2617.3)]


@pytest.mark.parametrize("with_expiry", [True, False])
def test_the_yield_of_an_index_makes_forwards_where_none_are_told(tmp_path, with_expiry):
    folder = written(tmp_path, "om_vsurf", "om_secprd", "om_idxdvd")
    (folder / "zerocd.csv").write_text("date,days,rate\n2019-01-16,30,2.41\n2019-01-16,90,2.55\n")
    if not with_expiry:  # as older vintages
        (folder / "idxdvd.csv").write_text("secid,date,rate\n108105,2019-01-16,2.05\n")
    expiries = [date(2019, 2, 15), date(2019, 3, 15)] if with_expiry else [DAY + timedelta(days=91)]
    tables = vendor_tables(folder).tables
    expected = [("SPX", day, 2616.1 * math.exp((0.0241 - 0.0205) * (day - DAY).days / 365)) for day in expiries]
    found = tables["forwards"].kept.sort("expiry").select("ticker", "expiry", "forward").rows()
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    assert [row[2] for row in found] == pytest.approx([row[2] for row in expected], rel=1e-12)
    (folder / "fwdprd2019.csv").write_text(SAMPLES["om_fwdprd"][1])
    assert vendor_tables(folder).tables["forwards"].kept["forward"].to_list() == [2617.3]


def test_members_of_a_list_alone_are_weighed_on_the_dates_that_they_were_members(tmp_path):
    weights = vendor_tables(written(tmp_path, "om_secprd", "om_secnm", "om_link", "crsp_sp500")).tables["weights"]
    assert weights.kept.rows() == [(DAY, "ZZQ", 1.0)]


@pytest.mark.parametrize(("layout", "factor"), [("orats_splits", 0.25), ("dolthub_split", 0.25)])
def test_splits_are_new_price_over_old_price(layout, factor, tmp_path):
    tables = vendor_tables(written(tmp_path, layout)).tables
    assert tables["actions"].kept.select(ACTION).rows() == [(date(2019, 3, 4), "ZZQ", "split", factor)]


def test_quotes_with_two_sides_count_before_bars_and_bars_before_trades(tmp_path):
    quotes, trades = tmp_path / "quotes", tmp_path / "trades"
    quotes.mkdir()
    trades.mkdir()
    (written(quotes, "polygon_quotes") / "day.csv").write_text(SAMPLES["polygon_day"][1])
    tables = vendor_tables(quotes).tables
    assert tables["quotes"].kept.select("bid", "ask", "price").rows() == [(2.60, 2.70, None)]
    assert reasons(tables["quotes"])["another_file_counts"] == 1
    assert tables["prices"].kept["close"].to_list() == [100.02]
    assert vendor_tables(written(trades, "databento_trades", "databento_bars")).tables["quotes"].kept.select(
        "price", "volume"
    ).rows() == [(2.65, 412.0), (1.10, 3.0)]


def test_the_volume_of_a_minute_is_not_that_of_its_day(tmp_path):
    name, text = SAMPLES["polygon_day"]
    (tmp_path / name).write_text(text.replace("1547614800000000000", "1547672340000000000"))
    assert vendor_tables(tmp_path).tables["quotes"].kept.select("price", "volume").rows() == [(2.65, None)]


@pytest.mark.parametrize(
    ("member", "volume"),
    [
        ("zzq_trade_american_call_1000000_20190215.csv", 12.0),
        ("20190116_zzq_minute_trade_american_call_1000000_20190215.csv", None),
        ("zzq_hour_trade_american_call_1000000_20190215.csv", None),
    ],
)
def test_trades_of_lean_are_last_trades_and_quotes_count_before_them(member, volume, tmp_path):
    stamp = "55800000" if member[0] == "2" else "20190116 15:00"
    with zipfile.ZipFile(tmp_path / "zzq_2019_trade_american.zip", "w") as archive:
        archive.writestr(member, f"{stamp},25000,27000,24000,26500,12")
    read = vendor_tables(tmp_path).tables["quotes"]
    row = read.kept.row(0, named=True)
    assert row | OPTION == row
    assert (row["price"], row["volume"], row["style"]) == (2.65, volume, "american")
    with zipfile.ZipFile(tmp_path / "zzq_2019_quote_american.zip", "w") as archive:
        quote = f"{stamp},26000,26000,26000,26000,5,27000,27000,27000,27000,5"
        archive.writestr(member.replace("trade", "quote"), quote)
    both = vendor_tables(tmp_path).tables["quotes"]
    assert both.kept.select("bid", "ask", "price").rows() == [(2.60, 2.70, None)]
    assert reasons(both)["another_file_counts"] == 1
    (tmp_path / "zzq_2019_quote_american.zip").unlink()
    (tmp_path / "zzq_2019_trade_american.zip").unlink()
    (tmp_path / member).write_text(f"{stamp},25000,27000,24000,26500,12\n")  # unpacked
    assert vendor_tables(tmp_path).tables["quotes"].kept.equals(read.kept)


def test_open_interest_of_its_own_file_joins_the_quotes(tmp_path):
    theta = vendor_tables(written(tmp_path, "theta_v3_eod", "theta_v3_interest")).tables["quotes"].kept
    assert theta["oi"].to_list() == [8801.0, None]


def test_futures_are_forwards_and_the_expiry_is_the_one_that_holidays_moved(tmp_path):
    tables = vendor_tables(written(tmp_path, "nse_udiff")).tables
    assert tables["forwards"].kept.rows() == [(DAY, "ZZQ", EXPIRY, 100.60)]


def test_levels_of_an_index_are_closes_under_the_name_of_the_file(tmp_path):
    tables = vendor_tables(written(tmp_path, "cboe_index", "cboe_index_vvix")).tables
    assert tables["prices"].kept.sort("date", "ticker").rows() == [
        (DAY, "COR1M", 31.10),
        (DAY, "VVIX", 91.10),
        (date(2022, 3, 21), "COR1M", 41.37),
    ]


def test_indian_indices_have_the_names_of_their_options(tmp_path):
    prices = vendor_tables(written(tmp_path, "nse_index_close")).tables["prices"].kept
    assert dict(prices.select("ticker", "close").iter_rows()) == {"NIFTY": 10890.30, "INDIAVIX": 15.10}


def test_am_and_pm_of_one_expiry_are_two_contracts(tmp_path):
    quotes = vendor_tables(written(tmp_path, "cboe_eod_calcs")).tables["quotes"].kept
    spx = quotes.filter(pl.col("ticker") == "SPX").row(0, named=True)
    assert (spx["settlement"], spx["style"], spx["forward"], spx["iv"]) == ("pm", "european", 2612.40, None)


def test_earnings_are_dates(tmp_path):
    assert vendor_tables(written(tmp_path, "orats_earnings")).tables["earnings"].kept["date"].to_list() == [
        date(2019, 2, 7)
    ]


def test_of_several_layouts_the_one_whose_columns_say_most_counts():
    secprd = ["secid", "date", "low", "high", "close", "volume", "return", "cfadj", "open", "cfret", "shrout"]
    assert recognise(secprd)[1].name == "om_secprd"
    assert recognise(["date", "open", "high", "low", "close"])[1].name == "cboe_index"


def test_the_date_in_a_files_name_counts_before_one_in_its_folders_and_two_dates_are_none(tmp_path):
    _, text = SAMPLES["yfinance"]
    folder = tmp_path / "saved_2019-01-15"
    folder.mkdir()
    (folder / "zzq_2019-01-16.csv").write_text(text)
    assert vendor_tables(folder).tables["quotes"].kept["date"].unique().to_list() == [DAY]
    (folder / "zzq_2019-01-16.csv").rename(folder / "zzq_2019-01-16_2019-02-15.csv")
    with pytest.raises(InputError, match=r"no usable row .*no_date"):
        vendor_tables(folder)
    (folder / "zzq_2019-01-16_2019-02-15.csv").rename(folder / "zzq.csv")
    assert vendor_tables(folder).tables["quotes"].kept["date"].unique().to_list() == [date(2019, 1, 15)]


def test_only_tickers_that_are_asked_for_are_read_under_whatever_name_they_had(tmp_path):
    name, text = SAMPLES["dolthub_chain"]
    old = text.splitlines()[1].replace("ZZQ", "FB")
    (tmp_path / name).write_text(f"{text}{old}\n")
    kept = vendor_tables(tmp_path, Reading(names=frozenset({"META", "BRK.B"}))).tables["quotes"].kept
    assert sorted(kept["ticker"]) == ["BRK.B", "META"]


def test_splits_of_ivydb_are_told_by_the_factor_of_its_prices_and_must_agree_with_distributions(tmp_path):
    header = "secid,date,low,high,close,volume,return,cfadj,open,cfret,shrout"
    rows = ["999001,2019-03-01,1,1,100,1,0,1,1,1,1000", "999001,2019-03-04,1,1,25,1,0,4,1,1,4000"]
    (tmp_path / "secprd.csv").write_text("\n".join([header, *rows, ""]))
    tables = vendor_tables(tmp_path).tables
    assert tables["actions"].kept.select(ACTION).rows() == [(date(2019, 3, 4), "999001", "split", 0.25)]
    written(tmp_path, "om_dist")
    assert vendor_tables(tmp_path).tables["actions"].kept.select(ACTION).rows() == [
        (date(2019, 3, 4), "999001", "split", 0.25)
    ]
    (tmp_path / "secprd.csv").write_text("\n".join([header, *rows, ""]).replace(",0,4,", ",0,5,"))
    with pytest.raises(InputError, match=r"secid 999001 on 2019-03-04 is 0.25 by distrd and 0.2 by cfadj"):
        vendor_tables(tmp_path)


def test_daily_files_without_a_header_are_told_by_their_names(tmp_path):
    tables = vendor_tables(written(tmp_path, "om_native_secpr", "om_native_zero", "om_native_vsurf")).tables
    assert tables["prices"].kept.rows() == [(DAY, "999001", 100.02)]
    assert tables["weights"].kept.rows() == [(DAY, "999001", 1.0)]
    assert tables["rates"].kept.rows() == [(DAY, pytest.approx(0.0241))]
    assert tables["surface"].kept["delta"].to_list() == [50.0, 75.0]


def test_the_older_spelling_of_orats_and_the_dump_of_a_ticker_are_read(tmp_path):
    name, text = SAMPLES["orats_strikes_file"]
    (tmp_path / name).write_text(
        text.replace("trade_date", "quotedate")
        .replace("cOpra,pOpra,", "", 1)
        .replace("ZZQ,ZZQ190215C00100000,ZZQ190215P00100000,", "ZZQ,")
        .replace("ZZQ,ZZQ190215C00140000,ZZQ190215P00140000,", "ZZQ,")
        .replace("ZZQ,ZZQ1190215C00100000,ZZQ1190215P00100000,", "BRK_B,")
    )
    quotes = vendor_tables(tmp_path).tables["quotes"].kept
    assert set(quotes["ticker"]) == {"ZZQ", "BRK.B"}
    book, text = SAMPLES["deribit_book"]
    changes = {"creation_timestamp": "timestamp", "interest_rate": "greeks.delta", ",0,100.02": ",0.5148,100.02"}
    for old, new in changes.items():
        text = text.replace(old, new)
    (tmp_path / name).unlink()
    (tmp_path / book).write_text(text)
    assert vendor_tables(tmp_path).tables["quotes"].kept["delta"].to_list() == [0.5148]
