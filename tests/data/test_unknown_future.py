"""Files that go on, or end: nothing of a panel or a correlation up to a date depends on what files hold after it."""

from functools import partial

import numpy as np
import polars as pl
import pytest

from engine.correlation import Names, TopWeights, implied_correlation
from engine.data import load_market

US_NAMES = ["AAPL", "AMD", "HD", "JPM", "KLAC", "MSFT", "NVDA", "PFE"]
NSE_NAMES = ["HDFCBANK", "ICICIBANK", "INFY", "KOTAKBANK", "RELIANCE", "SBIN", "TCS"]
US_DATES = ("2026-05-26", "2026-06-11", "2026-06-18", "2026-07-01", "2026-07-15", "2026-08-07")
NSE_DATES = ("2025-01-06", "2025-02-28", "2026-01-01", "2026-01-13", "2026-02-10", "2026-03-20")
NEW = "NEWCOMER"  # a name that no file knows before
LATER = {"us": "MCD", "nse": "WIPRO"}  # a member whose own first quote comes after the date


def few(frame: pl.DataFrame, column: str, names) -> pl.DataFrame:
    return frame.with_columns(pl.col(column).cast(pl.String)).filter(pl.col(column).is_in(names))


def spoiled(frame: pl.DataFrame, date, day: str, keys: list, seed: int) -> pl.DataFrame:
    """Every number after a date times something random, and every third row left out."""
    rng = np.random.default_rng(seed)
    after = pl.col(day) > date
    past, future = frame.filter(~after), frame.filter(after)
    factor = pl.Series(rng.uniform(0.5, 2.0, future.height))
    numbers = [c for c in future.columns if c not in keys and future.schema[c].is_float()]
    future = future.with_columns((pl.col(c) * factor).cast(future.schema[c]) for c in numbers)
    return pl.concat([past, future.filter(pl.Series(rng.random(future.height) < 2 / 3))])


def newcomer(frame: pl.DataFrame, date, day: str, column: str, like: str) -> pl.DataFrame:
    """Rows of another name after a date, as rows of a name that no file had before."""
    rows = frame.filter((pl.col(column) == like) & (pl.col(day) > date))
    return pl.concat([frame, rows.with_columns(pl.lit(NEW).alias(column))])


@pytest.fixture(scope="module")
def us_files(shared_data):
    names = [*US_NAMES, LATER["us"], "SPY", "XLF"]
    read = lambda name: pl.read_parquet(shared_data / f"{name}.parquet")  # noqa: E731
    return {
        "us2026/chains": few(read("us2026/chains"), "ticker", names),
        "us2026/spot": few(read("us2026/spot"), "ticker", names),
        "us2026/corporate_actions": read("us2026/corporate_actions"),
        "us_history/spy_holdings": read("us_history/spy_holdings"),
        "us_history/fed_funds_dff": read("us_history/fed_funds_dff"),
        "us_history/sp500_constituents_2026_gics": read("us_history/sp500_constituents_2026_gics"),
    }


@pytest.fixture(scope="module")
def nse_files(shared_data):
    read = lambda name: pl.read_parquet(shared_data / "nse" / f"{name}.parquet")  # noqa: E731
    names = [*NSE_NAMES, LATER["nse"]]
    return {
        "nse/fo": few(read("fo"), "symbol", [*names, "NIFTY", "BANKNIFTY"]),
        "nse/cash": few(read("cash"), "symbol", names),
        "nse/index": read("index"),
        "nse/weights": read("weights").with_columns(pl.col("index", "symbol").cast(pl.String)),
        "nse/corporate_actions": read("corporate_actions").with_columns(pl.col("symbol").cast(pl.String)),
    }


def us_future(files: dict, date, seed: int) -> dict:
    change = partial(spoiled, date=date, day="date", seed=seed)
    files = dict(files)
    late = (pl.col("ticker") != LATER["us"]) | (pl.col("date") > date)
    for name, keys in (("us2026/chains", ["date", "ticker", "expiry", "call_delta", "put_delta"]), ("us2026/spot", [])):
        rows = files[name].filter(late)
        files[name] = newcomer(change(rows, keys=keys), date, "date", "ticker", "AAPL")
    files["us2026/corporate_actions"] = change(files["us2026/corporate_actions"], keys=[])
    files["us_history/fed_funds_dff"] = change(files["us_history/fed_funds_dff"], keys=[])
    held = files["us_history/spy_holdings"]
    last = held.filter(pl.col("asof") == held["asof"].max())
    snapshot = last.with_columns(
        asof=pl.lit(date) + pl.duration(days=1), ticker=pl.col("ticker").replace("AAPL", NEW), weight=1.0 / last.height
    )
    files["us_history/spy_holdings"] = pl.concat([held, snapshot.select(held.columns)])
    return files


def nse_future(files: dict, date, seed: int) -> dict:
    change = partial(spoiled, date=date, day="date", seed=seed)
    files = dict(files)
    late = (pl.col("symbol") != LATER["nse"]) | (pl.col("date") > date)
    for name, keys in (("nse/fo", ["strike"]), ("nse/cash", [])):
        rows = files[name].filter(late)
        files[name] = newcomer(change(rows, keys=keys), date, "date", "symbol", "INFY")
    weights = newcomer(change(files["nse/weights"], keys=[]), date, "date", "symbol", "INFY")
    weight = pl.col("weight")  # so much smaller that they still sum to less than 1
    files["nse/weights"] = weights.with_columns(pl.when(pl.col("date") > date).then(weight / 3).otherwise(weight))
    for name in ("nse/index", "nse/corporate_actions"):
        files[name] = change(files[name], keys=[])
    return files


def built(market: str, files: dict, folder):
    for name, frame in files.items():
        path = folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path)
    return load_market(market, folder, cache=folder / "cache", progress=False)


def up_to(panel, date) -> dict:
    """All dated arrays of a panel up to a date, on the names that it has a weight for by then, and what is read off."""
    part = panel.slice(end=str(date))
    known = np.flatnonzero((part.weights > 0.0).any(axis=0))
    names = part.names[known]
    found = {"names": names}
    by_name = {"component_iv", "component_status", "weights", "spot", "carry", "strike_factor", "return_factor"}
    by_name |= {"settlement", "listed.iv", "listed.forward", "sectors.weights"}
    part.map_arrays(
        lambda name, array: found.__setitem__(name, array[:, known] if name in by_name else np.asarray(array))
    )
    # On the same axis of names: how a sum over names is rounded may depend on how many there are.
    for basket in (TopWeights(20), Names(tuple(names[:3]))):
        rho = implied_correlation(part.index_iv, found["component_iv"], basket.select(found["weights"], names))
        found |= {f"{basket.label}.{name}": array for name, array in vars(rho).items()}
    return found


@pytest.mark.parametrize(("market", "dates"), [("us", US_DATES), ("nse", NSE_DATES)], ids=["us_chains", "nse"])
def test_what_files_hold_after_a_date_changes_no_bit_up_to_it(market, dates, request, tmp_path):
    files = request.getfixturevalue(f"{market}_files")
    source, future = {"us": ("us_chains", us_future), "nse": ("nse", nse_future)}[market]
    column, folder = {"us": ("ticker", "us2026/chains"), "nse": ("symbol", "nse/fo")}[market]
    for seed, date in enumerate(dates):
        day = np.datetime64(date).astype(object)
        # The member whose quotes begin after the date has none before it in either set of files.
        late = (pl.col(column) != LATER[market]) | (pl.col("date") > day)
        spot = {"us": "us2026/spot", "nse": "nse/cash"}[market]
        before = files | {name: files[name].filter(late) for name in (folder, spot)}
        ends = {name: f.filter(pl.col("date") <= day) if "date" in f.columns else f for name, f in before.items()}
        expected = up_to(built(source, ends, tmp_path / f"{date}-ends"), day)
        found = up_to(built(source, future(before, day, seed), tmp_path / f"{date}-goes-on"), day)
        assert LATER[market] in expected["names"]
        assert NEW not in expected["names"]
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values, err_msg=f"{date} {name}")
