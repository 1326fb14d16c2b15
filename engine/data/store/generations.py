"""Generations of a panel's files: one that somebody has open is never written to, and never removed.

The first generation's files lie in the panel's folder, those of later ones in a folder there named by its number. Every
map of a file holds a shared lock on it, which ends with the map or its process; only files without one are removed.
"""

import fcntl
from contextlib import suppress
from pathlib import Path

import numpy as np


def mapped(path: Path, dtype: str, shape: tuple) -> np.memmap:
    """Map a file under a shared lock, which lasts as long as the map does: no generation in use is removed."""
    with open(path, "rb") as file:
        with suppress(OSError):  # without locks nothing is removed either
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return np.memmap(file, dtype, "r", shape=shape)


def generations(folder: Path) -> list[Path]:
    """Return the folders of a panel's generations, the first one's first."""
    return [folder, *(path for path in folder.iterdir() if path.name.isdecimal() and path.is_dir())]


def next_generation(folder: Path, header: str) -> str:
    """Return the name of a generation that is not there yet; "" where the folder has no header."""
    if not (folder / header).exists():
        return ""  # the folder itself
    return str(1 + max((int(path.name) for path in generations(folder)[1:]), default=0))


def sweep(folder: Path, generation: str, names) -> None:
    """Remove files of those names that nobody has open from all generations but this one."""
    for data in generations(folder):
        if data != folder / generation:
            remove(data, names)


def remove(data: Path, names) -> None:
    """Remove files of a generation that nobody has open, then its folder if it is empty."""
    for name in names:
        with suppress(OSError), open(data / name, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (data / name).unlink()
    with suppress(OSError):
        data.rmdir()
