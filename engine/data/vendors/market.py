"""A vendor's files as a market: what is not in them may come from a file of one's own."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import polars as pl

from engine.data.fingerprint import HOW, fingerprint
from engine.data.store.kept import Kept
from engine.data.tables.choices import Choices
from engine.data.tables.contracts import TABLES
from engine.data.tables.dated_rows import DatedRows
from engine.data.tables.given import long_form
from engine.data.tables.in_common import check_strikes
from engine.data.tables.judge import Judged, judged
from engine.data.tables.member_weights import EQUAL
from engine.data.tables.membership import has_spells, is_membership, judged_membership, size_of
from engine.data.tables.own_market import OwnMarket, from_rows
from engine.data.tables.renames import renamed, renames_in
from engine.data.tables.table_files import read_table
from engine.data.tables.table_source import TableSource
from engine.data.vendors.canonical import Reading, matches_of, notes_of
from engine.data.vendors.landed import land_all, small_tables
from engine.data.vendors.layout import Vendor
from engine.data.vendors.memory import memory_bytes, rows_at_once
from engine.data.vendors.months import MADE_OF, Judging, dated_rows
from engine.data.vendors.own_names import named_alike
from engine.data.vendors.symbols import read_renames
from engine.errors import InputError

LISTS = frozenset({"members", "links"})  # of members, which a vendor's own weights are of
_OWN = ("prices", "weights", "rates", "actions", "forwards", "sectors", "dividends")


@dataclass(frozen=True, kw_only=True)
class VendorMarket(TableSource):
    """Files of a vendor as a market.

    Parameters
    ----------
    path : str
        The folder, or one file.
    index : str
        Ticker of the index leg; "" = the one the vendor usually has.
    weights : str or None
        "equal"; a file of date, ticker, weight, or of ticker, since, until, and weight, shares or float factor; None =
        the vendor's own. Spells without weight or shares choose from the vendor's.
    prices, rates, actions, forwards, sectors, dividends : str or None
        Files of what the vendor does not have, or has otherwise: prices count beside the vendor's, and before them.
    rate : float or None
        Continuous rate for all dates, decimals, where nothing has rates.
    use : str
        "quotes" or "surface", where the files have both; "" = quotes.
    iv : str
        Of ORATS strikes, "smooth" or "mid": which volatility counts where a quote has no usable price. Of its
        summaries, "ex_earnings": constant maturities without earnings.
    identifiers : str or None
        File of tickers that changed, or are spelt otherwise: old, new, date (empty: of all dates).
    currency, calendar : str
        "" = the vendor's.
    weights_known : str
        "close": weights dated t count from the next session. "open": on t.
    index_note : str
        What the index leg is, for reports.
    max_extrapolation_days : float
        How far beyond the quoted expiries a tenor may take the nearest one's volatility.
    strict : bool
        Refuse where a row is rejected.
    start, end : str or None
        First and last session to build.
    memory_budget : float or None
        GB of memory that a build may take: files beyond it are read in parts; None = 4.
    recognised : str
        Why the files were taken for this vendor's, where nobody said so.
    """

    vendor: ClassVar[Vendor]
    takes_file: ClassVar[bool] = True

    path: str
    index: str = ""
    weights: str | None = None
    prices: str | None = None
    rates: str | None = None
    actions: str | None = None
    forwards: str | None = None
    sectors: str | None = None
    dividends: str | None = None
    rate: float | None = None
    use: str = ""
    iv: str = "smooth"
    identifiers: str | None = None
    currency: str = ""
    calendar: str = ""
    weights_known: str = "close"
    index_note: str = ""
    max_extrapolation_days: float = 14.0
    strict: bool = False
    start: str | None = None
    end: str | None = None
    memory_budget: float | None = field(default=None, metadata=HOW)
    recognised: str = ""
    _read: dict = field(default_factory=dict, init=False, repr=False, compare=False)

    def keep_under(self, folder: Path, trust: bool = True) -> None:
        """Keep what was read and judged under a folder, for later builds."""
        self._read["kept"] = Kept(folder, trust)

    def fingerprint(self) -> str:
        """Hash of the files, the settings and the code."""
        return fingerprint(self, self.inputs(), self._read.get("kept", Kept()).sums.checksum)

    def inputs(self) -> list[Path]:
        """Return all files of the folder, and those given beside it."""
        path = Path(self.path)
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for table, file in self._files().items():
            _own_file(table, file)
        return [*files, *(Path(file) for file in (*self._files().values(), self.identifiers) if file)]

    def _files(self) -> dict[str, str]:
        given = {table: getattr(self, table) for table in _OWN}
        return {
            table: os.path.expanduser(str(file))
            for table, file in given.items()
            if file and (table, file) != ("weights", EQUAL)
        }

    def _own(self) -> OwnMarket:
        if "own" not in self._read:
            self._read["own"] = self._made()
        return self._read["own"]

    def _made(self) -> OwnMarket:
        """Read the files, and make a market of them: option quotes and volatilities month by month, the rest whole."""
        if self.use not in ("", "quotes", "surface"):
            raise InputError(f"market.use={self.use} is unknown; take quotes or surface")
        if self.iv not in self.vendor.volatilities:
            takes = " or ".join(self.vendor.volatilities)
            raise InputError(f"market.iv={self.iv} is unknown to {self.vendor.name}; take {takes}, or leave it out")
        renames = read_renames(self.identifiers)
        own = {table: named_alike(_read_own(table, file), renames) for table, file in self._files().items()}
        names = frozenset({*own["weights"].kept["ticker"], self.index}) if "weights" in own and self.index else None
        kept, budget = self._read.get("kept", Kept()), memory_bytes(self.memory_budget)
        reading = Reading(iv=self.iv, identifiers=self.identifiers)
        vendor, matches = matches_of(self.path, self.vendor.name)
        landed = land_all(matches, reading, kept, budget)
        read, tickers = small_tables(landed, vendor, self.path, names, LISTS if self.weights else frozenset())
        facts = {table for one in landed for table in one.made.facts["tables"]}
        there = [table for table, parts in MADE_OF.items() if facts & {*parts}]
        tables = self._with_own(read, own)
        use = self.use or ("quotes" if "quotes" in there else "surface")
        self._check(tables, there, use)
        reach, at_once = self.max_extrapolation_days, rows_at_once(budget)
        how = Judging(self.path, tickers, renames_in(tables.get("actions")), names, kept, at_once, reach)
        rows = dated_rows(use, landed, how)
        if use == "quotes" and "prices" in read:
            check_strikes(rows.days, read["prices"].kept, self.path)
        notes = notes_of(matches)
        notes += (f"taken for files of {vendor.name} by {self.recognised}",) if self.recognised else ()
        files = "".join(f"; {table} of {Path(file).name}" for table, file in self._files().items())
        return from_rows(
            rows,
            renamed(tables, self.index or vendor.index),
            self._choices(rows),
            vendor.name,
            self.rate,
            source=vendor.title + files,
            known=notes,
        )

    def _with_own(self, read: dict[str, Judged], own: dict[str, Judged]) -> dict[str, Judged]:
        tables = dict(read)
        if "prices" in own and "prices" in tables:
            own["prices"] = _first_of(own["prices"], tables["prices"])
        if "rates" in tables:
            # A vendor's rates are of the moment of its quotes, and count on their own date.
            rates = tables["rates"]
            own.setdefault("rates", replace(rates, kept=rates.kept.with_columns(pl.col("date").dt.offset_by("-1d"))))
        if is_membership(of := own.get("weights")) and of is not None and not size_of(of.kept) and "weights" in tables:
            tables["sizes"] = tables["weights"]
        tables |= own
        if self.weights == EQUAL:
            tables.pop("weights", None)
        return tables

    def _check(self, tables: dict[str, Judged], there: list[str], use: str) -> None:
        """Raise InputError where something that a market needs is nowhere, and say what to add."""
        name = self.vendor.name
        if use not in there:
            raise InputError(f"{self.path} has no {use} of {name}; it has {', '.join((*there, *tables))}")
        if "prices" not in tables:
            raise InputError(f"{self.path} has no prices of what the options are on; add market.prices=FILE")
        if "weights" not in tables and self.weights != EQUAL:
            raise InputError(f"{name} has no weights; add market.weights=FILE with date, ticker, weight, or =equal")
        if "dividends" in tables and use == "surface":
            raise InputError("market.dividends are read with option quotes; give a surface market.forwards")

    def _index(self, rows: DatedRows) -> str:
        names = set(rows.by_ticker()["ticker"])
        if not self.index and self.vendor.index not in names:
            some = ", ".join(sorted(names)[:8])
            raise InputError(f"say which ticker is the index leg, market.index=TICKER; {self.path} has {some}")
        return self.index or self.vendor.index

    def _choices(self, rows: DatedRows) -> Choices:
        return Choices(
            index=self._index(rows),
            currency=self.currency or self.vendor.currency,
            calendar=self.calendar or self.vendor.calendar,
            weights_known=self.weights_known,
            index_note=self.index_note or "as the vendor has it",
            marks="quoted" if rows.two_sided else "traded" if rows.table == "quotes" else "surface",
            quotes_at=self.vendor.clock.quotes,
            settles_at=self.vendor.clock.pm,
            max_extrapolation_days=self.max_extrapolation_days,
            strict=self.strict,
        )


def _own_file(table: str, file: str) -> Path:
    path = Path(file)
    if not path.is_file():
        raise InputError(f"market.{table}={file} is no file; give one with {', '.join(TABLES[table].columns)}")
    return path


def _read_own(table: str, file: str) -> Judged:
    path = _own_file(table, file)
    frame, first = read_table(path)
    if table == "weights" and has_spells(frame):
        return judged_membership(frame, str(path), first=first)
    return judged(TABLES[table], long_form(TABLES[table], frame, str(path), first=first), str(path))


def _first_of(own: Judged, other: Judged) -> Judged:
    """Take the rows of one's own, and of the vendor those that one's own file has none of."""
    rest = other.kept.join(own.kept, on=["date", "ticker"], how="anti")
    return replace(
        own,
        file=f"{own.file} and {other.file}",
        kept=pl.concat([own.kept, rest]),
        rejected=pl.concat([own.rejected, other.rejected]),
        counts=pl.concat([own.counts, other.counts]),
    )
