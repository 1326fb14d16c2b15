"""Several baskets of one market at once: each with its members, its weights, and the options on it as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from engine.arrays import PerName, Symbols, Weights
from engine.backend import namespace
from engine.correlation.basket import AllMembers, Basket, TopWeights, basket_weights, index_share, normalised
from engine.correlation.implied import CorrelationStatus, ImpliedCorrelation, implied_correlation
from engine.errors import InputError

if TYPE_CHECKING:  # the panel's package brings in frames, which measuring does without
    from engine.data.panel import MarketPanel


@dataclass(frozen=True, eq=False)
class Chosen:
    """One basket of a market.

    Parameters
    ----------
    label : str
        Name written to files.
    weights : array (T, N)
        Basket weights, rows sum to 1; 0 = not in the basket.
    share : array (T,)
        Share of the index that the basket's names hold; of a sector, share of the sector.
    leg : str or None
        Symbol of the index leg; None where no options on the basket as a whole exist.
    index_iv : array (T, K, D) or None
        Volatility of the leg.
    of_sector : bool
        True where coverage counts against the whole sector, names that the data does not have included.
    """

    label: str
    weights: np.ndarray
    share: np.ndarray
    leg: str | None
    index_iv: np.ndarray | None
    of_sector: bool = False


class _Several:
    """A choice of several baskets, which can be measured at once but not traded as one."""

    label: str

    def select(self, weights: Weights, names: Symbols) -> NoReturn:
        """Refuse: only a single basket has weights of its own."""
        raise InputError(
            f"basket={self.label} is several baskets, which engine.correlate measures at once; "
            "a backtest trades one of them: basket=top50, basket=all or basket=names"
        )


@dataclass(frozen=True)
class Sectors(_Several):
    """One basket for each sector, with the sector's own ETF or sub-index as the index leg where options on it exist.

    Weights are those inside the sector. A name has one sector, the same on all dates.
    """

    label = "sectors"

    def baskets(self, market: "MarketPanel") -> tuple[Chosen, ...]:
        """Return the sectors in alphabetical order.

        Raises
        ------
        InputError
            When the market does not know sectors.
        """
        sectors = market.sectors
        if sectors is None:
            raise InputError(f"market {market.info.name} does not know sectors; use basket=top50 or basket=all")
        xp = namespace(sectors.weights)
        legs = {str(sector): s for s, sector in enumerate(sectors.legs)}
        chosen = []
        for sector in sorted({str(sector) for sector in sectors.of_name} - {""}):
            own = xp.where(xp.asarray(sectors.of_name == sector), sectors.weights, 0.0)
            s = legs.get(sector)
            leg, index_iv = (None, None) if s is None else (str(sectors.symbols[s]), sectors.leg_iv[:, s])
            chosen.append(Chosen(sector, normalised(own), own.sum(axis=1), leg, index_iv, of_sector=True))
        return tuple(chosen)


@dataclass(frozen=True)
class Everything(_Several):
    """The n largest members, all members and, where the market knows them, each sector."""

    n: int = 50
    label = "everything"

    def baskets(self, market: "MarketPanel") -> tuple[Chosen, ...]:
        """Return the n largest first, then all members, then the sectors."""
        single = [basket for kind in (TopWeights(self.n), AllMembers()) for basket in baskets(kind, market)]
        return (*single, *(Sectors().baskets(market) if market.sectors is not None else ()))


def baskets(choice: Basket | Sectors | Everything, market: "MarketPanel") -> tuple[Chosen, ...]:
    """Return the baskets that a choice makes of a market.

    Parameters
    ----------
    choice : TopWeights, AllMembers, Names, Sectors or Everything
    market : MarketPanel

    Examples
    --------
    >>> from engine.data.synthetic import synthetic_market
    >>> market, _ = synthetic_market(years=0.5, names=6, sectors=2)
    >>> [(basket.label, basket.leg) for basket in baskets(Everything(n=3), market)]
    [('top3', 'SYNX'), ('all', 'SYNX'), ('Sector 1', 'SECX'), ('Sector 2', None)]
    """
    if isinstance(choice, Sectors | Everything):
        return choice.baskets(market)
    weights = basket_weights(choice, market)
    share = index_share(weights, market.weights)
    return (Chosen(choice.label, weights, share, market.info.index, market.index_iv),)


def correlate_baskets(
    chosen: Sequence[Chosen], component_iv: PerName, *, min_coverage: float = 0.8, budget: int | None = None
) -> ImpliedCorrelation:
    """Implied correlation of several baskets in one reading of the members' volatilities.

    Parameters
    ----------
    chosen : sequence (B,) of Chosen
    component_iv : array (T, N, K, D)
    min_coverage, budget
        As for `implied_correlation`.

    Returns
    -------
    ImpliedCorrelation
        Arrays (B, T, K, D). Coverage of a sector is the share of the **whole** sector held by quoted names: a few names
        against a fund are `thin_coverage` however well they are quoted. A basket without an index leg has the status
        `no_index_leg` and NaN, its coverage and names being known all the same.
    """
    first = chosen[0].weights
    xp = namespace(first)
    weights = xp.stack([basket.weights for basket in chosen])
    quoted = [basket.index_iv for basket in chosen]
    if all(index is quoted[0] for index in quoted) and quoted[0] is not None:
        index_iv = quoted[0]
    else:
        nothing = xp.full((len(first), *component_iv.shape[2:]), xp.nan, dtype=xp.float32)
        index_iv = xp.stack([nothing if index is None else xp.asarray(index) for index in quoted])
    rho = implied_correlation(index_iv, component_iv, weights, min_coverage=min_coverage, budget=budget)
    for b, basket in enumerate(chosen):
        if basket.of_sector:
            rho.coverage[b] *= basket.share.reshape(-1, 1, 1)
            thin = (rho.coverage[b] < min_coverage) & (rho.status[b] != int(CorrelationStatus.NO_INDEX_QUOTE))
            rho.status[b][thin] = int(CorrelationStatus.THIN_COVERAGE)
        if basket.leg is None:
            rho.status[b] = int(CorrelationStatus.NO_INDEX_LEG)
    return rho
