"""Shards of a sweep, run apart by `sweep.shard`, joined to the sweep that one machine would have left."""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from engine.errors import InputError
from engine.progress import progress_bar
from engine.runs import table_store
from engine.runs.claim import MARK, Claim, claim, run_folder
from engine.runs.read import Run, finished, runs_at
from engine.runs.written import written_before
from engine.sweep.conclusion import ASKED, asked_of
from engine.sweep.shards import Shard


@dataclass(frozen=True, eq=False)
class Part:
    """What a shard left.

    Parameters
    ----------
    folder : Path
    shard : Shard
    asked : dict
        The configuration it was started with.
    runs : list of Run
        Those that are finished.
    """

    folder: Path
    shard: Shard
    asked: dict[str, Any]
    runs: list[Run]

    @classmethod
    def at(cls, folder: Path) -> "Part":
        """Read the folder of a shard.

        Raises
        ------
        InputError
            When it is none, is not finished, or is damaged.
        """
        asked = asked_of(folder)
        wanted = asked.get("sweep", {}).get("shard")
        if wanted is None:
            raise InputError(
                f"{folder} is no shard of a sweep; give folders of sweeps that were run with sweep.shard=k/n"
            )
        if (folder / MARK).exists() or (folder / table_store.UNMERGED).exists():
            raise InputError(f"{folder} is not finished; wait for it, or go on with it by sweep.resume={folder}")
        runs = [run for found in finished(folder) for run in runs_at(found) if run.summary]
        if not runs:
            raise InputError(f"{folder} holds no finished run; run this shard again")
        return cls(folder, Shard.of(wanted), asked, runs)

    @property
    def words(self) -> list[str]:
        """What the command asked for, but for the shard and where its results lie."""
        return _without_shard(self.asked["hydra"]["overrides"]["task"])

    @property
    def table(self) -> bool:
        """Whether it is kept as a table."""
        return table_store.is_table(self.folder)

    @property
    def numbers(self) -> list[int]:
        """Numbers of its finished jobs in the whole sweep."""
        return [int(run.folder.name) for run in self.runs]


def merge(folders: Sequence[Path], into: Path) -> tuple[Claim, list[int]]:
    """Join the shards of a sweep in a new folder, whose runs and table are those of the sweep run by one machine.

    The shards stay as they are.

    Parameters
    ----------
    folders : sequence of Path
        Of all the shards, in any order.
    into : Path
        A folder that is new or empty.

    Returns
    -------
    Claim
        Of the new folder, which is to be finished.
    list of int
        Numbers of jobs that are missing before the last that is there: those failed.

    Raises
    ------
    InputError
        When they are not all the shards of one sweep, were run on other data or by other versions, or are damaged.
    """
    parts = sorted((Part.at(folder) for folder in folders), key=lambda part: part.shard.part)
    _check_whole(parts)
    _check_alike(parts)
    if into.exists() and any(into.iterdir()):
        raise InputError(f"{into} is not empty; name a new folder by --into")
    own = claim(into)
    try:
        own.write_text(ASKED, OmegaConf.to_yaml(OmegaConf.create(_asked_of_all(parts[0].asked))))
        if parts[0].table:
            _keep_rows(parts, into)
        else:
            _copy_runs(parts, into)
    except BaseException:
        for name in (table_store.UNMERGED, *(str(number) for part in parts for number in part.numbers)):
            shutil.rmtree(into / name, ignore_errors=True)  # the folder was empty: what has such a name is of this call
        own.take_back()
        raise
    found = {number for part in parts for number in part.numbers}
    return own, sorted(set(range(max(found))) - found)


def _check_whole(parts: list[Part]) -> None:
    """Raise InputError where parts are not each of the shards of one sweep, once."""
    first = parts[0]
    for part in parts[1:]:
        if part.words != first.words or part.shard.parts != first.shard.parts:
            raise InputError(
                f"{part.folder} and {first.folder} are no shards of one sweep: they were asked for "
                f"{' '.join(part.words)} as {part.shard}, and for {' '.join(first.words)} as {first.shard}"
            )
        if part.table != first.table:
            raise InputError(f"{part.folder} and {first.folder} are kept in two ways; run both with one sweep.store")
    places = {part.shard.part: part.folder for part in parts}
    if len(places) < len(parts):
        part = next(part for part in parts if places[part.shard.part] != part.folder)
        raise InputError(f"{part.folder} and {places[part.shard.part]} are both shard {part.shard}; leave one out")
    if missing := sorted(set(range(1, first.shard.parts + 1)) - set(places)):
        listed = ", ".join(f"{number}/{first.shard.parts}" for number in missing[:8])
        more = f" and {len(missing) - 8:,} more" if len(missing) > 8 else ""
        raise InputError(f"shards {listed}{more} are missing; give their folders too, or run them by sweep.shard")
    twice = [number for number, times in Counter(n for part in parts for n in part.numbers).items() if times > 1]
    if twice:
        raise InputError(f"job {min(twice)} is in two of these shards; run them again by one and the same command")


def _check_alike(parts: list[Part]) -> None:
    """Raise InputError where shards took other data for the same market, or other versions."""
    known: dict[Any, tuple[Any, Path]] = {}
    for part in parts:
        for run in part.runs:
            made, config = run.manifest, run.config
            facts = {
                ("versions", "dispersion-engine"): made["versions"].get("dispersion-engine"),
                ("panel", made.get("data"), config.get("start"), config.get("end")): made["panel_hash"],
            }
            for fact, value in facts.items():
                before, place = known.setdefault(fact, (value, part.folder))
                if before != value:
                    what = "versions of this package" if fact[0] == "versions" else f"data of market {made['market']}"
                    raise InputError(f"{place} and {part.folder} were run with different {what}; run one of them again")


def _without_shard(words: Sequence[str]) -> list[str]:
    return [word for word in words if not word.lstrip("+").startswith(("sweep.shard=", "sweep.resume="))]


def _asked_of_all(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what a sweep was asked without the shard, so that `sweep.resume` goes on with all of it."""
    overrides = asked["hydra"]["overrides"]
    hydra = asked["hydra"] | {"overrides": overrides | {"task": _without_shard(overrides["task"])}}
    return asked | {"sweep": asked["sweep"] | {"shard": None, "resume": None}, "hydra": hydra}


def _keep_rows(parts: list[Part], into: Path) -> None:
    (into / table_store.UNMERGED).mkdir()
    for part in parts:
        rows = table_store.read_rows(part.folder)
        assert rows is not None  # its runs were read from them
        table_store.write_table(rows, into / table_store.UNMERGED / f"{part.shard.part}.parquet")


def _copy_runs(parts: list[Part], into: Path) -> None:
    """Copy the folder of each run, every file held to the checksum that its manifest lists."""
    with progress_bar("Copying runs", sum(len(part.runs) for part in parts), unit="runs") as advance:
        for run in (run for part in parts for run in part.runs):
            with run_folder(into / run.folder.name, inside_sweep=True) as kept:
                for name, known in written_before(run.folder).items():
                    with kept.writing(name) as path:
                        shutil.copyfile(run.folder / name, path)
                    if kept.checksums[name] != known:
                        raise InputError(f"{run.folder / name} was changed or damaged after it was written")
                kept.finish({key: value for key, value in run.manifest.items() if key != "files"})
            advance(1)
