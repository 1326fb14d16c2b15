"""Names for arrays in signatures: what they hold, and on which axes.

Each may be an array of numpy or of CuPy. Axes have the letters of engine/README.md; `...` stands for any further ones,
such as tenor and delta. Type checkers read the kind of number; axes are checked when a function is called.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]  # any axes: float32 as stored, else float64
Integers = NDArray[np.integer]
Flags = NDArray[np.bool_]

# What the axes stand for; always on the host.
Dates = Annotated[NDArray[np.datetime64], "(T,)"]  # days
Symbols = Annotated[Sequence[str] | NDArray[np.str_], "(N,)"]  # names of the panel
Axis = Annotated[Sequence[int] | NDArray[np.integer], "(K,) or (D,)"]  # tenors in calendar days; call deltas in percent

PerDate = Annotated[Floats, "(T, ...)"]  # of the index, or of a basket as a whole
PerName = Annotated[Floats, "(T, N, ...)"]  # of every name of the panel; NaN where it has none
Weights = Annotated[Floats, "(T, N)"]  # of a basket; 0 where a name is not in it
PerCohort = Annotated[Floats, "(P, C)"]  # of every cohort, for every parameter set
