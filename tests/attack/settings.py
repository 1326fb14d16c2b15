"""Settings that nobody would write: each makes an object, or is refused in one line that names it."""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.attack.fuzz import refused_in_time
from tests.attack.outcome import Outcome

VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    7,
    1e308,
    -1e308,
    10**30,
    float("nan"),
    float("inf"),
    -float("inf"),
    0.5,
    1e-320,
    "",
    "0",
    "1",
    "nan",
    "null",
    "true",
    "2024-13-45",
    "2024-01-02",
    "../..",
    "/",
    "~",
    "a" * 400,
    "*",
    "[",
    "${x}",
    "{",
    "}",
    "é",
    "\x00",
    "<script>",
    "os.system",
    [],
    [1],
    [0, -1],
    ["A", "A"],
    {},
    {"a": 1},
    [None],
    [[1]],
    "1,2",
    "=",
    " ",
    "\n",
]
WORDS = [
    "",
    "lag",
    "basket",
    "basket.n",
    "structure.tenor",
    "structure.min_coverage",
    "strategy",
    "strategy.window",
    "start",
    "strategy.enter",
    "costs",
    "costs.index",
    "exits",
    "exits.stop",
    "market",
    "market.years",
    "market.names",
    "end",
    "market.seed",
    "market.tenors",
    "sizing",
    "sizing.index_vega",
    "schedule",
    "hedge",
    "seed",
    "study",
    "backend",
    "memory_budget",
    "risk_free",
    "causality",
    "allow",
    "report.html",
    "sweep",
    "sweep.store",
    "hydra.run.dir",
    "nonsense",
    "market.nonsense",
    "+x",
    "~costs",
    "++lag",
    "hydra/launcher",
    "debug",
    "experiment",
    "--cfg",
    "market.path",
    "a.b.c",
]


def attack(seed: int, tries: int, commands: int) -> list[Outcome]:
    """Try so many settings of objects and of markets, and so many whole command lines."""
    rng = np.random.default_rng(seed)
    return [_objects(rng, tries - tries // 3), _markets(rng, tries // 3), _commands(rng, commands)]


def _value(rng: np.random.Generator) -> Any:
    value = VALUES[int(rng.integers(len(VALUES)))]
    return float(rng.normal(0.0, 10.0 ** int(rng.integers(-3, 9)))) if rng.random() < 0.2 else value


def _objects(rng: np.random.Generator, tries: int) -> Outcome:
    """Classes of every group, with fields of every kind."""
    from dataclasses import fields, is_dataclass

    import engine.backtest
    import engine.correlation
    from engine.command.objects import build

    groups = {
        "basket": ["TopWeights", "AllMembers", "Names", "Liquid", "SectorBalanced", "Tracking", "OwnWeights"],
        "structure": ["Straddle"],
        "sizing": ["VegaNeutral", "ThetaNeutral", "GammaNeutral", "BetaNeutral", "MinimumVariance"],
        "scale": ["PremiumScale", "VegaOfNav", "VolatilityTarget", "StressCap", "MarginScale"],
        "schedule": ["Monthly", "Weekly", "DailyLadder", "OnDates", "Roll"],
        "exits": ["HoldToExpiry", "EarlyExit", "NextEntry"],
        "hedge": ["DailyDelta", "NoHedge", "EveryDays", "DeltaBand", "WhalleyWilmott", "IndexBeta"],
        "costs": ["VolPoints", "NoCosts", "DeskCosts", "BidAsk"],
    }
    known = [
        (group, f"engine.{'correlation' if group == 'basket' else 'backtest'}.{name}", getattr(module, name))
        for group, names in groups.items()
        for module in [engine.correlation if group == "basket" else engine.backtest]
        for name in names
    ]
    outcome = Outcome("settings of objects")
    for number in range(tries):
        group, path, kind = known[int(rng.integers(len(known)))]
        names = [field.name for field in fields(kind)] if is_dataclass(kind) else []
        node: dict[str, Any] = {"_target_": path}
        for _ in range(int(rng.integers(1, 3))):
            name = str(rng.choice([*names, "nonsense"])) if names else "nonsense"
            node[name] = _value(rng)
        if rng.random() < 0.1:
            node["_target_"] = _value(rng)
        problem = refused_in_time(lambda: build(node, group))  # noqa: B023
        outcome.record(problem and f"{group} {node}, try {number}: {problem}")
    return outcome


def _markets(rng: np.random.Generator, tries: int) -> Outcome:
    """Settings of markets, up to the files."""
    from dataclasses import fields

    from engine.data.load import find_source, source_kind
    from engine.data.sources import SOURCES

    outcome = Outcome("settings of markets")
    with tempfile.TemporaryDirectory() as place:
        for number in range(tries):
            market = str(rng.choice([*SOURCES, "nonsense"]))
            names = [f.name for f in fields(source_kind(market)) if f.init] if market in SOURCES else ["years"]
            settings = {str(rng.choice(names)): _value(rng) for _ in range(int(rng.integers(1, 3)))}
            path = settings.pop("path", place if rng.random() < 0.8 else _value(rng))
            problem = refused_in_time(lambda: find_source(market, path, settings))  # noqa: B023
            outcome.record(problem and f"{market} {settings} path={path!r}, try {number}: {problem}")
    return outcome


def _commands(rng: np.random.Generator, tries: int) -> Outcome:
    """Whole command lines, in a process that is kept: a copy of it runs each."""
    from tests.attack.outcome import in_child

    outcome = Outcome("command lines")
    with tempfile.TemporaryDirectory() as place:
        for number in range(tries):
            words = [f"{rng.choice(WORDS)}={_text(_value(rng))}" for _ in range(int(rng.integers(1, 3)))]
            words = [word if rng.random() < 0.95 else word.rstrip("=") for word in words]
            name = str(rng.choice(["run", "run", "correlate"]))
            folder = Path(place) / str(number)
            folder.mkdir()
            small = ["market.years=1", "market.names=6", "basket=all", "report.html=false"][: 4 if name == "run" else 3]
            ended = in_child(lambda: _run(name, [*small, *words], folder, Path(place)), limit=60.0)  # noqa: B023
            line = f"{name} {' '.join(words)}"
            if ended.code in (0, 2) and "Traceback" not in ended.printed:
                outcome.record(None)
            elif ended.code < 0:
                outcome.record(f"{line}: not done after 60 s, or ended by signal {-ended.code}")
            else:
                last = (ended.printed.strip().splitlines() or [""])[-1]
                outcome.record(f"{line}: exit code {ended.code}: {last[:200]}")
    return outcome


def _text(value: Any) -> str:
    return "null" if value is None else str(value)


def _run(name: str, words: list[str], folder: Path, cache: Path) -> None:
    import importlib
    import sys

    os.environ["DISPERSION_CACHE"] = str(cache / "panels")
    os.chdir(folder)
    sys.argv = [name, *words]
    importlib.import_module(f"engine.{name}").main()
