"""The folder of one run: what is written into it, manifest last, and whether it is whole."""

import json
from pathlib import Path

import polars as pl

from engine.runs.manifest import manifest, write_json


def write_run(result, p: int, config: dict, folder: Path, backend: str, started: float, config_hash: str) -> dict:
    """Fill the folder of one parameter set of a result, manifest last, and return its summary."""
    summary = result.summary(p)
    write_json(folder / "summary.json", summary)
    result.daily(p).write_parquet(folder / "daily.parquet")
    result.ledger(p).write_parquet(folder / "ledger.parquet")
    if config["report"]["html"]:
        from engine.report import write_tearsheet

        write_tearsheet(result, folder / "report.html", p)
    made = manifest(result.market, backend, config["seed"], started, config_hash=config_hash)
    write_json(folder / "manifest.json", made)
    return summary


def is_finished(folder: Path, config: dict, config_hash: str) -> bool:
    """Tell whether a folder holds, whole, the run that this configuration would make again."""
    try:
        made = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        for name in ("daily", "ledger"):
            pl.read_parquet_schema(folder / f"{name}.parquet")
    except (OSError, ValueError, pl.exceptions.PolarsError):
        return False
    return made.get("config_hash") == config_hash and (
        not config["report"]["html"] or (folder / "report.html").exists()
    )


def clear(folder: Path) -> None:
    """Remove what an earlier attempt at a run left, its manifest first."""
    for path in sorted(folder.glob("*"), key=lambda path: path.name != "manifest.json"):
        if path.is_file():
            path.unlink()


def told(folder: Path, summary: dict, seconds: float) -> str:
    """Return the line printed for one finished job of a sweep."""
    names = ("pnl_gross", "cost", "pnl_net")
    return f"{folder}: " + ", ".join(f"{name} {summary[name]:,.0f}" for name in names) + f" ({seconds:.1f} s)"
