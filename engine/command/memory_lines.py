"""The lines of a study's memory: added under a lock, never changed, and refused where they are not what was written."""

import functools
import json
import os
from collections.abc import Iterable
from pathlib import Path

from engine.calendar import read_date
from engine.durable import locked, seal_holds, sealed
from engine.errors import InputError

MEMORY = Path("results") / "trials.jsonl"
TRIED, HELD_OUT, LOOKED = "tried", "held_out", "looked"  # what a line says of a market
MOST_SHARPE = 1e6  # a year


def add(lines: list[dict]) -> None:
    """Add lines, each with its seal, under a lock."""
    if not lines:
        return
    text = "".join(json.dumps(sealed(line)) + "\n" for line in lines)
    if MEMORY.exists() and not MEMORY.is_file():
        raise InputError(f"{MEMORY} is not a file; move it away")
    with locked(MEMORY, "adding to"), open(MEMORY, "a+b") as stream:
        size = stream.tell()
        stream.seek(max(size - 1, 0))
        torn = size > 0 and stream.read(1) != b"\n"  # by whoever was killed while adding
        stream.write(b"\n" * torn + text.encode())
        stream.flush()
        os.fsync(stream.fileno())


def lines_of(what: str, data: str) -> Iterable[dict]:
    """Yield the lines of a market; one that was torn off, by whoever was killed while adding it, is no line.

    Raises
    ------
    InputError
        When the file, or any line of it, is damaged: what it said of sessions held out would be forgotten.
    """
    if MEMORY.exists():
        state = MEMORY.stat()
        held = _lines(MEMORY.absolute(), state.st_ino, state.st_size, state.st_mtime_ns)
        yield from (line for line in held if line["what"] == what and line["data"] == data)


@functools.lru_cache(maxsize=1)  # a command asks several times, and years of sweeps are many lines
def _lines(file: Path, *_state: int) -> list[dict]:
    """Read all lines of the file as it is in a state: what is added changes its size."""
    try:
        texts = file.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"{MEMORY} cannot be read: {error.strerror or error}") from error
    found = []
    for number, text in enumerate(texts, 1):
        line = _read(text)
        if line is not None:
            found.append(line)
        elif not _torn_off(text):
            raise InputError(
                f"{MEMORY}, line {number} is damaged, and what it said of trials or sessions held out is "
                "forgotten; mend the line, or remove it if nothing is lost by that"
            )
    return found


def _read(text: bytes) -> dict | None:
    """Read a line; None where it is none that was ever written."""
    try:
        line = json.loads(text)
        return line if _is_line(line) and seal_holds(line) else None
    except (ValueError, TypeError, KeyError, InputError):
        return None


def _is_line(line: dict) -> bool:
    """Tell whether a line has what those of its kind have; any of several errors says that it has not, too."""
    if line["what"] == TRIED:
        known = [sharpe for sharpe in line["sharpe"] if sharpe is not None]
        as_many = len(line["settings"]) == len(line["sharpe"])
        return (
            as_many and {*map(type, line["settings"])} <= {str} and all(abs(sharpe) < MOST_SHARPE for sharpe in known)
        )
    if line["what"] == HELD_OUT:
        read_date(line["first"], str(MEMORY))
        return isinstance(line["when"], str)
    return line["what"] == LOOKED and isinstance(line["data"], str)


def _torn_off(text: bytes) -> bool:
    """Tell the beginning of a line, nothing included, from a whole one whose last letter is another."""
    start = b'{"what": '
    begins = (text.startswith(start) or start.startswith(text)) and not text.endswith(b"}")
    return begins and all(_read(whole) is None for whole in (text[:-1], text[:-1] + b"}"))
