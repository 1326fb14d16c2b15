"""The rows of a raw table, as lazy frames of text with numbered lines; of a whole file, or of some of its lines."""

import io
import re
from pathlib import Path

import polars as pl

from engine.data.expendable import check_survived
from engine.data.tables.judge import LINE
from engine.data.vendors.packed import SMALL, content, first_line
from engine.data.vendors.raw_files import PEEK, RawFile
from engine.errors import InputError


def scan(raw: RawFile) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """Return the rows with `_line`, and the lines that are no row: they have more fields than there are columns.

    Raises
    ------
    InputError
        When the file is damaged.
    """
    if not raw.separator:
        check_survived(raw.path)
        rows = pl.scan_parquet(raw.path, glob=False).with_row_index(LINE, 1)
        names = dict(zip(raw.columns, raw.header, strict=True))
        none = pl.DataFrame(schema={LINE: pl.Int64, "value": pl.String})
        return rows.select(pl.col(LINE).cast(pl.Int64), pl.exclude(LINE).name.map(lambda name: names[name])), none
    data = content(raw.path, raw.member, raw.many, raw.separator) if raw.packed else raw.path
    _check_end(data, raw)
    return rows_of(data, raw)


def rows_of(data: bytes | Path, raw: RawFile, before: int = 0) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """Return the rows of a text as `scan` does: of a whole file, or of some of its lines.

    Parameters
    ----------
    data : bytes or path
    raw : RawFile
        `raw.before` lines of the text are no rows.
    before : int
        Lines of the file before the text.
    """
    lost = pl.DataFrame(schema={LINE: pl.Int64, "value": pl.String})
    try:
        rows = _csv(data, raw)
        if isinstance(data, bytes) or data.stat().st_size < SMALL:
            rows = rows.collect().lazy()
        else:
            rows.select(pl.len()).collect()  # a line that is too long shows only when it is read
    except (pl.exceptions.ComputeError, pl.exceptions.SchemaError) as error:
        data, lost = _without_too_long(data, raw)
        try:
            rows = _csv(data, raw).collect().lazy()
        except (pl.exceptions.ComputeError, pl.exceptions.SchemaError):
            raise InputError(f"{raw.label} cannot be read ({first_line(error)}); fetch or copy it again") from None
    except pl.exceptions.NoDataError:
        rows = pl.LazyFrame(schema=dict.fromkeys(raw.header, pl.String) | {LINE: pl.UInt32})
    numbered = rows.with_columns((pl.col(LINE).cast(pl.Int64) + (before + raw.before + 1)).alias(LINE))
    blank = pl.all_horizontal(pl.exclude(LINE).is_null())
    return numbered.filter(~blank), lost.with_columns(pl.col(LINE) + before)


def _csv(data: bytes | Path, raw: RawFile) -> pl.LazyFrame:
    source = data if isinstance(data, Path) else io.BytesIO(data)
    return pl.scan_csv(
        source,
        has_header=False,
        skip_lines=raw.before,
        schema=dict.fromkeys(raw.header, pl.String),
        separator=raw.separator,
        encoding="utf8-lossy",
        row_index_name=LINE,
        glob=False,
        missing_columns="insert",  # a first row may lack the comma at its end
    )


def _check_end(data: bytes | Path, raw: RawFile) -> None:
    """Raise InputError where a file ends within a line: its last number may have lost digits."""
    if isinstance(data, Path):
        with open(data, "rb") as stream:
            stream.seek(max(data.stat().st_size - PEEK, 0))
            data = stream.read()
    last = data[data.rfind(b"\n") + 1 :]
    if last.strip() and last.count(raw.separator.encode()) < len(raw.columns) - 1 and b"\n" in data:
        raise InputError(f"{raw.label} ends in the middle of a line; fetch or copy it again")


def _without_too_long(data: bytes | Path, raw: RawFile) -> tuple[bytes, pl.DataFrame]:
    """Blank the lines with more fields than there are columns, such as two rows that lost the break between them."""
    lines = (data if isinstance(data, bytes) else data.read_bytes()).split(b"\n")
    separator, found = raw.separator.encode(), []
    for number, line in enumerate(lines, 1):
        fields = re.sub(rb'"[^"]*"', b"", line).count(separator) + 1
        if number > raw.before and fields > len(raw.header):
            found.append((number, line.decode("utf-8", "replace").rstrip("\r")[:80]))
            lines[number - 1] = separator * (len(raw.header) - 1)
    return b"\n".join(lines), pl.DataFrame(found, schema={LINE: pl.Int64, "value": pl.String}, orient="row")
