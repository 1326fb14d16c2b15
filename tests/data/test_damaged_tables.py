"""Damaged frames and files of one's own: each ends in its documented reason, or in one refusal that says what to do.

A change that is read right must leave every number as it was; one that is not must be counted, noted or refused.
"""

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from engine.data.sources.files import Files
from engine.data.tables.frames import own_market
from engine.errors import InputError
from tests.data.test_files import WEIGHTS, assert_same_numbers
from tests.data.test_frames import DAYS, prices, surface

TABLES = {
    "surface": surface(),
    "weights": WEIGHTS,
    "prices": prices(first=3),
    "rates": pl.DataFrame({"date": [DAYS[0] - timedelta(3)], "rate": [0.03]}),
    "actions": pl.DataFrame({"date": [DAYS[3]], "ticker": ["B"], "kind": ["special_dividend"], "factor": [0.99]}),
    "forwards": pl.DataFrame(
        {
            "date": DAYS,
            "ticker": ["A"] * 8,
            "expiry": [DAYS[-1] + timedelta(60)] * 8,
            "forward": [111.0 + t for t in range(8)],
        }
    ),
    "sectors": pl.DataFrame({"ticker": ["A", "B"], "sector": ["Banks", "Energy"]}),
}


@dataclass(frozen=True)
class Case:
    """A change of one table, and what becomes of it."""

    table: str
    change: Callable
    refused: str = ""  # pattern of the message
    counted: tuple = ()  # (reason, rows) in the quality report
    noted: str = ""  # pattern in the notes of the market

    @property
    def harmless(self) -> bool:
        return not (self.refused or self.counted or self.noted)


def put(column, value, row=4):
    """Another value in one row; the column becomes text where the value is."""

    def change(frame):
        kind = pl.String if isinstance(value, str) else None
        given = pl.col(column) if kind is None else pl.col(column).cast(kind)
        return frame.with_columns(
            pl.when(pl.int_range(pl.len()) == row).then(pl.lit(value)).otherwise(given).alias(column)
        )

    return change


def every(column, expression):
    return lambda frame: frame.with_columns(expression.alias(column))


def named(**names):
    return lambda frame: frame.rename(names)


def swapped(one, other):
    return lambda frame: frame.rename({one: other, other: one})


def doubled(frame):
    return pl.concat([frame, frame[4:5]])


def contradicting(column):
    return lambda frame: pl.concat([frame, frame[4:5].with_columns(pl.col(column) * 1.07)])


def wide(frame, value):
    return frame.pivot("ticker", index="date", values=value)


DATE, IV, CLOSE = pl.col("date"), pl.col("iv"), pl.col("close")

FRAMES = {
    # dates
    "dates as numbers 20260105": Case("prices", every("date", DATE.dt.strftime("%Y%m%d").cast(pl.Int64))),
    "dates as floats 20260105.0": Case("prices", every("date", DATE.dt.strftime("%Y%m%d").cast(pl.Float64))),
    "dates as text": Case("surface", every("date", DATE.cast(pl.String))),
    "dates as 2026/01/05": Case("surface", every("date", DATE.dt.strftime("%Y/%m/%d"))),
    "dates as 05-Jan-2026": Case("prices", every("date", DATE.dt.strftime("%d-%b-%Y"))),
    "dates as 05JAN2026": Case("prices", every("date", DATE.dt.strftime("%d%b%Y"))),
    "dates as moments of the day": Case("prices", every("date", DATE.cast(pl.Datetime) + timedelta(hours=16))),
    "dates as midnights of UTC": Case("prices", every("date", DATE.cast(pl.Datetime("us", "UTC")))),
    "dates as texts with a time": Case("prices", every("date", DATE.dt.strftime("%Y-%m-%d 16:00:00"))),
    "dates of month and day that tell": Case("prices", every("date", DATE.dt.strftime("%m/%d/%Y"))),
    "dates of day and month that tell": Case("prices", every("date", DATE.dt.strftime("%d.%m.%Y"))),
    "dates as days since 1970": Case("prices", every("date", DATE.to_physical()), "is no date, and so are most"),
    "dates as seconds since 1970": Case("prices", every("date", DATE.cast(pl.Datetime).dt.epoch("s")), "is no date"),
    "dates as days of Excel": Case("prices", every("date", DATE.to_physical() + 25569.0), "is no date"),
    "dates as moments of UTC": Case(
        "prices", every("date", DATE.cast(pl.Datetime("us", "UTC")) + timedelta(hours=21)), "moments in UTC"
    ),
    "dates as texts of UTC": Case("prices", every("date", DATE.dt.strftime("%Y-%m-%dT21:00:00Z")), "another time zone"),
    "dates with years of two digits": Case("prices", every("date", DATE.dt.strftime("%d/%m/%y")), "is no date"),
    "dates that could be two": Case(
        "forwards", every("expiry", pl.lit("01/02/2026")), "day and month cannot be told apart"
    ),
    "dates in both orders": Case(
        "prices",
        every(
            "date",
            pl.when(pl.int_range(pl.len()) % 2 == 0)
            .then(DATE.dt.strftime("%m/%d/%Y"))
            .otherwise(DATE.dt.strftime("%d/%m/%Y")),
        ),
        "others in the column start with the month",
    ),
    "dates as booleans": Case("prices", every("date", pl.lit(value=True)), "holds Boolean, not dates"),
    "one date that is none": Case("prices", put("date", "soon"), counted=("prices.date_not_understood", 1)),
    "one date of the year 1": Case("prices", put("date", date(1, 1, 1)), counted=("prices.date_not_understood", 1)),
    "one date missing": Case("prices", put("date", None), counted=("prices.no_date", 1)),
    "all dates missing": Case("prices", every("date", pl.lit(None, pl.Date)), "has no usable row"),
    "dates of other years": Case("prices", every("date", DATE + timedelta(400)), "no date and ticker in common"),
    # units
    "volatilities in percent": Case("surface", every("iv", IV * 100), noted=r"iv is in percent \(median 21"),
    "volatilities in thousandths": Case("surface", every("iv", IV * 10_000), "neither in decimals"),
    "volatilities in hundredths of decimals": Case("surface", every("iv", IV / 100), "neither in decimals"),
    "one ticker in percent": Case(
        "surface", every("iv", pl.when(pl.col("ticker") == "B").then(IV * 100).otherwise(IV)), "of B in 2026-01"
    ),
    "the index in percent": Case(
        "surface", every("iv", pl.when(pl.col("ticker") == "IDX").then(IV * 100).otherwise(IV)), "of IDX in 2026-01"
    ),
    "one volatility in percent": Case("surface", put("iv", 22.0), counted=("iv_out_of_bounds", 1)),
    "deltas in fractions": Case("surface", every("delta", pl.col("delta") / 100.0), noted="delta is in fractions"),
    "deltas in ten thousandths": Case("surface", every("delta", pl.col("delta") * 100.0), "has no usable row"),
    "weights in percent": Case("weights", every("weight", pl.col("weight") * 100), noted="weights are in percent"),
    "weights as shares held": Case("weights", every("weight", pl.col("weight") * 1e6), "sum to"),
    "weights that sum to 3": Case("weights", every("weight", pl.col("weight") * 3), "sum to 3"),
    "rates in percent": Case("rates", every("rate", pl.col("rate") * 100), "divide them by 100"),
    # values that cannot be
    "a negative volatility": Case("surface", put("iv", -0.2), counted=("iv_not_positive", 1)),
    "a volatility of 0": Case("surface", put("iv", 0.0), counted=("iv_not_positive", 1)),
    "the sentinel -99.99": Case("surface", put("iv", -99.99), counted=("iv_not_positive", 1)),
    "the sentinel 9.999999": Case("surface", put("iv", 9.999999), counted=("iv_out_of_bounds", 1)),
    "an infinite volatility": Case("surface", put("iv", float("inf")), counted=("iv_not_finite", 1)),
    "NaN": Case("surface", put("iv", float("nan")), counted=("missing_iv", 1)),
    "a null": Case("surface", put("iv", None), counted=("missing_iv", 1)),
    "the text NaN": Case("surface", put("iv", "NaN"), counted=("missing_iv", 1)),
    "the text #N/A": Case("surface", put("iv", " #N/A "), counted=("missing_iv", 1)),
    "an empty text": Case("surface", put("iv", ""), counted=("missing_iv", 1)),
    "a word for a number": Case("surface", put("iv", "abc"), counted=("iv_not_understood", 1)),
    "a percent sign": Case("surface", put("iv", "21%"), counted=("iv_not_understood", 1)),
    "words for all numbers": Case("surface", every("iv", pl.lit("high")), "is no number, and so are most"),
    "numbers as texts": Case("surface", every("iv", IV.cast(pl.String))),
    "numbers with a decimal comma": Case(
        "surface", every("iv", IV.cast(pl.String).str.replace(".", ",", literal=True))
    ),
    "one decimal comma among points": Case(
        "surface", put("iv", "0,21"), "has a decimal comma, and other numbers have a point"
    ),
    "commas of thousands": Case("prices", every("close", pl.lit("1,100")), "could be thousands or a decimal comma"),
    "booleans for numbers": Case("surface", every("iv", IV > 0), "holds Boolean, not numbers"),
    "lists for numbers": Case("surface", every("iv", pl.concat_list(IV)), "not numbers"),
    "a negative price": Case("prices", put("close", -5.0), counted=("prices.close_not_positive", 1)),
    "a price of 0": Case("prices", put("close", 0.0), counted=("prices.close_not_positive", 1)),
    "an infinite price": Case("prices", put("close", float("inf")), counted=("prices.close_not_finite", 1)),
    "a missing price": Case("prices", put("close", None), counted=("prices.missing_close", 1)),
    "all prices negative": Case("prices", every("close", -CLOSE), "has no usable row"),
    "a negative weight": Case("weights", put("weight", -0.4, 1), counted=("weights.weight_negative", 1)),
    "a weight that is no number": Case(
        "weights", put("weight", float("nan"), 1), counted=("weights.missing_weight", 1)
    ),
    "a rate of 60 %": Case(
        "rates",
        lambda f: pl.concat([f, f.with_columns(date=pl.lit(DAYS[2]), rate=0.6), f.with_columns(date=pl.lit(DAYS[3]))]),
        counted=("rates.rate_out_of_bounds", 1),
    ),
    "a factor of 0": Case(
        "actions",
        lambda f: pl.concat([f, f.with_columns(date=pl.lit(DAYS[4]), factor=0.0)]),
        counted=("actions.factor_not_positive", 1),
    ),
    "a negative forward": Case("forwards", put("forward", -1.0), counted=("forwards.forward_not_positive", 1)),
    "an expired forward": Case("forwards", put("expiry", DAYS[0]), counted=("forwards.expired", 1)),
    "half a day of tenor": Case("surface", put("tenor", 30.5), counted=("tenor_not_whole_days", 1)),
    "a tenor of 0 days": Case("surface", put("tenor", 0), counted=("tenor_not_whole_days", 1)),
    "a delta of 12.5": Case("surface", put("delta", 12.5), counted=("delta_not_whole_percent", 1)),
    "a delta of 0": Case("surface", put("delta", 0), counted=("delta_not_1_to_99", 1)),
    # keys and codes
    "a row twice": Case("surface", doubled, counted=("duplicate", 1)),
    "a row twice, differing": Case("surface", contradicting("iv"), counted=("conflicting_duplicate", 2)),
    "a price twice": Case("prices", doubled, counted=("prices.duplicate", 1)),
    "a price twice, differing": Case("prices", contradicting("close"), counted=("prices.conflicting_duplicate", 2)),
    "a weight twice": Case("weights", lambda f: pl.concat([f, f[1:]]), counted=("weights.duplicate", 1)),
    "a rate twice": Case("rates", lambda f: pl.concat([f, f]), counted=("rates.duplicate", 1)),
    "a sector twice, differing": Case(
        "sectors",
        lambda f: pl.concat([f, pl.DataFrame({"ticker": ["A", "C"], "sector": ["Energy", "Banks"]})]),
        counted=("sectors.conflicting_duplicate", 2),
    ),
    "a ticker missing": Case("surface", put("ticker", None), counted=("no_ticker", 1)),
    "a ticker of spaces": Case("surface", put("ticker", "  "), counted=("no_ticker", 1)),
    "tickers with spaces around": Case("prices", every("ticker", pl.lit(" ") + pl.col("ticker") + " ")),
    "tickers as categories": Case("prices", every("ticker", pl.col("ticker").cast(pl.Categorical))),
    "tickers as floats": Case("prices", every("ticker", CLOSE), "holds Float64, not text"),
    "tickers in lower case": Case(
        "prices", every("ticker", pl.col("ticker").str.to_lowercase()), "index=IDX is no ticker of prices"
    ),
    "a member spelt otherwise": Case(
        "weights",
        every("ticker", pl.col("ticker").replace("A", "A US")),
        noted=r"no row of the members A US \(A there\)",
    ),
    "an action of no known kind": Case("actions", every("kind", pl.lit("merger")), "no usable row"),
    "a right of no known spelling": Case(
        "surface", lambda f: put("right", "X")(f.with_columns(right=pl.lit("C"))), counted=("right_not_understood", 1)
    ),
    "calls with negative deltas": Case(
        "surface",
        lambda f: f.with_columns(right=pl.lit("call"), delta=-pl.col("delta")),
        "a call on 2026-01-05 has delta",
    ),
    # columns
    "columns in other cases": Case("surface", named(date="DATE", iv=" IV ", ticker="Ticker")),
    "columns of other known names": Case("surface", named(ticker="symbol", iv="impl_volatility", tenor="days")),
    "columns in another order": Case("surface", lambda f: f.select(reversed(f.columns))),
    "rows in another order": Case("prices", lambda f: f.sample(fraction=1.0, shuffle=True, seed=3)),
    "a column more": Case("prices", lambda f: f.with_columns(volume=pl.lit(7))),
    "a column missing": Case("surface", lambda f: f.drop("iv"), "has no column iv"),
    "a column misspelt": Case(
        "prices", named(close="closs"), "has no column close; it has date, ticker, closs; if closs is it"
    ),
    "a column twice": Case("prices", lambda f: f.with_columns(Close=CLOSE), "two columns close"),
    "iv and tenor swapped": Case("surface", swapped("iv", "tenor"), "rows rejected|no usable row|neither in decimals"),
    "iv and delta swapped": Case("surface", swapped("iv", "delta"), "rows rejected|no usable row|neither in decimals"),
    "date and ticker swapped": Case("prices", swapped("date", "ticker"), "is no date|not text"),
    "ticker and close swapped": Case("prices", swapped("ticker", "close"), "not text|no number"),
    "no column of tickers": Case("prices", lambda f: f.drop("ticker"), "has a column close and no column ticker"),
    "no row": Case("prices", lambda f: f.clear(), "has no row"),
    "no frame": Case("prices", lambda f: 7, "is of type int; give a polars or pandas frame"),
    "wide prices": Case("prices", lambda f: wide(f, "close")),
    "wide prices with a word": Case(
        "prices", lambda f: put("A", "n/a")(wide(f, "close")), counted=("prices.missing_close", 1)
    ),
    "wide prices with text": Case(
        "prices", lambda f: put("A", "halt")(wide(f, "close")), counted=("prices.close_not_understood", 1)
    ),
    "wide prices with a date twice": Case(
        "prices", lambda f: doubled(wide(f, "close")), counted=("prices.duplicate", 3)
    ),
    "a wide surface": Case(
        "surface", lambda f: wide(f.filter(tenor=91, delta=50), "iv"), "has no column tenor; say which one it holds"
    ),
    "members without a price": Case(
        "prices", lambda f: f.filter(pl.col("ticker") != "A"), noted="prices has no row of the members A"
    ),
    "the index without a price": Case(
        "prices", lambda f: f.filter(pl.col("ticker") != "IDX"), "index=IDX is no ticker of prices"
    ),
    "rates that start too late": Case("rates", every("date", pl.lit(DAYS[3])), "no rate before the first session"),
    "weights that start late": Case("weights", every("date", pl.lit(DAYS[3])), noted="4 sessions have no weights"),
    "weights with some dates": Case("weights", put("date", None, 1), counted=("weights.no_date", 1)),
    "weekends among the dates": Case(
        "surface",
        lambda f: pl.concat([f, f.filter(DAYS[4] == DATE).with_columns(DATE + timedelta(1))]),
        noted="1 dates are no session of XNYS",
    ),
}


def market_of(tables):
    given = dict(tables)
    needed = [given.pop(name) for name in ("surface", "weights", "prices")]
    return own_market(*needed, index="IDX", **given)


@pytest.fixture(scope="module")
def whole():
    return market_of(TABLES).panel()


@pytest.mark.parametrize("name", FRAMES)
def test_a_damaged_frame_ends_as_documented(name, whole):
    case = FRAMES[name]
    tables = TABLES | {case.table: case.change(TABLES[case.table])}
    if case.refused:
        with pytest.raises(InputError, match=case.refused):
            market_of(tables)
        return
    own = market_of(tables)
    counts = own.quality.group_by("reason").agg(pl.col("rows").sum())
    rejected = dict(own.rejected.group_by("reason").len().iter_rows())
    if case.counted:
        reason, rows = case.counted
        assert (reason, rows) in counts.rows()
        bare = reason.rpartition(".")[2]
        assert rejected == ({} if bare.startswith("missing") else {bare: rows})
    else:
        assert rejected == {}
        assert case.noted or set(counts["reason"]) == {"kept"}
    assert any(re.search(case.noted, note) for note in own.market.info.notes)
    if case.harmless:
        assert_same_numbers(whole, own.panel())


def test_a_rejected_row_changes_no_other_number(whole):
    own = market_of(TABLES | {"surface": put("iv", -0.2)(TABLES["surface"])}).panel()
    changed = np.argwhere(~((own.component_iv == whole.component_iv) | np.isnan(whole.component_iv)))
    index = np.argwhere(own.index_iv != whole.index_iv)
    assert len(changed) + len(index) == 1


CSV = TABLES["prices"].write_csv().encode()
LINES = CSV.split(b"\n")
FILES = {
    "as it is": ("prices.csv", CSV, ""),
    "a byte order mark": ("prices.csv", b"\xef\xbb\xbf" + CSV, ""),
    "UTF-16": ("prices.csv", CSV.decode().encode("utf-16"), ""),
    "lines of Windows": ("prices.csv", CSV.replace(b"\n", b"\r\n"), ""),
    "no line end at the end": ("prices.csv", CSV.rstrip(b"\n"), ""),
    "quotes around everything": (
        "prices.csv",
        b"\n".join(b",".join(b'"' + f + b'"' for f in x.split(b",")) for x in LINES[:-1]),
        "",
    ),
    "semicolons and decimal commas": ("prices.csv", CSV.replace(b",", b";").replace(b".", b","), ""),
    "tabs": ("prices.txt", CSV.replace(b",", b"\t"), ""),
    "bars": ("prices.csv", CSV.replace(b",", b"|"), ""),
    "gzip": ("prices.csv.gz", gzip.compress(CSV, mtime=0), ""),
    "an accent of Latin-1": ("prices.csv", CSV + "2026-01-05,CAFÉ,3.0\n".encode("latin-1"), ""),
    "an accent of UTF-8": ("prices.csv", CSV + "2026-01-05,CAFÉ,3.0\n".encode(), ""),
    "a name in capitals": ("PRICES.CSV", CSV, ""),
    "an empty file": ("prices.csv", b"", "is empty"),
    "a header alone": ("prices.csv", LINES[0] + b"\n", "has no row"),
    "no header": ("prices.csv", b"\n".join(LINES[1:]), "no column date|no column ticker"),
    "a field more on one line": (
        "prices.csv",
        CSV.replace(LINES[3], LINES[3] + b",9"),
        "line 4, which has 4 fields and not 3",
    ),
    "zeros": ("prices.csv", b"\x00" * 64, "is not text"),
    "an image": ("prices.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "is not text"),
    "a truncated gzip": ("prices.csv.gz", gzip.compress(CSV, mtime=0)[:-12], "damaged or cut off"),
    "a gzip with a flipped bit": (
        "prices.csv.gz",
        bytes(
            [*gzip.compress(CSV, mtime=0)[:40], gzip.compress(CSV, mtime=0)[40] ^ 8, *gzip.compress(CSV, mtime=0)[41:]]
        ),
        "damaged or cut off",
    ),
    "text that says gzip": ("prices.csv.gz", CSV, "damaged or cut off"),
    "text that says parquet": ("prices.parquet", CSV, "cannot be read as parquet"),
    "text that says zip": ("prices.zip", CSV, "no zip file"),
    "a sheet": ("prices.xlsx", b"PK\x03\x04", "save it as CSV or parquet"),
    "another name": ("price.csv", CSV, "is it price.csv"),
    "HTML": ("prices.csv", b"<html><body>404 not found</body></html>", "no column"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_ends_as_documented(name, tmp_path, whole):
    file, content, refused = FILES[name]
    for table, frame in TABLES.items():
        if table != "prices":
            frame.write_csv(tmp_path / f"{table}.csv")
    (tmp_path / file).write_bytes(content)
    source = Files(path=str(tmp_path), index="IDX")
    if refused:
        with pytest.raises(InputError, match=refused) as told:
            list(source.blocks())
        assert str(tmp_path) in str(told.value)
    else:
        (panel,) = source.blocks()
        assert_same_numbers(whole, panel)
        assert source.rejected().is_empty()


def test_there_are_enough_of_them():
    assert len(FRAMES) + len(FILES) >= 75
