"""Kills: SIGKILL at a random moment; nothing half-written can be read, and doing it again gives the same bytes."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tests.attack import worlds
from tests.attack.outcome import Outcome, contents, different, in_child

SMALL = ("market.years=1", "market.names=6", "basket=all", "report.html=false")
NOT_COMPARED = ("manifest.json", ".hydra/", ".log", "jobs.parquet", "multirun.yaml", ".lock", ".mark")


@dataclass(frozen=True)
class Work:
    """Something that writes.

    Parameters
    ----------
    name : str
    prepare : callable
        Makes what is there beforehand in an empty folder.
    do : callable
        Writes into the folder; called again after a kill, to begin anew or to go on.
    readable : callable
        Reads everything that can be read there, and returns what is wrong with it, None where nothing is.
    """

    name: str
    prepare: Callable[[Path], None]
    do: Callable[[Path], None]
    readable: Callable[[Path], str | None]


def works() -> list[Work]:
    """Return everything of the engine that writes."""
    return [
        Work("build", lambda _: None, _build, _panels),
        Work("append", _half, _append, _panels),
        Work("extend", _grown, _extend, _panels),
        Work("run", _build, partial(_command, "run"), _runs),
        Work("correlate", _build, partial(_command, "correlate"), _runs),
        Work("sweep into folders", _build, partial(_sweep, "folders"), _runs),
        Work("sweep into a table", _build, partial(_sweep, "table"), _runs),
        Work("compile", lambda _: None, _compile, lambda _: None),
    ]


def attack(seed: int, tries: int) -> list[Outcome]:
    """Kill each kind of work so many times."""
    rng = np.random.default_rng(seed)
    return [_kill(work, rng, tries) for work in works()]


def _kill(work: Work, rng: np.random.Generator, tries: int) -> Outcome:
    outcome = Outcome(f"killed: {work.name}")
    with tempfile.TemporaryDirectory() as place:
        prepared, whole = Path(place) / "prepared", Path(place) / "whole"
        prepared.mkdir()
        _must(in_child(lambda: work.prepare(prepared)))
        shutil.copytree(prepared, whole)
        done = _must(in_child(lambda: work.do(whole)))
        expected = _compared(whole)
        for number in range(tries):
            folder = Path(place) / str(number)
            shutil.copytree(prepared, folder)
            problems = []
            for _ in range(int(rng.integers(1, 3))):  # sometimes what goes on is killed too
                in_child(lambda: work.do(folder), kill_after=float(rng.uniform(0.0, 1.1 * done.seconds)))  # noqa: B023
                read = in_child(lambda: work.readable(folder))  # noqa: B023
                problems += [read.printed[-300:]] if read.code else [read.value] if read.value else []
            again = in_child(lambda: work.do(folder))  # noqa: B023
            if again.code:
                problems.append(f"again: exit code {again.code}: {again.printed[-300:]}")
            problems.append(different(_compared(folder), expected))
            told = "; ".join(problem for problem in problems if problem)
            outcome.record(f"{work.name}, try {number}: {told}" if told else None)
            shutil.rmtree(folder)
    return outcome


def _must(child):
    if child.code:
        raise RuntimeError(child.printed)
    return child


def _compared(folder: Path) -> dict[str, bytes]:
    """Contents but for what tells times: manifests, logs and what was asked; a page and a library by name alone."""
    found = {name: data for name, data in contents(folder).items() if not any(part in name for part in NOT_COMPARED)}
    return {name: b"" if ".so" in name or name.endswith(".html") else data for name, data in found.items()}


def _build(folder: Path) -> None:
    from engine.data import load_market

    load_market("synthetic", years=1, names=6, cache=folder / "cache", progress=False)


def _half(folder: Path) -> None:
    from engine.data import save_panel
    from engine.testing import small_market

    market = small_market()
    save_panel(market.slice(end="2024-03-01"), folder / "panel")


def _append(folder: Path) -> None:
    from engine.data import append_panel, open_panel
    from engine.testing import small_market

    later = small_market().slice("2024-03-02")
    if open_panel(folder / "panel").dates[-1] < later.dates[0]:
        append_panel(folder / "panel", later)


def _grown(folder: Path) -> None:
    from engine.data import load_market, save_panel

    worlds.write_own(folder / "files")
    first = load_market(
        "files", folder / "files", index="IDX", end="2025-02-03", cache=folder / "cache", progress=False
    )
    save_panel(first, folder / "panel")
    shutil.rmtree(folder / "cache")


def _extend(folder: Path) -> None:
    from engine.data import extend_panel

    extend_panel(folder / "panel", "files", folder / "files", index="IDX", progress=False)


def _command(name: str, folder: Path, *more: str) -> None:
    import importlib
    import sys

    os.environ["DISPERSION_CACHE"] = str(folder / "cache")
    os.chdir(folder)
    sys.argv = [name, *more, *[word for word in SMALL if name == "run" or "report" not in word]]
    if not more:
        if (folder / "out" / "manifest.json").exists():
            return
        sys.argv.append("hydra.run.dir=out")
    importlib.import_module(f"engine.{name}").main()


def _sweep(store: str, folder: Path) -> None:
    begun = sorted((folder / "results").glob("*/*")) if (folder / "results").is_dir() else []
    grid = ("-m", "strategy=rich_correlation", "strategy.window=60", "strategy.enter=0.2,0.5,1", "costs.index=0.1,0.3")
    where = ("hydra.sweep.dir=results/s/1",)
    more = (*grid, "hydra/launcher=batch", f"sweep.store={store}", "study=s", *where)
    asked = [begun[0] / name for name in ("multirun.yaml", ".hydra/multirun.yaml")] if begun else []  # a table's: there
    if any(file.exists() for file in asked):  # before it there is nothing to go on with
        more = (*(word for word in more if word not in where), f"sweep.resume={begun[0].relative_to(folder)}")
    _command("run", folder, *more)


def _compile(folder: Path) -> None:
    os.environ["XDG_CACHE_HOME"] = str(folder)
    from engine.kernels import host

    for kernel in ("straddle", "moments"):
        host.library(kernel, "float32")


def _panels(folder: Path) -> str | None:
    from engine.data.store.header import HEADER
    from engine.data.store.verify import verify_panel

    found = [problem for header in folder.rglob(HEADER) for problem in verify_panel(header.parent)]
    return "; ".join(map(str, found)) or None


def _runs(folder: Path) -> str | None:
    """Every file that a manifest lists is as it was written, and every row of a table that can be read is whole."""
    from engine.durable import checksum
    from engine.runs.read import load_runs
    from engine.runs.table_store import is_table, read_rows
    from engine.runs.written import written_before

    found = []
    for manifest in folder.rglob("manifest.json"):
        json.loads(manifest.read_text())
        for name, known in written_before(manifest.parent).items():
            path = manifest.parent / name
            if not path.is_file() or checksum(path) != known:
                found.append(f"{path.name} is not what {manifest} says")
    for sweep in (folder / "results").glob("*/*"):
        if is_table(sweep):
            read_rows(sweep)
        elif any(sweep.rglob("manifest.json")):
            load_runs(sweep)
    return "; ".join(found) or _panels(folder)
