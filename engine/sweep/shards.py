"""sweep.shard=3/30: the third of thirty parts of a sweep, each of which another machine runs by the same command."""

import re
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Any

from engine.errors import InputError
from engine.runs.plan import Plan

# Settings that say which market a job takes, and then which trade book: jobs that share them stay together.
MARKET = ("market", "start", "end", "backend", "memory_budget")
BOOK = ("basket", "structure", "schedule", "hedge", "marks", "lag", "sizing")
BATCHING = ("BatchLauncher", "RayBatchLauncher", "SlurmBatchLauncher")  # they see all jobs of a sweep at once


@dataclass(frozen=True)
class Shard:
    """One of several parts of a sweep.

    Parameters
    ----------
    part : int
        Which, counted from 1.
    parts : int
        How many there are.
    """

    part: int
    parts: int

    def __str__(self) -> str:
        return f"{self.part}/{self.parts}"

    @classmethod
    def of(cls, text: object) -> "Shard":
        """Read what `sweep.shard` holds.

        Raises
        ------
        InputError
            When it is no part of so many, such as 3/30.

        Examples
        --------
        >>> Shard.of("3/30")
        Shard(part=3, parts=30)
        """
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", str(text))
        shard = cls(*map(int, found.groups())) if found else None
        if shard is None or not 1 <= shard.part <= shard.parts:
            raise InputError(
                f"sweep.shard={text} is no part of a sweep; write sweep.shard=3/30 for the third of thirty"
            )
        return shard

    def numbers(self, plans: list[Plan]) -> list[int]:
        """Return the places, in the list, of the jobs that this shard runs, ascending.

        Raises
        ------
        InputError
            When there are more shards than jobs.
        """
        if self.parts > len(plans):
            raise InputError(
                f"sweep.shard={self}: the sweep has {len(plans):,} jobs, too few for {self.parts:,} shards"
            )
        return sorted(cut(plans, self.parts)[self.part - 1])


def check_shard(asked: object, launcher: str) -> None:
    """Raise InputError where a shard is asked for that is none, or of a launcher that runs jobs one by one.

    Parameters
    ----------
    asked : object
        `sweep.shard`; None where the whole sweep is meant.
    launcher : str
        Path of the launcher's class.
    """
    if asked is None:
        return
    Shard.of(asked)
    if launcher.rpartition(".")[2] not in BATCHING:
        raise InputError(
            "sweep.shard needs a launcher that batches; add hydra/launcher=batch, ray_batch or slurm_batch"
        )


def cut(plans: list[Plan], parts: int) -> list[list[int]]:
    """Cut jobs into parts of equal size, one more or less, those of one market and of one trade book side by side.

    Which job lies where depends on what was asked only, so that every machine cuts alike without seeing a market.

    Parameters
    ----------
    plans : list of Plan
    parts : int

    Returns
    -------
    list of list of int
        For each part the places of its jobs in `plans`, books together.
    """
    order = in_book_order(plans)
    bounds = [len(order) * part // parts for part in range(parts + 1)]
    return [order[first:end] for first, end in pairwise(bounds)]


def in_book_order(plans: list[Plan]) -> list[int]:
    """Return the places of jobs, by market and within a market by trade book, each as it first comes."""
    ranks: dict[Any, int] = {}
    next_rank = count()

    def rank(plan: Plan, keys: tuple[str, ...]) -> int:
        asked = keys, repr([plan.settings.get(key) for key in keys])
        if asked not in ranks:
            ranks[asked] = next(next_rank)
        return ranks[asked]

    keys = [(rank(plan, MARKET), rank(plan, MARKET + BOOK)) for plan in plans]
    return sorted(range(len(plans)), key=keys.__getitem__)
