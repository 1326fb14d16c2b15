"""A folder of tables of one's own as a market: surface, prices, weights and what else there is."""

import difflib
import hashlib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from engine.data.fingerprint import fingerprint
from engine.data.tables.choices import Choices
from engine.data.tables.frames import from_parts, judged_parts
from engine.data.tables.member_weights import EQUAL
from engine.data.tables.own_market import OwnMarket
from engine.data.tables.table_files import SUFFIXES, read_table, table_files
from engine.data.tables.table_source import TableSource
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.data.quotes.quoted_strips import QuotedStrips

NEEDED = ("surface", "weights", "prices")
OPTIONAL = ("quotes", "rates", "actions", "forwards", "sectors", "dividends")


@dataclass(frozen=True, kw_only=True)
class Files(Choices, TableSource):
    """Tables of one's own as a market: as `MarketPanel.from_frames`, bit for bit, of files.

    Reads surface.* or option quotes of quotes.*, weights.*, prices.* and, where they are there, rates.*, actions.*,
    forwards.* and sectors.* of a folder: parquet, CSV (any usual separator and encoding), CSV.gz, or a zip of one of
    these. A table may be in parts: surface_index.csv beside surface.csv.

    Parameters
    ----------
    path : str
        The folder.
    start, end : str or None
        First and last session to build, ISO dates; all rows are read for the weights and rates of the day before.
    weights : str or None
        "equal" where there is no file of weights.
    rate : float or None
        Continuous rate for all dates, decimals, where there is no file of rates.
    """

    path: str
    start: str | None = None
    end: str | None = None
    weights: str | None = None
    rate: float | None = None
    _read: dict = field(default_factory=dict, init=False, repr=False, compare=False)

    def fingerprint(self) -> str:
        """Hash of the files, which table each is, the settings and the code."""
        files = self._files()
        named = repr([(table, len(of)) for table, of in files.items()])
        return hashlib.sha256((fingerprint(self, self.inputs()) + named).encode()).hexdigest()

    def inputs(self) -> list[Path]:
        """Return the files of the tables."""
        return [path for of in self._files().values() for path in of]

    def strips(self) -> "QuotedStrips | None":
        """Return the strips of option quotes with bid and ask."""
        from engine.data.quotes.clock import Clock
        from engine.data.quotes.quoted_strips import quoted_strips

        files = self._files().get("quotes")
        if not files:
            return None
        quotes = judged_parts("quotes", self._parts(files), self._choices()).kept
        if quotes["bid"].is_null().all():
            return None
        market, rows = self._own().market, self._rows()
        rate = pl.DataFrame({"date": market.dates[rows], "rate": market.rate[rows]})
        assets, clock = [self.index, *market.names], Clock(quotes=self.quotes_at)
        return quoted_strips(quotes, rate, market.dates[rows], assets, clock, calendar=self.calendar)

    def _files(self) -> dict[str, list[Path]]:
        folder = Path(self.path)
        found = {table: table_files(folder, table) for table in (*NEEDED, *OPTIONAL)}
        if self.weights is not None:
            if self.weights != EQUAL:
                raise InputError(f"market.weights={self.weights} is unknown; leave it out, or take {EQUAL}")
            if found["weights"]:
                raise InputError(f"{found['weights'][0]} has weights; leave out market.weights={EQUAL}, or the file")
        elif not found["weights"]:
            raise InputError(f"{_without(folder, 'weights')}, or set market.weights={EQUAL}")
        if self.rate is not None and found["rates"]:
            raise InputError(f"{found['rates'][0]} has rates; leave out market.rate={self.rate}, or the file")
        if found["surface"] and found["quotes"]:
            files = " and ".join(str(found[table][0]) for table in ("surface", "quotes"))
            raise InputError(f"{files}: volatilities come from one of them; move the other away")
        for table in ("quotes" if found["quotes"] else "surface", "prices"):
            if not found[table]:
                raise InputError(_without(folder, table))
        return {table: of for table, of in found.items() if of}

    def _own(self) -> OwnMarket:
        if "own" not in self._read:
            parts = {table: self._parts(files) for table, files in self._files().items()}
            self._read["own"] = from_parts(parts, self._choices(), "files", self.rate)
        return self._read["own"]

    def _parts(self, files: list[Path]) -> list:
        read = [(path, *read_table(path)) for path in files]
        return [(frame, str(path), first) for path, frame, first in read]

    def _choices(self) -> Choices:
        return Choices(**{f.name: getattr(self, f.name) for f in fields(Choices)})


def _without(folder: Path, table: str) -> str:
    there = sorted(path.name for path in folder.iterdir() if path.is_file())
    near = difflib.get_close_matches(table, [name.partition(".")[0].lower() for name in there], n=1, cutoff=0.6)
    hint = [name for name in there if near and name.lower().startswith(near[0])]
    meant = f"; is it {hint[0]}? Rename it" if hint else ""
    return f"{folder} has no file {table}.* ({', '.join(SUFFIXES[:2])}, ...){meant}; add one"
