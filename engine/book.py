"""python -m engine.book positions=FILE: the sheet of a real book - greeks, carry, stresses, limits, trades."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from engine.command.hydra import asked_files, start
from engine.command.markets import open_market
from engine.command.objects import build, number
from engine.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from engine.data import MarketPanel

STRATEGY = "strategy"  # as a target: what a backtest of the strategy chosen holds


def book(config: dict, folder: Path) -> None:
    """Mark the positions, fill the run folder and print the sheet."""
    started = time.perf_counter()
    import json

    from engine.backtest import MarketView
    from engine.report import book_report
    from engine.runs.claim import run_folder
    from engine.runs.manifest import manifest
    from engine.study.positions import of_ledger, read_positions, session_of
    from engine.study.sheet import sheet

    if config["positions"] is None:
        raise InputError("a book is of positions: add positions=FILE, of symbol (OSI) and quantity")
    choice, costs = (build(config[name], name, config["allow"]) for name in ("basket", "costs"))
    limits = {
        name: None if limit is None else number(config["limits"], name, float)
        for name, limit in config["limits"].items()
    }
    lot = number(config, "lot", float)
    market, backend = open_market(config)
    session = session_of(market, config["date"])
    positions = read_positions(market, config["positions"], session)
    target, wanted = config["target"], None
    if target == STRATEGY:
        wanted = of_ledger(market, _ledger(config, market), session)
    elif target is not None:
        wanted = read_positions(market, target, session, "target")
    weights = MarketView(market, choice).weights
    found = sheet(market, weights, positions, session, costs, limits, wanted, lot)
    with run_folder(folder) as kept:
        for name, text in asked_files().items():
            kept.write_text(f".hydra/{name}", text)
        for name, frame in found.frames().items():
            kept.write_frame(f"{name}.parquet", frame)
        kept.write_text(
            "sheet.json",
            json.dumps(
                found.totals | {"date": found.date, "breaches": found.breaches, "cautions": found.cautions}, indent=2
            ),
        )
        kept.write_text("report.html", book_report(found, market.info))
        kept.finish(manifest(market, backend, config["seed"], started))
    print(*found.lines(market), f"\nReport: {folder / 'report.html'}\nNumbers: {folder}", sep="\n")


def _ledger(config: dict, market: "MarketPanel") -> "pl.DataFrame":
    """Return the ledger of a backtest of the strategy chosen, made by the code of engine.run."""
    from engine.backtest import backtest
    from engine.command.backtests import GROUPS, backtest_objects
    from engine.sweep.causality import check_causal

    chosen = {name: config[name] for name in (*GROUPS, "lag", "allow")}
    # The limits of the configuration are those of the sheet.
    made = backtest_objects(chosen | {"limits": {"_target_": "engine.backtest.Limits"}, "risk_free": 0.0})
    check_causal(made["strategy"], market, made["basket"], config["causality"])
    return backtest(market, **made).ledger()


def main() -> None:
    """Run the command line."""
    start(book, "book")


if __name__ == "__main__":
    main()
