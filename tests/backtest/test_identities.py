"""Identities of the dispersion trade that hold without remainder (methodology: the delta-hedged book over one day)."""

import numpy as np
import pytest

from engine.correlation import implied_correlation


@pytest.mark.parametrize("seed", range(5))
def test_a_days_pnl_splits_exactly_into_a_volatility_and_a_correlation_part(seed):
    """sum 1/2 G_i (r_i^2 - s_i^2 dt) - 1/2 G_I (r_I^2 - s_I^2 dt) = volatility part + correlation part."""
    rng = np.random.default_rng(seed)
    names, dt = 8, 1.0 / 252.0
    weights = rng.dirichlet(np.ones(names))
    vol, index_vol = rng.uniform(0.1, 0.6, names), rng.uniform(0.08, 0.3)
    returns = 0.02 * rng.standard_normal(names)
    index_return = weights @ returns
    cash_gamma, index_gamma = rng.uniform(1e5, 1e6, names), 3e6

    book = 0.5 * cash_gamma @ (returns**2 - vol**2 * dt) - 0.5 * index_gamma * (index_return**2 - index_vol**2 * dt)

    rho = float(implied_correlation(np.array([index_vol]), vol[None], weights[None]).clean[0])
    first, own = weights @ vol, (weights**2) @ vol**2
    cross = index_return**2 - (weights**2) @ returns**2
    volatility = 0.5 * (cash_gamma - weights**2 * index_gamma) @ (returns**2 - vol**2 * dt)
    correlation = -0.5 * index_gamma * (cross - rho * (first**2 - own) * dt)
    # Algebra only: rounding of a dozen float64 terms of the book's size.
    assert volatility + correlation == pytest.approx(book, rel=1e-9, abs=1e-9 * index_gamma * dt)
