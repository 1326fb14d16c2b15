"""The header of a panel's folder: what its files hold, and whether it can be read."""

import hashlib
import json
from dataclasses import fields
from pathlib import Path

import numpy as np

from engine.data.panel import MarketPanel
from engine.data.records import SECTOR_AXES, SELDOM, History, ListedSmiles, MarketInfo, QuotedBand, SectorData
from engine.errors import InputError

HEADER = "panel.json"
FIXED = ("names", "tenors", "deltas")
LISTED, BAND, SECTORS, HISTORY = "listed.", "band.", "sectors.", "history."
_PARTS = {"info", *FIXED, "listed", "band", "sectors", "history", "report", "contracts", "content_hash", "window_bytes"}
_DATED = {f.name for f in fields(MarketPanel)} - _PARTS - {*SELDOM}
_LISTED_ARRAYS = {f"{LISTED}{f.name}" for f in fields(ListedSmiles)}
_BAND_ARRAYS = {f"{BAND}{f.name}" for f in fields(QuotedBand)}
_SECTOR_ARRAYS = {f"{SECTORS}{f.name}" for f in fields(SectorData)} - {f"{SECTORS}{axis}" for axis in SECTOR_AXES}
_HISTORY_ARRAYS = {f"history.{f.name}" for f in fields(History)} - {"history.note"}
_NOT_CONTENT = ("generation", "beside", "content_hash")
REMEDY = "to build the panel again, delete the folder {} or load the market with rebuild=True"


def files_of(header: dict) -> dict:
    """Return what each file holds: array -> (its type, the shape of a row and checksums; number of rows)."""
    files = {name: (spec, header["sessions"]) for name, spec in header["arrays"].items()}
    history = header["history"] or {"arrays": {}}
    return files | {name: (spec, history["sessions"]) for name, spec in history["arrays"].items()}


def row_bytes(spec: dict) -> int:
    """Return the size of one session of an array."""
    return int(np.prod(spec["row"], dtype=np.int64)) * np.dtype(spec["dtype"]).itemsize


def read_header(folder: Path) -> dict:
    """Return the header of a panel's folder, or say what is wrong with it."""
    path = folder / HEADER
    try:
        header = json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{folder} holds no panel: {HEADER} is missing") from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise InputError(f"{path} is damaged; {REMEDY.format(folder)}") from None
    if not _is_header(header) or header["content_hash"] != content_hash_of(header):
        raise InputError(f"{path} is damaged or was written by another version; {REMEDY.format(folder)}")
    return header


def _is_header(header) -> bool:
    """Tell whether a header has all parts that a panel needs, and axes that fit its surfaces."""
    needed = {"info", *FIXED, "arrays", "history", "sessions", *_NOT_CONTENT}
    if not isinstance(header, dict) or not needed <= header.keys():
        return False
    arrays, history = header["arrays"], header["history"]
    return (
        header["info"].keys() | {"notes"} == {f.name for f in fields(MarketInfo)}
        and arrays.keys() - _LISTED_ARRAYS - _BAND_ARRAYS - {*SELDOM}
        == _DATED | (_SECTOR_ARRAYS if header.get("sectors") else set())
        and arrays.keys() & _LISTED_ARRAYS in (set(), _LISTED_ARRAYS)
        and arrays.keys() & _BAND_ARRAYS in (set(), _BAND_ARRAYS)
        and (history is None or history["arrays"].keys() == _HISTORY_ARRAYS)
        and arrays["component_iv"]["row"] == [len(header[axis]) for axis in FIXED]
    )


def content_hash_of(header: dict) -> str:
    """Hash what a panel holds, by the checksums of its files; where these lie does not count."""
    content = {key: value for key, value in header.items() if key not in _NOT_CONTENT}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
