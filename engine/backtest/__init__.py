"""Time and money: the trade book, the simulation and its result."""

import sys
from types import ModuleType

from engine.backtest.book import Recipe, TradeBook, build_book
from engine.backtest.costs import NoCosts, VolPoints
from engine.backtest.exits import EarlyExit, HoldToExpiry
from engine.backtest.hedging import DailyDelta, NoHedge
from engine.backtest.market import MarketView
from engine.backtest.result import BacktestResult
from engine.backtest.schedule import Monthly, Weekly
from engine.backtest.signals import hysteresis, zscore
from engine.backtest.simulate import backtest, simulate
from engine.backtest.sizing import GammaNeutral, ThetaNeutral, VegaNeutral
from engine.backtest.strategy import AbstractStrategy
from engine.backtest.structure import Straddle, choose_contracts

__all__ = [
    "AbstractStrategy",
    "BacktestResult",
    "DailyDelta",
    "EarlyExit",
    "GammaNeutral",
    "HoldToExpiry",
    "MarketView",
    "Monthly",
    "NoCosts",
    "NoHedge",
    "Recipe",
    "Straddle",
    "ThetaNeutral",
    "TradeBook",
    "VegaNeutral",
    "VolPoints",
    "Weekly",
    "backtest",
    "build_book",
    "choose_contracts",
    "hysteresis",
    "simulate",
    "zscore",
]


class _CallablePackage(ModuleType):
    """`from engine import backtest` finds this package, not the function of its name: so a call runs the function."""

    __call__ = staticmethod(backtest)


sys.modules[__name__].__class__ = _CallablePackage
