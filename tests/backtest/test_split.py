"""The split of a book's P&L into volatility, correlation and index minus basket: exact, and each what it says."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from engine.backtest import (
    AbstractStrategy,
    Calendar,
    EarlyExit,
    ForwardStart,
    GammaSwap,
    NoCosts,
    Straddle,
    Strangle,
    ThetaNeutral,
    VarianceSwap,
    VolatilitySwap,
    Weekly,
    backtest,
)
from engine.backtest.explain.split import SPLIT
from engine.correlation import AllMembers, Names
from engine.testing import small_market

STRUCTURES = [
    Straddle(28),
    Strangle(28),
    VarianceSwap(28),
    GammaSwap(28),
    VolatilitySwap(28),
    ForwardStart(42, start=14),
    Calendar(28, far_tenor=60),
]
SESSIONS = 90


@dataclass(frozen=True)
class Constant(AbstractStrategy):
    level: float = 1.0

    def exposure(self, market):
        return np.full(len(market.dates), self.level)


def run(panel, structure=STRUCTURES[0], **choices):
    choices = {"basket": AllMembers(), "schedule": Weekly(), "costs": NoCosts()} | choices
    return backtest(panel, Constant(), structure=structure, **choices)


def columns(frame):
    return {name: frame[name].to_numpy() for name in SPLIT}


@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("exits", [None, EarlyExit(stop=0.5, days_left=6)], ids=["held", "sold"])
def test_the_split_sums_to_the_pnl_of_every_day(structure, exits, listed):
    panel = small_market(60, listed=listed)
    result = run(panel, structure, exits=exits, sizing=ThetaNeutral())
    parts, gross = columns(result.split()), result.pnl_gross[0]
    scale = np.abs(gross).max()
    # Parts cancel that are some ten times as large as their sum.
    np.testing.assert_allclose(sum(parts.values()), gross, rtol=0, atol=1e-9 * scale)
    assert all(np.abs(parts[name]).sum() > 1e-3 * scale for name in SPLIT[:3])
    assert parts["other"].any()


def still(vol=0.2):
    """A market in which nothing moves: no rates, flat smiles, the names at 1 to 2 times the index's volatility."""
    panel = small_market(61, events=False, missing=0.0)
    of = vol * np.linspace(1.0, 2.0, len(panel.names))[:, None, None]
    return replace(
        panel,
        index_iv=np.full(panel.index_iv.shape, vol),
        component_iv=np.broadcast_to(of, panel.component_iv.shape).copy(),
        index_spot=np.full(SESSIONS, 100.0),
        spot=np.full(panel.spot.shape, 50.0),
        rate=np.zeros(SESSIONS),
        index_carry=np.zeros(SESSIONS),
        carry=np.zeros_like(panel.carry),
    )


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: type(s).__name__)
def test_what_only_names_outside_the_basket_move_is_index_minus_basket(structure):
    """Names outside move, and the index with them; the basket stands still: beside its decay all is their doing."""
    panel = still()
    walk = np.exp(0.01 * np.random.default_rng(0).standard_normal(SESSIONS).cumsum())
    spot = panel.spot.copy()
    spot[:, 3:] *= walk[:, None]
    moving = replace(panel, spot=spot, index_spot=100.0 * walk)
    basket = Names(("S0", "S1", "S2"))
    quiet, found = (run(p, structure, basket=basket) for p in (panel, moving))
    parts, daily = columns(found.split()), found.daily()
    np.testing.assert_allclose(parts["correlation"], 0.0, atol=1e-6)
    np.testing.assert_allclose(parts["index_minus_basket"], daily["gamma"], rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(parts["volatility"], daily["theta"], rtol=1e-9, atol=1e-6)
    assert np.abs(parts["index_minus_basket"]).sum() > 1e5
    np.testing.assert_allclose(columns(quiet.split())["index_minus_basket"], 0.0, atol=1e-6)


def test_volatilities_that_move_alike_are_volatility_and_the_index_alone_is_correlation():
    panel = still()
    step = np.exp(0.05 * np.random.default_rng(1).standard_normal(SESSIONS).cumsum())
    alike = replace(
        panel,
        index_iv=panel.index_iv * step[:, None, None],
        component_iv=panel.component_iv * step[:, None, None, None],
    )
    alone = replace(panel, index_iv=panel.index_iv * step[:, None, None])
    result = run(alike)
    parts, daily = columns(result.split()), result.daily()
    np.testing.assert_allclose(parts["correlation"], 0.0, atol=1e-5)
    np.testing.assert_allclose(parts["volatility"], result.pnl_gross[0], rtol=1e-9, atol=1e-5)
    result = run(alone)
    parts, daily = columns(result.split()), result.daily()
    moved = daily["vega"] + daily["vanna_volga"]
    np.testing.assert_allclose(parts["correlation"], moved, rtol=1e-9, atol=1e-5)
    assert np.abs(parts["correlation"]).sum() > 1e5


def test_variance_swaps_are_split_as_the_methodology_has_it():
    """correlation = -1/2 G_I (r_B^2 - rho_v sum w r^2), index minus basket = -1/2 G_I (r_I^2 - r_B^2)."""
    panel = small_market(62, events=False, missing=0.0)
    panel = replace(
        panel,
        index_iv=np.full_like(panel.index_iv, 0.15, dtype=float),
        component_iv=np.full_like(panel.component_iv, 0.25, dtype=float),
        rate=np.zeros(SESSIONS),
        index_carry=np.zeros(SESSIONS),
        carry=np.zeros_like(panel.carry),
    )
    result = run(panel, VarianceSwap(28, cap=100.0))
    found = columns(result.split())
    correlation, outside = np.zeros(SESSIONS), np.zeros(SESSIONS)
    book, cohorts = result.book, result.book.cohorts
    for c in np.flatnonzero(book.entered):
        held = book.legs.name[c, 1:][book.legs.units[c, 1:] != 0.0]
        half_gamma = 1e5 * book.legs.units[c, 0] / (2.0 * book.legs.strike[c, 0, 0] * 28 / 365.0)
        for t in range(cohorts.entry[c] + 1, cohorts.last[c] + 1):
            w = panel.weights[t][held] / panel.weights[t][held].sum()
            r = panel.spot[t][held] / panel.spot[t - 1][held] - 1.0
            index = panel.index_spot[t] / panel.index_spot[t - 1] - 1.0
            squares = 0.15**2 / 0.25**2 * (w @ r**2)
            as_implied = np.sign(w @ r) * np.sqrt(squares)
            in_logs = np.log1p(np.array([w @ r, as_implied, index])) ** 2
            correlation[t] += half_gamma * (in_logs[0] - in_logs[1])
            outside[t] += half_gamma * (in_logs[2] - in_logs[0])
    np.testing.assert_allclose(found["correlation"], correlation, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(found["index_minus_basket"], outside, rtol=1e-9, atol=1e-6)
    assert np.abs(correlation).sum() > 1e5
