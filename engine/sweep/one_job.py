"""One job of a sweep that Hydra runs by itself, not in a batch: whether it is finished, and where it is kept."""

import functools
from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from engine.backtest import BacktestResult
from engine.command.hydra import plain, sweep_folder
from engine.runs.folder import is_finished, with_cautions
from engine.runs.leaders import Leaders, pages_asked
from engine.runs.plan import Plan
from engine.runs.table_store import TableStore


def finished_before(config: dict, folder: Path, config_hash: str) -> bool:
    """Tell whether an earlier sweep, which this one goes on with, has done the job that Hydra is running."""
    if config["sweep"]["store"] == "folders":
        return is_finished(folder, config, config_hash)
    plan, table = _row(config, config_hash)
    return plan.number in table.finished([plan])


@functools.cache
def _leaders(sweep: Path) -> Leaders:
    """Return those of a sweep's jobs that this process has run."""
    return Leaders()


def leads(result: BacktestResult, config: dict) -> bool:
    """Tell whether the job is among those of its sweep that are to have a page, as far as this process knows."""
    return bool(_leaders(sweep_folder()).joined_by(result.summaries["sharpe_net"], pages_asked(config)))


def keep_row(result: BacktestResult, config: dict, started: float, config_hash: str) -> dict:
    """Keep the job's result as a row of the sweep's table; return its summary."""
    plan, table = _row(config, config_hash)
    table.keep([plan], table.packed(result, [plan], started))
    table.flush()
    return with_cautions(result, 0)


def _row(config: dict, config_hash: str) -> tuple[Plan, TableStore]:
    """Return what a table is to know of the job that Hydra is running, and the table."""
    job = HydraConfig.get()
    asked = plain(job.overrides.task)
    taken = plain(job.runtime.choices)
    return Plan(job.job.num, asked, taken, config, config_hash), TableStore(sweep_folder())
