"""A vendor's files as a market: what is not in them may come from a file of one's own."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import polars as pl

from engine.data.fingerprint import fingerprint
from engine.data.tables.choices import Choices
from engine.data.tables.contracts import TABLES
from engine.data.tables.frames import OwnMarket, from_judged
from engine.data.tables.given import long_form
from engine.data.tables.judge import Judged, judged
from engine.data.tables.member_weights import EQUAL
from engine.data.tables.table_files import read_table
from engine.data.tables.table_source import TableSource
from engine.data.vendors.canonical import Reading, vendor_tables
from engine.data.vendors.layout import Vendor
from engine.errors import InputError

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
        "equal", or a file of date, ticker, weight; None = the vendor's own.
    prices, rates, actions, forwards, sectors, dividends : str or None
        Files of what the vendor does not have, or has otherwise: prices count beside the vendor's, and before them.
    rate : float or None
        Continuous rate for all dates, decimals, where nothing has rates.
    use : str
        "quotes" or "surface", where the files have both; "" = quotes.
    iv : str
        Of ORATS strikes, "smooth" or "mid": which volatility counts where a quote has no usable price.
    identifiers : str or None
        File of tickers that changed, with columns old, new, date.
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
    recognised: str = ""
    _read: dict = field(default_factory=dict, init=False, repr=False, compare=False)

    def fingerprint(self) -> str:
        """Hash of the files, the settings and the code."""
        return fingerprint(self, self.inputs())

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

    def _tables(self) -> dict[str, Judged]:
        if "tables" not in self._read:
            own = {table: _read_own(table, file) for table, file in self._files().items()}
            names = None
            if "weights" in own and self.index:
                names = frozenset({*own["weights"].kept["ticker"], self.index})
            found = vendor_tables(
                self.path, Reading(iv=self.iv, names=names, identifiers=self.identifiers), self.vendor.name
            )
            tables = dict(found.tables)
            if "prices" in own and "prices" in tables:
                own["prices"] = _first_of(own["prices"], tables["prices"])
            if "rates" in tables:
                # A vendor's rates are of the moment of its quotes, and count on their own date.
                rates = tables["rates"]
                own.setdefault(
                    "rates", replace(rates, kept=rates.kept.with_columns(pl.col("date").dt.offset_by("-1d")))
                )
            tables |= own
            if self.weights == EQUAL:
                tables.pop("weights", None)
            self._check(tables)
            tables.pop("surface" if self._use(tables) == "quotes" else "quotes", None)
            if "dividends" in tables and "quotes" not in tables:
                raise InputError("market.dividends are read with option quotes; give a surface market.forwards")
            self._read["tables"], self._read["notes"] = tables, found.notes
        return self._read["tables"]

    def _use(self, tables: dict[str, Judged]) -> str:
        return self.use or ("quotes" if "quotes" in tables else "surface")

    def _check(self, tables: dict[str, Judged]) -> None:
        """Raise InputError where something that a market needs is nowhere, and say what to add."""
        name = self.vendor.name
        if self.use not in ("", "quotes", "surface"):
            raise InputError(f"market.use={self.use} is unknown; take quotes or surface")
        if self._use(tables) not in tables:
            raise InputError(f"{self.path} has no {self._use(tables)} of {name}; it has {', '.join(tables)}")
        if "prices" not in tables:
            raise InputError(f"{self.path} has no prices of what the options are on; add market.prices=FILE")
        if "weights" not in tables and self.weights != EQUAL:
            raise InputError(f"{name} has no weights; add market.weights=FILE with date, ticker, weight, or =equal")

    def _index(self, tables: dict[str, Judged]) -> str:
        names = set(tables[self._use(tables)].kept["ticker"])
        if not self.index and self.vendor.index not in names:
            some = ", ".join(sorted(names)[:8])
            raise InputError(f"say which ticker is the index leg, market.index=TICKER; {self.path} has {some}")
        return self.index or self.vendor.index

    def _own(self) -> OwnMarket:
        if "own" not in self._read:
            tables, vendor = self._tables(), self.vendor
            files = "".join(f"; {table} of {Path(file).name}" for table, file in self._files().items())
            notes = self._read["notes"]
            notes += (f"taken for files of {vendor.name} by {self.recognised}",) if self.recognised else ()
            choices = self._choices(tables)
            source = vendor.title + files
            self._read["own"] = from_judged(tables, choices, vendor.name, self.rate, source=source, known=notes)
        return self._read["own"]

    def _choices(self, tables: dict[str, Judged]) -> Choices:
        two_sided = "quotes" in tables and tables["quotes"].kept["bid"].is_not_null().any()
        return Choices(
            index=self._index(tables),
            currency=self.currency or self.vendor.currency,
            calendar=self.calendar or self.vendor.calendar,
            weights_known=self.weights_known,
            index_note=self.index_note or "as the vendor has it",
            marks="quoted" if two_sided else "traded" if "quotes" in tables else "surface",
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
