"""Hand-written kernels: the same text is compiled for a CPU and for a GPU, when it is first used.

A `.cuh` file holds the arithmetic of one item, and `<kernel>.cu` the entry points that go through all items: in loops
on a CPU, in threads on a GPU. `entries` declares what each entry point takes, `codes` what its codes and columns mean.

Kernels only add speed. Next to each stands array code that gives the same numbers, and runs where nothing can be
compiled; one visible `if kernels.usable(xp)` chooses between the two.
"""

from engine.kernels.launch import column, elementwise, launch, switched_off, usable

__all__ = ["column", "elementwise", "launch", "switched_off", "usable"]
