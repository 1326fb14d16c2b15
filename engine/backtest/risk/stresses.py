"""What would happen to a book at once: shocks of prices and volatilities, and named stresses that could be.

A `Shock` moves prices and volatilities as it says, of each leg as it was entered; scales and margins ask for it. A
`Stress` says what spot, volatilities, their terms and correlation did in a crisis, as a market that could be.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats
from engine.backend import namespace, to_host
from engine.backtest.cohorts.book import TradeBook
from engine.backtest.contracts.instruments import Instrument, by_class
from engine.backtest.explain.days import follow
from engine.backtest.explain.scenarios import SPOTS
from engine.backtest.legs.detail import SHARES_PER_CONTRACT, contracts_of
from engine.backtest.legs.hedge_paths import held_deltas
from engine.backtest.legs.held import Held
from engine.backtest.legs.legs import Legs
from engine.backtest.risk.stressed_vols import stressed_vols
from engine.calendar import days_between
from engine.data.panel import MarketPanel
from engine.errors import InputError
from engine.kernels.codes import Kind


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
        then = one.price(forward * (1.0 + moved), strike, iv * (1.0 + wider), years, rate, *_realised_then(one, moved))
        gain = then.value - one.greeks.value - delta * forward * moved
        total = total + xp.where(units != 0.0, units * ratio * gain[:, :, 0], 0.0)
    return total


def _realised_then(one: Held, moved: Floats) -> tuple[Floats, ...]:
    """Return what a swap has realised once the forward has moved: the move's own square is part of it."""
    if not one.of_swap:
        return ()
    realised, convexity = one.of_swap
    forward = one.marks.forward

    def weight(instrument: Instrument) -> Floats:  # a gamma swap counts a return by where it ends
        weighted = instrument.kind == Kind.GAMMA
        return forward * (1.0 + moved) / forward[..., :1] if weighted else namespace(forward).ones_like(forward)

    return realised + by_class(one.pair, weight) * namespace(forward).log1p(moved) ** 2, convexity


@dataclass(frozen=True)
class Stress:
    """What happens to a market at once.

    Parameters
    ----------
    name : str
    spot : float
        Share by which prices move: of all, or of the name that gaps.
    variance : tuple of float
        Multiples of the members' forward variance up to 30, 91 and 182 days; beyond, the last one holds.
    correlation : tuple of float
        Share of the way, over the same days, that correlation goes.
    source : str
        Where the sizes are from.
    towards : float
        Where correlation goes: 1 or 0.
    gaps : bool
        One name alone moves, the basket's largest, and the index by as much as it weighs.
    """

    name: str
    spot: float
    variance: tuple[float, float, float]
    correlation: tuple[float, float, float]
    source: str
    towards: float = 1.0
    gaps: bool = False


def happens(panel: MarketPanel, weights: Floats, session: int, stress: Stress) -> Callable:
    """Return what a stress makes of the arrays of a session, for `days.imagined`.

    Parameters
    ----------
    panel : MarketPanel
    weights : array (T, N)
        Basket weights.
    session : int
    stress : Stress

    Raises
    ------
    InputError
        Where the basket has no member on the session.
    """
    arrays: dict = {}
    panel.map_arrays(lambda name, array: arrays.setdefault(name, array))
    xp = namespace(panel.index_iv, weights)
    weight = xp.asarray(weights[session])
    total = float(weight.sum())
    if total <= 0.0:
        raise InputError(f"the basket has no member on {panel.dates[session]}, to which {stress.name} could happen")
    largest = xp.arange(len(weight)) == xp.argmax(weight)
    moves = largest if stress.gaps else xp.ones(len(weight), dtype=bool)
    one = float((weight * moves).sum()) / total
    times = {"index": 1.0 + stress.spot * one, "members": xp.where(moves, 1.0 + stress.spot, 1.0)}
    vols: dict = {}
    grids = [("index_iv", "component_iv", panel.tenors)]
    if panel.listed is not None:
        days = days_between(panel.listed.expiry[session], panel.dates[session])
        grids.append(("listed.index_iv", "listed.iv", days))
    for index, members, days in grids:
        of_index, of_members = (xp.asarray(arrays[name][session]) for name in (index, members))
        vols[index], vols[members] = stressed_vols(stress, of_index, of_members, weight, days, moves)

    def move(name: str, row: Floats) -> Floats:
        if name in vols:
            return vols[name][None].astype(row.dtype)
        if name not in SPOTS:
            return row
        if "index" in name:
            return row * times["index"]
        return row * times["members"].reshape(1, -1, *(1 for _ in row.shape[2:]))

    return move
