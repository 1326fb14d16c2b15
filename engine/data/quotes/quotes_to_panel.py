"""From quotes to a panel: the last step of every source, block of dates by block of dates."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Protocol

import numpy as np
import polars as pl

from engine.calendar import DAY, days_between
from engine.data.panel import MarketPanel
from engine.data.quotes.quotes_to_surface import constant_maturity, listed_smiles
from engine.data.records import DELTAS, TENORS, History, ListedSmiles, MarketInfo, SectorData


class Delivers(Protocol):
    """What options on names deliver that cease to trade, on each date: `tables.endings.Endings`."""

    def __getitem__(self, rows: slice) -> "Delivers": ...
    def on(self, panel: MarketPanel) -> MarketPanel: ...


@dataclass(frozen=True, eq=False)
class DailyInputs:
    """Everything of a panel that is not read from option quotes; small, so it is made for all dates at once.

    Parameters
    ----------
    dates : array (T,), datetime64[D]
    names : list (N,) of str
    index : str
        Symbol of the index leg, as the quotes name it.
    slots : array (T, E), datetime64[D]
        Listed expiries of each date, ascending, NaT where fewer; as from `expiry_slots`.
    index_slots : array (T, any number), datetime64[D], or None
        Those of the index leg, where it lists others than the names do: the index's constant maturities come from them,
        while what is listed together stays that of `slots`. None = those of `slots`.
    prices : array (T, 1 + N)
        Raw closes of the index, then of the names.
    rate : array (T,)
        Continuous risk-free rate, decimal; also the carry of index and names on the constant-maturity grid.
    strike_factor, return_factor, weights : array (T, N)
        As in `MarketPanel`.
    legs : dict of sector -> symbol
        The sectors that have options of their own, and what the quotes name their ETF or sub-index.
    of_name : array (N,), str, or None
        Sector of each name; None where the source has no sectors.
    sector_weights : array (T, N)
        Weight of each name in its own sector.
    leg_prices : array (T, S)
        Raw closes of the sectors' legs.
    strike_reduction : array (T, N), or None
        As in `MarketPanel`.
    endings : Endings or None
        Of names that cease to trade: what options on them deliver.
    history : History or None
        Closes on all sessions that have them, up to the last date; None where the files have those of the dates only.
    """

    dates: np.ndarray
    names: list
    index: str
    slots: np.ndarray
    index_slots: np.ndarray | None
    prices: np.ndarray
    rate: np.ndarray
    strike_factor: np.ndarray
    return_factor: np.ndarray
    weights: np.ndarray
    legs: dict
    of_name: np.ndarray | None
    sector_weights: np.ndarray
    leg_prices: np.ndarray
    strike_reduction: np.ndarray | None = None
    endings: Delivers | None = None
    history: History | None = None

    def tables(self) -> dict[str, pl.DataFrame]:
        """Return weights, rates and sectors as tables of the front door; weights count as known at the open."""
        sessions, names = len(self.dates), len(self.names)
        of = {"date": np.repeat(self.dates, names), "ticker": self.names * sessions, "weight": self.weights.ravel()}
        tables = {"weights": pl.DataFrame(of), "rates": pl.DataFrame({"date": self.dates - DAY, "rate": self.rate})}
        if self.of_name is not None:
            of_name = pl.DataFrame({"ticker": self.names, "sector": self.of_name.tolist()})
            tables["sectors"] = of_name.filter(pl.col("sector") != "")
        return tables

    @property
    def assets(self) -> list[str]:
        """Symbols whose quotes are wanted: the index, the names, the sectors' legs."""
        return [self.index, *self.names, *self.legs.values()]

    def blocks(self, sessions: int) -> Iterator["DailyInputs"]:
        """Cut the dates into blocks of so many sessions, the last one shorter; the first has the closes before it."""
        undated = ("names", "index", "legs", "of_name", "history")
        dated = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in undated}
        for first in range(0, len(self.dates), sessions):
            rows = slice(first, first + sessions)
            part = {name: array if array is None else array[rows] for name, array in dated.items()}
            if self.history is not None:
                before = self.dates[first - 1] if first else None
                part["history"] = self.history.between(after=before, until=self.dates[rows][-1])
            yield replace(self, **part)


def quotes_to_panel(
    info: MarketInfo, daily: DailyInputs, quotes: pl.DataFrame, forward, max_extrapolation_days: float
) -> MarketPanel:
    """Put the quotes of a block of dates on the surface and join what else is known of these dates.

    Parameters
    ----------
    info : MarketInfo
    daily : DailyInputs
    quotes : frame of schema `Quotes`
        Of the dates and assets of `daily`; others are left out.
    forward : array (T, 1 + N, E)
        Forward price of the index and of the names to each listed expiry, raw.
    max_extrapolation_days : float
        As for `constant_maturity`.
    """
    dates, rate = daily.dates, daily.rate
    names = slice(1, 1 + len(daily.names))
    legs = slice(names.stop, None)
    smiles, iv, status = _surface(quotes, daily, daily.assets, daily.slots, max_extrapolation_days)
    if daily.index_slots is not None:
        own = _surface(quotes, daily, [daily.index], daily.index_slots, max_extrapolation_days)
        iv[:, :1], status[:, :1] = own[1:]
    sectors = None
    if daily.of_name is not None:
        sectors = SectorData(
            of_name=daily.of_name,
            legs=np.array(list(daily.legs), dtype=str),
            symbols=np.array(list(daily.legs.values()), dtype=str),
            weights=daily.sector_weights,
            leg_spot=daily.leg_prices,
            leg_iv=iv[:, legs],
            leg_status=status[:, legs],
        )
    panel = MarketPanel(
        info=info,
        dates=dates,
        names=np.array(daily.names),
        tenors=np.array(TENORS),
        deltas=np.array(DELTAS),
        index_iv=iv[:, 0],
        component_iv=iv[:, names],
        index_status=status[:, 0],
        component_status=status[:, names],
        weights=daily.weights,
        index_spot=daily.prices[:, 0],
        spot=daily.prices[:, 1:],
        rate=rate,
        index_carry=rate.copy(),
        carry=np.repeat(rate[:, None], len(daily.names), axis=1),
        strike_factor=daily.strike_factor,
        return_factor=daily.return_factor,
        settlement=np.full(daily.weights.shape, np.nan),
        strike_reduction=daily.strike_reduction,
        sectors=sectors,
        history=daily.history,
        listed=ListedSmiles(
            expiry=daily.slots,
            index_iv=smiles[:, 0],
            iv=smiles[:, names],
            index_forward=forward[:, 0],
            forward=forward[:, 1:],
        ),
        validate=False,  # checked as it is written
    )
    return panel if daily.endings is None else daily.endings.on(panel)


def _surface(quotes, daily: DailyInputs, assets, slots, max_extrapolation_days: float):
    """Smiles at listed expiries (T, A, E, D), volatilities at constant maturities (T, A, K, D) and their status."""
    smiles = listed_smiles(quotes, daily.dates, assets, slots, DELTAS)
    days = days_between(slots, daily.dates[:, None])
    return smiles, *constant_maturity(smiles, days, TENORS, max_extrapolation_days)
