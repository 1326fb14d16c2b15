"""How large each cohort is: the index vega of the sizing, or a multiple of it by premium, by what was made, by risk."""

import math
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from engine.arrays import Floats, PerCohort
from engine.backend import count, namespace
from engine.backtest.batch import refuse_below, refuse_nothing
from engine.backtest.cohorts.accounts import Accounts
from engine.backtest.contracts.instruments import pairs
from engine.backtest.market import MarketView
from engine.backtest.metrics import SESSIONS_PER_YEAR
from engine.backtest.risk.stresses import Shock, shocked
from engine.errors import InputError
from engine.kinds import check_count, check_kinds


@dataclass(frozen=True, eq=False)
class Unscaled:
    """What a scale may look at: every cohort at the index vega of the sizing.

    Parameters
    ----------
    view : MarketView
    accounts : Accounts
        Entry exposures, exits and costs; P&L later than `lag` sessions before an entry is not to be read.
    lag : int
    """

    view: MarketView
    accounts: Accounts
    lag: int


@runtime_checkable
class Scale(Protocol):
    """What a scale of your own offers, in a frozen dataclass; a field that may batch holds a column (P, 1)."""

    def multiples(self, unscaled: Unscaled) -> PerCohort | None:
        """Return by what the index vega of each cohort is multiplied, (P, C) or (1, C), none below 0; None = 1."""


@dataclass(frozen=True)
class IndexVega:
    """The index vega of the sizing, whatever the cohort."""

    def multiples(self, unscaled: Unscaled) -> None:
        """Return None."""
        return


@dataclass(frozen=True)
class PremiumScale:
    """As much premium in every cohort.

    Parameters
    ----------
    premium : float
        Currency, of the index and of all members together, each counted as positive, at full exposure.
    """

    premium: float = field(default=10_000_000.0, metadata={"batch": True})

    def __post_init__(self):
        _check(self, "premium")

    def multiples(self, unscaled: Unscaled) -> PerCohort:
        """Return the premium asked for over that of each cohort."""
        book = unscaled.accounts.book
        xp = namespace(book.explain)
        ratio = xp.asarray(
            [[one.ratio for one in pair] for pair in pairs(book.recipe.structure)]
        ).T  # of index, members
        ratio = ratio[xp.minimum(xp.arange(book.legs.units.shape[1]), 1)]
        held = xp.where(book.legs.units != 0.0, book.legs.units, 0.0)[:, :, None] * ratio
        held = xp.where(held != 0.0, xp.abs(held * book.legs.value), 0.0).sum(axis=(1, 2))
        return _over(xp, self.premium, unscaled.accounts.index_vega * held)


@dataclass(frozen=True)
class VegaOfNav:
    """Index vega as a share of what there is: the first capital and what was made of it, known `lag` sessions before.

    Parameters
    ----------
    nav : float
        Capital before the first cohort, currency.
    share : float
        Index vega over it: .001 loses .1 % of it on a vol point.
    """

    nav: float = field(default=100_000_000.0, metadata={"batch": True})
    share: float = field(default=0.001, metadata={"batch": True})

    def __post_init__(self):
        _check(self, "nav", "share")

    def multiples(self, unscaled: Unscaled) -> PerCohort:
        """Follow the account one cohort after the other; where nothing is left nothing is traded."""
        accounts, lag = unscaled.accounts, unscaled.lag
        xp = namespace(accounts.entry_exposure, accounts.book.explain)
        entry, size = accounts.book.cohorts.entry, accounts.entry_exposure
        sets = max(len(size), count(self.nav), count(self.share), count(accounts.index_vega))
        made = xp.zeros((sets, accounts.sessions))
        found = xp.zeros((sets, len(entry)))
        for c, session in enumerate(int(e) for e in entry):
            nav = self.nav + made[:, : session - lag + 1].sum(axis=1, keepdims=True)
            multiple = xp.maximum(self.share * nav, 0.0) / accounts.index_vega
            found[:, c : c + 1] = multiple
            until = min(session + accounts.book.days + 1, accounts.sessions)
            made[:, session:until] += multiple * accounts.net_of(c)[:, : until - session]
        return found


@dataclass(frozen=True)
class VolatilityTarget:
    """The multiple at which the last net P&L, as it would have been at the sizing's index vega, had a given volatility.

    Parameters
    ----------
    target : float
        Volatility of a year's P&L, currency.
    window : int
        Sessions up to `lag` before the entry. Before so many, or while nothing was held, a cohort is not entered.
    most : float
        Largest multiple; infinite = none.
    """

    target: float = field(default=5_000_000.0, metadata={"batch": True})
    window: int = 63
    most: float = field(default=math.inf, metadata={"batch": True})

    def __post_init__(self):
        _check(self, "target", "most")
        check_count("scale.window", self.window, least=2)

    def multiples(self, unscaled: Unscaled) -> PerCohort:
        """Return the target over the volatility of the window."""
        accounts = unscaled.accounts
        xp, entry = namespace(accounts.entry_exposure, accounts.book.explain), accounts.book.cohorts.entry
        gross, option_cost, hedge_cost = (xp.asarray(row) for row in accounts.daily())
        net, columns = gross - option_cost - hedge_cost, []
        if entry[-1] - unscaled.lag + 1 < self.window:
            raise InputError(
                f"scale.window={self.window} is more sessions than there are before the last entry, on "
                f"{unscaled.view.dates[entry[-1]]}; use fewer, or widen start"
            )
        for session in (int(e) for e in entry):
            until = session - unscaled.lag + 1
            past = net[:, max(until - self.window, 0) : until]
            known = past.shape[1] == self.window
            columns.append(past.std(axis=1) if known else xp.zeros(len(net)))
        spread = math.sqrt(SESSIONS_PER_YEAR) * xp.stack(columns, axis=1)
        return xp.minimum(_over(xp, self.target, spread), self.most)


@dataclass(frozen=True)
class StressCap:
    """No cohort may lose more than a cap were the worse of two shocks to come at its entry: prices up, or down.

    Parameters
    ----------
    loss : float
        Currency, at full exposure.
    spot : float
        Share by which all prices move, either way.
    index_vol, member_vol : float
        Share by which the volatilities of the index, and of its members, rise: more of the index's is a higher
        correlation. Against a cohort long correlation they fall as much.
    """

    loss: float = field(default=2_000_000.0, metadata={"batch": True})
    spot: float = 0.2
    index_vol: float = 0.8
    member_vol: float = 0.5

    def __post_init__(self):
        _check(self, "loss")
        refuse_below(self, 0.0, "spot", "index_vol", "member_vol")
        if not max(self.spot, self.index_vol, self.member_vol) < 1.0:
            raise InputError(
                "scale.spot, scale.index_vol and scale.member_vol are shares below 1: nothing falls by more"
            )

    def multiples(self, unscaled: Unscaled) -> PerCohort:
        """Return 1, or less where the cohort would lose more than the cap."""
        accounts = unscaled.accounts
        xp = namespace(accounts.entry_exposure, accounts.book.explain)
        worst = [self._loss(unscaled, side) for side in (1.0, -1.0)]
        lost = xp.where(accounts.entry_exposure < 0.0, xp.asarray(worst[1]), xp.asarray(worst[0]))
        lost = accounts.index_vega * lost
        return xp.where(lost > self.loss, self.loss / xp.where(lost > 0.0, lost, 1.0), 1.0)

    def _loss(self, unscaled: Unscaled, side: float) -> Floats:
        vols = (side * self.index_vol, side * self.member_vol)
        shocks = [Shock(move, move, *vols) for move in (self.spot, -self.spot)]
        pnl = side * shocked(unscaled.view.panel, unscaled.accounts.book, shocks).pnl.sum(axis=1)
        return -pnl.min(axis=1)


def _check(item: Scale, *names: str) -> None:
    check_kinds(item)
    refuse_nothing(item, *names)


def _over(xp, wanted, there):
    """Multiple of what is there that makes what is wanted; 0 where nothing is there."""
    return xp.where(there > 0.0, wanted / xp.where(there > 0.0, there, 1.0), 0.0)
