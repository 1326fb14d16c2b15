"""Building a panel's folder: whole or not at all, whatever other processes do meanwhile."""

import logging
import os
import platform
import shutil
import time
from pathlib import Path

import numpy as np
import polars as pl

from engine.data.source import Source
from engine.data.storage import HEADER, QUALITY, TRUTH, PanelWriter
from engine.errors import InputError
from engine.progress import progress_bar

log = logging.getLogger(__name__)

# A process on another machine that shares the cache cannot be looked for: after this time its build counts as dead.
ABANDONED_SECONDS = 86_400.0


def build_into(folder: Path, source: Source, name: str, progress: bool, replace: bool) -> None:
    """Build in a temporary folder, then rename it to `folder`; temporary folders of dead processes are removed.

    Parameters
    ----------
    folder : path
        Of the panel, its quality report and, of a synthetic market, its truth.
    source : Source
    name : str
        Of the market.
    progress : bool
        Show a progress bar, on a terminal.
    replace : bool
        Whether a panel that is there already gives way.

    Raises
    ------
    InputError
        When the market has no session, or none of its quotes is usable; nothing is left behind.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f"{folder.name}.building-*"):
        if _abandoned(left):
            shutil.rmtree(left, ignore_errors=True)
    log.info("building the panel of market %s, once: %s keeps it", name, folder)
    building = folder.with_name(f"{folder.name}.building-{platform.node()}-{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    try:
        writer = PanelWriter(building)
        with progress_bar(f"Building panel {name}", source.sessions(), progress) as advance:
            for block in source.blocks():
                writer.write(block)
                advance(len(block))
        if writer.sessions == 0:
            raise InputError(f"market {name} has no session in what was asked for; widen start and end")
        if (quality := source.quality()) is not None:
            _check_something_kept(name, quality)
            quality.insert_column(0, pl.Series("source", [name] * quality.height)).write_parquet(building / QUALITY)
        if (truth := source.truth()) is not None:
            np.savez(building / TRUTH, **truth)
        writer.commit()
        _put_in_place(building, folder, replace)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _put_in_place(building: Path, folder: Path, replace: bool) -> None:
    """Rename the folder of a finished panel; where another process finished the same one first, that one stays."""
    if (folder / HEADER).is_file() and not replace:
        return
    shutil.rmtree(folder, ignore_errors=True)
    try:
        os.replace(building, folder)
    except OSError:
        if not (folder / HEADER).is_file():
            raise


def _check_something_kept(name: str, quality: pl.DataFrame) -> None:
    """Raise InputError when not one quote was usable, with the counts by reason."""
    dropped = quality.filter(pl.col("reason") != "kept")
    if dropped.height and dropped.height == quality.height:
        reasons = dropped.group_by("reason").agg(pl.col("rows").sum()).sort("rows", descending=True)
        counts = ", ".join(f"{reason} {rows:,}" for reason, rows in reasons.iter_rows())
        raise InputError(f"market {name}: every quote was dropped ({counts}); check the units and dates of its files")


def _abandoned(left: Path) -> bool:
    """Tell whether the process that a temporary folder belongs to has died."""
    machine, _, process = left.name.rpartition(".building-")[2].rpartition("-")
    if machine == platform.node() and process.isdigit():
        return not _alive(int(process))
    try:
        return time.time() - left.stat().st_mtime > ABANDONED_SECONDS
    except FileNotFoundError:  # its own process has just put it in place
        return False


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
