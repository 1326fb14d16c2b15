"""Parquet files of a source whose rows go through a table's contract."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from engine.data.parquet import collect, columns_of, scan
from engine.data.quotes.clean import QualityReport
from engine.data.tables.contracts import Table
from engine.data.tables.judge import LINE, judged
from engine.errors import InputError

TYPES = {"date": pl.Date, "text": pl.String, "code": pl.String, "number": pl.Float64}


def read_judged(
    table: Table,
    file: Path,
    report: QualityReport,
    *,
    names: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    where: pl.Expr | None = None,
    what: str = "",
    optional: Sequence[str] = (),
) -> pl.DataFrame:
    """Read the rows of a file that its table's contract accepts, in the order of the file.

    Parameters
    ----------
    table : Table
    file : path
    report : QualityReport
        Counts and keeps the others.
    names : mapping of column of the table -> column of the file, or None
        Where the file calls it otherwise; optional columns are read only if named here.
    units : mapping of column -> unit, or None
        As for `judged`.
    where : polars expression or None
        Rows of the file that are wanted at all, by its own columns and such as `judged` reads.
    what : str
        Which part of the file these rows are, where it has several tables.
    optional : sequence of str
        Columns that are read where the file has them.

    Raises
    ------
    InputError
        When the file or a column is missing, or no row is left.
    """
    names = dict(names or {})
    there = columns_of(file) if optional else []
    wanted = {*names, *(name for name in optional if name in there)}
    called = {
        name: names.get(name, name) for name, column in table.columns.items() if column.required or name in wanted
    }
    columns = {called[name]: TYPES[table.columns[name].kind] for name in called}
    extra = {} if where is None else {name: pl.String for name in where.meta.root_names() if name not in columns}
    rows = scan(file, columns | extra).with_row_index(LINE, 1)
    if where is not None:
        rows = rows.filter(where)
    frame = collect(rows, file)
    if frame.height == 0 and not table.may_be_empty:
        raise InputError(f"{file} has no usable row; fetch or copy it again")
    return report.take(judged(table, frame, f"{file}{what}", names=names, units=dict(units or {})))
