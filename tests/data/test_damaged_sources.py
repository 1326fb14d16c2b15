"""Files of the real sources with one thing wrong: it is rejected, told or refused, and never taken as it stands."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from engine.data import build_panel, load_market, load_quality, load_rejected, open_panel
from engine.data.gaps import NO_CLOSE
from engine.data.sources.us_chains.source import UsChains
from engine.data.suspicions import suspicions
from engine.data.tracking import UNLIKE
from engine.data.vol_suspicions import JUMP as VOL_JUMP
from engine.data.vol_suspicions import LEVEL, SHIFT
from engine.errors import InputError
from engine.pricing import black_price
from tests.data.test_us_chains import DAYS, FILES, respell
from tests.data.tiny_panel import assert_same


@pytest.fixture
def us(tmp_path):
    for name, make in FILES.items():
        path = tmp_path / "files" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        make().write_parquet(path)
    return tmp_path / "files"


def account(market, files, **settings):
    """The panel, the counts by reason and the rejected rows of a build."""
    folder = build_panel(market, files, cache=files.parent / "panels", progress=False, **settings)
    quality = load_quality(folder)
    assert quality is not None
    counts = {(row["asset"], row["reason"]): row["rows"] for row in quality.iter_rows(named=True)}
    return open_panel(folder), counts, load_rejected(folder)


def at(ticker, day):
    return (pl.col("ticker") == ticker) & (pl.col("date") == day)


def test_undamaged_files_have_no_rejected_row_and_say_that_their_rates_are_old(us):
    _, counts, rejected = account("us_chains", us)
    assert rejected.is_empty()
    assert {reason for _, reason in counts if "." in reason} == {"rates.stale", NO_CLOSE}


@pytest.mark.parametrize("name", ["us2026/spot", "us_history/spy_holdings", "us_history/fed_funds_dff"])
def test_a_row_that_stands_twice_counts_once(us, name):
    before, _, _ = account("us_chains", us)
    respell(us, name, lambda frame: pl.concat([frame, frame.tail(1)]))
    after, counts, rejected = account("us_chains", us)
    assert_same(before, after)
    assert [reason.partition(".")[2] for _, reason in counts if "duplicate" in reason] == ["duplicate"]
    assert rejected["reason"].to_list() == ["duplicate"]
    assert rejected["line"].to_list() == [pl.read_parquet(us / f"{name}.parquet").height]


def test_closes_that_contradict_each_other_are_none(us):
    respell(us, "us2026/spot", lambda f: pl.concat([f, f.filter(at("AAA", DAYS[1])).with_columns(spot=pl.lit(11.0))]))
    panel, counts, rejected = account("us_chains", us)
    assert np.isnan(panel.spot[1, 0])
    assert np.isfinite(panel.spot[[0, 2], 0]).all()
    assert counts["AAA", "prices.conflicting_duplicate"] == 2
    assert rejected["value"].to_list() == ["110.0", "11.0"]


def test_holdings_that_contradict_each_other_are_none(us):
    respell(us, "us_history/spy_holdings", lambda f: pl.concat([f, f.head(1).with_columns(shares_held=pl.lit(99.0))]))
    panel, counts, _ = account("us_chains", us)
    assert counts["AAA", "holdings.conflicting_duplicate"] == 2
    assert panel.weights[0, 0] == 0.0


@pytest.mark.parametrize(
    ("value", "reason"),
    [(-707.0, "close_not_positive"), (0.0, "close_not_positive"), (float("inf"), "close_not_finite")],
)
def test_a_close_that_cannot_be_is_none_and_listed(us, value, reason):
    spoilt = pl.when(at("SPY", DAYS[1])).then(value).otherwise("spot").alias("spot")
    respell(us, "us2026/spot", lambda frame: frame.with_columns(spoilt))
    panel, counts, rejected = account("us_chains", us)
    assert np.isnan(panel.index_spot[1])
    assert counts["SPY", f"prices.{reason}"] == 1
    assert rejected.select("column", "value").rows() == [("spot", str(value))]
    assert rejected["file"][0].endswith("spot.parquet")


def test_a_close_ten_times_too_high_is_told(us):
    spoilt = pl.when(at("SPY", DAYS[1])).then(7070.0).otherwise("spot").alias("spot")
    respell(us, "us2026/spot", lambda frame: frame.with_columns(spoilt))
    _, counts, _ = account("us_chains", us)
    assert counts["SPY", "unexplained_jump"] == 1


def test_rates_in_decimals_are_told_and_ten_thousandths_refused(us):
    respell(us, "us_history/fed_funds_dff", lambda frame: frame.with_columns(pl.col("dff") / 100.0))
    _, counts, _ = account("us_chains", us)
    assert counts["", "rates.suspected_decimals"] == 2
    respell(us, "us_history/fed_funds_dff", lambda frame: frame.with_columns(pl.col("dff") * 10_000.0))
    with pytest.raises(InputError, match=r"fed_funds_dff.parquet has no usable row \(rate_out_of_bounds 2\)"):
        account("us_chains", us)


def test_a_rate_that_is_not_there_leaves_the_one_before_and_is_counted(us):
    respell(us, "us_history/fed_funds_dff", lambda f: f.with_columns(dff=pl.Series([4.0, float("nan")])))
    panel, counts, _ = account("us_chains", us)
    np.testing.assert_allclose(panel.rate, np.log(1.04))
    assert counts["", "rates.missing_rate"] == 1
    assert counts["", "rates.stale"] == 3


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [("kind", "splt", "kind_not_understood"), ("price_factor", -1.0, "factor_not_positive")],
)
def test_an_action_of_no_known_kind_or_factor_is_listed(us, column, value, reason):
    respell(
        us,
        "us2026/corporate_actions",
        lambda f: f.with_columns(
            pl.when(pl.col("ticker") == "BBB").then(pl.lit(value)).otherwise(column).alias(column)
        ),
    )
    _, counts, rejected = account("us_chains", us)
    assert counts["BBB", f"actions.{reason}"] == 1
    assert rejected["value"].to_list() == [str(value)]


@pytest.mark.parametrize("name", ["us2026/chains", "us2026/spot"])
def test_a_ticker_spelt_otherwise_in_one_file_is_named(us, name, caplog):
    respell(us, name, lambda f: f.with_columns(pl.col("ticker").replace("AAA", "AAA US")))
    _, counts, _ = account("us_chains", us)
    assert counts["AAA", "holdings.spelt_otherwise"] == 1
    assert "has AAA US" in caplog.text
    assert "spy_holdings.parquet AAA" in caplog.text


def test_volatilities_of_one_ticker_in_fractions_are_dropped_and_counted(us):
    small = pl.when(pl.col("ticker") == "AAA").then(pl.col("call_iv_pct", "put_iv_pct") / 100.0)
    respell(us, "us2026/chains", lambda f: f.with_columns(small.otherwise(pl.col("call_iv_pct", "put_iv_pct"))))
    panel, counts, _ = account("us_chains", us)
    assert np.isnan(panel.component_iv[:, 0]).all()
    assert counts["AAA", "iv_out_of_bounds"] > 0
    assert ("AAA", "kept") not in counts


def test_columns_of_calls_and_puts_that_changed_places_are_refused_by_their_deltas(us):
    names = {"call_delta": "put_delta", "put_delta": "call_delta"}
    respell(us, "us2026/chains", lambda frame: frame.rename(names))
    with pytest.raises(InputError, match=r"call_delta.*lie outside that range"):
        account("us_chains", us)


def test_volatilities_of_calls_and_puts_that_changed_places_are_told(shared_data, tmp_path, caplog):
    (tmp_path / "us_history").symlink_to(shared_data / "us_history")
    (tmp_path / "us2026").mkdir()
    for name in ("spot", "corporate_actions"):
        (tmp_path / "us2026" / f"{name}.parquet").symlink_to(shared_data / "us2026" / f"{name}.parquet")
    chains = (
        pl.scan_parquet(shared_data / "us2026" / "chains.parquet").filter(pl.col("date") < date(2026, 6, 1)).collect()
    )
    found = {}
    for label, names in (("as it is", {}), ("swapped", {"call_iv_pct": "put_iv_pct", "put_iv_pct": "call_iv_pct"})):
        chains.rename(names).write_parquet(tmp_path / "us2026" / "chains.parquet")
        source = UsChains(path=str(tmp_path))
        list(source.blocks())
        found[label] = set(source.quality()["reason"])
    assert found["swapped"] - found["as it is"] == {"quotes.suspected_swap"}
    assert "have calls and puts changed places?" in caplog.text


INDIA = [date(2026, 1, 1), date(2026, 1, 2)]
EXPIRY = date(2026, 1, 27)
LEVEL_OF = {"NIFTY": 26000.0, "AAA": 1000.0, "BBB": 500.0}


def nse_files() -> dict:
    rows = []
    for day in INDIA:
        years = (EXPIRY - day).days / 365.0
        for symbol, spot in LEVEL_OF.items():
            kind = "IDX" if symbol == "NIFTY" else "STK"
            rows.append((day, f"FUT{kind}", symbol, EXPIRY, 0.0, "XX", spot, 10))
            for strike in spot * np.linspace(0.9, 1.1, 9):
                for code in ("CE", "PE"):
                    price = float(black_price(spot, strike, 0.2, years, code == "CE", 0.0))
                    rows.append((day, f"OPT{kind}", symbol, EXPIRY, float(strike), code, price, 10))
    columns = ["date", "instrument", "symbol", "expiry", "strike", "option_type", "close", "contracts"]
    closes = [(day, symbol, spot) for day in INDIA for symbol, spot in LEVEL_OF.items()]
    prices = pl.DataFrame(closes, schema=["date", "symbol", "close"], orient="row")
    weights = [(date(2025, 12, 31), "NIFTY", "AAA", 0.6), (date(2025, 12, 31), "NIFTY", "BBB", 0.4)]
    actions = {"date": pl.Date, "symbol": pl.String, "kind": pl.String, "price_factor": pl.Float64}
    return {
        "fo": pl.DataFrame(rows, schema=columns, orient="row"),
        "cash": prices.filter(pl.col("symbol") != "NIFTY"),
        "index": prices.filter(pl.col("symbol") == "NIFTY"),
        "weights": pl.DataFrame(weights, schema=["date", "index", "symbol", "weight"], orient="row"),
        "corporate_actions": pl.DataFrame(schema=actions),
    }


@pytest.fixture
def india(tmp_path):
    for name, frame in nse_files().items():
        path = tmp_path / "files" / "nse" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path)
    return tmp_path / "files"


@pytest.mark.parametrize("calls", ["CE", "ce", "CALL", "c", "Call "])
def test_every_known_spelling_of_a_call_is_one_and_no_put(india, calls):
    before, _, _ = account("nse", india)
    respell(india, "nse/fo", lambda f: f.with_columns(pl.col("option_type").replace("CE", calls)))
    after, counts, _ = account("nse", india)
    assert_same(before, after)
    assert {reason for _, reason in counts} <= {"kept", "deep_in_the_money"}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("CA", "american_exercise"),
        ("PA", "american_exercise"),
        ("XX", "unknown_option_type"),
        ("", "unknown_option_type"),
        (None, "unknown_option_type"),
    ],
)
def test_any_other_code_is_no_put_but_dropped_and_counted(india, code, reason):
    spoilt = (pl.col("symbol") == "AAA") & (pl.col("option_type") == "CE")
    respell(
        india,
        "nse/fo",
        lambda f: f.with_columns(pl.when(spoilt).then(pl.lit(code)).otherwise("option_type").alias("option_type")),
    )
    _, counts, _ = account("nse", india)
    assert counts["AAA", reason] == 2 * 9
    assert sum(rows for (asset, _), rows in counts.items() if asset == "AAA") == 2 * 2 * 9


def test_indian_closes_and_weights_go_through_their_contracts(india):
    respell(
        india,
        "nse/cash",
        lambda f: f.with_columns(
            close=pl.when((pl.col("symbol") == "AAA") & (pl.col("date") == INDIA[1])).then(0.0).otherwise("close")
        ),
    )
    respell(india, "nse/weights", lambda f: pl.concat([f, f.tail(1)]))
    panel, counts, rejected = account("nse", india)
    assert counts["AAA", "prices.close_not_positive"] == 1
    assert counts["BBB", "weights.duplicate"] == 1
    assert panel.weights[0].tolist() == [0.6, 0.4]
    assert np.isnan(panel.spot[1, 0])
    assert set(rejected["table"]) == {"prices", "weights"}
    respell(india, "nse/weights", lambda f: f.with_columns(pl.col("weight") * 3.0))
    with pytest.raises(InputError, match=r"weights.parquet \(NIFTY\), column weight: the weights of 2025-12-31 sum to"):
        account("nse", india)


def test_files_without_one_usable_quote_are_refused(india):
    respell(india, "nse/fo", lambda f: f.with_columns(option_type=pl.lit("XX")))
    with pytest.raises(InputError, match=r"every quote was dropped \(unknown_option_type"):
        account("nse", india)
    respell(india, "nse/fo", lambda f: f.filter(pl.col("instrument").str.starts_with("FUT")))
    with pytest.raises(InputError, match="no quote was read; check that its files have the same tickers and dates"):
        account("nse", india)


def odd(panel):
    """What is suspicious, but for the members that the files have no closes of."""
    return [s for s in suspicions(panel) if s.reason != NO_CLOSE]


def test_real_volatilities_three_times_too_high_and_closes_a_day_late_are_told(us_panel):
    assert [s.reason for s in odd(us_panel)] == []
    n = us_panel.names.tolist().index("AAPL")
    iv = np.array(us_panel.component_iv)
    iv[:, n] *= 3.0
    told = odd(replace(us_panel, component_iv=iv, validate=False))
    assert [(s.asset, s.reason) for s in told] == [("AAPL", LEVEL)]
    iv = np.array(us_panel.component_iv)
    iv[20, n] *= 3.0
    told = odd(replace(us_panel, component_iv=iv, validate=False))
    assert [(s.asset, s.reason) for s in told] == [("AAPL", VOL_JUMP)] * 2  # there and back
    late = np.concatenate([us_panel.index_spot[:1], us_panel.index_spot[:-1]])
    told = odd(replace(us_panel, index_spot=late, validate=False))
    assert [(s.asset, s.reason) for s in told] == [("SPY", SHIFT), ("SPY", UNLIKE)]


def test_real_indian_volatilities_and_closes_are_not_suspicious_and_late_ones_are(nse_panel):
    recent = nse_panel.slice("2026-01-01")
    assert [(s.asset, s.reason) for s in suspicions(recent)] == [("TATAMOTORS", NO_CLOSE)]  # which had become TMPV
    late = np.concatenate([recent.index_spot[:1], recent.index_spot[:-1]])
    found = suspicions(replace(recent, index_spot=late, validate=False))
    assert [s.reason for s in found if s.asset != "TATAMOTORS"] == [SHIFT, UNLIKE]


def test_loading_a_market_by_name_still_slices_it(us):
    assert len(load_market("us_chains", us, cache=us.parent / "panels", progress=False, end=str(DAYS[1]))) == 2


def test_strict_takes_no_rejected_row_and_keeps_nothing(us):
    respell(us, "us2026/spot", lambda frame: pl.concat([frame, frame.tail(1)]))
    with pytest.raises(InputError, match=r"spot.parquet, line 13, column spot: duplicate .*strict=true takes none"):
        account("us_chains", us, strict=True)
    assert list((us.parent / "panels").glob("*/panel.json")) == []
    account("us_chains", us)
