"""The parts of a `MarketPanel`: what its numbers mean, why a cell has none, listed expiries and sectors.

Axes as in `MarketPanel`: T dates, N names, K tenors, D call deltas, E slots of listed expiries, S sectors that have
options of their own.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

TENORS = (30, 91, 182, 273, 365, 547, 730)
DELTAS = tuple(range(10, 95, 5))


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
    contracts : str
        How the contracts that a backtest holds differ from those that are listed; "" where they do not.
    """

    name: str
    index: str
    currency: str = "USD"
    calendar: str = "XNYS"
    source: str = ""
    forward_convention: str = "spot"
    hedge_instrument: str = "forward on spot"
    physical_delivery: bool = False
    contracts: str = ""


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
    leg_iv : array (T, S, K, D)
        Constant-maturity volatilities of the legs, annualised decimals, float32, NaN where there is no quote.
    leg_status : array (T, S, K, D)
        `QuoteStatus` of each cell, uint8; always on the host.
    """

    of_name: np.ndarray
    legs: np.ndarray
    symbols: np.ndarray
    weights: np.ndarray
    leg_iv: np.ndarray
    leg_status: np.ndarray


SECTOR_AXES = ("of_name", "legs", "symbols")  # the arrays of `SectorData` that have no dates
