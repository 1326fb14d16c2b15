"""How many units of each leg: neutral in one greek, by the exact greeks of the contracts traded."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest.batch import refuse_below
from engine.errors import InputError
from engine.kernels.codes import Kind
from engine.kinds import check_kinds
from engine.pricing import StraddleGreeks


@dataclass(frozen=True)
class AbstractSizing(ABC):
    """Short `index_vega` of the index against long members that balance one greek.

    Parameters
    ----------
    index_vega : float
        Short index vega of a cohort at full exposure, in currency per vol point.
    """

    index_vega: float = field(default=100_000.0, metadata={"batch": True})
    kinds: ClassVar[frozenset[Kind]] = frozenset(Kind)  # of instruments that can be sized so

    def __post_init__(self):
        check_kinds(self)
        refuse_below(self, 0.0, "index_vega")
        if not namespace(self.index_vega).all(self.index_vega > 0.0):
            raise InputError(f"{type(self).__name__}.index_vega={self.index_vega} trades nothing; use more than 0")

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


@dataclass(frozen=True)
class VegaNeutral(AbstractSizing):
    """Long component vega equals short index vega."""

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
class VarianceTheta(ThetaNeutral):
    """Variance swaps in the weights of the members, at no time decay of the book.

    What they then earn to expiry is the implied less the realised variance ratio, s_I^2 / sum w s^2, times the realised
    variance of the members: no other part of volatility.
    """

    kinds = frozenset([Kind.VARIANCE])

    def weighted(self, greeks: StraddleGreeks, forward: Floats) -> Floats:
        """Return volga, of a variance swap twice its variance notional."""
        return greeks.volga


def leg_units(sizing: AbstractSizing, weights: Floats, greeks: StraddleGreeks, forward: Floats) -> Floats:
    """Units of each leg for an index vega of 1 per vol point: the index short, the components long.

    Component n carries a vega (or what else is `weighted`) proportional to its weight, vega_n = a w_n; one factor a per
    cohort makes the sum of the balanced greek over all legs zero: a = (g_I / vega_I) / sum_n w_n g_n / vega_n.

    Parameters
    ----------
    sizing : AbstractSizing
    weights : array (C, 1 + L)
        Weights of the legs included, components summing to 1; the index is leg 0, whose entry is not read.
    greeks : StraddleGreeks of arrays (C, 1 + L); forward : array (C, 1 + L)
        Entry greeks of one unit of each leg, and the forward at entry.

    Returns
    -------
    array (C, 1 + L)
        Signed number of units; 0 where a leg's weight is 0, and for a cohort without an index or component quote.
    """
    xp = namespace(weights, forward)
    weighted = sizing.weighted(greeks, forward)[:, 1:]
    included = (weights[:, 1:] > 0.0) & (weighted > 0.0)
    balanced = sizing.balanced(greeks, forward)
    per_vega = xp.where(included, weights[:, 1:] / xp.where(included, weighted, 1.0), 0.0)
    carried = (per_vega * xp.where(included, balanced[:, 1:], 0.0)).sum(axis=1, keepdims=True)
    tradable = (greeks.vega[:, :1] > 0.0) & (carried != 0.0)
    index = xp.where(tradable, -1.0 / xp.where(tradable, greeks.vega[:, :1], 1.0), 0.0)
    factor = xp.where(tradable, -index * balanced[:, :1] / xp.where(tradable, carried, 1.0), 0.0)
    return xp.concatenate([index, per_vega * factor], axis=1)
