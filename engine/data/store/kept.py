"""Steps of a build that are finished: each kept under the hash of what it was made of, so that none is done twice.

A step is a folder of parquet files and `whole.json`, with their checksums. It is written beside its place and put
there by one renaming: after a kill, or a power cut, it is whole or not there. Nothing of it ever changes, so it may be
removed at any time: it is made again when it is asked for.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from engine.data.fingerprint import step_hash
from engine.data.parquet import read_frame
from engine.data.store.known_sums import KnownSums
from engine.durable import checksum, locked, put_in_place, seal_holds, sealed, sync
from engine.errors import InputError

WHOLE = "whole.json"
REMEDY = "remove the folder {}: it is made again"
Put = Callable[[str, pl.DataFrame], None]  # keeps a frame under a name


class Made:
    """What a step made: frames by name, and facts that are no frames.

    Parameters
    ----------
    facts : mapping
        As json holds them.
    frames : dict of name -> frame
        In memory; of what lies in a folder, none.
    folder : path or None
    sums : mapping of name -> SHA-256
        Of the files in the folder.
    """

    def __init__(self, facts: Mapping, frames: dict[str, pl.DataFrame], folder: Path | None = None, sums: Any = ()):
        self.facts, self._frames, self._folder, self._sums = facts, frames, folder, dict(sums)

    @property
    def names(self) -> list[str]:
        """Return the names of the frames."""
        return [*self._frames, *self._sums]

    def frame(self, name: str) -> pl.DataFrame:
        """Read a frame."""
        if self._folder is None:
            return self._frames[name]
        return read_frame(self._path(name), REMEDY.format(self._folder), self._sums[name])

    def scan(self, name: str) -> pl.LazyFrame:
        """Open a frame without reading it, but for its checksum, the first time."""
        if self._folder is None:
            return self._frames[name].lazy()
        path = self._path(name)
        if path not in _checked:
            if checksum(path) != self._sums[name]:
                raise InputError(f"{path} was changed or damaged after it was written; {REMEDY.format(self._folder)}")
            _checked.add(path)
        return pl.scan_parquet(path, glob=False)

    def _path(self, name: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{name}.parquet"


_checked: set[Path] = set()  # files whose checksum this process found right


class Kept:
    """Where steps are kept.

    Parameters
    ----------
    root : path or None
        Folder of them all; None = they are kept in memory, by whoever asked.
    trust : bool
        False: files are hashed although an earlier build did and they were not touched since.
    """

    def __init__(self, root: Path | str | None = None, trust: bool = True):
        self.root = None if root is None else Path(root)
        self.sums = KnownSums(self.root, trust)

    def scratch(self) -> Path | None:
        """Return a folder for what is of no use once a step is finished; None = the system's own."""
        if self.root is not None:
            self.root.mkdir(parents=True, exist_ok=True)
        return self.root

    def key(self, module: str, *parts: Any) -> str:
        """Hash what a step depends on: the code that its module runs, and texts, numbers, lists and frames."""
        if self.root is None:
            return ""
        digest = hashlib.sha256(step_hash(module).encode())
        for part in parts:
            if isinstance(part, pl.DataFrame):  # by its values alone, however they lie in memory
                digest.update(part.rechunk().write_ipc(None, compat_level=pl.CompatLevel.oldest()).getbuffer())
            else:
                digest.update(json.dumps(part, sort_keys=True, default=str).encode())
            digest.update(b"\0")
        return digest.hexdigest()

    def made(self, kind: str, key: str, make: Callable[[Put], Mapping]) -> Made:
        """Return what a step makes; it is done only where that has not been done yet.

        Parameters
        ----------
        kind : str
            Name of the step.
        key : str
            Hash of everything that the step depends on.
        make : callable
            Is given what keeps a frame, and returns the facts.
        """
        if self.root is None:
            frames: dict[str, pl.DataFrame] = {}
            return Made(make(frames.__setitem__), frames)
        folder = self.root / kind / key[:2] / key
        if (found := _opened(folder)) is not None:
            return found
        with locked(folder, "writing"):
            if (found := _opened(folder)) is None:
                _write(folder, make)
                found = _opened(folder)
        assert found is not None
        return found


def _opened(folder: Path) -> Made | None:
    try:
        whole = json.loads((folder / WHOLE).read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise InputError(f"{folder / WHOLE} cannot be read; {REMEDY.format(folder)}") from None
    if not isinstance(whole, dict) or not {"facts", "files"} <= whole.keys() or not seal_holds(whole):
        raise InputError(f"{folder / WHOLE} is damaged; {REMEDY.format(folder)}")
    return Made(whole["facts"], {}, folder, whole["files"])


def _write(folder: Path, make: Callable[[Put], Mapping]) -> None:
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # left by who was killed: nobody else writes under the lock
    part.mkdir(parents=True)
    sums: dict[str, str] = {}

    def put(name: str, frame: pl.DataFrame) -> None:
        path = part / f"{name}.parquet"
        frame.write_parquet(path, compression="lz4")
        sums[name] = checksum(path)
        sync(path)

    try:
        facts = make(put)
        unfinished = part / f"{WHOLE}.part"
        told = json.loads(json.dumps({"facts": facts, "files": sums}))  # as it will be read
        unfinished.write_text(json.dumps(sealed(told)))
        put_in_place(unfinished, part / WHOLE)
        shutil.rmtree(folder, ignore_errors=True)  # what is there is not whole
        os.replace(part, folder)
        sync(folder.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
