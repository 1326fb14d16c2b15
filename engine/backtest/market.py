"""MarketView: what a strategy may look at, on the basket that will be traded."""

from dataclasses import dataclass, field

import numpy as np

from engine.arrays import Floats, PerDate, PerName, Weights
from engine.backend import namespace
from engine.correlation import (
    Basket,
    Chosen,
    CorrelationStatus,
    DispersionMeasures,
    DispersionStatus,
    ImpliedCorrelation,
    MarketReturns,
    RealizedCorrelation,
    Sectors,
    TopWeights,
    basket_realized,
    basket_weights,
    dispersion_measures,
    implied_correlation,
    index_share,
    market_returns,
    matched_window,
    realized_leg,
    surface_dispersion,
)
from engine.data.panel import MarketPanel
from engine.errors import InputError


@dataclass(frozen=True, eq=False)
class MarketView:
    """A panel seen through one basket; every series is indexed by date and uses nothing later than that date.

    Parameters
    ----------
    panel : MarketPanel
    basket : Basket
        TopWeights, AllMembers, Names or one of your own: the members whose correlation is measured and traded.
    """

    panel: MarketPanel
    basket: Basket = field(default_factory=TopWeights)
    _memory: dict = field(default_factory=dict, repr=False)

    @property
    def dates(self) -> np.ndarray:
        """Sessions, (T,) datetime64[D]."""
        return self.panel.dates

    @property
    def weights(self) -> Weights:
        """Basket weights, (T, N): rows sum to 1, 0 where a name is not in the basket."""
        return self._once("weights", lambda: basket_weights(self.basket, self.panel))

    @property
    def returns(self) -> PerName:
        """Simple daily returns of the members, (T, N) decimals, splits undone by the day's own factor."""
        return self._on_sessions(self._market_returns().names)

    @property
    def index_returns(self):
        """Simple daily returns of the index leg's own underlying, (T,) decimals, dividends not in them."""
        return self._on_sessions(self._market_returns().legs[self.panel.info.index])

    @property
    def realized_leg(self) -> str:
        """Whose returns the index volatility of `realized` is measured on: the symbol of the index leg."""
        return realized_leg(self._chosen())

    def index_iv(self, tenor: int, delta: int = 50) -> PerDate:
        """Implied volatility of the index, (T,) annualised decimals."""
        k, d = self._cell(tenor, delta)
        return self.panel.index_iv[:, k, d]

    def component_iv(self, tenor: int, delta: int = 50) -> PerName:
        """Implied volatility of every name, (T, N) annualised decimals."""
        k, d = self._cell(tenor, delta)
        # Where the device cannot hold the surfaces they stay on the host; one cell of them fits on the device.
        return namespace(self.panel.spot).asarray(self.panel.component_iv[:, :, k, d])

    def implied(self, tenor: int, delta: int = 50) -> ImpliedCorrelation:
        """Implied correlation of the basket with its status and coverage, every field (T,)."""
        return self._once(
            ("implied", tenor, delta),
            lambda: implied_correlation(self.index_iv(tenor, delta), self.component_iv(tenor, delta), self.weights),
        )

    def implied_correlation(self, tenor: int, delta: int = 50) -> PerDate:
        """Clean implied correlation of the basket, (T,) decimals; NaN where coverage is too thin to trade on."""
        record = self.implied(tenor, delta)
        xp = namespace(record.clean)
        return xp.where(record.status == int(CorrelationStatus.THIN_COVERAGE), xp.nan, record.clean)

    def sector_correlation(self, tenor: int, delta: int = 50) -> PerDate:
        """Mean implied correlation inside the sectors that have options of their own, (T,) decimals.

        NaN where no sector's can be measured.

        Raises
        ------
        InputError
            When the market knows no sectors, or none with options.
        """
        quoted = [sector for sector in Sectors().baskets(self.panel) if sector.index_iv is not None]
        if not quoted:
            raise InputError(f"no sector of {self.panel.info.name} has options of its own; use another strategy")
        (k, d), names = self._cell(tenor, delta), self.component_iv(tenor, delta)
        xp = namespace(names)
        records = [implied_correlation(s.index_iv[:, k, d], names, s.weights) for s in quoted if s.index_iv is not None]
        inside = xp.stack(
            [xp.where(r.status == int(CorrelationStatus.THIN_COVERAGE), xp.nan, r.clean) for r in records]
        )
        known = xp.isfinite(inside)
        total = xp.where(known, inside, 0.0).sum(axis=0)
        return xp.where(known.any(axis=0), total / xp.maximum(known.sum(axis=0), 1), xp.nan)

    def implied_dispersion(self, tenor: int) -> PerDate:
        """Model-free sqrt(sum w s^2 - s_I^2) of the basket, (T,) annualised decimals: DSPX where the tenor is 30 days.

        NaN where coverage is thin, and where the index costs more variance than its members.
        """
        k, _ = self._cell(tenor, int(self.panel.deltas[0]))
        cell = slice(k, k + 1)
        found = surface_dispersion(
            *(self.panel.index_iv[:, cell], self.panel.component_iv[:, :, cell], self.weights),
            *(self.panel.tenors[cell], self.panel.deltas),
        )
        return _tradable(found)[:, 0]

    def realized_dispersion(self, tenor: int) -> PerDate:
        """As `implied_dispersion`, of realised volatilities over the trailing sessions that the tenor holds, (T,)."""
        realized = self.realized(matched_window(tenor))
        found = dispersion_measures(realized.index_vol, realized.component_vol, self.weights, zero_counts=True)
        return _tradable(found)

    def realized(self, window: int = 63) -> RealizedCorrelation:
        """Realised correlation of the basket over the trailing window, with its parts.

        The index volatility is that of the index's own returns (`realized_leg`), as the implied one is; the window may
        reach into the panel's history. A premium compares like with like: `matched_window(tenor)` sessions, 21 for 30
        days. Where fewer have closes without a hole between them the value is NaN, whatever the dates after it.
        """
        return self._once(("realized", window), lambda: basket_realized(self._market_returns(), self._chosen(), window))

    def realized_correlation(self, window: int = 63) -> PerDate:
        """Clean realised correlation of the basket over the trailing window, (T,) decimals."""
        return self.realized(window).clean

    def _chosen(self) -> Chosen:
        share = index_share(self.weights, self.panel.weights)
        return Chosen(self.basket.label, self.weights, share, self.panel.info.index, self.panel.index_iv)

    def _market_returns(self) -> MarketReturns:
        return self._once("returns", lambda: market_returns(self.panel))

    def _on_sessions(self, values):
        return values[namespace(values).asarray(self._market_returns().at)]

    def _once(self, key, compute):
        if key not in self._memory:
            self._memory[key] = compute()
        return self._memory[key]

    def _cell(self, tenor: int, delta: int) -> tuple[int, int]:
        for axis, value, known in (("tenor", tenor, self.panel.tenors), ("delta", delta, self.panel.deltas)):
            if value not in known:
                raise InputError(
                    f"{axis}={value} is not on the surface of {self.panel.info.name}; choose one of "
                    f"{', '.join(str(v) for v in known)}, by strategy.{axis}= where a strategy asks for it"
                )
        return int(np.flatnonzero(self.panel.tenors == tenor)[0]), int(np.flatnonzero(self.panel.deltas == delta)[0])


def _tradable(found: DispersionMeasures) -> Floats:
    """Return the dispersion where names holding enough of the basket are quoted, else NaN."""
    xp = namespace(found.dispersion_vol)
    return xp.where(found.status == int(DispersionStatus.THIN_COVERAGE), xp.nan, found.dispersion_vol)
