"""The sums over a basket's names that every correlation measure is made of."""

import math
from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats, Integers, PerName, Weights
from engine.backend import block_budget, blocks, each, namespace
from engine.correlation.basket import held_weights
from engine.correlation.checks import is_quote

_BYTES_PER_CELL = 64  # what one date and cell holds while its names are summed: five sums, quote, product, mask


@dataclass(frozen=True, eq=False)
class BasketMoments:
    """Sums over the quoted names of a basket, weights as given; every array (T, ...) in float64.

    Parameters
    ----------
    vol : sum w s
    own_variance : sum w^2 s^2
    variance : sum w s^2
    quoted : sum w over the quoted names
    weight : array (T,), sum w over all names of the basket
    names : int32, number of quoted names
    """

    vol: np.ndarray
    own_variance: np.ndarray
    variance: np.ndarray
    quoted: np.ndarray
    weight: np.ndarray
    names: np.ndarray


def ranked_members(weights: Weights) -> tuple[Integers, Floats]:
    """Return the members of each row by falling weight, as name positions and weights, both (T, M).

    M is the largest number of members of any row; shorter rows end in weight 0. Sums taken in this order depend on
    the order of the name axis only through equal weights, and not at all on names of weight 0.

    Examples
    --------
    >>> position, weight = ranked_members(np.array([[0.2, 0.0, 0.8], [0.0, 1.0, 0.0]]))
    >>> position[0].tolist(), weight.tolist()
    ([2, 0], [[0.8, 0.2], [1.0, 0.0]])
    """
    xp = namespace(weights)
    held = held_weights(weights)
    widest = int((held > 0.0).sum(axis=1).max()) if len(held) else 0
    position = xp.argsort(-held, axis=1, kind="stable")[:, :widest]
    return position, xp.take_along_axis(held, position, axis=1)


def basket_moments(
    weights: Weights, iv: PerName, budget: int | None = None, *, zero_counts: bool = False
) -> BasketMoments:
    """Sum the weighted volatilities of a basket: all that correlation needs to know of its members.

    Parameters
    ----------
    weights : array (T, N)
        Basket weights, 0 where a name is not in the basket. Names of weight 0 are not read.
    iv : array (T, N, ...)
        Volatilities, annualised decimals, any trailing axes. No quote is NaN, infinite, negative or 0.
    budget : int or None
        Bytes the temporaries of one block of dates may take; None = what suits the machine the arrays are on.
    zero_counts : bool
        True for realised volatilities, of which 0 is one.

    Returns
    -------
    BasketMoments
        The same, bit for bit, whatever the budget, the dates beside it and the trailing axes.

    Examples
    --------
    >>> moments = basket_moments(np.array([[0.5, 0.5]]), np.array([[0.2, np.nan]]))
    >>> moments.vol.tolist(), moments.quoted.tolist(), moments.names.tolist()
    ([0.1], [0.5], [1])
    """
    xp = namespace(weights, iv)
    iv = xp.asarray(iv)  # a memory-mapped file becomes a plain view of itself
    position, weight = ranked_members(weights)
    shape = (iv.shape[0], *iv.shape[2:])
    vol, own_variance, variance, quoted = (xp.zeros(shape) for _ in range(4))
    names = xp.zeros(shape, dtype=xp.int32)
    total = xp.zeros(shape[0])

    def add_up(part):
        quotes = iv[part]
        row = xp.arange(part.stop - part.start)
        # One name after the other: an elementwise sum has one order, whatever the shape of the block.
        for j in range(position.shape[1]):
            w = weight[part, j].reshape(-1, *(1 for _ in shape[1:]))
            s = quotes[row, position[part, j]]
            has_quote = is_quote(s, zero_counts) & (w > 0.0)
            s = xp.where(has_quote, s, 0.0).astype(float)
            ws = w * s
            vol[part] += ws
            variance[part] += ws * s
            ws *= ws
            own_variance[part] += ws
            quoted[part] += w * has_quote
            names[part] += has_quote
            total[part] += weight[part, j]

    parts = blocks(shape[0], _BYTES_PER_CELL * math.prod(shape[1:]), budget or block_budget(xp))
    for _ in each(xp, add_up, parts):
        pass
    return BasketMoments(vol, own_variance, variance, quoted, total, names)
