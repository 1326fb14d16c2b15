"""What could happen to a held book: spot, volatility and correlation moved; the correlation it breaks even at."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats
from engine.backend import namespace
from engine.backtest.contracts.instruments import Opened, Pair, price, ratios
from engine.backtest.contracts.structure import LegStatus
from engine.backtest.legs.legs import Legs
from engine.data.panel import MarketPanel
from engine.errors import InputError
from engine.pricing import StraddleGreeks

SPOTS = ("index_spot", "spot", "listed.index_forward", "listed.forward")
VOLATILITIES = ("index_iv", "component_iv", "listed.index_iv", "listed.iv")
INDEX_OF = {"index_iv": "component_iv", "listed.index_iv": "listed.iv"}  # and whose correlation it holds
STEPS = 200  # of a bisection: down to the last bit
LOWEST = 1e-8  # variance of an index from which it is looked for: an option without volatility has no price
DEAREST = 9.0  # correlation up to which a break-even is looked for: an index at three times its members' volatility


def shift(panel: MarketPanel, weights: Floats, session: int, spot: float, vol: float, correlation: float) -> Callable:
    """Return what a move makes of the arrays of a session, for `days.imagined`.

    All prices move by the share `spot` and all volatilities by the share `vol`, the smiles staying where they are in
    call deltas. The index's volatilities then move by what `correlation` more between the members makes of them at each
    tenor and delta, s_I^2 + correlation (A^2 - B), so that implied correlation rises by just that.

    Parameters
    ----------
    panel : MarketPanel
    weights : array (T, N)
        Basket weights.
    session : int
    spot, vol : float
        Shares: -0.1 = 10 % lower.
    correlation : float
        Correlation points as decimals: 0.05 = from .30 to .35.

    Raises
    ------
    InputError
        From the move, where no variance of the index is left.
    """
    arrays: dict = {}
    panel.map_arrays(lambda name, array: arrays.setdefault(name, array))

    def move(name: str, row: Floats) -> Floats:
        if name in SPOTS:
            return row * (1.0 + spot)
        if name not in VOLATILITIES:
            return row
        moved = row * (1.0 + vol)
        if name not in INDEX_OF or correlation == 0.0:
            return moved.astype(row.dtype)
        xp = namespace(row)
        members = xp.asarray(arrays[INDEX_OF[name]][session], dtype=xp.float64) * (1.0 + vol)  # (N, K, D)
        weight = xp.asarray(weights[session])[:, None, None]
        held = xp.where(xp.isfinite(members), weight, 0.0)
        total = held.sum(axis=0)
        share = held / xp.where(total > 0.0, total, 1.0)
        first, own = (xp.where(share > 0.0, share**n * members**n, 0.0).sum(axis=0) for n in (1, 2))
        variance = moved.astype(xp.float64) ** 2 + correlation * (first**2 - own)
        if bool((variance < 0.0).any()):
            raise InputError(f"correlation={correlation} leaves the index no volatility; take less off")
        return xp.sqrt(variance)

    return move


@dataclass(frozen=True, eq=False)
class OnDay:
    """How legs are marked on one day: what the worth of their instruments at another volatility takes.

    Parameters
    ----------
    alive, shares : array (C, 1 + L)
        Held on from that day; strike factor since entry.
    forward, years, opened_years, opened_forward, strike, iv, realised, convexity : array (C, 1 + L, I)
        As `instruments.price` takes them.
    """

    alive: np.ndarray
    shares: np.ndarray
    forward: np.ndarray
    years: np.ndarray
    opened_years: np.ndarray
    opened_forward: np.ndarray
    strike: np.ndarray
    iv: np.ndarray
    realised: np.ndarray
    convexity: np.ndarray

    def of(self, pair: Pair, i: int, iv: np.ndarray) -> StraddleGreeks:
        """Value instrument `i` of every leg at a volatility, (C, 1 + L)."""
        opened = Opened(self.opened_years[..., i], self.opened_forward[..., i])
        state = (self.forward[..., i], self.strike[..., i], iv, self.years[..., i])
        return price(pair, opened, *state, np.zeros(1), self.realised[..., i], self.convexity[..., i])


def on_day(legs: Legs, units: Floats, days: Floats) -> OnDay:
    """Return how legs are marked on the holding day that each cohort has reached, (C,)."""
    xp, at = namespace(units), days[:, None, None]
    end, is_open = legs.marks.end, legs.marks.status == int(LegStatus.OPEN)

    def stacked(of: Callable):
        daily = (xp.broadcast_to(of(held), legs.marks.forward.shape) for held in legs.instruments)
        return xp.stack([xp.take_along_axis(array, at, axis=-1)[..., 0] for array in daily], axis=2)

    return OnDay(
        alive=((end > at[..., 0]) | ((end == at[..., 0]) & is_open)) & (units != 0.0),
        shares=xp.take_along_axis(legs.marks.shares, at, axis=-1)[..., 0],
        forward=stacked(lambda held: held.marks.forward),
        years=stacked(lambda held: held.marks.years * held.living),  # what is exercised depends on nothing any more
        opened_years=stacked(lambda held: held.opened.years),
        opened_forward=stacked(lambda held: held.opened.forward),
        strike=stacked(lambda held: held.struck),
        iv=stacked(lambda held: held.reading.iv),
        realised=stacked(lambda held: held.of_swap[0] if held.of_swap else xp.zeros((1, 1, 1))),
        convexity=stacked(lambda held: held.of_swap[1] if held.of_swap else xp.ones((1, 1, 1))),
    )


@dataclass(frozen=True)
class Expectation:
    """What cohorts held on a day earn to their expiries if volatility comes out as supposed and stays what it is then.

    That is their worth at that volatility less their mark, hedged or not. Rates are left out: the book pays for itself.

    Parameters
    ----------
    pairs : tuple of Pair
    state : OnDay
    units : array (C, 1 + L)
        Signed, in currency per vol point of index vega, exposure included.
    weights : array (C, 1 + L)
        Basket weights of the legs on the day.
    """

    pairs: tuple[Pair, ...]
    state: OnDay
    units: np.ndarray
    weights: np.ndarray

    def gain(self, factor: np.ndarray) -> np.ndarray:
        """Expected P&L of each leg if its volatility comes out as `factor` (C, 1 + L) x what it is marked."""
        s, total = self.state, np.zeros(self.units.shape)
        for i, pair in enumerate(self.pairs):
            quantity = self.units * ratios(pair, self.units.shape[1] - 1, np)
            gain = s.of(pair, i, s.iv[..., i] * factor).value - s.of(pair, i, s.iv[..., i]).value
            total = total + np.where(s.alive, quantity * gain, 0.0)
        return total

    def vols(self) -> np.ndarray:
        """Volatility that each leg is marked at, (C, 1 + L): of several instruments the mean by vega."""
        s, above, below = self.state, np.zeros(self.units.shape), np.zeros(self.units.shape)
        for i, pair in enumerate(self.pairs):
            iv = s.iv[..., i]
            vega = ratios(pair, self.units.shape[1] - 1, np) * s.of(pair, i, iv).vega
            above, below = above + vega * iv, below + vega
        return np.where(below > 0.0, above / np.where(below > 0.0, below, 1.0), s.iv[..., 0])

    def breakeven(self, factor: float) -> float:
        """Correlation between the members at which nothing is earned, if each realises `factor` x its volatility.

        One correlation for all cohorts: of each, s_I^2 = B + rho (A^2 - B) with A = sum w s, B = sum w^2 s^2 of the
        members held. NaN where no correlation below `DEAREST` does it.
        """
        vols = self.vols()
        member = factor * np.where(self.state.alive[:, 1:], vols[:, 1:], 0.0)
        weight = np.where(self.state.alive[:, 1:], self.weights[:, 1:], 0.0)
        weight = weight / weight.sum(axis=1, keepdims=True)
        first, own = (weight * member).sum(axis=1), (weight**2 * member**2).sum(axis=1)
        factors = np.full(self.units.shape, factor)

        def gained(correlation: float) -> float:
            factors[:, 0] = np.sqrt(np.maximum(own + correlation * (first**2 - own), LOWEST)) / vols[:, 0]
            return float(self.gain(factors).sum())

        lowest = float((-own / (first**2 - own)).max())
        return bisected(gained, lowest, DEAREST)


def bisected(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function changes its sign between two points; NaN where it has one sign at both."""
    at_low = function(low)
    if not np.isfinite(at_low) or at_low * function(high) > 0.0:
        return float("nan")
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (middle, high) if function(middle) * at_low > 0.0 else (low, middle)
    return 0.5 * (low + high)
