"""From configuration to a market: its panel, cut to the dates wanted, on the backend chosen."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.command.objects import checked
from engine.errors import InputError

log = logging.getLogger(__name__)

LOADER = "engine.data.load_market"

if TYPE_CHECKING:
    import polars as pl

    from engine.data import MarketPanel
    from engine.data.source import Source


def open_market(config: dict, progress: bool = True) -> "tuple[MarketPanel, str]":
    """Load the market of a configuration, cut to its dates, on its backend.

    Returns
    -------
    MarketPanel, str
        The panel and the backend it is on.

    Raises
    ------
    InputError
        When the backend, its budget, the market or its files are not usable, or no session lies in the range of dates.
    """
    from engine.backend import check_memory_budget, resolve
    from engine.data import load_market

    backend = resolve(str(config["backend"]))  # before hours are spent on building a panel
    memory_budget = config.get("memory_budget")
    check_memory_budget(memory_budget)
    dates: dict[str, Any] = {key: _date(config, key) for key in ("start", "end")}
    dates["end"] = _end(config, dates["end"])
    name, settings = _market(config)
    panel = load_market(name, **settings, **dates, progress=progress)
    _tell_of_empty_holdout(config, panel)
    return (panel.to(backend, memory_budget) if backend == "cupy" else panel), backend


def built_panel(config: dict) -> Path:
    """Return the folder of a configuration's panel, which is built if need be."""
    from engine.data import build_panel

    name, settings = _market(config)
    return build_panel(name, **settings)


def market_source(config: dict) -> "Source":
    """Return the source of a configuration's market, to ask what it offers beside the panel; nothing is built."""
    from engine.data import find_source

    name, settings = _market(config)
    path, _ = settings.pop("path"), settings.pop("as_of")
    return find_source(name, path, settings)


def rows_read(config: dict) -> "pl.DataFrame | None":
    """Return the rows that a configuration's market was built from: kept, or dropped and why."""
    from engine.data import load_quality

    return load_quality(built_panel(config))


def _market(config: dict) -> tuple[str, dict]:
    """Name of the market and what its source is to be told, its path among it; each setting is checked."""
    from engine.data.load import source_kind
    from engine.data.vendors.auto import AUTO, resolved

    market = config["market"]
    if market["_target_"] != LOADER:
        raise InputError(f"market._target_={market['_target_']} loads no market: leave it as {LOADER}")
    settings = {key: value for key, value in market.items() if key not in ("_target_", "name", "path")}
    name, as_of = market["name"], settings.pop("as_of", None)
    if name == AUTO:
        name, settings = resolved(market["path"], settings)
    source = source_kind(name)
    settings = {key: checked(source, key, value, "market") for key, value in settings.items()}
    return name, {"path": market["path"], "as_of": None if as_of is None else str(as_of), **settings}


def _end(config: dict, asked: str | None) -> str | None:
    """Return the last date that may be seen: sessions that are held out are left out, and that is said."""
    import datetime

    from engine.command.memory import kept_back

    if "holdout" not in config or (first := kept_back(config, config["market"])) is None:
        return asked
    if asked is not None and asked >= first:
        raise InputError(f"end={asked}: sessions from {first} on are held out; end before, or look by holdout=open")
    if asked is None:
        log.warning("market %s: sessions from %s on are held out", config["market"]["name"], first)
        return str(datetime.date.fromisoformat(first) - datetime.timedelta(days=1))
    return asked


def _tell_of_empty_holdout(config: dict, panel: "MarketPanel") -> None:
    """Say where data end well before what is held out: there is nothing to look at later."""
    import numpy as np

    from engine.calendar import read_date
    from engine.command.memory import OPEN

    asked = config.get("holdout")
    if asked in (None, OPEN) or config.get("end") is not None:
        return
    first, last = read_date(asked, "holdout"), panel.dates[-1]
    if first - last > np.timedelta64(7, "D"):  # a week without a session is a hole
        log.warning("holdout=%s lies after the data, which end on %s: no session is held out so far", first, last)


def _date(config: dict, key: str) -> str | None:
    from engine.calendar import read_date

    return None if config[key] is None else str(read_date(config[key], key))
