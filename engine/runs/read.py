"""Runs read back from disk, and compared: one run, or all those of sweeps and studies as one frame."""

import functools
import glob
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import yaml

from engine.backtest.outcome.returns import as_returns
from engine.backtest.outcome.track_record import TrackRecord, track_record
from engine.backtest.outcome.wording import summary_lines
from engine.data.parquet import read_frame
from engine.errors import InputError
from engine.progress import progress_bar
from engine.runs.again import frame_again, made_again
from engine.runs.chosen import Runs
from engine.runs.table_store import ASKED, asked_keys, configs, is_table, read_rows
from engine.runs.written import AGAIN, MANIFEST, read_manifest, read_text, read_yaml

if TYPE_CHECKING:
    import pandas as pd

    from engine.backtest import BacktestResult

MANY = 500  # folders, from which on reading them shows a bar


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run, read from its folder or its sweep's table; frames are read, or made again, when asked for.

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

    def result(self) -> "BacktestResult":
        """Run the backtest again, for what no folder keeps: a day leg by leg, greeks, scenarios and stresses.

        Raises
        ------
        InputError
            When the data are not there, or not as they were; or when gross, cost or net P&L do not come out.
        """
        self._capital()
        return made_again(self)

    def returns(self) -> "pd.Series":
        """Daily net P&L over the fixed capital, a pandas series as quantstats and pyfolio take; see `as_returns`."""
        capital, daily = self._capital(), self.daily
        name = "/".join(self.folder.parts[-2:])
        return as_returns(daily["date"].to_numpy(), daily["pnl_net"].to_numpy(), capital, name)

    def statistics(self) -> TrackRecord:
        """Errors, intervals, tails, drawdowns and years of net P&L; a result in memory adds regimes and factors."""
        capital, daily = self._capital(), self.daily
        days = daily["date"].to_numpy(), daily["pnl_net"].to_numpy()
        return track_record(*days, capital, self.holding_sessions, risk_free=self.config.get("risk_free", 0.0))

    def _capital(self) -> float:
        if "capital" not in self.summary:
            raise InputError(f"{self.folder} is no backtest, and has no returns; give a run of engine.run")
        return self.summary["capital"]

    @property
    def in_table(self) -> bool:
        """Whether it is a row of a sweep's table, which keeps no days: they are made again, as `engine.runs.again`."""
        return is_table(self.folder.parent) and not self.folder.is_dir()

    @property
    def holding_sessions(self) -> int:
        """The longest that a cohort is held: results depend on one another that long."""
        return made_again(self).book.days if self.in_table else self.manifest.get("holding_sessions", 1)

    def __repr__(self) -> str:
        """What was asked, and the summary as one aligned table with its cautions."""
        asked = f"{self.folder}: {' '.join(self.overrides) or 'as configured'}"
        cautions = [f"Caution: {line}" for line in self.summary.get("caution_lines", ())]
        table = summary_lines(self.summary, self.manifest.get("currency", "")) if self.summary else _tables(self.folder)
        return "\n".join([asked, *table, *cautions])

    def frame(self, name: str) -> pl.DataFrame:
        """Read one of the run's tables: daily, ledger, correlation, realized, quality; of a row of a table, make it."""
        if self.in_table:
            return frame_again(self, name)
        path = self.folder / f"{name}.parquet"
        if not path.exists():
            raise InputError(f"{self.folder} has no {name}.parquet; it holds {', '.join(_tables(self.folder))}")
        return read_frame(path, AGAIN, self.manifest.get("files", {}).get(path.name))


def load_run(path: Path | str) -> Run:
    """Read one run: its folder, or the row that a sweep's table keeps of it, named as `load_runs` names it.

    Raises
    ------
    InputError
        When the folder is not there or holds no finished run, or the table no such row.
    """
    folder = Path(path)
    if not folder.is_dir() and is_table(folder.parent):
        return _row(folder)
    if not folder.is_dir():
        raise InputError(f"there is no run folder {folder}")
    if not (folder / "manifest.json").exists():
        raise InputError(f"{folder} holds no finished run (no manifest.json); give results/<study>/<time>/<n>")
    manifest = read_manifest(folder)
    asked = {name: _asked(folder, f".hydra/{name}.yaml", manifest) for name in ("config", "overrides")}
    runtime = _asked(folder, ".hydra/hydra.yaml", manifest, _RUNTIME)
    file = folder / "summary.json"
    told = read_text(folder, file.name, manifest)
    try:
        summary = {} if told is None else json.loads(told)
        choices = runtime["hydra"]["runtime"]["choices"]
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(f"{file} or {folder / '.hydra'} is damaged; run this job again") from error
    whole = {"manifest": (manifest, dict), "summary": (summary, dict), "config": (asked["config"], dict)}
    for name, (found, kind) in (whole | {"overrides": (asked["overrides"], list), "choices": (choices, dict)}).items():
        if not isinstance(found, kind) or (kind is list and not all(isinstance(word, str) for word in found)):
            raise InputError(f"{folder}: its {name} is damaged; run this job again")
    return Run(folder, manifest, summary, asked["config"], asked["overrides"], choices)


def _row(folder: Path) -> Run:
    rows = read_rows(folder.parent, ASKED)
    found = None if rows is None else rows.filter(pl.col("job").cast(pl.String) == folder.name)
    if found is None or not found.height:
        raise InputError(f"the table of {folder.parent} has no row {folder.name}; load_runs('{folder.parent}') has all")
    return runs_of(found, folder.parent)[0]


# Of all that Hydra writes about a job the one part that is read; as OmegaConf sets it out.
_RUNTIME = re.compile(r"^  runtime:\n(?:    .*\n)+", re.MULTILINE)


def _asked(folder: Path, name: str, manifest: dict, part: re.Pattern | None = None) -> Any:
    text = read_text(folder, name, manifest)
    try:
        if text is not None:
            found = part and part.search(text)
            return read_yaml(f"hydra:\n{found[0]}" if found else text)
    except yaml.YAMLError:
        pass
    raise InputError(f"{folder / name} is missing or damaged; {AGAIN}")


def load_runs(pattern: str | Path | Iterable[str | Path]) -> Runs:
    """Read finished backtests into one frame: a row per run, with what was asked of any of them and their summary.

    Parameters
    ----------
    pattern : path or text, or several of them
        A run folder, or the folder of a sweep, a study or all of `results`, kept as folders or as tables. A Path, or a
        text that is the name of something, is taken as it is; any other text is a pattern: "results/backtest/*".

    Returns
    -------
    Runs
        A polars frame: `run` (its folder), one column per group or key that any run overrode, filled for every run,
        then the summary. Days and ledgers stay on disk until they are asked for: `load_run(runs["run"][0]).daily`.

    Raises
    ------
    InputError
        When nothing matches.
    """
    patterns = [pattern] if isinstance(pattern, str | Path) else list(pattern)
    places = {one: finished(one) for one in patterns}
    every = [folder for found in places.values() for folder in found]
    if len(patterns) == len(every) == 1 and is_table(every[0]) and (rows := read_rows(every[0], ASKED)) is not None:
        return Runs(compared_rows(rows, every[0]))
    folders = {one: [] for one in patterns}
    with progress_bar("runs read", len(every), wanted=len(every) >= MANY, unit="runs") as advance:
        for one, each in places.items():
            for folder in each:
                folders[one] += (run for run in runs_at(folder) if run.summary)
                advance(1)
    for one, runs in folders.items():
        if not runs:
            raise InputError(f"no finished backtest in {one}; give a run folder, a sweep's folder or a glob of them")
    runs = {run.folder: run for runs in folders.values() for run in runs}  # each once
    if not runs:
        raise InputError("no run folder was given; give one, a sweep's folder or a glob of them")
    return Runs(compared(list(runs.values())))


def runs_at(folder: Path) -> list[Run]:
    """Read the run of a folder, or all those of a sweep kept as a table."""
    if not is_table(folder):
        return [load_run(folder)]
    rows = read_rows(folder, ASKED)
    return [] if rows is None else runs_of(rows, folder)


def runs_of(rows: pl.DataFrame, sweep: Path) -> list[Run]:
    """Make the runs of a table's rows."""
    once = functools.cache(json.loads)  # most rows share these
    return [
        Run(
            folder=sweep / str(row["job"]),
            manifest=once(row["manifest"]),
            summary=row["summary"],
            config=config,
            overrides=row["overrides"],
            choices=once(row["choices"]),
        )
        for row, config in zip(rows.drop("config").iter_rows(named=True), configs(rows), strict=True)
    ]


def compared(runs: list[Run]) -> pl.DataFrame:
    """Return one row per run: its folder, what was asked of any of them, its summary."""
    keys = asked_keys(run.overrides for run in runs)
    asked = {key: [_setting(run.choices, run.config, key) for run in runs] for key in keys}
    names = dict.fromkeys(name for run in runs for name in run.summary)
    return _side_by_side(
        [str(run.folder) for run in runs], asked, {name: [run.summary.get(name) for run in runs] for name in names}
    )


def compared_rows(rows: pl.DataFrame, sweep: Path) -> pl.DataFrame:
    """Return what `compared` does of the runs of a table's rows; those of a large one are not made for it."""
    once = functools.cache(json.loads)
    asked: dict[str, list] = {key: [] for key in asked_keys(rows["overrides"].to_list())}
    groups = {key.partition(".")[0] for key in asked}
    for choices, config in zip(rows["choices"], configs(rows, groups), strict=True):
        chosen = once(choices)
        for key, values in asked.items():
            values.append(_setting(chosen, config, key))
    jobs = [str(sweep / str(job)) for job in rows["job"]]
    return _side_by_side(jobs, asked, rows["summary"].struct.unnest().to_dict())


def _side_by_side(folders: list[str], asked: dict[str, list], summaries: Mapping[str, Any]) -> pl.DataFrame:
    columns = {"run": folders} | {key: _plain(values) for key, values in asked.items()} | dict(summaries)
    columns.pop("caution_lines", None)  # the codes beside them can be compared
    return pl.DataFrame(columns, strict=False).with_columns(pl.selectors.by_dtype(pl.Null).cast(pl.Float64))


def finished(pattern: str | Path) -> list[Path]:
    """Return the folders with a manifest at, or up to three levels below, what the pattern matches, by number."""
    found = []
    literal = isinstance(pattern, Path) or Path(pattern).exists()
    for match in [Path(pattern)] if literal else map(Path, sorted(glob.glob(str(pattern)))):
        for below in (MANIFEST, f"*/{MANIFEST}", f"*/*/{MANIFEST}", f"*/*/*/{MANIFEST}"):
            found.extend(file.parent for file in match.glob(below))
    return sorted(set(found), key=lambda f: (str(f.parent), int(f.name) if f.name.isdigit() else -1, f.name))


def _setting(choices: dict, config: dict, key: str):
    """Return the value that a run used for a group or key, whether it was asked for or is the default."""
    if key in choices:
        return choices[key]
    value = config
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
