"""sweep.store=folders: one folder per run, single runs and jobs of a sweep alike."""

import functools
import json
import tempfile
from pathlib import Path

import polars as pl

from engine.backend import resolve
from engine.manifest import manifest, write_json


def write_run(result, p: int, config: dict, folder: Path, backend: str, started: float, config_hash: str) -> dict:
    """Fill the folder of one parameter set of a result, manifest last, and return its summary."""
    summary = result.summary(p)
    write_json(folder / "summary.json", summary)
    result.daily(p).write_parquet(folder / "daily.parquet")
    result.ledger(p).write_parquet(folder / "ledger.parquet")
    if config["report"]["html"]:
        from engine.report import write_tearsheet

        write_tearsheet(result, folder / "report.html", p)
    made = manifest(result.market, backend, config["seed"], started, config_hash=config_hash)
    write_json(folder / "manifest.json", made)
    return summary


def is_finished(folder: Path, config: dict, config_hash: str) -> bool:
    """Tell whether a folder holds, whole, the run that this configuration would make again."""
    try:
        made = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        for name in ("daily", "ledger"):
            pl.read_parquet_schema(folder / f"{name}.parquet")
    except (OSError, ValueError, pl.exceptions.PolarsError):
        return False
    return made.get("config_hash") == config_hash and (
        not config["report"]["html"] or (folder / "report.html").exists()
    )


def clear(folder: Path) -> None:
    """Remove what an earlier attempt at a run left, its manifest first."""
    for path in sorted(folder.glob("*"), key=lambda path: path.name != "manifest.json"):
        if path.is_file():
            path.unlink()


def packed(result, plans: list, started: float):
    """Yield the files of each parameter set of a result as they would lie in its folder, name to bytes.

    Parameters
    ----------
    result : BacktestResult
    plans : list of Plan
        One for each parameter set of the result.
    """
    for p, plan in enumerate(plans):
        with tempfile.TemporaryDirectory() as place:
            backend = resolve(str(plan.settings["backend"]))
            write_run(result, p, plan.settings, Path(place), backend, started, plan.config_hash)
            yield {path.name: path.read_bytes() for path in Path(place).iterdir()}


def told(folder: Path, summary: dict, seconds: float) -> str:
    """Return the line that tells of one job of a sweep, which ends with a table of them all."""
    names = ("pnl_gross", "cost", "pnl_net")
    return f"{folder}: " + ", ".join(f"{name} {summary[name]:,.0f}" for name in names) + f" ({seconds:.1f} s)"


class FolderStore:
    """Keeps the finished jobs of a sweep in the folders, and with the `.hydra/`, of the basic launcher."""

    packed = staticmethod(packed)
    largest_piece = 64  # jobs sent to another machine at once, whose files come back

    def __init__(self, sweep: Path, hydra_context, composer):
        self.sweep, self.hydra_context, self.composer = Path(sweep), hydra_context, composer

    def finished(self, plans: list) -> set[int]:
        """Return the numbers of the jobs whose folders hold the numbers they would have again."""
        return {p.number for p in plans if is_finished(self.sweep / str(p.number), p.settings, p.config_hash)}

    def keep(self, plans: list, batch) -> None:
        """Fill the folder of each job of a batch."""
        from hydra.core.utils import run_job

        for plan, files in zip(plans, batch, strict=True):
            done = run_job(
                hydra_context=self.hydra_context,
                task_function=functools.partial(_place, files),
                config=self.composer.whole(plan.number, plan.overrides),
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
            )
            _ = done.return_value  # raises what the job raised

    def flush(self) -> None:
        """Do nothing: folders wait for nothing."""


def _place(files: dict, _) -> None:
    from engine.config import job_folder

    folder = job_folder()
    clear(folder)
    for name in sorted(files, key=lambda name: name == "manifest.json"):
        (folder / name).write_bytes(files[name])
    summary, made = (json.loads(files[f"{name}.json"]) for name in ("summary", "manifest"))
    print(told(folder, summary, made["seconds"]))
