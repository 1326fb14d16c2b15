"""Panels on disk: one raw file per array, dates first, and a header that is written last.

A panel folder holds `panel.json` (axes, shapes, types, number of sessions, content hash) and `<array>.bin`; the closes
of `history.<array>.bin` are on sessions of their own. Rows beyond the header's number of sessions do not count: they
are what an interrupted write or append left, and the next one overwrites them. Arrays are memory-mapped on opening.
"""

import hashlib
import json
import os
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import polars as pl

from engine.backend import to_host
from engine.data.panel import MarketPanel, check_appendable, check_rates
from engine.data.records import SECTOR_AXES, History, ListedSmiles, MarketInfo, SectorData
from engine.errors import InputError

HEADER = "panel.json"
QUALITY = "quality.parquet"
TRUTH = "truth.npz"
_FIXED = ("names", "tenors", "deltas")
_LISTED, _SECTORS, _HISTORY = "listed.", "sectors.", "history."
_PARTS = {"info", *_FIXED, "listed", "sectors", "history", "content_hash", "window_bytes"}
_DATED = {f.name for f in fields(MarketPanel)} - _PARTS
_LISTED_ARRAYS = {f"{_LISTED}{f.name}" for f in fields(ListedSmiles)}
_SECTOR_ARRAYS = {f"{_SECTORS}{f.name}" for f in fields(SectorData)} - {f"{_SECTORS}{axis}" for axis in SECTOR_AXES}
_HISTORY_ARRAYS = {f"history.{f.name}" for f in fields(History)} - {"history.note"}
_REMEDY = "to build the panel again, delete the folder {} or load the market with rebuild=True"


class PanelWriter:
    """Write a panel, one block of dates after the other; `commit` makes it one that can be opened.

    Parameters
    ----------
    folder : path
        Created if needed.
    append : bool
        Continue the panel that is there; otherwise its header is removed.
    """

    def __init__(self, folder, append: bool = False):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.header = _read_header(self.folder) if append else None
        if not append:
            (self.folder / HEADER).unlink(missing_ok=True)
        # The hash of an appended panel goes on from that of what is there, whose files need not be read again.
        self.digest = hashlib.sha256((self.header or {}).get("content_hash", "").encode())
        self.sessions = self.header["sessions"] if append else 0

    def write(self, block: MarketPanel) -> None:
        """Append the sessions of a block to the files; they count once `commit` has run.

        Raises
        ------
        InputError
            When the block has other arrays, or other axes, than the panel, or a session without an interest rate.
        """
        check_rates(block)
        arrays = _arrays(block)
        if self.header is None:
            self.header = _header(block, arrays)
            self.digest.update(json.dumps(self.header).encode())
        self.header["info"] = asdict(block.info)  # as of the latest block
        specs = self.header["arrays"]
        if arrays.keys() != specs.keys():
            odd = ", ".join(sorted(arrays.keys() ^ specs.keys()))
            raise InputError(f"cannot append to {self.folder}: only one of the two has {odd}; rebuild the panel")
        for name, array in arrays.items():
            self._put(name, array, specs[name], self.sessions)
        self.sessions += len(block)
        if (history := self.header["history"]) is not None:
            later = block.known_closes().between(after=history["last"] and np.datetime64(history["last"]))
            later.map_arrays(lambda name, array: self._put(name, array, history["arrays"][name], history["sessions"]))
            history["sessions"] += len(later)
            history["last"] = str(later.dates[-1]) if len(later) else history["last"]

    def _put(self, name: str, array, spec: dict, sessions: int) -> None:
        """Write the rows of an array after those of so many sessions, and count them in the hash."""
        row = list(array.shape[1:])
        if spec["row"] != row:
            raise InputError(f"cannot append to {self.folder}: {name} has rows of shape {row}; rebuild the panel")
        data = np.ascontiguousarray(to_host(array)).astype(spec["dtype"], copy=False)
        path = self.folder / f"{name}.bin"
        with open(path, "r+b" if path.exists() else "w+b") as file:
            file.seek(sessions * _row_bytes(spec))
            file.write(data.view(np.uint8).reshape(-1).data)
        self.digest.update(name.encode())
        self.digest.update(data.view(np.uint8).reshape(-1).data)

    def commit(self) -> None:
        """Make everything written so far the panel, by one atomic replacement of its header."""
        header = self.header | {"sessions": self.sessions, "content_hash": self.digest.hexdigest()}
        for name, (spec, sessions) in _files(header).items():
            path = self.folder / f"{name}.bin"
            with open(path, "r+b") as file:
                file.truncate(sessions * _row_bytes(spec))
                os.fsync(file.fileno())
        temporary = self.folder / f"{HEADER}.{os.getpid()}"
        with open(temporary, "w") as file:
            file.write(json.dumps(header, indent=1))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.folder / HEADER)


def save_panel(panel: MarketPanel, folder) -> None:
    """Write a whole panel to a folder."""
    writer = PanelWriter(folder)
    writer.write(panel)
    writer.commit()


def append_panel(folder, later: MarketPanel) -> MarketPanel:
    """Add the sessions of `later` to the panel in a folder without rewriting what is there, and open it.

    Raises
    ------
    InputError
        When the axes differ or the dates do not follow.
    """
    check_appendable(open_panel(folder), later)
    writer = PanelWriter(folder, append=True)
    writer.write(later)
    writer.commit()
    return open_panel(folder)


def open_panel(folder) -> MarketPanel:
    """Open a panel folder; its arrays are memory-mapped and read-only.

    Raises
    ------
    InputError
        When there is no panel, or a file is shorter than the header says.
    """
    folder = Path(folder)
    header = _read_header(folder)
    arrays = {}
    for name, (spec, sessions) in _files(header).items():
        path = folder / f"{name}.bin"
        shape = (sessions, *spec["row"])
        size = path.stat().st_size if path.is_file() else 0
        if size < sessions * _row_bytes(spec):
            raise InputError(f"{path} is truncated ({size:,} bytes); {_REMEDY.format(folder)}")
        whole = int(np.prod(shape)) > 0
        arrays[name] = np.memmap(path, spec["dtype"], "r", shape=shape) if whole else np.zeros(shape, spec["dtype"])
    listed, sectors, history = (
        {name.removeprefix(part): arrays.pop(name) for name in list(arrays) if name.startswith(part)}
        for part in (_LISTED, _SECTORS, _HISTORY)
    )
    axes = {axis: np.array(header["sectors"][axis], dtype=str) for axis in SECTOR_AXES if sectors}
    return MarketPanel(
        info=MarketInfo(**header["info"]),
        names=np.array(header["names"], dtype=str),
        tenors=np.array(header["tenors"], dtype=np.int64),
        deltas=np.array(header["deltas"], dtype=np.int64),
        listed=ListedSmiles(**listed) if listed else None,
        sectors=SectorData(**axes, **sectors) if sectors else None,
        history=History(**history, note=header["history"]["note"]) if history else None,
        content_hash=header["content_hash"],
        **arrays,
    )


def load_quality(folder) -> pl.DataFrame | None:
    """Return the quality report in a panel's folder (source, asset, reason, rows), None where there is none."""
    path = Path(folder) / QUALITY
    return pl.read_parquet(path) if path.is_file() else None


def _arrays(panel: MarketPanel) -> dict:
    collected = {}
    panel.map_arrays(lambda name, array: collected.setdefault(name, array))
    return collected


def _header(panel: MarketPanel, arrays: dict) -> dict:
    sectors = panel.sectors and {axis: getattr(panel.sectors, axis).tolist() for axis in SECTOR_AXES}
    history = None
    if panel.history is not None:
        closes = {}
        panel.history.map_arrays(lambda name, array: closes.setdefault(name, array))
        history = {"note": panel.history.note, "sessions": 0, "last": None, "arrays": _specs(closes)}
    return {
        "info": asdict(panel.info),
        **{axis: np.asarray(getattr(panel, axis)).tolist() for axis in _FIXED},
        "sectors": sectors,
        "history": history,
        "arrays": _specs(arrays),
    }


def _specs(arrays: dict) -> dict:
    return {name: {"dtype": array.dtype.str, "row": list(array.shape[1:])} for name, array in arrays.items()}


def _files(header: dict) -> dict:
    """Return what each file holds: array -> (its type and the shape of a row, number of rows)."""
    files = {name: (spec, header["sessions"]) for name, spec in header["arrays"].items()}
    history = header["history"] or {"arrays": {}}
    return files | {name: (spec, history["sessions"]) for name, spec in history["arrays"].items()}


def _row_bytes(spec: dict) -> int:
    return int(np.prod(spec["row"], dtype=np.int64)) * np.dtype(spec["dtype"]).itemsize


def _read_header(folder: Path) -> dict:
    path = folder / HEADER
    try:
        header = json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{folder} holds no panel: {HEADER} is missing") from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise InputError(f"{path} is damaged; {_REMEDY.format(folder)}") from None
    if not _is_header(header):
        raise InputError(f"{path} is damaged or was written by another version; {_REMEDY.format(folder)}")
    return header


def _is_header(header) -> bool:
    """Tell whether a header has all parts that a panel needs, and axes that fit its surfaces."""
    needed = {"info", *_FIXED, "arrays", "history", "sessions", "content_hash"}
    if not isinstance(header, dict) or not needed <= header.keys():
        return False
    arrays, history = header["arrays"], header["history"]
    return (
        header["info"].keys() == {f.name for f in fields(MarketInfo)}
        and arrays.keys() - _LISTED_ARRAYS == _DATED | (_SECTOR_ARRAYS if header.get("sectors") else set())
        and arrays.keys() & _LISTED_ARRAYS in (set(), _LISTED_ARRAYS)
        and (history is None or history["arrays"].keys() == _HISTORY_ARRAYS)
        and arrays["component_iv"]["row"] == [len(header[axis]) for axis in _FIXED]
    )
