"""One file of a table, taken whole or not at all."""

from pathlib import Path

import polars as pl

from engine.data.tables.contracts import Table
from engine.data.tables.judge import Judged, judged
from engine.data.tables.table_files import read_table
from engine.errors import InputError


def read_whole(
    table: Table, path: str | Path, names: dict[str, str] | None = None, setting: str | None = None
) -> pl.DataFrame:
    """Read a file that a contract takes whole.

    Parameters
    ----------
    table : Table
    path : str or Path
    names : dict of column of the table -> column of the file, or None
    setting : str or None
        Which setting named the file; None = that of the table's own name.

    Raises
    ------
    InputError
        When there is no such file, or a row cannot be what it says: its line, column and reason.
    """
    file = Path(path)
    columns = [(names or {}).get(column, column) for column in table.columns]
    try:
        there = file.is_file()
    except OSError:  # no name that a file could have
        there = False
    if not there:
        raise InputError(f"{setting or table.name}={path} is no file; give a table of {', '.join(columns)}")
    frame, first = read_table(file)
    return whole(judged(table, frame, str(file), names=names, first=first))


def whole(found: Judged) -> pl.DataFrame:
    """Return the rows of a table, or raise InputError where one of them was rejected."""
    if found.rejected.height:
        _, file, line, column, reason, value = found.rejected.row(0)
        raise InputError(f"{file}, line {line}, column {column}: {reason} ({value}); mend it, or leave the row out")
    return found.kept
