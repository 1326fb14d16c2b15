"""Implied correlation read by another convention: equal surfaces give equal numbers, and each says what it is."""

import numpy as np
import pytest

from engine.correlation import implied_correlation
from engine.correlation.conventions import correlation_by_convention
from engine.data.synthetic import synthetic_market


@pytest.fixture(scope="module")
def market():
    panel, _ = synthetic_market(years=0.4, names=6, events=False, seed=2)
    return panel


def test_at_the_nodes_it_is_the_panels_own(market):
    rho, told = correlation_by_convention(market, market.weights, "delta", tuple(market.deltas))
    own = implied_correlation(market.index_iv, market.component_iv, market.weights)
    both = np.isfinite(own.clean) & np.isfinite(rho.clean)
    assert both.mean() > 0.9 * np.isfinite(own.clean).mean()
    np.testing.assert_allclose(
        rho.clean[both & (own.coverage == rho.coverage)], own.clean[both & (own.coverage == rho.coverage)], atol=1e-5
    )
    assert "delta" in told


@pytest.mark.parametrize(("convention", "at"), [("moneyness", (100.0,)), ("strike", (100.0,)), ("variance", ())])
def test_conventions_agree_roughly_near_the_money(convention, at, market):
    rho, told = correlation_by_convention(market, market.weights, convention, at)
    at_the_money = implied_correlation(market.index_iv, market.component_iv, market.weights).clean[..., 8]
    apart = rho.clean[..., 0] - at_the_money
    assert np.nanmedian(np.abs(apart)) < 0.08
    assert np.nanmax(np.abs(apart)) > 0.0
    assert told
