"""Which names make the basket, in which weights."""

import difflib
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from engine.arrays import PerDate, Symbols, Weights
from engine.backend import namespace
from engine.correlation.checks import check_weights
from engine.errors import InputError
from engine.kinds import check_kinds

if TYPE_CHECKING:
    from engine.data.panel import MarketPanel


@runtime_checkable
class Basket(Protocol):
    """What a basket of your own offers; a frozen dataclass, so that equal baskets share a trade book."""

    @property
    def label(self) -> str:
        """Name written to files and tables: `top50`."""
        ...

    def select(self, weights: Weights, names: Symbols) -> Weights:
        """Choose the members of each date, and their weights in the basket.

        Parameters
        ----------
        weights : array (T, N)
            Index weights, fractions, from the previous session's closes; 0 = not a member of the index.
        names : sequence (N,) of str

        Returns
        -------
        array (T, N)
            Basket weights, fractions; 0 = not in the basket, rows sum to 1 or, without members, to 0. Row t depends
            on no later row.
        """
        ...


@dataclass(frozen=True)
class TopWeights:
    """The n largest members of each date by weight; of equal weights the first in alphabetical order.

    Examples
    --------
    >>> TopWeights(2).select(np.array([[0.2, 0.5, 0.3]]), ("AAA", "BBB", "CCC"))
    array([[0.   , 0.625, 0.375]])
    """

    n: int = 50

    def __post_init__(self):
        check_kinds(self)
        if self.n < 1:
            raise InputError(f"basket.n={self.n} selects nobody; use 1 or more")

    @property
    def label(self) -> str:
        """Name written to files: `top50`."""
        return f"top{self.n}"

    def select(self, weights: Weights, names: Symbols) -> Weights:
        """Return basket weights (T, N), rows summing to 1; a row without members stays 0."""
        xp = namespace(weights)
        alphabetical = xp.asarray(_alphabetical(names))
        held = xp.take(held_weights(weights), alphabetical, axis=1)
        if self.n >= held.shape[1]:
            return normalised(weights)
        least = -xp.partition(-held, self.n - 1, axis=1)[:, self.n - 1 : self.n]
        larger = held > least
        equal = (held == least) & (held > 0.0)
        room = self.n - larger.sum(axis=1, keepdims=True)
        chosen = xp.zeros(held.shape)
        chosen[:, alphabetical] = xp.where(larger | (equal & (xp.cumsum(equal, axis=1) <= room)), held, 0.0)
        return normalised(chosen)


@dataclass(frozen=True)
class AllMembers:
    """Every member of the index that the data covers.

    Examples
    --------
    >>> AllMembers().select(np.array([[0.2, 0.6, 0.0]]), ("AAA", "BBB", "CCC"))
    array([[0.25, 0.75, 0.  ]])
    """

    label = "all"

    def select(self, weights: Weights, names: Symbols) -> Weights:
        """Return basket weights (T, N), rows summing to 1; a row without members stays 0."""
        return normalised(weights)


@dataclass(frozen=True)
class Names:
    """The given names: in their index weights of each date, while they are members, or in weights of your own.

    Parameters
    ----------
    names : tuple of str
    weights : tuple of float
        Weight of each name, in any scale, held on every date, members or not; empty = index weights.

    Raises
    ------
    InputError
        When a name is given twice, or the weights are not one positive number for each name.

    Examples
    --------
    >>> Names(("CCC", "AAA")).select(np.array([[0.2, 0.5, 0.3]]), ("AAA", "BBB", "CCC"))
    array([[0.4, 0. , 0.6]])
    >>> Names(("CCC", "AAA"), (1.0, 3.0)).select(np.array([[0.2, 0.5, 0.3]]), ("AAA", "BBB", "CCC"))
    array([[0.75, 0.  , 0.25]])
    """

    names: tuple[str, ...]
    weights: tuple[float, ...] = ()
    label = "names"

    def __post_init__(self):
        twice = [name for name in self.names if self.names.count(name) > 1]
        if twice:
            raise InputError(f"basket.names has {twice[0]} more than once")
        if self.weights and len(self.weights) != len(self.names):
            raise InputError(f"basket has {len(self.names)} names and {len(self.weights)} weights; give one for each")
        for weight in self.weights:
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0.0 < weight < math.inf:
                raise InputError(f"basket weight {weight} is not a positive number")

    def select(self, weights: Weights, names: Symbols) -> Weights:
        """Return basket weights (T, N), rows summing to 1; a row without members stays 0.

        Raises
        ------
        InputError
            When a name is not in the data.
        """
        xp = namespace(weights)
        known = [str(name) for name in names]
        for name in self.names:
            known_name(name, known)
        if self.weights:
            own = dict(zip(self.names, self.weights, strict=True))
            held = xp.asarray([float(own.get(name, 0.0)) for name in known])
            return normalised(xp.broadcast_to(held, weights.shape))
        listed = xp.asarray([name in self.names for name in known])
        return normalised(xp.where(listed, weights, 0.0))


@dataclass(frozen=True)
class AbstractMarketBasket(ABC):
    """A basket that is chosen from a whole market, by what was known at the close before each date."""

    @property
    @abstractmethod
    def label(self) -> str:
        """Name written to files and tables."""

    @abstractmethod
    def select_from(self, market: "MarketPanel") -> Weights:
        """Return basket weights (T, N), rows summing to 1 or, without members, to 0."""

    def select(self, weights: Weights, names: Symbols) -> Weights:
        """Raise InputError: weights alone do not make it."""
        raise InputError(f"basket={self.label} is chosen from a market; call select_from(market)")


def basket_weights(basket: Basket, market: "MarketPanel") -> Weights:
    """Return the weights of any basket in a market, (T, N)."""
    if isinstance(basket, AbstractMarketBasket):
        return basket.select_from(market)
    return basket.select(market.weights, market.names)


def known_name(name: str, names: Symbols) -> int:
    """Return the position of a basket's name in the data, or raise InputError with what it might have meant."""
    known = [str(each) for each in names]
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"it has {', '.join(known[:5])} ..."
        raise InputError(f"basket name {name} is not in the data; {hint}")
    return known.index(name)


def _alphabetical(names: Symbols) -> np.ndarray:
    return np.argsort(np.asarray(names), kind="stable")


def held_weights(weights: Weights) -> Weights:
    """Weights of the names held, in float64; 0 for all others. A weight that is none is an InputError."""
    check_weights(weights)
    return weights.astype(float)


def normalised(weights: Weights) -> Weights:
    """Scale each row of weights (T, N) to sum to 1; an empty row stays 0."""
    xp = namespace(weights)
    held = held_weights(weights)
    total = held.sum(axis=1, keepdims=True)
    return held / xp.where(total > 0.0, total, 1.0)


def index_share(basket: Weights, weights: Weights) -> PerDate:
    """Share of the whole index that a basket holds: its names' index weights, before they were made to sum to 1.

    Parameters
    ----------
    basket : array (T, N)
        Basket weights, as from `select`.
    weights : array (T, N)
        Index weights the basket was selected from.

    Returns
    -------
    array (T,)
        Fraction of the index.

    Examples
    --------
    >>> weights = np.array([[0.3, 0.1, 0.2]])
    >>> index_share(TopWeights(2).select(weights, ("AAA", "BBB", "CCC")), weights).tolist()
    [0.5]
    """
    return namespace(basket, weights).where(basket > 0.0, weights, 0.0).sum(axis=1)
