"""Daily files as the Indian exchange publishes them make the panel of the prepared files, array by array."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from engine.data import find_source, load_market
from engine.pricing import black_price
from tests.data.nse_exchange import publish

# Volatilities are stored as float32, of forwards and volatilities that went through two ways of summing: on all 87 real
# sessions they differ by 6e-8 at most, and weights by what a sum that is 1 but for rounding leaves.
STORED, SUMMED = 1e-7, 2e-16
LAYOUTS = ("udiff", "legacy", "oldest")
EXACT = ("index_status", "component_status", "index_spot", "spot", "rate", "strike_factor", "return_factor")
SPLIT = date(2026, 1, 14)


def written(folder, prepared, layout, days):
    """Publish some dates of prepared files, and write what the exchange has not: weights, actions, sectors."""
    start, end = days
    inside = pl.col("date").is_between(date.fromisoformat(start), date.fromisoformat(end))
    texts = {"instrument": pl.String, "symbol": pl.String, "option_type": pl.String}
    names = ("fo", "cash", "index")
    rows = {name: pl.scan_parquet(prepared / "nse" / f"{name}.parquet").filter(inside).collect() for name in names}
    # Closes of days without options make no session of a panel: most of the files, and most of the time to read them.
    rows |= {name: rows[name].join(rows["fo"], on="date", how="semi") for name in ("cash", "index")}
    publish(folder / "files", rows["fo"].cast(texts), rows["cash"], rows["index"], layout)
    tables = find_source("nse", prepared, {"index": "NIFTY", "start": start, "end": end}).tables()
    given = {}
    for name in {"weights", "actions", "sectors"} & tables.keys():
        given[name] = str(folder / f"{name}.parquet")
        tables[name].write_parquet(given[name])
    return given


def read(folder, given, cache):
    settings = {"index": "NIFTY", "rate": 0.0, "weights_known": "open", "max_extrapolation_days": 7.0}
    return load_market("nse_files", folder / "files", cache=cache, progress=False, **settings, **given)


def assert_equal(found, expected):
    assert found.dates.tolist() == expected.dates.tolist()
    assert found.names.tolist() == expected.names.tolist()
    assert found.tenors.tolist() == expected.tenors.tolist()
    assert found.deltas.tolist() == expected.deltas.tolist()
    for field in EXACT:
        np.testing.assert_array_equal(getattr(found, field), getattr(expected, field), err_msg=field)
    for field in ("index_iv", "component_iv"):
        np.testing.assert_allclose(
            getattr(found, field), getattr(expected, field), rtol=0.0, atol=STORED, err_msg=field
        )
    np.testing.assert_allclose(found.weights, expected.weights, rtol=0.0, atol=SUMMED)
    # Listed expiries: those that options trade of; of the prepared files also those that futures alone do.
    width = found.listed.expiry.shape[1]
    theirs, ours = expected.listed, found.listed
    np.testing.assert_array_equal(ours.expiry, theirs.expiry[:, :width])
    np.testing.assert_array_equal(ours.index_iv, theirs.index_iv[:, :width])
    np.testing.assert_array_equal(ours.iv, theirs.iv[:, :, :width])
    assert not np.isfinite(theirs.iv[:, :, width:]).any()
    quoted = np.isfinite(ours.forward)
    np.testing.assert_array_equal(ours.forward[quoted], theirs.forward[:, :, :width][quoted])
    assert quoted[np.isfinite(ours.iv).any(axis=-1)].all()


def test_all_sessions_of_the_real_files_are_those_of_the_prepared_ones(shared_data, nse_panel, tmp_path):
    days = str(nse_panel.dates[0]), str(nse_panel.dates[-1])
    given = written(tmp_path, shared_data, "udiff", days)
    found = read(tmp_path, given, tmp_path / "cache")
    assert len(found) == 87
    assert_equal(found, nse_panel)
    # The carry is the futures', of the prepared files the rate: forwards are told expiry by expiry in both.
    assert 0.0 < np.median(found.index_carry) < 0.1


@pytest.mark.parametrize("layout", ["legacy", "oldest"])
def test_real_sessions_in_the_older_layouts_are_those_of_the_prepared_ones(layout, shared_data, tmp_path):
    days = "2026-01-12", "2026-01-16"  # KOTAKBANK splits on the third of them
    given = written(tmp_path, shared_data, layout, days)
    expected = load_market(
        "nse", shared_data, index="NIFTY", start=days[0], end=days[1], cache=tmp_path / "cache", progress=False
    )
    found = read(tmp_path, given, tmp_path / "cache")
    kotak = found.names.tolist().index("KOTAKBANK")
    assert found.strike_factor[found.dates == np.datetime64(SPLIT), kotak].tolist() == [0.2]
    assert_equal(found, expected)


NAMES = {"NIFTY": (25_000.0, 0.13, 65), "ALPHA": (1_500.0, 0.25, 400), "BETA": (820.0, 0.30, 900)}
SESSIONS = [date(2026, 1, 5) + timedelta(days=n) for n in range(18) if n % 7 < 5]
MONTHS = [date(2026, 1, 27), date(2026, 2, 24)]
WEEK = date(2026, 1, 20)  # the index alone lists it, and no future


def spots() -> dict:
    rng = np.random.default_rng(5)
    found = {}
    for name, (first, vol, _) in NAMES.items():
        path = first * np.exp(np.cumsum(rng.normal(0.0, vol / 16.0, len(SESSIONS))))
        scale = np.where([name == "ALPHA" and day >= SPLIT for day in SESSIONS], 0.2, 1.0)
        found |= {(day, name): round(float(spot), 2) for day, spot in zip(SESSIONS, path * scale, strict=True)}
    return found


def contracts() -> pl.DataFrame:
    """Invented rows of the derivatives file: options that trade, that do not, and of a week; futures."""
    rows = []
    for (day, name), spot in spots().items():
        _, vol, lot = NAMES[name]
        kind = "IDX" if name == "NIFTY" else "STK"
        for expiry in [*MONTHS, *([WEEK] if name == "NIFTY" else [])]:
            years = (expiry - day).days / 365.0
            if years < 0.0:
                continue
            forward = round(spot * np.exp(0.06 * years), 2)
            if expiry != WEEK:
                rows.append((day, f"FUT{kind}", name, expiry, None, "XX", forward, forward, 1_000, spot, lot))
            for money in np.linspace(0.88, 1.12, 13):
                strike = float(np.round(spot * money, -1 if spot > 500.0 else 0))
                smile = vol * (1.0 - 0.8 * np.log(strike / forward))
                for right in ("CE", "PE"):
                    worth = float(black_price(forward, strike, smile, max(years, 1e-6), right == "CE", 0.0))
                    traded = int(strike) % 7 != 0
                    close = round(max(worth, 0.05), 2) if traded else 77.0  # what did not trade has an old close
                    settled = spot if expiry == day else close
                    volume = 40 if traded else 0
                    rows.append((day, f"OPT{kind}", name, expiry, strike, right, close, settled, volume, spot, lot))
    columns = ["date", "instrument", "symbol", "expiry", "strike", "option_type", "close", "settle", "contracts"]
    frame = pl.DataFrame(rows, schema=[*columns, "underlying", "lot_size"], orient="row", infer_schema_length=None)
    same = {name: pl.col("close") for name in ("open", "high", "low")}
    return frame.with_columns(**same, open_interest=pl.col("lot_size") * 12, trades=pl.col("contracts"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The five prepared files of an invented market."""
    folder = tmp_path_factory.mktemp("prepared")
    (folder / "nse").mkdir()
    contracts().write_parquet(folder / "nse" / "fo.parquet")
    closes = pl.DataFrame(
        [(*key, spot) for key, spot in spots().items()], schema=["date", "symbol", "close"], orient="row"
    )
    index = pl.col("symbol") == "NIFTY"
    stocks = closes.filter(~index).with_columns(vwap=pl.col("close"), volume=pl.lit(1_000.0))
    stocks.write_parquet(folder / "nse" / "cash.parquet")
    closes.filter(index).write_parquet(folder / "nse" / "index.parquet")
    before = [SESSIONS[0] - timedelta(days=3), *SESSIONS]
    shares = {"ALPHA": 0.64, "BETA": 0.36}
    weights = [(day, "NIFTY", name, share, 0.0) for day in before for name, share in shares.items()]
    schema = ["date", "index", "symbol", "weight", "fit_resid_bp"]
    pl.DataFrame(weights, schema=schema, orient="row").write_parquet(folder / "nse" / "weights.parquet")
    split = {"date": [SPLIT], "symbol": ["ALPHA"], "kind": ["split_or_bonus"], "price_factor": [0.2]}
    pl.DataFrame(split).write_parquet(folder / "nse" / "corporate_actions.parquet")
    return folder


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_invented_market_is_the_same_from_prepared_and_from_daily_files(layout, prepared, tmp_path):
    given = written(tmp_path, prepared, layout, (str(SESSIONS[0]), str(SESSIONS[-1])))
    expected = load_market("nse", prepared, index="NIFTY", cache=tmp_path / "cache", progress=False)
    found = read(tmp_path, given, tmp_path / "cache")
    assert_equal(found, expected)
    assert np.isfinite(found.component_iv[:, :, list(found.tenors).index(30)]).mean() > 0.5
    reasons = dict(found.report.quality.group_by("reason").agg(pl.col("rows").sum()).iter_rows())
    weekly = contracts().filter((pl.col("expiry") == WEEK) & (pl.col("contracts") > 0)).height
    assert reasons["no_future_of_that_expiry"] == weekly
    assert reasons["not_traded"] == contracts().filter(pl.col("contracts") == 0).height


def test_without_a_single_future_the_forward_is_what_calls_and_puts_imply(prepared, tmp_path):
    rows = contracts().filter(pl.col("instrument").str.starts_with("OPT"))
    read_ = {name: pl.read_parquet(prepared / "nse" / f"{name}.parquet") for name in ("cash", "index")}
    publish(tmp_path / "files", rows, read_["cash"], read_["index"], "udiff")
    found = load_market(
        "nse_files", tmp_path / "files", index="NIFTY", weights="equal", rate=0.0, cache=tmp_path / "c", progress=False
    )
    expected = {
        (row[0], row[3]): row[6] for row in contracts().filter(pl.col("symbol") == "NIFTY").rows() if row[4] is None
    }
    told = 0
    for t, day in enumerate(found.dates.tolist()):
        for e, expiry in enumerate(found.listed.expiry[t].tolist()):
            if (forward := expected.get((day, expiry))) and expiry > day:
                assert found.listed.index_forward[t, e] == pytest.approx(forward, rel=2e-4)
                told += 1
    assert told > 20
