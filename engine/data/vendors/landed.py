"""A vendor's file as canonical rows, kept: no file is parsed twice, however many builds read it.

Rows of the tables that grow with the options (`BY_MONTH`) lie by month, so that a month of all files is read without
the others. What is kept depends on the file's contents alone, not on which names or dates a build wants.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import polars as pl

from engine.data.fingerprint import step_hash
from engine.data.store.kept import Kept, Made, Put
from engine.data.tables.dated_rows import MONTH
from engine.data.tables.judge import COUNTS, Judged
from engine.data.vendors import fields
from engine.data.vendors.canonical import Finish, Reading, tables_of
from engine.data.vendors.layout import Vendor
from engine.data.vendors.memory import BYTES_OF_TEXT, text_at_once
from engine.data.vendors.read_layout import REJECTED_OF, Piece, read_file, read_rows
from engine.data.vendors.recognise import Match
from engine.data.vendors.split_by_month import by_month, dated_view, size_of
from engine.data.vendors.symbols import Rename, read_renames
from engine.errors import InputError

BY_MONTH = ("quotes", "surface", "open_interest", "futures", "nodes")
MOST_LISTED = 1000  # rejected rows of one reason, table and file, or month; all are counted


@dataclass(frozen=True, eq=False)
class Landed:
    """What a file says.

    Parameters
    ----------
    match : Match
    made : Made
        facts: `tables`, all that it is about; `pieces`, a list of {name, table, rank, month, days: [[date, rows], ...],
        tickers}; `unlisted`, how many rejected rows are only counted.
    key : str
        Of the file's contents, and of how it was read.
    """

    match: Match
    made: Made
    key: str

    def months(self, table: str) -> set[str]:
        """Return the months in which it has rows of a table that lies by month; "" for those without a date."""
        return {piece["month"] for piece in self.made.facts["pieces"] if piece["table"] == table and piece["days"]}

    def pieces(self, tables: tuple[str, ...], month: str | None = None, days: set | None = None) -> Iterator[Piece]:
        """Read the pieces of some tables: of a month, and of some of its days."""
        for fact in self.made.facts["pieces"]:
            there = {day for day, _ in fact["days"]}
            if fact["table"] in tables and fact["month"] == month and (days is None or days & there):
                rows = self.made.frame(fact["name"])
                if days is not None and not there <= days:
                    rows = rows.filter(pl.col("date").cast(pl.String).fill_null("").is_in(days))
                yield Piece(fact["table"], self.match.raw.label, rows, _NONE[0], _NONE[1], fact["rank"])

    def account(self, tables: tuple[str, ...], names: frozenset[str] | None = None) -> Iterator[Piece]:
        """Return what was left out when it was read, of some tables and, where they are tickers, of some names."""
        if "rejected" not in self.made.names:
            return
        rejected, counts = self.made.frame("rejected"), self.made.frame("counts")
        if names is not None:
            rejected, counts = (part.filter(pl.col("asset").is_in([*names, ""])) for part in (rejected, counts))
        rejected = rejected.with_columns(file=pl.lit(self.match.raw.label))
        for table in tables:
            lost, counted = (part.filter(pl.col("table") == table) for part in (rejected, counts))
            if lost.height or counted.height:
                nothing = pl.DataFrame(schema={"_line": pl.Int64})
                yield Piece(table, self.match.raw.label, nothing, lost, counted.select(list(COUNTS)), 0)


_NONE = pl.DataFrame(schema=REJECTED_OF), pl.DataFrame(schema=COUNTS)


def land_all(matches: list[Match], reading: Reading, kept: Kept, budget: float) -> list[Landed]:
    """Read all files, but those that were read before."""
    renames = read_renames(reading.identifiers)
    contents: dict[Path, str] = {}
    for match in matches:
        if match.raw.path not in contents:
            contents[match.raw.path] = kept.sums.checksum(match.raw.path)
    return [land(match, contents[match.raw.path], reading, renames, kept, budget) for match in matches]


def small_tables(
    landed: list[Landed],
    vendor: Vendor,
    where: str,
    names: frozenset[str] | None,
    without: frozenset[str] = frozenset(),
) -> tuple[dict[str, Judged], dict[str, str]]:
    """Judge the tables that do not lie by month, and tell the tickers of a vendor's keys.

    Parameters
    ----------
    landed : list of Landed
    vendor : Vendor
    where : str
        What messages call the files.
    names : set of str or None
        Tickers that are wanted; None = all.
    without : set of str
        Tables that are left alone.

    Raises
    ------
    InputError
        When a table is unusable, or the files have no row.
    """
    small = tuple({table for one in landed for table in one.made.facts["tables"]} - {*BY_MONTH, *without})
    pieces, told = [], None if vendor.finish is not None else names
    for number, one in enumerate(landed):
        pieces += [(number, piece) for piece in (*one.pieces(small), *one.account(small, told))]
    rows = any(one.months(table) for one in landed for table in BY_MONTH)
    if landed and not rows and not any(piece.rows.height or piece.rejected.height for _, piece in pieces):
        raise InputError(f"{where} has files of {vendor.name}, but no row in them")
    tickers: dict[str, str] = {}
    finish = vendor.finish and partial(_finished, vendor.finish, _keys(landed), tickers)
    return tables_of(pieces, [one.match.raw.label for one in landed], where, finish, names), tickers


def _finished(finish: Finish, keys: list[str], tickers: dict[str, str], frames: dict[str, pl.DataFrame]):
    """Finish tables, and look at what becomes of the keys of those that lie by month."""
    done = finish(frames | {BY_MONTH[0]: pl.DataFrame({"ticker": pl.Series(keys, dtype=pl.String)})})
    tickers.update(zip(keys, done.pop(BY_MONTH[0])["ticker"], strict=True))
    return done


def _keys(landed: list[Landed]) -> list[str]:
    return sorted({key for one in landed for piece in one.made.facts["pieces"] for key in piece["tickers"]})


def land(
    match: Match, contents: str, reading: Reading, renames: tuple[Rename, ...], kept: Kept, budget: float
) -> Landed:
    """Read a file, unless that was done before.

    Parameters
    ----------
    match : Match
    contents : str
        Hash of the file.
    reading : Reading
        Of which only `iv` counts: all names land.
    renames : tuple of Rename
    kept : Kept
    budget : float
        Bytes of memory; a larger file is cut by month.
    """
    raw, layout = match.raw, match.layout
    settings = {"iv": reading.iv}

    def make(put: Put) -> Mapping:
        writer = _Writer(put, with_tickers=match.vendor.finish is not None)
        size = size_of(raw)
        if size <= (stretch := text_at_once(budget)):
            writer.write(read_file(raw, layout, settings, renames))
        elif (view := dated_view(layout, BY_MONTH)) is None or raw.many:
            raise InputError(
                f"{raw.label} has some {size / 1e9:.1f} GB of text, and cannot be cut by month: reading it takes "
                f"market.memory_budget={size * BYTES_OF_TEXT / 1e9:.0f}"
            )
        else:
            with by_month(raw, view, stretch, kept.scratch()) as (months, lost):
                for rows in months.values():
                    writer.write(read_rows(rows, lost, raw, layout, settings, renames))
                    lost = lost.clear()
        return writer.finish()

    place = f"{raw.path.parent.name}/{raw.name}"
    shape = (place, raw.member, raw.many, raw.before, raw.separator, raw.header, layout.name)
    code = [step_hash(fields.__file__), Path(_source(match)).read_text(encoding="utf-8")]
    key = kept.key(__file__, contents, shape, settings, [vars(rename) for rename in renames], code)
    return Landed(match, kept.made("files", key, make), key)


def _source(match: Match) -> Path:
    return Path(fields.__file__).parents[1] / "sources" / f"{match.vendor.name}.py"


class _Writer:
    def __init__(self, put: Put, with_tickers: bool):
        self._put, self._number, self._with_tickers = put, count(), with_tickers
        self._pieces: list[dict] = []
        self._tables: set[str] = set()
        self._rejected: list[pl.DataFrame] = []
        self._counts: list[pl.DataFrame] = []

    def write(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            self._tables.add(piece.table)
            self._rejected.append(piece.rejected)
            self._counts.append(piece.counts.with_columns(table=pl.lit(piece.table)))
            if piece.table not in BY_MONTH:
                self._keep(piece, piece.rows, None)
            elif piece.rows.height:
                months = piece.rows.with_columns(MONTH.fill_null("")).partition_by("_month", as_dict=True)
                for (month,), rows in sorted(months.items()):
                    self._keep(piece, rows.drop("_month"), str(month))

    def _keep(self, piece: Piece, rows: pl.DataFrame, month: str | None) -> None:
        name = f"{next(self._number)}-{piece.table}"
        self._put(name, rows)
        days, tickers = [], []
        if month is not None:
            counted = rows.group_by(pl.col("date").cast(pl.String).fill_null("")).len().sort("date")
            days = [list(row) for row in counted.iter_rows()]
            tickers = sorted(rows["ticker"].drop_nulls().unique()) if self._with_tickers else []
        self._pieces.append(
            {"name": name, "table": piece.table, "rank": piece.rank, "month": month, "days": days, "tickers": tickers}
        )

    def finish(self) -> Mapping:
        counts, unlisted = pl.concat(self._counts) if self._counts else pl.DataFrame(), 0
        if counts.height:
            rejected = pl.concat(self._rejected)
            unlisted = rejected.height - (listed := fewer(rejected)).height
            self._put("counts", counts.group_by("table", "asset", "reason").agg(pl.col("rows").sum()).sort(pl.all()))
            self._put("rejected", listed)
        return {"pieces": self._pieces, "tables": sorted(self._tables), "unlisted": unlisted}


def fewer(rejected: pl.DataFrame) -> pl.DataFrame:
    """Keep so many rejected rows of each reason as anybody would look at."""
    return rejected.filter(pl.int_range(pl.len()).over("table", "reason") < MOST_LISTED)
