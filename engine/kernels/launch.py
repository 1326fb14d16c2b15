"""Running a kernel on the machine its arrays are on."""

import contextlib
import contextvars
import ctypes
import functools
import logging
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from engine.backend import cpu_cores
from engine.kernels import host
from engine.kernels.source import parameters, source

log = logging.getLogger(__name__)

# DISPERSION_KERNELS=off leaves everything to the array code.
_wanted = contextvars.ContextVar("kernels", default=os.environ.get("DISPERSION_KERNELS", "on") != "off")

PIECES_PER_THREAD = 8  # so that one slow piece does not keep the other threads waiting
PIECE = 256  # elements that a CPU takes through a formula at once: pieces.cuh
DTYPES = {"double": ("float64",), "float": ("float32",), "i64": ("int64",), "int": ("int32",), "u8": ("uint8", "bool")}
SCALARS = {"double": float, "i64": int}


@contextlib.contextmanager
def switched_off():
    """Leave everything to the array code inside the block."""
    before = _wanted.set(False)
    try:
        yield
    finally:
        _wanted.reset(before)


def usable(xp) -> bool:
    """Say whether kernels run on the arrays of a library: they are wanted, and can be compiled for its machine."""
    if not _wanted.get():
        return False
    return _explained() if xp is np else True


@functools.cache
def _explained() -> bool:
    if reason := host.missing():
        log.info("array code instead of compiled kernels: %s", reason)
    return host.missing() is None


def launch(
    xp, kernel: str, entry: str, items: int, arguments, *, dtype="float32", threads: int = 0, shared: int = 0, least=1
):
    """Run an entry point of a kernel over all its items.

    Parameters
    ----------
    xp : module
        numpy runs it on all CPU cores, CuPy on the current device and stream.
    kernel, entry : str
        Name of the file without `.cu`, and of the function in it: `entry(first, last, *arguments)`.
    items : int
        Items are independent of each other; pieces of them run at once.
    arguments : sequence of array, int, float or None
        C-contiguous arrays (or such whose strides the kernel is told), in the order of the entry's parameters.
    dtype : str
        How volatilities are stored: float32 or float64.
    threads : int
        On a GPU, threads of the block that works on one item; 0 where each thread works on an item of its own.
    shared : int
        On a GPU, bytes of dynamic shared memory per block.
    least : int
        On a CPU, items worth handing to a core.

    Raises
    ------
    TypeError
        When the arguments are not what the entry takes: compiled code would read them all the same.
    """
    if items == 0:
        return
    _check(kernel, entry, arguments, dtype)
    if xp is np:
        _on_host(getattr(host.library(kernel, dtype), entry), items, [_as_c(a) for a in arguments], least)
        return
    function = _device_function(kernel, entry, dtype)
    scalars = {int: np.int64, float: np.float64, type(None): np.uint64, bool: np.int64}
    typed = [scalars[type(a)](a or 0) if type(a) in scalars else a for a in arguments]
    block, grid = (threads, items) if threads else (128, -(-items // 128))
    function((grid,), (block,), (np.int64(0), np.int64(items), *typed), shared_mem=shared)


def _check(kernel: str, entry: str, arguments, dtype: str) -> None:
    expected = parameters(kernel, entry, dtype)
    if len(arguments) != len(expected):
        raise TypeError(f"{kernel}.{entry} takes {len(expected)} arguments, not {len(arguments)}")
    for parameter, argument in zip(expected, arguments, strict=True):
        if not parameter.is_array:
            fits = isinstance(argument, SCALARS[parameter.type])
        elif argument is None:
            continue
        else:
            whole = parameter.has_stride or argument.flags.c_contiguous
            fits = argument.dtype in DTYPES[parameter.type] and whole
        if not fits:
            found = f"{argument.dtype}{argument.shape}" if hasattr(argument, "dtype") else repr(argument)
            raise TypeError(f"{kernel}.{entry}: {parameter.name} is {found}; it takes {parameter}")


def column(xp, values, count: int):
    """Return a number, or a column (count, 1) of them, as a contiguous array (count,) of doubles."""
    return xp.ascontiguousarray(xp.broadcast_to(xp.asarray(values, dtype=xp.float64).reshape(-1), (count,)))


def elementwise(xp, kernel: str, inputs, dtypes):
    """Run the entry point of a kernel's own name over the elements of arrays, as array code broadcasts them.

    Parameters
    ----------
    xp : module
    kernel : str
        Its entry takes each input with a stride, 0 where it is one number for all elements, else 1, then the outputs.
    inputs : sequence of array
        Of the types that the kernel reads; only such as are neither whole nor one number are copied.
    dtypes : sequence of dtype
        Of the outputs.

    Returns
    -------
    tuple of array
        The outputs, of the broadcast shape.
    """
    whole = xp.broadcast_arrays(*inputs)
    outputs = tuple(xp.empty(whole[0].shape, dtype=dtype) for dtype in dtypes)
    arguments = []
    for given, broadcast in zip(inputs, whole, strict=True):
        one_for_all = given.size == 1
        arguments += [(given if one_for_all else broadcast).ravel(), int(not one_for_all)]
    launch(xp, kernel, kernel, outputs[0].size, (*arguments, *outputs), dtype="float64", least=PIECE)
    return tuple(output[()] for output in outputs)  # numbers where numbers were given, as array code returns them


def _on_host(function, items: int, arguments, least: int) -> None:
    """Cut the items into pieces for the cores; ctypes releases the interpreter while a piece runs."""
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
        # A pointer that keeps its array: pieces run on for a moment after an interrupt has unwound the caller.
        return argument.ctypes.data_as(ctypes.c_void_p)
    return ctypes.c_double(argument) if isinstance(argument, float) else ctypes.c_int64(argument)


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cpu_cores(), thread_name_prefix="kernel")


if hasattr(os, "register_at_fork"):  # threads do not survive a fork: a child that waited for them would wait for ever
    os.register_at_fork(after_in_child=_pool.cache_clear)


def _device_function(kernel: str, entry: str, dtype: str):
    return _device_module(kernel, dtype).get_function(entry)


@functools.cache
def _device_module(kernel: str, dtype: str):
    import cupy

    return cupy.RawModule(code=source(kernel, dtype), options=("-std=c++17",))
