"""python -m engine.run: one backtest, or a sweep with -m, from the configuration to a run folder."""

import time
from os.path import relpath
from pathlib import Path

from engine.command.hydra import asked_files, chosen, in_sweep, start, sweep_folder
from engine.command.markets import open_market
from engine.errors import InputError
from engine.progress import progress_bar


def run(config: dict, folder: Path) -> None:
    """Backtest what the configuration asks for, fill the run folder and print the summary."""
    started = time.perf_counter()
    from engine.backtest import backtest
    from engine.command.backtests import backtest_objects
    from engine.command.memory import keep_holdout, remember
    from engine.runs.claim import run_folder
    from engine.runs.folder import fill, run_files, told, trial_of
    from engine.runs.manifest import config_hash
    from engine.sweep.causality import check_causal
    from engine.sweep.one_job import finished_before, keep_row, leads
    from engine.sweep.run_table import told_by_table

    if not in_sweep() and config["sweep"] != {"store": "folders", "resume": None, "shard": None}:
        raise InputError(
            "sweep.store, sweep.resume and sweep.shard are of sweeps, and this is one run: add -m to the command"
        )
    in_table = told_by_table()
    wanted = backtest_objects(config)  # before the market: a misspelt setting should not have to wait
    market, backend = open_market(config, progress=not in_table)
    check_causal(wanted["strategy"], market, wanted["basket"], config["causality"])
    key = config_hash(config, market)
    if in_sweep() and finished_before(config, folder, key):
        if not in_table:
            print(f"{folder}: finished already")
        return
    cohorts = len(wanted["schedule"].entries(market.dates, wanted["lag"]))
    with progress_bar("Building the trade book", cohorts, wanted=not in_table) as advance:
        result = backtest(market, **wanted, progress=advance)
    if in_sweep() and config["sweep"]["store"] == "table":
        summary = keep_row(result, config, started, key)
    else:
        with run_folder(folder, inside_sweep=in_sweep()) as kept:
            sweep = relpath(sweep_folder(), folder) if in_sweep() else None
            page = not in_sweep() or leads(result, config)
            files, made = run_files(result, 0, config, backend, started, key, sweep, page)
            summary = fill(kept, files, asked_files(), made)
        if not in_sweep():
            remember([trial_of(made, summary)], config["study"], made["finished"])
            keep_holdout(config, made["finished"])
    seconds = time.perf_counter() - started
    if not in_sweep():
        _show(result, summary, config, folder, backend, seconds)
    elif not in_table:
        print(f"{told(folder, summary, seconds)}\n", end="")  # one write: jobs of other processes write there too


def _show(result, summary, config, folder, backend, seconds) -> None:
    from engine.backtest.outcome.wording import hedge_line, limits_line, summary_lines
    from engine.command.memory import remarks
    from engine.report import aligned
    from engine.study.literature import STUDIES, beside_published

    info, dates, basket = result.market.info, result.dates, result.view.basket.label
    print(f"{info.name}: {info.index} against {basket}, {dates[0]} to {dates[-1]}, {len(dates):,} sessions ({backend})")
    print("\n".join(summary_lines(summary, info.currency)))
    for caution in result.cautions():
        print(f"Caution: {caution.text}")
    for remark in remarks(config):
        print(f"Study: {remark}")
    print(f"Capital: {result.capital_convention()}")
    print(hedge_line(result))
    if result.limited is not None:
        print(limits_line(result.limits(), len(result.book.cohorts)))
    if info.notes:
        print(f"Data: {info.source}")
    if result.contracts:
        print(f"Contracts: {result.contracts}")
    if (study := chosen("experiment")) in STUDIES:
        known = STUDIES[study]
        print("", f"{known.title}: {known.sample}", *aligned(beside_published(study, result)), sep="\n")
        print(f"To know: {known.differs}. On other data the numbers need not agree.\n")
    print(f"Took {seconds:.1f} s. Numbers: {folder}")
    if config["report"]["html"]:
        print(f"Report: {folder / 'report.html'}")


def main() -> None:
    """Run the command line."""
    start(run, "backtest")


if __name__ == "__main__":
    main()
