"""The correlation matrix nearest to one that is none."""

from enum import IntEnum

from engine.arrays import Floats
from engine.backend import namespace

ROUNDING = 1e-10  # differences and negative eigenvalues as small are zero: a thousand names leave 1e-13
CONVERGED = 1e-9  # largest difference of the two projections at which the steps end
MOST_STEPS = 2_000  # they converge linearly; what is left then is a correlation matrix all the same


class MatrixStatus(IntEnum):
    """What the matrix of a date was made from."""

    OK = 0  # the matrix given
    REPAIRED = 1  # the nearest correlation matrix: the one given had a negative eigenvalue
    ABSENT = 2  # there is none

    @property
    def text(self) -> str:
        """The name written to files: `ok`, `repaired`, `absent`."""
        return self.name.lower()


def nearest_correlation(matrices: Floats) -> tuple[Floats, Floats]:
    """Repair symmetric matrices that are no correlation matrices: the nearest one to each, by the sum of squares.

    Alternating projections on the positive semidefinite matrices, with Dykstra's correction, and on those with 1 on
    the diagonal; in the end the first of the two is scaled to 1 on its diagonal. A matrix whose eigenvalues are not
    negative is returned as it is.

    Parameters
    ----------
    matrices : array (T, M, M)
        Symmetric, 1 on the diagonal, finite.

    Returns
    -------
    nearest : array (T, M, M)
    distance : array (T,)
        Root of the sum of squared changes; 0 where nothing was changed.

    References
    ----------
    Higham, "Computing the nearest correlation matrix - a problem from finance" (2002), algorithm 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> nearest, distance = nearest_correlation(np.array([[[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]]))
    >>> nearest[0].round(4).tolist(), distance.round(4).tolist()
    ([[1.0, 0.7607, 0.1573], [0.7607, 1.0, 0.7607], [0.1573, 0.7607, 1.0]], [0.5278])
    """
    xp = namespace(matrices)
    bad = xp.nonzero(xp.linalg.eigvalsh(matrices)[:, 0] < -ROUNDING)[0]
    nearest = matrices.copy()
    if len(bad):
        nearest[bad] = _projected(matrices[bad])
    return nearest, xp.sqrt(((nearest - matrices) ** 2).sum(axis=2).sum(axis=1))


def _projected(matrices: Floats) -> Floats:
    xp = namespace(matrices)
    diagonal = xp.eye(matrices.shape[1], dtype=bool)
    found, with_ones, correction = matrices, matrices, xp.zeros_like(matrices)
    moving = xp.ones(len(matrices), dtype=bool)  # each matrix ends by itself, whatever else is in the batch
    for _ in range(MOST_STEPS):
        before = with_ones - correction
        value, vector = xp.linalg.eigh(before)
        semidefinite = (vector * xp.maximum(value, 0.0)[:, None, :]) @ vector.swapaxes(1, 2)
        correction = semidefinite - before
        with_ones = xp.where(diagonal, 1.0, semidefinite)
        found = xp.where(moving[:, None, None], semidefinite, found)
        moving = moving & (xp.abs(with_ones - semidefinite).max(axis=2).max(axis=1) > CONVERGED)
        if not bool(moving.any()):
            break
    scale = 1.0 / xp.sqrt(found.diagonal(axis1=1, axis2=2))
    scaled = 0.5 * (found + found.swapaxes(1, 2)) * (scale[:, :, None] * scale[:, None, :])
    return xp.where(diagonal, 1.0, scaled)
