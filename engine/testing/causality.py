"""Poison the future, or cut it off: change everything after a day, and no exposure up to it may move."""

from dataclasses import dataclass, replace

import numpy as np

from engine.backend import to_host
from engine.backtest.market import MarketView
from engine.backtest.signals.strategy import AbstractStrategy, checked_exposure
from engine.correlation import AllMembers, Basket
from engine.data.panel import MarketPanel
from engine.data.records import QuoteStatus
from engine.data.synthetic import SyntheticMarket, synthetic_market

MOST_SESSIONS = 1260  # five years: what looks ahead does so there too, and copies of a whole panel are large
ROUNDING = 1e-9  # sums over arrays of another length are rounded otherwise


class NothingToProve(AssertionError):
    """A strategy asks for no exposure on any date, so that no change of the future can show."""


@dataclass(frozen=True)
class LookAhead:
    """A strategy's use of the future.

    Parameters
    ----------
    day : numpy.datetime64
        Everything after this day was changed, or cut off.
    moved : numpy.datetime64
        The first day up to it on which the exposure changed.
    before, after : float
        Exposure on that day, with the true and with the changed future.
    cut : bool
        Whether the sessions after the day were cut off: nobody knew how many would follow.
    """

    day: np.datetime64
    moved: np.datetime64
    before: float
    after: float
    cut: bool = False

    def __str__(self):
        how = "is cut off" if self.cut else "is changed"
        return (
            f"its exposure on {self.moved} is {self.before:g}, and {self.after:g} when only what comes after "
            f"{self.day} {how}"
        )


def assert_causal(
    strategy: AbstractStrategy,
    market: MarketPanel | None = None,
    *,
    basket: Basket | None = None,
    dates: int = 5,
    seed: int = 0,
) -> None:
    """Prove that a strategy uses nothing of the future.

    Parameters
    ----------
    strategy : AbstractStrategy
    market : MarketPanel or None
        None takes four years of a synthetic market of 8 names. It must be long enough for the strategy to trade.
    basket : Basket or None
        None takes all members.
    dates : int
        Days after which the future is changed, drawn at random.
    seed : int

    Raises
    ------
    AssertionError
        When an exposure depends on later data, differs from one call to the next, or is 0 or NaN on every date.

    Examples
    --------
    >>> from strategies.rich_correlation import RichCorrelation
    >>> assert_causal(RichCorrelation(window=60))
    """
    found = look_ahead(strategy, planted_market() if market is None else market, basket, dates, seed)
    assert found is None, f"{type(strategy).__name__} looks ahead: {found}"


def look_ahead(
    strategy: AbstractStrategy, market: MarketPanel, basket: Basket | None = None, dates: int = 5, seed: int = 0
) -> LookAhead | None:
    """Return how a strategy uses the future, or None where none of `dates` futures moved it, changed or cut off.

    At most the first five years of the market are looked at, on the host; other parameters as for `assert_causal`.

    Raises
    ------
    NothingToProve
        When the strategy asks for no exposure on any date.
    AssertionError
        When its exposure is another from one call to the next.
    """
    panel = market.slice(None, market.dates[min(len(market), MOST_SESSIONS) - 1]).to("numpy")
    basket = basket or AllMembers()
    truth = _exposure(strategy, panel, basket)
    name = type(strategy).__name__
    again = _exposure(strategy, panel, basket)
    assert np.array_equal(truth, again, equal_nan=True), f"{name} returns another exposure when asked again"
    traded = np.flatnonzero((np.isfinite(truth) & (truth != 0.0)).any(axis=0))
    if not len(traded):
        raise NothingToProve(f"{name} asks for no exposure on any date of {panel.info.name}; give a longer market")
    rng = np.random.default_rng(seed)
    # From a few days before the first trade on: before it a look ahead has nothing to move.
    days = rng.integers(max(int(traded[0]) - 5, 0), len(panel) - 1, size=dates)
    for t in sorted({*map(int, days), len(panel) - 2}):
        for cut in (False, True):
            future = panel.slice(None, panel.dates[t]) if cut else poisoned(panel, t, seed)
            known, other = truth[:, : t + 1], _exposure(strategy, future, basket)[:, : t + 1]
            same = np.isclose(known, other, rtol=ROUNDING, atol=ROUNDING, equal_nan=True) if cut else known == other
            moved = ~(same | (np.isnan(known) & np.isnan(other)))
            if moved.any():
                p, day = map(int, min(np.argwhere(moved), key=lambda at: at[1]))
                return LookAhead(panel.dates[t], panel.dates[day], float(known[p, day]), float(other[p, day]), cut)
    return None


def poisoned(market: MarketPanel, t: int, seed: int = 0) -> MarketPanel:
    """Return the same market up to and including session t, with every price, quote, status, weight and event after it
    changed.

    So are the closes of its history after that day.

    Parameters
    ----------
    market : MarketPanel
        On the host.
    t : int
    seed : int
    """
    rng = np.random.default_rng(seed + 99)

    def poison(name: str, array: np.ndarray) -> np.ndarray:
        changed = array.copy()
        later = changed[t + 1 :]
        if name.endswith("status"):
            later[:] = rng.choice([int(code) for code in QuoteStatus], size=later.shape)
            return changed
        if array.dtype.kind != "f":  # dates are known beforehand
            return array
        later *= rng.uniform(0.3, 3.0, size=later.shape).astype(array.dtype)
        later[rng.random(later.shape) < 0.1] = 0.0 if name.endswith("weights") else np.nan
        if name == "settlement":
            later[rng.random(later.shape) < 0.1] = 12.0
        return changed

    changed = market.map_arrays(poison)
    if market.contracts is not None:
        changed = replace(changed, contracts=market.contracts.others_after(market.dates[t]), validate=False)
    if (history := market.history) is None:
        return changed

    def poison_closes(name: str, array: np.ndarray) -> np.ndarray:
        if array.dtype.kind != "f":
            return array
        closes, later = array.copy(), history.dates > market.dates[t]
        closes[later] *= rng.uniform(0.3, 3.0, size=closes[later].shape)
        return closes

    return replace(changed, history=history.map_arrays(poison_closes), validate=False)


def planted_market() -> MarketPanel:
    """Return the market that `assert_causal` takes where it is given none, made in memory."""
    return synthetic_market(SyntheticMarket(years=4.0, names=8, tenors=(30, 91), deltas=(10, 25, 50, 75, 90)))[0]


def _exposure(strategy: AbstractStrategy, panel: MarketPanel, basket: Basket) -> np.ndarray:
    with np.errstate(all="ignore"):  # the poison divides by zero where real data would not
        return to_host(checked_exposure(strategy, MarketView(panel, basket)))
