"""What a panel depends on, as one hash: the files read, the settings and the code that reads them."""

import hashlib
from dataclasses import fields
from functools import cache
from pathlib import Path

from engine.errors import InputError

_ENGINE = Path(__file__).resolve().parents[2]


def fingerprint(source, files=()) -> str:
    """Return the hash of a source's settings, of its input files' contents and of the reading code.

    The place of the files does not matter, their contents do.

    Raises
    ------
    InputError
        When a file is missing.
    """
    digest = hashlib.sha256(_code().encode())
    settings = {f.name: getattr(source, f.name) for f in fields(source) if f.init and f.name != "path"}
    digest.update(repr((type(source).__name__, sorted(settings.items()))).encode())
    for file in files:
        path = Path(file)
        if not path.is_file():
            raise InputError(f"{path} is missing; market.path must be the folder that holds {path.parent.name}/")
        with open(path, "rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def code_files() -> list[Path]:
    """Return the files of the engine that a panel's numbers come from: reading, pricing and what both stand on."""
    folders = (_ENGINE / "data", _ENGINE / "pricing")
    single = (_ENGINE / "backend.py", _ENGINE / "calendar.py", _ENGINE / "kernels" / "codes.py")
    return [*single, *(f for d in folders for f in sorted(d.rglob("*.py")))]


@cache
def _code() -> str:
    """Hash the code between files and panel, so that a panel built by older code is never taken for today's."""
    digest = hashlib.sha256()
    for path in code_files():
        digest.update(path.read_bytes())
    return digest.hexdigest()
