"""One job of a sweep that Hydra runs by itself, not in a batch: whether it is finished, and where it is kept."""

import shutil
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from engine.runs.folder import clear, is_finished, write_run
from engine.runs.plan import Plan
from engine.runs.table_store import TableStore


def finished_before(config: dict, folder: Path, config_hash: str) -> bool:
    """Tell whether an earlier sweep, which this one goes on with, has done the job that Hydra is running."""
    if config["sweep"]["store"] == "folders":
        return is_finished(folder, config, config_hash)
    plan, table = _row(config, config_hash)
    done = plan.number in table.finished([plan])
    if done:
        shutil.rmtree(folder)
    return done


def keep(result, config: dict, folder: Path, backend: str, started: float, config_hash: str) -> dict:
    """Keep the job's result in its folder, or as a row of the sweep's table without one; return its summary."""
    if config["sweep"]["store"] == "folders":
        clear(folder)
        return write_run(result, 0, config, folder, backend, started, config_hash)
    plan, table = _row(config, config_hash)
    table.keep([plan], table.packed(result, [plan], started))
    table.flush()
    shutil.rmtree(folder)
    return result.summary()


def _row(config: dict, config_hash: str) -> tuple[Plan, TableStore]:
    """Return what a table is to know of the job that Hydra is running, and the table."""
    job = HydraConfig.get()
    asked = OmegaConf.to_container(job.overrides.task)
    taken = OmegaConf.to_container(job.runtime.choices)
    return Plan(job.job.num, asked, taken, config, config_hash), TableStore(Path(job.sweep.dir))
