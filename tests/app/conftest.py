"""The commands, run as a user runs them: in a process and a folder of their own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


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
    return tmp_path_factory.mktemp("panels")


@pytest.fixture(scope="session")
def command(panels):
    """Run `python -m engine.<name> ...` in a folder and return what is left of it."""

    def run(name: str, *options: str, place: Path, cache: Path = panels) -> Ended:
        path = os.pathsep.join([str(ROOT), str(ROOT / "engine" / "plugins")])
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
