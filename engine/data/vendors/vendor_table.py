"""One table of a file that is as a vendor has it."""

from dataclasses import replace
from pathlib import Path

from engine.data.tables.contracts import Table
from engine.data.tables.judge import Judged
from engine.data.vendors.canonical import read_matches
from engine.data.vendors.recognise import look


def of_vendor(table: Table, file: Path) -> Judged | None:
    """Read a table of a file of a vendor; None where there is no file, or none is known that has it."""
    try:
        if not file.is_file():
            return None
    except OSError:  # no name that a file could have
        return None
    views = {match: {view.table for view in match.layout.views} for match in look(file).matches}
    matches = [match for match, tables in views.items() if table.name in tables]
    if not matches:
        return None
    read = read_matches(matches, matches[0].vendor, str(file))
    found = read.tables.get(table.name)
    note = f"{matches[0].layout.title} of {matches[0].vendor.name}"
    return found and replace(found, notes=(note, *found.notes))
