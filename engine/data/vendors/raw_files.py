"""Files as vendors ship them - csv, txt, gz, zip, parquet, alone or in folders - to lazy frames with numbered rows.

Nothing is unpacked onto the disk. Text columns stay text: what they mean is for the layout to say.
"""

import gzip
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from engine.data.tables.judge import spelling
from engine.data.vendors.packed import TEXT, check_member, first_line
from engine.errors import InputError

MEMBER = "member"  # of an archive of many headerless files: the column with the name of each
PEEK = 65_536
_SEPARATORS = ",\t;|"
_ELSEWHERE = {
    ".7z": "unpack it first",
    ".rar": "unpack it first",
    ".tar": "unpack it first",
    ".tgz": "unpack it first",
    ".bz2": "unpack it first",
    ".xz": "unpack it first",
    ".zst": "unpack it first (zstd -d)",
    ".dbn": "write it as csv (databento: dbn -C)",
    ".xlsx": "save the sheet as csv",
    ".xls": "save the sheet as csv",
    ".sas7bdat": "write it as parquet or csv",
    ".dta": "write it as parquet or csv",
    ".h5": "write it as parquet or csv",
    ".pkl": "write it as parquet or csv",
    ".feather": "write it as parquet or csv",
    ".json": "write it as csv with the same names",
}


@dataclass(frozen=True)
class RawFile:
    """One table on the disk.

    Parameters
    ----------
    path : Path
    member : str
        File within a zip, "" of any other.
    header : tuple of str
        Names of the columns without what does not count (`engine.data.tables.judge.spelling`).
    columns : tuple of str
        The same as they are written.
    before : int
        Lines before the first row.
    separator : str
        "" of parquet.
    many : bool
        All members of a zip, each without a header; the column `member` says which.
    """

    path: Path
    header: tuple[str, ...]
    columns: tuple[str, ...]
    member: str = ""
    before: int = 1
    separator: str = ""
    many: bool = False

    @property
    def name(self) -> str:
        """Name of the file that holds the rows: of the member in a zip."""
        return Path(self.member).name if self.member and not self.many else self.path.name

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"{self.path}, {self.member}" if self.member else str(self.path)

    @property
    def packed(self) -> bool:
        """Whether it is a part of an archive, or compressed."""
        return bool(self.member) or self.many or self.path.suffix.lower() == ".gz"

    def headerless(self, header: tuple[str, ...]) -> "RawFile":
        """Return the file as one whose first line is a row already, with the columns that it is known to have."""
        names = (MEMBER, *header) if self.many else header
        return replace(self, header=names, columns=names, before=0)


@dataclass(frozen=True)
class Unread:
    """A file that holds no table, and why; a damaged one may hold a day that would be missed."""

    path: Path
    why: str
    damaged: bool = False


def raw_files(path: Path | str) -> Iterator[RawFile | Unread]:
    """Yield the tables of a file, or of a folder and the folders in it, by name.

    Raises
    ------
    InputError
        When there is no such file or folder.
    """
    path = Path(path)
    if is_folder(path):
        for file in sorted(path.rglob("*")):
            hidden = any(part.startswith((".", "__MACOSX")) for part in file.relative_to(path).parts)
            if file.is_file() and not hidden:
                yield from _tables(file)
    elif _is_file(path):
        yield from _tables(path)
    else:
        raise InputError(f"{path!s:.200} is not there; give a file or a folder of files")


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; one that is too long, or no name, is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _tables(file: Path) -> Iterator[RawFile | Unread]:
    try:
        suffix = file.suffix.lower()
        if suffix == ".zip":
            yield from _zipped(file)
        elif suffix in (".parquet", ".pq"):
            names = tuple(pl.scan_parquet(file, glob=False).collect_schema().names())
            yield _named(file, names)
        elif suffix in _ELSEWHERE:
            yield Unread(file, f"is {suffix}, which is not read; {_ELSEWHERE[suffix]}")
        elif suffix == ".gz" and Path(file.stem).suffix.lower() in TEXT:
            with gzip.open(file) as stream:
                yield _text(file, "", stream.read(PEEK))
        elif suffix in TEXT:
            with open(file, "rb") as stream:
                yield _text(file, "", stream.read(PEEK))
        else:
            yield Unread(file, "is no csv, txt, zip, gz or parquet")
    except InputError as error:
        why = str(error).removeprefix(f"{file} ")
        yield Unread(file, why, damaged=not why.endswith("is empty"))  # as files of holidays are
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile, pl.exceptions.PolarsError) as error:
        yield Unread(file, f"cannot be read ({first_line(error)}); fetch or copy it again", damaged=True)


def _zipped(file: Path) -> Iterator[RawFile | Unread]:
    with zipfile.ZipFile(file) as archive:
        members = [
            info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX")
        ]
        for info in members:
            check_member(file, info)
        tables = [info for info in members if Path(info.filename).suffix.lower() in TEXT]
        if not tables:
            yield Unread(
                file, f"holds no csv or txt file, but {', '.join(i.filename for i in members[:3]) or 'nothing'}"
            )
            return
        peeks = {}
        for info in tables[:2]:
            with archive.open(info) as stream:
                peeks[info.filename] = _text(file, info.filename, stream.read(PEEK))
        first = next(iter(peeks.values()))
        if len(tables) > 1 and first.columns[0][:1].isdigit():
            yield replace(first, many=True, member="")
            return
        for info in tables:
            with archive.open(info) as stream:
                yield peeks.get(info.filename) or _text(file, info.filename, stream.read(PEEK))


def _text(file: Path, member: str, peek: bytes) -> RawFile:
    """Find the header: the first line, or in files that start with a few words, the one that starts with a date."""
    where = f"{file}, {member}" if member else str(file)
    if peek[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(f"{where} is in UTF-16; save it as UTF-8")
    if b"\0" in peek:
        raise InputError(f"{where} is no text; is it what its name says?")
    lines = peek.decode("utf-8-sig", "replace").splitlines()
    if not any(line.strip() for line in lines):
        raise InputError(f"{where} is empty")
    row = next(number for number, line in enumerate(lines) if line.strip())
    late = [n for n, line in enumerate(lines[row + 1 : row + 4], row + 1) if re.match(r'"?date"?\s*,', line, re.I)]
    row = late[0] if late else row
    separator = max(_SEPARATORS, key=lines[row].count)
    columns = [
        part.strip().strip('"') for part in re.split(rf'{re.escape(separator)}(?=(?:[^"]*"[^"]*")*[^"]*$)', lines[row])
    ]
    return replace(_named(file, tuple(columns)), member=member, before=row + 1, separator=separator)


def _named(file: Path, columns: tuple[str, ...]) -> RawFile:
    header: list[str] = []
    for number, column in enumerate(columns, 1):
        name = spelling(column) or f"unnamed_{number}"
        header.append(f"{name}_{number}" if name in header else name)
    return RawFile(file, tuple(header), columns)
