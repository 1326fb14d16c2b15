"""Kernels on the CPU: compiled by the machine's own C++ compiler into a library, once, and kept."""

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

# NaN marks a missing quote, so nothing here may assume that numbers are finite.
FLAGS = ("-x", "c++", "-std=c++17", "-O3", "-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC")
NATIVE = (
    ("-march=native", "-mprefer-vector-width=512"),
    ("-march=native",),
    ("-mcpu=native",),
    (),
)  # the first it knows


@functools.cache
def compiler() -> str | None:
    """Return the C++ compiler: the environment's CXX, else the first of c++, g++ and clang++; None without one."""
    for name in (os.environ.get("CXX"), "c++", "g++", "clang++"):
        if name and (path := shutil.which(name)):
            return path
    return None


@functools.cache
def missing() -> str | None:
    """Say why nothing can be compiled for this CPU, or None when it can: a small library is really built."""
    if compiler() is None:
        return "no C++ compiler found (c++, g++ or clang++)"
    try:
        _built("moments", "float32")
    except (OSError, subprocess.SubprocessError) as error:
        return f"{compiler()} failed: {str(getattr(error, 'stderr', '') or error).strip().splitlines()[0]}"
    return None


@functools.cache
def library(kernel: str, dtype: str) -> ctypes.CDLL:
    """Return the compiled library of a kernel, building it where that has not been done yet."""
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
    """Compile into a file of its own, then move it in place whole: two processes may do this at once."""
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
    """What tells two CPUs apart that share a home folder."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(next((line for line in lines if line.startswith(word)), "") for word in ("model name", "flags"))


@functools.cache
def _folder() -> Path:
    """Where libraries are kept between runs."""
    return cache_folder("kernels")
