"""Two or more runs compared: what they were asked that differs, and what they made of the same sessions."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from engine.command.hydra import plain
from engine.errors import InputError
from engine.progress import progress_bar
from engine.runs.read import Run, load_run, load_runs
from engine.statistics import hac_tstat


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs beside the first of them.

    Parameters
    ----------
    settings : frame
        `setting`, then a column per run: every key of the configuration, and what the market was, where they differ.
    daily : frame
        `date`, then net P&L of each run, in currency; null on sessions that a run does not have.
    difference : frame
        One row per other run: `sessions` that it shares with the first, net P&L of both there, the `difference`, its
        HAC `t`, and the `correlation` of the days.
    """

    settings: pl.DataFrame
    daily: pl.DataFrame
    difference: pl.DataFrame

    def __repr__(self) -> str:
        """What differs, then the difference it made, as aligned tables."""
        from engine.report import aligned

        first = self.daily.columns[1]
        asked = aligned(self.settings) if self.settings.height else ["  nothing: the same configuration and data"]
        made = self.difference.rename({"pnl_net": "net", "pnl_net_first": "net of first", "t": "t (HAC)"})
        return "\n".join(["What differs", *asked, "", f"Net P&L less that of {first}", *aligned(made)])


def compare(runs: pl.DataFrame | Path | str | Iterable[Run | Path | str]) -> Comparison:
    """Compare two or more finished runs with the first of them.

    Parameters
    ----------
    runs : frame or iterable
        As from `load_runs`, or part of it; or runs, or their folders; or what `load_runs` takes as one path or text.

    Raises
    ------
    InputError
        When there are fewer than two, two share no session, or the days of a row of a table cannot be made again.

    Notes
    -----
    A sweep kept as a table keeps no days. Those of its rows are made again, one backtest a row, on the data that the
    row was made from, and refused where gross, cost and net do not come out as the table has them.
    """
    if isinstance(runs, str | Path):
        runs = load_runs(runs)
    found = list(runs["run"]) if isinstance(runs, pl.DataFrame) else list(runs)
    read = [run if isinstance(run, Run) else load_run(run) for run in found]
    if len(read) < 2:
        raise InputError(f"comparing takes two runs or more, {len(read)} given; give load_runs(...) or folders")
    settings = _settings(read)
    names = _names(read)
    if len(set(names)) < len(names):
        raise InputError(f"{next(n for n in names if names.count(n) > 1)} is given twice; compare different runs")
    days, held = [], 0
    with progress_bar("runs read", len(read), wanted=any(run.in_table for run in read), unit="runs") as advance:
        for run, name in zip(read, names, strict=True):
            days.append(run.daily.select("date", pl.col("pnl_net").alias(name)))
            held = max(held, run.holding_sessions)  # beside its days: a row of a table is made again for both
            advance(1)
    daily = days[0]
    for one in days[1:]:
        daily = daily.join(one, on="date", how="full", coalesce=True)
    rows = [_difference(daily, names[0], name, held) for name in names[1:]]
    table = pl.DataFrame(
        {"setting": list(settings)} | {n: [v[i] for v in settings.values()] for i, n in enumerate(names)}
    )
    return Comparison(table, daily.sort("date"), pl.DataFrame(rows))


def _difference(daily: pl.DataFrame, first: str, name: str, held: int) -> dict[str, Any]:
    shared = daily.sort("date").select(first, name).drop_nulls()
    if not shared.height:
        raise InputError(f"{first} and {name} share no session; compare runs on the same dates")
    base, own = (shared[column].to_numpy() for column in (first, name))
    moves = base.std() > 0.0 and own.std() > 0.0
    return {
        "run": name,
        "sessions": shared.height,
        "pnl_net": own.sum(),
        "pnl_net_first": base.sum(),
        "difference": (own - base).sum(),
        "t": hac_tstat(own - base, held),
        "correlation": float(np.corrcoef(base, own)[0, 1]) if moves else float("nan"),
    }


def _names(runs: list[Run]) -> list[str]:
    """The shortest ends of the folders that tell the runs apart, with the sweep's where there are several."""
    parts = [Path(run.folder).parts for run in runs]
    longest = max(map(len, parts))
    shortest = 1 if len({one[:-1] for one in parts}) == 1 else 2
    for length in range(shortest, longest + 1):
        names = ["/".join(one[-length:]) for one in parts]
        if len(set(names)) == len(names):
            return names
    return names


def _settings(runs: list[Run]) -> dict[str, list[str]]:
    """Keys whose values are not the same in all runs, as text; "" where a run has no such key."""
    made = ("market", "panel_hash", "first_session", "last_session", "backend", "dtype")
    flat = [
        _flat({key: value for key, value in _as_run(run).items() if key not in ("study", "sweep", "report")})
        | {f"data: {key}": str(run.manifest.get(key, ""))[:12] for key in made}
        for run in runs
    ]
    keys = dict.fromkeys(key for one in flat for key in one)
    beside = {key: [one.get(key, "") for one in flat] for key in keys}
    return {key: values for key, values in beside.items() if len(set(values)) > 1}


def _as_run(run: Run) -> dict[str, Any]:
    """The configuration with what refers to other keys filled in: a folder has it as asked, a table as it was run."""
    from omegaconf import OmegaConf

    return plain(OmegaConf.create(run.config), resolve=True)


def _flat(settings: dict[str, Any], above: str = "") -> dict[str, str]:
    out: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            out |= _flat(value, f"{above}{key}.")
        else:
            whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
            out[f"{above}{key}"] = str(int(value) if whole else value)  # 1.0 of a default is the 1 that was asked
    return out
