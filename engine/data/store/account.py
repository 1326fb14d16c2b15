"""The account beside a stored panel: counts of what was kept and left out, and the rows that were."""

from pathlib import Path

import polars as pl

from engine.data.store.header import HEADER, read_header
from engine.data.store.storage import QUALITY, REJECTED, read_beside


def load_quality(folder: Path | str) -> pl.DataFrame | None:
    """Return the quality report in a panel's folder (source, asset, reason, rows), None where there is none.

    Rows count quotes, or volatilities of a surface; where a reason starts with another table's name and a dot, that
    table's rows. Those of `unexplained_jump`, `hole_of_sessions`, `rate_jump`, `vol_jump`, `vol_level`,
    `closes_a_day_off` and `rates.stale` count sessions.
    """
    return _frame_beside(folder, QUALITY)


def load_rejected(folder: Path | str) -> pl.DataFrame | None:
    """Return the rows that a panel's source left out (table, file, line, column, reason, value), None if not listed."""
    return _frame_beside(folder, REJECTED)


def _frame_beside(folder: Path | str, name: str) -> pl.DataFrame | None:
    folder = Path(folder)
    return read_beside(folder, read_header(folder), name) if (folder / HEADER).is_file() else None
