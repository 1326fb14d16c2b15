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
from contextlib import suppress
from pathlib import Path

from engine.durable import checksum, locked, put_in_place
from engine.errors import InputError
from engine.kernels.source import source
from engine.places import cache_folder, mine_alone, usual_folder

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
_temporary: list[tempfile.TemporaryDirectory] = []  # for libraries that no folder keeps; they go with the process


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
        built("moments-float32", source("moments", "float32"))
    except (OSError, subprocess.SubprocessError) as error:
        return f"{compiler()} failed: {str(getattr(error, 'stderr', '') or error).strip().splitlines()[0]}"
    return None


@functools.cache
def library(kernel: str, dtype: str, *variant: int) -> ctypes.CDLL:
    """Return the compiled library of a kernel; it is built if an earlier run has not done so."""
    return built(f"{kernel}-{dtype}", source(kernel, dtype, *variant))


def built(title: str, text: str, flags: tuple[str, ...] = FLAGS) -> ctypes.CDLL:
    """Return the library of a text: one that is kept, if an earlier run, or another process, has made it."""
    made_by = [text, compiler(), _version(), *flags, repr(NATIVE), platform.machine(), _processor()]
    key = hashlib.sha256("\0".join(made_by).encode()).hexdigest()[:16]
    name = f"{title}-{key}.so"
    for path in (folder / name for folder in _folders()):  # one that may only be read is looked into all the same
        if _is_whole(path):
            return ctypes.CDLL(str(path))
    for folder in (folder for folder in _folders() if os.access(folder, os.W_OK)):
        with suppress(InputError, OSError, subprocess.CalledProcessError), locked(folder / name, "compiling"):
            if not _is_whole(folder / name):  # another process may just have made it
                log.info("compiling the kernel %s for this CPU", title)
                _sweep(folder, name)
                _compile(text, folder / name, flags)
            return ctypes.CDLL(str(folder / name))
    _temporary.append(tempfile.TemporaryDirectory(prefix="dispersion-engine-"))
    path = Path(_temporary[-1].name) / name
    _compile(text, path, flags)
    return ctypes.CDLL(str(path))


def _is_whole(path: Path) -> bool:
    """Tell whether a library is there, byte for byte as it was made: a damaged one would end the process."""
    try:
        return checksum(path) == _sum(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return False


def _sum(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _compile(text: str, path: Path, flags: tuple[str, ...] = FLAGS) -> None:
    """Compile to another name, then rename: no process ever sees half a library, and one in use is not written to."""
    unfinished = path.with_name(f"{path.name}.part")
    try:
        for native in NATIVE:
            command = [compiler(), *flags, *native, "-", "-o", str(unfinished)]
            done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                break
        done.check_returncode()
        _sum(path).write_text(checksum(unfinished), encoding="ascii")
        put_in_place(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _sweep(folder: Path, name: str) -> None:
    """Remove what compilers left that were killed: their locks are free."""
    left = {path.name.removesuffix(ending) for ending in (".part", ".lock") for path in folder.glob(f"*.so{ending}")}
    for other in left - {name}:
        with suppress(InputError), locked(folder / other, "compiling", wait=0.0):
            (folder / f"{other}.part").unlink(missing_ok=True)


@functools.cache
def _version() -> str:
    return subprocess.run([str(compiler()), "--version"], capture_output=True, text=True, check=True).stdout


@functools.cache
def _processor() -> str:
    """Describe the CPU. Machines with different ones may share a home folder, and so the libraries in it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(next((line for line in lines if line.startswith(word)), "") for word in ("model name", "flags"))


@functools.cache
def _folders() -> tuple[Path, ...]:
    """Return where libraries are looked for, and the last one also made: nobody else may put any there."""
    wanted = dict.fromkeys([usual_folder("kernels"), cache_folder("kernels")])
    return tuple(folder for folder in wanted if folder is not None and mine_alone(folder))
