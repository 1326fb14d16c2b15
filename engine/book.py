"""python -m engine.book positions=FILE: the sheet of a real book - greeks, carry, stresses, limits, trades."""

import time
from pathlib import Path

from engine.command.hydra import asked_files, start
from engine.command.markets import open_market
from engine.command.objects import build, number
from engine.errors import InputError


def book(config: dict, folder: Path) -> None:
    """Mark the positions, fill the run folder and print the sheet."""
    started = time.perf_counter()
    import json

    from engine.backtest import MarketView
    from engine.runs.claim import run_folder
    from engine.runs.manifest import manifest
    from engine.study.positions import read_positions, session_of
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
    target = None
    if config["target"] is not None:
        target = read_positions(market, config["target"], session, "target")
    weights = MarketView(market, choice).weights
    found = sheet(market, weights, positions, session, costs, limits, target, lot)
    with run_folder(folder) as kept:
        for name, text in asked_files().items():
            kept.write_text(f".hydra/{name}", text)
        for name, frame in found.frames().items():
            kept.write_frame(f"{name}.parquet", frame)
        kept.write_text(
            "sheet.json", json.dumps(found.totals | {"date": found.date, "breaches": found.breaches}, indent=2)
        )
        kept.finish(manifest(market, backend, config["seed"], started))
    print(*found.lines(market), f"\nNumbers: {folder}", sep="\n")


def main() -> None:
    """Run the command line."""
    start(book, "book")


if __name__ == "__main__":
    main()
