"""MarketPanel: everything known about one index and its members, as arrays on named axes.

Axes, always in this order: T dates, N names, K tenors (calendar days), D call deltas (90 = 10-delta put). E counts the
slots of listed expiries, S the sectors that have options of their own. A missing quote is NaN and has a `QuoteStatus`;
a name that is not a member has weight 0.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field, fields, replace
from importlib import import_module
from typing import Any

import numpy as np

from engine.backend import device_budget, library, namespace, to_host
from engine.calendar import Date
from engine.data.check_append import check_appendable
from engine.data.check_panel import check_panel
from engine.data.contract_quotes import ContractQuotes
from engine.data.moments import after, moment
from engine.data.records import SECTOR_AXES, Account, History, ListedSmiles, MarketInfo, QuotedBand, SectorData
from engine.data.suspicions import suspicions, tell
from engine.errors import InputError
from engine.records import concatenate, lock
from engine.stream import upload

log = logging.getLogger(__name__)

# Read on the host only, by reports and by what chooses dates: never moved to a device.
_BAND = ("band.index_bid", "band.index_ask", "band.bid", "band.ask")
_ON_HOST = ("dates", "index_status", "component_status", "listed.expiry", "sectors.leg_status", "history.dates", *_BAND)
# The largest arrays by far. Where the panel does not fit on the device they stay on the host and stream in windows.
_STREAMED = ("component_iv", "listed.iv")


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
        1, except on the effective date of a split: new price / old price (0.1 for 10:1). An open contract goes on
        with strike * factor and contracts / factor. NaN = contracts were replaced on terms that are not known.
    return_factor : array (T, N)
        As strike_factor, and also what moves prices without changing contracts (special dividends): the return of a
        day is spot[t] / (spot[t-1] * return_factor[t]) - 1.
    settlement : array (T, N)
        NaN, except on the date a name ceases to trade: the cash value of one share (cash merger: the deal price;
        bankruptcy: 0). Options on it settle at intrinsic value that day.
    strike_reduction : array (T, N), or None
        0, except on the date of a special dividend that is taken off strikes, or of a merger that pays cash beside
        shares: a contract goes on with strike * strike_factor - strike_reduction. None where no name ever had one.
    listed : ListedSmiles or None; band : QuotedBand or None; sectors : SectorData or None
        None where the source knows only the constant-maturity grid, has no quotes with two sides, or no sectors.
    history : History or None
        Closes of more sessions than the panel's, on dates of their own; None where the panel's own are all there are.
    report : Account or None
        What became of the rows that the panel was made of, on all its dates: `report.quality`, `report.rejected`. None
        where it was made of arrays, or appended.
    contracts : ContractQuotes or None
        Quotes of each listed contract, read as they are asked for; None where the source has none.
    content_hash : str
        Identifies the contents in a manifest. A stored panel has the hash of its files; a slice, or panels put
        together, a hash derived from theirs; a panel made in memory has "".
    window_bytes : int or None
        Set by `to` where the members' volatilities stay on the host because the device cannot hold them: the most
        bytes of one window of dates (two are on the device at a time). None where all arrays are in one place.
    validate : bool
        False takes what is given as it is, for who has checked it already: every value is read once otherwise. What is
        made of a panel by its own methods, and what is opened from a folder, is not read again.

    Raises
    ------
    InputError
        When something of it cannot be; `validate` looks again at any time.

    Notes
    -----
    Prices, weights and factors are float64; implied volatilities are stored float32 (float64 is accepted).
    Arrays on the host are read-only, so that no strategy changes the market; `map_arrays` makes a panel with others.
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
    strike_reduction: np.ndarray | None = None
    listed: ListedSmiles | None = None
    band: QuotedBand | None = None
    sectors: SectorData | None = None
    history: History | None = None
    report: Account | None = field(default=None, compare=False)
    contracts: ContractQuotes | None = field(default=None, compare=False)
    content_hash: str = field(default="", compare=False)
    window_bytes: int | None = field(default=None, compare=False)
    validate: InitVar[bool] = True

    def __post_init__(self, validate: bool):
        if validate:
            check_panel(self)
            tell(self.info.name, suspicions(self))
        lock(self)

    def __len__(self):
        return len(self.dates)

    def __repr__(self):
        info = self.info
        listed = "" if self.listed is None else f", {self.listed.expiry.shape[1]} listed expiries"
        span = f"{self.dates[0]} to {self.dates[-1]}" if len(self) else "no dates"
        return (
            f"MarketPanel {info.name}: {info.index} and {len(self.names)} names, {len(self):,} sessions {span}, "
            f"{len(self.tenors)} tenors x {len(self.deltas)} deltas{listed}, {info.currency}"
        )

    @classmethod
    def from_frames(cls, surface: Any, weights: Any, prices: Any, **choices: Any) -> "MarketPanel":
        """Make a panel of frames of your own: `engine.data.tables.frames.from_frames` says which."""
        frames = import_module("engine.data.tables.frames")  # by name: no code that a panel of other tables comes from
        return frames.from_frames(surface, weights, prices, **choices)

    @classmethod
    def from_quotes(cls, quotes: Any, weights: Any, prices: Any, **choices: Any) -> "MarketPanel":
        """Make a panel of option quotes of your own: `engine.data.tables.frames.from_quotes` says of which."""
        return import_module("engine.data.tables.frames").from_quotes(quotes, weights, prices, **choices)

    def known_closes(self) -> History:
        """Return the closes that are known: `history`, or where there is none the panel's own."""
        if self.history is not None:
            return self.history
        xp = namespace(self.spot)
        return History(
            dates=self.dates,
            index_close=self.index_spot,
            close=self.spot,
            return_factor=self.return_factor,
            leg_close=xp.empty((len(self), 0)) if self.sectors is None else self.sectors.leg_spot,
        )

    def map_arrays(self, change: Callable[[str, Any], Any]) -> "MarketPanel":
        """Return a panel with `change(name, array)` for each array on its dates; its content hash is "".

        The name of an array of `listed`, `band` or `sectors` starts with that and a point. The history, on dates of its
        own, stays as it is: it has a `map_arrays` too.
        """
        parts = ("listed", "band", "sectors", "history")
        fixed = ("info", "names", "tenors", "deltas", *parts, "report", "contracts", "content_hash", "window_bytes")
        changed = {name: change(name, a) for name, a in vars(self).items() if name not in fixed and a is not None}
        for name, part in (("listed", self.listed), ("band", self.band)):
            if part is not None:
                arrays = {f.name: change(f"{name}.{f.name}", getattr(part, f.name)) for f in fields(part)}
                changed[name] = replace(part, **arrays)
        if self.sectors is not None:
            dated = [f.name for f in fields(SectorData) if f.name not in SECTOR_AXES]
            sectors = {name: change(f"sectors.{name}", getattr(self.sectors, name)) for name in dated}
            changed["sectors"] = replace(self.sectors, **sectors)
        return replace(self, content_hash="", validate=False, **changed)

    def slice(self, start: Date | None = None, end: Date | None = None) -> "MarketPanel":
        """Return the sessions from `start` to `end`, both inclusive (ISO text or datetime64; None = open).

        The closes of the sessions before `start` stay, as history. Where the panel's dates are times within days, an
        `end` that is a date includes all of that day.

        Raises
        ------
        InputError
            When no session lies in the range.
        """
        first = 0 if start is None else int(np.searchsorted(self.dates, moment(start)))
        last = len(self) if end is None else int(np.searchsorted(self.dates, after(moment(end))))
        if first >= last:
            raise InputError(
                f"no session of {self.info.name} lies in {start or '...'} .. {end or '...'}; "
                f"the data covers {self.dates[0]} .. {self.dates[-1]}"
            )
        if (first, last) == (0, len(self)):
            return self
        part = self.map_arrays(lambda _, array: array[first:last])
        if first > 0 or self.history is not None:
            part = replace(part, history=self.known_closes().between(until=part.dates[-1]), validate=False)
        content_hash = _derived_hash(self.content_hash, f"{part.dates[0]}:{part.dates[-1]}")
        return replace(part, content_hash=content_hash, validate=False)

    def append(self, later: "MarketPanel") -> "MarketPanel":
        """Return this panel followed by the sessions of `later`, which must start after this one ends.

        The result has the `info` of `later`.

        Raises
        ------
        InputError
            When the axes differ or the dates do not follow.
        """
        check_appendable(self, later)
        after = {}
        later.map_arrays(lambda name, array: after.setdefault(name, array))
        both = self.map_arrays(lambda name, array: namespace(array).concatenate([array, after[name]]))
        content_hash = _derived_hash(self.content_hash, later.content_hash)
        history = _continued(self, later)
        contracts = None
        if self.contracts is not None and later.contracts is not None:
            contracts = self.contracts.append(later.contracts, later.dates[0])
        known = {"history": history, "contracts": contracts, "report": None, "content_hash": content_hash}
        return replace(both, info=later.info, validate=False, **known)

    def to(self, backend: str, memory_budget: float | None = None) -> "MarketPanel":
        """Move the arrays to "numpy" or "cupy"; dates, expiries and quote statuses stay on the host.

        Parameters
        ----------
        backend : str
        memory_budget : float or None
            GB that the panel may take on the device; None = 80 % of what is free. Where it does not fit, the members'
            volatilities stay on the host and are streamed (`window_bytes`); results are the same.

        Raises
        ------
        InputError
            When the backend is unknown, or the budget is not a usable number, or too small for what cannot be streamed.
        """
        if backend not in ("numpy", "cupy"):
            raise InputError(f"backend={backend} is unknown; choose numpy or cupy")
        if backend == "numpy":
            return replace(self.moved(lambda _, array: to_host(array)), window_bytes=None, validate=False)
        sizes = {}
        self.moved(lambda name, array: sizes.setdefault(name, array.nbytes if isinstance(array, np.ndarray) else 0))
        window_bytes = _window_bytes(sizes, device_budget(memory_budget), len(self))
        stay = _ON_HOST if window_bytes is None else (*_ON_HOST, *_STREAMED)
        xp = library(backend)
        moved = self.moved(lambda name, array: array if name in stay else upload(xp, array))
        return replace(moved, window_bytes=window_bytes, validate=False)

    def moved(self, change: Callable[[str, Any], Any]) -> "MarketPanel":
        """Return the same contents, `change(name, array)` holding every array elsewhere, the history's too."""
        history = None if self.history is None else self.history.map_arrays(change)
        return replace(self.map_arrays(change), history=history, content_hash=self.content_hash, validate=False)


def _window_bytes(sizes: dict, budget: int, dates: int) -> int | None:
    """Bytes left for each of the two windows where the arrays do not all fit into the budget; None where they do."""
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


def _continued(panel: MarketPanel, later: MarketPanel) -> History | None:
    """Return the history of a panel followed by a later one; None where the first has none but its own closes."""
    if panel.history is None:
        return None
    more = later.known_closes().between(after=panel.history.dates[-1])
    return concatenate([panel.history, more], note=panel.history.note)


def _derived_hash(*parts: str) -> str:
    """Hash the hashes that contents were made of; "" where one of them is unknown."""
    return hashlib.sha256(" ".join(parts).encode()).hexdigest() if all(parts) else ""
