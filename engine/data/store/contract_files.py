"""Quotes of contracts in a panel's folder: a parquet file for each month, named by its first session.

A file is never written to once a header lists it: what an append adds to a month is a file of its own. Which files
count, and their checksums, the header says (`beside`); the quotes of each date it knows by a hash (`contracts`).
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from engine.data.contract_quotes import ContractQuotes, hash_of
from engine.data.store.generations import mapped
from engine.errors import InputError

START = "contracts-"


def contract_files(folder: Path) -> list[str]:
    """Return the names of all such files in a folder, whether or not a header lists them."""
    return sorted(path.name for path in folder.glob(f"{START}*.parquet")) if folder.is_dir() else []


class ContractWriter:
    """Write the quotes of contracts, block of dates by block of dates, month by month.

    Parameters
    ----------
    beside : callable
        Of a file's name: where to write it.
    """

    def __init__(self, beside: Callable[[str], Path]):
        self._beside, self._month, self._rows = beside, None, []

    def write(self, quotes: ContractQuotes, dates: np.ndarray) -> dict[str, str]:
        """Take in the quotes of a block's dates; return date -> hash of them."""
        hashes = {}
        for date, rows in quotes.by_date(dates).items():
            if (month := date.replace(day=1)) != self._month:
                self.flush()
                self._month = month
            self._rows.append(rows)
            hashes[str(date)] = hash_of(rows)
        return hashes

    def flush(self) -> None:
        """Write the month that is under way."""
        if self._rows:
            rows = pl.concat(self._rows, rechunk=True)
            rows.write_parquet(self._beside(f"{START}{rows['date'][0]}.parquet"))
        self._month, self._rows = None, []


def opened(folder: Path, header: dict, remedy: str) -> ContractQuotes | None:
    """Open the quotes that a header lists; None where it has none.

    Raises
    ------
    InputError
        When a file is gone.
    """
    if header.get("contracts") is None:
        return None
    paths = [folder / name for name in sorted(header["beside"]) if name.startswith(START)]
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path} is gone; {remedy}")
    if not paths:
        return ContractQuotes.of(pl.DataFrame(schema={"date": pl.Date}))
    held = tuple(mapped(path, "u1", (path.stat().st_size,)) for path in paths)
    return ContractQuotes(pl.scan_parquet(paths, glob=False), held)
