"""Before a command's first job and after a sweep's last: claim the folder, and compare the runs of a sweep."""

import functools
import itertools
import json
import logging
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from engine.command import memory
from engine.command.hydra import plain, when_broken
from engine.command.logging_config import check_logging
from engine.command.messages import explained, give_up
from engine.errors import InputError
from engine.runs import read, table_store
from engine.runs.claim import Claim, claim, take_back_all
from engine.runs.folder import trial_of
from engine.runs.leaders import pages_asked
from engine.runs.manifest import now
from engine.runs.written import read_manifest, read_text
from engine.sweep.conclusion import ASKED, asked_of, complete, print_leaderboard, write_report
from engine.sweep.shards import check_shard
from engine.sweep.watched import Watch, watch

log = logging.getLogger(__name__)

STORES = ("folders", "table")


class CompareRuns(Callback):
    """Hydra callback: claims the folder of a run or sweep; after a sweep, writes and prints how its runs compare.

    Hydra turns an error of a callback into a warning and goes on, so each of these ends the command instead.
    """

    _sweep: Claim | None = None
    _before: str | None = None  # text of ASKED in a sweep that is resumed
    _reports = False  # whether pages are asked for
    _started = 0.0
    _holdout: dict | None = None  # what the sweep asks of it
    _watch: Watch | None = None  # what shows its jobs on a terminal

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Claim the folder of a single run."""
        when_broken(take_back_all)
        try:
            _check_names(config)
            claim(Path(config.hydra.run.dir))
            _check_holdout(config)
        except InputError as error:
            take_back_all()
            give_up(str(error))

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Claim the sweep's folder, a new one or that of `sweep.resume`."""
        when_broken(CompareRuns.break_off)
        try:
            _check_names(config)
            _check_grids(config)
            if "report" in config:
                pages_asked({"report": plain(config.report, resolve=True)})
            CompareRuns._sweep, CompareRuns._before = _claimed(config)
            CompareRuns._holdout = _check_holdout(config)
        except InputError as error:
            take_back_all()
            give_up(str(error))
        CompareRuns._started = time.perf_counter()
        CompareRuns._reports = bool(OmegaConf.select(config, "report.html"))
        CompareRuns._watch = watch(config)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Compare the runs."""
        try:
            CompareRuns.conclude()
        except Exception as error:
            give_up(explained(error, config.hydra.job.config_name) or f"the sweep's table was not written: {error!r}")

    @classmethod
    def conclude(cls) -> bool:
        """Compare the sweep's finished runs and let go of its folder, or take it back where no run finished.

        Returns
        -------
        bool
            Whether the sweep's folder stays.
        """
        own, cls._sweep = cls._sweep, None
        if own is None:
            return False
        shown, cls._watch = cls._watch, None
        if shown is not None:
            shown.stop()
        runs, judgement = complete(own, time.perf_counter() - cls._started)
        if runs is not None:
            data = _remember(own.folder)
            if cls._holdout is not None:
                memory.keep_holdout(cls._holdout, now())
            print_leaderboard(runs, judgement, own.folder)
            for line in itertools.chain.from_iterable(map(memory.tried_line, data)):
                print(f"Study: {line}")
            if cls._reports:
                write_report(runs, judgement, own)
        elif cls._before is None and not read.finished(own.folder):
            with suppress(OSError):
                (own.folder / ASKED).unlink()  # Hydra's, of this command
            own.take_back()
            return False
        own.finish()
        return True

    @classmethod
    def break_off(cls) -> str | None:
        """Conclude a sweep that broke, and say how to go on with it; what it was first asked still holds."""
        own, before = cls._sweep, cls._before
        if not cls.conclude() or own is None:
            return None
        if before is not None:
            kept = own.folder / ".hydra" / ASKED  # where a table has it
            (kept if kept.exists() else own.folder / ASKED).write_text(before, encoding="utf-8")
        return f"go on with sweep.resume={own.folder}"


def _check_names(config: DictConfig) -> None:
    """Raise InputError where the study is not the name of a folder under results/, or logging would run code."""
    check_logging(plain(config.hydra.job_logging, resolve=True), "hydra.job_logging")
    study = Path(str(config.study))
    if study.is_absolute() or ".." in study.parts or not study.parts:
        raise InputError(f"study={config.study} is not the name of a folder under results/; write study=my_study")


def _check_holdout(config: DictConfig) -> dict | None:
    """Check what is asked of a holdout, and count a look; return what `keep_holdout` takes once runs are finished."""
    if "holdout" not in config:
        return None
    asked = {"holdout": config.holdout, "market": plain(config.market, resolve=True)}
    memory.check_holdout(asked, now())
    return asked


def _remember(sweep: Path) -> list[str]:
    """Add the backtests of a sweep to the memory of what was tried; return on which data."""
    rows = table_store.read_rows(sweep, ["config_hash", "manifest"]) if table_store.is_table(sweep) else None
    if rows is not None:
        made = functools.cache(json.loads)  # rows of one batch share theirs
        found = rows.select("config_hash", "manifest", pl.col("summary").struct.field("sharpe_net")).iter_rows()
        runs = [(made(text) | {"config_hash": key}, {"sharpe_net": sharpe}) for key, text, sharpe in found]
    else:
        manifests = [(folder, read_manifest(folder)) for folder in read.finished(sweep)]
        texts = [(made, read_text(folder, "summary.json", made)) for folder, made in manifests]
        runs = [(made, json.loads(text)) for made, text in texts if text is not None]
    trials = [trial_of(made, summary) for made, summary in runs if "data" in made]  # older ones do not say of which
    memory.remember(trials, sweep.parent.name, now())
    return sorted({trial.data for trial in trials})


def _check_grids(config: DictConfig) -> None:
    """Raise InputError where several grids are asked for at once: Hydra would sweep over their names alone."""
    for word in config.hydra.overrides.task:
        key, _, value = word.partition("=")
        if key.lstrip("+") == "sweep" and "," in value:
            first = value.split(",")[0]
            raise InputError(
                f"{word} asks for several grids; run one at a time, such as sweep={first}, or write their "
                "values on the command line"
            )


def _claimed(config: DictConfig) -> tuple[Claim, str | None]:
    """Claim the folder of a sweep: a new one, or the one that `sweep.resume` goes on with and what it was asked.

    Every launcher composes each job from the overrides that start with `hydra`, so they carry the folder to the jobs.
    """
    fresh = Path(config.hydra.sweep.dir)
    if "sweep" not in config:
        return claim(fresh), None
    kept = config.sweep.store
    if kept not in STORES:
        raise InputError(f"sweep.store={kept} is unknown; choose {' or '.join(STORES)}")
    check_shard(config.sweep.shard, str(config.hydra.launcher._target_))
    if config.sweep.resume is None:
        return claim(fresh), None
    folder = Path(config.sweep.resume).expanduser()
    asked = asked_of(folder)
    if not asked:
        raise InputError(f"sweep.resume={folder} is not the folder of a sweep; give results/<study>/<time>")
    before = asked.get("sweep", {}).get("store", "folders")
    if before != kept:
        raise InputError(f"{folder} is kept as {before}; go on with it by sweep.store={before}")
    own = claim(folder, resume=True)
    _tell_another_grid(asked, config)
    if table_store.is_table(folder):
        complete(own, 0.0)  # adds to the table the rows that an interrupted sweep left beside it
    config.hydra.sweep.dir = str(folder)
    quoted = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    config.hydra.overrides.hydra.append(f"hydra.sweep.dir='{quoted}'")
    return own, OmegaConf.to_yaml(OmegaConf.create(asked))


def _tell_another_grid(before: dict, config) -> None:
    """Say so where a sweep goes on with other words than it was started with: jobs go by number."""
    words = [
        sorted(word for word in asked if not word.startswith("sweep.resume"))
        for asked in (before.get("hydra", {}).get("overrides", {}).get("task", []), config.hydra.overrides.task)
    ]
    if words[0] != words[1]:
        log.warning(
            "resuming with another command: before it was %s; jobs that differ are run again", " ".join(words[0])
        )
