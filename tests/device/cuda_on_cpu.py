"""The GPU branch of every kernel, unmodified, run on a CPU (`cuda_on_cpu.h`): what a launch without a GPU needs."""

import ctypes
import functools
import re
import sys
from pathlib import Path

import numpy as np

from engine.kernels import host
from engine.kernels.source import source

SHIM = Path(__file__).with_name("cuda_on_cpu.h")
# Compiled without the library of the thread sanitizer, whose functions the shim has itself; fused multiply-add is
# allowed, as a GPU's compiler has it. Fortified longjmp takes a change of fibers for an error.
FLAGS = (
    *("-x", "c++", "-std=c++17", "-O1", "-w", "-U_FORTIFY_SOURCE", "-ffp-contract=fast", "-fsanitize=thread"),
    *("-shared", "-fPIC", "-nodefaultlibs", "-Wl,--no-as-needed,-lstdc++,-lm,-lc"),
)
MOST_THREADS = 1024  # of a block, where a kernel sets no bounds

_ENTRY = re.compile(r'extern "C" __global__ void (?:__launch_bounds__\((\w+)\) )?(\w+)\(')
_DYNAMIC = re.compile(r"extern __shared__ (\w+) (\w+)\[\];")


class DeviceFault(AssertionError):
    """What a kernel did that CUDA does not allow, or leaves to chance."""


@functools.cache
def missing() -> str | None:
    """Say why kernels cannot be run so on this machine; None if they can."""
    if sys.platform != "linux":
        return "only on Linux does a linker say where the shared memory of a kernel is"
    if reason := host.missing():
        return f"kernels cannot be compiled: {reason}"
    return None


def text_for_cpu(code: str) -> str:
    """Return the text of a kernel behind the shim, with a function that launches each of its entry points."""
    declared = _DYNAMIC.sub(r"\1 *const \2 = cuda::dynamic_shared<\1>();", code)
    launchers = "".join(
        f'extern "C" const char *launch_{entry}(const int64_t *shape, void **arguments, const uintptr_t *bounds) '
        f"{{ return cuda::launch({entry}, {bound or MOST_THREADS}, shape, arguments, bounds); }}\n"
        for bound, entry in _ENTRY.findall(code)
    )
    return f'{SHIM.read_text(encoding="utf-8")}\n#line 1 "kernel"\n{declared}\n{launchers}'


@functools.cache
def library(name: str, code: str) -> ctypes.PyDLL:
    """Return the library of a kernel's text. It has one block at work, and keeps Python's lock meanwhile."""
    return ctypes.PyDLL(host.built(f"{name}-on-cpu", text_for_cpu(code), FLAGS)._name)


def launch(name: str, code: str, entry: str, grid: int, block: int, arguments, shared: int = 0, seed: int = 0) -> None:
    """Run an entry point of a kernel's text, one block after the other.

    Parameters
    ----------
    name, code, entry : str
    grid, block, shared : int
        Blocks, threads of each, and bytes of its dynamic shared memory.
    arguments : sequence of numpy array or numpy scalar
        As CuPy passes them: an array as the address of its first element, a scalar as its bytes.
    seed : int
        Of the order in which threads run.

    Raises
    ------
    DeviceFault
        When the kernel did what CUDA does not allow, or leaves to chance.
    """
    arrays = [a for a in arguments if isinstance(a, np.ndarray)]
    kept = [np.array(a.ctypes.data if isinstance(a, np.ndarray) else a) for a in arguments]
    pointers = (ctypes.c_void_p * len(kept))(*(a.ctypes.data for a in kept))
    bounds = np.array([np.lib.array_utils.byte_bounds(a) for a in arrays], dtype=np.uint64)
    shape = np.array([grid, block, shared, seed, len(arrays)], dtype=np.int64)
    function = getattr(library(name, code), f"launch_{entry}")
    function.restype = ctypes.c_char_p
    told = function(ctypes.c_void_p(shape.ctypes.data), pointers, ctypes.c_void_p(bounds.ctypes.data))
    if told:
        raise DeviceFault(f"{name}.{entry}: {_with_lines(told.decode(), code)}")


def _with_lines(told: str, code: str) -> str:
    """Say what stands in the lines that a fault names."""
    lines = code.splitlines()
    return re.sub(r"line (\d+)", lambda found: f"`{lines[int(found[1]) - 1].strip()}`", told)


def device_function(kernel: str, entry: str, dtype: str, variant: tuple[int, ...] = ()):
    """Return what CuPy's `RawModule.get_function` does, of a kernel on this CPU."""

    def run(grid, block, arguments, shared_mem=0, seed=0):
        code = source(kernel, dtype, *variant)
        launch(kernel, code, entry, grid[0], block[0], arguments, shared_mem, seed)

    return run
