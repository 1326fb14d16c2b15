"""Companies under several tickers, and tickers of several companies: each row is of who it is of."""

from datetime import date

import polars as pl
import pytest

from engine.data import load_market
from engine.data.tables.contracts import TABLES
from engine.data.tables.judge import judged
from engine.data.vendors.canonical import vendor_tables
from engine.data.vendors.own_names import named_alike
from engine.data.vendors.symbols import RENAMES, Rename, one_name, read_renames
from engine.errors import InputError
from tests.data.vendor_world import FORMATS

SECPRD = "secid,date,low,high,close,volume,return,cfadj,open,cfret,shrout"
LINK = "secid,sdate,edate,permno,score"


def named(rows, renames):
    frame = pl.DataFrame(rows, schema={"ticker": pl.String, "date": pl.Date}, orient="row")
    return frame.select(one_name(pl.col("ticker"), pl.col("date"), renames))["ticker"].to_list()


def test_of_two_companies_that_had_a_ticker_one_after_the_other_each_keeps_its_own_rows():
    renames = (Rename("A", "C", "2020-01-02"), Rename("A", "B", "2010-01-04"), Rename("B", "D", "2015-01-02"))
    days = [date(2009, 12, 31), date(2010, 1, 4), date(2019, 12, 31), date(2020, 1, 2)]
    assert named([("A", day) for day in days], renames) == ["D", "C", "C", "A"]
    assert named([("B", date(2014, 12, 31)), ("B", date(2015, 1, 2))], renames) == ["D", "B"]
    assert named([("A", date(2009, 1, 1))], tuple(reversed(renames))) == ["D"]  # in whatever order they are listed
    assert named([("A", date(2009, 1, 1))], ()) == ["A"]


def test_a_ticker_that_came_back_to_its_company_ends():
    renames = (Rename("A", "B", "2010-01-04"), Rename("B", "A", "2012-01-03"))
    assert named([("A", date(2009, 1, 2)), ("B", date(2011, 1, 3)), ("A", date(2013, 1, 2))], renames) == ["A"] * 3


def test_identifiers_of_ones_own_take_spellings_too(tmp_path):
    file = tmp_path / "names.csv"
    file.write_text("old,new,date\nNVDA US,NVDA,\nXX,YY,2020-01-02\n")
    assert named(
        [("NVDA US", date(2030, 1, 1)), ("XX", date(2019, 1, 1)), ("XX", date(2021, 1, 1))], read_renames(file)
    ) == [
        "NVDA",
        "YY",
        "XX",
    ]
    file.write_text("old,new,date\n,NVDA,\n")
    with pytest.raises(InputError, match="line 2: a rename needs the old and the new ticker"):
        read_renames(file)
    file.write_text("old,new,date\nA,B,yesterday\n")
    with pytest.raises(InputError, match="line 2, column date: yesterday is no date"):
        read_renames(file)


def own(table, rows):
    return judged(TABLES[table], pl.DataFrame(rows, orient="row"), f"{table}.csv")


def test_tables_of_ones_own_have_the_tickers_of_the_vendor():
    rows = {"date": [date(2021, 1, 4), date(2021, 1, 4)], "ticker": ["brk-b", "FB"], "weight": [0.5, 0.5]}
    assert named_alike(own("weights", rows), RENAMES).kept["ticker"].to_list() == ["BRK.B", "META"]
    rows["date"] = [date(2025, 1, 2), date(2025, 1, 2)]
    assert named_alike(own("weights", rows), RENAMES).kept["ticker"].to_list() == ["BRK.B", "FB"]
    undated = {"ticker": ["BRK/B", "FB"], "weight": [0.5, 0.5]}
    assert named_alike(own("weights", undated), RENAMES).kept["ticker"].to_list() == ["BRK.B", "META"]


def test_two_spellings_of_one_ticker_on_one_day_are_refused():
    rows = {"date": [date(2021, 1, 4)] * 2, "ticker": ["BRK-B", "BRK.B"], "weight": [0.5, 0.5]}
    with pytest.raises(InputError, match=r"weights\.csv: BRK-B and BRK\.B are both 2021-01-04, BRK\.B; keep one"):
        named_alike(own("weights", rows), RENAMES)


def test_weights_beside_a_vendor_may_spell_its_tickers_otherwise(tmp_path):
    FORMATS["orats"][1](tmp_path / "files")
    days = [date(2019, 1, 7), date(2019, 1, 8)]
    rows = [(day, ticker, 1 / 3) for day in days for ticker in ("ndx", "^RUT", "XSP")]
    pl.DataFrame(rows, schema=["date", "ticker", "weight"], orient="row").write_csv(tmp_path / "weights.csv")
    market = load_market(
        "orats", tmp_path / "files", index="SPX", weights=str(tmp_path / "weights.csv"), cache=tmp_path, progress=False
    )
    assert market.names.tolist() == ["NDX", "RUT", "XSP"]
    assert (market.weights[2] > 0.3).all()


def test_a_company_of_two_keys_is_weighed_once(tmp_path):
    prices = ["999001,2019-01-15,1,1,50,1,0,1,1,1,100", "999003,2019-01-15,1,1,40,1,0,1,1,1,100"]
    prices += ["999002,2019-01-15,1,1,20,1,0,1,1,1,100"]
    (tmp_path / "secprd.csv").write_text("\n".join([SECPRD, *prices, ""]))
    links = [
        "999001,1998-01-01,2030-12-31,90001,1",
        "999003,2018-01-01,2030-12-31,90001,1",
        "999002,1998-01-01,2030-12-31,90002,1",
    ]
    (tmp_path / "opcrsphist.csv").write_text("\n".join([LINK, *links, ""]))
    (tmp_path / "dsp500list.csv").write_text(
        "permno,start,ending\n90001,1998-03-12,2024-12-31\n90002,1998-03-12,2024-12-31\n"
    )
    weights = vendor_tables(tmp_path).tables["weights"].kept
    assert dict(weights.select("ticker", "weight").iter_rows()) == pytest.approx({"999003": 2 / 3, "999002": 1 / 3})


def test_a_key_whose_last_known_name_changed_later_has_the_name_that_other_tables_have(tmp_path):
    (tmp_path / "secprd.csv").write_text("\n".join([SECPRD, "999001,2019-01-15,1,1,50,1,0,1,1,1,100", ""]))
    header = "secid,effect_date,cusip,ticker,class,issuer,issue,sic"
    (tmp_path / "secnmd.csv").write_text(f"{header}\n999001,2012-05-18,1,FB,,X,,1\n")
    assert vendor_tables(tmp_path).tables["prices"].kept["ticker"].to_list() == ["META"]


def test_members_that_nothing_links_to_keys_are_refused_and_a_link_without_members_is_of_all(tmp_path):
    prices = ["999001,2019-01-15,1,1,50,1,0,1,1,1,100", "999002,2019-01-15,1,1,50,1,0,1,1,1,100"]
    (tmp_path / "secprd.csv").write_text("\n".join([SECPRD, *prices, ""]))
    members = tmp_path / "dsp500list.csv"
    members.write_text("permno,start,ending\n90001,1998-03-12,2024-12-31\n")
    with pytest.raises(InputError, match="a list of members by permno is there, and no file that links them to secids"):
        vendor_tables(tmp_path)
    members.unlink()
    (tmp_path / "opcrsphist.csv").write_text(f"{LINK}\n999001,1998-01-01,2030-12-31,90001,1\n")
    weights = vendor_tables(tmp_path).tables["weights"].kept
    assert weights["weight"].to_list() == [0.5, 0.5]
