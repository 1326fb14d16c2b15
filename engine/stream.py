"""Host arrays larger than a GPU's memory, read there window by window of dates.

While one window is computed on the current stream, the next is copied on a stream of its own. Two buffers of pinned
host memory and two arrays on the device are enough, whatever the array's size; events order their reuse.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from engine.backend import blocks

# Large enough to keep bus and device busy, small enough to pin; CuPy rounds pinned memory up to a power of two.
WINDOW_BYTES = 256 * 2**20


def stream(xp: Any, array: np.ndarray, parts: Sequence[slice]) -> Iterator[np.ndarray]:
    """Yield windows of a host array on the machine of a library, the next one being copied meanwhile.

    Parameters
    ----------
    xp : module
        numpy yields plain slices; CuPy copies.
    array : array (T, ...) of numpy, memory-mapped or not
    parts : sequence of slice
        Windows of dates, in the order they are wanted; they may overlap.

    Yields
    ------
    array (part.stop - part.start, ...)
        On a GPU valid only until the next window is asked for, and only on the stream that is current then.

    Examples
    --------
    >>> [window.tolist() for window in stream(np, np.arange(5), [slice(0, 3), slice(2, 5)])]
    [[0, 1, 2], [2, 3, 4]]
    """
    if xp is np:
        yield from (array[part] for part in parts)
        return
    longest = max((part.stop - part.start for part in parts), default=0)
    slots = [_Slot(xp, (longest, *array.shape[1:]), array.dtype) for _ in parts[:2]]
    copying = xp.cuda.Stream(non_blocking=True)
    try:
        ahead = None
        for part, slot in zip(parts, itertools.cycle(slots), strict=False):
            slot.fill(array[part], copying)
            if ahead is not None:
                yield from ahead.window(xp)
            ahead = slot
        if ahead is not None:
            yield from ahead.window(xp)
    finally:
        copying.synchronize()  # the buffers go back to CuPy's pools, also where the reader stops early


def upload(xp: Any, array: Any) -> Any:
    """Copy a whole host array to the device; a large one through small buffers, where CuPy would pin as much again."""
    if not isinstance(array, np.ndarray) or array.nbytes <= WINDOW_BYTES:
        return xp.asarray(array)
    whole = xp.empty(array.shape, array.dtype)
    parts = list(blocks(len(array), array.nbytes // len(array), WINDOW_BYTES))
    buffers = [_Pinned(xp, array[parts[0]].shape, array.dtype) for _ in range(2)]
    current = xp.cuda.get_current_stream()
    copying = xp.cuda.Stream(non_blocking=True)
    copying.wait_event(current.record())
    for part, buffer in zip(parts, itertools.cycle(buffers), strict=False):
        buffer.copy(array[part], whole[part], copying)
    copying.synchronize()
    return whole


class _Pinned:
    """A buffer of pinned host memory, and the event that says it may be filled again."""

    def __init__(self, xp, shape, dtype):
        memory = xp.cuda.alloc_pinned_memory(max(1, math.prod(shape) * dtype.itemsize))
        self.buffer = _as_array(memory, shape, dtype)
        self.copied = xp.cuda.Event(disable_timing=True)

    def copy(self, array, target, copying) -> None:
        self.copied.synchronize()
        staged = self.buffer[: len(array)]
        staged[...] = array
        target.set(staged, stream=copying)
        self.copied.record(copying)


class _Slot:
    """A device array, the pinned buffer it is filled through, and the event that says it has been read."""

    def __init__(self, xp, shape, dtype):
        self.pinned = _Pinned(xp, shape, dtype)
        self.array = xp.empty(shape, dtype)
        self.used = xp.cuda.Event(disable_timing=True)
        self.used.record(xp.cuda.get_current_stream())  # what had this memory before may still be at work

    def fill(self, array, copying) -> None:
        copying.wait_event(self.used)
        self.filled = self.array[: len(array)]
        self.pinned.copy(array, self.filled, copying)

    def window(self, xp):
        xp.cuda.get_current_stream().wait_event(self.pinned.copied)
        yield self.filled
        self.used.record(xp.cuda.get_current_stream())


def _as_array(memory, shape, dtype):
    return np.frombuffer(memory, dtype, math.prod(shape)).reshape(shape)
