"""From configuration to jobs: everything one backtest takes, as objects, each distinct thing made once."""

from collections.abc import Callable
from dataclasses import dataclass, field

from engine.backtest import (
    AbstractSizing,
    AbstractStrategy,
    Costs,
    DeskCosts,
    Exits,
    Hedge,
    IndexVega,
    Limits,
    ListedMarks,
    Marking,
    Recipe,
    Scale,
    Schedule,
    Structure,
    SurfaceMarks,
)
from engine.backtest.batch import group_key
from engine.backtest.risk.limits import Limit
from engine.command.backtests import backtest_objects
from engine.command.objects import build
from engine.correlation import Basket
from engine.data.panel import MarketPanel
from engine.once import Once
from engine.runs.plan import Plan


@dataclass(frozen=True)
class Job:
    """One backtest to be run: what `backtest` takes, nothing left out."""

    market: MarketPanel
    strategy: AbstractStrategy
    basket: Basket
    structure: Structure
    sizing: AbstractSizing
    schedule: Schedule
    exits: Exits
    hedge: Hedge
    costs: Costs
    lag: int = 1
    risk_free: float = 0.0
    marks: Marking = field(default_factory=SurfaceMarks)
    scale: Scale = field(default_factory=IndexVega)
    limits: Limit = field(default_factory=Limits)

    @property
    def book(self) -> tuple:
        """What two jobs must share to share a trade book."""
        traded = (self.basket, self.structure, self.schedule, self.hedge, self.marks)
        # Whole lots depend on the size.
        size = self.sizing.index_vega if isinstance(self.marks, ListedMarks) else None
        return (id(self.market), traded, group_key(self.sizing), size, self.lag, self.recipe.detailed)

    @property
    def recipe(self) -> Recipe:
        """How its book is made."""
        return Recipe(self.structure, self.sizing, self.hedge, self.marks, isinstance(self.costs, DeskCosts))

    @property
    def signal(self) -> tuple:
        """What two jobs must share for one proof of causality to hold for both."""
        return id(self.market), self.basket, group_key(self.strategy)

    @property
    def batch(self) -> tuple:
        """What two jobs of one book must share to be one batch: all that is not declared to batch."""
        return (
            *(group_key(part) for part in (self.strategy, self.exits, self.costs, self.scale, self.limits)),
            self.risk_free,
        )


def jobs_of(plans: list[Plan], open_market: Callable[[dict], tuple[MarketPanel, str]]) -> list[Job]:
    """Make what the configurations of jobs describe, and load their markets, each distinct thing once.

    Parameters
    ----------
    plans : list of Plan
    open_market : callable
        Takes a configuration, returns (MarketPanel, backend).
    """
    objects, markets, jobs, as_text = {}, {}, [], Once(repr)

    def make(node, where, allow):
        key = (where, as_text(node), as_text(allow))
        if key not in objects:
            objects[key] = build(node, where, allow)
        return objects[key]

    made = [backtest_objects(plan.settings, make) for plan in plans]  # all, before any market is loaded
    for plan, objects_of_plan in zip(plans, made, strict=True):
        data = tuple(as_text(plan.settings[key]) for key in ("market", "start", "end", "backend", "memory_budget"))
        if data not in markets:
            markets[data] = open_market(plan.settings)[0]
        jobs.append(Job(markets[data], **objects_of_plan))
    return jobs
