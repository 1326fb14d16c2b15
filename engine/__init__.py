"""Implied correlation and dispersion-trade backtests, on a laptop or a GPU.

    from engine import load_market, implied_correlation, realized_correlation, backtest, load_runs

Names are loaded when first used, so importing the package stays fast and brings in no optional library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.backtest import backtest
    from engine.correlation import (
        AllMembers,
        CorrelationStatus,
        ImpliedCorrelation,
        Names,
        RealizedCorrelation,
        TopWeights,
        basket_realized,
        baskets,
        correlation_premium,
        daily_returns,
        implied_correlation,
        market_returns,
        realized_correlation,
    )
    from engine.data import load_market
    from engine.data.panel import MarketPanel
    from engine.data.records import MarketInfo
    from engine.errors import InputError
    from engine.runs.chosen import leaderboard, stability
    from engine.runs.comparison import compare
    from engine.runs.judgement import judge
    from engine.runs.read import load_run, load_runs

__all__ = [
    "AllMembers",
    "CorrelationStatus",
    "ImpliedCorrelation",
    "InputError",
    "MarketInfo",
    "MarketPanel",
    "Names",
    "RealizedCorrelation",
    "TopWeights",
    "backtest",
    "basket_realized",
    "baskets",
    "compare",
    "correlation_premium",
    "daily_returns",
    "implied_correlation",
    "judge",
    "leaderboard",
    "load_market",
    "load_run",
    "load_runs",
    "market_returns",
    "realized_correlation",
    "stability",
]

_HOME = {
    "InputError": "engine.errors",
    "MarketInfo": "engine.data.records",
    "MarketPanel": "engine.data.panel",
    "compare": "engine.runs.comparison",
    "judge": "engine.runs.judgement",
    "leaderboard": "engine.runs.chosen",
    "load_market": "engine.data",
    "load_run": "engine.runs.read",
    "load_runs": "engine.runs.read",
    "stability": "engine.runs.chosen",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("dispersion-engine")
    if name not in __all__:
        raise AttributeError(f"module 'engine' has no attribute {name!r}")
    if name == "backtest":  # the package: calling it runs a backtest, whether or not it was imported before
        return import_module("engine.backtest")
    return getattr(import_module(_HOME.get(name, "engine.correlation")), name)


def __dir__():
    return sorted([*globals(), *__all__])
