"""Quotes of one's own in every dress: the same market, bit for bit, or one message."""

import datetime
import functools
import pickle

import numpy as np
import polars as pl
import pytest

from engine import MarketPanel
from engine.data import build_panel, load_market, load_quality, load_rejected, open_panel, save_panel
from engine.errors import InputError
from tests.data.vendor_world import RATE, options, spots

pd = pytest.importorskip("pandas")
MEMBERS = pl.DataFrame({"ticker": ["NDX", "RUT", "XSP"], "weight": [0.5, 0.3, 0.2]})


@functools.cache
def quotes():
    return options().select("date", "ticker", "expiry", "strike", "right", "bid", "ask")


def of_pandas():
    return pd.DataFrame(quotes().to_dict(as_series=False))


def made(frame=None, weights=MEMBERS, prices=None, **choices):
    given = {"index": "SPX", "rates": RATE} | choices
    frame = quotes() if frame is None else frame
    return MarketPanel.from_quotes(frame, weights, spots() if prices is None else prices, **given)


@functools.cache
def plain():
    return made()


def two_levels():
    frame = of_pandas()
    frame.columns = pd.MultiIndex.from_tuples([("a", column) for column in frame.columns])
    return frame


def tenth(ticker):
    adjusted = pl.when(pl.col("ticker") == ticker).then(pl.col("close") / 10.0).otherwise("close")
    return spots().with_columns(adjusted)


DRESSES = {
    "categories": lambda: quotes().with_columns(pl.col("ticker", "right").cast(pl.Categorical)),
    "categories of all": lambda: quotes().cast(pl.String).cast(pl.Categorical),
    "an enum": lambda: quotes().with_columns(pl.col("right").cast(pl.Enum(["C", "P"]))),
    "moments in UTC": lambda: quotes().with_columns(pl.col("date").cast(pl.Datetime("us", "UTC"))),
    "moments": lambda: quotes().with_columns(pl.col("date").cast(pl.Datetime("us")) + pl.duration(hours=16)),
    "texts": lambda: quotes().cast(pl.String),
    "decimals": lambda: quotes().with_columns(pl.col("bid", "ask").cast(pl.Decimal(12, 2))),
    "lazy": lambda: quotes().lazy(),
    "pandas": of_pandas,
    "pandas, nullable": lambda: of_pandas().astype({"strike": "Int64"}),
    "pandas, categories": lambda: of_pandas().astype({"ticker": "category", "right": "category"}),
    "pandas, objects": lambda: of_pandas().astype({"strike": object}),
    "pandas, an index of two levels": lambda: of_pandas().set_index(["date", "ticker"]),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_the_dress_of_a_frame_changes_no_bit(dress):
    panel = made(DRESSES[dress]())
    for field in ("index_iv", "component_iv", "spot", "weights"):
        np.testing.assert_array_equal(getattr(panel, field), getattr(plain(), field))


def dividend(**of):
    return {"dividends": pl.DataFrame({"date": [datetime.date(2019, 2, 1)], "ticker": ["NDX"], "amount": [0.5]} | of)}


REFUSED = {
    "has columns of several levels": lambda: made(two_levels()),
    "has two columns of one name": lambda: made(of_pandas().rename(columns={"ask": "bid"})),
    r"no usable row \(strike_not_positive 2,496\)": lambda: made(quotes().with_columns(-pl.col("strike"))),
    r"no usable row \(expired 2,496\)": lambda: made(quotes().with_columns(pl.col("expiry").dt.offset_by("-2y"))),
    r"quotes has the index SPX alone \(left out: conflicting_duplicate 2,424, duplicate 48\)": lambda: made(
        quotes().with_columns(expiry="date")
    ),
    r"no quote makes a volatility \(crossed 1,248, no_bid 1,248\)": lambda: made(
        quotes().with_columns(
            bid=pl.when(pl.col("ticker").is_in(["RUT", "XSP"])).then(2.0 * pl.col("ask")).otherwise(0.0)
        )
    ),
    r"the closes of NDX are 0\.1 times what its options imply on 8 of 8 dates": lambda: made(prices=tenth("NDX")),
    "tenor and delta are of a surface": lambda: made(tenor=30),
    r"no usable row \(crossed 2,496\)": lambda: made(quotes().rename({"bid": "ask", "ask": "bid"})),
    "no quote makes a volatility": lambda: made(quotes().group_by("ticker").head(1)),
    r"column bid holds List\(Float64\), not numbers": lambda: made(quotes().with_columns(bid=pl.concat_list("bid"))),
    "column right holds Boolean, not text": lambda: made(quotes().with_columns(right=pl.col("right") == "C")),
    "right_not_understood 2,496": lambda: made(quotes().with_columns(right=pl.lit(1))),
    "index=SPX is no ticker of prices": lambda: made(prices=spots().filter(pl.col("ticker") != "SPX")),
    "index=spx is no ticker of quotes.* did you mean SPX": lambda: made(index="spx"),
    "index=5 is not text": lambda: made(index=5),
    "currency=3 is not text": lambda: made(currency=3),
    "strict=yes is not True or False": lambda: made(strict="yes"),
    "style=bermudan is unknown; take american or european": lambda: made(style="bermudan"),
    "max_extrapolation_days=nan": lambda: made(max_extrapolation_days=float("nan")),
    "quotes_at=25:00 is not a time of day": lambda: made(quotes_at="25:00"),
    "calendar=NOPE is unknown": lambda: made(calendar="NOPE"),
    "no weight is above 0": lambda: made(weights=MEMBERS.with_columns(weight=0.0)),
    "the weights sum to 3": lambda: made(weights=MEMBERS.with_columns(pl.col("weight") * 3)),
    "amount_not_positive 1": lambda: made(**dividend(amount=[-0.5])),
    "known_after_the_date 1": lambda: made(**dividend(known=[datetime.date(2019, 3, 1)])),
    "rates=nan is no rate": lambda: made(rates=float("nan")),
    "rates has no row": lambda: made(rates=pl.DataFrame({"date": [], "rate": []})),
    "prices has no column ticker, and its dates repeat: name the columns ticker, close; they are tick, px": lambda: (
        made(prices=spots().rename({"date": "day", "ticker": "tick", "close": "px"}))
    ),
    "quotes is of type list": lambda: made(quotes().to_dicts()),
    "foo is not a setting": lambda: made(foo=1),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_is_one_message(message):
    with pytest.raises(InputError, match=message) as told:
        REFUSED[message]()
    assert len(str(told.value).splitlines()) == 1


@pytest.mark.parametrize("date", ["2010-01-04", "2025-01-02"])
def test_a_dividend_before_the_quotes_or_after_the_last_expiry_moves_nothing(date):
    panel = made(style="american", **dividend(date=[date]))
    np.testing.assert_array_equal(panel.component_iv, made(style="american").component_iv)


def test_a_dividend_moves_volatilities_only_from_the_day_on_which_it_is_known():
    known, ex = datetime.date(2019, 1, 11), datetime.date(2019, 2, 8)
    panel = made(**dividend(date=[ex], amount=[3.0], known=[known]))
    moved = (panel.component_iv != plain().component_iv) & np.isfinite(plain().component_iv)
    assert moved.any(axis=(1, 2, 3)).tolist() == (panel.dates >= np.datetime64(known)).tolist()


def test_a_panel_tells_what_became_of_its_rows_in_memory_and_on_disk(tmp_path):
    first = pl.int_range(pl.len()) == 5
    panel = made(quotes().with_columns(pl.when(first).then(-1.0).otherwise("strike").alias("strike")))
    line = panel.report.rejected.row(0, named=True)
    assert (line["table"], line["column"], line["reason"]) == ("quotes", "strike", "strike_not_positive")
    counts = panel.report.quality.filter(pl.col("reason").str.contains("strike_not_positive"))
    assert counts["rows"].to_list() == [1]
    assert panel.slice(str(panel.dates[2])).report is panel.report
    for name, frame in ("quotes", quotes()), ("prices", spots()):
        frame.write_parquet(tmp_path / f"{name}.parquet")
    asked = {"index": "SPX", "weights": "equal", "progress": False}
    stored = load_market("files", tmp_path, cache=tmp_path / "cache", **asked)
    folder = build_panel("files", tmp_path, cache=tmp_path / "cache", **asked)
    assert stored.report.quality.equals(load_quality(folder))
    assert stored.report.rejected.equals(load_rejected(folder))
    save_panel(panel, tmp_path / "panel")
    assert open_panel(tmp_path / "panel").report.rejected.equals(panel.report.rejected)
    assert pickle.loads(pickle.dumps(panel)).report.quality.equals(panel.report.quality)
