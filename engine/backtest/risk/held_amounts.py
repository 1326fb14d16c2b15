"""What cohorts hold of the things that a book is limited in: correlation vega, name vega, short gamma, stress loss."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats, PerCohort
from engine.backend import namespace, to_host
from engine.backtest.cohorts.book import TradeBook
from engine.backtest.explain.days import earned, follow, imagined
from engine.backtest.market import MarketView
from engine.backtest.risk.crises import STRESSES
from engine.backtest.risk.stresses import happens
from engine.calendar import days_between
from engine.data.panel import MarketPanel


@dataclass(frozen=True, eq=False)
class Amounts:
    """What cohorts hold of one thing, per unit of index vega.

    Parameters
    ----------
    long, short : array (C, M)
        Of an exposure above 0, and of one below, each taken as positive; M things are limited alike.
    either_way : bool
        Whether an amount below 0 counts as well.
    """

    long: np.ndarray
    short: np.ndarray
    either_way: bool

    def of(self, sizes: np.ndarray) -> np.ndarray:
        """Return what sets hold, (P, M), given the signed index vega of each cohort, (P, C)."""
        return np.maximum(sizes, 0.0) @ self.long + np.maximum(-sizes, 0.0) @ self.short

    def of_one(self, size: np.ndarray, c: int) -> np.ndarray:
        """Return what one cohort adds, (P, M), given its signed index vega, (P,)."""
        return np.maximum(size, 0.0)[:, None] * self.long[c] + np.maximum(-size, 0.0)[:, None] * self.short[c]


@dataclass(frozen=True, eq=False)
class _Sizes:
    """Vega of legs at a close, and gamma per 1 % of what is short and long of it, (C, 1 + L) per unit of index vega."""

    vega: np.ndarray
    short_gamma: np.ndarray
    long_gamma: np.ndarray


def held_amounts(
    view: MarketView, book: TradeBook, held: np.ndarray, session: int, wanted: list[str]
) -> Iterator[tuple[str, Amounts]]:
    """Yield what cohorts that are held on from a session's close have of each of the things wanted, by name.

    Parameters
    ----------
    view : MarketView
    book : TradeBook
    held : array (C',), int
        Which cohorts.
    session : int
    wanted : list of str
        Names of `LIMITS`.
    """
    panel, cohorts = view.panel, book.cohorts[held]
    name, units = (to_host(getattr(book.legs, key))[held] for key in ("name", "units"))
    if wanted != ["stress_loss"]:
        sizes = follow(panel, cohorts, book.recipe, name, units, session - cohorts.entry, _sizes_at)
    if "correlation_vega" in wanted:
        slope = correlation_slope(panel, view.weights, session, days_between(cohorts.expiry, panel.dates[session]))
        vega = (sizes.vega[:, 0] * slope)[:, None]
        yield "correlation_vega", Amounts(vega, -vega, True)
    if "name_vega" in wanted:
        vega = np.zeros((len(held), panel.spot.shape[1]))
        np.add.at(vega, (np.arange(len(held))[:, None], np.maximum(name[:, 1:], 0)), sizes.vega[:, 1:])
        yield "name_vega", Amounts(vega, -vega, True)
    if "short_gamma" in wanted:
        short, long = (gamma.sum(axis=1, keepdims=True) for gamma in (sizes.short_gamma, sizes.long_gamma))
        yield "short_gamma", Amounts(short, long, False)
    if "stress_loss" in wanted:
        loss = []
        for stress in STRESSES:
            move = happens(panel, view.weights, session, stress)
            market, then, at = imagined(panel, cohorts, session, panel.dates[session], move)
            found = earned(market, then, book.recipe, name, units, at)
            loss.append(-np.where(found.alive, found.parts.sum(axis=(2, 3)), 0.0).sum(axis=1))
        losses = np.stack(loss, axis=1)
        yield "stress_loss", Amounts(losses, -losses, False)


def _sizes_at(legs, units: Floats, days: np.ndarray) -> _Sizes:
    xp = namespace(units)
    at = xp.asarray(days)[:, None, None]
    vega, short, long = (xp.zeros(units.shape) for _ in range(3))
    for held, ratio in zip(legs.instruments, legs.ratios, strict=True):
        quantity = xp.where(held.marks.end > at[:, :, 0], units * ratio, 0.0)
        of_one = (held.greeks.vega, 0.01 * held.marks.forward**2 * held.greeks.gamma)
        one, gamma = (xp.take_along_axis(array, at, axis=2)[:, :, 0] for array in of_one)
        vega = vega + xp.where(quantity != 0.0, quantity * one, 0.0)
        cash = xp.where(quantity != 0.0, quantity * gamma, 0.0)
        short, long = short + xp.maximum(-cash, 0.0), long + xp.maximum(cash, 0.0)
    return _Sizes(vega, short, long)


def correlation_slope(market: MarketPanel, weights: Floats, session: int, left: PerCohort) -> np.ndarray:
    """What a point of correlation makes of the index's volatility, vol points, at the tenors nearest to the days left.

        d s_I / d rho = (A^2 - B) / (2 s_I),   A = sum w s,  B = sum w^2 s^2   of the members quoted

    NaN where neither the index nor any member is quoted at the middle delta.
    """
    deltas = np.asarray(market.deltas)
    d, weight = int(np.abs(deltas - 50).argmin()), to_host(weights)[session]
    index = to_host(market.index_iv)[session, :, d].astype(float)
    members = to_host(market.component_iv[session])[:, :, d].astype(float)
    held = np.where(np.isfinite(members), weight[:, None], 0.0)
    x = np.where(held > 0.0, held / np.maximum(held.sum(axis=0), 1e-300) * members, 0.0)
    slope = (x.sum(axis=0) ** 2 - (x**2).sum(axis=0)) / (2.0 * index)
    known = np.flatnonzero(np.isfinite(slope) & np.isfinite(index) & (held.sum(axis=0) > 0.0))
    if not len(known):
        return np.full(len(left), np.nan)
    nearest = known[np.abs(np.asarray(market.tenors)[known] - np.asarray(left)[:, None]).argmin(axis=1)]
    return slope[nearest]
