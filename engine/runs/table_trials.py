"""The trials that a sweep's table keeps, read back: they are most of a large table, so nothing is copied in vain."""

import logging
from pathlib import Path

import numpy as np
import polars as pl

from engine.errors import InputError
from engine.runs.table_store import read_rows
from engine.selection import BlockSums, Trials

log = logging.getLogger(__name__)


def kept_by(sweep: Path) -> pl.DataFrame | None:
    """Return `trial_rows` of the table of another sweep; None, with a warning, where it is damaged."""
    try:
        return trial_rows(read_rows(sweep, ["config_hash", "trial"]))
    except InputError as error:
        log.warning("%s is not counted among the trials (%s)", sweep, error)
        return None


def trial_rows(rows: pl.DataFrame | None) -> pl.DataFrame | None:
    """Return job, config_hash and what is kept of each trial as columns; None where there is no trial."""
    if rows is None or "trial" not in rows.columns:
        return None
    if rows["trial"].null_count():
        rows = rows.filter(pl.col("trial").is_not_null())
    return rows.select("job", "config_hash", "trial").unnest("trial") if rows.height else None


def of_span(rows: pl.DataFrame, span: str) -> pl.DataFrame:
    """Return the trials on some sessions."""
    chosen = rows["span"] == span
    return rows if chosen.all() else rows.filter(chosen)


def each_once(tables: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """Return the trials of several tables, each configuration in the first of them that has it.

    Examples
    --------
    >>> tables = [pl.DataFrame({"config_hash": ["a", "b", "a"]}), pl.DataFrame({"config_hash": ["b", "c"]})]
    >>> [rows["config_hash"].to_list() for rows in each_once(tables)]
    [['a', 'b'], ['c']]
    """
    found: list[pl.DataFrame] = []
    seen = pl.Series("config_hash", [], dtype=pl.String)
    for rows in tables:
        key = rows["config_hash"]
        fresh = key.is_first_distinct() & ~key.is_in(seen.implode())
        found.append(rows if fresh.all() else rows.filter(fresh))
        seen = pl.concat([seen, found[-1]["config_hash"]])
    return found


def as_trials(rows: pl.DataFrame) -> Trials:
    """Return what judging the trials takes."""
    moments = [rows[name].to_numpy() for name in ("sharpe", "skew", "kurtosis")]
    spans = spans_of(rows)
    held = 1 if spans is None else int(rows["holding_days"].to_numpy().max())
    return Trials(_cut(rows), *moments, sessions=rows["sessions"][0], spans=spans, holding_days=held)


def spans_of(rows: pl.DataFrame) -> np.ndarray | None:
    """Return the sums of each trial over spans of sessions, (P, F); None where a table of before does not have them."""
    return None if "spans" not in rows.columns or rows["spans"].null_count() else _array(rows, "spans")


def _cut(rows: pl.DataFrame) -> BlockSums | None:
    """Return the blocks of sessions that trials were cut into; None where there are too few, or trials have others."""
    if rows["counts"].null_count() or rows["counts"].list.len().n_unique() > 1:
        return None
    counts = _array(rows, "counts")
    if (counts != counts[0]).any():
        return None
    return BlockSums(_array(rows, "sums"), _array(rows, "squares"), counts[0])


def _array(rows: pl.DataFrame, name: str) -> np.ndarray:
    """A column of lists of one length, as (P, length)."""
    return rows[name].explode().to_numpy().reshape(rows.height, -1)
