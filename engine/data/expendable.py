"""Parquet files of others are read first by a process that may die of it.

Polars ends the whole process, with no error to catch, where a damaged page claims more rows than any memory holds. Who
runs a backtest shall read one line instead. A file is tried once, as long as it stays the same.
"""

import atexit
import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import polars as pl

from engine.errors import InputError

ROWS = 1 << 20  # read at once
# What fails here with an error fails again where the file is read, and is told there.
_READ = f"""
import os, sys
sys.path.insert(0, sys.argv[1])
import polars as pl
for line in sys.stdin:
    try:
        rows = pl.scan_parquet(os.fsdecode(bytes.fromhex(line)), glob=False)
        for first in range(0, rows.select(pl.len()).collect().item(), {ROWS}):
            rows.slice(first, {ROWS}).collect()
    except BaseException:
        pass
    print(flush=True)
"""
_lock = threading.Lock()
_tried: set[tuple] = set()
_reader: "tuple[int, subprocess.Popen] | None" = None  # of the process with this number


def check_survived(file: Path | str, called: str = "") -> None:
    """Read a parquet file whole in a process apart.

    Parameters
    ----------
    file : path
        One that cannot be read, or is not there, is left to its reader.
    called : str
        What the message calls it, if not by its path.

    Raises
    ------
    InputError
        When that process died.
    """
    path = Path(file)
    try:
        found = path.stat()
    except (OSError, ValueError):
        return
    state = (str(path.absolute()), found.st_size, found.st_mtime_ns, found.st_ino)
    with _lock:
        if state in _tried:
            return
        if not _survives(state[0]):
            raise InputError(
                f"{called or file} is damaged: it claims more than any memory holds; fetch or copy it again"
            )
        _tried.add(state)


def _survives(path: str) -> bool:
    """Ask twice: a reader may have died of something else, such as other processes' want of memory."""
    return _read_by(_running(), path) or _read_by(_running(), path)


def _running() -> subprocess.Popen:
    global _reader
    if _reader is None or _reader[0] != os.getpid():  # after a fork the reader is the parent's
        _reader = (os.getpid(), _started())
    return _reader[1]


def _read_by(reader: subprocess.Popen, path: str) -> bool:
    to, back = reader.stdin, reader.stdout
    assert to, "a pipe"
    assert back, "a pipe"
    answered = False
    try:
        to.write(os.fsencode(path).hex().encode() + b"\n")
        to.flush()
        answered = back.readline() != b""
    except BrokenPipeError:
        pass
    finally:
        if not answered:  # also after an interrupt: an answer still to come would be taken for that to the next file
            _end()
    return answered


def _started() -> subprocess.Popen:
    """Start a reader; `-P`, since a user's folder may hold a file that is called like a library's.

    Its session is its own, so that an interrupt of what runs here does not end it.
    """
    library = str(Path(pl.__file__).parents[1])
    command = [sys.executable, "-P", "-c", _READ, library]
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere, start_new_session=True)


@atexit.register
def _end() -> None:
    """Let the reader go."""
    global _reader
    if _reader is not None and _reader[0] == os.getpid():
        process = _reader[1]
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # what it was still to be sent
                    pipe.close()
        process.wait()
    _reader = None
