"""Panels on disk: one raw file per array, dates first, and a header that is written last.

A panel folder holds `panel.json` (axes, shapes, types, number of sessions, checksums, content hash) and `<array>.bin`;
the closes of `history.<array>.bin` are on sessions of their own. Rows beyond the header's number of sessions do not
count: they are what an interrupted append left, and the next one overwrites them. Arrays are memory-mapped on opening,
and what may be mapped is never written to: a panel that replaces another is a new generation, whose files lie in a
folder named by its number (the first one's in the panel's own).
"""

import json
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from engine.backend import to_host
from engine.data.check_append import check_appendable
from engine.data.check_panel import check_form, check_panel
from engine.data.panel import MarketPanel
from engine.data.parquet import read_frame
from engine.data.records import (
    SECTOR_AXES,
    Account,
    History,
    ListedSmiles,
    MarketInfo,
    QuotedBand,
    SectorData,
    described,
)
from engine.data.store.checksums import BlockChecksums, continued
from engine.data.store.contract_files import ContractWriter, contract_files, opened
from engine.data.store.generations import generations, mapped, next_generation, remove, sweep
from engine.data.store.header import (
    BAND,
    FIXED,
    HEADER,
    HISTORY,
    LISTED,
    REMEDY,
    SECTORS,
    content_hash_of,
    files_of,
    read_header,
    row_bytes,
)
from engine.durable import checksum, locked, put_in_place, sync
from engine.errors import InputError

QUALITY = "quality.parquet"
REJECTED = "rejected.parquet"
ACTIONS = "actions.parquet"
TRUTH = "truth.npz"
_BESIDE = (QUALITY, REJECTED, ACTIONS, TRUTH)


class PanelWriter:
    """Write a panel, one block of dates after the other; `commit` makes it one that can be opened.

    Whoever writes holds the lock beside the folder: `engine.durable.locked`.

    Parameters
    ----------
    folder : path
        Created if needed.
    append : bool
        Continue the panel that is there; otherwise a new generation is written, and that one stays until `commit`.
    """

    def __init__(self, folder: Path | str, append: bool = False):
        self.folder = Path(folder)
        self.header = read_header(self.folder) if append else None
        self.generation = self.header["generation"] if self.header else next_generation(self.folder, HEADER)
        self.data = self.folder / self.generation
        self.data.mkdir(parents=True, exist_ok=True)
        self.sessions = self.header["sessions"] if self.header else 0
        self._beside: list[str] = []
        self._checksums: dict[str, BlockChecksums] = {}
        self._contracts = ContractWriter(self.beside)

    def write(self, block: MarketPanel) -> None:
        """Append the sessions of a block to the files; they count once `commit` has run.

        Raises
        ------
        InputError
            When the block cannot be what it says (`check_panel`), or has other arrays or other axes than the panel.
        """
        check_panel(block)
        arrays = _arrays(block)
        if self.header is None:
            self.header = _header(block, arrays)
        self.header["info"] = described(block.info)  # as of the latest block
        specs = self.header["arrays"]
        if arrays.keys() != specs.keys():
            odd = ", ".join(sorted(arrays.keys() ^ specs.keys()))
            raise InputError(f"cannot append to {self.folder}: only one of the two has {odd}; rebuild the panel")
        if (block.contracts is None) != (self.header.get("contracts") is None):
            raise InputError(f"cannot append to {self.folder}: only one of the two has contracts; rebuild the panel")
        for name, array in arrays.items():
            self._put(name, array, specs[name], self.sessions)
        self.sessions += len(block)
        if block.contracts is not None:
            self.header["contracts"] |= self._contracts.write(block.contracts, block.dates)
        if (history := self.header["history"]) is not None:
            later = block.known_closes().between(after=history["last"] and np.datetime64(history["last"]))
            later.map_arrays(lambda name, array: self._put(name, array, history["arrays"][name], history["sessions"]))
            history["sessions"] += len(later)
            history["last"] = str(later.dates[-1]) if len(later) else history["last"]

    def _put(self, name: str, array, spec: dict, sessions: int) -> None:
        """Write the rows of an array after those of so many sessions."""
        row = list(array.shape[1:])
        if spec["row"] != row:
            raise InputError(f"cannot append to {self.folder}: {name} has rows of shape {row}; rebuild the panel")
        data = np.ascontiguousarray(to_host(array)).astype(spec["dtype"], copy=False).view(np.uint8).reshape(-1).data
        path, end = self.data / f"{name}.bin", sessions * row_bytes(spec)
        if name not in self._checksums:
            self._checksums[name] = _so_far(path, end, spec)
        with open(path, "r+b" if sessions else "wb") as file:
            file.seek(end)
            file.write(data)
        self._checksums[name].update(data)

    def beside(self, name: str) -> Path:
        """Return where to write a file that is kept beside the arrays."""
        self._beside.append(name)
        return self.data / name

    def commit(self) -> None:
        """Make everything written so far the panel, by one atomic replacement of its header."""
        self._contracts.flush()
        header = (self.header or {}) | {"sessions": self.sessions, "generation": self.generation}
        for name, (spec, sessions) in files_of(header).items():
            if name in self._checksums:
                spec["sha256"] = self._checksums[name].hex()
            path = self.data / f"{name}.bin"
            with open(path, "r+b") as file:
                file.truncate(sessions * row_bytes(spec))
            sync(path)
        added = {name: checksum(self.data / name) for name in self._beside}
        header["beside"] = header.get("beside", {}) | added
        for path in (*(self.data / name for name in added), self.data, self.folder.parent):
            sync(path)
        header["content_hash"] = content_hash_of(header)
        unfinished = self.folder / f"{HEADER}.part"
        unfinished.write_text(json.dumps(header, indent=1))
        put_in_place(unfinished, self.folder / HEADER)
        quotes = {name for data in generations(self.folder) for name in contract_files(data)}
        sweep(self.folder, self.generation, [*(f"{name}.bin" for name in files_of(header)), *_BESIDE, *quotes])

    def discard(self) -> None:
        """Remove what was written of a new generation that will not be one."""
        remove(self.data, [*self._beside, *(f"{name}.bin" for name in self._checksums)])


def save_panel(panel: MarketPanel, folder) -> None:
    """Write a whole panel to a folder, its account beside it.

    One that is there already gives way, but stays for whoever has it open.
    """
    with locked(folder, "writing"):
        writer = PanelWriter(folder)
        writer.write(panel)
        if (account := panel.report) is not None:
            for name in (QUALITY, REJECTED, ACTIONS):
                if (frame := account.read(name.removesuffix(".parquet"))) is not None:
                    frame.write_parquet(writer.beside(name))
        writer.commit()


def append_panel(folder: Path | str, later: MarketPanel) -> MarketPanel:
    """Add the sessions of `later` to the panel in a folder without rewriting what is there, and open it.

    Raises
    ------
    InputError
        When the axes differ or the dates do not follow.
    """
    with locked(folder, "adding to"):
        check_appendable(open_panel(folder), later)
        writer = PanelWriter(folder, append=True)
        writer.write(later)
        writer.commit()
    return open_panel(folder)


def open_panel(folder: Path | str) -> MarketPanel:
    """Open a panel folder; its arrays are memory-mapped and read-only.

    Sizes, the header's own hash, axes and types are checked; `verify_panel` reads every byte.

    Raises
    ------
    InputError
        When there is no panel, its header is damaged, or a file is shorter than the header says.
    """
    folder = Path(folder)
    header = read_header(folder)
    while True:
        try:
            return _opened(folder, header)
        except InputError:
            now = read_header(folder)
            if now["generation"] == header["generation"]:
                raise
            header = now  # it was replaced between reading the header and the files


def beside(folder: Path | str, name: str) -> Path:
    """Return where a file lies that is kept beside a panel's arrays: `quality.parquet`, `truth.npz`."""
    folder = Path(folder)
    return folder / (read_header(folder)["generation"] if (folder / HEADER).is_file() else "") / name


def _opened(folder: Path, header: dict) -> MarketPanel:
    arrays = {}
    for name, (spec, sessions) in files_of(header).items():
        path = folder / header["generation"] / f"{name}.bin"
        shape = (sessions, *spec["row"])
        size = path.stat().st_size if path.is_file() else 0
        if size < sessions * row_bytes(spec):
            raise InputError(f"{path} is truncated ({size:,} bytes); {REMEDY.format(folder)}")
        whole = int(np.prod(shape)) > 0
        arrays[name] = mapped(path, spec["dtype"], shape) if whole else np.zeros(shape, spec["dtype"])
    listed, band, sectors, history = (
        {name.removeprefix(part): arrays.pop(name) for name in list(arrays) if name.startswith(part)}
        for part in (LISTED, BAND, SECTORS, HISTORY)
    )
    axes = {axis: np.array(header["sectors"][axis], dtype=str) for axis in SECTOR_AXES if sectors}
    panel = MarketPanel(
        info=MarketInfo(**header["info"]),
        names=np.array(header["names"], dtype=str),
        tenors=np.array(header["tenors"], dtype=np.int64),
        deltas=np.array(header["deltas"], dtype=np.int64),
        listed=ListedSmiles(**listed) if listed else None,
        band=QuotedBand(**band) if band else None,
        sectors=SectorData(**axes, **sectors) if sectors else None,
        history=History(**history, note=header["history"]["note"]) if history else None,
        report=Account(partial(_account, folder, header)),
        contracts=opened(folder / header["generation"], header, REMEDY.format(folder)),
        content_hash=header["content_hash"],
        validate=False,
        **arrays,
    )
    check_form(panel)
    return panel


def _account(folder: Path, header: dict, table: str) -> pl.DataFrame | None:
    return read_beside(folder, header, f"{table}.parquet")


def read_beside(folder: Path, header: dict, name: str) -> pl.DataFrame | None:
    """Read a table that is kept beside a panel's arrays; None where there is none."""
    path = folder / header["generation"] / name
    return read_frame(path, REMEDY.format(folder), header["beside"].get(name)) if path.is_file() else None


def _so_far(path: Path, end: int, spec: dict) -> BlockChecksums:
    """Return the checksums of the rows that a file holds, of which only the last block is read."""
    if not end:
        return BlockChecksums()
    found = continued(path, end, spec["sha256"])
    if found.hex() != spec["sha256"]:
        raise InputError(f"{path} is damaged; {REMEDY.format(path.parent)}")
    return found


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
    known = {} if panel.contracts is None else {"contracts": {}}
    return known | {
        "info": described(panel.info),
        **{axis: np.asarray(getattr(panel, axis)).tolist() for axis in FIXED},
        "sectors": sectors,
        "history": history,
        "arrays": _specs(arrays),
    }


def _specs(arrays: dict) -> dict:
    return {n: {"dtype": a.dtype.str, "row": list(a.shape[1:]), "sha256": []} for n, a in arrays.items()}
