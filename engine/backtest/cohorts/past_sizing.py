"""Sizes that ask the past: how members' volatilities moved with the index's."""

from dataclasses import dataclass

from engine.arrays import Floats, Weights
from engine.backend import namespace
from engine.backtest.cohorts.sizing import AbstractSizing, VegaNeutral
from engine.backtest.signals.trailing import trailing_mean
from engine.data.panel import MarketPanel
from engine.kinds import check_count

LEAST_KNOWN = 0.8  # of a window's moves


@dataclass(frozen=True)
class AbstractPastSizing(VegaNeutral):
    """Vega balanced by daily moves of implied volatility, at the tenor nearest the structure's and 50 delta.

    Parameters
    ----------
    window : int
        Sessions of moves, up to the one before the entry. A name with fewer than four in five of them is left out.
    """

    window: int = 63
    kinds = AbstractSizing.kinds

    def __post_init__(self):
        super().__post_init__()
        check_count("sizing.window", self.window, least=3)

    def slope(self, of: Floats, on: Floats) -> Floats:
        """Return the slope of moves on others by the sessions of the window with both, (T, ...); NaN of too few."""
        xp = namespace(of, on)
        known = xp.isfinite(of) & xp.isfinite(on)
        x, y = xp.where(known, on, 0.0), xp.where(known, of, 0.0)
        count, x_sum, y_sum, square, product = (
            self.window * trailing_mean(term, self.window) for term in (known * 1.0, x, y, x * x, x * y)
        )
        n = xp.maximum(count, 1.0)
        spread = square / n - (x_sum / n) ** 2
        enough = (count >= LEAST_KNOWN * self.window) & (spread > 0.0)
        shared = product / n - (x_sum / n) * (y_sum / n)
        return xp.where(enough, shared / xp.where(enough, spread, 1.0), xp.nan)


@dataclass(frozen=True)
class BetaNeutral(AbstractPastSizing):
    """A move of the index's volatility earns nothing, members moving by their betas to it: sum beta_i vega_i = V_I."""

    def counted(self, market: MarketPanel, weights: Weights, tenor: int) -> Floats:
        """Return each leg's slope of moves on the index's, (T, 1 + N)."""
        moves = volatility_moves(market, tenor)
        return self.slope(moves, moves[:, :1])


@dataclass(frozen=True)
class MinimumVariance(AbstractPastSizing):
    """The members' vega, held by weight, whose moves against the index's had the least variance.

        sum vega_i = b V_I,   b = cov(ds_I, sum w ds) / var(sum w ds)

    The basket's move of a session is that of the names with one, in the weights of the session. A cohort with b not
    above 0 is not entered: no long basket lowers the variance.
    """

    def counted(self, market: MarketPanel, weights: Weights, tenor: int) -> Floats:
        """Return 1 for the index and 1 / b for every member, (T, 1 + N)."""
        moves = volatility_moves(market, tenor)
        xp, members = namespace(moves), moves[:, 1:]
        known = xp.isfinite(members)
        weight = xp.where(known, weights, 0.0)
        total = weight.sum(axis=1)
        basket = xp.where(known, weight * xp.where(known, members, 0.0), 0.0).sum(axis=1)
        basket = xp.where(total > 0.0, basket / xp.where(total > 0.0, total, 1.0), xp.nan)
        b = self.slope(moves[:, :1], basket[:, None])
        per_member = xp.where(b > 0.0, 1.0 / xp.where(b > 0.0, b, 1.0), xp.nan)
        enough = trailing_mean(known * 1.0, self.window) >= LEAST_KNOWN
        return xp.concatenate([xp.ones((len(moves), 1)), xp.where(enough, per_member, xp.nan)], axis=1)


def volatility_moves(market: MarketPanel, tenor: int) -> Floats:
    """Daily changes of implied volatility of the index and of each name, (T, 1 + N); NaN without two quotes."""
    xp = namespace(market.spot)
    k = min(range(len(market.tenors)), key=lambda k: abs(int(market.tenors[k]) - tenor))
    d = min(range(len(market.deltas)), key=lambda d: abs(int(market.deltas[d]) - 50))
    members = xp.asarray(market.component_iv[:, :, k, d], dtype=xp.float64)
    iv = xp.concatenate([market.index_iv[:, k, d].astype(xp.float64)[:, None], members], axis=1)
    return xp.concatenate([xp.full((1, iv.shape[1]), xp.nan), iv[1:] - iv[:-1]])
