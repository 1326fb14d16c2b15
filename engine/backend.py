"""Which array library runs the arithmetic: numpy or CuPy.

Functions ask their arrays (`xp = namespace(weights, iv)`); there is no global backend. A run decides once, by where
it puts the panel. CuPy is imported only when asked for, so `import engine` works, and stays fast, without it.
"""

import contextvars
import ctypes
import functools
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from engine.errors import InputError

log = logging.getLogger(__name__)

# Blocks of this size keep the temporaries of one block inside the last-level cache of a desktop CPU.
CPU_BLOCK_BYTES = 8 * 2**20
DEVICE_BLOCK_BYTES = 32 * CPU_BLOCK_BYTES  # a GPU needs long blocks to be busy
FREE_SHARE = 0.8  # of a device's free memory a panel takes by default; the rest is for results and temporaries


def namespace(*arrays: Any) -> Any:  # numpy or CuPy; Any, since a checker knows no union of two modules
    """Return the library the arrays belong to: `numpy` or `cupy`.

    Scalars, None and numpy arrays without a dimension belong to neither and are ignored; CuPy's are always on a device.

    Raises
    ------
    TypeError
        When numpy and CuPy arrays are mixed: data must cross between host and device knowingly.

    Examples
    --------
    >>> namespace(np.ones(2), 3.0).__name__
    'numpy'
    """
    cupy = sys.modules.get("cupy")
    on_device = [cupy is not None and isinstance(a, cupy.ndarray) for a in arrays]
    if not any(on_device):
        return np
    if any(not there and getattr(a, "shape", ()) for a, there in zip(arrays, on_device, strict=True)):
        raise TypeError("numpy and CuPy arrays are mixed; move the panel once with `market.to('cupy')`")
    return cupy


@functools.cache
def gpu_missing() -> str | None:
    """Say why no CUDA device can be used, or None when one can.

    A real kernel is run: counting devices only talks to the driver.
    """
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libcuda.so.1")  # asked first: CuPy takes a while to import
        except OSError:
            return "this machine has no CUDA driver"
    try:
        import cupy
    except ImportError:
        return "CuPy is not installed (pip install 'dispersion-engine[gpu]')"
    try:
        float((cupy.arange(1) + 1).sum())
    except Exception as error:  # CuPy, the runtime, the driver and the compiler each raise their own kind
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return None


@functools.cache
def resolve(backend: str) -> str:
    """Turn `auto`, `numpy` or `cupy` into the backend to use, and log once what was taken and why.

    Raises
    ------
    InputError
        When `cupy` is asked for and no device can run it, with the reason.
    """
    if backend not in ("auto", "numpy", "cupy"):
        raise InputError(f"backend={backend} is unknown; choose auto, numpy or cupy")
    if backend == "numpy":
        return "numpy"
    reason = gpu_missing()
    if reason is None:
        return "cupy"
    if backend == "cupy":
        raise InputError(f"backend=cupy needs a CUDA device, and none can be used: {reason}. Use backend=numpy.")
    log.info("backend=auto took numpy (%s)", reason)
    return "numpy"


def library(backend: str) -> Any:
    """Return the array library of a backend: the module `numpy` or `cupy`."""
    if backend == "numpy":
        return np
    import cupy

    return cupy


def device_budget(memory_budget: float | None) -> int:
    """Return the bytes of device memory that a panel may take, and log them.

    Parameters
    ----------
    memory_budget : float or None
        In GB (10^9 bytes); None = 80 % of what is free.

    Raises
    ------
    InputError
        When it is not positive, or more than is free.
    """
    check_memory_budget(memory_budget)
    cupy = library("cupy")
    free = cupy.cuda.runtime.memGetInfo()[0] + cupy.get_default_memory_pool().free_bytes()
    budget = FREE_SHARE * free if memory_budget is None else 1e9 * memory_budget
    if budget > free:
        raise InputError(
            f"memory_budget={memory_budget} GB is more than the {free / 1e9:.1f} GB that are free on the device; "
            "leave it out to use 80 % of them"
        )
    log.info("memory_budget: the panel may take %.1f of %.1f GB free on the device", budget / 1e9, free / 1e9)
    return int(budget)


def check_memory_budget(memory_budget: Any) -> None:
    """Raise InputError unless a memory budget is a positive number of GB, or None."""
    number = isinstance(memory_budget, int | float) and not isinstance(memory_budget, bool)
    if memory_budget is not None and not (number and memory_budget > 0.0):
        raise InputError(f"memory_budget={memory_budget} is not a positive number of GB; write memory_budget=8")


def to_host(array: Any) -> np.ndarray:
    """Return the array as numpy; a numpy array is returned as it is."""
    return array.get() if hasattr(array, "get") and not isinstance(array, dict) else np.asarray(array)


def count(values: Any) -> int:
    """Return how many numbers there are in an array, or 1 of a number by itself, which CuPy's own `size` refuses."""
    return getattr(values, "size", 1)


def special(xp: Any) -> Any:
    """Return the special functions (`ndtr`, `ndtri`, `log_ndtr`, ...) of the array library."""
    if xp is np:
        import scipy.special

        return scipy.special
    import cupyx.scipy.special

    return cupyx.scipy.special


def block_budget(xp: Any) -> int:
    """Return the bytes that the temporaries of one block may take on the machine of the array library."""
    return CPU_BLOCK_BYTES if xp is np else DEVICE_BLOCK_BYTES


def running_max(values: np.ndarray) -> np.ndarray:
    """Largest value so far along the last axis; CuPy has no `maximum.accumulate`.

    Examples
    --------
    >>> running_max(np.array([1, 3, 2, 4])).tolist()
    [1, 3, 3, 4]
    """
    xp = namespace(values)
    if xp is np:
        return xp.maximum.accumulate(values, axis=-1)
    shift = 1
    while shift < values.shape[-1]:  # each pass looks twice as far back
        later = xp.maximum(values[..., shift:], values[..., :-shift])
        values = xp.concatenate([values[..., :shift], later], axis=-1)
        shift *= 2
    return values


def where_any(rows: Any) -> np.ndarray:
    """Return which rows of an array of bool have one that is True, on the host."""
    return np.flatnonzero(to_host(rows.any(axis=1)))


def blocks(length: int, bytes_per_item: int, budget: int = CPU_BLOCK_BYTES) -> Iterator[slice]:
    """Cut `length` items into slices whose temporaries stay within `budget` bytes.

    Examples
    --------
    >>> [(s.start, s.stop) for s in blocks(5, bytes_per_item=4, budget=8)]
    [(0, 2), (2, 4), (4, 5)]
    """
    step = max(1, int(budget // max(1, bytes_per_item)))
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def each(xp: Any, work: Callable[[Any], Any], items: Iterable) -> Iterator:
    """Yield `work(item)` for every item, in order; on a CPU several at once, since ufuncs release the interpreter.

    Examples
    --------
    >>> list(each(np, lambda n: n * n, range(4)))
    [0, 1, 4, 9]
    """
    items = list(items)
    if xp is not np or len(items) < 2 or cpu_cores() < 2:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(min(cpu_cores(), len(items))) as pool:
        # Each thread sees the caller's context: whether kernels are wanted, what numpy says of NaN.
        runs = [pool.submit(contextvars.copy_context().run, work, item) for item in items]
        try:
            for run in runs:
                yield run.result()
        finally:
            for run in runs:
                run.cancel()


def cpu_cores() -> int:
    """Return the number of CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
