"""The parts of a `MarketPanel`: what its numbers mean, why a cell has none, listed expiries, sectors, and past closes.

Axes as in `MarketPanel`: T dates, N names, K tenors, D call deltas, E slots of listed expiries, S sectors that have
options of their own. H are the sessions of the closes: those of the panel, and others that have no option quotes.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from enum import IntEnum
from typing import Any

import numpy as np

from engine.errors import InputError

TENORS = (30, 91, 182, 273, 365, 547, 730)
DELTAS = tuple(range(10, 95, 5))


# What the marks of a market are made from -> what to say of a P&L on them; "" where there is nothing to say.
MARKS = {
    "quoted": "",  # bid and ask of one moment: what a trade would have paid
    "traded": "marks are the day's closing trades, up to hours apart from each other: no bid or ask was seen",
    "last": "marks come from last trades, of that day or of days before: a P&L on them shows moves nobody could trade",
    "surface": "marks are read from a volatility surface: no bid or ask was seen, and no trade need have been possible",
    "settled": "marks are the exchange's settlement prices, which a model fills where nothing traded",
    "synthetic": "marks are made by a model: what is earned on them says nothing of any market",
    "unknown": "what the marks are made from is not known: the market's source does not say",
}


class QuoteStatus(IntEnum):
    """Why a cell of the surface is NaN (0 where it is not)."""

    OK = 0
    NO_QUOTE = 1  # no usable quote of this name on this date
    BEYOND_DELTA = 2  # the quotes of the expiries around this tenor do not reach this delta
    BEYOND_TENOR = 3  # all expiries lie on one side of this tenor, and none is near enough to extrapolate from


@dataclass(frozen=True)
class MarketInfo:
    """What the numbers of a panel mean; written to every manifest and report.

    Parameters
    ----------
    name, index, currency : str
        Name of the market, symbol of the index leg, currency of all prices.
    calendar : str
        exchange_calendars code. Sessions come from the data; the calendar only checks them.
    source : str
        One line that says where the numbers come from.
    forward_convention : str
        How forwards were obtained.
    hedge_instrument : str
        What a delta hedge trades: "same-expiry future", "forward on spot", ...
    physical_delivery : bool
        True where stock options end in delivery of shares (a cost at expiry).
    marks : str
        What option marks are made from, one of `MARKS`: quoted, traded, last, surface, settled, synthetic or unknown.
    contracts : str
        How the contracts that a backtest holds differ from those that are listed; "" where they do not.
    notes : tuple of str
        What whoever leans on the numbers has to know, each a sentence without its full stop: printed and reported.
    """

    name: str
    index: str
    currency: str = "USD"
    calendar: str = "XNYS"
    source: str = ""
    forward_convention: str = "spot"
    hedge_instrument: str = "forward on spot"
    physical_delivery: bool = False
    marks: str = "unknown"
    contracts: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "notes", tuple(self.notes))  # a header keeps a list
        if self.marks not in MARKS:
            raise InputError(f"marks={self.marks} of market {self.name} is unknown; choose one of {', '.join(MARKS)}")


def described(info: MarketInfo) -> dict[str, Any]:
    """Return what a header or a manifest keeps of a market's information; notes only where there are some."""
    return {name: value for name, value in asdict(info).items() if name != "notes" or value}


@dataclass(frozen=True, eq=False)
class ListedSmiles:
    """The smile of each listed expiry, on the panel's call deltas.

    Parameters
    ----------
    expiry : array (T, E), datetime64[D]
        Listed expiries of each date in ascending order, NaT where there are fewer; always on the host.
    index_iv : array (T, E, D); iv : array (T, N, E, D)
        Annualised decimals, float32, NaN where there is no quote.
    index_forward : array (T, E); forward : array (T, N, E)
        Forward price to the expiry in raw (unadjusted) prices of that date.
    """

    expiry: np.ndarray
    index_iv: np.ndarray
    iv: np.ndarray
    index_forward: np.ndarray
    forward: np.ndarray


@dataclass(frozen=True, eq=False)
class SectorData:
    """The sector of each name, and the options on those sectors that have an ETF or a sub-index.

    Parameters
    ----------
    of_name : array (N,), str
        Sector of each name, "" where it has none; one classification for all dates. Always on the host.
    legs : array (S,), str; symbols : array (S,), str
        The sectors on which options exist, and the symbol of the ETF or sub-index they are on. Always on the host.
    weights : array (T, N)
        Weight of each name **in its own sector**, from the previous session's closes; 0 = not a member. Over a sector
        they sum to the share of it that the panel's names cover, at most 1.
    leg_spot : array (T, S)
        Raw closes of the legs, NaN where there is none.
    leg_iv : array (T, S, K, D)
        Constant-maturity volatilities of the legs, annualised decimals, float32, NaN where there is no quote.
    leg_status : array (T, S, K, D)
        `QuoteStatus` of each cell, uint8; always on the host.
    """

    of_name: np.ndarray
    legs: np.ndarray
    symbols: np.ndarray
    weights: np.ndarray
    leg_spot: np.ndarray
    leg_iv: np.ndarray
    leg_status: np.ndarray


@dataclass(frozen=True, eq=False)
class QuotedBand:
    """Constant-maturity volatilities at bid and at ask, where quotes have both; always on the host.

    Parameters
    ----------
    index_bid, index_ask : array (T, K, D); bid, ask : array (T, N, K, D)
        Annualised decimals, float32, NaN where either side is missing. The panel's own volatility lies between them.
    """

    index_bid: np.ndarray
    index_ask: np.ndarray
    bid: np.ndarray
    ask: np.ndarray


SECTOR_AXES = ("of_name", "legs", "symbols")  # the arrays of `SectorData` that have no dates
SELDOM = ("strike_reduction",)  # arrays that most panels do not have


@dataclass(frozen=True, eq=False)
class History:
    """Closes and return factors on every session they are known for, those without option quotes included.

    It is what realised measures read: they need the sessions before the first option quotes, and those in a hole of the
    option files. It says nothing of quotes, weights or membership, and no session of it can be traded.

    Parameters
    ----------
    dates : array (H,), datetime64[D]
        Ascending; the sessions of the panel are among them. Always on the host.
    index_close : array (H,)
        Raw closes of the index leg's underlying. A price index or a fund: dividends are not in its returns.
    close : array (H, N)
        Raw closes of the names, NaN where there is none.
    return_factor : array (H, N)
        As in `MarketPanel`, but on these sessions: an action acts on the first of them at or after its date.
    leg_close : array (H, S)
        Raw closes of the sectors' legs; S = 0 where the panel has none.
    note : str
        What is to be known of the closes beyond the panel's own, "" where there is nothing.
    """

    dates: np.ndarray
    index_close: np.ndarray
    close: np.ndarray
    return_factor: np.ndarray
    leg_close: np.ndarray
    note: str = ""

    def __len__(self):
        return len(self.dates)

    def map_arrays(self, change: Callable[[str, Any], Any]) -> "History":
        """Return a history with `change(name, array)` for each array; names start with `history.`."""
        arrays = [f.name for f in fields(self) if f.name != "note"]
        return replace(self, **{name: change(f"history.{name}", getattr(self, name)) for name in arrays})

    def between(self, after: np.datetime64 | None = None, until: np.datetime64 | None = None) -> "History":
        """Return the sessions later than `after`, up to and including `until`; None = open."""
        first = 0 if after is None else int(np.searchsorted(self.dates, after, side="right"))
        last = len(self) if until is None else int(np.searchsorted(self.dates, until, side="right"))
        return self.map_arrays(lambda _, array: array[first:last])


@dataclass(frozen=True, eq=False)
class Account:
    """What became of the rows that a panel was made of, read when it is asked for.

    Parameters
    ----------
    read : callable
        Given "quality", "rejected", "restated" or "actions", returns the frame, or None where nobody counted.
    """

    read: Callable[[str], Any]

    @property
    def quality(self) -> Any:
        """Counts of what was kept, dropped and odd: a frame of asset, reason, rows; None where nobody counted."""
        return self.read("quality")

    @property
    def rejected(self) -> Any:
        """Rows left out: a frame of table, file, line, column, reason, value; None where nobody listed them."""
        return self.read("rejected")

    @property
    def actions(self) -> Any:
        """Corporate actions that the factors of the panel are of; None where nobody kept them.

        A frame of date (as told: it acts on the first session at or after it), asset, kind, factor, amount, into.
        """
        return self.read("actions")

    @property
    def restated(self) -> Any:
        """Values that a vendor changed later, of a panel `as_of` an earlier time; None of any other.

        A frame of field, date, name, tenor, delta, then, now; as from `engine.data.vintages.restated`.
        """
        return self.read("restated")
