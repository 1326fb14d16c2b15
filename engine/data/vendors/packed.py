"""What is packed, unpacked in memory and within bounds: nothing is written, no more is read than a table would be."""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from engine.errors import InputError

TEXT = (".csv", ".txt", ".tsv")
# What packs more tightly than this is no table of numbers; every real file packs 3 to 30 times.
MOST_PACKED, SMALL = 200, 64 * 2**20


def check_member(file: Path, info: zipfile.ZipInfo) -> None:
    """Raise InputError for a member that lies outside its archive, is larger than any table, or encrypted."""
    parts = info.filename.replace("\\", "/").split("/")
    if ".." in parts or info.filename.startswith(("/", "\\")) or ":" in parts[0]:
        raise InputError(f"{file} holds {info.filename}, a path outside its folder; it is not opened")
    if info.file_size > SMALL and info.file_size > MOST_PACKED * max(info.compress_size, 1):
        raise InputError(f"{file} holds {info.filename}, {_bomb(info.file_size, info.compress_size)}")
    if info.flag_bits & 1:
        raise InputError(f"{file} is encrypted; unpack it first")


def _bomb(size: int, packed: int) -> str:
    return f"which unpacks to {size / 2**20:,.0f} MiB from {packed / 2**10:,.0f} KiB: no table does; it is not opened"


def content(path: Path, member: str, many: bool, separator: str) -> bytes:
    """Unpack a file in memory, within bounds.

    Parameters
    ----------
    path : Path
        A zip, or what gzip made.
    member : str
        Of a zip: the file in it.
    many : bool
        All members of a zip, each line with its member's name and the separator before it.
    separator : str

    Raises
    ------
    InputError
        When it is damaged, cut off, or unpacks to more than any table would.
    """
    where = f"{path}, {member}" if member else str(path)
    try:
        if many:
            with zipfile.ZipFile(path) as archive:
                return b"".join(_rows_of(archive, separator))
        if member:
            with zipfile.ZipFile(path) as archive:
                return archive.read(member)
        parts, size = [], 0
        with gzip.open(path) as stream:
            while part := stream.read(2**24):
                parts.append(part)
                size += len(part)
                check_unpacked(path, size)
        return b"".join(parts)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError) as error:
        raise InputError(f"{where} is damaged or cut off ({first_line(error)}); fetch or copy it again") from None


def check_unpacked(path: Path, size: int) -> None:
    """Raise InputError where a file has unpacked to so many bytes that it is no table."""
    if size > SMALL and size > MOST_PACKED * (packed := path.stat().st_size):
        raise InputError(f"{path} is a file {_bomb(size, packed)}")


def _rows_of(archive: zipfile.ZipFile, separator: str) -> Iterator[bytes]:
    for info in archive.infolist():
        if Path(info.filename).suffix.lower() in TEXT:
            start = info.filename.encode() + separator.encode()
            yield b"".join(start + line + b"\n" for line in archive.read(info).splitlines() if line.strip())


def first_line(error: Exception) -> str:
    """Return what an error says, as far as its first line goes."""
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
