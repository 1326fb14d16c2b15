"""sweep.store=folders: the jobs of a sweep as one folder each, like single runs."""

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.backend import resolve
from engine.command.hydra import asked_files, job_folder
from engine.runs.claim import run_folder
from engine.runs.folder import fill, is_finished, run_files, told

if TYPE_CHECKING:
    from engine.backtest import BacktestResult


def packed(result: "BacktestResult", plans: list, started: float) -> Iterator[tuple[dict, dict]]:
    """Yield the files and the manifest of each parameter set of a result, as `run_files` returns them.

    Parameters
    ----------
    result : BacktestResult
    plans : list of Plan
        One for each parameter set of the result.
    """
    for p, plan in enumerate(plans):
        backend = resolve(str(plan.settings["backend"]))
        yield run_files(result, p, plan.settings, backend, started, plan.config_hash)


class FolderStore:
    """Keeps the finished jobs of a sweep in the same folders, `.hydra/` included, as Hydra's basic launcher makes."""

    packed = staticmethod(packed)
    largest_piece = 64  # jobs sent to another machine at once, whose files come back

    def __init__(self, sweep: Path, hydra_context: Any, composer: Any):
        self.sweep, self.hydra_context, self.composer = Path(sweep), hydra_context, composer

    def finished(self, plans: list) -> set[int]:
        """Return which jobs need not run: their folder is whole, and of the same configuration and panel."""
        return {p.number for p in plans if is_finished(self.sweep / str(p.number), p.settings, p.config_hash)}

    def keep(self, plans: list, batch: Iterable[tuple[dict, dict]]) -> None:
        """Fill the folder of each job of a batch."""
        from hydra.core.utils import run_job

        for plan, run in zip(plans, batch, strict=True):
            done = run_job(
                hydra_context=self.hydra_context,
                task_function=functools.partial(_place, run),
                config=self.composer.whole(plan.number, plan.overrides),
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
            )
            _ = done.return_value  # raises what the job raised

    def flush(self) -> None:
        """Do nothing: every folder is written at once."""


def _place(run: tuple[dict, dict], config) -> None:
    files, made = run
    folder = job_folder()
    with run_folder(folder, inside_sweep=True) as kept:
        summary = fill(kept, files, asked_files(config), made)
    print(told(folder, summary, made["seconds"]))
