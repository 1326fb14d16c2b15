"""python -m engine.run: one backtest, or a sweep with -m, from the configuration to a run folder."""

import shutil
import time
from pathlib import Path

from engine.config import build, in_sweep, launch, load
from engine.progress import progress_bar

# The groups whose objects backtest() takes by name.
PARTS = ("basket", "structure", "sizing", "schedule", "exits", "hedge", "costs")


def run(config: dict, folder: Path) -> None:
    """Backtest what the configuration asks for, fill the run folder and print the summary."""
    started = time.perf_counter()
    from engine.backtest import backtest
    from engine.folders import clear, told, write_run
    from engine.manifest import config_hash

    strategy, parts, lag = choices(config)  # before the market: a misspelt setting should not have to wait
    market, backend = load(config)
    key = config_hash(config, market)
    if in_sweep() and _finished(config, folder, key):
        print(f"{folder}: finished already")
        return
    with progress_bar("Building the trade book", len(parts["schedule"].entries(market.dates, lag))) as advance:
        result = backtest(market, strategy, **parts, lag=lag, progress=advance)
    if in_sweep() and config["sweep"]["store"] == "table":
        _add_to_table(result, config, folder, key, started)
        summary = result.summary()
    else:
        clear(folder)
        summary = write_run(result, 0, config, folder, backend, started, key)
    seconds = time.perf_counter() - started
    if in_sweep():
        print(told(folder, summary, seconds))
    else:
        _show(result, summary, config, folder, backend, seconds)


def choices(config: dict, build=build) -> tuple:
    """Make the strategy, the other objects a backtest takes by group, and the lag, of a configuration."""
    strategy = build(config["strategy"], "strategy")
    return strategy, {name: build(config[name], name) for name in PARTS}, _lag(config["lag"])


def _finished(config: dict, folder: Path, key: str) -> bool:
    """Tell whether the sweep that this job is part of goes on from an earlier one, which has done it."""
    from engine.folders import is_finished

    if config["sweep"]["store"] == "folders":
        return is_finished(folder, config, key)
    plan, table = _row(config, key)
    done = plan.number in table.finished([plan])
    if done:
        shutil.rmtree(folder)
    return done


def _add_to_table(result, config: dict, folder: Path, key: str, started: float) -> None:
    """Keep a run as a row of its sweep's table; the folder that Hydra made for it goes."""
    plan, table = _row(config, key)
    table.keep([plan], table.packed(result, [plan], started))
    table.flush()
    shutil.rmtree(folder)


def _row(config: dict, key: str) -> tuple:
    """What a table is to know of the job that Hydra is running, and the table."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    from engine.compose import Plan
    from engine.table import TableStore

    job = HydraConfig.get()
    asked, choices = (OmegaConf.to_container(node) for node in (job.overrides.task, job.runtime.choices))
    plan = Plan(job.job.num, asked, choices, config, key)
    return plan, TableStore(Path(job.sweep.dir))


def _lag(value) -> int:
    from engine.errors import InputError

    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"lag={value} is not a whole number of sessions")
    return value


def _show(result, summary, config, folder, backend, seconds) -> None:
    from engine.report import summary_table

    info, dates, basket = result.market.info, result.dates, result.view.basket.label
    print(f"{info.name}: {info.index} against {basket}, {dates[0]} to {dates[-1]}, {len(dates):,} sessions ({backend})")
    table = summary_table(summary, info.currency)
    words = max(map(len, table["metric"]))
    numbers = max(map(len, table["value"]))
    for metric, value, unit in table.iter_rows():
        print(f"  {metric:<{words}}  {value:>{numbers}}  {unit}".rstrip())
    print(f"Capital: {result.capital_convention()}")
    print(f"Hedged with the {info.hedge_instrument}; forwards: {info.forward_convention}")
    print(f"Took {seconds:.1f} s. Numbers: {folder}")
    if config["report"]["html"]:
        print(f"Report: {folder / 'report.html'}")


def main() -> None:
    """Run the command line."""
    launch(run, "backtest")


if __name__ == "__main__":
    main()
