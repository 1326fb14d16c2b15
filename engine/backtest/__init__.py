"""Time and money: the trade book, the simulation and its result."""

import inspect
import sys
from types import ModuleType

from engine.backtest.cohorts.book import TradeBook, build_book
from engine.backtest.cohorts.costs import BidAsk, Costs, DeskCosts, NoCosts, VolPoints
from engine.backtest.cohorts.early_exit import EarlyExit
from engine.backtest.cohorts.exits import Exits, HoldToExpiry, NextEntry, ShortestTenor
from engine.backtest.cohorts.past_sizing import BetaNeutral, MinimumVariance
from engine.backtest.cohorts.recipe import Recipe
from engine.backtest.cohorts.sizing import (
    AbstractSizing,
    CorrelationWeighted,
    GammaNeutral,
    ParallelVolNeutral,
    PremiumNeutral,
    ProportionalVolNeutral,
    ThetaNeutral,
    VarianceTheta,
    VegaNeutral,
)
from engine.backtest.contracts.instruments import (
    AtDelta,
    AtExpectedVolatility,
    AtFairVolatility,
    AtForward,
    Instrument,
    Kind,
    Strike,
)
from engine.backtest.contracts.roll import Roll
from engine.backtest.contracts.schedule import DailyLadder, Monthly, OnDates, Schedule, Weekly
from engine.backtest.contracts.structure import Structure, choose_contracts
from engine.backtest.contracts.structures import (
    Calendar,
    DeltaNeutralStraddle,
    ForwardStart,
    SingleOption,
    Straddle,
    Strangle,
)
from engine.backtest.contracts.swap_structures import CorrelationSwap, GammaSwap, VarianceSwap, VolatilitySwap
from engine.backtest.legs.hedging import (
    AbstractHedge,
    DailyDelta,
    DeltaBand,
    EveryDays,
    Hedge,
    IndexBeta,
    NoHedge,
    WhalleyWilmott,
)
from engine.backtest.legs.marking import ListedMarks, Marking, SurfaceMarks
from engine.backtest.market import MarketView
from engine.backtest.outcome.combined import Combined, combine
from engine.backtest.outcome.result import BacktestResult
from engine.backtest.risk.crises import STRESSES
from engine.backtest.risk.limits import Limits
from engine.backtest.risk.margin import MarginScale
from engine.backtest.risk.scale import IndexVega, PremiumScale, Scale, StressCap, VegaOfNav, VolatilityTarget
from engine.backtest.risk.stresses import Stress
from engine.backtest.signals.strategy import AbstractStrategy, Signal
from engine.backtest.signals.threshold import ThresholdStrategy
from engine.backtest.signals.transforms import (
    expanding_rank,
    held_while,
    hysteresis,
    refuse_crossed,
    refuse_no_quantile,
    zscore,
)
from engine.backtest.simulate import backtest, simulate
from engine.backtest.walk import walk_forward

__all__ = [
    "STRESSES",
    "AbstractHedge",
    "AbstractSizing",
    "AbstractStrategy",
    "AtDelta",
    "AtExpectedVolatility",
    "AtFairVolatility",
    "AtForward",
    "BacktestResult",
    "BetaNeutral",
    "BidAsk",
    "Calendar",
    "Combined",
    "CorrelationSwap",
    "CorrelationWeighted",
    "Costs",
    "DailyDelta",
    "DailyLadder",
    "DeltaBand",
    "DeltaNeutralStraddle",
    "DeskCosts",
    "EarlyExit",
    "EveryDays",
    "Exits",
    "ForwardStart",
    "GammaNeutral",
    "GammaSwap",
    "Hedge",
    "HoldToExpiry",
    "IndexBeta",
    "IndexVega",
    "Instrument",
    "Kind",
    "Limits",
    "ListedMarks",
    "MarginScale",
    "MarketView",
    "Marking",
    "MinimumVariance",
    "Monthly",
    "NextEntry",
    "NoCosts",
    "NoHedge",
    "OnDates",
    "ParallelVolNeutral",
    "PremiumNeutral",
    "PremiumScale",
    "ProportionalVolNeutral",
    "Recipe",
    "Roll",
    "Scale",
    "Schedule",
    "ShortestTenor",
    "Signal",
    "SingleOption",
    "Straddle",
    "Strangle",
    "Stress",
    "StressCap",
    "Strike",
    "Structure",
    "SurfaceMarks",
    "ThetaNeutral",
    "ThresholdStrategy",
    "TradeBook",
    "VarianceSwap",
    "VarianceTheta",
    "VegaNeutral",
    "VegaOfNav",
    "VolPoints",
    "VolatilitySwap",
    "VolatilityTarget",
    "Weekly",
    "WhalleyWilmott",
    "backtest",
    "build_book",
    "choose_contracts",
    "combine",
    "expanding_rank",
    "held_while",
    "hysteresis",
    "refuse_crossed",
    "refuse_no_quantile",
    "simulate",
    "walk_forward",
    "zscore",
]


class _CallablePackage(ModuleType):
    """`from engine import backtest` finds this package, not the function of its name: so a call runs the function."""

    __call__ = staticmethod(backtest)


sys.modules[__name__].__class__ = _CallablePackage
_parameters = [given.replace(annotation=given.empty) for given in inspect.signature(backtest).parameters.values()]
_told = (inspect.getdoc(backtest) or "").partition("\n\nExamples\n")[0]
__doc__ = (
    f"{__doc__}\n\nbacktest{inspect.Signature(_parameters)}\n\n{_told}"  # so that help(backtest) shows the function
)
