"""The numbers of a page as one packed block: columns that repeat are held once, long lines are thinned."""

import base64
import gzip
import json
from typing import Any

import numpy as np

MOST_POINTS = 700  # of one line: as many as a wide screen can tell apart
DIGITS = 5  # significant ones, of what is drawn and of the rows of a ledger


class Packed:
    """Collects figures and rows, and packs them as text that a page carries and its script unpacks."""

    def __init__(self):
        self._figures: list[dict] = []
        self._columns: list[list] = []
        self._known: dict[bytes, int] = {}
        self._rows: dict[str, Any] = {}

    def figure(self, parts: dict) -> int:
        """Keep a figure, `engine.report.plots.as_parts` of it; return its number."""
        traces = [self._trace(trace) for trace in parts["data"]]
        self._figures.append({"data": traces, "layout": self._held(parts["layout"])})
        return len(self._figures) - 1

    def rows(self, name: str, columns: list[dict]) -> None:
        """Keep a table that the script shows: columns {name, label, kind, words or None, values}."""
        self._rows[name] = [
            column | {"values": self._column(column["values"], column["kind"] == "money")} for column in columns
        ]

    def text(self) -> str:
        """Return all that was kept, in base64; the same numbers give the same text."""
        held = {"figures": self._figures, "columns": self._columns, "rows": self._rows}
        packed = gzip.compress(json.dumps(held, allow_nan=False, separators=(",", ":")).encode(), 4, mtime=0)
        return base64.b64encode(packed).decode()

    def _trace(self, trace: dict) -> dict:
        points = len(trace.get("x", ()))
        if trace["type"] == "scatter" and points > MOST_POINTS and "markers" not in trace.get("mode", "lines"):
            step = -(-points // MOST_POINTS)
            kept = np.arange(points - 1, -1, -step)[::-1]  # the last one always
            trace = trace | {axis: np.asarray(trace[axis])[kept] for axis in ("x", "y")}
        return self._held(trace)

    def _held(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._held(part) for name, part in value.items()}
        if isinstance(value, np.ndarray) and value.ndim == 1:
            return self._column(value)
        if isinstance(value, np.ndarray | list | tuple):
            return [self._held(part) for part in value]
        return rounded_number(value)

    def _column(self, values: np.ndarray, money: bool = False) -> dict:
        key = f"{values.dtype.str} {money}".encode() + (
            repr(values.tolist()).encode() if values.dtype == object else values.tobytes()
        )
        if key not in self._known:
            self._known[key] = len(self._columns)
            self._columns.append(as_list(values, money))
        return {"column": self._known[key]}


def as_list(values: np.ndarray, money: bool = False) -> list:
    """Return a column as JSON has it: dates as text, numbers to `DIGITS` significant digits, null for none.

    Money keeps its whole units, which the other tables of a page have too.

    Examples
    --------
    >>> as_list(np.array([123456.7, np.nan, 0.0123456]))
    [123460.0, None, 0.012346]
    >>> as_list(np.array([123456.7, 1.234567]), money=True)
    [123457.0, 1.2346]
    >>> as_list(np.array(["2024-01-02"], dtype="datetime64[D]"))
    ['2024-01-02']
    """
    if values.dtype.kind == "M":
        return np.datetime_as_string(values.astype("datetime64[D]")).tolist()
    if values.dtype.kind != "f":
        return [rounded_number(value) for value in values.tolist()]
    known = np.isfinite(values)
    size = np.abs(np.where(known & (values != 0.0), values, 1.0))
    places = DIGITS - 1 - np.floor(np.log10(size)).astype(int)
    places = np.maximum(places, 0) if money else places
    up, down = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)  # powers of ten that are exact
    short = (np.round(np.where(known, values, 0.0) / down * up) / up * down).tolist()
    return short if known.all() else [value if is_known else None for value, is_known in zip(short, known, strict=True)]


def rounded_number(value: Any) -> Any:
    """Return a value as JSON has it: what is not finite as null."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
