"""Install, backtest and test fresh copies of the checkout: every Python, the newest and the oldest packages.

    make matrix                                       # all Pythons found, both sets of packages
    make matrix MATRIX=3.13,/opt/python/bin/python3   # these
    .venv/bin/python tests/matrix.py oldest           # only the oldest packages that pyproject.toml allows

A table of what ran is printed as it grows; the exit code is 1 where anything failed. What failed stays, with its logs.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
# Hydra's parser has no wheel, so that one is built.
RESOLUTIONS = {
    "newest": (),
    "oldest": ("--resolution", "lowest-direct", "--only-binary", ":all:", "--no-binary", "antlr4-python3-runtime"),
}
SHOWN = ("numpy", "polars", "pandas", "hydra-core")
# What could lead a copy back to this checkout or its packages.
INSIDE = ("PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL", "MATRIX")
OUTSIDE = {name: value for name, value in os.environ.items() if name not in INSIDE}
COLUMNS = "| Python | packages | install | `make backtest` | `make test` | tests |\n|---|---|---:|---:|---:|---|"


def main() -> int:
    """Run all that was asked for, and return the exit code."""
    asked = [word for word in sys.argv[1:] if word in RESOLUTIONS] or list(RESOLUTIONS)
    pythons = [python for word in wanted() if (python := working(word))]
    place = Path(tempfile.mkdtemp(prefix="dispersion-matrix-"))
    if (ROOT.parent / "shared").exists():  # real files that tests read
        (place / "shared").symlink_to((ROOT.parent / "shared").resolve())
    print(COLUMNS, flush=True)
    failed = False
    for number, (python, packages) in enumerate(product(pythons, asked)):
        row, passed = tried(python, packages, place / f"{packages}-{number}")
        print(row, flush=True)
        failed |= not passed
    if failed:
        print(f"Logs: {place}/*/*.log")
    else:
        shutil.rmtree(place)
    return int(failed or not pythons)


def wanted() -> list[str]:
    """Return the Pythons to look for: those of MATRIX, else each version's first, on PATH or kept by pyenv."""
    if chosen := os.environ.get("MATRIX"):
        return chosen.split(",")
    return list(VERSIONS)


def working(word: str) -> str | None:
    """Return a Python that runs, of a version or at a path; None where there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    kept = sorted(map(str, pyenv.glob(f"{word}.*/bin/python")), reverse=True)
    found = [word] if "/" in word else [f"python{word}", *kept]
    for python in found:
        path = shutil.which(python)
        if path and not subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode:
            return path
    return None


def tried(python: str, packages: str, copy: Path) -> tuple[str, bool]:
    """Install, backtest and test in a fresh copy; return its row of the table and whether all went well."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    uv, there = [sys.executable, "-m", "uv"], str(copy / ".venv" / "bin" / "python")
    steps = {
        "install": [
            [*uv, "venv", "--seed", "--python", python, str(copy / ".venv")],
            [*uv, "pip", "install", "--python", there, *RESOLUTIONS[packages], "--editable", ".[dev]"],
            [there, "-m", "pip", "check"],
            ["touch", ".venv/.created", ".venv/.runtime", ".venv/.dev"],
        ],
        "backtest": [["make", "backtest"]],
        "test": [["make", "test", *(["TYPES=no"] if packages == "oldest" else [])]],
    }
    times, passed, summary = [], True, ""
    for step, commands in steps.items():
        started = time.perf_counter()
        with open(copy / f"{step}.log", "w+", encoding="utf-8") as log:
            for command in commands:
                passed = (
                    passed
                    and not subprocess.run(
                        command, cwd=copy, env=OUTSIDE, stdout=log, stderr=subprocess.STDOUT, check=False
                    ).returncode
                )
            log.seek(0)
            summary = (re.findall(r"^.*\d+ passed.*$", log.read(), re.MULTILINE) or ["did not end"])[-1].strip(" =")
        times.append(f"{time.perf_counter() - started:.0f} s" if passed else "failed")
        if not passed:
            break
    times += ["-"] * (len(steps) - len(times))
    version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.split()[-1]
    return f"| {version} | {packages}: {installed(there)} | {' | '.join(times)} | {summary} |", passed


def installed(python: str) -> str:
    """Return the versions that tell most about a set of packages."""
    ask = "import sys, importlib.metadata as m; print(', '.join(f'{n} {m.version(n)}' for n in sys.argv[1:]))"
    told = subprocess.run([python, "-c", ask, *SHOWN], capture_output=True, text=True, check=False)
    return told.stdout.strip() or "not installed"


if __name__ == "__main__":
    sys.exit(main())
