"""From a vendor's file to canonical rows: fields put where they belong, rows dropped for a reason, each one counted."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from engine.data.parquet import UNREADABLE, first_line
from engine.data.tables.judge import COUNTS, LINE, REJECTED
from engine.data.vendors.layout import Field, Layout, View
from engine.data.vendors.listed_nodes import READ
from engine.data.vendors.raw_files import MEMBER, RawFile
from engine.data.vendors.scan_rows import scan
from engine.data.vendors.sight import Sight
from engine.data.vendors.symbols import RENAMES, Rename, one_name
from engine.errors import InputError

_REASON, _COLUMN, _VALUE, _ORDER = "_reason", "_column", "_value", "_order"
_MADE = "_made_"  # + field: as the file has it
_WAS = "_was_"  # + field: which number stood for nothing there
REJECTED_OF = REJECTED | {"asset": pl.String}
TOO_LONG = "more_fields_than_columns"


@dataclass(frozen=True, eq=False)
class Piece:
    """Rows of one canonical table, out of one file.

    Parameters
    ----------
    table : str
    file : str
    rows : frame
        Canonical columns and `_line`.
    rejected : frame of table, file, line, column, reason, value, asset
    counts : frame of asset, reason, rows
        The rejected rows, and numbers that stood for nothing.
    rank : int
        As of `View`.
    """

    table: str
    file: str
    rows: pl.DataFrame
    rejected: pl.DataFrame
    counts: pl.DataFrame
    rank: int


def read_file(
    raw: RawFile,
    layout: Layout,
    settings: dict[str, Any] | None = None,
    renames: tuple[Rename, ...] = RENAMES,
    names: frozenset[str] | None = None,
    most: int | None = None,
) -> list[Piece]:
    """Read a file of a known layout.

    Parameters
    ----------
    raw : RawFile
    layout : Layout
    settings : mapping or None
        What the user chose.
    renames : tuple of Rename
    names : set of str or None
        Tickers that are wanted; None = all.
    most : int or None
        Rows to read, the first ones; None = all.

    Raises
    ------
    InputError
        When the file is damaged.
    """
    frame, lost = scan(raw)
    return read_rows(frame if most is None else frame.head(most), lost, raw, layout, settings, renames, names)


def read_rows(
    frame: pl.LazyFrame,
    lost: pl.DataFrame,
    raw: RawFile,
    layout: Layout,
    settings: dict[str, Any] | None = None,
    renames: tuple[Rename, ...] = RENAMES,
    names: frozenset[str] | None = None,
) -> list[Piece]:
    """Read the rows of a file, or those of some dates, and the lines that are no row; as `read_file`."""
    if MEMBER not in frame.collect_schema():  # unpacked, or alone in its archive, a file has its name all the same
        frame = frame.with_columns(pl.lit(raw.name).alias(MEMBER))
    sight = Sight(dict(frame.collect_schema()), f"{raw.path.parent.name}/{raw.name}", settings)
    views = [view for view in layout.views if _seen(view, sight.schema)]
    clean, sight = sight.cleaned(sight.schema)
    frame = frame.with_columns(clean)
    plans = [_plan(view, layout, sight, _wanted(frame, view, sight, names, renames), renames) for view in views]
    try:
        read = pl.collect_all(plans)
    except UNREADABLE as error:
        raise InputError(f"{raw.label} cannot be read ({first_line(error)}); fetch or copy it again") from None
    pieces = [_split(view, raw.label, found) for view, found in zip(views, read, strict=True)]
    if lost.height:
        pieces.append(_of_lost_lines(views[0].table if views else "", raw.label, lost))
    return pieces


def fields_of(view: View, schema: Any) -> dict[str, Field]:
    """Return the fields of a view that a file with these columns has."""
    return {name: field for name, field in view.fields.items() if field.there(schema)}


def _seen(view: View, schema: Any) -> bool:
    """Whether a file has what the table of a view cannot do without."""
    contract = READ.get(view.table)
    needed = [name for name in view.fields if contract is None or contract.columns[name].required]
    return all(view.fields[name].there(schema) for name in needed)


def _wanted(frame: pl.LazyFrame, view: View, sight: Sight, names: frozenset[str] | None, renames) -> pl.LazyFrame:
    """Leave out, before anything is made of them, the rows of tickers that nobody asked for."""
    if names is None or "ticker" not in view.fields:
        return frame
    earlier = [rename.old for rename in renames]
    ticker = view.fields["ticker"].make(sight)
    return frame.filter(ticker.is_in([*names, *earlier]) | ticker.is_null())


def _plan(view: View, layout: Layout, sight: Sight, frame: pl.LazyFrame, renames) -> pl.LazyFrame:
    fields = fields_of(view, sight.schema)
    reasons: list[tuple[pl.Expr, str, str]] = [
        (drop.when(sight).fill_null(False), drop.reason, drop.column)
        for drop in layout.drops
        if drop.column in sight.schema
    ]
    dropped = pl.any_horizontal(*(when for when, _, _ in reasons)) if reasons else pl.lit(False)
    columns = {}
    frame = frame.with_columns(
        **{_MADE + name: field.make(sight) for name, field in fields.items()}
    )  # once, for all below
    for name, field in fields.items():
        made = pl.col(_MADE + name)
        used = [column for column in field.columns if column in sight.schema]
        used = used if field.all_of else used[:1]
        if used and field.always:
            given = pl.all_horizontal(*(sight.text(column).is_not_null() for column in used))
            reasons.append((made.is_null() & given, f"{name}_not_understood", used[0]))
        nothing = [(made - value).abs() <= abs(value) * 1e-6 for value in field.missing]
        said = [pl.when(one).then(pl.lit(f"{name}_is_{v:g}")) for one, v in zip(nothing, field.missing, strict=True)]
        if field.unless is not None:
            nothing.append(field.unless(sight).fill_null(False) & made.is_not_null())
            said.append(pl.when(nothing[-1]).then(pl.lit(f"{name}_stands_for_nothing")))
        if nothing:
            columns[_WAS + name] = pl.coalesce(*said)
            made = pl.when(~pl.any_horizontal(*nothing)).then(made)
        columns[name] = made * field.scale if field.scale != 1.0 else made
    order = view.first_by(sight) if view.first_by is not None else None
    if view.last_by:
        frame = frame.sort([column for column in view.last_by if column in sight.schema], maintain_order=True)
    where = pl.lit(True) if view.where is None else view.where(sight).fill_null(False)
    # A row that is dropped is told once, in the first table of the file.
    frame = frame.filter(where | dropped) if view is layout.views[0] else frame.filter(where & ~dropped)
    rows = frame.select(
        LINE,
        **columns,
        _reason=_first_of([(when, pl.lit(reason)) for when, reason, _ in reasons]),
        _column=_first_of([(when, pl.lit(column)) for when, _, column in reasons]),
        _value=_first_of([(when, sight.text(column)) for when, _, column in reasons]),
        **({_ORDER: order} if order is not None else {}),
    )
    if {"ticker", "date"} <= fields.keys():
        rows = rows.with_columns(ticker=one_name(pl.col("ticker"), pl.col("date"), renames))
    if view.table not in READ:
        good = pl.col(_REASON).is_null()
        first = [column for field in layout.views[0].fields.values() for column in field.columns]
        untold = ~good if view is layout.views[0] else ~good & ~pl.col(_COLUMN).is_in(first)
        return pl.concat(
            [rows.filter(good).unique(list(fields), keep="first", maintain_order=True), rows.filter(untold)]
        )
    if order is not None or view.last_by:
        rows = _one_a_day(rows, view, list(fields), order is not None)
    return rows


def _first_of(cases: list[tuple[pl.Expr, pl.Expr]]) -> pl.Expr:
    return pl.coalesce(*(pl.when(when).then(then) for when, then in cases)) if cases else pl.lit(None, pl.String)


def _one_a_day(rows: pl.LazyFrame, view: View, fields: list[str], ordered: bool) -> pl.LazyFrame:
    """Keep one row of each key: the first by an order, or the last one of a day."""
    contract = READ[view.table]
    key = [name for name in contract.key if name in fields]
    if not ordered:
        good = pl.col(_REASON).is_null()
        kept = rows.filter(good).unique(key, keep="last", maintain_order=True)
        return pl.concat([kept, rows.filter(~good)])
    known = pl.all_horizontal(*(pl.col(name).is_not_null() for name in (*key, *contract.values) if name in fields))
    usable = rows.filter(pl.col(_REASON).is_null() & known)
    return usable.sort(_ORDER, LINE, nulls_last=True).unique(key, keep="first", maintain_order=True).drop(_ORDER)


def _split(view: View, file: str, found: pl.DataFrame) -> Piece:
    kept, broken = found.filter(pl.col(_REASON).is_null()), found.filter(pl.col(_REASON).is_not_null())
    asset = pl.col("ticker").fill_null("") if "ticker" in found.columns else pl.lit("")
    marks = [(_REASON, broken), *((column, kept) for column in found.columns if column.startswith(_WAS))]
    counts = [
        rows.filter(pl.col(mark).is_not_null())
        .group_by(asset.cast(pl.String).alias("asset"), pl.col(mark).cast(pl.String).alias("reason"))
        .agg(pl.len().cast(pl.UInt32).alias("rows"))
        for mark, rows in marks
    ]
    rejected = broken.select(
        pl.lit(view.table).alias("table"),
        pl.lit(file).alias("file"),
        pl.col(LINE).alias("line"),
        pl.col(_COLUMN).alias("column"),
        pl.col(_REASON).alias("reason"),
        pl.col(_VALUE).alias("value"),
        asset.cast(pl.String).alias("asset"),
    )
    extra = [column for column in kept.columns if column.startswith("_") and column != LINE]
    return Piece(
        view.table,
        file,
        kept.drop(extra),
        rejected.cast(REJECTED_OF),  # pyright: ignore[reportArgumentType]
        pl.concat([pl.DataFrame(schema=COUNTS), *counts]),
        view.rank,
    )


def _of_lost_lines(table: str, file: str, lost: pl.DataFrame) -> Piece:
    rejected = lost.select(
        pl.lit(table).alias("table"),
        pl.lit(file).alias("file"),
        pl.col(LINE).alias("line"),
        pl.lit("").alias("column"),
        pl.lit(TOO_LONG).alias("reason"),
        pl.col("value"),
        pl.lit("").alias("asset"),
    )
    counts = pl.DataFrame({"asset": [""], "reason": [TOO_LONG], "rows": [lost.height]}, schema=COUNTS)
    return Piece(table, file, pl.DataFrame(schema={LINE: pl.Int64}), rejected, counts, 0)
