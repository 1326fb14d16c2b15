"""The wheel holds the whole program and runs from any folder, whatever lies in it."""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import copytree, ignore_patterns

import polars as pl
import pytest

from tests.commands import ROOT

SHIPPED = ("engine", "strategies", "configs")
SMALL = ("debug=small", "report=none")
# Nothing of this checkout is found by accident.
OUTSIDE = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DISPERSION_CACHE")}


def missing() -> str | None:
    """What building and installing takes: both work without a network where these are."""
    try:
        known = int(version("setuptools").split(".")[0]) >= 77
    except PackageNotFoundError:
        known = False
    return None if known and importlib.util.find_spec("pip") else "pip and setuptools >= 77 are not installed"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy: setuptools leaves files beside the sources."""
    if reason := missing():
        pytest.skip(reason)
    source = tmp_path_factory.mktemp("source")
    for folder in SHIPPED:
        copytree(ROOT / folder, source / folder, ignore=ignore_patterns("__pycache__", "local"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        (source / file).write_bytes((ROOT / file).read_bytes())
    options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(source / "dist"))
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(source)], check=True)
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory) -> Path:
    """An environment of its own, in a path with a space, that holds the wheel and sees the libraries of this one."""
    place = tmp_path_factory.mktemp("an environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    options = ("--quiet", "--no-deps", "--no-index", "--no-warn-script-location")
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python")]
    subprocess.run([*pip, "install", *options, str(wheel)], check=True, env=OUTSIDE)
    (site,) = place.glob("lib/python*/site-packages")
    libraries = {sysconfig.get_paths()[kind] for kind in ("purelib", "platlib")}
    (site / "libraries.pth").write_text("\n".join(libraries) + "\n")
    return place


@pytest.fixture
def started(installed, tmp_path):
    """Start the console script, or a module of the environment's Python, in a folder; return what it printed."""

    def run(*words: str, script: str = "dispersion") -> str:
        environment = OUTSIDE | {"HOME": str(installed / "home"), "XDG_CACHE_HOME": str(installed / "cache")}
        ended = subprocess.run(
            [installed / "bin" / script, *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run


def shadows(place: Path) -> None:
    """Lay beside the command what would break it if it were taken for the engine's own."""
    (place / "strategies").mkdir()
    (place / "strategies" / "__init__.py").write_text("raise RuntimeError('the strategies of the user')\n")
    (place / "engine.py").write_text("raise RuntimeError('the engine of the user')\n")
    (place / "polars.py").write_text("raise RuntimeError('the polars of the user')\n")


def own_strategy(place: Path) -> None:
    """Lay down a package of the user's with a strategy, and the choice that names it."""
    (place / "desk").mkdir()
    (place / "desk" / "__init__.py").write_text("")
    (place / "desk" / "above.py").write_text(
        """from dataclasses import dataclass, field

from engine.backtest import AbstractStrategy


@dataclass(frozen=True)
class Above(AbstractStrategy):
    level: float = field(default=0.2, metadata={"batch": True})

    def exposure(self, market):
        return 1.0 * (market.implied_correlation(30, 50) > self.level)
"""
    )
    (place / "configs" / "strategy").mkdir(parents=True)
    (place / "configs" / "strategy" / "above.yaml").write_text("_target_: desk.above.Above\nlevel: 0.2\n")


def test_the_wheel_holds_every_file_of_the_program_once_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    expected = {
        str(file.relative_to(ROOT)).removeprefix("engine/plugins/")
        for folder in SHIPPED
        for file in (ROOT / folder).rglob("*")
        if file.suffix in (".py", ".typed", ".cu", ".cuh", ".yaml", ".html", ".css", ".js")
        and "local" not in file.parts
        and file.parent != ROOT / "engine" / "docs"  # the site's, of which nothing runs
    }
    assert len(names) == len(set(names))
    assert {name for name in names if ".dist-info/" not in name} == expected


def test_the_console_script_runs_beside_folders_and_files_of_the_same_names(started, installed, tmp_path):
    shadows(tmp_path)
    out = started("run", *SMALL)
    assert "Net P&L" in out
    assert len(list(tmp_path.glob("results/debug/*/0/manifest.json"))) == 1
    assert list(installed.glob("cache/dispersion-engine/panels/*/panel.json"))
    assert not list(installed.rglob("results"))


def test_a_module_runs_beside_a_folder_named_strategies(started, tmp_path):
    shadows(tmp_path)
    (tmp_path / "engine.py").unlink()  # Python itself imports that one first
    assert "Net P&L" in started("-m", "engine.run", *SMALL, script="python")


def test_correlations_are_measured(started, tmp_path):
    started("correlate", *SMALL)
    (found,) = tmp_path.glob("results/*/*/0/correlation.parquet")
    assert pl.read_parquet(found).height > 0


def test_a_strategy_of_ones_own_is_swept_as_a_batch(started, tmp_path):
    shadows(tmp_path)
    own_strategy(tmp_path)
    options = ("strategy=above", "allow=desk", "strategy.level=0.1,0.9", "hydra/launcher=batch", "sweep.store=table")
    started("run", "-m", *SMALL, *options)
    (found,) = tmp_path.glob("results/debug/*/runs.parquet")
    assert pl.read_parquet(found)["strategy.level"].to_list() == [0.1, 0.9]


def test_the_console_script_tells_its_commands(started):
    out = started()
    for name in ("run", "correlate", "book", "inspect", "verify", "benchmark"):
        assert f"dispersion {name}" in out
        assert f"python -m engine.{name}" in started(name, "--help")
    assert started("--version").startswith("dispersion-engine ")


COMPLETE = """
eval "$(dispersion completion)"
COMP_LINE="$1" COMP_WORDS=($1) COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
_dispersion
echo "${COMPREPLY[*]}"
"""


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("dispersion corr", "correlate"),
        ("dispersion run structure=v", "structure=variance_swap"),
        ("dispersion run hedge=daily_delta hedge.w", "hedge.window="),
        ("dispersion verify results", ""),
    ],
)
def test_the_shell_completes_commands_groups_and_settings(installed, tmp_path, line, offered):
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    environment = OUTSIDE | {"HOME": str(tmp_path), "PATH": f"{installed / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    script = ["bash", "-c", COMPLETE, "bash", line]
    ended = subprocess.run(script, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert offered in ended.stdout.split() or ended.stdout.strip() == offered
