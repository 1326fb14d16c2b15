"""Running a kernel on the machine its arrays are on."""

import contextlib
import contextvars
import ctypes
import functools
import logging
import os
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from engine.backend import cpu_cores
from engine.kernels import host
from engine.kernels.arguments import check
from engine.kernels.entries import PIECE
from engine.kernels.source import source

log = logging.getLogger(__name__)

# With DISPERSION_KERNELS=off in the environment, array code does everything.
OFF = ("off", "0", "no", "false")
_wanted = contextvars.ContextVar("kernels", default=os.environ.get("DISPERSION_KERNELS", "on").lower() not in OFF)

PIECES_PER_THREAD = 8  # several, so that threads that are done early take over pieces from a slow one


@contextlib.contextmanager
def switched_off() -> Generator[None, None, None]:
    """Let array code do everything inside the block."""
    before = _wanted.set(False)
    try:
        yield
    finally:
        _wanted.reset(before)


def usable(xp: Any) -> bool:
    """Say whether kernels can work on a library's arrays: they are switched on, and compile for its machine."""
    if not _wanted.get():
        return False
    return _can_compile() if xp is np else True


@functools.cache
def _can_compile() -> bool:
    """Say whether kernels can be compiled for this CPU; if not, log the reason once."""
    if reason := host.missing():
        log.info("array code instead of compiled kernels: %s", reason)
    return host.missing() is None


def launch(
    xp: Any,
    kernel: str,
    entry: str,
    items: int,
    arguments: Sequence[Any],
    *,
    dtype: str = "float32",
    variant: tuple[int, ...] = (),
    threads: int = 0,
    shared: int = 0,
    least: int = 1,
) -> None:
    """Run an entry point of a kernel over all its items.

    Parameters
    ----------
    xp : module
        numpy runs it on all CPU cores, CuPy on the current device and stream.
    kernel, entry : str
        Name of the file without `.cu`, and of the function in it: `entry(first, last, *arguments)`.
    items : int
        How many there are. They are independent of each other, so that many are worked on at the same time.
    arguments : sequence of array, int, float or None
        In the order of the entry's parameters (`entries`). Arrays are C-contiguous, unless the entry takes strides.
    dtype : str
        How volatilities are stored: float32 or float64.
    variant : tuple of int
        Numbers that the text is compiled for: see `source`.
    threads : int
        On a GPU, how many threads work on one item together, as a block; 0 if each thread works on its own item.
    shared : int
        On a GPU, bytes of dynamic shared memory per block.
    least : int
        On a CPU, the smallest number of items that a core is given at a time.

    Raises
    ------
    TypeError
        When the number of arguments, or the type of one, is not what the entry takes.
    InputError
        When the shape of an array does not agree with the sizes given with it.
    """
    if items == 0:
        return
    check(kernel, entry, items, arguments, dtype)
    if xp is np:
        library = host.library(kernel, dtype, *variant)
        _on_host(getattr(library, entry), items, [_as_c(a) for a in arguments], least)
        return
    function = _device_function(kernel, entry, dtype, variant)
    scalars = {int: np.int64, float: np.float64, type(None): np.uint64, bool: np.int64}
    typed = [scalars[type(a)](a or 0) if type(a) in scalars else a for a in arguments]
    block, grid = (threads, items) if threads else (128, -(-items // 128))
    function((grid,), (block,), (np.int64(0), np.int64(items), *typed), shared_mem=shared)


def column(xp: Any, values: Any, count: int) -> Any:
    """Return a number, or a column (count, 1) of them, as a contiguous array (count,) of doubles."""
    return xp.ascontiguousarray(xp.broadcast_to(xp.asarray(values, dtype=xp.float64).reshape(-1), (count,)))


def elementwise(xp: Any, kernel: str, inputs: Sequence[Any], dtypes: Sequence[Any]) -> tuple[Any, ...]:
    """Run a kernel on every element of its inputs, which are broadcast against each other as in array code.

    Parameters
    ----------
    xp : module
    kernel : str
        Its entry point has the same name. It takes each input followed by its stride (0 = the input is one number that
        serves all elements, 1 = it has a number for each), then the outputs.
    inputs : sequence of array
        Each of the type that the kernel reads. An input of several numbers, but fewer than the result has, is copied to
        the full shape; all others are read where they are.
    dtypes : sequence of dtype
        Types of the outputs.

    Returns
    -------
    tuple of array
        The outputs, in the broadcast shape; numbers if all inputs are numbers.
    """
    full = xp.broadcast_arrays(*inputs)
    outputs = tuple(xp.empty(full[0].shape, dtype=dtype) for dtype in dtypes)
    arguments = []
    for given, broadcast in zip(inputs, full, strict=True):
        serves_all = given.size == 1
        arguments += [(given if serves_all else broadcast).ravel(), 0 if serves_all else 1]
    launch(xp, kernel, kernel, outputs[0].size, (*arguments, *outputs), dtype="float64", least=PIECE)
    return tuple(output[()] for output in outputs)  # [()] makes a number of an array without axes, as array code does


def _on_host(function, items: int, arguments, least: int) -> None:
    """Share the items out to the cores, piece by piece: threads, since ctypes frees Python's lock during a call."""
    cores = cpu_cores()
    step = max(least, -(-items // (cores * PIECES_PER_THREAD)))

    def piece(first: int) -> None:
        function(ctypes.c_int64(first), ctypes.c_int64(min(first + step, items)), *arguments)

    if cores == 1 or step >= items:
        for first in range(0, items, step):
            piece(first)
        return
    list(_pool().map(piece, range(0, items, step)))


def _as_c(argument):
    if argument is None:
        return ctypes.c_void_p(None)
    if isinstance(argument, np.ndarray):
        # This pointer keeps its array alive. After Ctrl-C the caller is gone, but its pieces still run for a moment.
        return argument.ctypes.data_as(ctypes.c_void_p)
    return ctypes.c_double(argument) if isinstance(argument, float) else ctypes.c_int64(argument)


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cpu_cores(), thread_name_prefix="kernel")


if hasattr(os, "register_at_fork"):  # a forked process has no copies of our threads: it must start its own
    os.register_at_fork(after_in_child=_pool.cache_clear)


def _device_function(kernel: str, entry: str, dtype: str, variant: tuple[int, ...] = ()):
    return _device_module(kernel, dtype, variant).get_function(entry)


@functools.cache
def _device_module(kernel: str, dtype: str, variant: tuple[int, ...]):
    import cupy

    return cupy.RawModule(code=source(kernel, dtype, *variant), options=("-std=c++17",))
