"""Who is in the S&P 500, with what weight and in which sector: holdings of the index fund and GICS sectors."""

from pathlib import Path

import numpy as np
import polars as pl

from engine.calendar import DAY
from engine.data.arrange import on_dates
from engine.data.schema import collect, scan
from engine.errors import InputError

HOLDINGS, SECTORS = "spy_holdings.parquet", "sp500_constituents_2026_gics.parquet"
# The fund on each GICS sector; a leg where it is among the chains.
SECTOR_FUNDS = {
    "Communication Services": "XLC",
    "Consumer Discretionary": "XLY",
    "Consumer Staples": "XLP",
    "Energy": "XLE",
    "Financials": "XLF",
    "Health Care": "XLV",
    "Industrials": "XLI",
    "Information Technology": "XLK",
    "Materials": "XLB",
    "Real Estate": "XLRE",
    "Utilities": "XLU",
}


def holdings(folder) -> pl.DataFrame:
    """Read the snapshots of the index fund: asof, ticker, shares_held, weight."""
    columns = {"asof": pl.Date, "ticker": pl.String, "shares_held": pl.Float64, "weight": pl.Float64}
    held = scan(folder, HOLDINGS, columns).drop_nulls(["asof", "ticker"])
    return collect(held, folder, HOLDINGS, may_be_empty=False)


def sectors_of(folder) -> dict[str, str]:
    """Read the GICS sector of each ticker; empty where the file is not there.

    The file is one classification, of 2026: a name that moved between sectors before is where it is now.
    """
    if not (Path(folder) / SECTORS).is_file():
        return {}
    columns = {"Symbol": pl.String, "GICS Sector": pl.String}
    rows = collect(scan(folder, SECTORS, columns).drop_nulls(), folder, SECTORS, may_be_empty=False)
    return dict(rows.iter_rows())


def sector_funds(sector_of: dict, tickers: set) -> dict[str, str]:
    """Return sector -> fund for the sectors whose fund is among the tickers."""
    known = set(sector_of.values())
    return {sector: fund for sector, fund in SECTOR_FUNDS.items() if sector in known and fund in tickers}


def index_weights(held: pl.DataFrame, splits, spot, dates, names, sector_of: dict) -> tuple[np.ndarray, np.ndarray]:
    """Weight of each name in the whole index, and in its own sector, from the previous session's closes.

    Shares held at the latest snapshot, rolled through splits since, times the previous session's closes, over the
    value of the whole snapshot, in which holdings without that close keep the snapshot's weight. A member without
    it has weight 0. Before the first close of the file the snapshot's own weights are used, the latest known.

    Parameters
    ----------
    held : frame
        As from `holdings`.
    splits : frame of date, ticker, price_factor
    spot : frame of date, asset, spot
    dates : array (T,), datetime64[D]; names : list (N,) of str
    sector_of : dict of ticker -> sector

    Returns
    -------
    array (T, N), array (T, N)
        A row sums to what the names cover of the index; over a sector, to what they cover of it.

    Raises
    ------
    InputError
        When no snapshot was known before a date.
    """
    sessions = spot["date"].unique().sort().to_numpy().astype("datetime64[D]")
    prices = on_dates(spot, "spot", sessions, names)
    weights, in_sector = np.zeros((2, len(dates), len(names)))
    for t, date in enumerate(dates):
        before = int(np.searchsorted(sessions, date)) - 1
        known = sessions[before] if before >= 0 else date - DAY
        snapshot = held.filter(pl.col("asof") <= known)
        if snapshot.height == 0:
            raise InputError(f"{HOLDINGS} has no snapshot at or before {known}; start later")
        snapshot = snapshot.filter(pl.col("asof") == pl.col("asof").max())
        totals = snapshot.group_by("ticker", maintain_order=True).agg(pl.col("weight", "shares_held").sum())
        of_name = {ticker: own for ticker, *own in totals.iter_rows()}
        weight, shares = np.array([of_name.get(name, (0.0, 0.0)) for name in names]).T
        weight = weight / snapshot["weight"].sum()  # in the order of the file, whatever sessions are read
        weights[t] = weight
        if before >= 0:
            since = splits.filter((pl.col("date") > snapshot["asof"][0]) & (pl.col("date") <= known))
            for ticker, factor in since.select("ticker", "price_factor").iter_rows():
                if ticker in names:
                    shares[names.index(ticker)] /= np.nan if factor is None else factor
            value = shares * prices[before]
            priced = value > 0.0
            value = np.where(priced, value, 0.0)
            weights[t] = weight[priced].sum() * value / (value.sum() or 1.0)
        whole = {ticker: own / snapshot["weight"].sum() for ticker, (own, _) in of_name.items()}
        in_sector[t] = _in_sector(whole, dict(zip(names, weights[t].tolist(), strict=True)), sector_of)
    return weights, in_sector


def largest_members(path, date, n: int = 50) -> list[str]:
    """Return the n largest holdings of the index fund at its latest snapshot at or before a date, largest first.

    Parameters
    ----------
    path : path
        Folder that holds us_history/.
    date : datetime64
    n : int

    Raises
    ------
    InputError
        When no snapshot is that old.
    """
    known = holdings(Path(path) / "us_history").filter(pl.col("asof") <= date)
    if known.height == 0:
        raise InputError(f"{HOLDINGS} has no snapshot at or before {date}; start later")
    latest = known.filter(pl.col("asof") == pl.col("asof").max())
    return latest.sort(["weight", "ticker"], descending=[True, False])["ticker"].head(n).to_list()


def _in_sector(snapshot: dict, weights: dict, sector_of: dict) -> list[float]:
    """Weight of each name in its own sector, in which holdings without a weight of their own keep the snapshot's."""
    held = snapshot | {name: weight for name, weight in weights.items() if weight > 0.0}
    total = {}
    for ticker, weight in held.items():
        total[sector_of.get(ticker)] = total.get(sector_of.get(ticker), 0.0) + weight
    return [
        weight / total[sector_of[name]] if name in sector_of and weight > 0.0 else 0.0
        for name, weight in weights.items()
    ]
