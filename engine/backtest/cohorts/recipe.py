"""How a trade book is made of a market."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engine import kernels
from engine.backend import namespace
from engine.backtest.cohorts.sizing import AbstractSizing, VegaNeutral
from engine.backtest.contracts.structure import Structure
from engine.backtest.contracts.structures import AMERICAN, EUROPEAN, Straddle
from engine.backtest.legs.correlation_swap import CorrelationLegs
from engine.backtest.legs.exercise import american_legs
from engine.backtest.legs.fused import FusedLegs
from engine.backtest.legs.hedging import DailyDelta, Hedge
from engine.backtest.legs.legs import Legs
from engine.backtest.legs.listed import ListedLegs
from engine.backtest.legs.marking import ListedMarks, Marking, SurfaceMarks
from engine.backtest.legs.precision import DOUBLE, SINGLE, is_single
from engine.data.panel import MarketPanel
from engine.errors import InputError
from engine.kernels.codes import Kind


@dataclass(frozen=True)
class Recipe:
    """How a book is made of a market: what is traded, in which proportions, hedged how."""

    structure: Structure = field(default_factory=Straddle)
    sizing: AbstractSizing = field(default_factory=VegaNeutral)
    hedge: Hedge = field(default_factory=DailyDelta)
    marks: Marking = field(default_factory=SurfaceMarks)
    detailed: bool = False  # keeps what costs beyond vol points and basis points charge; by array code
    share: float = 1.0  # part of the exposure asked for that each cohort is entered with, as the schedule says

    @property
    def netted(self) -> bool:
        """Whether hedges of all cohorts are traded together; by array code."""
        return bool(getattr(self.hedge, "netted", False))

    @property
    def legs(self) -> Callable[..., Legs]:
        """Array code that follows legs; takes what `Legs` does."""
        if any(instrument.kind == Kind.CORRELATION for instrument in self.structure.index):
            return CorrelationLegs
        follow: Callable[..., Legs] = Legs
        if isinstance(self.marks, ListedMarks):
            follow = functools.partial(ListedLegs, listed=self.marks)
        american = getattr(self.structure, "exercise", EUROPEAN) == AMERICAN
        return functools.partial(american_legs, follow) if american else follow

    def follows(self, panel: MarketPanel, legs: int) -> tuple[Callable[..., Any], type[Legs] | type[FusedLegs]]:
        """Return what follows the legs of a cohort, so many members: the kernel where it can, else array code.

        Returns
        -------
        callable, class
            It takes what `Legs` does; the class knows the size of its temporaries.

        Raises
        ------
        InputError
            When single precision is asked for, and no kernel holds such a book.
        """
        single = is_single(self.marks)
        if self.legs is Legs and kernels.usable(namespace(panel.spot)) and FusedLegs.fits(panel, legs, self):
            return functools.partial(FusedLegs, single=single), FusedLegs
        if single:
            raise InputError(
                f"marks.precision={SINGLE}: no kernel holds this book, as none does of swaps, several tenors, options "
                "exercised early, netted hedges, costs beyond vol points, without a compiler or with "
                f"DISPERSION_KERNELS=off; use marks.precision={DOUBLE}"
            )
        return self.legs, Legs
