"""Holding a table against its contract: rows that are kept, rows that are rejected and why, or one refusal."""

import difflib
from dataclasses import dataclass

import polars as pl

from engine.data.tables.contracts import Rule, Table
from engine.data.tables.read_columns import is_missing, read_column
from engine.data.tables.units import in_our_units
from engine.errors import InputError

LINE = "_line"
_REASON, _ROW = "_reason", "_row"
REJECTED = {
    "table": pl.String,
    "file": pl.String,
    "line": pl.Int64,
    "column": pl.String,
    "reason": pl.String,
    "value": pl.String,
}
COUNTS = {"asset": pl.String, "reason": pl.String, "rows": pl.UInt32}
DUPLICATES = ("duplicate", "conflicting_duplicate")
_EMPTY = {"date": pl.Date, "text": pl.String, "code": pl.String, "number": pl.Float64}


@dataclass(frozen=True, eq=False)
class Judged:
    """What became of the rows of a table.

    Parameters
    ----------
    table : str
    file : str
    kept : frame
        The columns of the contract, in its types and our units; null where a table has no such column.
    rejected : frame of table, file, line, column, reason, value
        Rows that are left out, each with the first rule it breaks. Lines count from 1, a text file's header too.
    counts : frame of asset, reason, rows
        The rejected rows, and the values that are missing or were taken as missing, by ticker ("" where none is known).
    notes : tuple of str
        What was found out about the table that nobody had declared, such as a unit.
    """

    table: str
    file: str
    kept: pl.DataFrame
    rejected: pl.DataFrame
    counts: pl.DataFrame
    notes: tuple[str, ...] = ()

    def by_ticker(self) -> pl.DataFrame:
        """Return ticker and its number of rows kept; nothing of a table without tickers."""
        if "ticker" not in self.kept.columns:
            return pl.DataFrame(schema={"ticker": pl.String, "rows": pl.UInt32})
        return self.kept.group_by("ticker").len("rows")


def judged(
    table: Table,
    frame: pl.DataFrame,
    file: str,
    *,
    names: dict[str, str] | None = None,
    units: dict[str, str] | None = None,
    first: int = 1,
    part: bool = False,
) -> Judged:
    """Hold the rows of a frame against a table's contract.

    Parameters
    ----------
    table : Table
    frame : polars frame
        Its columns are found by name, in any case; others are left out. A column `_line` numbers its rows.
    file : str
        Where the rows come from, for messages and rejected rows.
    names : dict of column of the table -> column of the frame, or None
        Where the frame calls a column what the contract does not know.
    units : dict of column -> unit, or None
        Of `iv`, `rate` and `weight` ("decimals", "percent") and of `delta` ("percent", "fraction"). What is not
        declared is found out where it can be, and said in `notes`.
    first : int
        Line of the first row, where there is no column `_line`: 2 in a text file with a header.
    part : bool
        The frame is part of a table: whether most of it is rejected is for `refuse_mostly_bad` to say of the whole.

    Raises
    ------
    InputError
        When a column is missing or of another type throughout, when a unit contradicts itself, or when most rows are
        rejected, unless the table may be mostly bad.

    Examples
    --------
    >>> from engine.data.tables.contracts import PRICES
    >>> frame = pl.DataFrame({"Date": ["2026-01-02", "2026-01-05"], "symbol": ["A", "A"], "close": [7.0, -1.0]})
    >>> found = judged(PRICES, frame, "prices")
    >>> found.kept.rows(), found.rejected.select("line", "reason", "value").rows()
    ([(datetime.date(2026, 1, 2), 'A', 7.0)], [(2, 'close_not_positive', '-1.0')])
    """
    if frame.height == 0 and not table.may_be_empty:
        raise InputError(f"{file} has no row; is it the right one?")
    found = _found(table, frame, file, names or {})
    if LINE not in frame.columns:
        frame = frame.with_row_index(LINE, first)
    lines = frame[LINE].cast(pl.Int64)
    columns, understood = [lines.alias(LINE)], []
    for name, column in table.columns.items():
        if name not in found:
            columns.append(pl.Series(name, [None], dtype=_EMPTY[column.kind]).new_from_index(0, frame.height))
            continue
        given = frame[found[name]]
        read = read_column(column, given, f"{file}, column {found[name]}", lines).alias(name)
        columns.append(read)
        lost = read.is_null() & ~is_missing(given, column.kind)
        if lost.any():
            understood.append(Rule(f"{name}_not_understood", name, pl.lit(lost)))
    typed, notes = in_our_units(table.name, pl.DataFrame(columns), file, units or {})
    split = _split(table, typed, frame, found, file, understood, notes)
    if not part:
        refuse_mostly_bad(table, file, split.kept.height, split.rejected.height, frame.height, split.counts)
    return split


def refuse_mostly_bad(table: Table, file: str, kept: int, broken: int, given: int, counts: pl.DataFrame) -> None:
    """Raise InputError where nothing of a table is kept, or less than is rejected."""
    bad = broken > kept and not table.may_be_mostly_bad
    if given and (bad or kept == 0):
        words = f"{broken:,} of {given:,} rows rejected" if kept else "no usable row"
        raise InputError(f"{file} has {words} ({reasons(counts)}); check its columns and their units")


def refuse_rejected(rejected: pl.DataFrame) -> None:
    """Raise InputError where there is a rejected row: what `strict` asks for."""
    if rejected.is_empty():
        return
    _, file, line, column, reason, value = rejected.row(0)
    raise InputError(
        f"{file}, line {line}, column {column}: {reason} ({value}); {rejected.height:,} rejected rows in all, and "
        "strict=true takes none: mend them, or leave strict out"
    )


def reasons(counts: pl.DataFrame, most: int | None = None) -> str:
    """Return the reasons of counts and how many rows each has, most first."""
    of_all = counts.group_by("reason").agg(pl.col("rows").sum()).sort("rows", "reason", descending=[True, False])
    return ", ".join(f"{reason} {rows:,}" for reason, rows in of_all.head(most or of_all.height).iter_rows())


def spelling(column: str) -> str:
    """Return the name of a column without what does not count: case, spaces and marks around it."""
    return column.strip().strip("\ufeff#\"'[]").strip().lower().replace(" ", "_")


def _found(table: Table, frame: pl.DataFrame, file: str, names: dict[str, str]) -> dict[str, str]:
    """Return which column of the frame is which of the table."""
    by_spelling: dict[str, str] = {}
    for column in frame.columns:
        spelt = spelling(column)
        if spelt in by_spelling:
            raise InputError(f"{file} has two columns {spelt} ({by_spelling[spelt]}, {column}); keep one of them")
        by_spelling[spelt] = column
    found = {}
    for name, column in table.columns.items():
        called = [word for word in (names.get(name, name), *column.also) if spelling(word) in by_spelling]
        if called:
            found[name] = by_spelling[spelling(called[0])]
        elif column.required:
            has = ", ".join(c for c in frame.columns if c != LINE) or "none"
            near = difflib.get_close_matches(name, list(by_spelling), n=1)
            hint = f"; if {by_spelling[near[0]]} is it, rename it" if near else ""
            raise InputError(f"{file} has no column {names.get(name, name)}; it has {has}{hint}")
    return found


def _split(table: Table, typed: pl.DataFrame, given: pl.DataFrame, found: dict, file: str, understood, notes) -> Judged:
    """Apply the rules and the key, and part the rows."""
    typed = typed.with_row_index(_ROW)
    blanks = [rule for rule in table.rules if rule.blank]
    counts = [_counted(typed.filter(rule.broken), rule.reason) for rule in blanks]
    typed = typed.with_columns(
        pl.when(~rule.broken.fill_null(False)).then(pl.col(rule.column)).alias(rule.column) for rule in blanks
    )
    rules = [*understood, *_general_rules(table, typed), *(rule for rule in table.rules if not rule.blank)]
    typed = typed.with_columns(
        pl.coalesce(*(pl.when(rule.broken).then(pl.lit(rule.reason)) for rule in rules)).alias(_REASON)
    )
    for name in table.values:
        without = pl.col(_REASON).is_null() & pl.col(name).is_null()
        counts.append(_counted(typed.filter(without), f"missing_{name}"))
        typed = typed.filter(~without)
    typed = _with_duplicates(table, typed)
    broken, kept = typed.filter(pl.col(_REASON).is_not_null()), typed.filter(pl.col(_REASON).is_null())
    column_of = {rule.reason: rule.column for rule in rules}
    column_of |= dict.fromkeys(DUPLICATES, (table.values or list(table.key))[-1])
    rejected = [pl.DataFrame(schema=REJECTED)]
    for part in broken.partition_by(_REASON, maintain_order=True):
        reason = part[_REASON][0]
        counts.append(_counted(part, reason))
        rejected.append(_listed(table.name, part, given, file, found.get(column_of[reason], column_of[reason]), reason))
    told = (
        pl.concat([pl.DataFrame(schema=COUNTS), *counts])
        .group_by("asset", "reason")
        .agg(pl.col("rows").sum())
        .sort("asset", "reason")
    )
    return Judged(
        table.name, file, kept.select(list(table.columns)), pl.concat(rejected).sort("line"), told, tuple(notes)
    )


def _general_rules(table: Table, typed: pl.DataFrame) -> list[Rule]:
    """Rules of every table: its key is there, numbers are finite; weights have a date on every row or on none."""
    optional = {"date"} if typed.height and "date" in table.key and typed["date"].is_not_null().any() else set()
    needed = [name for name in table.key if table.columns[name].required or name in optional]
    numbers = [name for name, column in table.columns.items() if column.kind == "number"]
    return [
        *(Rule(f"no_{name}", name, pl.col(name).is_null()) for name in needed),
        *(Rule(f"{name}_not_finite", name, pl.col(name).is_infinite()) for name in numbers),
    ]


def _with_duplicates(table: Table, typed: pl.DataFrame) -> pl.DataFrame:
    """Give rows of one key a reason: of equal ones all but the first, of ones that differ all."""
    key = pl.struct(list(table.key))
    twice = typed.filter(pl.col(_REASON).is_null()).filter(key.is_duplicated())
    if twice.is_empty():
        return typed
    content = [name for name in table.columns if name not in table.key]
    differ = pl.struct(content).n_unique().over(list(table.key)) > 1 if content else pl.lit(False)
    same, conflicting = DUPLICATES
    why = pl.when(differ).then(pl.lit(conflicting)).when(~key.is_first_distinct()).then(pl.lit(same))
    marks = twice.select(_ROW, why.alias("_why"))
    joined = typed.join(marks, on=_ROW, how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce(_REASON, "_why").alias(_REASON)).drop("_why")


def _listed(table: str, part: pl.DataFrame, given: pl.DataFrame, file: str, column: str, reason: str) -> pl.DataFrame:
    """Rejected rows of one reason, with the value that was given."""
    value = given[column].gather(part[_ROW]).cast(pl.String, strict=False) if column in given.columns else pl.lit(None)
    where = given["_column"].gather(part[_ROW]) if "_column" in given.columns else pl.lit(column)
    return part.select(
        pl.lit(table).alias("table"),
        pl.lit(file).alias("file"),
        pl.col(LINE).alias("line"),
        where.alias("column"),
        pl.lit(reason).alias("reason"),
        value.cast(pl.String).alias("value"),
    )


def _counted(rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    """Count rows by ticker."""
    ticker = pl.col("ticker").fill_null("") if "ticker" in rows.columns else pl.lit("")
    counts = rows.group_by(ticker.alias("asset")).len(name="rows").filter(pl.col("rows") > 0)
    return counts.select("asset", pl.lit(reason).alias("reason"), pl.col("rows").cast(pl.UInt32)).cast(
        {"asset": pl.String}
    )
