"""causality=auto|check|off: strategies of a user's own are proven causal before they run."""

import logging
import sys
from pathlib import Path

from engine.backtest import AbstractStrategy
from engine.correlation import Basket
from engine.data.panel import MarketPanel
from engine.errors import InputError
from engine.testing import NothingToProve, look_ahead

log = logging.getLogger(__name__)

CHOICES = ("auto", "check", "off")
OURS = Path(__file__).resolve().parents[2] / "strategies"  # those are proven by the tests


def check_causal(strategy: AbstractStrategy, market: MarketPanel, basket: Basket, wanted: str) -> None:
    """Raise InputError where a strategy uses anything of the future: it is given other futures, and must not notice.

    Parameters
    ----------
    strategy, market, basket
        As they will be run.
    wanted : str
        `auto` checks strategies that are not in `strategies/`, `check` every one, `off` none.
    """
    if wanted not in CHOICES:
        raise InputError(f"causality={wanted} is unknown; choose {', '.join(CHOICES)}")
    if wanted == "off" or (wanted == "auto" and _is_ours(type(strategy))):
        return
    name = type(strategy).__name__
    try:
        found = look_ahead(strategy, market, basket)
    except NothingToProve:
        log.warning("causality: %s asks for no exposure in the sessions looked at, so nothing can be proven", name)
        return
    except AssertionError as error:
        raise InputError(f"causality: {error}; a backtest must be the same each time") from error
    if found is not None:
        raise InputError(f"{name} looks ahead: {found}. causality=off runs it all the same")


def _is_ours(kind: type) -> bool:
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return file is not None and Path(file).resolve().is_relative_to(OURS)
