"""What the last sessions say of each underlying at a close: its realised volatility, and its beta to the index."""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest.metrics import SESSIONS_PER_YEAR
from engine.correlation import market_returns
from engine.data.panel import MarketPanel
from engine.errors import InputError

_MEMORY: WeakKeyDictionary = WeakKeyDictionary()  # of each panel: blocks of its cohorts ask for the same


def trailing_vol(panel: MarketPanel, window: int) -> Floats:
    """Realised volatility of the index and of each name over the last sessions, (T, 1 + N) annualised decimals.

    Simple returns, not de-meaned; NaN where one of them is not known.
    """
    xp = namespace(panel.spot)
    return _once(panel, ("vol", window), lambda of: xp.sqrt(SESSIONS_PER_YEAR * trailing_mean(of * of, window)))


def trailing_beta(panel: MarketPanel, window: int) -> Floats:
    """Slope of each underlying's returns on the index's over the last sessions, (T, 1 + N); NaN where not known."""

    def slopes(of: Floats) -> Floats:
        xp, index = namespace(of), of[:, :1]
        mean, mean_index = trailing_mean(of, window), trailing_mean(index, window)
        spread = trailing_mean(index * index, window) - mean_index**2
        return xp.where(spread > 0.0, trailing_mean(of * index, window) - mean * mean_index, xp.nan) / xp.where(
            spread > 0.0, spread, 1.0
        )

    return _once(panel, ("beta", window), slopes)


def trailing_mean(values: Floats, window: int) -> Floats:
    """Mean of the last `window` rows of values (T, ...), the row itself included; NaN where one of them is."""
    xp = namespace(values)
    if window > len(values):
        return xp.full(values.shape, xp.nan)
    before = xp.concatenate([xp.full((window - 1, *values.shape[1:]), xp.nan), values])
    total = xp.zeros(values.shape)
    for back in range(window):  # one after the other, so that a row does not depend on how many there are
        total = total + before[back : back + len(values)]
    return total / window


def check_window(hedge: Any, panel: MarketPanel) -> None:
    """Raise InputError where a hedge asks for more sessions than a market has: it would never know what it goes by."""
    wanted = getattr(hedge, "longest_window", 0)
    if wanted and wanted > (known := len(market_returns(panel).names)):
        raise InputError(
            f"{type(hedge).__name__} goes by {wanted} sessions, and {panel.info.name} has {known}: it would never know "
            "them; shorten hedge.window or hedge.beta_window"
        )


def _once(panel: MarketPanel, key: tuple, compute: Callable[[Floats], Floats]) -> Floats:
    found = _MEMORY.setdefault(panel, {})
    if key not in found:
        returns = market_returns(panel)
        xp = namespace(returns.names)
        of = xp.concatenate([returns.legs[panel.info.index][:, None], returns.names], axis=1)
        found[key] = compute(of)[xp.asarray(returns.at)]
    return found[key]
