"""A file that is larger than memory, cut by the months of its rows: read once, a stretch of lines at a time."""

import gzip
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import polars as pl

from engine.data.vendors.layout import Layout, View
from engine.data.vendors.packed import check_unpacked, first_line
from engine.data.vendors.raw_files import RawFile
from engine.data.vendors.read_layout import fields_of
from engine.data.vendors.scan_rows import rows_of, scan
from engine.data.vendors.sight import Sight
from engine.errors import InputError

TIMES_PACKED = 8  # what is packed is taken to be so many times as large as its file, unless that tells
_MONTH = "_month"


def size_of(raw: RawFile) -> int:
    """Return about how many bytes the text of a file has."""
    if raw.member or raw.many:
        with zipfile.ZipFile(raw.path) as archive:
            members = [archive.getinfo(raw.member)] if raw.member else archive.infolist()
            return sum(info.file_size for info in members)
    return raw.path.stat().st_size * (TIMES_PACKED if raw.packed or not raw.separator else 1)


def dated_view(layout: Layout, tables: tuple[str, ...]) -> View | None:
    """Return the first view of a layout on one of some tables that has dates."""
    return next((view for view in layout.views if view.table in tables and "date" in view.fields), None)


@contextmanager
def by_month(
    raw: RawFile, view: View, stretch: int, scratch: Path | None = None
) -> Iterator[tuple[dict[str, pl.LazyFrame], pl.DataFrame]]:
    """Cut a file by the months of its rows, in whatever order they come.

    Parameters
    ----------
    raw : RawFile
    view : View
        Whose date says of which month a row is.
    stretch : int
        Bytes of text that are in memory at a time.
    scratch : path or None
        Folder for the parts, which are removed in the end; None = the system's own.

    Yields
    ------
    dict of month -> lazy frame, as from `scan`; "" of rows without a date
    frame
        The lines that are no row.
    """
    with tempfile.TemporaryDirectory(prefix=".split-", dir=scratch) as folder:
        files: dict[str, list[Path]] = {}
        lost = []
        for number, (rows, no_rows) in enumerate(_stretches(raw, stretch)):
            lost.append(no_rows)
            sight = Sight(dict(rows.schema), f"{raw.path.parent.name}/{raw.name}")
            date = fields_of(view, sight.schema)["date"].make(sight)
            dated = rows.with_columns(date.dt.strftime("%Y-%m").fill_null("").alias(_MONTH))
            for (month,), part in dated.group_by(_MONTH, maintain_order=True):
                path = Path(folder) / f"{month}.{number}.parquet"
                part.drop(_MONTH).write_parquet(path, compression="lz4")
                files.setdefault(str(month), []).append(path)
        yield {month: pl.scan_parquet(of, glob=False) for month, of in sorted(files.items())}, pl.concat(lost)


def _stretches(raw: RawFile, stretch: int) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield the rows of a file in order, so many bytes of it at a time, and the lines among them that are no row."""
    if not raw.separator:
        rows, none = scan(raw)
        total = rows.select(pl.len()).collect().item()
        step = max(1, total * stretch // max(size_of(raw), 1))
        for first in range(0, total, step):
            yield rows.slice(first, step).collect(), none
        return
    later = RawFile(raw.path, raw.header, raw.columns, raw.member, 0, raw.separator)
    before, size, rest = 0, 0, b""
    try:
        with _opened(raw) as stream:
            for _ in range(raw.before):
                stream.readline()
                before += 1
            while block := stream.read(stretch):
                size += len(block)
                check_unpacked(raw.path, size)
                text, mark, rest = (rest + block).rpartition(b"\n")
                if mark:
                    yield _rows(text + mark, later, before)
                    before += text.count(b"\n") + 1
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(f"{raw.label} is damaged or cut off ({first_line(error)}); fetch or copy it again") from None
    if rest.strip():
        if rest.count(raw.separator.encode()) < len(raw.columns) - 1:
            raise InputError(f"{raw.label} ends in the middle of a line; fetch or copy it again")
        yield _rows(rest, later, before)


def _rows(text: bytes, raw: RawFile, before: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows, lost = rows_of(text, raw, before)
    return rows.collect(), lost


@contextmanager
def _opened(raw: RawFile) -> Iterator[IO[bytes]]:
    if raw.member:
        with zipfile.ZipFile(raw.path) as archive, archive.open(raw.member) as stream:
            yield stream
    elif raw.packed:
        with gzip.open(raw.path) as stream:
            yield stream  # pyright: ignore[reportReturnType]
    else:
        with open(raw.path, "rb") as stream:
            yield stream
