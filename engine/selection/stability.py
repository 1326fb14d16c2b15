"""Whether a result stands on a plateau of its parameters, or on a peak that the next grid would miss."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats
from engine.errors import InputError


@dataclass(frozen=True, eq=False)
class Stability:
    """Every trial beside those one step away on the grid.

    Parameters
    ----------
    neighbours : array (P,), int
    mean, worst : array (P,)
        Of the trial and its neighbours; NaN where one of them is not known.
    """

    neighbours: np.ndarray
    mean: np.ndarray
    worst: np.ndarray


def stability(settings: Floats, values: Floats) -> Stability:
    """Set the value of every trial beside those of its neighbours on the grid of settings.

    A neighbour differs by at most one step, of the values a setting takes, in every setting.

    Parameters
    ----------
    settings : array (P, k)
        What each trial was made with.
    values : array (P,)
        Such as the net Sharpe ratio.

    Raises
    ------
    InputError
        When the shapes do not fit, or a setting is not known.

    Examples
    --------
    >>> found = stability(np.array([[0.5], [1.0], [1.5], [2.0]]), np.array([0.1, 0.2, 0.9, -0.4]))
    >>> found.neighbours.tolist(), found.mean.round(3).tolist(), found.worst.tolist()
    ([1, 2, 2, 1], [0.15, 0.4, 0.233, 0.25], [0.1, 0.1, -0.4, -0.4])
    """
    settings, values = np.asarray(settings, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if settings.ndim != 2 or values.shape != settings.shape[:1] or not np.isfinite(settings).all():
        raise InputError(f"settings {settings.shape} and values {values.shape} must be (P, k) and (P,), settings known")
    step = np.stack([np.unique(column, return_inverse=True)[1] for column in settings.T], axis=1)
    neighbours = np.zeros(len(values), dtype=int)
    mean, worst = np.empty((2, len(values)))
    for p, at in enumerate(step):
        near = (np.abs(step - at) <= 1).all(axis=1)
        neighbours[p] = near.sum() - 1
        mean[p], worst[p] = values[near].mean(), values[near].min()
    return Stability(neighbours, mean, worst)
