"""python -m tests.attack: attack the engine, print what survived, and end with exit code 1 where anything did not.

It kills, damages, poisons, fills disks and misspells at random, seeded: `--seed` repeats. `--share` is the small part
that the tests run.
"""

import argparse
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.attack.outcome import Child, Outcome, in_child

HOUR = 3600.0


@dataclass(frozen=True)
class Plan:
    """How often each attack is tried."""

    kills: int  # of each of eight kinds of work
    files: int
    settings: int
    commands: int
    rows: int
    disks: int | None  # kinds of work; None = all
    names: bool


WHOLE = Plan(kills=26, files=6_000, settings=4_000, commands=160, rows=540, disks=None, names=True)
SHARE = Plan(kills=1, files=240, settings=600, commands=4, rows=24, disks=2, names=False)


def attacks(plan: Plan, seed: int) -> dict[str, list[Callable[[], list[Outcome]]]]:
    """Return the attacks by name, in parts that each run in a process of their own."""
    from tests.attack import disk, fuzz, kills, names, poison, settings

    known = range(len(fuzz.readers()))
    return {
        "kills": [partial(kills.attack, seed, plan.kills)],
        "files": [partial(fuzz.attack, seed, -(-plan.files // len(known)), number) for number in known],
        "settings": [partial(settings.attack, seed, plan.settings, plan.commands)],
        "rows": [lambda: [poison.attack(seed, plan.rows)]],
        "disk": [partial(disk.attack, plan.disks)],
        **({"names": [names.attack]} if plan.names else {}),
    }


def main() -> int:
    """Attack, print the table, and return the exit code."""
    options = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--share", action="store_true", help="the small part that the tests run")
    options.add_argument("--only", default="", help="names of attacks, by commas: kills,files,settings,rows,disk,names")
    asked = options.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("engine").addHandler(logging.NullHandler())
    logging.getLogger("engine").propagate = False
    os.environ["DISPERSION_CACHE"] = tempfile.mkdtemp(prefix="attack-panels-")
    _load()
    chosen = attacks(SHARE if asked.share else WHOLE, asked.seed)
    wanted = asked.only.split(",") if asked.only else list(chosen)
    found: list[Outcome] = []
    started = time.perf_counter()
    for name in wanted:
        for part in chosen[name]:
            child = in_child(part, limit=HOUR)
            found += child.value if child.value is not None else [_crashed(name, child)]
        print(f"{name}: {time.perf_counter() - started:,.0f} s", file=sys.stderr, flush=True)
    print(table(found))
    failed = [problem for outcome in found for problem in outcome.failed]
    for problem in failed:
        print(f"failed: {problem}", file=sys.stderr)
    return 1 if failed else 0


def table(found: list[Outcome]) -> str:
    """Return the outcomes as the table of the README; an attack that could not be tried says so."""
    rows = [f"| {o.attack} | {o.tries or 'not here'} | {o.tries - len(o.failed) if o.tries else ''} |" for o in found]
    return "\n".join(["| attack | tries | survived |", "|---|---:|---:|", *rows])


def _crashed(name: str, child: Child) -> Outcome:
    return Outcome(name, 1, [f"{name} ended with {child.code}: {child.printed[-2000:]}"])


def _load() -> None:
    """Import what copies of this process need, so that each has it at once; nothing is computed here."""
    import hydra  # noqa: F401
    import plotly  # noqa: F401

    import engine.correlate
    import engine.data.sources.files
    import engine.data.sources.nse.source
    import engine.data.sources.us_chains.source
    import engine.report
    import engine.run
    import engine.runs.folder
    import engine.study.research
    import engine.sweep.callback
    import engine.sweep.local  # noqa: F401


if __name__ == "__main__":
    sys.exit(main())
