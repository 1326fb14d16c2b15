"""What the best run of a sweep is worth, given how many were tried: luck, overfitting, and tests of all at once."""

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from engine.backtest.metrics import sharpe
from engine.errors import InputError
from engine.runs.folder_trials import Tried, as_rows, tried_beside, tried_in
from engine.runs.read import finished
from engine.runs.table_store import gather, is_table, span_key
from engine.runs.table_trials import as_trials, each_once, kept_by, of_span, spans_of, trial_rows
from engine.selection import (
    BlockSums,
    Overfitting,
    block_of,
    deflated_sharpe,
    effective_trials,
    most_blocks,
    moving,
    overfitting,
    resampled,
)

FEWEST = 5  # runs of which it is worth saying anything
LEADERS = 20  # runs of which the deflated probability is kept
MOST_TESTED = 20_000  # runs that the bootstrap tests take by default: ten to twenty seconds, and time grows with them


@dataclass(frozen=True)
class Judgement:
    """The best of a sweep's runs, beside what luck would have shown.

    Parameters
    ----------
    best : str
        Folder of the run with the highest net Sharpe ratio.
    runs, trials : int
        Runs of the sweep, and those of its whole study on the same sessions, each configuration once, kept as folders
        or in tables.
    independent : float
        Trials that these amount to, given how alike they are; all of them where a table of before does not tell that.
    deflated : float
        Probability that the best run's true Sharpe ratio is above the best that so many trials show by luck.
    overfitting : float or None
        Share of the splits of the sessions in which the best run of one half is in the lower half of the other; None
        where the sessions are too few to split.
    later_ranks : tuple of float
        Share of those splits in which it ranks in each tenth of the other half, from last to first; () where none are.
    superior : float or None
        p-value of "no run of the sweep earns anything" (Hansen); None where there are too many runs to test.
    survivors : tuple of str
        Runs that earn something at a size of 5 %, all of them at once (Romano and Wolf).
    leaders : tuple of (str, float)
        Folders of the runs with the highest net Sharpe ratios, and of each the probability that `deflated` is of the
        best.
    left_out : int
        Runs of the sweep on other sessions than most, which cannot be set beside the others day by day.
    """

    best: str
    runs: int
    trials: int
    independent: float
    deflated: float
    overfitting: float | None
    superior: float | None
    survivors: tuple[str, ...]
    left_out: int = 0
    later_ranks: tuple[float, ...] = ()
    leaders: tuple[tuple[str, float], ...] = ()

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """Return the judgement as lines of text."""
        head = (
            f"The best of {self.runs:,} runs is run {Path(self.best).name}; {self.trials:,} trials in this study so "
            f"far amount to {self.independent:,.1f} independent ones"
        )
        if self.left_out:
            head += f" ({self.left_out:,} runs on other sessions left out)"
        kept = ", ".join(Path(run).name for run in self.survivors[:8]) or "none"
        rows = [("Probability that it beats the luck of as many (deflated Sharpe)", f"{self.deflated:.2f}")]
        if self.overfitting is not None:
            rows.append(
                ("Probability that the best of one half is below the other's median (PBO)", f"{self.overfitting:.2f}")
            )
        if self.superior is not None:
            rows.append(("p-value of no run earning anything (superior predictive ability)", f"{self.superior:.2f}"))
            rows.append(("Runs that earn something, all tested at once at 5 % (StepM)", kept))
        return [head, *(f"  {words:<71}  {value}" for words, value in rows)]


def judge(sweep: Path | str, *, most_tested: int = MOST_TESTED, repetitions: int = 1000, seed: int = 0) -> Judgement:
    """Judge the runs of a sweep by their net P&L, above `risk_free` on their capital where that was asked for.

    Day by day where folders keep it, else by its sums over some days.

    Parameters
    ----------
    sweep : path
        `results/<study>/<time>`.
    most_tested : int
        A sweep of more runs than this is not tested by the bootstrap.
    repetitions, seed : int
        Of the bootstrap.

    Raises
    ------
    InputError
        When that is no folder of one sweep, fewer than five of its runs are on the same sessions, or one is damaged:
        without it the best of the others would seem to be chosen from fewer.
    """
    if not isinstance(sweep, str | os.PathLike):
        raise InputError(
            f"judge takes the folder of a sweep, results/<study>/<time>, and was given a {type(sweep).__name__}: how "
            "much of the best is luck depends on every run that was tried"
        )
    sweep = Path(sweep)
    if is_table(sweep):
        found = judge_rows(sweep, gather(sweep), most_tested=most_tested, repetitions=repetitions, seed=seed)
    else:
        _refuse_no_sweep(sweep)
        found = judge_folders(sweep, most_tested=most_tested, repetitions=repetitions, seed=seed)
    if found is None:
        raise InputError(f"{sweep}: of fewer than {FEWEST} runs that traded on the same sessions nothing tells luck")
    return found


def _refuse_no_sweep(folder: Path) -> None:
    runs = finished(folder)
    apart = [run.parent for run in runs if run.parent != folder]
    if not runs or apart:
        such = f", such as {Counter(apart).most_common(1)[0][0]}" if apart else ""
        raise InputError(f"{folder} is not the folder of one sweep; give results/<study>/<time>{such}")


def judge_folders(
    sweep: Path, *, most_tested: int = MOST_TESTED, repetitions: int = 1000, seed: int = 0
) -> Judgement | None:
    """Judge the runs of a sweep by their days; None where too few of them are on the same sessions."""
    every = tried_in(finished(sweep))
    if not every:
        return None
    spans = Counter(run.span for run in every.values())
    span = spans.most_common(1)[0][0]
    own = {folder: run for folder, run in every.items() if run.span == span}
    if len(own) < FEWEST:
        return None
    study = own | _folders_beside(sweep)
    once = {run.key: run for run in study.values() if run.span == span}
    net = np.stack([run.net for run in own.values()])
    held = max(run.holding for run in own.values())
    if tables := _tables_beside(sweep):
        trials, independent = _counted(as_rows(once.values()), None, tables, span_key(span))
    else:
        trials, independent = len(once), effective_trials(np.stack([run.net for run in once.values()]))
    chances = deflated_sharpe(net, independent)
    if not np.isfinite(chances).any():
        return None
    folders = [str(folder) for folder in own]
    split = _overfitting(most_blocks(net, held))
    superior, kept = None, np.array([], dtype=int)
    if len(net) <= most_tested:
        rows = moving(net)
        drawn = resampled(net[rows], block_of(net.shape[1], held), repetitions=repetitions, seed=seed)
        superior, kept = drawn.ability().consistent, rows[drawn.better()]
    best = int(_ranked(sharpe(net))[0])
    return Judgement(
        best=folders[best],
        runs=len(net),
        trials=trials,
        independent=independent,
        deflated=float(chances[best]),
        overfitting=None if split is None else split.probability,
        later_ranks=() if split is None else split.later_ranks,
        superior=superior,
        survivors=tuple(folders[p] for p in kept.tolist()),
        left_out=len(every) - len(own),
        leaders=_leaders(folders, sharpe(net), chances),
    )


def judge_rows(
    sweep: Path,
    rows: pl.DataFrame | None,
    *,
    most_tested: int = MOST_TESTED,
    repetitions: int = 1000,
    seed: int = 0,
) -> Judgement | None:
    """Judge the runs of a table, those that are not committed yet among them, by what its `rows` keep of each."""
    every = trial_rows(rows)
    if every is None:
        return None
    span = every["span"].mode().sort()[0]
    own = of_span(every, span)
    if own.height < FEWEST or not own["sharpe"].is_finite().any():
        return None
    kept, beside = as_trials(own), [*_tables_beside(sweep), as_rows(_folders_beside(sweep).values())]
    trials, independent = _counted(own, kept.spans, beside, span)
    best, split = int(_ranked(kept.sharpe)[0]), _overfitting(kept.blocks())
    chances = kept.deflated(independent)
    superior, better = None, np.array([], dtype=int)
    if own.height <= most_tested and kept.spans is not None:
        tested, drawn = kept.resampled(repetitions, seed)
        superior, better = drawn.ability().consistent, tested[drawn.better()]
    return Judgement(
        best=str(sweep / str(own["job"][best])),
        runs=own.height,
        trials=trials,
        independent=independent,
        deflated=float(chances[best]),
        overfitting=None if split is None else split.probability,
        later_ranks=() if split is None else split.later_ranks,
        superior=superior,
        survivors=tuple(str(sweep / str(own["job"][p])) for p in better.tolist()),
        left_out=every.height - own.height,
        leaders=_leaders([str(sweep / str(job)) for job in own["job"]], kept.sharpe, chances),
    )


def _folders_beside(sweep: Path) -> dict[Path, Tried]:
    """Read the runs that the same study keeps as folders of other sweeps."""
    return tried_beside([folder for folder in finished(sweep.parent) if sweep not in (folder, folder.parent)])


def _tables_beside(sweep: Path) -> list[pl.DataFrame]:
    """Read the trials that the same study keeps in tables of other sweeps."""
    found = [kept_by(folder) for folder in sweep.parent.iterdir() if folder != sweep and is_table(folder)]
    return [rows for rows in found if rows is not None]


def _counted(own: pl.DataFrame, spans: np.ndarray | None, beside: list[pl.DataFrame], span: str) -> tuple[int, float]:
    """Count the trials on some sessions, each configuration once, and the independent ones that they amount to.

    `spans` are those of `own` where they are at hand; where a table of before has none, all trials are independent.
    """
    once = each_once([own, *(of_span(rows, span) for rows in beside)])
    study = [rows for rows in once if rows.height]
    sums = [spans if rows is own and spans is not None else spans_of(rows) for rows in study]
    trials, known = sum(rows.height for rows in study), [one for one in sums if one is not None]
    return trials, float(trials) if len(known) < len(sums) else effective_trials(*known)


def _overfitting(cut: BlockSums | None) -> Overfitting | None:
    return None if cut is None else overfitting(cut)


def _leaders(folders: list[str], ratios: np.ndarray, chances: np.ndarray) -> tuple[tuple[str, float], ...]:
    return tuple((folders[p], float(chances[p])) for p in _ranked(ratios)[:LEADERS].tolist() if np.isfinite(chances[p]))


def _ranked(ratios: np.ndarray) -> np.ndarray:
    """Positions of the runs, the highest ratio first; those equal but for rounding stay in order."""
    return np.argsort(-np.nan_to_num(np.round(ratios, 12), nan=-np.inf), kind="stable")


def as_text(judgement: Judgement) -> str:
    """Return a judgement as the text of `selection.json`."""
    return json.dumps(asdict(judgement), indent=1)
