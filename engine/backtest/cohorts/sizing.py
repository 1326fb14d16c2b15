"""How many units of each leg: neutral in one greek, by the exact greeks of the contracts traded."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from engine.arrays import Floats, Weights
from engine.backend import namespace
from engine.backtest.batch import refuse_nothing
from engine.data.panel import MarketPanel
from engine.kernels.codes import Kind
from engine.kinds import check_kinds
from engine.pricing import StraddleGreeks
from engine.statistics import ROUNDING


@dataclass(frozen=True)
class AbstractSizing(ABC):
    """Short `index_vega` of the index against long members that balance one greek.

    Parameters
    ----------
    index_vega : float
        Short index vega of a cohort at full exposure, in currency per vol point.
    """

    index_vega: float = field(default=100_000.0, metadata={"batch": True})
    kinds: ClassVar[frozenset[Kind]] = frozenset(Kind) - {Kind.CORRELATION}  # of instruments that can be sized so

    def __post_init__(self):
        check_kinds(self)
        refuse_nothing(self, "index_vega")

    @abstractmethod
    def balanced(self, greeks: StraddleGreeks, forward: Floats) -> Floats:
        """Return the greek whose sum over a cohort is made zero, of one unit of each leg.

        Parameters
        ----------
        greeks : StraddleGreeks of arrays (C, 1 + L); forward : array (C, 1 + L)
            At entry, in currency per share; leg 0 is the index.

        Returns
        -------
        array (C, 1 + L)
        """

    def weighted(self, greeks: StraddleGreeks, forward: Floats) -> Floats:
        """Return the greek of which the members hold as much as they weigh; parameters as of `balanced`."""
        return greeks.vega

    def shares(self, weights: Floats, iv: Floats) -> Floats:
        """Return what each member holds of the greek `weighted`, in any scale: as much as it weighs, unless replaced.

        Parameters
        ----------
        weights : array (C, L)
            Of the members, summing to 1; 0 where one is not held.
        iv : array (C, 1 + L)
            Volatility of each leg at entry, annualised decimals; leg 0 is the index.

        Returns
        -------
        array (C, L)
        """
        return weights

    def counted(self, market: MarketPanel, weights: Weights, tenor: int) -> Floats | None:
        """Return by how much each leg's balanced greek counts, (T, 1 + N) with the index first; None = all as they are.

        Parameters
        ----------
        market : MarketPanel
        weights : array (T, N)
            Of the basket, usable on their date.
        tenor : int
            Calendar days from entry to expiry.

        Returns
        -------
        array (T, 1 + N) or None
            By the closes up to each session; that of the session before an entry is used. A name with NaN is left out.
        """
        return None

    def balance(self, weights: Floats, iv: Floats) -> Floats | float:
        """Return how much of the index's balanced greek the members hold, (C, 1): all of it; parameters of `shares`."""
        return 1.0


@dataclass(frozen=True)
class VegaNeutral(AbstractSizing):
    """Long component vega equals short index vega; of a correlation swap that is currency per correlation point."""

    kinds = frozenset(Kind)

    def balanced(self, greeks: StraddleGreeks, forward: Floats) -> Floats:
        """Return vega."""
        return greeks.vega


@dataclass(frozen=True)
class ThetaNeutral(AbstractSizing):
    """Time decay paid on the components equals that earned on the index.

    The component vega is then about sqrt(rho) of the index vega.
    """

    def balanced(self, greeks: StraddleGreeks, forward: Floats) -> Floats:
        """Return theta."""
        return greeks.theta


@dataclass(frozen=True)
class GammaNeutral(AbstractSizing):
    """Cash gamma of the components equals that of the index."""

    def balanced(self, greeks: StraddleGreeks, forward: Floats) -> Floats:
        """Return cash gamma, F^2 gamma."""
        return forward**2 * greeks.gamma


@dataclass(frozen=True)
class PremiumNeutral(AbstractSizing):
    """Premium paid for the components equals that received for the index: at the money also their theta."""

    def balanced(self, greeks: StraddleGreeks, forward: Floats) -> Floats:
        """Return present value."""
        return greeks.value


@dataclass(frozen=True)
class ProportionalVolNeutral(VegaNeutral):
    """A move of all volatilities by the same factor earns nothing: sum vega_i s_i = V_I s_I.

    The component vega is s_I / sum w s = sqrt(dirty correlation) of the index vega: theta neutral at the money.
    """

    kinds = AbstractSizing.kinds

    def balance(self, weights: Floats, iv: Floats) -> Floats:
        """Return s_I / sum w s, (C, 1)."""
        total = _held(weights, iv).sum(axis=1, keepdims=True)
        return iv[:, :1] / namespace(total).where(total > 0.0, total, 1.0)


@dataclass(frozen=True)
class ParallelVolNeutral(VegaNeutral):
    """A move of all members' volatilities by the same points earns nothing, while correlation stays as implied.

        sum vega_i = beta V_I,   beta = d s_I / d s of a parallel move = [(1 - rho) sum w^2 s + rho sum w s] / s_I

    Many desks call this correlation weighted. beta is about the square root of correlation.
    """

    kinds = AbstractSizing.kinds

    def balance(self, weights: Floats, iv: Floats) -> Floats:
        """Return beta, (C, 1)."""
        return index_sensitivity(weights, iv).sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class CorrelationWeighted(ParallelVolNeutral):
    """Each name's volatility is hedged by itself, while correlation stays as implied: vega_i = V_I d s_I / d s_i.

    What is left is vega to correlation alone; the sum of vegas is that of `ParallelVolNeutral`.
    """

    def shares(self, weights: Floats, iv: Floats) -> Floats:
        """Return d s_I / d s_i, (C, L)."""
        return index_sensitivity(weights, iv)


@dataclass(frozen=True)
class VarianceTheta(ThetaNeutral):
    """Variance swaps in the weights of the members, at no time decay of the book.

    What they then earn to expiry is the implied less the realised variance ratio, s_I^2 / sum w s^2, times the realised
    variance of the members: no other part of volatility.
    """

    kinds = frozenset([Kind.VARIANCE])

    def weighted(self, greeks: StraddleGreeks, forward: Floats) -> Floats:
        """Return volga, of a variance swap twice its variance notional."""
        return greeks.volga


def index_sensitivity(weights: Floats, iv: Floats) -> Floats:
    """Derivative of the index's volatility to each member's at the implied correlation of the basket, (C, L).

        d s_I / d s_i = w_i [(1 - rho) w_i s_i + rho A] / s_I,   A = sum w s,  rho = (s_I^2 - B) / (A^2 - B)

    Parameters as of `AbstractSizing.shares`. A basket of one name needs no correlation.

    Examples
    --------
    >>> import numpy as np
    >>> weights, iv = np.array([[0.3, 0.4, 0.3]]), np.array([[0.21, 0.25, 0.35, 0.18]])
    >>> index_sensitivity(weights, iv).round(4).tolist(), index_sensitivity(weights, iv).sum().round(3).item()
    ([[0.2072, 0.3553, 0.188]], 0.75)
    """
    xp = namespace(weights, iv)
    held = _held(weights, iv)
    vol, own = held.sum(axis=1, keepdims=True), (held * held).sum(axis=1, keepdims=True)
    pairs = vol**2 - own
    several = pairs > ROUNDING * vol**2
    rho = xp.where(several, (iv[:, :1] ** 2 - own) / xp.where(several, pairs, 1.0), 0.0)
    return weights * ((1.0 - rho) * held + rho * vol) / iv[:, :1]


def _held(weights: Floats, iv: Floats) -> Floats:
    """Return w s of the members that are held, (C, L)."""
    xp = namespace(weights, iv)
    return xp.where(weights > 0.0, weights * iv[:, 1:], 0.0)


def leg_units(
    sizing: AbstractSizing,
    weights: Floats,
    greeks: StraddleGreeks,
    forward: Floats,
    iv: Floats,
    counted: Floats | float = 1.0,
) -> Floats:
    """Units of each leg for an index vega of 1 per vol point: the index short, the components long.

    Component n carries a vega (or what else is `weighted`) proportional to its share, by default its weight:
    vega_n = a w_n; one factor a per cohort makes the members hold b times the index's balanced greek, by default all of
    it: a = b (g_I / vega_I) / sum_n w_n g_n / vega_n.

    Parameters
    ----------
    sizing : AbstractSizing
    weights : array (C, 1 + L)
        Weights of the legs included, components summing to 1; the index is leg 0, whose entry is not read.
    greeks : StraddleGreeks of arrays (C, 1 + L); forward : array (C, 1 + L)
        Entry greeks of one unit of each leg, and the forward at entry.
    iv : array (C, 1 + L)
        Volatility of each leg at entry.
    counted : array (C, 1 + L)
        By how much each leg's balanced greek counts.

    Returns
    -------
    array (C, 1 + L)
        Signed number of units; 0 where a leg's weight is 0, and for a cohort without an index or component quote.
    """
    xp = namespace(weights, forward)
    weighted = sizing.weighted(greeks, forward)[:, 1:]
    included = (weights[:, 1:] > 0.0) & (weighted > 0.0)
    balanced = sizing.balanced(greeks, forward) * counted
    shares = sizing.shares(weights[:, 1:], iv)
    per_vega = xp.where(included, shares / xp.where(included, weighted, 1.0), 0.0)
    carried = (per_vega * xp.where(included, balanced[:, 1:], 0.0)).sum(axis=1, keepdims=True)
    tradable = (greeks.vega[:, :1] > 0.0) & (carried != 0.0)
    index = xp.where(tradable, -1.0 / xp.where(tradable, greeks.vega[:, :1], 1.0), 0.0)
    factor = xp.where(tradable, -index * balanced[:, :1] / xp.where(tradable, carried, 1.0), 0.0)
    factor = factor * xp.where(tradable, sizing.balance(weights[:, 1:], iv), 0.0)
    return xp.concatenate([index, per_vega * factor], axis=1)
