"""What a strategy is: one pure function from the market to an exposure per date."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from engine.arrays import Floats
from engine.backend import namespace, to_host
from engine.backtest.market import MarketView
from engine.errors import InputError


@dataclass(frozen=True, eq=False)
class Signal:
    """What a strategy follows, to be shown beside what came of it.

    Parameters
    ----------
    words : str
        What it is, such as "z-score of implied correlation".
    values : array (T,), or (P, T) where it differs between parameter sets
        At each close, NaN where unknown.
    levels : mapping of str -> float or column (P, 1)
        At which something is done, by their words, such as "enter".
    """

    words: str
    values: Floats
    levels: Mapping[str, Floats | float] = field(default_factory=dict[str, "Floats | float"])

    def of(self, p: int) -> "Signal":
        """Return that of one parameter set, on the host: values (T,), levels numbers."""
        values = np.asarray(to_host(self.values), dtype=float)
        levels = {name: np.asarray(to_host(level), dtype=float).reshape(-1) for name, level in self.levels.items()}
        one = {name: float(level[p if len(level) > 1 else 0]) for name, level in levels.items()}
        return Signal(self.words, values[p if len(values) > 1 else 0] if values.ndim == 2 else values, one)


class AbstractStrategy(ABC):
    """When, and how strongly, to be short correlation.

    Subclasses are frozen dataclasses with one method, and `signal` where there is something to show. A field that may
    differ inside one batch of parameter sets is declared so: `enter: float = field(default=1.5, metadata={"batch":
    True})`; it may then hold a column (P, 1).
    """

    @abstractmethod
    def exposure(self, market: MarketView) -> Floats:
        """Return the exposure asked for at each close.

        Parameters
        ----------
        market : MarketView
            Series by date on the basket that is traded.

        Returns
        -------
        array (T,), or (P, T) where a field holds a column (P, 1)
            +1 is fully short correlation (short index straddles, long component straddles), 0 no trade, -1 the
            reverse; NaN means no opinion yet and trades nothing. Beyond 1 the capital that returns are quoted on grows
            as much. Date t uses nothing later than its close.
        """

    def signal(self, market: MarketView) -> Signal | None:
        """Return what the exposure follows, for pages alone; None where it follows nothing, or does not say.

        Parameters
        ----------
        market : MarketView
        """
        return None


def checked_signal(strategy: AbstractStrategy, market: MarketView) -> Signal | None:
    """Return what a strategy says it follows, or say what is wrong with it.

    Raises
    ------
    InputError
        When it is no `Signal`, or has not one number per session.
    """
    found, name, sessions = strategy.signal(market), f"{type(strategy).__name__}.signal", len(market.panel)
    if found is None:
        return None
    if not isinstance(found, Signal):  # pyright: ignore[reportUnnecessaryIsInstance] - not of who has no types
        raise InputError(f"{name} returns {type(found).__name__}; return a Signal, or None")
    shape: tuple[int, ...] = tuple(getattr(found.values, "shape", ()))
    if not shape or len(shape) > 2 or shape[-1] != sessions:
        raise InputError(f"{name} has values of shape {shape}; give ({sessions},), one number per session")
    return found


def checked_exposure(strategy: AbstractStrategy, market: MarketView) -> Floats:
    """Return the exposure a strategy asks for as (P, T), or say what is wrong with it.

    Raises
    ------
    InputError
        When it is no array, one of another library than the market's, masked, not of numbers, not one per session, or
        infinite.
    """
    asked, name = strategy.exposure(market), f"{type(strategy).__name__}.exposure"
    xp, sessions = namespace(market.panel.spot), len(market.panel)
    if not hasattr(asked, "dtype") or not hasattr(asked, "shape"):
        raise InputError(f"{name} returns {type(asked).__name__}; return an array with one number per session")
    if namespace(asked) is not xp or not isinstance(asked, xp.ndarray):
        raise InputError(
            f"{name} returns {type(asked).__module__.partition('.')[0]}.{type(asked).__name__}, and no array of the "
            f"market's library; return one of {xp.__name__}"
        )
    if hasattr(asked, "mask"):
        raise InputError(f"{name} returns a masked array; return a plain one, with NaN where there is no opinion")
    if asked.dtype.kind not in "fiub":
        raise InputError(f"{name} returns values of type {asked.dtype}; return numbers")
    if asked.ndim not in (1, 2) or asked.shape[-1] != sessions:
        raise InputError(
            f"{name} returns shape {asked.shape}; return ({sessions},), one number per session, or (P, {sessions})"
        )
    exposure = asked.astype(xp.float64, copy=False).reshape(-1, sessions)
    infinite = xp.isinf(exposure)
    if infinite.any():
        day = int(to_host(infinite.any(axis=0)).argmax())
        raise InputError(f"{name} is infinite on {market.dates[day]}; return finite numbers, or NaN for no opinion")
    return exposure
