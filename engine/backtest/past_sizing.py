"""Sizes that ask the past: how members' volatilities moved with the index's."""

from dataclasses import dataclass

from engine.arrays import Floats, Weights
from engine.backend import namespace
from engine.backtest.sizing import VegaNeutral
from engine.backtest.trailing import trailing_mean
from engine.data.panel import MarketPanel
from engine.kinds import check_count


@dataclass(frozen=True)
class AbstractPastSizing(VegaNeutral):
    """Vega balanced by daily moves of implied volatility, at the tenor nearest the structure's and 50 delta.

    Parameters
    ----------
    window : int
        Sessions of moves, up to the one before the entry. A name without all of them is left out.
    """

    window: int = 63

    def __post_init__(self):
        super().__post_init__()
        check_count("sizing.window", self.window, least=3)


@dataclass(frozen=True)
class BetaNeutral(AbstractPastSizing):
    """A move of the index's volatility earns nothing, members moving by their betas to it: sum beta_i vega_i = V_I."""

    def counted(self, market: MarketPanel, weights: Weights, tenor: int) -> Floats:
        """Return each leg's slope of moves on the index's, (T, 1 + N)."""
        moves = volatility_moves(market, tenor)
        xp, index = namespace(moves), moves[:, :1]
        mean, mean_index = trailing_mean(moves, self.window), trailing_mean(index, self.window)
        spread = trailing_mean(index * index, self.window) - mean_index**2
        shared = trailing_mean(moves * index, self.window) - mean * mean_index
        return xp.where(spread > 0.0, shared, xp.nan) / xp.where(spread > 0.0, spread, 1.0)


@dataclass(frozen=True)
class MinimumVariance(AbstractPastSizing):
    """The members' vega, held by weight, whose moves against the index's had the least variance.

        sum vega_i = b V_I,   b = cov(ds_I, sum w ds) / var(sum w ds)

    A cohort with b not above 0 is not entered: no long basket lowers the variance.
    """

    def counted(self, market: MarketPanel, weights: Weights, tenor: int) -> Floats:
        """Return 1 for the index and 1 / b for every member, (T, 1 + N)."""
        moves = volatility_moves(market, tenor)
        xp = namespace(moves)
        known = xp.isfinite(trailing_mean(moves[:, 1:], self.window)) & (weights > 0.0)
        weight = xp.where(known, weights, 0.0)
        total = weight.sum(axis=1, keepdims=True)
        weight = weight / xp.where(total > 0.0, total, 1.0)
        sums = [xp.zeros(len(moves)) for _ in range(4)]  # of the index's moves, the basket's, its squares, the products
        padded = xp.concatenate([xp.full((self.window - 1, moves.shape[1]), xp.nan), moves])
        for back in range(self.window):
            row = padded[back : back + len(moves)]
            basket = xp.where(weight > 0.0, weight * row[:, 1:], 0.0).sum(axis=1)
            for i, term in enumerate((row[:, 0], basket, basket * basket, basket * row[:, 0])):
                sums[i] = sums[i] + term / self.window
        variance, shared = sums[2] - sums[1] ** 2, sums[3] - sums[0] * sums[1]
        positive = (variance > 0.0) & (shared > 0.0)
        per_member = xp.where(positive, variance, xp.nan) / xp.where(positive, shared, 1.0)
        return xp.concatenate([xp.ones((len(moves), 1)), xp.where(known, per_member[:, None], xp.nan)], axis=1)


def volatility_moves(market: MarketPanel, tenor: int) -> Floats:
    """Daily changes of implied volatility of the index and of each name, (T, 1 + N); NaN without two quotes."""
    xp = namespace(market.spot)
    k = min(range(len(market.tenors)), key=lambda k: abs(int(market.tenors[k]) - tenor))
    d = min(range(len(market.deltas)), key=lambda d: abs(int(market.deltas[d]) - 50))
    members = xp.asarray(market.component_iv[:, :, k, d], dtype=xp.float64)
    iv = xp.concatenate([market.index_iv[:, k, d].astype(xp.float64)[:, None], members], axis=1)
    return xp.concatenate([xp.full((1, iv.shape[1]), xp.nan), iv[1:] - iv[:-1]])
