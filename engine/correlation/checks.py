"""Whether what is given belongs together: the shapes of volatilities, returns and weights, and shares from 0 to 1."""

from engine.arrays import PerDate, PerName, Weights
from engine.errors import InputError


def check_shapes(index_iv: PerDate, component_iv: PerName, weights: Weights, *, several: bool = False) -> None:
    """Raise InputError unless index (T, ...), components (T, N, ...) and weights (T, N) share their axes.

    Parameters
    ----------
    several : bool
        Weights may then also be (B, T, N), with one index for all baskets or one for each, (B, T, ...).
    """
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
    if returns.shape != weights.shape:
        raise InputError(f"returns {returns.shape} and weights {weights.shape} differ in shape; both are (T, N)")


def check_fraction(name: str, value: float) -> None:
    """Raise InputError unless a share is a number from 0 to 1."""
    if not 0.0 <= value <= 1.0:
        raise InputError(f"{name}={value} is not a fraction; use a number from 0 to 1, 0.8 for 80 %")
