"""Where this copy of the engine lies, and where it keeps what can be made again."""

import contextlib
import functools
import os
import stat
import tempfile
from pathlib import Path

import platformdirs

NAME = "dispersion-engine"
ROOT = Path(__file__).resolve().parents[1]  # of engine/, strategies/ and configs/: a checkout, or where a wheel is


@functools.cache
def checkout() -> Path | None:
    """Return the folder of the checkout that this code is part of; None where it was installed from a wheel."""
    try:
        project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    except OSError:
        return None
    return ROOT if f'name = "{NAME}"' in project else None


def panel_cache() -> Path:
    """Return where built panels are kept by default: `results/panels` of the checkout, else the user's cache."""
    root = checkout()
    return root / "results" / "panels" if root and os.access(root, os.W_OK) else cache_folder("panels")


def cache_folder(name: str) -> Path:
    """Return a folder of the user's, made if need be, for what can be made again.

    It lies where the system keeps such things: `~/.cache/dispersion-engine/<name>` on Linux. Who has no home to write
    to gets a folder among the temporary ones that nobody else may write to.
    """
    usual = usual_folder(name)
    if usual is not None and _usable(usual) and mine_alone(usual):
        return usual
    own = Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"
    if _usable(own) and mine_alone(own) and _usable(own / name):
        return own / name
    return Path(tempfile.mkdtemp(prefix=f"{NAME}-"))


def usual_folder(name: str) -> Path | None:
    """Return where the system keeps such a folder of the user's, be it there or not; None where nobody knows."""
    with contextlib.suppress(RuntimeError):  # nobody knows the home
        usual = platformdirs.user_cache_path(NAME, appauthor=False) / name
        return usual if usual.is_absolute() else None
    return None


def _usable(folder: Path) -> bool:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def mine_alone(folder: Path) -> bool:
    """Whether nobody else, but for the system, can put files there: libraries are loaded from it."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid in (os.getuid(), 0) and not found.st_mode & 0o022
