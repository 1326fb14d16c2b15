"""Vintages: which panel a market's files made at an earlier time, and what was restated since.

Vendors correct their history. A panel in the cache belongs to one state of its files and is never changed; a line of
`vintages.jsonl` beside the panels says from when on the files of a market were in that state.
"""

import datetime
import json
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from engine.data.fingerprint import HOW
from engine.data.moments import after, moment
from engine.data.panel import MarketPanel
from engine.data.records import Account
from engine.data.store.header import HEADER, read_header
from engine.durable import locked, seal_holds, sealed
from engine.errors import InputError

log = logging.getLogger(__name__)

VINTAGES = "vintages.jsonl"
RESTATED = {
    "field": pl.String,
    "date": pl.Date,
    "name": pl.String,
    "tenor": pl.Int64,
    "delta": pl.Int64,
    "then": pl.Float64,
    "now": pl.Float64,
}
AT_ONCE = 250  # sessions that are compared at a time
_SHORTEST = 8  # letters of a hash
_HASH = re.compile(rf"[0-9a-f]{{{_SHORTEST},64}}")


@dataclass(frozen=True)
class Vintages:
    """The states that the files of one market have been in, as far as panels were built of them.

    Parameters
    ----------
    root : path
        Folder of the panels.
    market : str
    source : Source
        Of files; with other settings it makes another panel of them.
    """

    root: Path
    market: str
    source: Any

    def note(self, folder: Path) -> None:
        """Note that the files are in the state that a panel was built of, unless that is what was noted last.

        Where the cache cannot be written to, or not be locked, that is told, and the panel is as good as any.
        """
        if self._is_last(folder):
            return
        try:
            with locked(self.root / VINTAGES, "noting a vintage"):
                if self._is_last(folder):  # another process was faster
                    return
                seen = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
                line = self._key() | {"seen": seen, "folder": folder.name, "panel": read_header(folder)["content_hash"]}
                with open(self.root / VINTAGES, "a+b") as stream:
                    stream.seek(max(stream.tell() - 1, 0))
                    torn = stream.read(1) not in (b"", b"\n")  # by whoever was killed while adding: a line of its own
                    stream.write(b"\n" * torn + json.dumps(sealed(line), sort_keys=True).encode() + b"\n")
        except (OSError, InputError) as error:
            log.warning("market %s: its vintage is not noted (%s)", self.market, error)

    def _is_last(self, folder: Path) -> bool:
        known = list(self._lines(refuse=False))
        return bool(known) and known[-1]["folder"] == folder.name

    def folder(self, as_of: str) -> Path:
        """Return the folder of the panel as of a time, or of the one with a hash.

        Parameters
        ----------
        as_of : str
            A date, whose end counts, or a moment, both of UTC; or the first letters of a panel's hash, which is the
            `panel_hash` in the manifest of each run.

        Raises
        ------
        InputError
            When there is none, or it is no longer in the cache.
        """
        known = list(self._lines())
        if _HASH.fullmatch(str(as_of)):
            found = [line for line in known if line["panel"].startswith(as_of)]
        else:
            until = _end_of(as_of)
            found = [line for line in known if np.datetime64(line["seen"].removesuffix("+00:00")) < until]
        if not found:
            told = ", ".join(f"{line['seen']} ({line['panel'][:_SHORTEST]})" for line in known[-5:])
            raise InputError(
                f"as_of={as_of}: no panel of {self.source.path} had been built then; there are those of {told}"
            )
        folder = self.root / found[-1]["folder"]
        if not (folder / HEADER).is_file():
            raise InputError(f"as_of={as_of}: the panel of {found[-1]['seen']} is no longer at {folder}")
        if (holds := read_header(folder)["content_hash"]) != found[-1]["panel"]:
            raise InputError(
                f"as_of={as_of}: {folder} was built again since, and is another panel ({holds[:_SHORTEST]})"
            )
        return folder

    def _key(self) -> dict:
        what = [f for f in fields(self.source) if f.init and f.name != "path" and f.metadata != HOW]
        given = {f.name: getattr(self.source, f.name) for f in what if getattr(self.source, f.name) != f.default}
        told = {name: str(value) for name, value in sorted(given.items())}
        return {"market": self.market, "path": os.path.abspath(self.source.path), "settings": told}

    def _lines(self, refuse: bool = True) -> Iterator[dict]:
        """Yield the lines of this market, first ones first; a last one that a kill cut off is none."""
        try:
            text = (self.root / VINTAGES).read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        key = self._key()
        for number, line in enumerate(text.splitlines(keepends=True), 1):
            try:
                told = json.loads(line)
                found = {name: str(told[name]) for name in ("seen", "folder", "panel")}
                np.datetime64(found["seen"].removesuffix("+00:00"))
                if not seal_holds(told):
                    raise ValueError
                if key.items() <= told.items():
                    yield found
            except (ValueError, KeyError, TypeError, AttributeError):
                if refuse and line.endswith("\n"):
                    where = f"{self.root / VINTAGES}, line {number}"
                    raise InputError(f"{where}: is no vintage; restore or remove that line") from None


def _end_of(as_of: str) -> np.datetime64:
    try:
        return after(moment(as_of))
    except InputError:
        raise InputError(
            f"as_of={as_of} is no date, no moment and no hash; write 2026-11-27, 2026-11-27T15:30, or the first "
            f"{_SHORTEST} letters or more of the panel_hash in a run's manifest.json"
        ) from None


def as_it_was(then: MarketPanel, now: MarketPanel, as_of: str) -> MarketPanel:
    """Return an earlier panel that knows what was restated since: `report.restated`, and a line among its notes."""
    found = restated(then, now)
    told = f"as of {as_of}: {_words(then, now, found)}"
    log.warning("market %s: %s", then.info.name, told)
    read = partial(_read, then.report, found)
    notes = (*then.info.notes, told)
    return replace(then, info=replace(then.info, notes=notes), report=Account(read), validate=False)


def _read(report: Account | None, found: pl.DataFrame, table: str) -> Any:
    return found if table == "restated" else None if report is None else report.read(table)


def _words(then: MarketPanel, now: MarketPanel, found: pl.DataFrame) -> str:
    told = []
    if found.height:
        first = found.row(0, named=True)
        node = "".join(f", {axis} {first[axis]}" for axis in ("tenor", "delta") if first[axis] is not None)
        told.append(
            f"{found.height:,} values on {found['date'].n_unique():,} sessions were restated since, the first "
            f"{first['field']} of {first['name']} on {first['date']}{node}: {first['then']:.6g} to {first['now']:.6g}"
        )
    later = now.dates[now.dates > then.dates[-1]]  # are no restatement
    axes = (("sessions", then.dates, np.setdiff1d(now.dates, later)), ("names", then.names, now.names))
    for what, one, other in axes:
        for word, some in (("gone", np.setdiff1d(one, other)), ("new", np.setdiff1d(other, one))):
            if len(some):
                told.append(f"{len(some):,} {what} are {word}, the first {some[0]}")
    return "; ".join(told) or "nothing was restated since"


def restated(then: MarketPanel, now: MarketPanel) -> pl.DataFrame:
    """Return the values that differ between two panels of one market, on the sessions and names that both have.

    Parameters
    ----------
    then, now : MarketPanel
        On the host.

    Returns
    -------
    frame of field, date, name, tenor, delta, then, now
        By date; null where a field has no such axis, NaN where a panel has no value. The tenor of a listed smile is
        its days to expiry, and one that is in one of the panels alone is `listed.expiry`.
    """
    _, here, there = np.intersect1d(then.dates, now.dates, return_indices=True)
    parts = [pl.DataFrame(schema=RESTATED)]
    for first in range(0, len(here), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        one, other = (
            p.map_arrays(lambda _, array, at=at: array[at]) for p, at in ((then, here[some]), (now, there[some]))
        )
        parts += [_differences(one.dates, *field) for field in _fields(one, other)]
    return pl.concat(parts).sort("date", "field", "name", "tenor", "delta")


def _fields(one: MarketPanel, other: MarketPanel) -> Iterator[tuple]:
    """Yield field, names, tenors, deltas, and the values of both panels with all four axes (T, N, K, D)."""
    names, here, there = np.intersect1d(one.names, other.names, return_indices=True)
    tenors, k, m = np.intersect1d(one.tenors, other.tenors, return_indices=True)
    deltas, d, e = np.intersect1d(one.deltas, other.deltas, return_indices=True)
    index, nothing = np.array([one.info.index]), np.array([""])
    ours, theirs = np.ix_(here, k, d), np.ix_(there, m, e)
    leg, other_leg = np.ix_(k, d), np.ix_(m, e)
    yield "index_iv", index, tenors, deltas, one.index_iv[:, *leg][:, None], other.index_iv[:, *other_leg][:, None]
    yield "iv", names, tenors, deltas, one.component_iv[:, *ours], other.component_iv[:, *theirs]
    for field in ("index_spot", "index_carry", "rate"):
        values = (getattr(panel, field)[:, None, None, None] for panel in (one, other))
        yield field, nothing if field == "rate" else index, None, None, *values
    for field in ("spot", "weights", "carry", "strike_factor", "return_factor", "settlement"):
        values = (getattr(panel, field)[:, at, None, None] for panel, at in ((one, here), (other, there)))
        yield field, names, None, None, *values
    if one.strike_reduction is not None and other.strike_reduction is not None:
        reduced = ((one.strike_reduction, here), (other.strike_reduction, there))
        yield "strike_reduction", names, None, None, *(array[:, at, None, None] for array, at in reduced)
    if one.listed is None or other.listed is None:
        return
    slots = min(one.listed.expiry.shape[1], other.listed.expiry.shape[1])
    days, now_days = (_days_to_expiry(panel)[:, :slots] for panel in (one, other))
    yield "listed.expiry", nothing, None, None, days[:, None, :, None], now_days[:, None, :, None]
    same = np.where(days == now_days, 1.0, np.nan)  # of other expiries no values are compared
    for field, of, at, now_at in (("index_forward", index, None, None), ("forward", names, here, there)):
        values = (_slots(panel, field, slots, axis)[..., None] for panel, axis in ((one, at), (other, now_at)))
        yield f"listed.{field}", of, days, None, *(value * same[:, None, :, None] for value in values)
    for field, of, at, now_at in (("index_iv", index, None, None), ("iv", names, here, there)):
        values = (_slots(p, field, slots, axis)[..., nodes] for p, axis, nodes in ((one, at, d), (other, now_at, e)))
        yield f"listed.{field}", of, days, deltas, *(value * same[:, None, :, None] for value in values)


def _days_to_expiry(panel: MarketPanel) -> np.ndarray:
    assert panel.listed is not None
    days = (panel.listed.expiry - panel.dates[:, None]) / np.timedelta64(1, "D")
    return np.asarray(days, np.float64)


def _slots(panel: MarketPanel, field: str, slots: int, names: np.ndarray | None) -> np.ndarray:
    """Return an array of listed smiles (T, N, E, ...) for the first slots; N is 1 of the index's."""
    array = getattr(panel.listed, field)
    return array[:, None, :slots] if names is None else array[:, names, :slots]


def _differences(dates, field: str, names, tenors, deltas, then, now) -> pl.DataFrame:
    """List where values differ; tenors may be of each date, (T, K)."""
    differs = ~((then == now) | (np.isnan(then) & np.isnan(now)))
    t, n, k, d = np.nonzero(differs)
    none = pl.Series([None], dtype=pl.Int64).new_from_index(0, len(t))
    told = {
        "field": pl.Series([field], dtype=pl.String).new_from_index(0, len(t)),
        "date": dates[t],
        "name": names[n].tolist(),
        "tenor": none if tenors is None else (tenors[k] if tenors.ndim == 1 else tenors[t, k]).astype(np.int64),
        "delta": none if deltas is None else deltas[d],
        "then": then[differs].astype(np.float64),
        "now": now[differs].astype(np.float64),
    }
    return pl.DataFrame(told, schema=RESTATED)
