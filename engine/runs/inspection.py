"""What a file or folder is, as a few lines for people: format, columns, dates, names, problems, the command to run."""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from engine.data.store.storage import HEADER, open_panel
from engine.data.tables.choices import Choices
from engine.data.tables.contracts import TABLES
from engine.data.tables.frames import judged_parts
from engine.data.tables.judge import Judged, spelling
from engine.data.tables.table_files import read_table, table_files
from engine.data.vendors.auto import market_of, prepared_above
from engine.data.vendors.canonical import Reading, VendorTables, read_matches
from engine.data.vendors.file_month import month_of
from engine.data.vendors.layout import Vendor
from engine.data.vendors.raw_files import MEMBER, is_folder
from engine.data.vendors.read_layout import fields_of
from engine.data.vendors.recognise import Found, Match, look, nothing_known
from engine.errors import InputError
from engine.runs.table_store import RUNS, is_table
from engine.runs.written import MANIFEST

MOST_FILES, MOST_BYTES, MOST_ROWS = 24, 256 * 2**20, 200_000  # beyond these some files and rows stand for all
SHOWN = 5
_CORRELATE, _RUN = "python -m engine.correlate", "python -m engine.run"
_UNSAID = {"tenor": "market.tenor=DAYS", "delta": "market.delta=50"}  # of a surface without such columns
_INDICES = ("SPX", "SPY", "NDX", "QQQ", "NIFTY", "BANKNIFTY", "RUT", "IWM")
_NAMED = {"files": "tables of your own", "us_chains": "prepared files", "nse": "prepared files"}


def inspection(path: Path | str) -> Iterator[str]:
    """Yield lines that say what lies at a path and how to use it.

    Parameters
    ----------
    path : path
        A vendor's file or folder, tables of one's own, a stored panel, results.

    Raises
    ------
    InputError
        When it is none of them: what is nearest, and what that would need.
    """
    path = Path(path)
    if is_folder(path):
        for lines in (_panel, _results, _named):
            if (told := lines(path)) is not None:
                yield from told
                return
    found = look(path)
    if not found.matches:
        raise InputError(nothing_known(found))
    for vendor in found.vendors:
        yield from _of_vendor(vendor, [match for match in found.matches if match.vendor is vendor], path)
    if len(found.vendors) > 1:
        yield f"{len(found.vendors)} vendors in one folder: name the market that is meant, as above"
    yield from _left_over(found)


def _of_vendor(vendor: Vendor, matches: list[Match], path: Path) -> Iterator[str]:
    yield f"{path}: {vendor.name} - {vendor.title}"
    layouts = {match.layout.name: match.layout for match in matches}
    for name, layout in layouts.items():
        of = [match for match in matches if match.layout is layout]
        months = sorted(filter(None, (month_of(match.raw.name) or month_of(match.raw.path.name) for match in of)))
        when = f", {months[0]} to {months[-1]}" if months else ""
        yield _line("holds", f"{layout.title} ({name}; sure: {layout.sure}), {_files(len(of))}{when}")
        yield _line("because", of[0].why)
        if not layout.views:
            yield _line("not needed", layout.note)
    chosen, size = _some(matches), _size(matches)
    most = MOST_ROWS if size > MOST_BYTES else None
    if len(chosen) < len(matches) or most:
        rows = "" if most is None else f", the first {most:,} rows of each"
        yield _line("read", f"{len(chosen)} of {len(matches)} files{rows}, which stand for all")
    read = read_matches(chosen, vendor, str(path), Reading(most=most))
    for table, judged in read.tables.items():
        yield ""
        yield from _table(table, judged, chosen)
    yield ""
    yield from (_line("note", note) for note in (*((vendor.note,) if vendor.note else ()), *read.notes))
    yield from _command(vendor, read, path)


def _table(table: str, judged: Judged, matches: list[Match]) -> Iterator[str]:
    rows = judged.kept
    yield f"{table}: {rows.height:,} rows"
    of = {match.layout.name: match for match in matches if any(view.table == table for view in match.layout.views)}
    for name, match in of.items():
        views = [view for view in match.layout.views if view.table == table]
        if len(of) > 1:
            yield _line("of", name)
        fields: dict[str, list[str]] = {}
        for view in views[:2]:
            header = (*match.raw.header, MEMBER)
            for column, field in fields_of(view, header).items():
                source = field.source(header)
                if source not in fields.setdefault(column, []):
                    fields[column].append(source)
        yield from (_line(column, "; ".join(sources)) for column, sources in fields.items())
    yield from _contents(judged)


def _contents(judged: Judged) -> Iterator[str]:
    """Say what is in the rows of a table, and what is wrong with some."""
    rows = judged.kept
    if "date" in rows.columns and rows["date"].null_count() < rows.height:
        yield _line("dates", _span(rows["date"]))
    if "ticker" in rows.columns:
        names = sorted(rows["ticker"].unique().to_list())
        yield _line("names", f"{len(names):,}: {', '.join(names[:8])}{' ...' if len(names) > 8 else ''}")
    if "expiry" in rows.columns:
        yield _line("expiries", _span(rows["expiry"]))
    for name in ("tenor", "delta", "strike", "iv", "close", "rate", "weight", "factor", "forward"):
        if name in rows.columns and rows[name].drop_nulls().len():
            low, middle, high = rows.select(low=pl.min(name), middle=pl.median(name), high=pl.max(name)).row(0)
            yield _line(f"{name} is", f"{low:.6g} to {high:.6g}, the middle one {middle:.6g}{_UNITS.get(name, '')}")
    yield from _problems(judged)


_UNITS = {"tenor": " (calendar days)", "iv": " (decimals)", "rate": " (continuous, decimals)", "weight": " (decimals)"}


def _problems(judged: Judged) -> Iterator[str]:
    counts = judged.counts.group_by("reason").agg(pl.col("rows").sum()).sort("rows", "reason", descending=[True, False])
    first = judged.rejected.unique("reason", keep="first", maintain_order=True)
    where = {row["reason"]: row for row in first.iter_rows(named=True)}
    for reason, rows in counts.head(SHOWN).iter_rows():
        at = ""
        if reason in where:
            row = where[reason]
            column = f", column {row['column']}" if row["column"] else ""
            value = "" if row["value"] is None else f": {row['value']}"
            at = f"; first {row['file']}, line {row['line']}{column}{value}"
        yield _line("problem", f"{reason} {rows:,}{at}")
    if counts.height > SHOWN:
        yield _line("problem", f"and {counts.height - SHOWN} reasons more")
    yield from (_line("found", note) for note in judged.notes)


def _command(vendor: Vendor, read: VendorTables, path: Path) -> Iterator[str]:
    if not {"quotes", "surface"} & read.tables.keys():
        what = ", ".join(read.tables) or "nothing"
        yield _line("use", f"it has {what}, but no options: a market needs a folder that has them too")
        return
    table = "quotes" if "quotes" in read.tables else "surface"
    names = set(read.tables[table].kept["ticker"].unique())
    index = _index_of(names, vendor.index)
    words = [f"market={vendor.name}", _path(path), f"market.index={index}"]
    if "weights" not in read.tables:
        words.append("market.weights=equal")
    if "prices" not in read.tables:
        words.append("market.prices=FILE")
    yield _line("run", " ".join([_CORRELATE, *words]))
    if index == "TICKER":
        yield _line("", f"no index among its names ({len(names)}): say which one is the index leg")
    if "weights" not in read.tables:
        yield _line("", "market.weights=FILE takes date, ticker, weight; equal is 1 / N")


def _left_over(found: Found) -> Iterator[str]:
    for raw in found.unknown[:SHOWN]:
        yield _line("left out", f"{raw.label}: of no known layout, its columns are {', '.join(raw.columns[:6])}")
    for one in found.unread[:SHOWN]:
        yield _line("left out", f"{one.path} {one.why}")
    more = max(len(found.unknown) - SHOWN, 0) + max(len(found.unread) - SHOWN, 0)
    if more:
        yield _line("left out", f"{more:,} files more")


def _panel(folder: Path) -> list[str] | None:
    if not (folder / HEADER).is_file():
        return None
    panel = open_panel(folder)
    return [
        f"{folder}: a stored panel",
        _line("holds", str(panel).partition("\n")[0]),
        _line("run", f"{_CORRELATE} market=panel {_path(folder)}"),
        _line("check", f"python -m engine.verify {shlex.quote(str(folder))}"),
    ]


def _results(folder: Path) -> list[str] | None:
    kind = (
        "a table of results"
        if is_table(folder)
        else "a run"
        if (folder / MANIFEST).is_file()
        else "a sweep"
        if (folder / RUNS).exists()
        else None
    )
    if kind is None:
        # results/, or a study in it: results/<study>/<time>, and the jobs of a sweep below that.
        found = sum(1 for depth in ("*", "*/*", "*/*/*") for _ in folder.glob(f"{depth}/{MANIFEST}"))
        kind = f"{found:,} runs" if found else None
    if kind is None:
        return None
    return [f"{folder}: {kind} of this engine", _line("check", f"python -m engine.verify {shlex.quote(str(folder))}")]


def _named(folder: Path) -> list[str] | None:
    """Folders whose files are named as a market of this engine wants them."""
    told = market_of(folder)
    if told is None:
        if (above := prepared_above(folder)) is None:
            return None
        command = f"{_CORRELATE} market={above} {_path(folder.parent)}"
        return [f"{folder}: a part of {above} - {_NAMED[above]}", _line("run", f"{command}   (the folder above it)")]
    name, why = told
    lines, words = _own_tables(folder) if name == "files" else ([], [])
    asked = " ".join([f"market={name}", _path(folder), *words])
    lines += [_line("run", f"{_CORRELATE} {asked}")]
    if _UNSAID["tenor"] in words:
        lines += [
            _line("", f"{_RUN} {asked} structure.tenor=DAYS"),
            _line(
                "", "DAYS: calendar days of its volatilities; strategies that read a tenor take strategy.tenor=DAYS too"
            ),
        ]
    return [f"{folder}: {name} - {_NAMED[name]}", _line("because", why), *lines]


def _own_tables(folder: Path) -> tuple[list[str], list[str]]:
    """Say what tables of one's own hold; and what a command has to be told beside their place."""
    lines, names, unsaid = [], set(), []
    for table in TABLES:
        for file in table_files(folder, table):
            lines.append("")
            if file.stat().st_size > MOST_BYTES:
                lines.append(_line(table, f"{file} is large, and was not looked into"))
                continue
            try:
                frame, first = read_table(file)
                said = {spelling(column) for column in frame.columns}
                lacks = [name for name in _UNSAID if table == "surface" and name not in said]
                # Of a surface that says neither any will do to look at its numbers.
                choices = Choices(tenor=30 if "tenor" in lacks else None, delta=50 if "delta" in lacks else None)
                judged = judged_parts(table, [(frame, str(file), first)], choices)
            except InputError as error:
                lines.append(_line("problem", str(error)))
                continue
            columns = f"{', '.join(frame.columns[:8])}{' ...' if len(frame.columns) > 8 else ''}"
            lines.append(f"{table}: {judged.kept.height:,} rows of {file.name}, columns {columns}")
            lines += _contents(replace(judged, kept=judged.kept.drop(lacks)))
            lines += (_line(f"{name} is", f"of no column: say it, market.{name}=") for name in lacks)
            unsaid = lacks or unsaid
            if table in ("surface", "quotes"):
                names |= set(judged.kept["ticker"])
    words = [f"market.index={_index_of(names)}"]
    words += [] if table_files(folder, "weights") else ["market.weights=equal"]
    words += [_UNSAID[name] for name in unsaid]
    return [*lines, ""], words


def _index_of(names: set[str], usual: str = "") -> str:
    """Return which of some names is an index with options, and TICKER where none is."""
    return next((name for name in (usual, *_INDICES) if name in names), "TICKER")


def _some(matches: list[Match]) -> list[Match]:
    """Of many files the first, the middle and the last of each layout and month-less kind."""
    if len(matches) <= MOST_FILES and _size(matches) <= MOST_BYTES:
        return matches
    chosen = []
    for layout in {match.layout.name for match in matches}:
        of = [match for match in matches if match.layout.name == layout]
        chosen += [of[row] for row in sorted({0, len(of) // 2, len(of) - 1})]
    return sorted(chosen, key=matches.index)


def _size(matches: list[Match]) -> int:
    return sum(path.stat().st_size for path in {match.raw.path for match in matches})


def _path(path: Path) -> str:
    return f"market.path={shlex.quote(str(path))}"


def _span(dates: pl.Series) -> str:
    known = dates.drop_nulls()
    return f"{known.n_unique():,}, {known.min()} to {known.max()}"


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number:,} files"


def _line(word: str, text: str) -> str:
    return f"  {word:<11} {' '.join(text.split())}"
