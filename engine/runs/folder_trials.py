"""The trials that a sweep keeps as folders, read back by day."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from engine.data.parquet import read_frame
from engine.errors import InputError
from engine.runs.table_store import span_key
from engine.runs.written import AGAIN, read_manifest
from engine.selection import span_sums

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Tried:
    """A run kept as a folder.

    Parameters
    ----------
    net : array (T,)
        Net P&L by session above what the capital earns at the risk-free rate, in currency.
    span : bytes
        Its sessions.
    key : str
        Equal where the configuration and the data are.
    holding : int
        Sessions a cohort is held, at most.
    """

    net: np.ndarray
    span: bytes
    key: str
    holding: int


def tried_in(folders: list[Path]) -> dict[Path, Tried]:
    """Read the backtests among runs.

    Raises
    ------
    InputError
        When one is damaged.
    """
    found = {folder: _tried(folder) for folder in folders}
    return {folder: run for folder, run in found.items() if run is not None}


def tried_beside(folders: list[Path]) -> dict[Path, Tried]:
    """Read runs of other sweeps; one that cannot be read tells nothing of these."""
    found = {}
    for folder in folders:
        try:
            found |= tried_in([folder])
        except InputError as error:
            log.warning("%s is not counted among the trials (%s); engine.verify says what it is", folder, error)
    return found


def _tried(folder: Path) -> Tried | None:
    made, daily = read_manifest(folder), folder / "daily.parquet"
    if daily.name not in made.get("files", {}) and not daily.is_file():
        return None
    try:
        rows = read_frame(daily, AGAIN, made.get("files", {}).get(daily.name))
        net, span = rows["pnl_net"].to_numpy() - made.get("hurdle", 0.0), rows["date"].to_numpy().tobytes()
    except (ValueError, pl.exceptions.ColumnNotFoundError):
        raise InputError(f"{daily} is damaged; {AGAIN}") from None
    return Tried(net, span, made.get("config_hash") or str(folder), made.get("holding_sessions", 1))


def as_rows(runs: Iterable[Tried]) -> pl.DataFrame:
    """Return what tables keep of trials to count them by: config_hash, span, and sums over spans of sessions."""
    rows = [(run.key, span_key(run.span), span_sums(run.net[None])[0].tolist()) for run in runs]
    schema = {"config_hash": pl.String, "span": pl.String, "spans": pl.List(pl.Float32)}
    return pl.DataFrame(rows, schema=schema, orient="row")
