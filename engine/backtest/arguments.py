"""What each argument of a backtest has to be, whether a configuration makes it or a caller gives it."""

from typing import Any

from engine.backtest.cohorts.costs import Costs
from engine.backtest.cohorts.exits import Exits
from engine.backtest.cohorts.sizing import AbstractSizing
from engine.backtest.contracts.schedule import Schedule
from engine.backtest.contracts.structure import Structure
from engine.backtest.legs.hedging import Hedge
from engine.backtest.legs.marking import Marking
from engine.backtest.risk.limits import Limit
from engine.backtest.risk.scale import Scale
from engine.backtest.signals.strategy import AbstractStrategy
from engine.correlation import Basket
from engine.errors import InputError
from engine.kinds import misfit

# Classes of an argument derive from its base, or follow it where it is a protocol.
BASES: dict[str, type] = {
    "basket": Basket,
    "structure": Structure,
    "strategy": AbstractStrategy,
    "sizing": AbstractSizing,
    "scale": Scale,
    "limits": Limit,
    "schedule": Schedule,
    "exits": Exits,
    "hedge": Hedge,
    "costs": Costs,
    "marks": Marking,
}


def check_arguments(**given: Any) -> None:
    """Raise InputError where an argument is not what it has to be; None, the default of most, is left alone.

    Examples
    --------
    >>> check_arguments(exits="early")
    Traceback (most recent call last):
        ...
    engine.errors.InputError: exits=early is of type str, which is no Exits: it has no exit_day
    """
    for name, value in given.items():
        if value is None and name != "strategy":
            continue
        if isinstance(value, type):
            raise InputError(f"{name}={value.__name__} is a class; give an object of it, {value.__name__}()")
        if problem := misfit(type(value), BASES[name]):
            raise InputError(f"{name}={value} is of type {type(value).__name__}, which {problem}")
