"""Damaged files in vendors' shapes: each ends in the reason or the refusal that is documented, never in a traceback."""

import gzip
import io
import re
import zipfile

import numpy as np
import polars as pl
import pytest

from engine.data.vendors.canonical import Reading, vendor_tables
from engine.data.vendors.raw_files import Unread, raw_files
from engine.errors import InputError
from tests.data.vendor_samples import SAMPLES
from tests.data.vendor_world import ivydb

# A row of a sample, changed in one place: (layout, old, new, reason); None = the value is missing, which is no fault.
ROWS = [
    ("orats_strikes_file", "1/16/2019\n", "13/45/2019\n", "date_not_understood"),
    ("orats_strikes_file", "1/16/2019\n", "yesterday\n", "date_not_understood"),
    ("orats_strikes_file", "1/16/2019\n", "\n", "no_date"),
    ("orats_strikes_file", "2/15/2019", "2/30/2019", "expiry_not_understood"),
    ("orats_strikes_file", "2/15/2019", "", "no_expiry"),
    ("orats_strikes_file", "2/15/2019", "2/15/2018", "expired"),
    ("orats_strikes_file", "0.08219,100,", "0.08219,-100,", "strike_not_positive"),
    ("orats_strikes_file", "0.08219,100,", "0.08219,0,", "strike_not_positive"),
    ("orats_strikes_file", "0.08219,100,", "0.08219,1oo,", "strike_not_understood"),
    ("orats_strikes_file", "0.08219,100,", "0.08219,,", "no_strike"),
    ("orats_strikes_file", "2.60,2.65,2.70", "2.90,2.65,2.70", "crossed"),
    ("orats_strikes_file", "2.60,2.65,2.70", "-1,2.65,2.70", "bid_negative"),
    ("orats_strikes_file", "2.60,2.65,2.70", "2.60,2.65,-2.70", "ask_negative"),
    ("orats_strikes_file", "2.60,2.65,2.70", "2.60,2.65,inf", "ask_not_finite"),
    ("orats_strikes_file", "2.60,2.65,2.70", "two,2.65,2.70", "bid_not_understood"),
    ("orats_strikes_file", "2.60,2.65,2.70", "2.60,2.65,0", "ask_is_0"),
    ("orats_strikes_file", ",0.2309,0.2288", ",0,0.2288", "iv_is_0"),
    ("orats_strikes_file", ",0.2309,0.2288", ",9.999999,0.2288", "iv_is_10"),
    ("orats_strikes_file", "0.5148", "51.48", "delta_not_usable"),
    ("orats_strikes_file", "ZZQ,ZZQ1", "ZZQ,ZZQ21", "adjusted_contract"),
    ("orats_strikes_file", "ZZQ,ZZQ190215C", ",ZZQ190215C", "no_ticker"),
    ("om_opprc", ",0.2309,", ",-99.99,", "iv_is_-99.99"),
    ("om_opprc", ",0.2309,", ",-99.98999786376953,", "iv_is_-99.99"),
    ("om_opprc", ",0.2309,", ",.,", None),
    ("om_opprc", "21565,ZZQ 190215C100000", "3,ZZQ 190215C100000", "date_not_understood"),
    ("om_opprc", "21565,ZZQ 190215C100000", "21565.5,ZZQ 190215C100000", "date_not_understood"),
    ("om_opprc", "21595,21565,C", "21500,21565,C", "expired"),
    ("om_opprc", ",C,100000,", ",X,100000,", "right_not_understood"),
    ("om_opprc", ",C,100000,", ",,100000,", "no_right"),
    ("om_opprc", "100,0,,,ZZQ,\n", "100,1,,,ZZQ,\n", "adjusted_contract"),
    ("om_opprc", "100,0,,,ZZQ,\n", "100,E,,,ZZQ,\n", "adjusted_contract"),
    ("om_opprc", "100,0,,,ZZQ,\n", "110,0,,,ZZQ,\n", "adjusted_contract"),
    ("om_opprc", "2.60,2.70", "2.60,0", "ask_is_0"),
    ("om_opprc", "2.60,2.70", "2.80,2.70", "crossed"),
    ("om_opprc", "412,8801", "412,-1", "oi_negative"),
    ("om_vsurf", "0.2309", "-99.99", "iv_is_-99.99"),
    ("om_vsurf", "50,0.2309", "50,0.001", "iv_out_of_bounds"),
    ("om_vsurf", "20190116,30,50,0.2309", "20190116,30.5,50,0.2309", "tenor_not_whole_days"),
    ("om_vsurf", "20190116,30,50,0.2309", "20190116,30,100,0.2309", "delta_not_1_to_99"),
    ("om_vsurf", "20190116,30,50,0.2309", "20191316,30,50,0.2309", "date_not_understood"),
    ("om_secprd", "100.02", "0", "close_is_0"),
    ("om_secprd", "100.02", "n.a.", "close_not_understood"),
    ("cboe_eod_calcs", "0.2309,0.5148", "0,0", "iv_is_0"),
    ("cboe_eod_calcs", ",8801,", ",8801,100ZZQ", "adjusted_contract"),
    ("cboe_eod_calcs", "ZZQ,2019-02-15,100.000,C", "ZZQ2,2019-02-15,100.000,C", "adjusted_contract"),
    ("cboe_eod_calcs", "2019-02-15,100.000,C", "2019-02-15,100.000,B", "right_not_understood"),
    ("cboe_eod_calcs", "35,2.60,51,2.70", "35,,51,", None),
    ("cboe_eod_calcs", "2019-01-16,ZZQ,", "16 Jan,ZZQ,", "date_not_understood"),
    ("cboe_interval", "2.60,1,2.70", "2.80,1,2.70", "crossed"),
    ("optionsdx", "2019-02-15, 1550264400, 30.00, 0.5148", "2019-02-15, 1550264400, 30.00, x", "delta_not_understood"),
    ("optionsdx", "0.2309, 120", "0.0000, 120", "iv_is_0"),
    ("optionsdx", "2.60, 2.70, 100.00", "2.80, 2.70, 100.00", "crossed"),
    ("hod_l2", "0.2309,0.5148,0.0602,-15.77,11.41", "0.01,0,0,0,0", "iv_stands_for_nothing"),
    ("hod_l2", "call,02/15/2019,01/16/2019,100,2.66", "warrant,02/15/2019,01/16/2019,100,2.66", "right_not_understood"),
    ("hod_l2", "02/15/2019,01/16/2019,100,2.66", "15/02/2019,01/16/2019,100,2.66", "expiry_not_understood"),
    ("hod_l3", ",2.60,2.70,", ",2.60,0,", "ask_is_0"),
    ("dolthub_chain", "2.60,2.70,0.2309", "2.60,2.70,0.0000", "iv_is_0"),
    ("dolthub_chain", "Call,2.60,2.70", "Call,2.60,2.50", "crossed"),
    ("dolthub_closes", "100.02", "-1", "close_not_positive"),
    ("alphavantage", "0.2309", "0.0000", "iv_is_0"),
    ("alphavantage", "ZZQ190215C00100000,ZZQ", "ZZQ1190215C00100000,ZZQ", "adjusted_contract"),
    ("theta_v3_greeks", ",0.2309,0.0,", ",0.0,9.9,", "iv_is_0"),
    ("theta_v3_eod", '100.000,"CALL"', '100.000,"BOTH"', "right_not_understood"),
    ("theta_v2", "100000,C,", "1e5x,C,", "strike_not_understood"),
    ("theta_v2", ",20190116\n", ",0\n", "date_not_understood"),
    ("polygon_day", "O:ZZQ190215C00100000", "O:ZZQ3190215C00100000", "adjusted_contract"),
    ("polygon_day", "1547614800000000000,87", "soon,87", "date_not_understood"),
    ("databento_bars", "35,30,1241000001", "34,30,1241000001", "not_a_daily_bar"),
    ("databento_bars", "2.650000000", "9223372036854775807", None),
    ("yfinance", "ZZQ190215C00100000", "ZZQ190215C00110000", "not_the_strike_of_its_code"),
    ("orats_strikes_file", "0.08219,100,", "0.08219,1000,", "not_the_strike_of_its_code"),
    ("hod_l2", "01/16/2019,100,2.66", "01/16/2019,1000,2.66", "not_the_strike_of_its_code"),
    ("yfinance", "0.2309", "1.0000000000000003e-05", "iv_is_1e-05"),
    ("yfinance", "0.2309", "0.0078224218750", "iv_is_0.00782242"),
    ("yfinance", "2.6,2.7", "0,0", "ask_is_0"),
    ("yfinance", "0,ZZQ190215C", "0,ZZQ2190215C", "adjusted_contract"),
    ("tardis_chain", "23.09,ZZQ-15FEB19,100.0", "0,ZZQ-15FEB19,100.0", "iv_is_0"),
    ("deribit_book", "0.0260,0.0270", "0.0280,0.0270", "crossed"),
    ("deribit_book", "ZZQ-15FEB19-100-C", "ZZQ-15FOO19-100-C", "expiry_not_understood"),
    ("crypto_snapshot", ",0.0260,0.0270,23.09", ",0.0260,,23.09", None),
    ("nse_udiff", "40,25632500.00", "0,25632500.00", "not_traded"),
    ("nse_udiff", "2019-02-16,2019-02-15,100.00,CE", "2019-02-16,2019-02-15,100.00,XX", "right_not_understood"),
    ("nse_legacy_fo", "2.65,2.65,40,", "2.65,2.65,0,", "not_traded"),
    ("nse_legacy_fo", "OPTSTK,ZZQ,15-Feb-2019,100", "FUTINT,ZZQ,15-Feb-2019,100", "not_of_stocks_or_indices"),
    ("nse_legacy_fo", "16-JAN-2019,\n", "16-JAN-2019,,OPTSTK,ZZQ\n", "more_fields_than_columns"),
    ("lean_universe", "0.2309,0.5148", "1,0.5148", "iv_is_1"),
    ("lean_universe", ",0.2309,", ",1e-07,", "iv_is_1e-07"),
    ("lean_universe", "20190215,100,C", "20190215,100,D", "right_not_understood"),
]


@pytest.mark.parametrize(("layout", "old", "new", "reason"), ROWS)
def test_a_row_that_is_spoilt_is_counted_by_its_reason_and_spoils_no_other(layout, old, new, reason, tmp_path):
    name, text = SAMPLES[layout]
    rows = text.splitlines(keepends=True)
    at = next(number for number, row in enumerate(rows) if number and old in row)
    rows[at] = rows[at].replace(old, new, 1)
    (tmp_path / name).write_text("".join(rows), encoding="utf-8")
    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / name).write_text(text, encoding="utf-8")
    before = counted(vendor_tables(whole))
    after = reasons(tmp_path / name)
    if reason is None:  # a value that is not there is missing, and no reason but that its row has no price
        assert not {one for one in after if "not_understood" in one}
    else:
        assert after.get(reason, 0) > before.get(reason, 0)


def reasons(path):
    """Counts by reason, in the refusal too where no row is left."""
    try:
        return counted(vendor_tables(path))
    except InputError as error:
        told = re.findall(r"(\S+) ([\d,]+)[,)]", str(error).partition("no usable row (")[2])
        return {reason: int(rows) for reason, rows in told}


def counted(read):
    counts = pl.concat([table.counts for table in read.tables.values()])
    return dict(counts.group_by("reason").agg(pl.col("rows").sum()).iter_rows())


WHOLE = [
    (
        "orats_strikes_file",
        lambda t: t.replace("0.08219,100,", "0.08219,100000,").replace(",140,", ",140000,"),
        "strikes of ZZQ",
    ),
    (
        "om_opprc",
        lambda t: t.replace(",100000,2.60", ",0.1,2.60").replace(",150000,49", ",0.15,49"),
        "strikes of ZZQ|usable",
    ),
    ("hod_l2", lambda t: t.replace(",100,2.66", ",1000000,2.66").replace(",60,0,", ",600000,0,"), "strikes of ZZQ are"),
    (
        "lean_universe",
        lambda t: t.replace("0215,100,C", "0215,1000000,C").replace("0215,140,", "0215,1400000,"),
        "strikes of ZZQ",
    ),
    (
        "dolthub_chain",
        lambda t: t.replace("0.2309", "23.09").replace("0.4100", "41"),
        "column iv: the median volatility is 32.05, declared as decimals",
    ),
    ("om_zero", lambda t: t.replace("2.41", "241").replace("2.31", "231").replace("2.55", "255"), "rate"),
    ("orats_strikes_file", lambda t: t.replace("1/16/2019", "sometime"), "no usable row"),
    ("yfinance", lambda t: t, "no usable row .*no_date"),
    ("optionsdx", lambda t: t, "no usable row .*no_ticker"),
    ("cboe_eod_calcs", lambda t: t.splitlines()[0] + "\n", "has files of cboe_datashop, but no row in them"),
]


@pytest.mark.parametrize(("layout", "spoil", "message"), WHOLE)
def test_a_file_that_is_spoilt_throughout_is_refused_with_what_is_wrong(layout, spoil, message, tmp_path):
    name, text = SAMPLES[layout]
    anonymous = {"yfinance": "chain.csv", "optionsdx": "chain.csv"}
    (tmp_path / anonymous.get(layout, name)).write_text(spoil(text), encoding="utf-8")
    if layout == "om_opprc":
        for other in ("om_secprd", "om_secnm"):
            (tmp_path / SAMPLES[other][0]).write_text(SAMPLES[other][1])
    with pytest.raises(InputError, match=message) as caught:
        vendor_tables(tmp_path)
    assert "\n" not in str(caught.value)


def zipped(names, text="a,b\n1,2\n", **options):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name in names:
            archive.writestr(name, text)
    return buffer.getvalue()


ORATS = SAMPLES["orats_strikes_file"][1]
PACKED = {
    "up.zip": (zipped(["../../etc/strikes.csv"], ORATS), "a path outside its folder"),
    "root.zip": (zipped(["/etc/strikes.csv"], ORATS), "a path outside its folder"),
    "drive.zip": (zipped(["C:/strikes.csv"], ORATS), "a path outside its folder"),
    "bomb.zip": (zipped(["strikes.csv"], "0" * (80 * 2**20)), "no table does; it is not opened"),
    "cut.zip": (zipped(["strikes.csv"], ORATS)[:-40], "cannot be read|damaged"),
    "none.zip": (zipped(["readme.md"], "hello"), "holds no csv or txt file"),
    "empty.zip": (zipped([]), "holds no csv or txt file"),
    "cut.csv.gz": (gzip.compress(ORATS.encode() * 50)[:-30], "damaged or cut off|cannot be read"),
    "not.csv.gz": (ORATS.encode(), "cannot be read"),
    "bomb.csv.gz": (gzip.compress(ORATS.encode() + b"\n" * (80 * 2**20)), "no table does; it is not opened"),
    "strikes.7z": (b"7z", "unpack it first"),
    "strikes.tar": (b"tar", "unpack it first"),
    "opprcd.sas7bdat": (b"sas", "parquet or csv"),
    "strikes.json": (b"{}", "write it as csv"),
    "cut.parquet": (b"PAR1", "cannot be read"),
    "binary.csv": (b"ticker,stkPx\0\0", "is no text"),
    "cut.csv": (ORATS[:-300].encode(), "ends in the middle of a line"),
    "cut.csv.zip": (zipped(["strikes.csv"], ORATS[:-300]), "ends in the middle of a line"),
}


@pytest.mark.parametrize("name", PACKED)
def test_files_that_cannot_or_must_not_be_opened_are_refused(name, tmp_path):
    content, message = PACKED[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        vendor_tables(tmp_path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_file_among_good_ones_stops_the_reading_rather_than_leave_a_day_out(tmp_path):
    (tmp_path / "ORATS_SMV_Strikes_20190116.csv").write_text(ORATS)
    (tmp_path / "ORATS_SMV_Strikes_20190117.zip").write_bytes(zipped(["strikes.csv"], ORATS)[:-40])
    with pytest.raises(InputError, match=r"ORATS_SMV_Strikes_20190117.zip cannot be read"):
        vendor_tables(tmp_path)


def test_nothing_of_a_path_outside_is_written(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "up.zip").write_bytes(zipped(["../out.csv"], ORATS))
    assert [type(one) for one in raw_files(tmp_path / "in")] == [Unread]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["in", "up.zip"]


def test_saturday_expiries_are_the_day_before_and_others_are_left(tmp_path):
    name, text = SAMPLES["cboe_eod_calcs"]
    (tmp_path / name).write_text(text.replace("2019-02-15,100.000,C", "2019-02-16,100.000,C"))
    expiry = vendor_tables(tmp_path).tables["quotes"].kept["expiry"]
    assert str(expiry[0]) == "2019-02-15"


def test_a_company_that_changed_its_name_in_the_middle_of_a_file_is_one(tmp_path):
    rows = SAMPLES["dolthub_chain"][1].splitlines()
    header, row = rows[0], rows[1].replace("2019-02-15", "2022-06-17")
    dated = [
        row.replace("2019-01-16", day).replace("ZZQ", name)
        for day, name in (("2022-06-08", "FB"), ("2022-06-09", "META"))
    ]
    (tmp_path / "option_chain.csv").write_text("\n".join([header, *dated]))
    assert vendor_tables(tmp_path).tables["quotes"].kept["ticker"].to_list() == ["META", "META"]
    (tmp_path / "names.txt").write_text("old,new,date\nMETA,ZUCK,2030-01-01\n")
    own = Reading(identifiers=str(tmp_path / "names.txt"))
    read = vendor_tables(tmp_path / "option_chain.csv", own)
    assert read.tables["quotes"].kept["ticker"].to_list() == ["ZUCK", "ZUCK"]


@pytest.mark.parametrize(
    ("content", "message"),
    [("a,b\n1,2\n", "has no column old"), ("old,new,date\nFB,META,June\n", "line 2, column date: June is no date")],
)
def test_a_table_of_names_that_says_nothing_is_refused(content, message, tmp_path):
    (tmp_path / "option_chain.csv").write_text(SAMPLES["dolthub_chain"][1])
    (tmp_path / "names.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        vendor_tables(tmp_path / "option_chain.csv", Reading(identifiers=str(tmp_path / "names.csv")))


def test_there_are_a_hundred_of_them():
    assert len(ROWS) + len(WHOLE) + len(PACKED) >= 100


NO_DATES = {
    np.inf: "date_not_understood",
    -np.inf: "date_not_understood",
    np.nan: "no_date",
    1e300: "date_not_understood",
}


def spoilt_secprd(folder, column, value):
    """Write files of IvyDB whose second row of prices has that value; return the number of rows."""
    ivydb(folder)
    path = folder / "secprd2019.parquet"
    frame = pl.read_parquet(path).with_columns(pl.col(column).cast(pl.Float64))
    second = pl.int_range(pl.len()) == 1
    frame.with_columns(pl.when(second).then(value).otherwise(pl.col(column)).alias(column)).write_parquet(path)
    return frame.height


@pytest.mark.parametrize("value", NO_DATES)
def test_a_date_that_is_no_whole_number_in_a_parquet_file_is_one_row_with_its_reason(value, tmp_path):
    rows = spoilt_secprd(tmp_path, "date", value)
    read = vendor_tables(tmp_path)
    assert read.tables["prices"].kept.height == rows - 1
    assert counted(read) == {NO_DATES[value]: 1}


@pytest.mark.parametrize("value", [np.inf, 0.0, -1.0])
def test_a_factor_that_is_none_is_refused_by_name(value, tmp_path):
    spoilt_secprd(tmp_path, "cfadj", value)
    with pytest.raises(InputError, match=r"cfadj of secid 900000 on 2019-01-08 in secprd is .*, no factor; mend it"):
        vendor_tables(tmp_path)


def test_a_factor_that_is_missing_is_no_split(tmp_path):
    spoilt_secprd(tmp_path, "cfadj", np.nan)
    assert vendor_tables(tmp_path).tables["actions"].kept.height == 0
