"""A panel written as OptionMetrics IvyDB serves it by WRDS: vsurfd, secprd, zerocd, secnmd; weights beside them."""

from pathlib import Path

import numpy as np
import polars as pl

from engine.data.panel import MarketPanel

FIRST_KEY = 100_000
NONE = -99.99  # what it writes where it has no volatility
CENT = 0.01  # in place of a close of 0, which there means none
SHORTEST = 10  # days; it interpolates none below


def write_ivydb(panel: MarketPanel, folder: Path) -> None:
    """Write the surfaces, closes, rates and names of a panel, and who is in the index as a table of one's own.

    Closes are adjusted for what happened to the shares, so that nothing need be said of splits: volatilities by delta
    know no strikes.
    """
    folder.mkdir(parents=True)
    assets = [panel.info.index, *map(str, panel.names)]
    dates = np.asarray(panel.dates)
    surface = np.concatenate([np.asarray(panel.index_iv)[:, None], np.asarray(panel.component_iv)], axis=1)
    kept = np.flatnonzero(np.asarray(panel.tenors) >= SHORTEST)
    axes = np.meshgrid(*(np.arange(size) for size in surface.shape), indexing="ij")
    t, n, k, d = (axis[:, :, kept].ravel() for axis in axes)
    known = np.isfinite(vol := surface[:, :, kept].ravel())
    calls = {
        "secid": FIRST_KEY + n,
        "date": dates[t],
        "days": np.asarray(panel.tenors)[k],
        "delta": np.asarray(panel.deltas)[d],
        "impl_volatility": np.where(known, vol, NONE),
        "impl_strike": np.where(known, 100.0, NONE),
    }
    frame = pl.DataFrame(calls)
    puts = frame.with_columns(delta=pl.col("delta") - 100, cp_flag=pl.lit("P"))
    pl.concat([frame.with_columns(cp_flag=pl.lit("C")), puts]).write_parquet(folder / "vsurfd.parquet")

    closes = _adjusted(panel)
    t, n = (axis.ravel() for axis in np.meshgrid(np.arange(len(dates)), np.arange(len(assets)), indexing="ij"))
    prices = pl.DataFrame({"secid": FIRST_KEY + n, "date": dates[t], "close": closes.ravel()}).filter(
        pl.col("close").is_finite()
    )
    ones = {name: pl.lit(1.0) for name in ("cfadj", "cfret")}
    prices.with_columns(**ones, shrout=pl.lit(1000)).write_parquet(folder / "secprd.parquet")
    rate = np.asarray(panel.rate) * 100.0
    curve = pl.DataFrame({"date": dates, "rate": rate}).join(pl.DataFrame({"days": [10, 365, 730]}), how="cross")
    curve.select("date", "days", "rate").write_parquet(folder / "zerocd.parquet")
    keys = {
        "secid": FIRST_KEY + np.arange(len(assets)),
        "effect_date": np.repeat(dates[:1], len(assets)),
        "ticker": assets,
    }
    pl.DataFrame(keys).with_columns(pl.lit("").alias("class")).write_parquet(folder / "secnmd.parquet")


def write_weights(panel: MarketPanel, file: Path) -> None:
    """Write the weights of members at each close; those that a panel has on a date are of the close before."""
    weights = np.asarray(panel.weights)[1:]
    rows, names = np.nonzero(weights)
    table = {
        "date": np.asarray(panel.dates)[rows],
        "ticker": np.asarray(panel.names)[names],
        "weight": weights[rows, names],
    }
    pl.DataFrame(table).write_csv(file)


def _adjusted(panel: MarketPanel) -> np.ndarray:
    """Closes of the index and the names, (T, 1 + N), with what moved prices apart from trading taken out."""
    members = np.maximum(panel.spot, CENT) / np.cumprod(np.asarray(panel.return_factor), axis=0)
    return np.concatenate([np.asarray(panel.index_spot)[:, None], members], axis=1)
