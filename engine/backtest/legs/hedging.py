"""What is held against the delta of options, and when it is traded."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest.batch import refuse_below
from engine.errors import InputError
from engine.kernels.codes import HedgeRule
from engine.kinds import check_count, check_kinds

OWN, SURFACE, STICKY_DELTA, REALIZED = "own", "surface", "sticky_delta", "realized"


@runtime_checkable
class Hedge(Protocol):
    """What a hedge of your own offers; a frozen dataclass, so that equal hedges share a trade book.

    One that holds anything else than a share of each close's delta derives from `AbstractHedge`.
    """

    @property
    def ratio(self) -> float:
        """Share of each leg's delta that is held against it from each close to the next: 1 = all of it."""
        ...


@dataclass(frozen=True, eq=False)
class Wanted:
    """What a hedge may look at: legs of one expiry on every holding day, (C, 1 + L, H + 1), leg 0 the index.

    Parameters
    ----------
    delta, gamma : array
        Of one unit, by the volatility that the hedge goes by, and by the leg's own.
    forward, discount : array
        Of the expiry, in entry shares, and the factor from there.
    alive : array, bool
        The leg is held on from that close.
    units : array (C, 1 + L)
        Per unit of index vega; 0 where the leg is not in the cohort, and the rest of it not to be read.
    beta : callable
        Of a window in sessions: beta of each leg's underlying to the index's on each holding day.
    """

    delta: np.ndarray
    gamma: np.ndarray
    forward: np.ndarray
    discount: np.ndarray
    alive: np.ndarray
    units: np.ndarray
    beta: Callable[[int], Floats]


@dataclass(frozen=True)
class AbstractHedge(ABC):
    """Trade the underlying's forward against delta where a rule says so.

    Parameters
    ----------
    vol : str
        Which volatility delta is computed by: `own`, the option's at its strike, which stays there (sticky strike);
        `surface`, that of the smile around it, which is another where `marks=listed` has a price of its own;
        `sticky_delta`, its own, the smile moving with the forward; `realized`, that of the underlying's last `window`
        sessions, and its own until so many are known.
    window : int
        Sessions of realised volatility.
    netted : bool
        Whether the hedges of all cohorts are traded together: their cost is then that of one trade per underlying and
        close, whatever the expiries, as with stock. Each cohort still decides by itself what it wants held.
    """

    vol: str = OWN
    window: int = 21
    netted: bool = False
    ratio = 1.0  # what it hedges towards

    def __post_init__(self):
        check_kinds(self)
        check_count("hedge.window", self.window, least=2)
        if self.vol not in (OWN, SURFACE, STICKY_DELTA, REALIZED):
            raise InputError(
                f"hedge.vol={self.vol} is no volatility to hedge by; use own, surface, sticky_delta or realized"
            )

    @property
    def longest_window(self) -> int:
        """Sessions until a close that it reads, 0 = that close alone."""
        return self.window if self.vol == REALIZED else 0

    @property
    def looks_back(self) -> bool:
        """Whether it reads sessions before the entry."""
        return self.longest_window > 0

    @abstractmethod
    def held(self, wanted: Wanted) -> Floats:
        """Return the delta of a unit that is held against it from each close on, (C, 1 + L, H + 1).

        Day d depends on no later one. What is returned for a leg that is not held is not read.
        """


@dataclass(frozen=True)
class DailyDelta(AbstractHedge):
    """Trade the underlying's forward to zero delta at every close."""

    def held(self, wanted: Wanted) -> Floats:
        """Return all of it."""
        return wanted.delta


@dataclass(frozen=True)
class EveryDays(AbstractHedge):
    """Trade to zero delta at entry and at every `days`-th session after it."""

    days: int = 5

    def __post_init__(self):
        super().__post_init__()
        check_count("hedge.days", self.days)

    def held(self, wanted: Wanted) -> Floats:
        """Return the delta of the last session on which it was traded."""
        xp = namespace(wanted.delta)
        day = xp.arange(wanted.delta.shape[-1])
        return wanted.delta[..., day - day % self.days]


@dataclass(frozen=True)
class DeltaBand(AbstractHedge):
    """Trade to zero delta at closes at which it has left a band.

    Parameters
    ----------
    band : float
        Delta of a unit that is left alone, either way: .1 of a straddle, whose delta lies between -1 and 1.
    """

    band: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        refuse_below(self, 0.0, "band")

    def held(self, wanted: Wanted) -> Floats:
        """Return what was traded to last."""
        xp = namespace(wanted.delta)

        def next_held(held: Floats, day: int) -> Floats:
            delta = wanted.delta[..., day]
            return xp.where(xp.abs(delta - held) > self.band, delta, held)

        return _day_by_day(next_held, wanted.delta)


@dataclass(frozen=True)
class WhalleyWilmott(AbstractHedge):
    """Trade to the edge of the band that is best for small proportional costs.

        half-width = (3/2 exp(-r T) cost F F0 gamma^2 / aversion)^(1/3)

    Parameters
    ----------
    cost_bps : float
        Cost that the band is for, in basis points of the hedge's notional.
    aversion : float
        Absolute risk aversion times the forward at entry, F0: a loss of 1 % of F0 weighs `aversion` / 100 in the
        exponent of utility.

    References
    ----------
    Whalley, Wilmott 1997, An asymptotic analysis of an optimal hedging model for option pricing with transaction costs.
    """

    cost_bps: float = 1.0
    aversion: float = 10.0

    def __post_init__(self):
        super().__post_init__()
        refuse_below(self, 0.0, "cost_bps", "aversion")
        if self.aversion == 0.0:
            raise InputError("hedge.aversion=0 hedges nothing; use more, or hedge=none")

    def held(self, wanted: Wanted) -> Floats:
        """Return what was held before, moved to the nearest edge of the band."""
        xp = namespace(wanted.delta)
        size = 1.5 * 1e-4 * self.cost_bps / self.aversion * wanted.forward * wanted.forward[..., :1]
        half = xp.cbrt(size * wanted.discount * wanted.gamma**2)

        def next_held(held: Floats, day: int) -> Floats:
            low, high = wanted.delta[..., day] - half[..., day], wanted.delta[..., day] + half[..., day]
            return xp.minimum(xp.maximum(held, low), high)

        return _day_by_day(next_held, wanted.delta)


@dataclass(frozen=True)
class IndexBeta(AbstractHedge):
    """Trade the index's forward alone to zero beta-weighted delta at every close; no stocks.

    Parameters
    ----------
    beta_window : int
        Sessions of the regression of each member's returns on the index's; until so many are known its beta is 1.
    """

    beta_window: int = 63

    def __post_init__(self):
        super().__post_init__()
        check_count("hedge.beta_window", self.beta_window, least=3)

    @property
    def longest_window(self) -> int:
        """Sessions until a close that it reads."""
        return max(self.beta_window, super().longest_window)

    def held(self, wanted: Wanted) -> Floats:
        """Return the delta of the whole cohort per unit of the index leg, and nothing of the members."""
        xp, units = namespace(wanted.delta), wanted.units[:, :, None]
        cash = xp.where(wanted.alive & (units != 0.0), units * wanted.delta * wanted.forward, 0.0)
        index = units[:, 0] * wanted.forward[:, 0]
        index = (cash * wanted.beta(self.beta_window)).sum(axis=1) / xp.where(index != 0.0, index, 1.0)
        return xp.concatenate([index[:, None], xp.zeros_like(wanted.delta[:, 1:])], axis=1)


@dataclass(frozen=True)
class NoHedge:
    """Leave the deltas alone."""

    ratio = 0.0


def compiled(hedge: Hedge, one_of_one: bool) -> tuple[HedgeRule, float] | None:
    """Return the rule of the kernel that a hedge is, with its number; None where only array code knows it.

    Parameters
    ----------
    hedge : Hedge
    one_of_one : bool
        A unit of every leg is one instrument: what is held against it is held against the leg.
    """
    if not isinstance(hedge, AbstractHedge):
        return HedgeRule.SHARE, float(hedge.ratio)
    if hedge.vol != OWN:
        return None
    if type(hedge) is DailyDelta:
        return HedgeRule.SHARE, 1.0
    if type(hedge) is EveryDays and one_of_one:
        return HedgeRule.DAYS, float(hedge.days)
    if type(hedge) is DeltaBand and one_of_one:
        return HedgeRule.BAND, float(hedge.band)
    return None


def _day_by_day(next_held: Callable[[Floats, int], Floats], delta: Floats) -> Floats:
    """Follow what is held from nothing before the entry, one close after the other."""
    xp = namespace(delta)
    held: Floats = xp.zeros(delta.shape[:-1])
    path: list[Floats] = []
    for day in range(delta.shape[-1]):
        held = next_held(held, day)
        path.append(held)
    return xp.stack(path, axis=-1)
