"""Names that cease to trade while options on them are open: what is paid for a share, or which shares."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from engine.data.records import ListedSmiles, QuotedBand
from engine.data.tables.action_kinds import ENDS, PAID_IN_CASH, STOCK_MERGER


@dataclass(frozen=True, eq=False)
class Endings:
    """What an option on each name delivers on each date; arrays (T, N) but for `into`.

    On the session of a stock merger the name's own actions come first, then the merger, then those of the acquirer: the
    terms are shares of the acquirer as they were at the close before.

    Parameters
    ----------
    into : array (N,), int
        Position of the name each one becomes by a stock merger; its own where it does not.
    source : array, int
        Position of the name whose shares it delivers: its own, until a merger makes them another's.
    shares : array
        How many of them for one of the name.
    settlement : array
        As in `MarketPanel`.
    unknown : array, bool
        The name became shares of what is no name of the market, or cash and shares.
    """

    into: np.ndarray
    source: np.ndarray
    shares: np.ndarray
    settlement: np.ndarray
    unknown: np.ndarray

    def __getitem__(self, rows: slice) -> "Endings":
        return Endings(self.into, self.source[rows], self.shares[rows], self.settlement[rows], self.unknown[rows])

    @property
    def merge(self) -> bool:
        """Whether any name goes on as shares of another."""
        return bool((self.source != np.arange(self.source.shape[1])).any())

    def quotes(self, of_names: np.ndarray) -> np.ndarray:
        """Return quotes (T, N, ...) that do not depend on how many shares they are for, such as volatilities."""
        if not self.merge:
            return of_names
        return np.take_along_axis(of_names, self.source.reshape(*self.source.shape, *[1] * (of_names.ndim - 2)), axis=1)

    def prices(self, of_names: np.ndarray) -> np.ndarray:
        """Return prices (T, N, ...) of what is delivered."""
        return self.quotes(of_names) * self.shares.reshape(*self.shares.shape, *[1] * (of_names.ndim - 2))

    def factors(self, of_names: np.ndarray) -> np.ndarray:
        """Return factors of corporate actions, (T, N), on what is held into each session; NaN where that ended.

        On the session of a merger: the name, then its acquirer, then the acquirer's where it merges that day too.
        """
        held = _day_before(self.source)
        factor = np.take_along_axis(of_names, held, axis=1)
        for _ in self.into:
            merges = held != self.source
            if not merges.any():
                break
            held = np.where(merges, self.into[held], held)
            factor = np.where(merges, factor * np.take_along_axis(of_names, held, axis=1), factor)
        return np.where(self.unknown, np.nan, factor)

    def listed(self, smiles: ListedSmiles | None) -> ListedSmiles | None:
        """Return the listed smiles of what is delivered."""
        return smiles and replace(smiles, iv=self.quotes(smiles.iv), forward=self.prices(smiles.forward))

    def band(self, band: QuotedBand | None) -> QuotedBand | None:
        """Return the band of what is delivered."""
        return band and replace(band, bid=self.quotes(band.bid), ask=self.quotes(band.ask))


def endings(actions: pl.DataFrame, dates: np.ndarray, names: list[str]) -> Endings:
    """Arrange mergers, delistings and bankruptcies, each on the first session at or after its date.

    Parameters
    ----------
    actions : frame of date, asset, kind, amount, into
        Cash for a share, or of a stock merger shares of `into`. Other kinds are left out.
    dates : array (T,), datetime64[D]
    names : list (N,) of str
    """
    column = {name: n for n, name in enumerate(names)}
    source = np.tile(np.arange(len(names)), (len(dates), 1))
    shares, settlement = np.ones(source.shape), np.full(source.shape, np.nan)
    unknown, becomes = np.zeros(source.shape, dtype=bool), np.arange(len(names))
    ends = actions.filter(pl.col("kind").is_in(ENDS) & pl.col("asset").is_in(names))
    for date, asset, kind, amount, into in _acquirers_first(ends):
        first, n = int(np.searchsorted(dates, np.datetime64(date, "D"))), column[asset]
        if first == len(dates) or np.datetime64(date, "D") < dates[0]:
            continue
        if kind in PAID_IN_CASH:
            settlement[first, n] = amount or 0.0
        elif kind == STOCK_MERGER and into in column:
            becomes[n] = column[into]
            source[first:, n] = source[first:, column[into]]
            shares[first:, n] = amount * shares[first:, column[into]]
        else:
            unknown[first, n] = True
    paid = shares * np.take_along_axis(settlement, source, axis=1)
    return Endings(becomes, source, shares, paid, np.take_along_axis(unknown, source, axis=1))


def _acquirers_first(ends: pl.DataFrame) -> list[tuple]:
    """Order the endings so that what becomes of an acquirer is known before what becomes its shares."""
    known = {row[1]: row for row in ends.select("date", "asset", "kind", "amount", "into").iter_rows()}
    ordered = []
    while known:
        chain, row = [], next(iter(known.values()))
        while row is not None:
            chain.append(known.pop(row[1]))
            row = known.get(row[4])
        ordered += reversed(chain)
    return ordered


def _day_before(source: np.ndarray) -> np.ndarray:
    return np.concatenate([np.arange(source.shape[1])[None], source[:-1]])
