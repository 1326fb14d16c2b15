"""Raw files of every source, as small as can be, and everything else that a reader of the engine opens."""

import math
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tests.data.test_us_chains import FILES as US_FILES
from tests.data.vendor_world import FORMATS, RATE, options, spots

DAYS = [day for day in (date(2025, 1, 2) + timedelta(n) for n in range(75)) if day.weekday() < 5]
LEVELS = {"IDX": (0.16, 5000.0), "AAA": (0.28, 100.0), "BBB": (0.34, 50.0), "CCC": (0.24, 210.0)}
TENORS, DELTAS = (20, 30, 60), (25, 50, 75)


def own_tables() -> dict[str, pl.DataFrame]:
    """Tables of one's own over fifty sessions: enough for a cohort of a month."""
    rng = np.random.default_rng(7)
    surface, prices = [], []
    for ticker, (vol, price) in LEVELS.items():
        levels = vol * np.exp(np.cumsum(0.01 * rng.standard_normal(len(DAYS))))
        closes = price * np.exp(np.cumsum(0.01 * rng.standard_normal(len(DAYS))))
        for t, day in enumerate(DAYS):
            prices.append((day, ticker, round(float(closes[t]), 4)))
            for tenor in TENORS:
                for delta in DELTAS:
                    skew = 1.0 + 0.002 * (delta - 50) + 0.0004 * (tenor - 30)
                    surface.append((day, ticker, tenor, delta, round(float(levels[t]) * skew, 6)))
    before = DAYS[0] - timedelta(2)
    weights = [(day, t, w) for day in (before, *DAYS) for t, w in (("AAA", 0.5), ("BBB", 0.3), ("CCC", 0.2))]
    return {
        "surface": _frame(surface, "date ticker tenor delta iv"),
        "prices": _frame(prices, "date ticker close"),
        "weights": _frame(weights, "date ticker weight"),
        "rates": _frame([(day, 0.04) for day in (before, *DAYS)], "date rate"),
        "actions": _frame([(DAYS[0] - timedelta(20), "AAA", "split", 0.5)], "date ticker kind factor"),
        "sectors": _frame([("AAA", "Banks"), ("BBB", "Banks"), ("CCC", "Oil")], "ticker sector"),
    }


def write_own(folder: Path, tables: dict[str, pl.DataFrame] | None = None, suffix: str = "parquet") -> Path:
    """Write the tables into a folder, as parquet or CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in (tables or own_tables()).items():
        path = folder / f"{name}.{suffix}"
        frame.write_parquet(path) if suffix == "parquet" else frame.write_csv(path)
    return folder


def write_us(folder: Path) -> Path:
    """Write the files of us_chains: three days, three names, a sector's fund."""
    for name, make in US_FILES.items():
        path = folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        make().write_parquet(path)
    return folder


def write_nse(folder: Path) -> Path:
    """Write the files of nse: four days, the index and two names with a future and options of one month each."""
    from engine.pricing import black_price

    days = [date(2026, 1, 5) + timedelta(n) for n in range(4)]
    expiries = (date(2026, 1, 27), date(2026, 2, 24))
    spots = {"NIFTY": (26_000.0, 0.11), "INFY": (1_600.0, 0.24), "TCS": (3_200.0, 0.22)}
    options, cash, index = [], [], []
    for t, day in enumerate(days):
        for symbol, (level, vol) in spots.items():
            spot = level * (1.0 + 0.004 * t)
            kind = "IDX" if symbol == "NIFTY" else "STK"
            (index if symbol == "NIFTY" else cash).append((day, symbol, spot))
            for expiry in expiries:
                options.append((day, f"FUT{kind}", symbol, expiry, 0.0, "XX", spot, 1000))
                years = (expiry - day).days / 365.0
                for step in range(-8, 9):
                    strike = spot * math.exp(0.35 * step * vol * math.sqrt(years))
                    for right in ("CE", "PE"):
                        price = float(black_price(spot, strike, vol, years, right == "CE", 0.0))
                        options.append((day, f"OPT{kind}", symbol, expiry, strike, right, price, 50))
    known = (days[0] - timedelta(3), *days)
    weights = [(day, "NIFTY", s, w) for day in known for s, w in (("INFY", 0.6), ("TCS", 0.4))]
    actions = [(date(2025, 6, 2), "INFY", "split_or_bonus", 0.5)]
    files = {
        "fo": _frame(options, "date instrument symbol expiry strike option_type close contracts"),
        "cash": _frame(cash, "date symbol close"),
        "index": _frame(index, "date symbol close"),
        "weights": _frame(weights, "date index symbol weight"),
        "corporate_actions": _frame(actions, "date symbol kind price_factor"),
    }
    (folder / "nse").mkdir(parents=True, exist_ok=True)
    for name, frame in files.items():
        frame.write_parquet(folder / "nse" / f"{name}.parquet")
    return folder


def write_series(folder: Path) -> Path:
    """Write published indices and what belongs to them."""
    days = [date(2018, 12, 27), date(2018, 12, 28), date(2018, 12, 31)]
    history = folder / "us_history"
    history.mkdir(parents=True, exist_ok=True)
    levels = [(day, name, 20.0 + n) for day in days for n, name in enumerate(("COR1M", "COR3M", "VIX", "SPX"))]
    _frame(levels, "date index close").write_parquet(history / "cboe_indices.parquet")
    _frame([(day, 2500.0) for day in days], "Date Close").write_parquet(history / "spx_ohlc_1999_2018.parquet")
    factors = _frame([(day, 0.1, 0.008) for day in days], "date mkt_rf_pct rf_pct_per_day")
    factors.write_parquet(history / "fama_french_daily.parquet")
    return folder


def write_snapshot(path: Path, market) -> Path:
    """Write a snapshot of a market's first session."""
    symbols = [market.info.index, *market.names.tolist()]
    surface = np.concatenate([market.index_iv[:1], market.component_iv[0]])
    symbol, tenor, delta = np.meshgrid(symbols, market.tenors, market.deltas, indexing="ij")
    rows = {"symbol": symbol.ravel(), "tenor": tenor.ravel(), "delta": delta.ravel(), "iv": surface.ravel()}
    frame = pl.DataFrame(rows).with_columns(time=pl.lit("2026-08-21T15:45:00").str.to_datetime())
    frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_csv(path)
    return path


def write_quotes(folder: Path) -> Path:
    """Write option quotes of one's own, with all that may lie beside them."""
    days = spots()["date"].unique().sort().to_list()
    known = (days[0] - timedelta(3), *days)
    members = ("NDX", "RUT", "XSP")
    columns = ("date", "ticker", "expiry", "strike", "right", "bid", "ask", "iv", "delta", "oi")
    tables = {
        "quotes": options().select(*columns, style=pl.lit("american"), settlement=pl.lit("pm")),
        "prices": spots(),
        "weights": _frame([(day, t, 1.0 / 3.0) for day in known for t in members], "date ticker weight"),
        "rates": _frame([(day, RATE) for day in known], "date rate"),
        "dividends": _frame([(days[-1] + timedelta(20), "NDX", 0.4, days[0])], "date ticker amount known"),
    }
    return write_own(folder, tables)


def write_vendor(name: str, folder: Path) -> Path:
    """Write a vendor's files, and closes and weights of one's own for those that have none."""
    FORMATS[name][1](folder / "files")
    own = folder / "own"
    own.mkdir(parents=True, exist_ok=True)
    spots().write_parquet(own / "closes.parquet")
    members = spots().filter(pl.col("ticker") != "SPX").select("date", "ticker", weight=pl.lit(1.0 / 3.0))
    members.write_parquet(own / "weights.parquet")
    return folder


def vendor_settings(name: str, folder: Path) -> dict[str, Any]:
    """Return what `load_market` is to be told of the files of `write_vendor`, its market and its path included."""
    vendor, _, _, others = FORMATS[name]
    settings: dict[str, Any] = {"source": vendor, "path": folder / "files", "index": "SPX"}
    settings["weights"] = str(folder / "own" / "weights.parquet")
    if "prices" not in others and name != "tardis":
        settings["prices"] = str(folder / "own" / "closes.parquet")
    if "rates" not in others and vendor != "deribit":
        settings["rate"] = RATE
    return settings


def _frame(rows: list[tuple], columns: str) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=columns.split(), orient="row")


# Raw files by name; all but the first four are of vendors.
SOURCES: dict[str, Callable[[Path], Path]] = {
    "files": write_own,
    "quotes": write_quotes,
    "us_chains": write_us,
    "nse": write_nse,
    **{name: partial(write_vendor, name) for name in FORMATS},
}


def settings_of(source: str, folder: Path) -> dict[str, Any]:
    """Return what `load_market` is to be told of the files of a source in a folder, the market's own name included."""
    if source in FORMATS:
        return vendor_settings(source, folder)
    own = {"files": {"index": "IDX"}, "quotes": {"source": "files", "index": "SPX"}}
    return {"source": source, "path": folder, **own.get(source, {})}
