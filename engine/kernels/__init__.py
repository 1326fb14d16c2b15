"""Hand-written kernels: one text of arithmetic, compiled on first use where it runs.

`<kernel>.cuh` holds the arithmetic of one item, `<kernel>.cu` its entry points: loops over items for the machine's own
C++ compiler, threads for a GPU. Array code stays beside every kernel as its reference, and runs where nothing can be
compiled: kernels are optional speed, reached through one visible `if kernels.usable(xp)`.
"""

from engine.kernels.launch import column, elementwise, launch, switched_off, usable

__all__ = ["column", "elementwise", "launch", "switched_off", "usable"]
