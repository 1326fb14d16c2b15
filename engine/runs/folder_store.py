"""sweep.store=folders: the jobs of a sweep as one folder each, like single runs."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.backend import resolve
from engine.runs.claim import run_folder
from engine.runs.folder import fill, is_finished, run_files, told
from engine.runs.leaders import Leaders, pages_asked

if TYPE_CHECKING:
    from engine.backtest import BacktestResult


def packed(
    result: "BacktestResult", plans: list, started: float, leaders: Leaders | None = None
) -> Iterator[tuple[dict, dict]]:
    """Yield the files and the manifest of each parameter set of a result, as `run_files` returns them.

    Parameters
    ----------
    result : BacktestResult
    plans : list of Plan
        One for each parameter set of the result.
    started : float
    leaders : Leaders or None
        Of the batches before; None where this is the first, or on another machine.
    """
    most = max(pages_asked(plan.settings) for plan in plans)
    with_page = (leaders or Leaders()).joined_by(result.summaries["sharpe_net"], most)
    for p, plan in enumerate(plans):
        backend = resolve(str(plan.settings["backend"]))
        yield run_files(result, p, plan.settings, backend, started, plan.config_hash, sweep="..", page=p in with_page)


class FolderStore:
    """Keeps the finished jobs of a sweep in the same folders, `.hydra/` included, as Hydra's basic launcher makes.

    Parameters
    ----------
    sweep : path
        The sweep's folder.
    composer : SweepComposer
        Says what each job was asked.
    """

    largest_piece = 64  # jobs sent to another machine at once, whose files come back

    def __init__(self, sweep: Path, composer: Any):
        self.sweep, self.composer = Path(sweep), composer
        self.packed = partial(packed, leaders=Leaders())
        self.tell = _print_line

    def finished(self, plans: list) -> set[int]:
        """Return which jobs need not run: their folder is whole, and of the same configuration and panel."""
        return {p.number for p in plans if is_finished(self.sweep / str(p.number), p.settings, p.config_hash)}

    def keep(self, plans: list, batch: Iterable[tuple[dict, dict]]) -> None:
        """Fill the folder of each job of a batch."""
        for plan, (files, made) in zip(plans, batch, strict=True):
            folder = self.sweep / str(plan.number)
            asked = self.composer.asked(plan.number, plan.overrides, folder)
            with run_folder(folder, inside_sweep=True) as kept:
                summary = fill(kept, files, asked, made)
            self.tell(folder, summary, made["seconds"])

    def flush(self) -> None:
        """Do nothing: every folder is written at once."""


def _print_line(folder: Path, summary: dict, seconds: float) -> None:
    print(f"{told(folder, summary, seconds)}\n", end="")  # one write: jobs of other processes write there too
