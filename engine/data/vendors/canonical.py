"""All files of a vendor to canonical tables, each held against its contract, each row traced to its file and line."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from engine.data.tables.contracts import Table
from engine.data.tables.dated_rows import days_of
from engine.data.tables.in_common import check_strikes
from engine.data.tables.judge import COUNTS, LINE, REJECTED, Judged, judged, reasons
from engine.data.vendors.beside_quotes import with_futures, with_interest
from engine.data.vendors.layout import Vendor
from engine.data.vendors.listed_nodes import NODES, REACH, READ, with_nodes
from engine.data.vendors.read_layout import REJECTED_OF, Piece, read_file
from engine.data.vendors.recognise import Found, Match, look, one_vendor
from engine.data.vendors.symbols import read_renames
from engine.errors import InputError

Finish = Callable[[dict[str, pl.DataFrame]], dict[str, pl.DataFrame]]
_FILE = 2**32  # a line of file n is numbered n times this and its own number
_UNITS = {"iv": "decimals", "rate": "decimals", "weight": "decimals"}
# Tables that are no market's own, and those that come of them: what was rejected of the ones is told with the others.
_BECOMES = {
    "shares": "weights",
    "members": "weights",
    "links": "weights",
    "open_interest": "quotes",
    "futures": "quotes",
    "split_factors": "actions",
    "yields": "forwards",
}
GAVE_WAY = "another_file_counts"  # a better one has that ticker's rows of that day


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a vendor's files are read.

    Parameters
    ----------
    iv : str
        Of ORATS: "smooth" for the smoothed volatility of a strike, "mid" for the one of each side's mid,
        "ex_earnings" for the constant maturities without earnings.
    names : set of str or None
        Tickers to read; None = all.
    identifiers : str or None
        File of names that changed, with columns old, new, date; besides those that are known.
    most : int or None
        Rows of each file to read, the first ones; None = all.
    """

    iv: str = "smooth"
    names: frozenset[str] | None = None
    identifiers: str | None = None
    most: int | None = None


@dataclass(frozen=True, eq=False)
class VendorTables:
    """What a vendor's files say.

    Parameters
    ----------
    vendor : Vendor
    tables : dict of name -> Judged
        Those that there are, in the engine's units.
    notes : tuple of str
        What whoever uses them has to know.
    """

    vendor: Vendor
    tables: dict[str, Judged] = field(repr=False)
    notes: tuple[str, ...] = ()


def vendor_tables(path: Path | str, reading: Reading | None = None, vendor: str | None = None) -> VendorTables:
    """Read all files of a vendor in a folder, or one file.

    Parameters
    ----------
    path : path
    reading : Reading or None
    vendor : str or None
        Whose files are meant; others in the folder are then left alone. None = there must be one only.

    Raises
    ------
    InputError
        When no file is known, two vendors are mixed, a file is damaged, or a table is unusable.
    """
    of, matches = matches_of(path, vendor)
    return read_matches(matches, of, str(path), reading)


def matches_of(path: Path | str, vendor: str | None = None) -> tuple[Vendor, list[Match]]:
    """Return whose files lie in a folder, and which they are; as `vendor_tables`."""
    found = look(path)
    of = next((one for one in found.vendors if one.name == vendor), None) if vendor else one_vendor(found)
    if of is None:
        has = ", ".join(one.name for one in found.vendors)
        raise InputError(f"{path} holds no file of {vendor}" + (f", but of {has}" if has else f": {_why(found)}"))
    if damaged := [one for one in found.unread if one.damaged]:
        raise InputError(f"{damaged[0].path} {damaged[0].why}")
    return of, [match for match in found.matches if match.vendor is of]


def read_matches(matches: list[Match], vendor: Vendor, where: str, reading: Reading | None = None) -> VendorTables:
    """Read some files of a vendor together.

    Parameters
    ----------
    matches : list of Match
    vendor : Vendor
    where : str
        What messages call the files.
    reading : Reading or None

    Raises
    ------
    InputError
        As `vendor_tables`.
    """
    reading = reading or Reading()
    renames = read_renames(reading.identifiers)
    names = None if vendor.finish is not None else reading.names  # keys become tickers at the end
    pieces: list[tuple[int, Piece]] = []
    for number, match in enumerate(matches):
        read = read_file(match.raw, match.layout, {"iv": reading.iv}, renames, names, reading.most)
        pieces += [(number, piece) for piece in read]
    tables = tables_of(pieces, [match.raw.label for match in matches], where, vendor.finish, reading.names)
    if not any(piece.rows.height or piece.rejected.height for _, piece in pieces) and pieces:
        raise InputError(f"{where} has files of {vendor.name}, but no row in them")
    if "quotes" in tables and "prices" in tables:
        check_strikes(days_of(tables["quotes"].kept), tables["prices"].kept, where)
    return VendorTables(vendor, tables, notes_of(matches))


def tables_of(
    pieces: list[tuple[int, Piece]],
    files: list[str],
    where: str,
    finish: Finish | None = None,
    names: frozenset[str] | None = None,
    part: bool = False,
    reach: float = REACH,
) -> dict[str, Judged]:
    """Put the pieces of files together, and hold each table against its contract.

    Parameters
    ----------
    pieces : list of (number of the file, Piece)
    files : list of str
        What messages call them.
    where : str
        What they call all of them.
    finish : callable or None
        As in `Vendor`.
    names : set of str or None
        Tickers that are wanted; None = all.
    part : bool
        The pieces are of some dates only: it is for the whole to refuse an empty table, and one that is mostly bad.
        Rejected rows have an `asset` too.
    reach : float
        Of volatilities by listed expiry: how many days beyond them a tenor may take the nearest one's.

    Raises
    ------
    InputError
        When a table is unusable.
    """
    lost = _by_table(pieces)
    frames = {}
    for table, of in lost.items():
        frames[table], unused = _stacked(table, of)
        lost[table].append((0, unused))
    for table, whole in _BECOMES.items():
        lost.setdefault(whole, []).extend(lost.pop(table, []))
    if finish is not None:
        frames = finish(frames)
    if names is not None:
        frames = {
            table: frame.filter(pl.col("ticker").is_in(names)) if "ticker" in frame.columns else frame
            for table, frame in frames.items()
        }
    frames, without = with_futures(with_interest(frames))
    lost.setdefault("quotes", []).append(
        (0, Piece("quotes", "", pl.DataFrame(), pl.DataFrame(schema=REJECTED_OF), without, 0))
    )
    for table in ("quotes", "surface", NODES.name, "prices"):
        if not part and table in frames and frames[table].is_empty():
            refuse_empty(table, where, [piece.counts for _, piece in lost.get(table, [])])
    tables = {
        name: _traced(table, frames[name], [piece for _, piece in lost.get(name, [])], where, files, part)
        for name, table in READ.items()
        if name in frames and (frames[name].height or table.may_be_empty)
    }
    if NODES.name in tables:
        nodes = tables.pop(NODES.name)
        tables["surface"] = with_nodes(tables.get("surface"), nodes, GAVE_WAY, reach)
    return tables


def notes_of(matches: list[Match]) -> tuple[str, ...]:
    """Return what whoever uses these files has to know of their layouts."""
    layouts = {match.layout.name: match.layout for match in matches if match.layout.views}
    notes = tuple(f"{one.title}: {one.note}" for one in layouts.values() if one.note)
    if unsure := [one.title for one in layouts.values() if one.sure != "high"]:
        notes += (f"not sure of the layout of {', '.join(unsure)}: check some numbers against your own copy",)
    return notes


def _by_table(pieces: list[tuple[int, Piece]]) -> dict[str, list[tuple[int, Piece]]]:
    found: dict[str, list[tuple[int, Piece]]] = {}
    for number, piece in pieces:
        found.setdefault(piece.table, []).append((number, piece))
    return found


def _stacked(table: str, pieces: list[tuple[int, Piece]]) -> tuple[pl.DataFrame, Piece]:
    """Put the rows of a table together; where kinds of files know the same ticker's day, the one of lowest rank counts.

    Returns the rows, and the count of those that gave way.
    """
    parts = [
        piece.rows.with_columns((pl.col(LINE) + number * _FILE).alias(LINE), pl.lit(piece.rank).alias("_rank"))
        for number, piece in sorted(pieces, key=lambda one: (one[1].rank, one[0]))
    ]
    rows = pl.concat(parts, how="diagonal_relaxed")
    counts = pl.DataFrame(schema=COUNTS)
    if rows["_rank"].n_unique() > 1:
        key = [name for name in ("date", "ticker") if name in rows.columns]
        first = pl.col("_rank") == pl.col("_rank").min().over(key)
        asset = pl.col("ticker") if "ticker" in rows.columns else pl.lit("")
        counts = (
            rows.filter(~first)
            .group_by(asset.fill_null("").alias("asset"), pl.lit(GAVE_WAY).alias("reason"))
            .agg(pl.len().cast(pl.UInt32).alias("rows"))
        )
        rows = rows.filter(first)
    none = pl.DataFrame(schema=REJECTED_OF)
    return rows.drop("_rank"), Piece(table, "", rows.clear(), none, counts, 0)


def _traced(table: Table, rows: pl.DataFrame, pieces: list[Piece], where: str, files: list[str], part: bool) -> Judged:
    """Judge the rows of a table, and say of those that were rejected which file and line they are of."""
    units = _UNITS if table.name == "surface" else _UNITS | {"delta": "fraction"}
    found = judged(table, rows, f"{where}, {table.name}", units=units, part=part)
    place = pl.Series(files, dtype=pl.String)
    of = (found.rejected["line"] // _FILE).cast(pl.UInt32)
    columns = REJECTED
    if part:
        columns, asset = REJECTED_OF, pl.col("ticker").fill_null("") if "ticker" in rows.columns else pl.lit("")
        assets = rows.select(pl.col(LINE).alias("line"), asset=asset).unique("line")
        found = replace(found, rejected=found.rejected.join(assets, on="line", how="left", maintain_order="left"))
    rejected = found.rejected.with_columns(file=place.gather(of), line=pl.col("line") % _FILE)
    counts = pl.concat([found.counts, *(piece.counts for piece in pieces)])
    before = [piece.rejected.select(list(columns)) for piece in pieces]
    return Judged(
        table.name,
        found.file,
        found.kept,
        pl.concat([pl.DataFrame(schema=columns), *before, rejected]),
        pl.concat([pl.DataFrame(schema=COUNTS), counts])
        .group_by("asset", "reason")
        .agg(pl.col("rows").sum())
        .sort("asset", "reason"),
        found.notes,
    )


def refuse_empty(table: str, where: str, counts: list[pl.DataFrame]) -> None:
    """Raise InputError where every row of a table was left out, with the reasons."""
    told = pl.concat([pl.DataFrame(schema=COUNTS), *counts])
    if told.height:
        raise InputError(f"{where}, {table}: no usable row ({reasons(told)}); check its columns and their units")


def _why(found: Found) -> str:
    from engine.data.vendors.recognise import nothing_known

    return nothing_known(found)
