"""The history of a device's benchmarks: one line of JSON per run, added at the end of a file and never rewritten.

The file beside the numbers, `<name>.json`, holds only the latest run; `<name>.history.jsonl` holds the figures of all.
"""

import json
from datetime import datetime
from pathlib import Path

import polars as pl

from engine.benchmark.tables import amount
from engine.errors import InputError

ENDING = ".history.jsonl"
KEPT = ("finished", "git_commit", "git_dirty", "benchmark", "device", "backend", "kernels", "versions", "limits")
KEPT_OF_CASE = ("unit", "rate", "limit", "share_of_limit")
LIMITS = {"memory": "bytes_per_second", "arithmetic": "multiply_adds_per_second"}


def entry(result: dict) -> dict:
    """Return what the history keeps of a benchmark: when, of which commit, on what, its limits, rates and figures."""
    return {
        **{key: result[key] for key in KEPT},
        "cases": {row["name"]: {key: row[key] for key in KEPT_OF_CASE} for row in result["cases"]},
        "figures": result["figures"],
        "peak_memory_mb": result["peak_memory_mb"],
        "seconds": result["seconds"],
    }


def append(path: Path, result: dict) -> None:
    """Add a benchmark to the end of a history; the file is made if it is not there."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry(result), allow_nan=False) + "\n")


def read(path: Path) -> list[dict]:
    """Return the runs of a history, oldest first.

    Raises
    ------
    InputError
        For a line that is not a run, such as one that a merge left behind.
    """
    runs = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            run = json.loads(line)
        except json.JSONDecodeError:
            run = None
        if not (isinstance(run, dict) and {*KEPT, "cases"} <= run.keys()):
            raise InputError(f"{path} line {number} is not a run of the benchmark as JSON; remove or mend that line")
        runs.append(run)
    return sorted(runs, key=lambda run: datetime.fromisoformat(run["finished"]))


def speeds(runs: list[dict]) -> pl.DataFrame:
    """Return the speed of every case in every run as a multiple of the first run that has the case.

    A shared machine is not equally fast at all times. So beside each speed stands `machine`, the machine's own limit
    as a multiple of what it was then. The plain loops are left out: they do not change with the engine.

    Returns
    -------
    frame
        Per run and case: run (position), commit, finished, case, unit, limit ("memory" or "arithmetic"), rate
        (units per second), share_of_limit, speed, machine (both 1 at first).
    """
    first: dict[str, tuple] = {}
    rows = []
    for position, run in enumerate(runs):
        for name, case in run["cases"].items():
            if "loop" in name:
                continue
            limit = run["limits"][LIMITS[case["limit"]]]
            rate_at_first, limit_at_first = first.setdefault(name, (case["rate"], limit))
            rows.append(
                {
                    "run": position,
                    "commit": commit(run),
                    "finished": run["finished"],
                    "case": name,
                    "unit": case["unit"],
                    "limit": case["limit"],
                    "rate": case["rate"],
                    "share_of_limit": case["share_of_limit"],
                    "speed": case["rate"] / rate_at_first,
                    "machine": limit / limit_at_first,
                }
            )
    return pl.DataFrame(rows)


def commit(run: dict) -> str:
    """Return the commit measured, short, with a + where the files were not as committed.

    Examples
    --------
    >>> commit({"git_commit": "9cacecd84e32a708", "git_dirty": True}), commit({"git_commit": None, "git_dirty": None})
    ('9cacecd+', 'unknown')
    """
    return "unknown" if run["git_commit"] is None else run["git_commit"][:7] + "+" * bool(run["git_dirty"])


def changes(runs: list[dict]) -> pl.DataFrame:
    """Return, for every case of the latest run, its rate and how many times as fast it is as before and at first."""
    frame = speeds(runs)
    rows = []
    for (name,), of_case in frame.group_by("case", maintain_order=True):
        latest = of_case.row(-1, named=True)
        if latest["run"] != len(runs) - 1:
            continue  # the latest run no longer has the case
        before = of_case["speed"][-2] if of_case.height > 1 else 1.0
        rows.append(
            {
                "work": name,
                "latest rate": amount(latest["rate"], f"{latest['unit']}/s"),
                "x the run before": latest["speed"] / before,
                "x the first run": latest["speed"],
            }
        )
    return pl.DataFrame(rows)
