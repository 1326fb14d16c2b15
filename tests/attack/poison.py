"""Poison: one raw row is wrong, and the result is as before, refused, or told of; never another number in silence."""

import gzip
import logging
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from engine.backtest import Weekly, backtest
from engine.correlation import AllMembers, implied_correlation
from engine.data import load_market, load_quality
from engine.data.load import build_panel
from engine.errors import InputError
from strategies.short_correlation import ShortCorrelation
from tests.attack.outcome import Outcome
from tests.attack.worlds import SOURCES, settings_of

FREE = "sector"  # any text is the name of a sector
# Kind of a column -> what may be wrong with a value of it; each takes the value and gives another.
NUMBERS: dict[str, Callable[[Any], Any]] = {
    "negative": lambda v: -v,
    "zero": lambda v: 0 * v,
    "minus one": lambda v: type(v)(-1),
    "-99.99": lambda v: type(v)(-99.99),
    "nan": lambda v: float("nan"),
    "inf": lambda v: float("inf"),
    "null": lambda v: None,
    "x100": lambda v: v * 100,
    "x10": lambda v: v * 10,
    "/100": lambda v: v / 100 if isinstance(v, float) else v // 100,
    "x1e9": lambda v: v * 10**9,
}
TEXTS: dict[str, Callable[[Any], Any]] = {
    "null": lambda v: None,
    "empty": lambda v: "",
    "lower": lambda v: v.lower(),
    "spelt otherwise": lambda v: f"{v} US",
    "unknown": lambda v: "QQQQ",
    "markup": lambda v: f"<b>{v}</b>",
}
DATES: dict[str, Callable[[Any], Any]] = {
    "null": lambda v: None,
    "a year later": lambda v: v + timedelta(365),
    "1970": lambda v: type(v)(1970, 1, 1),
    "9999": lambda v: type(v)(9999, 12, 31),
    "swapped day and month": lambda v: v.replace(month=v.day, day=v.month) if v.day <= 12 else v + timedelta(400),
}
TABLES = (".parquet", ".csv", ".gz", ".zip", ".txt")
ROWS: dict[str, Callable[[pl.DataFrame, int], pl.DataFrame]] = {
    "row twice": lambda frame, row: pl.concat([frame, frame[row]]),
}


@dataclass(frozen=True, eq=False)
class Measured:
    """All that comes out of a market, and all that is said about it."""

    numbers: dict[str, Any]
    told: Any


def measure(source: str, folder: Path) -> Measured:
    """Build a market of raw files, correlate it and, where it is long enough, backtest it."""
    heard: list[str] = []
    ear = logging.Handler(logging.WARNING)
    ear.emit = lambda record: heard.append(record.getMessage())
    logger = logging.getLogger("engine")
    logger.addHandler(ear)
    cache = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            settings = {**settings_of(source, folder), "cache": cache, "progress": False}
            market = load_market(name := settings.pop("source"), **settings)
            quality = load_quality(build_panel(name, **settings))
            numbers: dict[str, Any] = {"names": market.names, "dates": market.dates}
            market.map_arrays(lambda name, array: numbers.setdefault(name, np.array(array)))
            weights = AllMembers().select(market.weights, market.names)
            numbers |= vars(implied_correlation(market.index_iv, market.component_iv, weights))
            cautions: list[str] = list(getattr(market.info, "notes", ()))
            if source == "files":
                result = backtest(market, ShortCorrelation(), basket=AllMembers(), schedule=Weekly())
                numbers |= {"pnl": result.pnl_net, "ledger": result.ledger().to_numpy()} | result.summaries
                cautions += [caution.text for caution in result.cautions()]
        counts = None if quality is None else quality.sort(quality.columns).rows()
        return Measured(numbers, (counts, sorted(heard), cautions))
    finally:
        logger.removeHandler(ear)
        shutil.rmtree(cache, ignore_errors=True)


def same(one: dict, other: dict) -> bool:
    """Say whether two markets came to the same numbers, bit for bit."""
    return one.keys() == other.keys() and all(
        np.array_equal(value, other[name], equal_nan=np.asarray(value).dtype.kind in "fmM")
        if np.asarray(value).dtype.kind != "O"
        else np.asarray(value).tolist() == np.asarray(other[name]).tolist() or str(value) == str(other[name])
        for name, value in one.items()
    )


def poisoned(frame: pl.DataFrame, rng: np.random.Generator) -> tuple[pl.DataFrame, str]:
    """Return a frame with one row that is wrong, and what is wrong."""
    row = int(rng.integers(frame.height))
    kinds = {name: _kinds(frame.schema[name]) for name in frame.columns if name != FREE}
    name = str(rng.choice([*[name for name, ways in kinds.items() if ways], "row"]))
    ways = ROWS if name == "row" else kinds[name]
    way = str(rng.choice(list(ways)))
    if name == "row":
        return ways[way](frame, row), f"row {row} {way}"
    values = frame[name].to_list()
    values[row] = ways[way](values[row]) if values[row] is not None else values[row]
    changed = pl.Series(name, values, strict=False)
    if not changed.dtype.is_numeric() and changed.dtype != frame.schema[name]:
        changed = changed.cast(frame.schema[name], strict=False)
    return frame.with_columns(changed), f"{name} of row {row}: {way}"


def spoilt(path: Path, rng: np.random.Generator) -> str:
    """Make one row of a file wrong, inside a zip too, and return what is wrong."""
    if path.suffix == ".parquet":
        frame, what = poisoned(pl.read_parquet(path), rng)
        frame.write_parquet(path)
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = str(rng.choice(sorted(members)))
        members[name], what = _spoilt_text(members[name], rng)
        with zipfile.ZipFile(path, "w") as archive:
            for member, data in members.items():
                archive.writestr(member, data)
    else:
        packed = path.suffix == ".gz"
        data = path.read_bytes()
        text, what = _spoilt_text(gzip.decompress(data) if packed else data, rng)
        path.write_bytes(gzip.compress(text) if packed else text)
    return what


def _spoilt_text(data: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Change a field, or repeat a row, of a table as text, and leave every other byte as it is."""
    lines = data.decode().splitlines(keepends=True)
    row = int(rng.integers(1, len(lines)))
    separator = max(",;\t", key=lines[0].count)
    fields = lines[row].rstrip("\r\n").split(separator)
    at = int(rng.integers(len(fields) + 1))
    if at == len(fields):
        return "".join(
            [*lines, lines[row] if lines[-1].endswith("\n") else "\n" + lines[row]]
        ).encode(), f"row {row} twice"
    was = fields[at]
    try:
        value: Any = int(was) if was.strip().lstrip("-").isdigit() else float(was)
    except ValueError:
        value = was
    ways = TEXTS if isinstance(value, str) else NUMBERS
    way = str(rng.choice(list(ways)))
    new = ways[way](value)
    fields[at] = "" if new is None else str(new)
    end = lines[row][len(lines[row].rstrip("\r\n")) :]
    lines[row] = separator.join(fields) + end
    return "".join(lines).encode(), f"field {at} of row {row}, {was!r}: {way}"


def _kinds(kind: pl.DataType) -> dict:
    if kind.is_numeric():
        return NUMBERS
    return DATES if kind.is_temporal() else TEXTS


def attack(seed: int, tries: int) -> Outcome:
    """Poison so many rows of the sources, each in a copy of its clean files."""
    outcome = Outcome("one raw row is wrong")
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as place:
        clean = {source: write(Path(place) / source / "files") for source, write in SOURCES.items()}
        truth = {source: measure(source, folder) for source, folder in clean.items()}
        for number in range(tries):
            source = list(SOURCES)[number % len(SOURCES)]
            file = Path(str(rng.choice(sorted(str(p) for p in clean[source].rglob("*") if p.suffix in TABLES))))
            target = Path(place) / f"{number}" / "files"
            shutil.copytree(clean[source], target)
            what = spoilt(target / file.relative_to(clean[source]), rng)
            outcome.record(_problem(source, target, truth[source], f"{source} {file.name}, {what}"))
            shutil.rmtree(target.parent)
    return outcome


def _problem(source: str, folder: Path, truth: Measured, what: str) -> str | None:
    try:
        found = measure(source, folder)
    except InputError:
        return None
    except BaseException as error:
        return f"{what}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    if same(truth.numbers, found.numbers) or found.told != truth.told:
        return None
    changed = [name for name, value in truth.numbers.items() if not same({0: value}, {0: found.numbers.get(name)})]
    return f"{what}: other numbers and no word ({', '.join(changed[:4])})"
