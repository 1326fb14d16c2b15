"""A study's memory: every setting tried on a market, and sessions that are held out until somebody looks at them.

Both are lines of `results/trials.jsonl`, added under a lock and never changed, so that they outlive the runs.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from engine.calendar import read_date
from engine.command.memory_lines import HELD_OUT, LOOKED, TRIED, add, lines_of
from engine.errors import InputError
from engine.selection import expected_best_sharpe

OPEN = "open"
FEWEST = 5  # settings from which on it is worth saying what luck would show


@dataclass(frozen=True)
class Trial:
    """One setting and what it came to.

    Parameters
    ----------
    data : str
        Which market, as `data_of`.
    market : str
    setting : str
        Hash of its configuration.
    sharpe : float or None
        Net, a year.
    """

    data: str
    market: str
    setting: str
    sharpe: float | None


@dataclass(frozen=True)
class Tried:
    """What was tried on a market so far.

    Parameters
    ----------
    settings : int
        Different ones, over all studies.
    by_luck : float
        Net Sharpe ratio a year that the best of as many shows by luck, were they independent; NaN of fewer than two.
    """

    settings: int
    by_luck: float


@dataclass(frozen=True)
class Holdout:
    """Sessions of a market that are held out.

    Parameters
    ----------
    first : str
        ISO date from which on.
    since : str
        When that was said.
    looks : int
        How often they were looked at.
    """

    first: str
    since: str
    looks: int


def data_of(market: dict[str, Any]) -> str:
    """Return which data the settings of a market name, whatever is cut out of them.

    Examples
    --------
    >>> data_of({"name": "nse", "path": "a"}) == data_of({"path": "./a", "name": "nse"})
    True
    >>> data_of({"name": "nse", "path": "a"}) == data_of({"name": "nse", "path": "b"})
    False
    """
    path = market.get("path")
    named = dict(market) | ({"path": os.path.abspath(os.path.expanduser(str(path)))} if path else {})
    return hashlib.sha256(json.dumps(named, sort_keys=True, default=str).encode()).hexdigest()[:16]


def remember(trials: Iterable[Trial], study: str, when: str) -> None:
    """Add settings that were tried, a line per market."""
    by_market: dict[tuple[str, str], list[Trial]] = {}
    for trial in trials:
        by_market.setdefault((trial.data, trial.market), []).append(trial)
    lines = [
        {
            "what": TRIED,
            "data": data,
            "market": market,
            "study": study,
            "when": when,
            "settings": [trial.setting[:16] for trial in of],
            "sharpe": [None if trial.sharpe is None else round(trial.sharpe, 6) for trial in of],
        }
        for (data, market), of in by_market.items()
    ]
    add(lines)


def tried(data: str) -> Tried:
    """Return what was tried on a market so far; a setting that was run again counts once, as it came out last."""
    last: dict[str, float | None] = {}
    for line in lines_of(TRIED, data):
        last.update(zip(line["settings"], line["sharpe"], strict=True))
    known = [sharpe for sharpe in last.values() if sharpe is not None and math.isfinite(sharpe)]
    if len(known) < 2:
        return Tried(len(last), math.nan)
    mean = sum(known) / len(known)
    variance = sum((sharpe - mean) ** 2 for sharpe in known) / (len(known) - 1)
    return Tried(len(last), expected_best_sharpe(variance, len(last)))


def holdout(data: str) -> Holdout | None:
    """Return what is held out of a market, None where nothing is."""
    said = list(lines_of(HELD_OUT, data))
    if not said:
        return None
    first = min(said, key=lambda line: line["first"])
    return Holdout(first["first"], first["when"], sum(1 for _ in lines_of(LOOKED, data)))


def hold_out(data: str, market: str, first: str, when: str) -> None:
    """Hold the sessions of a market out from a date on.

    Raises
    ------
    InputError
        Where they are held out from an earlier date on already.
    """
    known = holdout(data)
    _refuse_later(known, first)
    if known is None or known.first != first:
        add([{"what": HELD_OUT, "data": data, "market": market, "first": first, "when": when}])


def look(data: str, market: str, when: str) -> Holdout:
    """Count a look at what is held out of a market; return it, this look included.

    Raises
    ------
    InputError
        Where nothing is.
    """
    if holdout(data) is None:
        raise InputError(f"holdout=open: nothing of market {market} is held out; hold sessions out by holdout=DATE")
    add([{"what": LOOKED, "data": data, "market": market, "when": when}])
    found = holdout(data)
    assert found is not None
    return found


def kept_back(config: dict, market: dict) -> str | None:
    """Return the first date that a configuration may not see, None where it may see all: what it, or another, held out.

    Parameters
    ----------
    config : dict
        With `holdout`: null, a date, or open.
    market : dict
        Its settings of the market.
    """
    asked = config.get("holdout")
    if asked == OPEN:
        return None
    known = holdout(data_of(market))
    dates = [] if known is None else [known.first]
    if asked is not None:
        dates.append(str(read_date(asked, "holdout")))
    return min(dates, default=None)


def check_holdout(config: dict, when: str) -> None:
    """Count a look where a configuration asks for one, and refuse a date that would open what is held out."""
    asked, market = config.get("holdout"), config["market"]
    if asked == OPEN:
        look(data_of(market), str(market["name"]), when)
    elif asked is not None:
        _refuse_later(holdout(data_of(market)), str(read_date(asked, "holdout")))


def keep_holdout(config: dict, when: str) -> None:
    """Hold sessions out from now on where a configuration that was run asks for it; a run that fails holds none out."""
    asked, market = config.get("holdout"), config["market"]
    if asked not in (None, OPEN):
        hold_out(data_of(market), str(market["name"]), str(read_date(asked, "holdout")), when)


def remarks(config: dict) -> list[str]:
    """Return what whoever reads a run has to know of its study: its note, what was tried, what was looked at."""
    said = [str(config["note"])] if config.get("note") else []
    data = data_of(config["market"])
    held, first = holdout(data), kept_back(config, config["market"])
    if held is not None and config.get("holdout") == OPEN:
        said.append(f"Look {held.looks} at sessions from {held.first} on, held out since {held.since[:10]}")
    elif first is not None:
        looks = f", {held.looks} looks at them so far" if held is not None and held.looks else ""
        said.append(f"Without sessions from {first} on, which are held out{looks}")
    return said + tried_line(data)


def tried_line(data: str) -> list[str]:
    """Return a sentence on what was tried on a market so far; none while that is little."""
    so_far = tried(data)
    if so_far.settings < FEWEST:
        return []
    luck = f"; the best of as many shows a net Sharpe ratio of {so_far.by_luck:.2f} by luck, were they independent"
    return [f"{so_far.settings:,} settings were tried on this data so far{luck if so_far.by_luck > 0.0 else ''}"]


def _refuse_later(known: Holdout | None, first: str) -> None:
    if known is not None and known.first < first:
        raise InputError(
            f"holdout={first}: sessions from {known.first} on are held out since {known.since}, and a later date would "
            "open some; holdout=open looks at all of them, and is counted"
        )
