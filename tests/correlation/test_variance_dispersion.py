"""Variance dispersion: the identities between the trade's P&L and the variance ratio, to rounding."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.correlation import implied_correlation, realized_correlation

WINDOW = 21


def trade(seed, names):
    """A basket's implied legs, and the variances realised over one window on the same weights."""
    rng = np.random.default_rng(seed)
    returns = 0.01 * rng.standard_normal((WINDOW, 1)) + 0.015 * rng.standard_normal((WINDOW, names))
    weights = np.broadcast_to(rng.dirichlet(np.ones(names)), returns.shape)
    realized = realized_correlation(returns, weights, WINDOW)
    strike, index_strike = rng.uniform(0.1, 0.6, names), rng.uniform(0.1, 0.4)
    implied = implied_correlation(np.array([index_strike]), strike[None], weights[-1:])
    return weights[-1], strike**2, index_strike**2, implied, realized


@given(st.integers(0, 10**6), st.integers(2, 50))
@settings(max_examples=60, deadline=None)
def test_weights_as_notionals_earn_realised_less_implied_variance_dispersion(seed, names):
    w, strike, index_strike, implied, realized = trade(seed, names)
    variance, index_variance = realized.component_vol[-1] ** 2, realized.index_vol[-1] ** 2
    pnl = np.sum(w * (variance - strike)) - (index_variance - index_strike)

    def dispersion(index, ratio):  # sum w s^2 - s_I^2, from the record
        return index / ratio - index

    earned = dispersion(index_variance, realized.variance_ratio[-1]) - dispersion(
        index_strike, implied.variance_ratio[0]
    )
    # Rounding of variances below 0.5 summed over at most 50 names.
    np.testing.assert_allclose(pnl, earned, rtol=0, atol=1e-14)


@given(st.integers(0, 10**6), st.integers(2, 50))
@settings(max_examples=60, deadline=None)
def test_a_theta_flat_trade_earns_the_variance_ratio_sold_less_the_one_realised(seed, names):
    w, strike, index_strike, implied, realized = trade(seed, names)
    variance, index_variance = realized.component_vol[-1] ** 2, realized.index_vol[-1] ** 2
    sold, came = implied.variance_ratio[0], realized.variance_ratio[-1]
    pnl = np.sum(sold * w * (variance - strike)) - (index_variance - index_strike)
    # No remainder: rounding only, as above, times a ratio below 16.
    np.testing.assert_allclose(pnl, (sold - came) * np.sum(w * variance), rtol=0, atol=2e-13)
