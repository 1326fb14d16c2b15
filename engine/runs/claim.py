"""Claiming a folder before anything is written into it, so that a failed command removes only what it made itself.

A claimed folder holds two files until it is finished: `.unfinished` lists the names this command has made in it, one a
line, and `.unfinished.lock` is locked while the process lives. A process that was killed leaves both; the next one that
claims the folder removes the names listed, and only those.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from engine.durable import checksum, sync
from engine.errors import InputError
from engine.runs.manifest import as_json
from engine.runs.written import MANIFEST, written_before

if TYPE_CHECKING:
    import polars as pl

MARK = ".unfinished"
LOCK = ".unfinished.lock"

_held: dict[Path, "Claim"] = {}


class Claim:
    """A folder this process may write to; made by `claim`.

    Parameters
    ----------
    folder : Path
    lock : FileLock
        Held until the claim is finished or taken back.
    above : list of Path
        Folders that were not there before, this one first.
    """

    def __init__(self, folder: Path, lock: FileLock, above: list[Path]):
        self.folder, self.lock, self.above = folder, lock, above
        self.checksums: dict[str, str] = {}
        self._made: list[str] = []

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Give a place to write a file to; the file gets its name when it is whole, and its SHA-256 is kept."""
        path = self.folder / name
        for folder in reversed(Path(name).parents[:-1]):
            if not (self.folder / folder).is_dir():
                self._note(f"{folder}/")
                (self.folder / folder).mkdir()
        self._note(name)
        unfinished = path.with_name(f"{path.name}.part")
        try:
            yield unfinished
            self.checksums[name] = checksum(unfinished)
            sync(unfinished)
            os.replace(unfinished, path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a file."""
        with self.writing(name) as path:
            path.write_bytes(content)

    def write_text(self, name: str, content: str) -> None:
        """Write a file of text."""
        self.write_bytes(name, content.encode("utf-8"))

    def write_frame(self, name: str, frame: "pl.DataFrame") -> None:
        """Write a polars frame as a parquet file."""
        from polars.exceptions import PolarsError

        with self.writing(name) as path:
            try:
                frame.write_parquet(path)
            except PolarsError as error:  # of a disk that is full it says that a file is out of specification
                raise OSError(errno.EIO, f"cannot be written ({str(error).splitlines()[0]})", str(path)) from error

    def finish(self, manifest: dict | None = None) -> None:
        """Bring all names safely to disk, write the manifest with every file's SHA-256, let go of the folder."""
        for name in (*(name for name in self._made if name.endswith("/")), "."):
            sync(self.folder / name)
        if manifest is not None:
            self.write_text(MANIFEST, as_json(manifest | {"files": dict(self.checksums)}, seal=True))
            sync(self.folder)
        (self.folder / MARK).unlink(missing_ok=True)
        self._let_go()

    def take_back(self) -> None:
        """Remove what this claim made, and the folders it made as far as they are empty then."""
        _remove(self.folder, self._made)
        (self.folder / MARK).unlink(missing_ok=True)
        self._let_go()
        for folder in self.above:
            try:
                folder.rmdir()
            except OSError:  # somebody else's files are in it
                break

    def _note(self, name: str) -> None:
        if name not in self._made:
            self._made.append(name)
            with open(self.folder / MARK, "a", encoding="utf-8") as mark:
                mark.write(f"{name}\n")

    def _let_go(self) -> None:
        _held.pop(self.folder.resolve(), None)
        with suppress(OSError):
            (self.folder / LOCK).unlink()  # before it is released: nobody else can hold it then
        self.lock.release()


def claim(folder: Path, *, inside_sweep: bool = False, resume: bool = False) -> Claim:
    """Claim a folder for this process: a new one, an empty one, or one that a killed command of ours left unfinished.

    Parameters
    ----------
    folder : Path
    inside_sweep : bool
        The folder is that of one job in a sweep's folder, which this command or one before it has claimed: an earlier
        attempt at the job is replaced.
    resume : bool
        The folder is that of a sweep to go on with: what it holds stays.

    Raises
    ------
    InputError
        When the folder holds something else, another process is at work in it, or it cannot be made or written to.
    """
    ours = inside_sweep or resume
    try:
        above = [path for path in (folder, *folder.parents) if not path.exists()]
        if inside_sweep and not above and not any(folder.iterdir()):
            above = [folder]  # Hydra has just made it for this job
        folder.mkdir(parents=True, exist_ok=True)
        if not ours:
            _check_ours(folder)
        lock = _locked(folder)
        if not ours:
            _check_ours(folder)  # again, now that no other process can change it
        if (folder / MARK).exists() and not resume:
            _remove(folder, (folder / MARK).read_text(encoding="utf-8", errors="replace").splitlines())
        elif inside_sweep and (folder / MANIFEST).exists():
            _remove(folder, [MANIFEST, *written_before(folder)])
        (folder / MARK).touch()
    except OSError as error:
        raise InputError(f"{folder} cannot be written to: {error.strerror or error}") from error
    made = Claim(folder, lock, above)
    _held[folder.resolve()] = made
    return made


def unmark(folder: Path) -> None:
    """Remove from a finished folder what a process leaves there that is killed between its manifest and its end.

    Whoever calls holds the folder of the sweep: nobody else is at work in it.
    """
    for name in (MARK, LOCK) if held(folder) is None else ():
        (folder / name).unlink(missing_ok=True)


def held(folder: Path) -> Claim | None:
    """Return the claim of a folder that this process holds."""
    return _held.get(folder.resolve())


def take_back_all() -> None:
    """Take back every claim that this process still holds, the latest first."""
    for one in reversed(list(_held.values())):
        one.take_back()


@contextmanager
def run_folder(folder: Path, inside_sweep: bool = False) -> Iterator[Claim]:
    """Give the claim of a run's folder while the block runs; a block that fails leaves nothing of its own."""
    own = held(folder) or claim(folder, inside_sweep=inside_sweep)
    try:
        yield own
    except BaseException:
        own.take_back()
        raise


def _locked(folder: Path) -> FileLock:
    lock = FileLock(folder / LOCK, timeout=0, fallback_to_soft=False)  # a soft lock outlives a process that is killed
    try:
        lock.acquire()
    except Timeout as error:
        raise InputError(f"another process is at work in {folder}; wait for it, or name another folder") from error
    except NotImplementedError as error:
        raise InputError(f"{folder} is on a file system without file locks; choose another place") from error
    return lock


def _check_ours(folder: Path) -> None:
    """Raise InputError where a folder holds anything but an unfinished run of ours."""
    found = {path.name for path in folder.iterdir()}
    if MANIFEST in found:
        raise InputError(f"{folder} holds a finished run; name another folder, or remove it first")
    if found - {LOCK} and MARK not in found:
        raise InputError(f"{folder} is not empty, and is no unfinished run of this command; name a new folder")


def _remove(folder: Path, names) -> None:
    """Remove named files and, where empty then, named folders ("name/") from a folder; nothing outside it."""
    for name in reversed(list(names)):
        path = folder / name
        if not Path(name).parts or Path(name).is_absolute() or ".." in Path(name).parts:
            continue  # a damaged list
        with suppress(OSError, ValueError):
            path.rmdir() if name.endswith("/") else path.unlink()
        with suppress(OSError, ValueError):
            path.with_name(f"{path.name}.part").unlink()
