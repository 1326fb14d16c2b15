"""When a cohort ends."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from engine.arrays import Floats, Integers, PerCohort
from engine.backend import namespace
from engine.backtest.cohorts.book import TradeBook
from engine.backtest.market import MarketView
from engine.errors import InputError


@runtime_checkable
class Exits(Protocol):
    """What early exits of your own offer, in a frozen dataclass; a field that may batch holds a column (P, 1)."""

    def exit_day(
        self,
        book: TradeBook,
        entry_exposure: PerCohort,
        exposure: Floats,
        days_left: Floats,
        lag: int,
        market: MarketView,
    ) -> Integers | None:
        """Return the holding day on which each cohort is sold.

        Parameters
        ----------
        book : TradeBook
            P&L per unit of index vega and full exposure, before costs, of each cohort on each holding day.
        entry_exposure : array (P, C)
            Exposure each cohort was entered with: what the strategy asked for `lag` sessions before.
        exposure : array (P, T)
            Exposure the strategy asks for at each close.
        days_left : array (C, H + 1)
            Calendar days to expiry on each holding day, the first being that of entry.
        lag : int
            Sessions from a close that decides to the close that is traded at.
        market : MarketView
            Series by date; what is seen at a close may sell `lag` sessions later.

        Returns
        -------
        array (P, C), int, or None
            Holding day, 1 = the session after entry. A cohort that is not sold early has its last,
            `book.cohorts.life`, which is 0 if it never lived. None where no cohort of any set is sold early.
        """


@dataclass(frozen=True)
class HoldToExpiry:
    """Keep every cohort until its options expire; only the entry pays the option spread."""

    def exit_day(
        self,
        book: TradeBook,
        entry_exposure: PerCohort,
        exposure: Floats,
        days_left: Floats,
        lag: int,
        market: MarketView,
    ) -> None:
        """Return None: no cohort is sold."""
        return


@dataclass(frozen=True)
class ShortestTenor:
    """Sell a cohort while the surface still reaches its expiry, paying the option spread again on all its vega.

    It is sold at the last close that is not nearer to the expiry than the surface's shortest tenor, below which marks
    are extrapolated; the exchange's calendar tells that close beforehand. Where listed expiries are marked from their
    own smiles there is no such tenor, and nothing is sold.
    """

    def exit_day(
        self,
        book: TradeBook,
        entry_exposure: PerCohort,
        exposure: Floats,
        days_left: Floats,
        lag: int,
        market: MarketView,
    ) -> Integers:
        """Return the holding day on which each cohort is sold, (P, C); its last day where it is not sold early.

        Parameters as of `Exits`.

        Raises
        ------
        InputError
            When no cohort could be held for a day.
        """
        xp = namespace(entry_exposure, book.explain)
        last = (days_left >= book.shortest_tenor).sum(axis=1) - 1
        if not (book.entered & (last > 0)).any():
            raise InputError(
                "exits=shortest_tenor leaves no session between entry and the surface's shortest tenor of "
                f"{book.shortest_tenor} days; choose a longer structure.tenor"
            )
        sold = xp.minimum(xp.maximum(last, 1), xp.asarray(book.cohorts.life))
        return xp.broadcast_to(sold, entry_exposure.shape)


@dataclass(frozen=True)
class NextEntry:
    """Sell a cohort when the schedule enters the next one, paying the option spread again on all its vega.

    Of an entry that is spread over sessions each part is sold when as many later ones are entered, so that no more is
    held than what is asked for.
    """

    def exit_day(
        self,
        book: TradeBook,
        entry_exposure: PerCohort,
        exposure: Floats,
        days_left: Floats,
        lag: int,
        market: MarketView,
    ) -> Integers:
        """Return the holding day on which each cohort is sold, (P, C); its last day where it is not sold early.

        Parameters as of `Exits`.
        """
        xp = namespace(entry_exposure, book.explain)
        entry, life = xp.asarray(book.cohorts.entry), xp.asarray(book.cohorts.life)
        parts = min(round(1.0 / book.share), len(book.cohorts))
        until_next = xp.concatenate([entry[parts:] - entry[:-parts], xp.full(parts, book.days)])
        return xp.broadcast_to(xp.minimum(until_next, life), entry_exposure.shape)
