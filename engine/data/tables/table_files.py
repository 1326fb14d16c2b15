"""Files of tables as people have them: parquet, CSV of any separator and encoding, gzipped or zipped."""

import csv
import gzip
import io
import tempfile
import zipfile
import zlib
from pathlib import Path

import polars as pl

from engine.data.expendable import check_survived
from engine.data.parquet import UNREADABLE, first_line
from engine.errors import InputError

TEXTS = (".csv", ".txt", ".tsv")
SUFFIXES = (".parquet", *TEXTS, *(f"{text}.gz" for text in TEXTS), ".zip")
SHEETS = (".xlsx", ".xls", ".ods", ".json", ".feather", ".h5", ".dta", ".sas7bdat", ".pkl")
SEPARATORS = (";", "\t", "|", ",")
_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def table_files(folder: Path, table: str) -> list[Path]:
    """Return the files of a table in a folder: `prices.csv`, and where it is in parts `prices_2024.parquet` and so on.

    Raises
    ------
    InputError
        When one of them is of a kind that is not read.
    """
    found = []
    for path in sorted(folder.iterdir()):
        name = path.name.lower()
        rest = name.removeprefix(table)
        if not path.is_file() or rest == name or rest[:1] not in (".", "-", "_"):
            continue
        if any(name.endswith(kind) for kind in SHEETS):
            raise InputError(f"{path} is not read: save it as CSV or parquet, {table}.csv")
        if any(name.endswith(suffix) for suffix in SUFFIXES):
            found.append(path)
    return found


def read_table(path: Path) -> tuple[pl.DataFrame, int]:
    """Read a file as a frame, and return the line of its first row: 1, or 2 below a header of text.

    Everything of a text file is read as text; what it means is up to the table's contract.

    Raises
    ------
    InputError
        When the file is damaged, of several tables, or not text.
    """
    try:
        return _read(path.name.lower(), path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions") from None


def _read(name: str, content: bytes, where: str) -> tuple[pl.DataFrame, int]:
    if not content:
        raise InputError(f"{where} is empty")
    if name.endswith(".parquet"):
        _check_survived(content, where)
        try:
            return pl.read_parquet(io.BytesIO(content)), 1
        except UNREADABLE as error:
            raise InputError(f"{where} cannot be read as parquet ({first_line(error)}); copy it again") from None
    if name.endswith(".gz"):
        try:
            return _read(name.removesuffix(".gz"), gzip.decompress(content), where)
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(f"{where} is damaged or cut off ({first_line(error)}); copy it again") from None
    if name.endswith(".zip"):
        return _read(*_only_member(content, where))
    return _read_text(content, where), 2


def _check_survived(content: bytes, where: str) -> None:
    """Try a table of parquet in a process apart, from a file of its own where it came out of another."""
    if Path(where).suffix.lower() == ".parquet" and Path(where).is_file():
        check_survived(where)
    else:
        with tempfile.NamedTemporaryFile(suffix=".parquet") as unpacked:
            unpacked.write(content)
            unpacked.flush()
            check_survived(unpacked.name, where)


def _only_member(content: bytes, where: str) -> tuple[str, bytes, str]:
    """Return the name and content of the one file in an archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [m for m in archive.namelist() if not m.endswith("/") and not m.startswith("__MACOSX/")]
            if len(members) != 1:
                raise InputError(f"{where} holds {len(members)} files; zip one table by itself")
            return members[0].lower(), archive.read(members[0]), f"{where}:{members[0]}"
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise InputError(f"{where} is damaged, or no zip file one can open ({first_line(error)})") from None


def _read_text(content: bytes, where: str) -> pl.DataFrame:
    text = _decoded(content, where)
    header = next(iter(text.splitlines()), "")
    separator = max(SEPARATORS, key=header.count)
    columns = next(csv.reader([header], delimiter=separator), [])
    spelt = [column.strip().lower() for column in columns]
    if twice := {column for column in spelt if column and spelt.count(column) > 1}:
        raise InputError(f"{where} has more than one column {min(twice)}; keep one")
    last = text[text.rfind("\n") + 1 :]
    if "\n" in text and last.strip() and last.count(separator) < len(columns) - 1:
        raise InputError(f"{where} ends in the middle of a line; copy it again")
    try:
        return pl.read_csv(io.BytesIO(text.encode()), separator=separator, infer_schema=False)
    except UNREADABLE as error:
        line = _odd_line(text, separator, len(columns))
        raise InputError(f"{where}{line} cannot be read as CSV ({first_line(error)}); mend it") from None


def _decoded(content: bytes, where: str) -> str:
    """Return text of UTF-8, of UTF-16 that says so, or else of the encoding of Western Windows, which has any byte."""
    for mark, encoding in _BOMS.items():
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    if b"\x00" in content[:4096]:
        raise InputError(f"{where} is not text; is it of another kind than its name says?")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _odd_line(text: str, separator: str, columns: int) -> str:
    """Say which line has more fields than the header."""
    for number, row in enumerate(csv.reader(io.StringIO(text, newline=None), delimiter=separator), 1):
        if len(row) > columns:
            return f", line {number}, which has {len(row)} fields and not {columns},"
    return ""
