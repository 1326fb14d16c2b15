"""Realised correlation of a market's baskets, on the returns of the same underlyings as their implied correlation.

Where the implied leg takes the volatility of an index or fund, the realised leg takes that of **its own** returns: a
basket of 50 names is not the index, and half as volatile again. The basket's own returns count only where nothing is
quoted on the basket as a whole.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from engine.arrays import PerName
from engine.backend import namespace
from engine.calendar import after_hole
from engine.correlation.checks import least_coverage
from engine.correlation.implied import CorrelationStatus
from engine.correlation.realized import (
    RealizedCorrelation,
    daily_returns,
    forward_realized_correlation,
    realized_correlation,
    realized_vol,
)
from engine.correlation.sectors import Chosen
from engine.errors import InputError
from engine.records import map_arrays

if TYPE_CHECKING:
    from engine.data.panel import MarketPanel  # the panel's package brings in frames, which measuring does without

OWN_BASKET = "basket"  # realised leg of a basket on which no options exist: its names' returns, in its weights


@dataclass(frozen=True, eq=False)
class MarketReturns:
    """Simple daily returns on every session that has closes; NaN on the first, and over a hole of the dates.

    Parameters
    ----------
    dates : array (H,), datetime64[D]
        Those of the market and, where it has a history, those before and between them. Always on the host.
    at : array (T,), int
        Position of each session of the market among the dates. Always on the host.
    names : array (H, N)
        Of the members; splits and special dividends are undone, ordinary dividends are not in them.
    legs : dict of symbol -> array (H,)
        Of the index and of each sector's fund or sub-index. Price returns: a fund's fall by its own dividend counts;
        SPY's, .3 % once a quarter, moves the volatility of a month by a tenth of a vol point.
    calendar : str or None
        Of the exchange, which tells a closure from a hole of the data.
    """

    dates: np.ndarray
    at: np.ndarray
    names: np.ndarray
    legs: dict
    calendar: str | None = None
    _vols: dict = field(default_factory=dict, init=False, repr=False)

    @property
    def sessions(self) -> "slice | np.ndarray":
        """Where the market's sessions stand among the dates; where all are in a row, what it selects is no copy."""
        in_a_row = len(self.at) > 0 and self.at[-1] - self.at[0] == len(self.at) - 1
        return slice(self.at[0], self.at[-1] + 1) if in_a_row else namespace(self.names).asarray(self.at)

    def vol(self, window: int) -> PerName:
        """Return the realised volatility of every name over windows of so many sessions, (H, N); measured once."""
        if window not in self._vols:
            self._vols[window] = realized_vol(self.names, window)
        return self._vols[window]


def market_returns(market: "MarketPanel") -> MarketReturns:
    """Return the daily returns of a market's names and index legs.

    Parameters
    ----------
    market : MarketPanel

    Raises
    ------
    InputError
        When the market's history lacks a session of its own.

    Examples
    --------
    >>> from engine.data.synthetic import synthetic_market
    >>> market, _ = synthetic_market(years=0.5, names=6, sectors=2)
    >>> returns = market_returns(market)
    >>> returns.names.shape == (len(market), len(market.names)), sorted(returns.legs)
    (True, ['SECX', 'SYNX'])
    """
    history, calendar = market.known_closes(), market.info.calendar
    dates = history.dates
    at = _sessions_in(dates, market)
    xp = namespace(history.close)
    closes = xp.concatenate([history.index_close[:, None], history.leg_close], axis=1)
    moved = daily_returns(closes, xp.ones(closes.shape), dates, calendar)
    symbols = [market.info.index, *([] if market.sectors is None else market.sectors.symbols.tolist())]
    return MarketReturns(
        dates=dates,
        at=at,
        names=daily_returns(history.close, history.return_factor, dates, calendar),
        legs={str(symbol): moved[:, s] for s, symbol in enumerate(symbols)},
        calendar=calendar,
    )


def realized_leg(basket: Chosen) -> str:
    """Return whose returns the realised index leg of a basket (`Chosen`) has: a symbol, or `OWN_BASKET`."""
    return basket.leg or OWN_BASKET


def basket_realized(
    returns: MarketReturns, basket: Chosen, window: int, *, forward: bool = False, min_coverage: float = 0.8
) -> RealizedCorrelation:
    """Realised correlation of a basket on the market's sessions, arrays (T,) and (T, N).

        s_I = volatility of the index leg's own returns        s_i = volatility of each name's
        clean = (s_I^2 - B) / (A^2 - B)

    Names, weights and formula are those of the implied correlation of the same basket, and so are the underlyings.

    Parameters
    ----------
    returns : MarketReturns
    basket : Chosen
        From `baskets`.
    window : int
        Sessions up to and including each date; they may reach into the market's history.
    forward : bool
        Over the sessions **after** each date instead: not tradable.
    min_coverage : float
        Least share of the basket's weight that must have a full window; of a sector with a fund, of the whole sector.

    Examples
    --------
    >>> from engine.correlation.basket import TopWeights
    >>> from engine.correlation.sectors import baskets
    >>> from engine.data.synthetic import synthetic_market
    >>> market, _ = synthetic_market(years=0.5, names=6, sectors=2)
    >>> (basket,) = baskets(TopWeights(3), market)
    >>> record = basket_realized(market_returns(market), basket, window=21)
    >>> realized_leg(basket), np.isfinite(record.clean).sum() == len(market) - 21
    ('SYNX', np.True_)
    """
    xp = namespace(returns.names)
    weights = xp.zeros(returns.names.shape)
    weights[returns.sessions] = basket.weights
    measure = forward_realized_correlation if forward else realized_correlation
    own = None if basket.leg is None else returns.legs[basket.leg]
    vol = returns.vol(window)
    whole = measure(returns.names, weights, window, index_returns=own, min_coverage=min_coverage, component_vol=vol)
    record = map_arrays(whole, lambda values: values[returns.sessions])
    if basket.of_sector and basket.leg is not None:
        record.coverage[:] *= basket.share
        thin = (record.coverage < least_coverage(min_coverage)) & (
            record.status != int(CorrelationStatus.NO_INDEX_QUOTE)
        )
        record.status[thin] = int(CorrelationStatus.THIN_COVERAGE)
    return record


def matched_window(tenor: int) -> int:
    """Return the sessions that a tenor of calendar days holds, at 252 a year: what a premium at it is measured over.

    Examples
    --------
    >>> [matched_window(tenor) for tenor in (10, 30, 91, 182, 365)]
    [7, 21, 63, 126, 252]
    """
    return max(round(tenor * 252.0 / 365.0), 2)


def sessions_in_a_row(returns: MarketReturns) -> np.ndarray:
    """Count the returns since the last hole up to each session of the market, (T,): the longest window that ends there.

    Examples
    --------
    >>> days = np.array(["2026-01-08", "2026-01-09", "2026-02-02", "2026-02-03"], dtype="datetime64[D]")
    >>> sessions_in_a_row(MarketReturns(days, np.arange(1, 4), np.zeros((4, 1)), {}))
    array([1, 0, 1])
    """
    row = np.arange(len(returns.dates))
    start = np.maximum.accumulate(np.where(after_hole(returns.dates, returns.calendar), row, 0))
    return (row - start)[returns.at]


def _sessions_in(dates: np.ndarray, market: "MarketPanel") -> np.ndarray:
    """Return the place of each of the market's sessions among the dates of its closes."""
    at = np.searchsorted(dates, market.dates)
    known = np.isin(market.dates, dates)
    if not known.all():
        raise InputError(f"the history of {market.info.name} has no closes of its session {market.dates[~known][0]}")
    return at
