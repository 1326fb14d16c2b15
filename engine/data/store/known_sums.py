"""Checksums of files that an earlier build hashed: a file that was not touched since is not read again for its hash.

Hashing a vendor's folder of 16 GB takes a minute, and a new day a second. What counts as untouched is what counts for
make and git: size, time of change and inode. A file that was changed within moments of being hashed is hashed again.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from engine.durable import checksum

SUMS = "checksums.jsonl"
MOMENTS = 2_000_000_000  # ns: clocks of file systems are as coarse as that


class KnownSums:
    """Checksums by path, read once from a file that later builds add to.

    Parameters
    ----------
    root : path or None
        Folder of the file; None = nothing is known, and nothing kept.
    trust : bool
        False: every file is read.
    """

    def __init__(self, root: Path | None = None, trust: bool = True):
        self._file = None if root is None else root / SUMS
        self._known = dict(self._lines()) if trust else {}
        self._told: set[str] = set()  # of which this process wrote a line

    def checksum(self, path: Path | str) -> str:
        """Return the SHA-256 of a file: as it was found by an earlier build, or else by reading it, each time anew."""
        path = os.path.abspath(path)
        now = os.stat(path)
        state = [now.st_size, now.st_mtime_ns, now.st_ino]
        if (known := self._known.get(path)) is not None and known[0] == state:
            return known[1]
        started = time.time_ns()
        found = checksum(path)
        if self._file is not None and now.st_mtime_ns + MOMENTS < started and path not in self._told:
            self._told.add(path)
            with suppress(OSError):  # a cache that nobody may write to serves who only opens panels
                self._file.parent.mkdir(parents=True, exist_ok=True)
                with open(self._file, "a", encoding="utf-8") as stream:  # in one write: no other process cuts the line
                    stream.write(json.dumps([path, state, found]) + "\n")
        return found

    def _lines(self) -> Iterator[tuple[str, tuple[list[int], str]]]:
        try:
            text = "" if self._file is None else self._file.read_text(encoding="utf-8")
        except OSError:
            return
        for line in text.splitlines():
            try:
                path, state, found = json.loads(line)
                yield path, (state, found)
            except (ValueError, TypeError):  # cut off by a kill: the file is hashed again
                continue
