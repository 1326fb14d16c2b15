"""Whether what is given belongs together and can be: volatilities, returns, weights, and shares from 0 to 1."""

from typing import Any

import numpy as np

from engine.arrays import Flags, Floats, PerDate, PerName, Weights
from engine.backend import namespace, to_host
from engine.errors import InputError
from engine.kinds import is_kind

# The smallest volatility that is a quote: vendors write 0, -1 or -99.99 where there is none. The smallest that a float
# holds without losing digits, so that every machine and both types tell it from 0.
LEAST_VOL = 2.0**-126
# Sums of a few thousand weights in another order differ by less, and no two shares of names lie as near.
COVERAGE_ROUNDING = 1e-9


def is_quote(vol: Floats, zero_counts: bool = False) -> Flags:
    """Tell which volatilities are quotes: positive and finite; of realised ones 0 is one too.

    Examples
    --------
    >>> is_quote(np.array([0.2, 0.0, -1.0, np.nan, np.inf])).tolist()
    [True, False, False, False, False]
    """
    return (vol >= least_vol(zero_counts)) & (vol < float("inf"))


def least_vol(zero_counts: bool) -> float:
    """Return the smallest volatility that is a quote, as kernels take it."""
    return 0.0 if zero_counts else LEAST_VOL


def least_coverage(share: float) -> float:
    """Return the least coverage that counts as a share: 16 of 20 equal weights are four fifths, however they add up.

    Examples
    --------
    >>> coverage = sum([0.05] * 16) / sum([0.05] * 20)
    >>> coverage >= 0.8, coverage >= least_coverage(0.8)
    (False, True)
    """
    return share - COVERAGE_ROUNDING


def check_arrays(**arrays: Any) -> None:
    """Raise InputError unless each is an array of numbers, of which none is masked."""
    for name, array in arrays.items():
        if isinstance(array, np.ma.MaskedArray):
            raise InputError(f"{name} is a masked array, and what it masks would count; fill it: .filled(numpy.nan)")
        if not hasattr(array, "dtype") or not hasattr(array, "shape") or array.dtype.kind not in "fiub":
            raise InputError(
                f"{name} is of type {getattr(array, 'dtype', type(array).__name__)}; give an array of numbers"
            )


def check_weights(weights: Weights) -> None:
    """Raise InputError where a weight is negative, infinite or NaN: 0 says that a name is not in the basket."""
    check_arrays(weights=weights)
    if not weights.size:
        return
    least, most = to_host(namespace(weights).stack([weights.min(), weights.max()]))
    if not (least >= 0.0 and most < np.inf):
        raise InputError("weights are negative, infinite or NaN somewhere; a weight is 0 where a name is not held")


def check_shapes(index_iv: PerDate, component_iv: PerName, weights: Weights, *, several: bool = False) -> None:
    """Raise InputError unless index (T, ...), components (T, N, ...) and weights (T, N) share their axes.

    Parameters
    ----------
    several : bool
        Weights may then also be (B, T, N), with one index for all baskets or one for each, (B, T, ...).
    """
    check_arrays(index_iv=index_iv, component_iv=component_iv, weights=weights)
    if component_iv.ndim < 2:
        raise InputError(f"component_iv has shape {component_iv.shape}; expected (T, N, ...)")
    dates, names, *cells = component_iv.shape
    baskets = weights.shape[:-2] if several else ()
    one_index = index_iv.shape == (dates, *cells)
    own_index = bool(baskets) and index_iv.shape == (*baskets, dates, *cells)
    if len(baskets) > 1 or weights.shape != (*baskets, dates, names) or not (one_index or own_index):
        raise InputError(
            f"volatilities of the index {index_iv.shape}, of components {component_iv.shape} and weights "
            f"{weights.shape} do not belong together; expected (T, ...), (T, N, ...) and (T, N)"
            + (", or (B, T, N) for several baskets" if several else "")
        )


def check_returns(returns: PerName, weights: Weights) -> None:
    """Raise InputError unless returns and weights are both (T, N) of the same dates and names."""
    check_arrays(returns=returns, weights=weights)
    if returns.shape != weights.shape:
        raise InputError(f"returns {returns.shape} and weights {weights.shape} differ in shape; both are (T, N)")


def check_fraction(name: str, value: float) -> None:
    """Raise InputError unless a share is a number from 0 to 1."""
    if not is_kind(value, float) or not 0.0 <= value <= 1.0:
        raise InputError(f"{name}={value} is not a fraction; use a number from 0 to 1, 0.8 for 80 %")
