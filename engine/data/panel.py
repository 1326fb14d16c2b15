"""MarketPanel: everything known about one index and its members, as arrays on named axes.

Axes, always in this order: T dates, N names, K tenors (calendar days), D call deltas (90 = 10-delta put); E is the
slot of a listed expiry, S that of a sector with
options of its own. A missing quote is NaN and has a `QuoteStatus`; a name that is not a member has weight 0.
"""

import hashlib
import logging
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum

import numpy as np

from engine.backend import device_budget, library, namespace, to_host
from engine.calendar import DAY
from engine.errors import InputError
from engine.stream import upload

log = logging.getLogger(__name__)

TENORS = (30, 91, 182, 273, 365, 547, 730)
DELTAS = tuple(range(10, 95, 5))

# For reports only: never moved to a device.
_ON_HOST = ("dates", "index_status", "component_status", "listed.expiry", "sectors.leg_status")
# By far the largest arrays. Where not all fits on the device these stay on the host, and their windows stream.
_STREAMED = ("component_iv", "listed.iv")


class QuoteStatus(IntEnum):
    """Why a cell of the surface is NaN (0 where it is not)."""

    OK = 0
    NO_QUOTE = 1  # nothing usable for this name and date
    BEYOND_DELTA = 2  # quotes of the bracketing expiries do not reach this delta
    BEYOND_TENOR = 3  # no expiry on one side of this tenor, further than the allowed extrapolation


@dataclass(frozen=True)
class MarketInfo:
    """What the numbers of a panel mean; written to every manifest and report.

    Parameters
    ----------
    name, index, currency : str
        Data set, symbol of the index leg, currency of all prices.
    calendar : str
        exchange_calendars code used to check the sessions (never to make them).
    source : str
        One line saying where the numbers come from.
    forward_convention : str
        How forwards were obtained.
    hedge_instrument : str
        What a delta hedge trades: "same-expiry future", "forward on spot", ...
    physical_delivery : bool
        True where stock options end in delivery of shares (a cost at expiry).
    """

    name: str
    index: str
    currency: str = "USD"
    calendar: str = "XNYS"
    source: str = ""
    forward_convention: str = "spot"
    hedge_instrument: str = "forward on spot"
    physical_delivery: bool = False


@dataclass(frozen=True, eq=False)
class ListedSmiles:
    """The smile of each listed expiry, on the panel's call deltas.

    Parameters
    ----------
    expiry : array (T, E), datetime64[D]
        Listed expiries per date in ascending order, NaT where fewer; always on the host.
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
class Sectors:
    """Which sector each name belongs to, and the options on the sectors that have an ETF or a sub-index of their own.

    Parameters
    ----------
    of_name : array (N,), str
        Sector of each name, "" where it has none; one classification for all dates.
    legs : array (S,), str; symbols : array (S,), str
        The sectors on which options exist, and the symbol of the ETF or sub-index they are on. Like `of_name` always
        on the host.
    weights : array (T, N)
        Weight of each name **in its own sector**, from the previous session's closes: over a sector they sum to the
        share of it that the panel's names cover, at most 1; 0 = not a member of it.
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


SECTOR_AXES = ("of_name", "legs", "symbols")


@dataclass(frozen=True, eq=False)
class MarketPanel:
    """An index and its members over dates: surfaces, prices, membership and corporate actions.

    Parameters
    ----------
    info : MarketInfo
    dates : array (T,), datetime64[D]; names : array (N,), str; tenors : array (K,), int; deltas : array (D,), int
        The axes; always on the host. Tenors are calendar days, deltas are call deltas in percent.
    index_iv : array (T, K, D); component_iv : array (T, N, K, D)
        Constant-maturity implied volatilities, annualised decimals, float32, NaN where there is no quote.
    index_status : array (T, K, D); component_status : array (T, N, K, D)
        `QuoteStatus` of each cell, uint8.
    weights : array (T, N)
        Index weights **from the previous session's closes**, so they may be used on the date itself. Each row sums
        to at most 1 over the members the panel covers; 0 = not a member.
    index_spot : array (T,); spot : array (T, N)
        Raw closes, never back-adjusted.
    rate : array (T,)
        Continuously compounded risk-free rate, decimal.
    index_carry : array (T,); carry : array (T, N)
        Continuous rate at which the forward grows over spot where only the grid is known: F = S exp(carry * years).
    strike_factor : array (T, N)
        1, except on the effective date of a split: new price / old price (0.1 for 10:1). Open contracts keep
        strike * factor, contracts / factor. NaN = contracts were replaced in a way that is not known.
    return_factor : array (T, N)
        Like strike_factor, and including what moves prices without changing contracts (special dividends): the
        return of a day is spot[t] / (spot[t-1] * return_factor[t]) - 1.
    settlement : array (T, N)
        NaN, except on the date a name ceases to trade: the cash value of one share (cash merger: the deal price;
        bankruptcy: 0). Options on it settle at intrinsic value that day.
    listed : ListedSmiles or None
        None where the source knows only the constant-maturity grid.
    sectors : Sectors or None
        None where the source does not know them.
    content_hash : str
        Names the contents in a manifest: of a stored panel that of its files, of a slice or of panels put together
        one derived from theirs; "" where nothing is known of the contents.
    window_bytes : int or None
        Set by `to` where the members' volatilities stay on the host because the device cannot hold them: the most that
        one of the two windows of dates that stream through it may take. None where all arrays are in one place.

    Notes
    -----
    Prices, weights and factors are float64; implied volatilities are stored float32 (float64 is accepted).
    """

    info: MarketInfo
    dates: np.ndarray
    names: np.ndarray
    tenors: np.ndarray
    deltas: np.ndarray
    index_iv: np.ndarray
    component_iv: np.ndarray
    index_status: np.ndarray
    component_status: np.ndarray
    weights: np.ndarray
    index_spot: np.ndarray
    spot: np.ndarray
    rate: np.ndarray
    index_carry: np.ndarray
    carry: np.ndarray
    strike_factor: np.ndarray
    return_factor: np.ndarray
    settlement: np.ndarray
    listed: ListedSmiles | None = None
    sectors: Sectors | None = None
    content_hash: str = field(default="", compare=False)
    window_bytes: int | None = field(default=None, compare=False)

    def __len__(self):
        return len(self.dates)

    def __repr__(self):
        info, listed = self.info, "" if self.listed is None else f", {self.listed.expiry.shape[1]} listed expiries"
        span = f"{self.dates[0]} to {self.dates[-1]}" if len(self) else "no dates"
        return (
            f"MarketPanel {info.name}: {info.index} and {len(self.names)} names, {len(self):,} sessions {span}, "
            f"{len(self.tenors)} tenors x {len(self.deltas)} deltas{listed}, {info.currency}"
        )

    def map_arrays(self, change) -> "MarketPanel":
        """Return a panel whose date-first arrays are `change(name, array)`: the same axes, contents not yet hashed."""
        fixed = ("info", "names", "tenors", "deltas", "listed", "sectors", "content_hash", "window_bytes")
        changed = {f.name: change(f.name, getattr(self, f.name)) for f in fields(self) if f.name not in fixed}
        if self.listed is not None:
            listed = {f.name: change(f"listed.{f.name}", getattr(self.listed, f.name)) for f in fields(ListedSmiles)}
            changed["listed"] = ListedSmiles(**listed)
        if self.sectors is not None:
            dated = [f.name for f in fields(Sectors) if f.name not in SECTOR_AXES]
            sectors = {name: change(f"sectors.{name}", getattr(self.sectors, name)) for name in dated}
            changed["sectors"] = replace(self.sectors, **sectors)
        return replace(self, content_hash="", **changed)

    def slice(self, start=None, end=None) -> "MarketPanel":
        """Return the sessions from `start` to `end`, both inclusive (ISO text or datetime64; None = open).

        Where the dates are times of the day, an `end` that is a date includes all of that day.

        Raises
        ------
        InputError
            When no session lies in the range.
        """
        first = 0 if start is None else int(np.searchsorted(self.dates, _moment(start)))
        last = len(self) if end is None else int(np.searchsorted(self.dates, _after(_moment(end))))
        if first >= last:
            raise InputError(
                f"no session of {self.info.name} lies in {start or '...'} .. {end or '...'}; "
                f"the data covers {self.dates[0]} .. {self.dates[-1]}"
            )
        if (first, last) == (0, len(self)):
            return self
        part = self.map_arrays(lambda _, array: array[first:last])
        span = f"{part.dates[0]}:{part.dates[-1]}"
        return replace(part, content_hash=_derived_hash(self.content_hash, span))

    def append(self, later: "MarketPanel") -> "MarketPanel":
        """Return this panel followed by the sessions of `later`, which must start after this one ends.

        What the numbers mean, `info`, is as of `later`.

        Raises
        ------
        InputError
            When the axes differ or the dates do not follow.
        """
        check_appendable(self, later)
        after = {}
        later.map_arrays(lambda name, array: after.setdefault(name, array))
        both = self.map_arrays(lambda name, array: namespace(array).concatenate([array, after[name]]))
        return replace(both, info=later.info, content_hash=_derived_hash(self.content_hash, later.content_hash))

    def to(self, backend: str, memory_budget: float | None = None) -> "MarketPanel":
        """Move the arrays to "numpy" or "cupy"; dates, expiries and quote statuses stay on the host.

        Parameters
        ----------
        backend : str
        memory_budget : float or None
            GB that the panel may take on the device; None = 80 % of what is free. Where not all of it fits, the
            members' volatilities stay on the host and are streamed (`window_bytes`), with the same results.

        Raises
        ------
        InputError
            When the budget is not usable, or too small for what cannot be streamed.
        """
        if backend == "numpy":
            moved = self.map_arrays(lambda _, array: to_host(array))
            return replace(moved, content_hash=self.content_hash, window_bytes=None)
        sizes = {}
        self.map_arrays(
            lambda name, array: sizes.setdefault(name, array.nbytes if isinstance(array, np.ndarray) else 0)
        )
        window_bytes = _window_bytes(sizes, device_budget(memory_budget), len(self))
        stay = _ON_HOST if window_bytes is None else (*_ON_HOST, *_STREAMED)
        xp = library(backend)
        moved = self.map_arrays(lambda name, array: array if name in stay else upload(xp, array))
        return replace(moved, content_hash=self.content_hash, window_bytes=window_bytes)


def _window_bytes(sizes: dict, budget: int, dates: int) -> int | None:
    """Bytes left for each of two windows where not all arrays fit into the budget; None where they do."""
    whole = {name: size for name, size in sizes.items() if name not in (*_ON_HOST, *_STREAMED)}
    streamed = [sizes[name] for name in _STREAMED if name in sizes]
    if sum(whole.values()) + sum(streamed) <= budget:
        return None
    window_bytes = (budget - sum(whole.values())) // 2
    if window_bytes < max(streamed) // dates:
        needed = sum(whole.values()) + 2 * max(streamed) // dates
        raise InputError(
            f"the panel may take {budget / 1e9:.3g} GB on the device, and needs {needed / 1e9:.3g} even where the "
            "volatilities stream; give more memory_budget, or use backend=numpy"
        )
    log.info("the panel does not fit on the device whole: the members' volatilities stay on the host and stream")
    return window_bytes


def _derived_hash(*parts: str) -> str:
    """Hash what contents were made of; of something unknown, nothing is known."""
    return hashlib.sha256(" ".join(parts).encode()).hexdigest() if all(parts) else ""


def _moment(when) -> np.datetime64:
    """A date, or a time of the day."""
    given = np.datetime64(when)
    return given.astype("datetime64[D]") if np.datetime_data(given.dtype)[0] in ("Y", "M", "W") else given


def _after(moment: np.datetime64) -> np.datetime64:
    """The first moment after a day, or after a time."""
    whole_day = np.datetime_data(moment.dtype)[0] == "D"
    return moment + DAY if whole_day else moment.astype("datetime64[us]") + np.timedelta64(1, "us")


def check_appendable(panel: MarketPanel, later: MarketPanel) -> None:
    """Raise InputError unless `later` is of the same market, has the same axes and starts after `panel` ends."""
    for word in ("name", "index", "currency"):
        one, other = getattr(panel.info, word), getattr(later.info, word)
        if one != other:
            raise InputError(f"cannot append {other} to {one}: the {word} of the market differs")
    for axis in ("names", "tenors", "deltas"):
        if not np.array_equal(getattr(panel, axis), getattr(later, axis)):
            raise InputError(f"cannot append to {panel.info.name}: the {axis} differ; rebuild the panel")
    if (panel.listed is None) != (later.listed is None):
        raise InputError(f"cannot append to {panel.info.name}: only one of the two has listed expiries")
    if panel.listed is not None and panel.listed.expiry.shape[1] != later.listed.expiry.shape[1]:
        raise InputError(f"cannot append to {panel.info.name}: the number of expiry slots differs; rebuild the panel")
    if not _same_sectors(panel.sectors, later.sectors):
        raise InputError(f"cannot append to {panel.info.name}: the sectors differ; rebuild the panel")
    if len(later) and later.dates[0] <= panel.dates[-1]:
        raise InputError(
            f"cannot append {later.dates[0]} to {panel.info.name}: the panel already ends {panel.dates[-1]}"
        )


def _same_sectors(one: Sectors | None, other: Sectors | None) -> bool:
    if one is None or other is None:
        return one is other
    return all(np.array_equal(getattr(one, axis), getattr(other, axis)) for axis in SECTOR_AXES)


def check_rates(panel: MarketPanel) -> None:
    """Raise InputError, with the date, where a session has no interest rate: nothing may take it for 0 instead."""
    missing = panel.dates[~np.isfinite(to_host(panel.rate))]
    if len(missing):
        raise InputError(
            f"market {panel.info.name} has no interest rate on {missing[0]} ({len(missing):,} sessions in all); "
            f"complete the rates of its source, or start after them"
        )
