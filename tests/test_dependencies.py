"""Every import is a declared dependency, every dependency is imported, and what is installed fits together."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OWN = sorted(
    {file.stem for file in (ROOT / "tests").rglob("*.py")} | {"tests", "engine", "strategies", "hydra_plugins"}
)


def told(*words: str) -> str:
    """Run a tool's module in the checkout, and return what it says where it finds something wrong."""
    if importlib.util.find_spec(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    ended = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return (ended.stdout + ended.stderr) * (ended.returncode != 0)


def test_what_the_engine_imports_is_declared_and_the_other_way_round():
    assert told("deptry", "engine", "strategies") == ""


def test_what_the_tests_import_is_declared():
    own = [word for name in OWN for word in ("--known-first-party", name)]
    # Tests may use the tools of the dev extra (DEP004), and need not use all of them (DEP002).
    assert told("deptry", "tests", "--exclude", r"\.venv", "--ignore", "DEP002,DEP004", *own) == ""


def test_what_is_installed_fits_together():
    assert told("pip", "check") == ""
