"""What the machine can do at most: bytes read and multiply-adds, per second, measured in the same run as the rest."""

import platform
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from engine.backend import cpu_cores
from engine.benchmark.measure import best_time

REPEATS = 10  # the fastest counts: other work on the machine can only slow a run down
PRODUCT = 1024  # rows of the matrices multiplied: three of them take 24 MiB and fit into a shared cache
CHAIN = 512  # multiply-adds each GPU thread does on the eight numbers it keeps in registers
THREADS = 1 << 20


@dataclass(frozen=True)
class Limits:
    """The two ceilings of the roofline.

    Parameters
    ----------
    bytes_per_second : float
        Reading an array far larger than any cache, on all cores at once.
    multiply_adds_per_second : float
        Float64 multiply-adds on data that never leaves the cache, all cores: on a CPU a matrix product, on a GPU a
        chain of fused multiply-adds in registers.
    """

    bytes_per_second: float
    multiply_adds_per_second: float

    def or_better(self, other: "Limits | None") -> "Limits":
        """Return the higher value of each ceiling: other work on the machine can lower a measurement, not raise it."""
        return self if other is None else Limits(*map(max, astuple(self), astuple(other)))


def measure_limits(backend: str, megabytes: int) -> Limits:
    """Measure both ceilings of the machine a backend runs on.

    Parameters
    ----------
    backend : "numpy" or "cupy"
    megabytes : int
        Size of the array that is read.
    """
    read, multiply = _device_work(megabytes) if backend == "cupy" else _host_work(megabytes)
    return Limits(*(amount / best_time(work, backend, REPEATS) for amount, work in (read, multiply)))


def _host_work(megabytes: int) -> list:
    """Return (amount, function) for each ceiling."""
    # A maximum of integers needs less arithmetic than any other reduction, so that its time is that of reading.
    # numpy releases the interpreter's lock in reductions: threads read in parallel.
    array = np.ones(megabytes * 2**20 // 8, dtype=np.int64)
    parts = np.array_split(array, cpu_cores())
    matrix = np.random.default_rng(0).random((PRODUCT, PRODUCT))
    product = np.empty_like(matrix)

    def read():
        with ThreadPoolExecutor(len(parts)) as pool:
            list(pool.map(np.max, parts))

    return [(array.nbytes, read), (PRODUCT**3, lambda: np.matmul(matrix, matrix, out=product))]


def _device_work(megabytes: int) -> list:
    import cupy

    array = cupy.ones(megabytes * 2**20 // 8, dtype=cupy.float64)
    chain = cupy.ElementwiseKernel(
        "float64 x",
        "float64 y",
        f"""
        double a[8];
        for (int j = 0; j < 8; ++j) a[j] = x + j;
        #pragma unroll 8
        for (int i = 0; i < {CHAIN // 8}; ++i)
            for (int j = 0; j < 8; ++j) a[j] = fma(a[j], 0.999, x);
        y = ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]));
        """,
        "multiply_add_chain",
    )
    start, end = cupy.ones(THREADS), cupy.empty(THREADS)
    return [(array.nbytes, array.sum), (THREADS * CHAIN, lambda: chain(start, end))]


def device_name(backend: str) -> str:
    """Return the name of the GPU, or that of the CPU and its number of cores."""
    if backend == "cupy":
        import cupy

        return cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()
    cpu = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*:\s*(.+)", cpu.read_text()) if cpu.is_file() else None
    name = model[1] if model else platform.processor() or platform.machine()
    return f"{' '.join(name.split())}, {cpu_cores()} cores"


def slug(device: str) -> str:
    """Make a file name of the name of a device.

    Examples
    --------
    >>> slug("AMD EPYC, 2 cores")
    'amd-epyc-2-cores'
    """
    return re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")
