"""Run folders: what a run leaves on disk, and how runs are read back and compared."""

import glob
import json
import math
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import polars as pl
from hydra.experimental.callback import Callback

from engine.errors import InputError

PROJECT = Path(__file__).resolve().parents[1]
LIBRARIES = ("dispersion-engine", "numpy", "scipy", "polars", "statsmodels", "hydra-core", "cupy-cuda13x")


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run, read from its folder; frames are read when asked for.

    Parameters
    ----------
    folder : Path
    manifest, summary : dict
        `summary` is empty for a correlation run.
    config : dict
        The whole configuration it was made with; `overrides` : list of str, what was asked on the command line.
    """

    folder: Path
    manifest: dict
    summary: dict
    config: dict
    overrides: list
    choices: dict

    @property
    def daily(self) -> pl.DataFrame:
        """One row per session: date, exposure, pnl_gross, cost, pnl_net and the explain."""
        return self.frame("daily")

    @property
    def ledger(self) -> pl.DataFrame:
        """One row per trade and leg."""
        return self.frame("ledger")

    def frame(self, name: str) -> pl.DataFrame:
        """Read one of the run's tables: daily, ledger, correlation, realized, quality."""
        path = self.folder / f"{name}.parquet"
        if not path.exists():
            raise InputError(f"{self.folder} has no {name}.parquet; it holds {', '.join(_tables(self.folder))}")
        return pl.read_parquet(path)


def write_manifest(folder: Path, panel, backend: str, seed: int, started: float) -> None:
    """Say what made the run, in `manifest.json`: written last, so a folder that has one is complete.

    Parameters
    ----------
    panel : MarketPanel
    started : float
        `time.perf_counter()` at the start.
    """
    manifest = provenance() | {
        "backend": backend,
        "device": _device(backend),
        "dtype": str(panel.component_iv.dtype),
        "market": panel.info.name,
        "panel_hash": panel.content_hash,
        "first_session": str(panel.dates[0]),
        "last_session": str(panel.dates[-1]),
        "sessions": len(panel),
        "seed": seed,
        "seconds": round(time.perf_counter() - started, 3),
        "peak_memory_mb": round(peak_memory() / 2**20, 1),  # of the process: a sweep's later jobs include earlier ones
    }
    write_json(folder / "manifest.json", manifest)


def provenance() -> dict:
    """Return when, and by which versions and commit, numbers were made."""
    commit, dirty = _git()
    return {
        "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "python": platform.python_version(),
        "versions": {name: found for name in LIBRARIES if (found := _version(name))},
        "git_commit": commit,
        "git_dirty": dirty,
    }


def write_json(path: Path, content: dict) -> None:
    """Write a flat JSON object whole or not at all; numbers that are not finite become null."""
    plain = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in content.items()
    }
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(plain, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(unfinished, path)


def load_run(path) -> Run:
    """Read one run folder.

    Raises
    ------
    InputError
        When the folder is not there or holds no finished run.
    """
    from omegaconf import OmegaConf

    folder = Path(path)
    if not folder.is_dir():
        raise InputError(f"there is no run folder {folder}")
    if not (folder / "manifest.json").exists():
        raise InputError(f"{folder} holds no finished run (no manifest.json); give results/<study>/<time>/<n>")
    asked = {name: OmegaConf.load(folder / ".hydra" / f"{name}.yaml") for name in ("config", "hydra", "overrides")}
    summary = folder / "summary.json"
    return Run(
        folder=folder,
        manifest=json.loads((folder / "manifest.json").read_text(encoding="utf-8")),
        summary=json.loads(summary.read_text(encoding="utf-8")) if summary.exists() else {},
        config=OmegaConf.to_container(asked["config"]),
        overrides=list(asked["overrides"]),
        choices=dict(asked["hydra"].hydra.runtime.choices),
    )


def load_runs(pattern) -> pl.DataFrame:
    """Read finished backtests into one frame: a row per run, with what was asked of any of them and their summary.

    Parameters
    ----------
    pattern : path or glob
        Run folders, folders of sweeps or of whole studies, such as "results/backtest/*".

    Returns
    -------
    frame
        `run` (its folder), one column per group or key that any run overrode, filled for every run, then the summary.

    Raises
    ------
    InputError
        When nothing matches.
    """
    runs = [run for folder in _run_folders(str(pattern)) if (run := load_run(folder)).summary]
    if not runs:
        raise InputError(f"no finished backtest in {pattern}; give a run folder, a sweep's folder or a glob of them")
    asked = list(dict.fromkeys(_key(override) for run in runs for override in run.overrides))
    columns = {"run": [str(run.folder) for run in runs]}
    for key in asked:
        columns[key] = _plain([_setting(run, key) for run in runs])
    for name in dict.fromkeys(name for run in runs for name in run.summary):
        columns[name] = [run.summary.get(name) for run in runs]
    return pl.DataFrame(columns, strict=False).with_columns(pl.selectors.by_dtype(pl.Null).cast(pl.Float64))


class CompareRuns(Callback):
    """Hydra callback: after a sweep, write `runs.parquet` beside its runs and print them best first."""

    _sweep: Path | None = None

    def on_multirun_start(self, config, **_) -> None:
        """Remember the sweep's folder, which must be tidied also when a job fails."""
        CompareRuns._sweep = Path(config.hydra.sweep.dir)

    def on_multirun_end(self, config, **_) -> None:
        """Compare the runs."""
        CompareRuns.conclude()

    @classmethod
    def conclude(cls) -> None:
        """Compare the sweep's finished runs; remove its folder when there is none."""
        sweep, cls._sweep = cls._sweep, None
        if sweep is None or not sweep.is_dir():
            return
        finished = _run_folders(str(sweep))
        if not finished:
            shutil.rmtree(sweep)
        elif any((folder / "summary.json").exists() for folder in finished):
            runs = load_runs(sweep)
            runs.write_parquet(sweep / "runs.parquet")
            _print_leaderboard(runs, sweep)


def _print_leaderboard(runs: pl.DataFrame, sweep: Path) -> None:
    from engine.report import leaderboard

    board = leaderboard(runs.with_columns(pl.col("run").str.split("/").list.last()))
    cells = [[_cell(value) for value in row] for row in board.iter_rows()]
    widths = [max(map(len, column)) for column in zip(board.columns, *cells, strict=True)]
    print()
    for row in (board.columns, *cells):
        print("  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)))
    print(f"\n{runs.height} runs: {sweep / 'runs.parquet'}")


def _cell(value) -> str:
    if value is None:
        return "n/a"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"
    return str(value)


def _run_folders(pattern: str) -> list[Path]:
    """Folders with a manifest at, or up to two levels below, what the pattern matches; numbered jobs in order."""
    found = []
    for match in map(Path, sorted(glob.glob(pattern))):
        for below in ("manifest.json", "*/manifest.json", "*/*/manifest.json"):
            found.extend(file.parent for file in match.glob(below))
    return sorted(set(found), key=lambda f: (str(f.parent), int(f.name) if f.name.isdigit() else -1, f.name))


def _key(override: str) -> str:
    return override.lstrip("+~").partition("=")[0].partition("@")[0]


def _setting(run: Run, key: str):
    """What a run used for a group or key, whether asked for or by default."""
    if key in run.choices:
        return run.choices[key]
    value = run.config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _plain(values: list) -> list:
    """Make one column of settings: numbers and texts as they are, anything else, or a mixture, as text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float}:
        return [value if value is None else float(value) for value in values] if float in kinds else values
    return values if kinds in ({str}, {bool}) else [value if value is None else str(value) for value in values]


def _tables(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*.parquet"))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git() -> tuple[str | None, bool | None]:
    """Commit of the code and whether it was changed since; None outside a git checkout."""
    if not (PROJECT / ".git").exists() or shutil.which("git") is None:
        return None, None

    def ask(*words):
        return subprocess.run(["git", "-C", str(PROJECT), *words], capture_output=True, text=True, check=False)

    commit = ask("rev-parse", "HEAD")
    if commit.returncode:
        return None, None
    return commit.stdout.strip(), bool(ask("status", "--porcelain", "--untracked-files=no").stdout.strip())


def _device(backend: str) -> str:
    if backend == "cupy":
        import cupy

        name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"]
        return name.decode() if isinstance(name, bytes) else str(name)
    return f"{platform.machine()}, {os.cpu_count()} cores"


def peak_memory() -> int:
    """Return the most bytes this process has held; Linux counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
