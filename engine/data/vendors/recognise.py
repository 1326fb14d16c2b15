"""Which vendor wrote a file: by its columns, and by its name where they do not tell; if none did, who is nearest."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from engine.data.vendors.layout import Layout, Vendor
from engine.data.vendors.raw_files import RawFile, Unread, raw_files
from engine.errors import InputError

VENDORS = (
    "orats",
    "ivydb",
    "cboe_datashop",
    "optionsdx",
    "historicaloptiondata",
    "dolthub",
    "alphavantage",
    "thetadata",
    "polygon",
    "databento",
    "yfinance",
    "deribit",
    "nse_files",
    "lean",
    "cboe_index",
)


@dataclass(frozen=True, eq=False)
class Match:
    """A file and what it is.

    Parameters
    ----------
    raw : RawFile
    vendor : Vendor
    layout : Layout
    why : str
        What told.
    """

    raw: RawFile
    vendor: Vendor
    layout: Layout
    why: str


@dataclass(frozen=True, eq=False)
class Found:
    """What lies in a file or folder.

    Parameters
    ----------
    path : Path
    matches : list of Match
    unknown : list of RawFile
        Tables of no known layout.
    unread : list of Unread
    """

    path: Path
    matches: list[Match]
    unknown: list[RawFile]
    unread: list[Unread]

    @property
    def vendors(self) -> list[Vendor]:
        """Return the vendors, the one with most files first."""
        of = {match.vendor.name: match.vendor for match in self.matches}
        count = [match.vendor.name for match in self.matches]
        return sorted(of.values(), key=lambda vendor: (-count.count(vendor.name), VENDORS.index(vendor.name)))


def vendor(name: str) -> Vendor:
    """Return a vendor by its name."""
    return import_module(f"engine.data.sources.{name}").VENDOR


def all_vendors() -> list[Vendor]:
    """Return the vendors that are known."""
    return [vendor(name) for name in VENDORS]


def recognise(header: Iterable[str], name: str = "") -> tuple[Vendor, Layout, str] | None:
    """Tell a layout by the columns of a file, and by its name.

    Parameters
    ----------
    header : names of columns, in lower case; of a file without a header the values of its first row
    name : str
        Of the file.

    Returns
    -------
    Vendor, Layout, str or None
        What it is and what told; None where nothing did. Of several layouts the one whose columns say most.

    Examples
    --------
    >>> recognise(["date", "days", "rate"])[1].name
    'om_zero'
    >>> recognise(["name", "phone"]) is None
    True
    """
    columns = list(header)
    there = set(columns)
    found = []
    for candidate in all_vendors():
        for layout in candidate.layouts:
            named = bool(layout.file) and re.search(layout.file, name, re.IGNORECASE) is not None
            if layout.header:
                if named and _is_row(columns, layout):
                    found.append((len(layout.header), candidate, layout, f"its name {name} and {len(columns)} columns"))
            elif _has(there, layout) and (named or not layout.file or not layout.exactly):
                found.append((len(layout.has) + named, candidate, layout, "its columns " + ", ".join(layout.has)))
    if not found:
        return None
    return max(found, key=lambda one: one[0])[1:]


def nearest(header: Iterable[str]) -> tuple[Vendor, Layout, list[str]] | None:
    """Return the layout that a header has most of, and what it lacks; None where it has less than half of any."""
    there = set(header)
    best, most = None, 0
    for candidate in all_vendors():
        for layout in candidate.layouts:
            missing = [column for column in layout.has if column not in there]
            missing += [" or ".join(group) for group in layout.one_of if not there & set(group)]
            more = len(layout.has) + len(layout.one_of) - 2 * len(missing)  # there, less missing
            if len(layout.has) > 2 and not (layout.exactly and len(there) > len(layout.has) + 1) and more > most:
                best, most = (candidate, layout, missing), more
    return best


def look(path: Path | str) -> Found:
    """Look at the headers of all files of a folder, or of one file.

    Raises
    ------
    InputError
        When there is no such path.
    """
    found = Found(Path(path), [], [], [])
    seen: dict[tuple, tuple[Vendor, Layout, str] | None] = {}
    for raw in raw_files(path):
        if isinstance(raw, Unread):
            found.unread.append(raw)
            continue
        place = f"{raw.path.parent.name}/{raw.path.name if raw.many else raw.name}"
        key = (raw.header, re.sub(r"\d", "0", place))
        if key not in seen:
            seen[key] = recognise(raw.header, place)
        told = seen[key]
        if told is None:
            found.unknown.append(raw)
        else:
            layout = told[1]
            found.matches.append(Match(raw.headerless(layout.header) if layout.header else raw, *told))
    return found


def one_vendor(found: Found) -> Vendor:
    """Return the vendor whose files a folder holds.

    Raises
    ------
    InputError
        When it holds none of any, or of two.
    """
    if not found.matches:
        raise InputError(nothing_known(found))
    vendors = found.vendors
    if len(vendors) > 1:
        some = {one.name: next(m.raw.label for m in found.matches if m.vendor is one) for one in vendors}
        files = ", ".join(f"{name} ({file})" for name, file in some.items())
        raise InputError(f"{found.path} holds files of {len(vendors)} vendors: {files}; give each its own folder")
    return vendors[0]


def nothing_known(found: Found) -> str:
    """Say of a folder without a known file what is nearest and what it lacks."""
    if found.unknown:
        raw = found.unknown[0]
        near = nearest(raw.header)
        has = ", ".join(raw.columns[:8]) + (" ..." if len(raw.columns) > 8 else "")
        if near is None:
            wide = raw.header[:1] == ("date",) and len(raw.header) > 2
            hint = (
                "; if tickers stand side by side, name it surface or prices, in a folder for market=files"
                if wide
                else ""
            )
            return f"{raw.label} is no option data that is known: it has the columns {has}{hint}"
        of, layout, missing = near
        lacks = f"also has {', '.join(missing)}" if missing else "has no others"
        return (
            f"{raw.label} is of no known layout; nearest is {of.name} ({layout.title}), which {lacks}; it has the "
            f"columns {has}"
        )
    if found.unread:
        return f"{found.unread[0].path} {found.unread[0].why}"
    return f"{found.path} holds no file"


def _has(there: set[str], layout: Layout) -> bool:
    if layout.exactly and there - set(layout.has):
        return False
    return set(layout.has) <= there and all(there & set(group) for group in layout.one_of)


def _is_row(columns: list[str], layout: Layout) -> bool:
    """Whether a first line is a row of a headerless layout: as many fields, and one of them a number."""
    number = any(re.fullmatch(r"[\d.:\- ]+", column.replace("_", " ")) for column in columns)
    return len(columns) == len(layout.header) and number
