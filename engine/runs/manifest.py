"""What made a run: its manifest, and the hash that tells whether it has to be run again."""

import functools
import hashlib
import json
import math
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import kernels
from engine.backend import library
from engine.durable import checksum, put_in_place, sealed
from engine.once import Once
from engine.places import checkout

if TYPE_CHECKING:
    from engine.data import MarketPanel

LIBRARIES = ("dispersion-engine", "numpy", "scipy", "polars", "hydra-core", "ray", "cupy-cuda13x")
# Keys of the configuration that change where and how a run is kept, but none of its numbers.
READ_FILES = ("strategy", "schedule", "basket")  # groups whose settings may name a file
NOT_NUMBERS = frozenset({"hydra", "study", "report", "sweep", "memory_budget", "causality", "allow", "note", "holdout"})


def manifest(panel: "MarketPanel", backend: str, seed: int, started: float, **more: Any) -> dict:
    """Return what made a run: versions, commit, device, panel and time.

    Parameters
    ----------
    panel : MarketPanel
    started : float
        `time.perf_counter()` at the start.
    **more
        Further entries, such as `config_hash`.
    """
    return provenance() | {
        "backend": backend,
        "device": _device(backend),
        "kernels": kernels.usable(library(backend)),
        "dtype": str(panel.component_iv.dtype),
        "market": panel.info.name,
        "currency": panel.info.currency,
        "panel_hash": panel.content_hash,
        "first_session": str(panel.dates[0]),
        "last_session": str(panel.dates[-1]),
        "sessions": len(panel),
        "seed": seed,
        **more,
        "seconds": round(time.perf_counter() - started, 3),
        "peak_memory_mb": peak_memory_mb(),  # of the process: a sweep's later jobs include earlier ones
    }


def provenance() -> dict:
    """Return when, and by which versions and commit, numbers were made."""
    commit, dirty = _git()
    return {
        "finished": now(),
        "python": platform.python_version(),
        "versions": _versions(),
        "git_commit": commit,
        "git_dirty": dirty,
    }


def config_hash(config: dict, panel: Any) -> str:
    """Hash all that decides the numbers of a backtest: its resolved configuration, the panel and the version.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> panel = SimpleNamespace(content_hash="abc")
    >>> config_hash({"lag": 1, "study": "a"}, panel) == config_hash({"study": "b", "lag": 1}, panel)
    True
    >>> config_hash({"lag": 1}, panel) == config_hash({"lag": 2}, panel)
    False
    """
    return config_hashes()(config, panel)


def config_hashes() -> Callable[[dict, Any], str]:
    """Return a `config_hash` for many jobs: what several of them share, files too, is read once."""
    as_text, read = Once(_as_text), {group: Once(_read_files) for group in READ_FILES}
    own = _versions().get("dispersion-engine")
    return lambda config, panel: hash_of(config, panel.content_hash, own, files_read(config, read), as_text)


def hash_of(
    config: dict,
    panel_hash: str,
    version: str | None,
    files: dict[str, str] | None = None,
    as_text: Callable[[Any], str] | None = None,
) -> str:
    """Hash what decided the numbers of a run that another version may have made, from other contents of its files."""
    as_text = as_text or _as_text
    deciding = (f"{as_text(key)}: {as_text(config[key])}" for key in sorted(config.keys() - NOT_NUMBERS))
    made = [f"{{{', '.join(deciding)}}}", *map(_as_text, (panel_hash, version, *([files] if files else [])))]
    return hashlib.sha256(f"[{', '.join(made)}]".encode()).hexdigest()


def files_read(config: dict, read: Mapping[str, Callable[[Any], dict[str, str]]] | None = None) -> dict[str, str]:
    """Return checksums of the files that settings name; a market's are in the hash of its panel."""
    found = {group: (read[group] if read else _read_files)(config.get(group, {})) for group in READ_FILES}
    return {f"{group}.{key}": known for group, files in found.items() for key, known in files.items()}


def _read_files(settings: dict) -> dict[str, str]:
    files = {key: Path(value).expanduser() for key, value in settings.items() if isinstance(value, str) and value}
    return {key: checksum(file) for key, file in files.items() if file.is_file()}


def _as_text(node: Any) -> str:
    return json.dumps(node, sort_keys=True, default=str)


def as_json(content: dict, seal: bool = False) -> str:
    """Return a flat object as JSON text, sealed if asked for; numbers that are not finite become null."""
    plain = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in content.items()
    }
    return json.dumps(sealed(plain) if seal else plain, indent=2, allow_nan=False) + "\n"


def write_json(path: Path, content: dict, seal: bool = False) -> None:
    """Write a flat object as a JSON file, sealed if asked for, whole or not at all."""
    unfinished = path.with_suffix(".part")
    unfinished.write_text(as_json(content, seal), encoding="utf-8")
    put_in_place(unfinished, path)


def now() -> str:
    """Return the current time in the form manifests use."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def peak_memory_mb() -> float:
    """Return the most memory this process has held, in MB.

    Linux tells it in /proc. getrusage, used elsewhere, counts in bytes on macOS, and after a fork it can report the
    parent's memory.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return round(int(line.split()[1]) / 2**10, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round((peak if sys.platform == "darwin" else peak * 1024) / 2**20, 1)


@functools.cache
def _versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@functools.cache
def _git() -> tuple[str | None, bool | None]:
    """Commit of the code and whether it was changed since; None outside a git checkout."""
    project = checkout()
    if project is None or not (project / ".git").exists() or shutil.which("git") is None:
        return None, None

    def ask(*words):  # without writing: a lock left by a process that is killed would stop the user's next commit
        command = ["git", "--no-optional-locks", "-C", str(project), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    commit = ask("rev-parse", "HEAD")
    if commit.returncode:
        return None, None
    return commit.stdout.strip(), bool(ask("status", "--porcelain", "--untracked-files=no").stdout.strip())


def _device(backend: str) -> str:
    if backend == "cupy":
        import cupy

        name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"]
        return name.decode() if isinstance(name, bytes) else str(name)
    return f"{platform.machine()}, {os.cpu_count()} cores"
