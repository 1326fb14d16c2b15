"""load_market: a market by name, built once from its files and memory-mapped ever after."""

import difflib
import logging
import os
import platform
import shutil
import time
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import numpy as np
import polars as pl

from engine.calendar import DAY
from engine.data.panel import MarketPanel
from engine.data.sources import SOURCES
from engine.data.storage import HEADER, QUALITY, TRUTH, PanelWriter, append_panel, open_panel
from engine.errors import InputError
from engine.places import panel_cache
from engine.progress import progress_bar

log = logging.getLogger(__name__)


def load_market(
    name: str, path=None, *, start=None, end=None, cache=None, rebuild: bool = False, progress: bool = True, **settings
) -> MarketPanel:
    """Load a market, building its panel from the source's files where that has not been done yet.

    Parameters
    ----------
    name : str
        `synthetic`, `us_chains` or `nse`.
    path : path or None
        Where the files lie: the folder that holds us2026/, nse/, us_history/. The synthetic market needs none.
    start, end : ISO date or None
        First and last session wanted, both inclusive.
    cache : path or None
        Where built panels are kept: the environment variable DISPERSION_CACHE, else `results/panels` of the checkout,
        else the user's cache folder.
        Each is keyed by a hash of its input files and settings.
    rebuild : bool
        Build again even if the panel is there.
    progress : bool
        Show a progress bar while building, on a terminal.
    **settings
        Settings of the source, such as `years`, `names` and `seed` of the synthetic market.

    Returns
    -------
    MarketPanel
        Memory-mapped and read-only.

    Raises
    ------
    InputError
        When the market, a setting, a file, a column or the date range is not there, or numbers are in wrong units.

    Examples
    --------
    >>> market = load_market("synthetic", years=1, names=5, progress=False)
    >>> market.index_iv.shape
    (252, 8, 17)
    """
    for word, date in (("start", start), ("end", end)):
        _check_date(word, date)
    folder = panel_folder(name, path, cache=cache, rebuild=rebuild, progress=progress, **settings)
    return open_panel(folder).slice(start, end)


def panel_folder(name: str, path=None, *, cache=None, rebuild=False, progress=True, **settings) -> Path:
    """Return the folder of a market's panel, built if need be; beside it lie its quality report and truth."""
    source = find_source(name, path, settings)
    root = Path(cache or os.environ.get("DISPERSION_CACHE") or panel_cache())
    folder = root / f"{name}-{source.fingerprint()[:12]}"
    if rebuild or not (folder / HEADER).is_file():
        _build(source, name, folder, progress, replace=rebuild)
    return folder


def extend_panel(folder, name: str, path=None, *, progress: bool = True, **settings) -> MarketPanel:
    """Append to a panel folder of your own the sessions that a market's files have gained since, and open it.

    Only those sessions are built. What the folder holds is not looked at again: files in which older rows were
    corrected, or which gained a name, need a whole build, which is what `load_market` does whenever a file changed.

    Parameters
    ----------
    folder : path
        As made by `save_panel(load_market(...), folder)`; those that `load_market` keeps belong to one set of files.
    name, path, progress, **settings
        As given to `load_market`.

    Raises
    ------
    InputError
        When the folder holds no panel or one of another market, the names are others now, or the market reads no
        files; the folder stays as it was.
    """
    if "path" not in {f.name for f in fields(source_kind(name))}:
        raise InputError(f"market {name} reads no files, so none of its panels can grow; load another one")
    after = open_panel(folder).dates[-1] + DAY
    source = find_source(name, path, settings | {"start": str(after)})
    with progress_bar(f"Extending panel {name}", source.sessions(), progress) as advance:
        for block in source.blocks():
            append_panel(folder, block)
            advance(len(block))
    return open_panel(folder)


def source_kind(name: str) -> type:
    """Return the class of the source of that name; unknown names are met with the nearest known one."""
    if name not in SOURCES:
        raise InputError(f"market={name} is unknown{_nearest(name, SOURCES)}; there are {', '.join(SOURCES)}")
    module, _, kind = SOURCES[name].partition(":")
    return getattr(import_module(module), kind)


def find_source(name: str, path, settings: dict):
    """Return the source of that name with its settings."""
    source = source_kind(name)
    known = [f.name for f in fields(source) if f.init]
    for setting in settings:
        if setting not in known:
            raise InputError(f"{setting} is not a setting of market {name}{_nearest(setting, known)}")
    if "path" not in known:
        return source(**settings)
    if path is None:
        raise InputError(f"market {name} reads files: give the folder that holds them, market.path=FOLDER")
    if not Path(path).is_dir():
        raise InputError(f"market.path={path} is not a folder; give the one that holds the files of {name}")
    return source(path=str(path), **settings)


def _check_date(word: str, date) -> None:
    if date is None:
        return
    try:
        known = not np.isnat(np.datetime64(date, "D"))
    except (ValueError, TypeError):
        known = False
    if not known:
        raise InputError(f"{word}={date} is not a date; write it as 2026-07-31")


def _nearest(word: str, known) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


# Machines that share the cache cannot see each other's processes: what another one left counts as dead by its age.
ABANDONED_SECONDS = 86_400.0


def _build(source, name: str, folder: Path, progress: bool, replace: bool) -> None:
    """Build into a folder of this process, then put it in place in one step; what dead builds left is removed."""
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
    """Give a finished panel its name; one that another process finished meanwhile stays."""
    if (folder / HEADER).is_file() and not replace:
        return
    shutil.rmtree(folder, ignore_errors=True)
    try:
        os.replace(building, folder)
    except OSError:
        if not (folder / HEADER).is_file():
            raise


def _check_something_kept(name: str, quality: pl.DataFrame) -> None:
    """Raise InputError when not one quote was usable, with what most were dropped for."""
    dropped = quality.filter(pl.col("reason") != "kept")
    if dropped.height and dropped.height == quality.height:
        reasons = dropped.group_by("reason").agg(pl.col("rows").sum()).sort("rows", descending=True)
        counts = ", ".join(f"{reason} {rows:,}" for reason, rows in reasons.iter_rows())
        raise InputError(f"market {name}: every quote was dropped ({counts}); check the units and dates of its files")


def _abandoned(left: Path) -> bool:
    """Tell whether the build that a temporary folder belongs to has died."""
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
