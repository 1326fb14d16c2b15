"""The folder of one run: the files it holds, how they are written, and whether they are whole."""

import io
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from engine.command.memory import Trial, data_of, remarks
from engine.durable import checksum
from engine.errors import InputError
from engine.runs.claim import Claim, unmark
from engine.runs.leaders import pages_asked
from engine.runs.manifest import as_json, files_read, manifest
from engine.runs.written import read_manifest

if TYPE_CHECKING:
    from engine.backtest import BacktestResult

SCRIPT = "plotly.js"  # beside the runs of a sweep


def run_files(
    result: "BacktestResult",
    p: int,
    config: dict,
    backend: str,
    started: float,
    config_hash: str,
    sweep: str | None = None,
    page: bool = True,
) -> tuple[dict, dict]:
    """Return the files of one parameter set of a result, name to bytes, and the manifest to be written last.

    Parameters
    ----------
    result : BacktestResult
    p : int
        Parameter set.
    config : dict
        Its resolved configuration.
    backend : str
    started : float
        `time.perf_counter()` at the start.
    config_hash : str
        See `engine.runs.manifest.config_hash`.
    sweep : str or None
        The sweep's folder as the run's own sees it, where it is one of many: their reports share its `SCRIPT`.
    page : bool
        Whether it has a report, where reports are asked for.
    """
    files = {
        "summary.json": as_json(with_cautions(result, p)).encode(),
        "daily.parquet": _parquet(result.daily(p)),
        "ledger.parquet": _parquet(result.ledger(p)),
    }
    if result.limited is not None:
        files["limits.parquet"] = _parquet(result.limits(p))
    if config["report"].get("stresses"):
        files["stresses.parquet"] = _parquet(result.stress(p))
    if config["report"]["html"] and page:
        from engine.report import tearsheet

        script = None if sweep is None else f"{sweep}/{SCRIPT}"
        share = bool(config["report"].get("share"))
        known = {"settings": config, "remarks": remarks(config), "share": share}
        files["report.html"] = tearsheet(result, p, script=script, **known).encode()
    more = {"config_hash": config_hash, "holding_sessions": result.book.days, "data": data_of(config["market"])}
    if result.accounts.risk_free:
        more["hurdle"] = float(result.hurdles[p])
    if config.get("note"):
        more["note"] = str(config["note"])
    if read := files_read(config):
        more["files_read"] = read
    return files, manifest(result.market, backend, config["seed"], started, **more)


def with_cautions(result, p: int) -> dict:
    """Return a summary as it is written: the numbers, the codes of what they cannot bear, and the sentences."""
    due = result.cautions(p)
    codes = " ".join(dict.fromkeys(caution.code for caution in due))  # of the notes of a market one
    return result.summary(p) | {"cautions": codes, "caution_lines": [caution.text for caution in due]}


def trial_of(made: dict, summary: dict) -> Trial:
    """Return what is remembered of a run, given its manifest and summary."""
    return Trial(made["data"], made["market"], made["config_hash"], summary["sharpe_net"])


def fill(kept: Claim, files: dict[str, bytes], asked: dict[str, str], manifest: dict) -> dict:
    """Write a run into its folder, what was asked first and the manifest last; return its summary.

    Parameters
    ----------
    kept : Claim
    files, manifest
        As from `run_files`.
    asked : dict of name -> text
        The files of `.hydra/`.
    """
    for name, text in asked.items():
        kept.write_text(f".hydra/{name}", text)
    for name, content in files.items():
        kept.write_bytes(name, content)
    kept.finish(manifest)
    return json.loads(files["summary.json"])


def is_finished(folder: Path, config: dict, config_hash: str) -> bool:
    """Tell whether a job's folder holds, whole, the run that this configuration would make again."""
    try:
        made = read_manifest(folder)
        listed = made.get("files", {})
        whole = all(checksum(folder / name) == known for name, known in listed.items())
    except (OSError, InputError):
        return False
    wanted = {"summary.json", "daily.parquet", "ledger.parquet"}
    if pages_asked(config) == math.inf:  # of fewer it is not known whether this run leads
        wanted.add("report.html")
    found = whole and wanted <= listed.keys() and made.get("config_hash") == config_hash
    if found:
        unmark(folder)
    return found


def told(folder: Path, summary: dict, seconds: float) -> str:
    """Return the line printed for one finished job of a sweep, the codes of its cautions in brackets."""
    names = ("pnl_gross", "cost", "pnl_net")
    numbers = ", ".join(f"{name} {summary[name]:,.0f}" for name in names)
    cautions = f" [{summary['cautions']}]" if summary["cautions"] else ""
    return f"{folder}: {numbers} ({seconds:.1f} s){cautions}"


def _parquet(frame) -> bytes:
    stream = io.BytesIO()
    frame.write_parquet(stream)
    return stream.getvalue()
