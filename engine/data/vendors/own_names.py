"""Tables of one's own beside a vendor's: their tickers spelt, and companies called, as the vendor's are."""

from dataclasses import replace

import polars as pl

from engine.data.tables.judge import Judged
from engine.data.tables.membership import contract_key
from engine.data.vendors.symbols import Rename, one_name, plain_ticker
from engine.errors import InputError


def named_alike(table: Judged, renames: tuple[Rename, ...]) -> Judged:
    """Give the rows of a table the tickers that the rows of a vendor have: BRK.B for BRK-B, META for FB before 2022.

    Rows without a date are of all dates: companies have their last name.

    Raises
    ------
    InputError
        When two rows are then of one key.
    """
    rows = table.kept
    columns = [name for name in ("ticker", "into") if name in rows.columns]
    when = next((name for name in ("date", "since") if name in rows.columns), "")
    date = pl.col(when).fill_null(pl.date(1900, 1, 1)) if when else pl.date(1900, 1, 1)
    kept = rows.with_columns(plain_ticker(pl.col(name)).alias(name) for name in columns)
    kept = kept.with_columns(one_name(pl.col(name), date, renames).alias(name) for name in columns)
    key = contract_key(table)
    twice = pl.struct(key).is_duplicated()
    if kept.select(twice.any()).item():
        of = kept.select(*key, was=rows["ticker"]).filter(twice).sort(key)
        told = ", ".join(str(value) for value in of.select(key).row(0) if value is not None)
        one, other = of["was"][:2]
        raise InputError(f"{table.file}: {one} and {other} are both {told}; keep one of the rows")
    return replace(table, kept=kept)
