"""What a leg is made of: instruments, where each is struck, and what it is worth."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, Protocol, runtime_checkable

from engine import records
from engine.arrays import Axis, Floats
from engine.backend import namespace
from engine.backtest.contracts.swaps import SWAPS, Opened, sessions, swap
from engine.calendar import DAYS_PER_YEAR
from engine.errors import InputError
from engine.kernels.codes import Kind
from engine.pricing import (
    StraddleGreeks,
    model_free_vol,
    sampled_volatility,
    straddle,
    strike_at_delta,
    zero_vanna_vol,
)

MOST_INSTRUMENTS = 4  # of a leg
# Stands for a price of 0, of which there is no logarithm: of a bust name, or a strike at which a call is a forward.
SMALLEST = 1e-100
# Every option is worth some straddles and some forwards at its strike: a call is half of each.
PAYOFFS = {Kind.STRADDLE: (1.0, 0.0), Kind.CALL: (0.5, 0.5), Kind.PUT: (0.5, -0.5)}


@runtime_checkable
class Strike(Protocol):
    """Where an instrument is struck, at its entry; a frozen dataclass."""

    def at(self, forward: Floats, smile: Floats, deltas: Axis, years: Floats) -> Floats:
        """Return strikes of legs.

        Parameters
        ----------
        forward : array (C, L)
            To the expiry.
        smile : array (C, L, D)
            Volatilities on call deltas at the time left.
        deltas : array (D,)
            In percent.
        years : array broadcastable to (C, L)
            Time to the expiry.

        Returns
        -------
        array (C, L)
        """
        ...


@dataclass(frozen=True)
class AtForward:
    """At the money forward, times a factor: 0.95 is 5 % below."""

    factor: float = 1.0

    def at(self, forward: Floats, smile: Floats, deltas: Axis, years: Floats) -> Floats:
        """Return strikes; parameters as of `Strike`."""
        return forward if self.factor == 1.0 else self.factor * forward


@dataclass(frozen=True)
class AtDelta:
    """Where a call has a delta, in percent, on the smile: 50 makes a straddle delta-neutral, 75 is the 25-delta put."""

    delta: float

    def at(self, forward: Floats, smile: Floats, deltas: Axis, years: Floats) -> Floats:
        """Return strikes; parameters as of `Strike`."""
        return strike_at_delta(self.delta, smile, deltas, forward, years)


@dataclass(frozen=True)
class AtFairVolatility:
    """At the model-free volatility of the smile: a variance swap is then worth nothing at entry.

    Parameters
    ----------
    weighted : bool
        At that of a gamma swap.
    """

    weighted: bool = False

    def at(self, forward: Floats, smile: Floats, deltas: Axis, years: Floats) -> Floats:
        """Return strikes, volatilities in decimals; parameters as of `Strike`."""
        return model_free_vol(smile, deltas, years, weighted=self.weighted)


@dataclass(frozen=True)
class AtExpectedVolatility:
    """At the volatility that is expected of the closes to come: a volatility swap is then worth nothing at entry."""

    def at(self, forward: Floats, smile: Floats, deltas: Axis, years: Floats) -> Floats:
        """Return strikes, volatilities in decimals; parameters as of `Strike`."""
        return zero_vanna_vol(smile, deltas, years) * sampled_volatility(sessions(years))[0]


@dataclass(frozen=True)
class Instrument:
    """One instrument of a leg.

    Parameters
    ----------
    kind : Kind
    strike : Strike
    ratio : float
        How many of it a unit of the leg holds; negative = sold against the rest.
    cap : float
        Of a swap: multiple of its strike at which the realised volatility that it pays on ends.
    tenor : int or None
        Calendar days from entry to its expiry where that is after the structure's: it is then sold when that one is
        reached. None = the structure's. The index's and the members' at one place of their lists have the same.
    start : int or None
        Calendar days from entry to the date on which a straddle is struck, at the forward of its close; of listed
        expiries the nearest. None = at entry.
    """

    kind: Kind
    strike: Strike = AtForward()
    ratio: float = 1.0
    cap: float = math.inf
    tenor: int | None = None
    start: int | None = None

    @property
    def label(self) -> str:
        """What a ledger calls it.

        Examples
        --------
        >>> Instrument(Kind.CALL, tenor=91).label
        'call 91d'
        """
        tenor = "" if self.tenor is None else f" {self.tenor}d"
        return self.kind.name.lower() + tenor + ("" if self.start is None else f" from {self.start}d")


def check_instruments(structure: Any, sizing: Any) -> None:
    """Raise InputError where a leg has no instrument, more than there is room for, or one that cannot be sized so."""
    for name in ("index", "members"):
        if other := {instrument.kind for instrument in getattr(structure, name)} - sizing.kinds:
            raise InputError(
                f"{type(sizing).__name__} sizes {' and '.join(k.name.lower() for k in sizing.kinds)} only, and "
                f"{type(structure).__name__}.{name} holds {' and '.join(k.name.lower() for k in sorted(other))}; "
                "choose another sizing or structure"
            )
        count = len(getattr(structure, name))
        if not 1 <= count <= MOST_INSTRUMENTS:
            raise InputError(
                f"{type(structure).__name__}.{name} has {count} instruments; a leg is made of 1 to {MOST_INSTRUMENTS}"
            )
    if Kind.CORRELATION in {one.kind for one in (*structure.index, *structure.members)}:
        alone = len(structure.index) == len(structure.members) == 1
        if not alone or structure.index[0].ratio != 1.0 or structure.members[0].ratio != 0.0:
            raise InputError(
                f"{type(structure).__name__} holds a correlation swap beside something else; it is one contract on the "
                "index leg, of members with a ratio of 0: use structure=correlation_swap"
            )
    for starts in ({index.start, members.start} for index, members in pairs(structure)):
        if len(starts) > 1 or any(start is not None and not 0 < start < structure.tenor for start in starts):
            raise InputError(
                f"{type(structure).__name__} has instruments struck after {' and '.join(map(str, starts))} days at one "
                f"place of its lists; give both legs the same there, None or fewer than its {structure.tenor}"
            )
    for one in (*structure.index, *structure.members):
        if one.start is not None and (one.kind, one.strike, one.tenor) != (Kind.STRADDLE, AtForward(), None):
            raise InputError(
                f"{type(structure).__name__} has a {one.label} that is struck later; only straddles at the forward, to "
                "the structure's expiry, are"
            )
    for tenors in ({index.tenor, members.tenor} for index, members in pairs(structure)):
        if len(tenors) > 1 or any(tenor is not None and tenor <= structure.tenor for tenor in tenors):
            raise InputError(
                f"{type(structure).__name__} has instruments of {' and '.join(map(str, tenors))} days at one place of "
                f"its lists; give both legs the same there, None or more than the structure's {structure.tenor}"
            )


Pair = tuple[Instrument, Instrument]  # of the index leg and of a member


def pairs(structure: Any) -> tuple[Pair, ...]:
    """Return the instruments of a structure in pairs of the index leg's and the members'.

    Where one class has fewer it is filled up with its first one, of which it holds none.
    """
    found = []
    for index, members in zip_longest(structure.index, structure.members):
        index = index or replace(members, ratio=0.0)
        members = members or replace(index, ratio=0.0)
        found.append((index, members))
    return tuple(found)


def longer_tenors(structure: Any) -> set[int]:
    """Return the tenors of instruments that expire after the structure's."""
    tenors = (instrument.tenor for pair in pairs(structure) for instrument in pair)
    return {tenor for tenor in tenors if tenor is not None}


def later_starts(structure: Any) -> set[int]:
    """Return the days from entry on which instruments are struck that are not struck at it."""
    starts = (instrument.start for pair in pairs(structure) for instrument in pair)
    return {start for start in starts if start is not None}


def by_class(pair: Pair, compute: Callable[[Instrument], Any]) -> Any:
    """Return what `compute` makes of the index leg's instrument on leg 0, and of the members' on the other legs.

    It makes an array, or a record of arrays, whose axis 1 is that of the legs.
    """
    on_index = compute(pair[0])
    if pair[0] == pair[1]:
        return on_index
    on_members = compute(pair[1])
    if not hasattr(on_index, "__dataclass_fields__"):
        return namespace(on_index).concatenate([on_index[:, :1], on_members[:, 1:]], axis=1)
    parts = (records.map_arrays(on_index, lambda a: a[:, :1]), records.map_arrays(on_members, lambda a: a[:, 1:]))
    return records.concatenate(parts, axis=1)


def ratios(pair: Pair, legs: int, xp: Any) -> Floats:
    """Return the ratio of the instrument in each leg, (1 + L,)."""
    return xp.asarray([pair[0].ratio] + [pair[1].ratio] * legs)


def option(
    kind: Kind, forward: Floats, strike: Floats, iv: Floats, years: Floats, rate: Floats | float = 0.0
) -> StraddleGreeks:
    """Value a call, a put or a straddle: the straddles and forwards of `PAYOFFS`; everything else as in `straddle`.

    Examples
    --------
    >>> call, put = (option(kind, 103.0, 100.0, 0.2, 0.25, 0.03) for kind in (Kind.CALL, Kind.PUT))
    >>> round(float(call.value), 4), round(float(call.value - put.value), 4)
    (5.6802, 2.9776)
    """
    xp = namespace(forward, strike, iv, years, rate)
    claimed, struck = forward - strike, strike
    if bool((xp.asarray(strike) <= 0.0).any()):  # cash of a merger was more than it: a call is a forward
        struck = xp.where(strike > 0.0, strike, SMALLEST)
        forward = xp.where(strike > 0.0, forward, claimed + SMALLEST)
    both = straddle(forward, struck, iv, years, rate)
    if kind == Kind.STRADDLE:
        return both
    straddles, forwards = PAYOFFS[kind]
    lives = xp.asarray(years) > 0.0
    discount = xp.exp(xp.where(lives, -xp.asarray(rate) * years, 0.0))
    claim = discount * claimed
    return StraddleGreeks(
        value=straddles * both.value + forwards * claim,
        delta=straddles * both.delta + forwards * discount,
        gamma=straddles * both.gamma,
        vega=straddles * both.vega,
        theta=straddles * both.theta + forwards * xp.where(lives, rate * claim, 0.0) / DAYS_PER_YEAR,
        vanna=straddles * both.vanna,
        volga=straddles * both.volga,
    )


def price(pair: Pair, opened: Opened, *state: Floats) -> StraddleGreeks:
    """Value the instrument of every leg, (C, 1 + L, ...).

    Parameters
    ----------
    pair : of the index leg and of the members
    opened : Opened
    *state : arrays broadcastable to (C, 1 + L, ...)
        Forward, strike, iv, years left, rate, and where an instrument depends on them squared returns realised and the
        convexity of volatility.
    """

    def of(instrument: Instrument) -> StraddleGreeks:
        if instrument.kind in SWAPS:
            return swap(instrument.kind, instrument.cap, opened, *state)
        return option(instrument.kind, *state[:5])

    return by_class(pair, of)
