"""What the legs of cohorts would earn at once, at the close of their entry, were prices and volatilities others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats
from engine.backend import namespace, to_host
from engine.backtest.book import TradeBook
from engine.backtest.days import follow
from engine.backtest.detail import SHARES_PER_CONTRACT, contracts_of
from engine.backtest.hedge_paths import held_deltas
from engine.backtest.legs import Legs
from engine.data.panel import MarketPanel


@dataclass(frozen=True)
class Shock:
    """Shares by which prices and volatilities move, of the index and of its members."""

    index: float
    members: float
    index_vol: float = 0.0
    member_vol: float = 0.0


@dataclass(frozen=True, eq=False)
class Shocked:
    """Per unit of index vega, of cohorts short the index.

    Parameters
    ----------
    pnl : array (C, 1 + L, S)
        Of each leg and its hedge in each shock.
    contracts : array (C, 1 + L)
        Options it holds, of 100 shares each where none are listed.
    """

    pnl: np.ndarray
    contracts: np.ndarray


def shocked(market: MarketPanel, book: TradeBook, shocks: Sequence[Shock]) -> Shocked:
    """Reprice every leg as it was entered, hedge included, smiles staying where they are in strike.

    Parameters
    ----------
    market : MarketPanel
    book : TradeBook
    shocks : sequence of Shock
    """
    name, units = to_host(book.legs.name), to_host(book.legs.units)

    def work(legs: Legs, units: Floats, days: np.ndarray) -> Shocked:
        xp = namespace(units)
        deltas = held_deltas(legs, units, book.recipe.hedge)
        pnl = [_at_once(legs, units, deltas, shock) for shock in shocks]
        return Shocked(xp.stack(pnl, axis=-1), contracts_of(legs, units, SHARES_PER_CONTRACT))

    return follow(market, book.cohorts, book.recipe, name, units, 0 * book.cohorts.entry, work)


def _at_once(legs: Legs, units: Floats, deltas: list[Floats], shock: Shock) -> Floats:
    """P&L of each leg in one shock, (C, 1 + L)."""
    xp = namespace(units)

    def by_leg(index: float, members: float) -> Floats:
        return xp.asarray([index] + [members] * (units.shape[1] - 1))[:, None]

    moved, wider = by_leg(shock.index, shock.members), by_leg(shock.index_vol, shock.member_vol)
    total = xp.zeros(units.shape)
    for one, ratio, delta in zip(legs.instruments, legs.ratios, deltas, strict=True):
        forward, strike, iv, years, rate = one.at_marks
        then = one.price(forward * (1.0 + moved), strike, iv * (1.0 + wider), years, rate, *one.of_swap)
        gain = then.value - one.greeks.value - delta * forward * moved
        total = total + xp.where(units != 0.0, units * ratio * gain[:, :, 0], 0.0)
    return total
