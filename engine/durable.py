"""Files that are whole or not there, whatever is killed meanwhile: locked, brought to disk, put in place, checked."""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from engine.errors import InputError

log = logging.getLogger(__name__)

LONGEST_WAIT = 86_400.0  # seconds
SEAL = "sha256"  # entry of an object that is kept as JSON: of all its others


def checksum(path) -> str:
    """Return the SHA-256 of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """Return an object that JSON can hold with the SHA-256 of what it says, as its last entry.

    Examples
    --------
    >>> seal_holds(sealed({"holding_sessions": 21}))
    True
    >>> seal_holds(sealed({"holding_sessions": 21}) | {"holding_sessions": 2})
    False
    """
    return without_seal(content) | {SEAL: _hash_of(without_seal(content))}


def seal_holds(content: dict[str, Any]) -> bool:
    """Tell whether an object says what it said when it was sealed; one of an earlier version has no seal."""
    return SEAL not in content or content[SEAL] == _hash_of(without_seal(content))


def without_seal(content: dict[str, Any]) -> dict[str, Any]:
    """Return an object without the entry that tells whether it was changed."""
    return {key: value for key, value in content.items() if key != SEAL}


def _hash_of(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def sync(path) -> None:
    """Bring a file, or a folder's list of names, safely to disk, as far as its file system can."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def put_in_place(unfinished: Path, path: Path) -> None:
    """Give a file that is whole its name, replacing what has it: after a power cut it is the old one or the new one."""
    sync(unfinished)
    os.replace(unfinished, path)
    sync(path.parent)


@contextmanager
def locked(path, what: str, wait: float = LONGEST_WAIT) -> Iterator[None]:
    """Hold the lock beside a file or folder, `<name>.lock`, while the block runs; wait for whoever has it.

    The lock ends with the process that holds it, on any machine and in any container.

    Parameters
    ----------
    path : path
    what : str
        What is done under the lock, for messages: "building".
    wait : float
        Seconds.

    Raises
    ------
    InputError
        When it is not free in time, or cannot be made there.
    """
    path = Path(path).resolve()
    file = path.with_name(f"{path.name}.lock")
    lock = FileLock(file, fallback_to_soft=False)  # a soft lock outlives a process that is killed
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if wait:
                log.info("another process is %s %s; waiting for it", what, path)
            lock.acquire(timeout=wait)
    except Timeout as error:
        raise InputError(f"another process is {what} {path}; wait for it, then start again") from error
    except NotImplementedError as error:
        raise InputError(f"{path} is on a file system without file locks; choose another place") from error
    except OSError as error:
        raise InputError(f"{path} cannot be written to: {error.strerror or error}") from error
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink()  # before it is released: nobody else can hold it then
        lock.release()
