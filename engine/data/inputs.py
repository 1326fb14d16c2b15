"""The files a source reads, as they were before a build: none may change while it runs."""

import os
from dataclasses import dataclass
from pathlib import Path

from engine.data.source import Source
from engine.errors import InputError


@dataclass(frozen=True)
class Inputs:
    """What a source's files were; made by `inputs_of`.

    Parameters
    ----------
    files : dict
        File to its size, time of change and inode.
    key : str
        `Source.fingerprint`, which hashes their contents.
    """

    files: dict
    key: str

    def check_unchanged(self, source: Source) -> None:
        """Raise InputError where a file is another one than before, or its contents differ.

        What was read while a file was being replaced would be a mixture under the hash of the old one.
        """
        now = _states(source)
        for file in self.files.keys() | now.keys():
            if self.files.get(file) != now.get(file):
                raise InputError(f"{file} changed while it was read; nothing was kept, start again once it is complete")
        if source.fingerprint() != self.key:
            raise InputError(f"the files of {next(iter(now)).parent} changed while they were read; start again")


def inputs_of(source: Source) -> Inputs:
    """Note what a source's files are, then hash them."""
    return Inputs(_states(source), source.fingerprint())


def _states(source: Source) -> dict[Path, tuple]:
    found = {}
    for file in map(Path, source.inputs()):
        try:
            state = os.stat(file)
        except OSError:
            found[file] = None
        else:
            found[file] = (state.st_size, state.st_mtime_ns, state.st_ino)
    return found
