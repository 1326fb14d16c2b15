"""The commands, run as a user runs them: in a process and a folder of their own, or in this one to be watched."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from tests.session import shared_folder

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Ended:
    """What is left of a command: its exit code, what it printed, and where it ran."""

    code: int
    out: str
    err: str
    place: Path

    @property
    def folders(self) -> list[Path]:
        """Run folders, complete or not."""
        return sorted(found.parent for found in self.place.glob("results/**/.hydra"))

    def refuses(self, *words: str) -> None:
        """Assert that it ended with one clear message holding the words, and left nothing behind."""
        assert self.code == 2, self.err
        assert "Traceback" not in self.err
        told = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(told) == 1, self.err
        for word in words:
            assert word in told[0]
        assert not self.folders
        assert not list(self.place.glob("results/*/*"))


@pytest.fixture(scope="session")
def panels(tmp_path_factory) -> Path:
    """Built panels, shared by every command of the session."""
    return shared_folder(tmp_path_factory, "panels")


@pytest.fixture(scope="session")
def command(panels):
    """Run `python -m engine.<name> ...` in a folder and return what is left of it."""

    def run(name: str, *options: str, place: Path, cache: Path = panels, first: Path | None = None) -> Ended:
        places = ([first] if first else []) + [ROOT, ROOT / "engine" / "plugins"]
        path = os.pathsep.join(map(str, places))
        environment = os.environ | {"DISPERSION_CACHE": str(cache), "PYTHONPATH": path}
        environment.pop("HYDRA_FULL_ERROR", None)
        ended = subprocess.run(
            [sys.executable, "-m", f"engine.{name}", *options],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr, place)

    return run


@pytest.fixture(scope="session")
def sweep_here(panels):
    """Run `python -m engine.run -m ...` in this process, in a folder, and return the folder of the sweep."""
    import engine.run

    def run(*options: str, place: Path) -> Path:
        place.mkdir(exist_ok=True)
        with pytest.MonkeyPatch.context() as here:
            here.chdir(place)
            here.setenv("DISPERSION_CACHE", str(panels))
            here.setenv("HYDRA_FULL_ERROR", "")
            here.setattr(sys, "argv", ["run", "-m", *options])
            engine.run.main()
        (found,) = place.glob("results/*/*")
        return found

    return run


@pytest.fixture(scope="session")
def same_runs():
    """Assert that two sweeps hold the same runs: equal tables and, where they are kept, equal folders."""

    def check(one: Path, other: Path) -> None:
        frames = [pl.read_parquet(folder / "runs.parquet") for folder in (one, other)]
        numbers = [frame["run"].str.split("/").list.last().to_list() for frame in frames]
        assert numbers[0] == numbers[1]
        assert frames[0].drop("run").equals(frames[1].drop("run"), null_equal=True)
        files = [
            {str(file.relative_to(folder)): file for file in folder.glob("[0-9]*/**/*") if file.is_file()}
            for folder in (one, other)
        ]
        if not all(files):
            return
        assert files[0].keys() == files[1].keys()
        for name, file in files[0].items():
            if name.endswith(".parquet"):
                assert pl.read_parquet(file).equals(pl.read_parquet(files[1][name]), null_equal=True), name
            elif name.endswith("summary.json"):
                assert file.read_text() == files[1][name].read_text()
            elif name.endswith("overrides.yaml"):  # but for how the sweep is run and kept
                asked = [
                    [word for word in at.read_text().splitlines() if not word.startswith("- sweep.")]
                    for at in (file, files[1][name])
                ]
                assert asked[0] == asked[1]

    return check
