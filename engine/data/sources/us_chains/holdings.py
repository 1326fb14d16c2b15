"""Who is in the S&P 500, with what weight and in which sector: holdings of the index fund and GICS sectors."""

import math

import numpy as np
import polars as pl

from engine.calendar import DAY
from engine.data.arrange import on_dates
from engine.data.quotes.clean import QualityReport
from engine.data.sources.us_chains.files import HOLDINGS, SECTORS
from engine.data.tables import contracts as tables
from engine.data.tables.action_kinds import MOVES_CONTRACTS
from engine.data.tables.contracts import Column, Rule, Table
from engine.data.tables.judged_files import read_judged
from engine.errors import InputError

# The fund on each GICS sector; where it is among the chains the sector has an index leg.
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


SNAPSHOTS = Table(
    "holdings",
    {"asof": Column("date"), "ticker": Column("text"), "shares_held": Column("number"), "weight": Column("number")},
    ("asof", "ticker"),
    (
        Rule("shares_held_negative", "shares_held", pl.col("shares_held") < 0.0),
        Rule("weight_negative", "weight", pl.col("weight") < 0.0),
    ),
)


def holdings(folder, report: QualityReport) -> pl.DataFrame:
    """Read the snapshots of the index fund: asof, ticker, shares_held, weight."""
    return read_judged(SNAPSHOTS, folder / HOLDINGS, report)


def sectors_of(folder, report: QualityReport) -> dict[str, str]:
    """Read the GICS sector of each ticker; empty where the file is not there.

    The file is the classification of 2026. A name that changed its sector earlier has its sector of 2026 on all dates.
    """
    if not (folder / SECTORS).is_file():
        return {}
    rows = read_judged(tables.SECTORS, folder / SECTORS, report, names={"ticker": "Symbol", "sector": "GICS Sector"})
    return dict(rows.iter_rows())


def sector_funds(sector_of: dict, tickers: set) -> dict[str, str]:
    """Return sector -> fund for the sectors whose fund is among the tickers."""
    known = set(sector_of.values())
    return {sector: fund for sector, fund in SECTOR_FUNDS.items() if sector in known and fund in tickers}


def members(held: pl.DataFrame, first, index: str) -> list[str]:
    """Return every ticker that is a holding at `first` or later, alphabetically, quoted or not; never the index.

    Parameters
    ----------
    held : frame
        As from `holdings`.
    first : datetime64
        First session of the chains.
    index : str
    """
    at_first = held.filter(pl.col("asof") < first)["asof"].max()
    later = held if at_first is None else held.filter(pl.col("asof") >= at_first)
    return sorted(set(later["ticker"]) - {index})


def index_weights(held: pl.DataFrame, actions, spot, dates, names, sector_of: dict) -> tuple[np.ndarray, np.ndarray]:
    """Weight of each name in the whole index, and in its own sector, from the previous session's closes.

    The value of a name is its shares at the latest snapshot, adjusted for splits since then, times the previous
    session's close. Names that have that close share, by value, the weight that the snapshot gives them together; the
    weight of the others stays as in the snapshot, so that what is missing is known. Before the first close of the file
    the snapshot's own weights are used.

    Parameters
    ----------
    held : frame
        As from `holdings`.
    actions : frame of date, asset, kind, factor
    spot : frame of date, asset, spot
    dates : array (T,), datetime64[D]; names : list (N,) of str
    sector_of : dict of ticker -> sector

    Returns
    -------
    weights, in_sector : array (T, N)
        A row of `weights` sums to 1, a row of `in_sector` to 1 over each sector, as far as `names` are all holdings.

    Raises
    ------
    InputError
        When there is no snapshot before a date.
    """
    sessions = spot["date"].unique().sort().to_numpy().astype("datetime64[D]")
    prices = on_dates(spot, "spot", sessions, names)
    splits = actions.filter(pl.col("kind").is_in(MOVES_CONTRACTS))
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
        weight = weight / snapshot["weight"].sum()  # summed in the file's order: the same bits for any range of dates
        weights[t] = weight
        if before >= 0:
            since = splits.filter((pl.col("date") > snapshot["asof"][0]) & (pl.col("date") <= known))
            for ticker, factor in since.select("asset", "factor").iter_rows():
                if ticker in names:
                    shares[names.index(ticker)] /= np.nan if factor is None else factor
            value = shares * prices[before]
            priced = value > 0.0
            # Sums that are exact: a name that joins later must not change the rounding of the others.
            together = math.fsum(weight[priced]) / (math.fsum(value[priced]) or 1.0)
            weights[t] = np.where(priced, together * np.where(priced, value, 0.0), weight)
        in_sector[t] = _in_sector(names, weights[t].tolist(), sector_of)
    return weights, in_sector


def _in_sector(names, weights: list, sector_of: dict) -> list[float]:
    """Weight of each name in its own sector."""
    total = {}  # summed in the order of the names, of which a later one adds 0
    for name, weight in zip(names, weights, strict=True):
        total[sector_of.get(name)] = total.get(sector_of.get(name), 0.0) + weight
    return [
        weight / total[sector_of[name]] if name in sector_of and weight > 0.0 else 0.0
        for name, weight in zip(names, weights, strict=True)
    ]
