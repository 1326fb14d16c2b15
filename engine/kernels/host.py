"""Kernels on the CPU: the machine's own C++ compiler makes a library of each, which is kept for later runs."""

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from engine.kernels.source import source
from engine.places import cache_folder

log = logging.getLogger(__name__)

# No flag may let the compiler assume that numbers are finite (as -ffast-math does): NaN stands for a missing quote.
FLAGS = ("-x", "c++", "-std=c++17", "-O3", "-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC")
# Flags for the instructions of this very CPU: the first group that the compiler accepts is used.
NATIVE = (
    ("-march=native", "-mprefer-vector-width=512"),
    ("-march=native",),
    ("-mcpu=native",),
    (),
)


@functools.cache
def compiler() -> str | None:
    """Return the C++ compiler: the environment's CXX, else the first of c++, g++ and clang++; None without one."""
    for name in (os.environ.get("CXX"), "c++", "g++", "clang++"):
        if name and (path := shutil.which(name)):
            return path
    return None


@functools.cache
def missing() -> str | None:
    """Build a small library, and return why that is not possible on this machine; None if it is."""
    if compiler() is None:
        return "no C++ compiler found (c++, g++ or clang++)"
    try:
        _built("moments", "float32")
    except (OSError, subprocess.SubprocessError) as error:
        return f"{compiler()} failed: {str(getattr(error, 'stderr', '') or error).strip().splitlines()[0]}"
    return None


@functools.cache
def library(kernel: str, dtype: str) -> ctypes.CDLL:
    """Return the compiled library of a kernel; it is built if an earlier run has not done so."""
    return _built(kernel, dtype)


def _built(kernel: str, dtype: str) -> ctypes.CDLL:
    text = source(kernel, dtype)
    made_by = [text, compiler(), _version(), *FLAGS, repr(NATIVE), platform.machine(), _processor()]
    key = hashlib.sha256("\0".join(made_by).encode()).hexdigest()[:16]
    path = _folder() / f"{kernel}-{dtype}-{key}.so"
    if not path.exists():
        log.info("compiling the %s kernel (%s) for this CPU", kernel, dtype)
        _compile(text, path)
    return ctypes.CDLL(str(path))


def _compile(text: str, path: Path) -> None:
    """Compile to a temporary file, then rename it: another process that does the same never sees half a library."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        unfinished = Path(folder) / "kernel.so"
        for native in NATIVE:
            command = [compiler(), *FLAGS, *native, "-", "-o", str(unfinished)]
            done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                break
        done.check_returncode()
        os.replace(unfinished, path)


@functools.cache
def _version() -> str:
    return subprocess.run([compiler(), "--version"], capture_output=True, text=True, check=True).stdout


@functools.cache
def _processor() -> str:
    """Describe the CPU. Machines with different ones may share a home folder, and so the libraries in it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(next((line for line in lines if line.startswith(word)), "") for word in ("model name", "flags"))


@functools.cache
def _folder() -> Path:
    """Return the folder that libraries are kept in; a temporary one if the user's cache cannot be written to."""
    return cache_folder("kernels")
