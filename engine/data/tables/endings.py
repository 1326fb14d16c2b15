"""Names that cease to trade while options on them are open: what is paid for a share, or which shares."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from engine.data.panel import MarketPanel
from engine.data.tables.action_kinds import ENDS, GOES_ON_AS, PAID_IN_CASH


@dataclass(frozen=True, eq=False)
class Endings:
    """What an option on each name delivers on each date; arrays (T, N) but for `into`.

    Cash that a merger pays beside shares is taken off strikes: max(a S + c - K, 0) = a max(S - (K - c) / a, 0), so an
    option on both is one on the shares, exactly, and has their volatility at that strike.

    On the session of a stock merger the name's own actions come first, then the merger, then those of the acquirer: the
    terms are shares of the acquirer as they were at the close before.

    Parameters
    ----------
    into : array (N,), int
        Position of the name each one becomes by a stock merger; its own where it does not.
    given : array (N,)
        Shares of that name for one of its own.
    source : array, int
        Position of the name whose shares it delivers: its own, until a merger makes them another's.
    shares : array
        How many of them for one of the name.
    settlement : array
        As in `MarketPanel`.
    unknown : array, bool
        The name became shares of what is no name of the market, or cash and shares on terms that no table tells.
    """

    into: np.ndarray
    given: np.ndarray
    source: np.ndarray
    shares: np.ndarray
    settlement: np.ndarray
    unknown: np.ndarray

    def __getitem__(self, rows: slice) -> "Endings":
        of_rows = (a[rows] for a in (self.source, self.shares, self.settlement, self.unknown))
        return Endings(self.into, self.given, *of_rows)

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
        factor = np.ones(of_names.shape)
        for held, _, here in self._held():
            factor = np.where(here, factor * np.take_along_axis(of_names, held, axis=1), factor)
        return np.where(self.unknown, np.nan, factor)

    def reductions(self, cash: np.ndarray, strike_factor: np.ndarray) -> np.ndarray:
        """Return what is taken off strikes of what is held into each session, (T, N), as quoted on it.

        Parameters
        ----------
        cash : array (T, N)
            Paid for a share of each name, dividends and beside shares of a merger alike, after its own splits.
        strike_factor : array (T, N)
            Of the names' own splits.
        """
        taken = np.zeros(cash.shape)
        for held, shares, here in self._held():
            factor, paid = (np.take_along_axis(of_names, held, axis=1) for of_names in (strike_factor, cash))
            taken = np.where(here, taken * factor + shares * paid, taken)
        return np.where(np.isfinite(taken) & ~self.unknown, taken, 0.0)

    def _held(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield what is held into each session, then what it becomes on it: position, shares, and where that is so."""
        held, shares = _day_before(self.source, np.arange(len(self.into))), _day_before(self.shares, 1.0)
        here = np.ones(held.shape, dtype=bool)
        for _ in range(1 + len(self.into)):
            yield held, shares, here
            here = held != self.source
            if not here.any():
                return
            held, shares = np.where(here, self.into[held], held), np.where(here, shares * self.given[held], shares)

    def on(self, panel: MarketPanel) -> MarketPanel:
        """Return a panel of these dates in which each name is what options on it deliver."""
        listed, band = panel.listed, panel.band
        return replace(
            panel,
            component_iv=self.quotes(panel.component_iv),
            component_status=self.quotes(panel.component_status),
            spot=self.prices(panel.spot),
            carry=self.quotes(panel.carry),
            settlement=self.settlement,
            listed=listed and replace(listed, iv=self.quotes(listed.iv), forward=self.prices(listed.forward)),
            band=band and replace(band, bid=self.quotes(band.bid), ask=self.quotes(band.ask)),
            validate=False,
        )


def endings(actions: pl.DataFrame, dates: np.ndarray, names: list[str]) -> Endings:
    """Arrange mergers, delistings and bankruptcies, each on the first session at or after its date.

    Parameters
    ----------
    actions : frame of date, asset, kind, amount, into
        Cash for a share, or of a merger for stock shares of `into`. Other kinds are left out.
    dates : array (T,), datetime64[D]
    names : list (N,) of str
    """
    column = {name: n for n, name in enumerate(names)}
    source = np.tile(np.arange(len(names)), (len(dates), 1))
    shares, settlement = np.ones(source.shape), np.full(source.shape, np.nan)
    unknown, becomes = np.zeros(source.shape, dtype=bool), np.arange(len(names))
    given = np.ones(len(names))
    ends = actions.filter(pl.col("kind").is_in(ENDS) & pl.col("asset").is_in(names))
    for date, asset, kind, amount, into in acquirers_first(ends):
        first, n = int(np.searchsorted(dates, np.datetime64(date, "D"))), column[asset]
        if first == len(dates) or np.datetime64(date, "D") < dates[0]:
            continue
        if kind in PAID_IN_CASH:
            settlement[first, n] = amount or 0.0
        elif kind in GOES_ON_AS and into in column and amount is not None:
            becomes[n], given[n] = column[into], amount
            source[first:, n] = source[first:, column[into]]
            shares[first:, n] = amount * shares[first:, column[into]]
        else:
            unknown[first, n] = True
    paid = shares * np.take_along_axis(settlement, source, axis=1)
    return Endings(becomes, given, source, shares, paid, np.take_along_axis(unknown, source, axis=1))


def acquirers_first(ends: pl.DataFrame) -> list[tuple]:
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


def _day_before(daily: np.ndarray, at_first: np.ndarray | float) -> np.ndarray:
    return np.concatenate([np.broadcast_to(at_first, daily[:1].shape), daily[:-1]])
