"""Limits of a book, held to at each entry: what would exceed one is entered smaller, or not at all, and is told."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from engine.backend import to_host
from engine.backtest.batch import refuse_below
from engine.backtest.cohorts.accounts import Accounts
from engine.backtest.contracts.instruments import pairs
from engine.backtest.contracts.structure import LegStatus
from engine.backtest.legs.marking import ListedMarks
from engine.backtest.market import MarketView
from engine.backtest.risk.held_amounts import held_amounts
from engine.errors import InputError
from engine.kernels.codes import Kind
from engine.kinds import check_kinds

LIMITS = {  # in the order in which they are told
    "correlation_vega": "per point of correlation",
    "name_vega": "per vol point, of one member",
    "short_gamma": "per 1 %",
    "stress_loss": "in the worst stress",
}
SCALE, BLOCK = "scale", "block"
NOT_MEASURED = "not measured"
WHOLE = 1.0 - 1e-12  # a share that is only rounded away from 1
NOTHING = 1e-6  # of a cohort: a share of it that is no position


@dataclass(frozen=True, eq=False)
class Limited:
    """What limits did to P parameter sets over C cohorts.

    Parameters
    ----------
    exposure : array (P, C)
        What is entered.
    asked : array (P, C)
    by : array (P, C), int
        Which of `LIMITS` a cohort was held to; -1 = none, len(LIMITS) = one could not be measured.
    held, size : array (P, C)
        What the book held of that before the entry, and would hold with all that was asked; currency.
    """

    exposure: np.ndarray
    asked: np.ndarray
    by: np.ndarray
    held: np.ndarray
    size: np.ndarray


@runtime_checkable
class Limit(Protocol):
    """What limits of your own offer, in a frozen dataclass; a field that may batch holds a column (P, 1)."""

    def applied(self, view: MarketView, accounts: Accounts) -> Limited | None:
        """Return what is entered of what was asked; None = all of it."""


@dataclass(frozen=True)
class Limits:
    """Most that the book may hold at the close of each entry, all cohorts together; inf = as much as is asked for.

    Measured on what is held on, as `engine.book` measures positions: a cohort that would exceed one is entered with the
    largest share that does not, or blocked. What a book holds already is never sold, and an entry that brings it nearer
    to a limit is let in.

    Parameters
    ----------
    correlation_vega : float
        Currency per point of correlation, either way.
    name_vega : float
        Currency per vol point of any one member, either way.
    short_gamma : float
        Currency per 1 %, of what is short gamma; what is long does not offset it.
    stress_loss : float
        Currency, in the worst of `STRESSES`.
    action : str
        "scale" or "block".
    """

    correlation_vega: float = field(default=np.inf, metadata={"batch": True})
    name_vega: float = field(default=np.inf, metadata={"batch": True})
    short_gamma: float = field(default=np.inf, metadata={"batch": True})
    stress_loss: float = field(default=np.inf, metadata={"batch": True})
    action: str = SCALE

    def __post_init__(self):
        check_kinds(self)
        refuse_below(self, 0.0, *LIMITS)
        if self.action not in (SCALE, BLOCK):
            raise InputError(f"limits.action={self.action} is unknown; choose {SCALE} or {BLOCK}")

    def applied(self, view: MarketView, accounts: Accounts) -> Limited | None:
        """Enter cohorts in the order of their dates, each as far as the book then has room."""
        caps = {name: np.asarray(to_host(getattr(self, name)), dtype=float).reshape(-1) for name in LIMITS}
        asked_for = [name for name, cap in caps.items() if np.isfinite(cap).any()]
        if not asked_for:
            return None
        book, sets = accounts.book, max(len(accounts.entry_exposure), *map(len, caps.values()))
        self._check(book)
        vega = np.broadcast_to(np.asarray(to_host(accounts.index_vega), dtype=float).reshape(-1), sets)
        shape = (sets, len(book.cohorts))
        asked = np.broadcast_to(to_host(accounts.entry_exposure).astype(float), shape)
        exit_day = None if accounts.exit_day is None else np.broadcast_to(to_host(accounts.exit_day), shape)
        exposure, by = asked.copy(), np.full(asked.shape, -1)
        held_size, size = (np.full(asked.shape, np.nan) for _ in range(2))
        entry = book.cohorts.entry
        for c in range(len(book.cohorts)):
            if not asked[:, c].any():
                continue
            held = _held_on(book.cohorts, int(entry[c]))
            lives = np.ones((sets, len(held)), dtype=bool)
            if exit_day is not None:
                lives = (entry[c] - entry[held] < exit_day[:, held]) | (exit_day[:, held] >= book.cohorts.life[held])
            holds = np.where(lives, exposure[:, held], 0.0) * vega[:, None]
            new = np.flatnonzero(held == c)[0]
            holds[:, new] = 0.0
            share = np.ones(sets)
            adds = vega * asked[:, c]
            for name, amounts in held_amounts(view, book, held, int(entry[c]), asked_for):
                k = list(LIMITS).index(name)
                cap = np.broadcast_to(caps[name], sets)
                before, more = amounts.of(holds), amounts.of_one(adds, new)
                room, at = _room(before, more, cap, amounts.either_way)
                tighter = room < share
                share = np.where(tighter, room, share)
                by[:, c] = np.where(tighter, np.where(np.isnan(room), len(LIMITS), k), by[:, c])
                picked = np.arange(sets), at
                held_size[:, c] = np.where(tighter, np.abs(before[picked]), held_size[:, c])
                size[:, c] = np.where(tighter, np.abs((before + more)[picked]), size[:, c])
            share = np.where(by[:, c] == len(LIMITS), 0.0, share)
            share = np.where(share >= WHOLE, 1.0, 0.0 if self.action == BLOCK else share)
            share = np.where(share <= NOTHING, 0.0, share)
            by[:, c] = np.where((share == 1.0) | (asked[:, c] == 0.0), -1, by[:, c])
            exposure[:, c] = asked[:, c] * share
        return Limited(exposure, asked, by, held_size, size)

    def _check(self, book) -> None:
        if isinstance(book.recipe.marks, ListedMarks) and self.action == SCALE:
            raise InputError("marks=listed trades whole lots, which no share of a cohort is; use limits.action=block")
        if any(one.kind == Kind.CORRELATION for pair in pairs(book.recipe.structure) for one in pair):
            raise InputError("limits are of vegas per vol point, which a correlation swap has none of; leave them out")
        if getattr(book.recipe.hedge, "looks_back", False):
            raise InputError("limits imagine a session, of which a hedge by past returns knows none; use another hedge")


def _room(before: np.ndarray, more: np.ndarray, cap: np.ndarray, either_way: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest share of `more`, (P,), that `before` has room for, and which of the M things decides it."""
    side = np.sign(more) if either_way else 1.0
    grows = side * more > 0.0
    left = (cap[:, None] - side * before) / np.where(grows, np.abs(more), 1.0)
    share = np.where(grows, np.clip(left, 0.0, None), np.inf)
    share = np.where(np.isfinite(before) & np.isfinite(more), share, np.where(np.isinf(cap)[:, None], np.inf, -1.0))
    at = share.argmin(axis=1)
    found = share[np.arange(len(share)), at]
    return np.where(found < 0.0, np.nan, found), at


def _held_on(cohorts, session: int) -> np.ndarray:
    """Return which cohorts are entered by a session and held on from its close, were none sold before its end."""
    last = cohorts.last - (cohorts.outcome != int(LegStatus.OPEN))
    return np.flatnonzero((cohorts.entry <= session) & (last >= session))
