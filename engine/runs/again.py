"""Runs made again: a folder keeps no book, and a table no days, but all that it takes to come to the same ones."""

import functools
import json
from typing import TYPE_CHECKING, Any

import polars as pl

from engine.errors import InputError

if TYPE_CHECKING:
    from engine.backtest import BacktestResult
    from engine.data.panel import MarketPanel
    from engine.runs.read import Run

TOLD = ("pnl_gross", "cost", "pnl_net")  # by which a result is known to be the one that the table has
ROUNDING = 1e-6  # of the larger of gross P&L and cost: a batch adds up in another order, a device too
TABLES = ("daily", "ledger")
DATA = ("market", "start", "end", "holdout", "backend", "memory_budget")  # settings that decide the panel


@functools.lru_cache(maxsize=2)  # a run is asked for its days, then its ledger
def made_again(run: "Run") -> "BacktestResult":
    """Backtest what a run was asked.

    Raises
    ------
    InputError
        When the data are not there, or not as they were; or when its numbers do not come out.
    """
    from engine.backtest import backtest
    from engine.command.backtests import backtest_objects

    try:
        config = resolved(run.config)
        wanted = backtest_objects(config)
        market = _market(json.dumps({key: config[key] for key in DATA if key in config}))
    except InputError as error:
        raise InputError(f"{_told(run)}: {error}") from error
    if market.content_hash != run.manifest["panel_hash"]:
        raise InputError(
            f"{_told(run)}: the data of {market.info.name} are no longer those that it was run on, or some of "
            "their sessions are held out by now; run it again"
        )
    result = backtest(market, **wanted)
    _check(run, result.summary())
    return result


def resolved(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration in which keys that stand for others, as `market.seed` for `seed`, have their values."""
    from omegaconf import OmegaConf

    from engine.command.hydra import plain

    return plain(OmegaConf.create(config), resolve=True)


def frame_again(run: "Run", name: str) -> pl.DataFrame:
    """Return the table `name` of a row's run, as its folder would have held it.

    Raises
    ------
    InputError
        As `made_again`, and when a run that is made again has no such table.
    """
    if name not in TABLES:
        raise InputError(f"{run.folder} is a row of a table and has no {name}; of it there are {' and '.join(TABLES)}")
    return getattr(made_again(run), name)()


@functools.lru_cache(maxsize=1)
def _market(config: str) -> "MarketPanel":
    from engine.command.markets import open_market

    return open_market(json.loads(config), progress=False)[0]


def _told(run: "Run") -> str:
    if run.in_table:
        return f"{run.folder} is a row of a table, and its days cannot be made again"
    return f"{run.folder} cannot be run again"


def _check(run: "Run", made: dict[str, Any]) -> None:
    scale = max(abs(made["pnl_gross"]), abs(made["cost"]))
    for name in TOLD:
        if not abs(made[name] - run.summary[name]) <= ROUNDING * scale:
            raise InputError(
                f"{_told(run)}: {name} comes to {made[name]:,.2f}, and is kept as {run.summary[name]:,.2f}. "
                "This engine or a file that the settings name is not the one that it was run with; run it again"
            )
