"""Fuzz: files and settings that nobody would write; each is read whole, or refused in one line, in time.

A new reader is one line of `readers`; a new way to damage bytes or frames is one of `DAMAGES` or of the poisons.
"""

import contextlib
import io
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from engine.errors import InputError
from tests.attack import worlds
from tests.attack.outcome import Outcome
from tests.attack.poison import poisoned

SECONDS = 20
Rng = np.random.Generator


@dataclass(frozen=True)
class Reader:
    """Something that reads files.

    Parameters
    ----------
    name : str
    write : callable
        Writes clean files into a folder.
    read : callable
        Reads the folder; raises InputError where it cannot be.
    """

    name: str
    write: Callable[[Path], Any]
    read: Callable[[Path], Any]


def readers() -> list[Reader]:
    """Return every reader of the engine; nothing is computed for it."""
    from engine.data import load_market, open_panel, save_panel
    from engine.data.series.published_indices import load_market_returns, load_published
    from engine.data.store.verify import verify_panel
    from engine.study.ex_earnings import read_earnings
    from engine.study.snapshots import read_snapshot
    from engine.testing import small_market
    from tests.data.vendor_world import FORMATS

    market = cache(partial(small_market, sessions=70))

    def built(source: str, **settings: Any) -> Callable[[Path], Any]:
        return lambda folder: load_market(source, folder, cache=folder / "cache", progress=False, **settings)

    def stored(folder: Path) -> None:
        list(verify_panel(folder / "panel"))
        open_panel(folder / "panel").slice("2024-02-01")

    return [
        Reader("tables of one's own, parquet", worlds.write_own, built("files", index="IDX")),
        Reader("tables of one's own, CSV", lambda f: worlds.write_own(f, suffix="csv"), built("files", index="IDX")),
        Reader("option quotes of one's own", worlds.write_quotes, built("files", index="SPX")),
        Reader("us_chains", worlds.write_us, built("us_chains")),
        Reader("nse", worlds.write_nse, built("nse")),
        Reader(
            "published indices",
            worlds.write_series,
            lambda f: load_published(str(f)).joined(load_market_returns(str(f))),
        ),
        Reader("stored panel", lambda f: save_panel(market(), f / "panel"), stored),
        Reader(
            "snapshot, parquet",
            lambda f: worlds.write_snapshot(f / "a.parquet", market()),
            lambda f: read_snapshot(f / "a.parquet", market()),
        ),
        Reader(
            "snapshot, CSV",
            lambda f: worlds.write_snapshot(f / "a.csv", market()),
            lambda f: read_snapshot(f / "a.csv", market()),
        ),
        Reader("earnings", _write_earnings, lambda f: read_earnings(f / "earnings.csv")),
        Reader("run folder", _write_run, _read_run),
        Reader("table of runs", _write_table, _read_run),
        *(Reader(f"files of {name}", partial(worlds.write_vendor, name), _read_vendor) for name in FORMATS),
    ]


def _read_vendor(folder: Path) -> None:
    """Say what the files are, then read all of them."""
    from engine.data.vendors.canonical import vendor_tables
    from engine.runs.inspection import inspection

    with contextlib.suppress(InputError):
        list(inspection(str(folder / "files")))
    vendor_tables(folder / "files")


def _write_run(folder: Path, store: str = "folders") -> None:
    import os
    import sys

    from engine import run

    here, told = os.getcwd(), sys.argv
    where = folder / "run"
    where.mkdir(parents=True)
    os.chdir(where)
    small = ("market.years=1", "market.names=6", "basket=all", "report.html=false", "study=s")
    try:
        grid = ("strategy=rich_correlation", "strategy.window=60", "costs.index=0.1,0.3", "hydra/launcher=batch")
        sys.argv = ["run", "-m", *small, *grid, f"sweep.store={store}", "hydra.sweep.dir=."]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            run.main()
    finally:
        os.chdir(here)
        sys.argv = told


def _write_earnings(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["date,ticker,known", "2024-02-01,AAA,2024-01-10", "2024-02-05,BBB,2024-01-12", "2024-05-02,AAA,2024-03-12"]
    (folder / "earnings.csv").write_text("\n".join(rows) + "\n")


def _write_table(folder: Path) -> None:
    _write_run(folder, "table")


def _read_run(folder: Path) -> None:
    from engine.runs.read import load_run, load_runs
    from engine.runs.verify import verify

    with contextlib.suppress(InputError):
        load_runs(folder / "run")
    for _, problems in verify(folder / "run"):
        assert all(isinstance(problem, str) for problem in problems)
    for made in (folder / "run").rglob("manifest.json"):
        for table in ("daily", "ledger"):
            with contextlib.suppress(InputError):
                getattr(load_run(made.parent), table)


def damaged(data: bytes, rng: Rng) -> bytes:
    """Return bytes that something happened to."""
    if not data:
        return bytes(rng.integers(0, 256, 16, dtype=np.uint8))
    way, at = int(rng.integers(8)), int(rng.integers(len(data)))
    other = bytes(rng.integers(0, 256, int(rng.integers(1, 40)), dtype=np.uint8))
    if way == 0:  # a bit
        return data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :]
    if way == 1:
        return data[:at]
    if way == 2:
        return data[:at] + other + data[at:]
    if way == 3:
        return data[:at] + other + data[at + len(other) :]
    if way == 4:
        return data[:at] + bytes(min(len(data) - at, 512)) + data[at + 512 :]
    if way == 5:
        return data[:at] + data[at + len(other) :]
    if way == 6:
        return data + other
    return data[at:] + data[:at]


def reshaped(frame: pl.DataFrame, rng: Rng) -> pl.DataFrame:
    """Return a frame of which a column, or its rows, are something else."""
    name = str(rng.choice(frame.columns))
    way = int(rng.integers(10))
    column = frame[name]
    if way == 0:
        return frame.drop(name)
    if way == 1:
        return frame.rename({name: name.upper() + " "})
    if way == 2:
        return frame.with_columns(column.cast(pl.String))
    if way == 3:
        return frame.with_columns(pl.lit(None).alias(name))
    if way == 4:
        return frame.head(0)
    if way == 5:
        return frame.sample(fraction=1.0, shuffle=True, seed=int(rng.integers(1 << 30)))
    if way == 6:
        return frame.with_columns(pl.lit(bool(rng.integers(2))).alias(name))
    if way == 7:
        return frame.with_columns(pl.Series(name, rng.integers(-9, 40_000, frame.height)))
    if way == 8:
        return pl.concat([frame, frame])
    return frame.filter(pl.Series(rng.random(frame.height) < 0.5))


def attack(seed: int, tries: int, number: int) -> list[Outcome]:
    """Damage the files of one reader, by its number."""
    return [_fuzz(readers()[number], np.random.default_rng([seed, number]), tries)]


def _fuzz(reader: Reader, rng: Rng, tries: int) -> Outcome:
    outcome = Outcome(f"damaged: {reader.name}")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        reader.write(folder)
        clean = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
        for number in range(tries):
            path = list(clean)[int(rng.integers(len(clean)))]
            path.write_bytes(what := _changed(path, clean[path], rng))
            problem = refused_in_time(lambda: reader.read(folder))
            outcome.record(problem and f"{reader.name}, try {number}, {path.name} ({len(what)} bytes): {problem}")
            _restore(folder, clean)
    return outcome


def _changed(path: Path, data: bytes, rng: Rng) -> bytes:
    frames = {".parquet": pl.read_parquet, ".csv": pl.read_csv}
    if path.suffix not in frames or rng.random() < 0.4:
        return damaged(data, rng)
    frame = frames[path.suffix](io.BytesIO(data))
    if frame.height == 0:
        return damaged(data, rng)
    try:
        frame = reshaped(frame, rng) if rng.random() < 0.5 else poisoned(frame, rng)[0]
    except (
        pl.exceptions.PolarsError,
        AttributeError,
        TypeError,
        ValueError,
        OverflowError,
    ):  # the damage is not possible here
        return damaged(data, rng)
    out = io.BytesIO()
    frame.write_parquet(out) if path.suffix == ".parquet" else frame.write_csv(out)
    return out.getvalue()


def _restore(folder: Path, clean: dict[Path, bytes]) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path not in clean:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()) and not any(path in file.parents for file in clean):
            path.rmdir()
    for path, data in clean.items():
        if not path.is_file() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def refused_in_time(work: Callable[[], Any]) -> str | None:
    """Say what is wrong with how work ends: it must end in time, and well or with an InputError of one line."""
    try:
        with _seconds(SECONDS), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            work()
    except InputError as error:
        if not str(error) or "Traceback" in str(error) or len(str(error).splitlines()) > 1:
            return f"a message of {len(str(error).splitlines())} lines: {str(error)[:200]!r}"
    except TimeoutError:
        return f"not done after {SECONDS} s"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]} at {_where(error)}"
    return None


def _where(error: BaseException) -> str:
    import traceback

    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "/engine/" in frame.filename]
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"


@contextlib.contextmanager
def _seconds(most: int) -> Iterator[None]:
    def late(*_: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, most)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
