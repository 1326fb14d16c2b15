"""What is timed of whole commands, as users start them: Python, Hydra, a market from its cache, the files of runs."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.benchmark.sizes import Sizes
from engine.benchmark.work import Work

MARKET = "ten years of the built-in market"
SWEPT = ("-m", "hydra/launcher=batch", "strategy=rich_correlation", "schedule=weekly")


def make_folder(_: Sizes, backend: str) -> tuple[TemporaryDirectory, str]:
    """An empty folder, in which the commands leave their results, and the backend that they are to use."""
    return TemporaryDirectory(prefix="commands-"), backend


def one_run(place: tuple, _: Sizes) -> Work:
    """The default backtest with its page."""
    return _work(place, 1, ())


def folder_sweep(place: tuple, sizes: Sizes) -> Work:
    """A sweep that keeps a folder of each run, and pages of the best five."""
    return _work(place, sizes.sweep_folders, (*SWEPT, _levels(sizes.sweep_folders)))


def table_sweep(place: tuple, sizes: Sizes) -> Work:
    """A sweep that keeps one table, judged as a whole."""
    return _work(place, sizes.sweep_rows, (*SWEPT, _levels(sizes.sweep_rows), "sweep.store=table"))


def _levels(count: int) -> str:
    return f"strategy.enter={','.join(f'{4.0 * p / count:g}' for p in range(count))}"


def _work(place: tuple[TemporaryDirectory, str], count: int, asked: tuple[str, ...]) -> Work:
    folder, backend = place
    command = [sys.executable, "-m", "engine.run", *asked, f"backend={backend}"]
    found = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}  # the engine that is measured
    run = partial(subprocess.run, command, cwd=folder.name, env=found, check=True, capture_output=True)
    before = _bytes(folder.name)
    run()  # the market is built, kernels are compiled
    return Work(f"{count:,} run{'s' * (count > 1)} on {MARKET}", run, count, _bytes(folder.name) - before, 0.0)


def _bytes(folder: str) -> int:
    return sum(file.stat().st_size for file in (Path(folder) / "results").rglob("*") if "panels" not in file.parts)
