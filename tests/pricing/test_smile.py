"""Fitted smiles against one dense system each, what they make of outliers and arbitrage, and how they are read."""

import numpy as np
import pytest
from scipy.interpolate import BSpline
from scipy.special import ndtri

from engine.backend import to_host
from engine.pricing import black_price
from engine.pricing.smile import (
    CURVATURE,
    INTERVALS,
    REACH,
    ROUNDS,
    TO_THE_MONEY,
    WIDTH,
    fit_smiles,
    points,
    read_at_deltas,
)
from engine.pricing.smile import OUTLYING as FAR
from engine.pricing.static_arbitrage import butterflies, calendars


def hyperbola(z):
    """Total variance over that at the money."""
    return 1.0 - 0.25 * z + 0.35 * (np.sqrt(z * z + 1.0) - 1.0)


def quoted_smiles(count, per_smile=24, wrong=0.0, seed=0):
    """Smile number, ln(K / F), total volatility and noise of quotes that are off by a share of their half spread."""
    rng = np.random.default_rng(seed)
    smile = np.repeat(np.arange(count), per_smile)
    root = np.repeat(rng.uniform(0.03, 0.5, count), per_smile)
    z = np.tile(np.linspace(-2.3, 2.0, per_smile), count)
    half = rng.uniform(0.005, 0.04, len(z))
    spread = root * np.sqrt(hyperbola(z)) * (1.0 + wrong * half * rng.uniform(-1.0, 1.0, len(z)))
    return smile, z * root, spread, 0.5 * half


def one_smile(moneyness, spread, noise, curvature=CURVATURE):
    """Total volatility at the points: scipy's B-splines, a dense matrix and the weights, written out."""
    near = np.exp(-2.0 * (moneyness / spread) ** 2)
    root = (near * spread).sum() / near.sum()
    z, y = moneyness / root, (spread / root) ** 2
    knots = -REACH + WIDTH * np.arange(-3, INTERVALS + 4)
    size = INTERVALS + 3
    at = np.stack([BSpline(knots, np.eye(size)[j], 3)(z) for j in range(size)], axis=1)
    bends = np.diff(np.eye(size), 2, axis=0)
    weight = base = (2.0 * y * noise) ** -2.0
    for _ in range(ROUNDS):
        matrix = (
            at.T @ (weight[:, None] * at) + bends.T @ bends * WIDTH**-3 / curvature**2 + TO_THE_MONEY * np.eye(size)
        )
        found = np.linalg.solve(matrix, at.T @ (weight * y) + TO_THE_MONEY)
        weight = base / (1.0 + base * ((y - at @ found) / FAR) ** 2)
    return root * np.sqrt(np.stack([BSpline(knots, np.eye(size)[j], 3)(points()) for j in range(size)], axis=1) @ found)


def test_every_smile_is_that_of_a_dense_system(xp):
    smile, *quotes = quoted_smiles(7, wrong=0.8)
    shuffled = np.random.default_rng(1).permutation(len(smile))
    fitted = fit_smiles(*(xp.asarray(a[shuffled]) for a in (smile, *quotes)), 7)
    spread = to_host(fitted.spread)
    for s in range(7):
        inside = np.isfinite(spread[s])
        assert inside.sum() > 30
        expected = one_smile(*(a[smile == s] for a in quotes))
        np.testing.assert_allclose(spread[s][inside], expected[inside], rtol=1e-8)


@pytest.mark.parametrize(("wrong", "per_smile", "most"), [(0.0, 12, 0.001), (0.5, 32, 0.003), (1.0, 32, 0.006)])
def test_planted_smiles_are_found_and_better_than_lines_between_quotes(wrong, per_smile, most):
    count, nodes = 300, [0.1, 0.25, 0.5, 0.75, 0.9]
    smile, moneyness, spread, noise = quoted_smiles(count, per_smile, wrong)
    fitted = fit_smiles(smile, moneyness, spread, noise, count)
    read = read_at_deltas(fitted, nodes, 0.4)[0]
    root = (moneyness / np.tile(np.linspace(-2.3, 2.0, per_smile), count))[::per_smile]
    truth = np.empty_like(read)
    lines = np.empty_like(read)
    for j, delta in enumerate(nodes):
        total = root.copy()
        for _ in range(100):
            total = root * np.sqrt(hyperbola((0.5 * total - ndtri(delta)) * total / root))
        truth[:, j] = total
    for s in range(count):
        own = slice(s * per_smile, (s + 1) * per_smile)
        d1 = 0.5 * spread[own] - moneyness[own] / spread[own]
        order = np.argsort(d1)
        lines[s] = np.interp(ndtri(nodes), d1[order], spread[own][order])
    ours, theirs = (np.sqrt(np.mean((found / truth - 1.0) ** 2)) for found in (read, lines))
    assert np.isfinite(read).all()
    assert ours < most, "share of the volatility: .006 is .12 vol points at 20 %"
    assert ours < 0.6 * theirs


def test_a_quote_that_is_far_off_moves_the_smile_little():
    smile, moneyness, spread, noise = quoted_smiles(1)
    before = read_at_deltas(fit_smiles(smile, moneyness, spread, noise, 1), [0.5], 0.4)[0]
    wrong = spread.copy()
    wrong[np.abs(moneyness).argmin()] *= 1.2
    after = read_at_deltas(fit_smiles(smile, moneyness, wrong, noise, 1), [0.5], 0.4)[0]
    assert abs(after / before - 1.0) < 0.01


def test_quotes_that_allow_a_butterfly_get_a_smoother_smile():
    smile, moneyness, spread, noise = quoted_smiles(2, per_smile=60)
    bump = np.exp(-(((np.tile(np.linspace(-2.3, 2.0, 60), 2) - 1.0) / 0.3) ** 2))
    fitted = fit_smiles(smile, moneyness, spread * (1.0 + 0.15 * bump * (smile == 1)), np.full_like(noise, 1e-3), 2)
    assert fitted.stiff.tolist() == [False, True]
    assert fitted.butterfly.tolist() == [0, 0]


def test_smiles_end_with_their_quotes_and_in_a_wide_gap():
    z = np.array([-1.5, -1.2, 1.2, 1.5])
    fitted = fit_smiles(np.zeros(4, int), 0.1 * z, np.full(4, 0.1), np.full(4, 0.01), 1)
    nodes = [0.03, 0.1, 0.5, 0.9, 0.97]
    assert np.isfinite(read_at_deltas(fitted, nodes, 0.9))[0, 0].tolist() == [False, True, True, True, False]
    assert np.isfinite(read_at_deltas(fitted, nodes, 0.4))[0, 0].tolist() == [False, True, False, True, False]
    empty = fit_smiles(np.zeros(1, int), np.array([0.02]), np.array([0.1]), np.array([0.01]), 2)
    assert np.isnan(read_at_deltas(empty, nodes, 0.4)).all()


def test_convexity_is_that_of_call_prices():
    """Any smile whose calls have a negative butterfly somewhere is counted, by prices and not by variance."""
    z, root = np.array(points()), np.array([0.2, 0.2])
    level = np.stack([hyperbola(z), hyperbola(z) * (1.0 + 0.25 * np.exp(-(((z - 1.0) / 0.2) ** 2)))])
    strike = np.exp(z * root[0])
    calls = [black_price(1.0, strike, root[0] * np.sqrt(y), 1.0, True) for y in level]
    convex = [(np.diff(np.diff(call) / np.diff(strike)) > -1e-5).all() for call in calls]
    assert convex == [True, False]
    assert (butterflies(z, root, level, np.ones(level.shape, bool)) == 0).tolist() == convex


def test_calendar_compares_strikes_over_forward(xp):
    z = np.array(points())
    root = np.array([0.10, 0.14, 0.05])
    spread = root[:, None] * np.sqrt(hyperbola(z))
    later = np.array([1, 2, -1])
    found = to_host(calendars(*(xp.asarray(a) for a in (z, root, spread, later))))
    assert found[0] == 0
    reached = np.abs(z * root[1] / root[2]) <= REACH + 1e-12
    assert found[1] == reached.sum()
    assert found[2] == 0


def test_bid_and_ask_lie_in_their_order_around_the_smile(xp):
    smile, moneyness, spread, noise = quoted_smiles(5, wrong=0.5)
    quotes = [xp.asarray(a) for a in (smile, moneyness, spread, noise)]
    sides = tuple(xp.asarray(spread * (1.0 + sign * 2.0 * noise)) for sign in (-1.0, 1.0))
    bid_missing = xp.asarray(np.where(np.arange(len(smile)) == 3, np.nan, spread * 0.98))
    fitted = fit_smiles(*quotes, 5, (*sides, bid_missing))
    mid, bid, ask, holed = (to_host(a) for a in read_at_deltas(fitted, [0.15, 0.5, 0.85], 0.4))
    assert ((bid < mid) & (mid < ask)).all()
    np.testing.assert_allclose(0.5 * (bid + ask), mid, rtol=1e-3)
    assert np.isnan(holed[0]).all(), "one of its quotes has none"
    assert np.isfinite(holed[1:]).all()
    alone = fit_smiles(*quotes, 5)
    # A device adds up in an order that depends on how many smiles there are, and each has its bid and ask beside it.
    tolerance = 1e-14 if xp.__name__ == "cupy" else 0.0
    np.testing.assert_allclose(to_host(alone.spread), to_host(fitted.spread), rtol=tolerance, atol=0.0)
