"""python -m engine.correlate: files in the contract's form."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.calendar import DAY
from engine.correlation import INDICES, AllMembers, CorrelationStatus, baskets
from engine.data import load_market
from engine.data.records import QuoteStatus
from engine.report import correlation_levels
from engine.study.levels import measure_levels
from engine.study.overview import overview
from engine.study.tables import data_behind

COLUMNS = {
    "date": pl.Date,
    "basket": pl.String,
    "tenor": pl.Int32,
    "delta": pl.Int32,
    "implied_correlation": pl.Float64,
    "dirty_correlation": pl.Float64,
    "variance_ratio": pl.Float64,
    "names": pl.Int32,
    "coverage": pl.Float64,
    "status": pl.String,
}


@pytest.fixture(scope="module")
def ended(command, tmp_path_factory):
    ended = command("correlate", "debug=small", "study=small", place=tmp_path_factory.mktemp("correlate"))
    assert ended.code == 0, ended.err
    return ended


@pytest.fixture(scope="module")
def long(ended):
    return pl.read_parquet(ended.folders[0] / "correlation.parquet")


def test_the_folder_holds_what_the_contract_names(ended):
    (folder,) = ended.folders
    assert {file.name for file in folder.iterdir()} == {
        *(".hydra", "manifest.json", "report.html", "quality.html"),
        *("correlation.parquet", "indices.parquet", "realized.parquet", "term.parquet", "quality.parquet"),
        *("structure.parquet", "premium.parquet", "dispersion.parquet", "drivers.parquet"),
        *("season.parquet", "weekend.parquet"),
        *("quality_by_date.parquet", "quality_by_name.parquet", "quality_jumps.parquet"),
    }


def test_the_long_form_has_the_columns_of_the_contract(long):
    assert dict(long.schema) == COLUMNS
    assert set(long["delta"].unique()) == set(range(10, 95, 5))
    assert {30, 91, 182, 273, 365, 547, 730} <= set(long["tenor"].unique())
    assert long.select("date", "basket", "tenor", "delta").is_unique().all()
    assert set(long["status"].unique()) <= {status.text for status in CorrelationStatus}


def test_what_cannot_be_computed_is_null_and_says_why(long):
    values = long["implied_correlation"]
    assert not values.is_nan().any()
    reasons = {"no_index_quote", "no_index_leg", "thin_coverage", "degenerate"}
    assert set(long.filter(values.is_null())["status"].unique()) <= reasons
    assert long.filter(pl.col("status") == "ok")["implied_correlation"].null_count() == 0


def test_realised_correlation_stands_on_the_same_dates(ended, long):
    realized = pl.read_parquet(ended.folders[0] / "realized.parquet")
    assert realized["basket"].unique(maintain_order=True).equals(long["basket"].unique(maintain_order=True))
    for window in (7, 21, 63, 126, 188, 252, 378):  # what 10, 30, 91, 182, 273, 365 and 547 days hold
        of_all = realized.filter((pl.col("basket") == "all") & (pl.col("window") == window))
        assert of_all["date"].equals(long["date"].unique(maintain_order=True))
        assert of_all["realized_correlation"].head(window).null_count() == window  # the first date has no return
        assert of_all["realized_correlation"].tail(60).null_count() == 0


def test_realised_rows_say_whose_returns_and_how_many_sessions_they_are_measured_on(ended):
    realized = pl.read_parquet(ended.folders[0] / "realized.parquet")
    legs = dict(realized.select("basket", "realized_leg").unique().iter_rows())
    assert legs == {"top50": "SYNX", "all": "SYNX", "Sector 1": "SECX"} | {f"Sector {n}": "basket" for n in (2, 3, 4)}
    assert "realised, 21 sessions, own returns of SYNX" in (ended.folders[0] / "report.html").read_text()
    told = json.loads((ended.folders[0] / "manifest.json").read_text())["realized_windows"]
    assert told["30"] == {"wanted": 21, "measured": 21}
    assert told["730"] == {"wanted": 504, "measured": 503}  # two years of 504 sessions have 503 returns


def test_one_window_for_all_tenors_can_be_asked_for_and_a_shorter_one_is_named(command, tmp_path):
    ended = command("correlate", "debug=small", "basket=top50", "realized_window=600", place=tmp_path)
    assert ended.code == 0, ended.err
    (folder,) = ended.folders
    assert pl.read_parquet(folder / "realized.parquet")["window"].unique().to_list() == [503]
    premium = pl.read_parquet(folder / "premium.parquet")
    assert premium["window"].unique().to_list() == [503]
    assert premium["correlation_premium"].is_not_null().any()
    assert json.loads((folder / "manifest.json").read_text())["realized_windows"]["30"] == {
        "wanted": 600,
        "measured": 503,
    }
    assert "window without a hole" in (folder / "report.html").read_text()


def test_all_baskets_are_measured_at_once_and_those_without_options_on_them_say_so(long, ended):
    assert long["basket"].unique(maintain_order=True).to_list() == [
        *("top50", "all"),
        *("Sector 1", "Sector 2", "Sector 3", "Sector 4"),
    ]
    without = long.filter(pl.col("status") == "no_index_leg")
    assert sorted(without["basket"].unique()) == ["Sector 2", "Sector 3", "Sector 4"]
    assert without["implied_correlation"].null_count() == without.height
    assert "SECX" in ended.out
    assert "Realised correlation by basket" in (ended.folders[0] / "report.html").read_text()


def test_the_named_indices_are_the_long_form_in_points(ended, long):
    indices = pl.read_parquet(ended.folders[0] / "indices.parquet")
    assert dict(indices.schema) == {
        "date": pl.Date,
        "basket": pl.String,
        "index": pl.String,
        "level": pl.Float64,
        "status": pl.String,
    }
    assert set(indices["index"].unique()) == set(INDICES)
    cell = long.filter((pl.col("tenor") == 91) & (pl.col("delta") == 90))
    named = indices.filter(pl.col("index") == "COR90D")
    assert named["level"].equals(100.0 * cell["implied_correlation"].rename("level"))


def test_a_basket_of_one_name_has_no_surface_and_no_warning_either(command, tmp_path):
    ended = command("correlate", "debug=small", "report=none", "basket=names", "basket.names=[SYN1]", place=tmp_path)
    assert ended.code == 0, ended.err
    assert "Warning" not in ended.err


def test_one_basket_or_the_sectors_alone_can_be_asked_for(command, tmp_path):
    asked = {"sectors": ["Sector 1", "Sector 2", "Sector 3", "Sector 4"], "top50": ["top50"]}
    for basket, labels in asked.items():
        place = tmp_path / basket
        place.mkdir()
        ended = command("correlate", "debug=small", f"basket={basket}", "report=none", place=place)
        assert ended.code == 0, ended.err
        found = pl.read_parquet(ended.folders[0] / "correlation.parquet")
        assert found["basket"].unique(maintain_order=True).to_list() == labels
    command("run", "debug=small", "basket=sectors", place=tmp_path).refuses("basket=sectors is several baskets")


def test_levels_coverage_and_status_are_printed(ended):
    for words in ("COR3M", "50 delta", "tenor", "coverage", "dates_ok", "3 without a value", "Report: results/small/"):
        assert words in ended.out
    assert len(ended.out.splitlines()) <= 40
    assert "index share held by the basket" in (ended.folders[0] / "report.html").read_text()


def test_the_screen_says_what_the_rows_say(ended, long):
    cell = long.filter((pl.col("basket") == "top50") & (pl.col("tenor") == 91) & (pl.col("delta") == 50))
    rho = 100.0 * cell.filter(pl.col("status") == "ok")["implied_correlation"]
    (line,) = (line.split() for line in ended.out.splitlines() if line.split()[:1] == ["COR3M"])
    assert [float(word) for word in line[2:6]] == [round(v, 2) for v in (rho.mean(), rho.min(), rho.max(), rho[-1])]
    assert line[6] == str(len(rho))


def test_baskets_are_shown_at_a_tenor_that_has_values(tmp_path):
    market = load_market("synthetic", years=1, names=5, cache=tmp_path, progress=False)
    far, status = (market.tenors > 30)[:, None], np.uint8(QuoteStatus.BEYOND_TENOR)
    short = replace(
        market,
        index_iv=np.where(far, np.float32(np.nan), market.index_iv),
        index_status=np.where(far, status, market.index_status),
    )
    for asked, shown in ((market, 91), (short, 30)):
        tables = overview(measure_levels(asked, baskets(AllMembers(), asked), 0.8, 5))
        (rows,) = (rows for heading, rows in tables.items() if heading.startswith(f"Baskets at {shown} days"))
        assert (rows["dates_ok"] > 200).all()


def test_without_a_page_all_tables_are_printed(command, tmp_path):
    ended = command("correlate", "debug=small", "report=none", place=tmp_path)
    for words in ("index share held by the basket", "Dates by status", "Realised correlation and premia"):
        assert words in ended.out


def test_the_table_behind_the_numbers_counts_missing_sessions_holes_and_the_share_of_the_index(tmp_path):
    whole = load_market("synthetic", years=1, names=5, cache=tmp_path, progress=False)
    keep = np.ones(len(whole), bool)
    keep[[20, 21, 22, 23, 24, 25, 26, 100]] = False
    holed = whole.map_arrays(lambda _, array: array[keep])
    half = replace(holed, weights=0.5 * holed.weights)
    behind = dict(data_behind(half, AllMembers().select(half.weights, half.names), 152).iter_rows())
    assert behind["index share held by the basket"] == "50.0 % (least 50.0 %)"
    first = ", ".join(str(date) for date in whole.dates[20:24])
    assert behind["sessions missing against the XNYS calendar"] == f"8 ({first}, ...)"
    assert behind["sessions the XNYS calendar does not have"] == "0"
    assert behind["longest realised window without a hole"] == "152 sessions"
    closes = f"244 sessions, {whole.dates[0]} to {whole.dates[-1]}"
    assert behind["closes that realised measures may read"] == closes
    assert behind["holes of more than 7 days, before"] == f"1 ({whole.dates[27]})"


def test_a_date_on_a_holiday_of_the_exchange_is_flagged_and_counts_nowhere(tmp_path):
    """Such files repeat the quotes of the session before."""
    whole = load_market("synthetic", years=1, names=5, cache=tmp_path, progress=False)
    holidays = np.setdiff1d(weekdays(whole.dates[0], whole.dates[-1]), whole.dates)
    assert len(holidays)
    at = int(np.searchsorted(whole.dates, holidays[0]))
    rows = np.insert(np.arange(len(whole)), at, at - 1)
    repeated = whole.map_arrays(lambda _, array: array[rows])
    dates = repeated.dates.copy()
    dates[at] = holidays[0]
    repeated = replace(repeated, dates=dates)
    levels, plain = (measure_levels(m, baskets(AllMembers(), m), 0.8, 5) for m in (repeated, whole))
    day = pl.col("date") == holidays[0].astype(object)
    flagged = levels.implied.filter(day & pl.col("implied_correlation").is_not_null())
    assert flagged.height > 50
    assert (flagged["status"] == "off_calendar").all()
    assert levels.implied.filter(~day).equals(plain.implied)
    assert correlation_levels(levels.implied)["mean"].equals(correlation_levels(plain.implied)["mean"])
    behind = dict(data_behind(repeated, levels.baskets[0].weights, levels.longest).iter_rows())
    assert behind["sessions the XNYS calendar does not have"] == f"1 ({holidays[0]})"


def weekdays(first, last):
    days = np.arange(first, last + DAY)
    return days[np.is_busday(days)]
