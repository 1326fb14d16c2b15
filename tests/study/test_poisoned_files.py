"""Poison the files: all numbers dated after day t become others, and nothing measured up to t moves by a bit."""

import numpy as np
import polars as pl
import pytest

from engine.backtest import MarketView
from engine.correlation import TopWeights, baskets
from engine.correlation.sectors import Everything
from engine.data import load_market
from engine.study.levels import measure_levels
from engine.study.premia import premium_form

TOP = TopWeights(5)
# Sessions of the option files; of NSE also between and right after their holes, where closes go on.
DAYS = {
    "us_chains": ("2026-06-03", "2026-06-11", "2026-06-26", "2026-07-20", "2026-08-12"),
    "nse": ("2021-03-18", "2025-01-08", "2025-02-28", "2025-09-11", "2026-01-14", "2026-02-16", "2026-03-20"),
}
# Of each file: the column of its dates, and the columns of numbers that become others.
COLUMNS = {
    "us_chains": {
        "us2026/chains": ("date", ["call_iv_pct", "put_iv_pct"]),
        "us2026/spot": ("date", ["spot"]),
        "us2026/corporate_actions": ("date", ["price_factor"]),
        "us_history/spy_holdings": ("asof", ["weight", "shares_held"]),
        "us_history/fed_funds_dff": ("date", ["dff"]),
        "us_history/prices_sp500_2019_2025": ("date", ["adjusted"]),
    },
    "nse": {
        "nse/fo": ("date", ["close"]),
        "nse/cash": ("date", ["close"]),
        "nse/index": ("date", ["close"]),
        "nse/weights": ("date", ["weight"]),
        "nse/corporate_actions": ("date", ["price_factor"]),
    },
}
SYMBOL = {"us_chains": "ticker", "nse": "symbol"}
INDEX = {"us_chains": ["SPY", "XLF"], "nse": ["NIFTY", "BANKNIFTY"]}


@pytest.fixture(scope="module", params=DAYS)
def small(request, shared_data, tmp_path_factory):
    """The real files of a market with the options of ten members only, so that a panel is built in a second."""
    name, folder = request.param, tmp_path_factory.mktemp(request.param)
    if name == "us_chains":
        held = pl.read_parquet(shared_data / "us_history/spy_holdings.parquet")
        chains = pl.scan_parquet(shared_data / "us2026/chains.parquet").select("ticker").unique().collect()["ticker"]
        ours = held.filter((pl.col("asof") == pl.col("asof").max()) & pl.col("ticker").is_in(chains.cast(pl.String)))
        largest = [*ours.sort("weight", descending=True)["ticker"].head(9).to_list(), "KLAC"]
    else:
        weights = pl.read_parquet(shared_data / "nse/weights.parquet").filter(pl.col("index") == "NIFTY")
        mean = weights.group_by("symbol").agg(pl.col("weight").mean()).sort("weight", descending=True)
        largest = [*mean["symbol"].head(9).to_list(), "KOTAKBANK"]
    wanted = [*INDEX[name], *largest]
    for file in COLUMNS[name]:
        rows = pl.scan_parquet(shared_data / f"{file}.parquet")
        columns = rows.collect_schema().names()
        if file in ("us2026/chains", "nse/fo"):
            rows = rows.filter(pl.col(SYMBOL[name]).cast(pl.String).is_in(wanted))
        if file == "us2026/chains":
            near = pl.col("call_delta").is_between(0.35, 0.65) & (pl.col("expiry") - pl.col("date")).dt.total_days().lt(
                200
            )
            rows = rows.filter(near)
        assert COLUMNS[name][file][0] in columns
        (folder / file).parent.mkdir(exist_ok=True)
        rows.collect().write_parquet(folder / f"{file}.parquet")
    for file in ("us_history/sp500_constituents_2026_gics",) if name == "us_chains" else ():
        pl.read_parquet(shared_data / f"{file}.parquet").write_parquet(folder / f"{file}.parquet")
    return name, folder


def poison(name, source, target, day):
    """Copy the files with all numbers after a day changed, some of them missing, and a split that never was."""
    rng = np.random.default_rng(int(day.replace("-", "")))
    for file, (date, numbers) in COLUMNS[name].items():
        frame = pl.read_parquet(source / f"{file}.parquet")
        later = pl.col(date) > pl.lit(day).str.to_date()
        changes = [
            pl.when(later)
            .then(pl.col(column) * pl.Series(rng.uniform(0.5, 2.0, frame.height)) * (0.5 if column == "weight" else 1))
            .otherwise(pl.col(column))
            .cast(frame.schema[column])
            .alias(column)
            for column in numbers
        ]
        frame = frame.with_columns(changes)
        if file in ("us2026/chains", "us2026/spot", "nse/fo", "nse/cash"):
            frame = frame.filter(~(later & (pl.Series(rng.random(frame.height)) < 0.05)))
        if "corporate_actions" in file:
            more = frame.head(1).with_columns(pl.lit(day).str.to_date().alias("date") + pl.duration(days=1))
            more = more.join(frame, on=["date", SYMBOL[name]], how="anti")  # two factors of one day are refused
            frame = pl.concat([frame, more.with_columns(pl.lit(0.5).alias("price_factor"))])
        (target / file).parent.mkdir(exist_ok=True)
        frame.write_parquet(target / f"{file}.parquet")
    for file in source.glob("us_history/*gics*"):
        (target / "us_history" / file.name).write_bytes(file.read_bytes())


def measured(name, folder):
    """All that is said of premia and realised correlation on the files of a folder."""
    market = load_market(name, path=folder, cache=folder / "panels", progress=False)
    levels = measure_levels(market, list(baskets(Everything(5), market)), 0.8)
    view = MarketView(market, TOP)
    series = {
        "realized 21": view.realized_correlation(21),
        "realized 63": view.realized_correlation(63),
        "index returns": view.index_returns,
        "returns": view.returns,
    }
    return market.dates, {"realized": levels.realized, "premium": premium_form(market, levels)}, series


@pytest.fixture(scope="module")
def truth(small):
    return measured(*small)


def test_nothing_measured_up_to_a_day_depends_on_what_the_files_say_later(small, truth, tmp_path):
    name, folder = small
    dates, frames, series = truth
    assert frames["premium"]["correlation_premium"].is_not_null().sum() > 20, "premia must be known to mean anything"
    assert np.isfinite(series["realized 21"]).sum() > 30
    for day in DAYS[name]:
        (target := tmp_path / day).mkdir()
        poison(name, folder, target, day)
        other_dates, other_frames, other_series = measured(name, target)
        np.testing.assert_array_equal(other_dates, dates)
        upto = dates <= np.datetime64(day)
        for key, values in series.items():
            np.testing.assert_array_equal(other_series[key][upto], values[upto], err_msg=f"{key}, {day}")
        for key, frame in frames.items():
            kept = pl.col("date") <= pl.lit(day).str.to_date()
            assert other_frames[key].filter(kept).equals(frame.filter(kept)), (key, day)
            assert not other_frames[key].filter(~kept).equals(frame.filter(~kept)), "the poison must reach later days"
