"""python -m engine.run: one backtest, or a sweep with -m, from the configuration to a run folder."""

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

    strategy, parts, lag = choices(config)  # before the market: a misspelt setting should not have to wait
    market, backend = load(config)
    with progress_bar("Building the trade book", len(parts["schedule"].entries(market.dates, lag))) as advance:
        result = backtest(market, strategy, **parts, lag=lag, progress=advance)
    write_run(result, 0, config, folder, backend, started)


def choices(config: dict) -> tuple:
    """Make the strategy, the other objects a backtest takes by group, and the lag, of a configuration."""
    strategy = build(config["strategy"], "strategy")
    return strategy, {name: build(config[name], name) for name in PARTS}, _lag(config["lag"])


def write_run(result, p: int, config: dict, folder: Path, backend: str, started: float) -> None:
    """Fill the run folder of one parameter set of a result, manifest last, and print its summary."""
    from engine.store import write_json, write_manifest

    summary = result.summary(p)
    write_json(folder / "summary.json", summary)
    result.daily(p).write_parquet(folder / "daily.parquet")
    result.ledger(p).write_parquet(folder / "ledger.parquet")
    if config["report"]["html"]:
        from engine.report import write_tearsheet

        write_tearsheet(result, folder / "report.html", p)
    write_manifest(folder, result.market, backend, config["seed"], started)
    _show(result, p, summary, config, folder, backend, time.perf_counter() - started)


def _lag(value) -> int:
    from engine.errors import InputError

    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"lag={value} is not a whole number of sessions")
    return value


def _show(result, p, summary, config, folder, backend, seconds) -> None:
    from engine.report import summary_table

    if in_sweep():  # which ends with a table of all of them
        names = ("pnl_gross", "cost", "pnl_net")
        print(f"{folder}: " + ", ".join(f"{name} {summary[name]:,.0f}" for name in names) + f" ({seconds:.1f} s)")
        return
    info, dates, basket = result.market.info, result.dates, result.view.basket.label
    print(f"{info.name}: {info.index} against {basket}, {dates[0]} to {dates[-1]}, {len(dates):,} sessions ({backend})")
    table = summary_table(summary, info.currency)
    words = max(map(len, table["metric"]))
    numbers = max(map(len, table["value"]))
    for metric, value, unit in table.iter_rows():
        print(f"  {metric:<{words}}  {value:>{numbers}}  {unit}".rstrip())
    print(f"Capital: {result.capital_convention(p)}")
    print(f"Hedged with the {info.hedge_instrument}; forwards: {info.forward_convention}")
    print(f"Took {seconds:.1f} s. Numbers: {folder}")
    if config["report"]["html"]:
        print(f"Report: {folder / 'report.html'}")


def main() -> None:
    """Run the command line."""
    launch(run, "backtest")


if __name__ == "__main__":
    main()
