"""market=auto: which market a folder or file is, told once by what lies in it."""

import functools
import logging
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

from engine.data.sources import SOURCES
from engine.data.store.storage import HEADER
from engine.data.tables.contracts import TABLES
from engine.data.tables.table_files import table_files
from engine.data.vendors.raw_files import is_folder
from engine.data.vendors.recognise import look, one_vendor
from engine.errors import InputError

log = logging.getLogger(__name__)

AUTO = "auto"
SETTINGS = ("index", "weights", "memory_budget")  # of a market that was not named; others belong to one that is
_PREPARED = {"us_chains": ("us2026", "us_history"), "nse": ("nse",)}


def market_of(path: Path) -> tuple[str, str] | None:
    """Return which market a folder is whose files are named as it wants them, and what told; None of vendors' files.

    Parameters
    ----------
    path : Path
    """
    if not is_folder(path):
        return None
    if (path / HEADER).is_file():
        return "panel", f"its {HEADER}"
    own = [table for table in TABLES if table_files(path, table)]
    if {"surface", "quotes"} & set(own) and "prices" in own:
        return "files", "its files " + ", ".join(own)
    for name, folders in _PREPARED.items():
        if all((path / folder).is_dir() for folder in folders):
            return name, "its folders " + ", ".join(folders)
    return None


def prepared_above(path: Path) -> str | None:
    """Return which prepared market a folder is a part of, that has to be given whole; None of any other."""
    above, name = path.resolve().parent, path.resolve().name
    whole = (market for market, of in _PREPARED.items() if name in of and all((above / one).is_dir() for one in of))
    return next(whole, None)


def resolved(path: Any, settings: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the market that a path holds, and the settings for it.

    Raises
    ------
    InputError
        When it holds none or two, or a setting is one of named markets only.
    """
    from engine.data.load import source_kind  # which knows this module

    if not isinstance(path, str | os.PathLike):
        raise InputError("market=auto looks at files: give a folder or a file, market.path=FOLDER")
    place = Path(os.path.expanduser(path))
    given = {setting: value for setting, value in settings.items() if value not in ("", None)}
    name, why = market_of(place) or _vendor(place)
    known = {f.name for f in fields(source_kind(name)) if f.init}
    for setting in given:
        if setting not in SETTINGS or setting not in known:
            takes = ", ".join(("path", *(word for word in SETTINGS if word in known)))
            raise InputError(f"market=auto found {name}, and takes {takes}; with {setting} name it: market={name}")
    if "recognised" in known:
        given["recognised"] = why
    _say(place, name, why)
    return name, given


@functools.cache
def _say(place: Path, name: str, why: str) -> None:
    """Say it once, however often the market is asked for."""
    log.info("market auto: %s is %s, by %s", place, name, why)


def _vendor(path: Path) -> tuple[str, str]:
    found = look(path)
    vendor = one_vendor(found)
    if vendor.name not in SOURCES:
        raise InputError(f"{path} holds files of {vendor.name} alone, which are no options and make no market")
    return vendor.name, found.matches[0].why
