"""Baskets that ask more of the market than index weights: quotes, returns, sectors, or a table of one's own."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.arrays import Weights
from engine.backend import namespace, to_host
from engine.calendar import DAY
from engine.correlation.basket import AbstractMarketBasket, TopWeights, known_name, normalised
from engine.correlation.market_returns import market_returns
from engine.errors import InputError
from engine.kinds import check_count, check_kinds

if TYPE_CHECKING:
    from engine.data.panel import MarketPanel


@dataclass(frozen=True)
class Liquid(AbstractMarketBasket):
    """The n largest members among those whose options were quoted before, and narrowly enough.

    Parameters
    ----------
    n : int
    window : int
        Sessions up to the one before the date.
    quoted : float
        Share of them with a quote at 50 delta, at least.
    tenor : int
        Calendar days; the nearest of the surface is looked at.
    width : float
        Most the mean of ask less bid may be where both are quoted, vol points; infinite = not looked at.
    """

    n: int = 50
    window: int = 21
    quoted: float = 0.9
    tenor: int = 30
    width: float = float("inf")

    def __post_init__(self):
        check_kinds(self)
        check_count("basket.n", self.n)
        check_count("basket.window", self.window)
        if not 0.0 <= self.quoted <= 1.0:
            raise InputError(f"basket.quoted={self.quoted} is no share of sessions; use 0 to 1")

    @property
    def label(self) -> str:
        """Name written to files: `liquid50`."""
        return f"liquid{self.n}"

    def select_from(self, market: "MarketPanel") -> Weights:
        """Return index weights of the n largest that pass, (T, N)."""
        xp = namespace(market.weights)
        k = min(range(len(market.tenors)), key=lambda k: abs(int(market.tenors[k]) - self.tenor))
        d = min(range(len(market.deltas)), key=lambda d: abs(int(market.deltas[d]) - 50))
        known = xp.isfinite(xp.asarray(market.component_iv[:, :, k, d]))
        passes = self._before(known * 1.0) >= self.quoted * self.window
        if self.width != float("inf"):
            if market.band is None:
                raise InputError(
                    f"basket.width needs volatilities at bid and at ask, and {market.info.name} has one side only"
                )
            wide = xp.asarray(market.band.ask[:, :, k, d]) - xp.asarray(market.band.bid[:, :, k, d])
            both = xp.isfinite(wide)
            total, count = self._before(xp.where(both, 100.0 * wide, 0.0)), self._before(both * 1.0)
            passes = passes & (count > 0.0) & (total <= self.width * count)
        return TopWeights(self.n).select(xp.where(passes, market.weights, 0.0), market.names)

    def _before(self, values):
        """Sum over the last sessions before each, (T, N); -1, which passes nothing, where there are fewer."""
        xp = namespace(values)
        total = xp.zeros(values.shape)
        for back in range(1, self.window + 1):
            total[back:] += values[:-back]
        total[: self.window] = -1.0
        return total


@dataclass(frozen=True)
class SectorBalanced(AbstractMarketBasket):
    """The largest members of every sector, which together weigh as much as all members of the sector do.

    Parameters
    ----------
    per_sector : int
    """

    per_sector: int = 5

    def __post_init__(self):
        check_count("basket.per_sector", self.per_sector)

    @property
    def label(self) -> str:
        """Name written to files: `sector_balanced5`."""
        return f"sector_balanced{self.per_sector}"

    def select_from(self, market: "MarketPanel") -> Weights:
        """Return weights (T, N); names without a sector are left out."""
        if market.sectors is None:
            raise InputError(f"{market.info.name} does not know sectors; choose another basket")
        xp, of_name = namespace(market.weights), to_host(market.sectors.of_name)
        chosen = xp.zeros(market.weights.shape)
        for sector in sorted(set(of_name.tolist()) - {""}):
            own = xp.where(xp.asarray(of_name == sector), market.weights, 0.0)
            largest = TopWeights(self.per_sector).select(own, market.names)
            chosen = chosen + largest * own.sum(axis=1, keepdims=True)
        return normalised(chosen)


@dataclass(frozen=True)
class Tracking(AbstractMarketBasket):
    """The few names whose returns came nearest to the index's, chosen anew at the first session of each month.

    Parameters
    ----------
    n : int
    window : int
        Sessions of returns, up to the one before; members without all of them are left out.
    by : str
        `regression`: names and weights, none negative, that leave the least squares of the index's returns, added one
        after the other. `pca`: the names with the most variance on the first `components` of the correlation matrix, in
        index weights.
    components : int
        Of `pca`.
    """

    n: int = 20
    window: int = 126
    by: str = "regression"
    components: int = 3

    def __post_init__(self):
        check_kinds(self)
        for name, least in (("n", 1), ("window", 3), ("components", 1)):
            check_count(f"basket.{name}", getattr(self, name), least=least)
        if self.by not in ("regression", "pca"):
            raise InputError(f"basket.by={self.by} is no way to track an index; use regression or pca")

    @property
    def label(self) -> str:
        """Name written to files: `tracking20`."""
        return f"tracking{self.n}"

    def select_from(self, market: "MarketPanel") -> Weights:
        """Return weights (T, N); those of a month stay until the next, less the names that leave the index."""
        returns = market_returns(market)
        moved, index = to_host(returns.names), to_host(returns.legs[market.info.index])
        weights, chosen = to_host(market.weights), np.zeros(market.weights.shape)
        month = market.dates.astype("datetime64[M]")
        current = np.zeros(weights.shape[1])
        for t in range(len(weights)):
            if t == 0 or month[t] != month[t - 1]:
                until = int(returns.at[t])
                past = slice(max(until - self.window, 0), until)
                current = self._chosen(moved[past], index[past], weights[t])
            chosen[t] = np.where(weights[t] > 0.0, current, 0.0)
        return normalised(namespace(market.weights).asarray(chosen))

    def _chosen(self, moved: np.ndarray, index: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Choose names and weights by returns (W, N) and (W,) of sessions that are over."""
        found = np.zeros(len(weights))
        usable = np.flatnonzero((weights > 0.0) & np.isfinite(moved).all(axis=0))
        if len(moved) < self.window or not len(usable) or not np.isfinite(index).all():
            return found
        returns = moved[:, usable]
        if self.by == "pca":
            deviations = returns - returns.mean(axis=0)
            spread = deviations.std(axis=0)
            size, loading = np.linalg.svd(deviations / np.where(spread > 0.0, spread, 1.0), full_matrices=False)[1:]
            score = ((size[: self.components, None] * loading[: self.components]) ** 2).sum(axis=0)
            best = usable[np.argsort(-score, kind="stable")[: self.n]]
            found[best] = weights[best]
            return found
        from scipy.optimize import nnls  # slow to import, and measuring does without

        picked: list[int] = []
        rest, held = index, np.zeros(0)
        length = np.sqrt((returns**2).sum(axis=0))
        for _ in range(min(self.n, len(usable))):
            fit = np.where(length > 0.0, rest @ returns / np.where(length > 0.0, length, 1.0), -np.inf)
            fit[picked] = -np.inf
            best = int(fit.argmax())
            if not fit[best] > 0.0:  # no other name lowers what is left
                break
            picked.append(best)
            held = nnls(returns[:, picked], index)[0]
            rest = index - returns[:, picked] @ held
        found[usable[picked]] = held
        return found


@dataclass(frozen=True)
class OwnWeights(AbstractMarketBasket):
    """Weights of your own that change: those of a date hold from `delay` days after it until the next date's do.

    Parameters
    ----------
    file : str
        Table of `date`, `ticker` and `weight`, shares of 1 or percent; each date lists the whole basket.
    delay : int
        Calendar days from a date to the first session that may trade its weights.
    """

    file: str = ""
    delay: int = 1

    def __post_init__(self):
        check_kinds(self)
        check_count("basket.delay", self.delay, least=0)

    @property
    def label(self) -> str:
        """Name written to files."""
        return "own_weights"

    def select_from(self, market: "MarketPanel") -> Weights:
        """Return weights (T, N); before the first date an empty basket.

        Raises
        ------
        InputError
            When there is no such file, a row cannot be what it says, or a name is not in the data.
        """
        from engine.data.tables.contracts import WEIGHTS  # frames, which measuring does without
        from engine.data.tables.whole_file import read_whole

        table = read_whole(WEIGHTS, self.file, setting="basket.file")
        if table["date"].null_count():
            raise InputError(f"{self.file} has no column date: say from which date on each weight holds")
        column = {name: known_name(name, market.names) for name in table["ticker"].unique().to_list()}
        dates = table["date"].to_numpy().astype("datetime64[D]")
        changes = np.unique(dates)
        held = np.zeros((len(changes) + 1, len(market.names)))  # the first row: before all of them
        at = np.searchsorted(changes, dates) + 1
        held[at, [column[name] for name in table["ticker"].to_list()]] = table["weight"].to_numpy()
        sessions = np.asarray(market.dates, dtype="datetime64[D]")
        current = np.searchsorted(changes + self.delay * DAY, sessions, side="right")
        return normalised(namespace(market.weights).asarray(held[current]))
