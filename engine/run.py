"""python -m engine.run: one backtest, or a sweep with -m, from the configuration to a run folder."""

import sys
import time
from contextlib import contextmanager
from pathlib import Path

from engine.config import build, in_sweep, launch, load
from engine.correlate import basket_name

# The groups whose objects backtest() takes by name.
PARTS = ("basket", "structure", "sizing", "schedule", "exits", "hedge", "costs")


def run(config: dict, folder: Path) -> None:
    """Backtest what the configuration asks for, fill the run folder and print the summary."""
    started = time.perf_counter()
    from engine.backtest import backtest
    from engine.store import write_json, write_manifest

    strategy = build(config["strategy"], "strategy")  # before the market: a misspelt setting should not have to wait
    parts = {name: build(config[name], name) for name in PARTS}
    lag = _lag(config["lag"])
    market, backend = load(config)
    with _bar("Building the trade book", len(parts["schedule"].entries(market.dates, lag))) as advance:
        result = backtest(market, strategy, **parts, lag=lag, progress=advance)

    summary = result.summary()
    write_json(folder / "summary.json", summary)
    result.daily().write_parquet(folder / "daily.parquet")
    result.ledger().write_parquet(folder / "ledger.parquet")
    if config["report"]["html"]:
        from engine.report import write_tearsheet

        write_tearsheet(result, folder / "report.html")
    write_manifest(folder, market, backend, config["seed"], started)
    _show(result, summary, config, folder, backend, time.perf_counter() - started)


def _lag(value) -> int:
    from engine.errors import InputError

    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"lag={value} is not a whole number of sessions")
    return value


def _show(result, summary, config, folder, backend, seconds) -> None:
    from engine.report import summary_table

    if in_sweep():  # which ends with a table of all of them
        names = ("pnl_gross", "cost", "pnl_net")
        print(f"{folder}: " + ", ".join(f"{name} {summary[name]:,.0f}" for name in names) + f" ({seconds:.1f} s)")
        return
    info, dates, basket = result.market.info, result.dates, basket_name(result.view.basket)
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


@contextmanager
def _bar(words: str, total: int):
    """Show a bar on a terminal's stderr, gone when done; what it gives moves it by a count."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    silent = not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=silent) as progress:
        task = progress.add_task(words, total=total)
        yield lambda count: progress.advance(task, count)


def main() -> None:
    """Run the command line."""
    launch(run, "backtest")


if __name__ == "__main__":
    main()
