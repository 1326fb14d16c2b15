"""sweep.store=folders: the jobs of a sweep as one folder each, like single runs."""

import functools
import json
import tempfile
from pathlib import Path

from engine.backend import resolve
from engine.command.hydra import job_folder
from engine.runs.folder import clear, is_finished, told, write_run


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


class FolderStore:
    """Keeps the finished jobs of a sweep in the same folders, `.hydra/` included, as Hydra's basic launcher makes."""

    packed = staticmethod(packed)
    largest_piece = 64  # jobs sent to another machine at once, whose files come back

    def __init__(self, sweep: Path, hydra_context, composer):
        self.sweep, self.hydra_context, self.composer = Path(sweep), hydra_context, composer

    def finished(self, plans: list) -> set[int]:
        """Return which jobs need not run: whose folder is whole, of the same configuration and panel."""
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
        """Do nothing: every folder is written at once."""


def _place(files: dict, _) -> None:
    folder = job_folder()
    clear(folder)
    for name in sorted(files, key=lambda name: name == "manifest.json"):
        (folder / name).write_bytes(files[name])
    summary, made = (json.loads(files[f"{name}.json"]) for name in ("summary", "manifest"))
    print(told(folder, summary, made["seconds"]))
