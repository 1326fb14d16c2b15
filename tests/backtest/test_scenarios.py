"""What could happen to a held book: against closed forms, and against what it says of a market where it happens."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest

from engine.backend import to_host
from engine.backtest import (
    AbstractStrategy,
    GammaSwap,
    Monthly,
    NoHedge,
    Straddle,
    Strangle,
    ThetaNeutral,
    VarianceSwap,
    VolatilitySwap,
    Weekly,
    backtest,
)
from engine.backtest.cohorts.book import COMPONENT, INDEX
from engine.correlation import AllMembers, implied_correlation
from engine.errors import InputError
from engine.pricing import straddle
from engine.testing import small_market

STRUCTURES = [Straddle(28), Strangle(28), VarianceSwap(28), GammaSwap(28), VolatilitySwap(28)]
SESSION = 42


@dataclass(frozen=True)
class Constant(AbstractStrategy):
    level: float = 1.0

    def exposure(self, market):
        return np.full(len(market.dates), self.level)


def run(panel, structure=STRUCTURES[0], level=1.0, **choices):
    return backtest(
        panel, Constant(level), structure=structure, **{"basket": AllMembers(), "schedule": Weekly()} | choices
    )


def flat(seed, vol=0.2):
    """A market of one volatility of each leg, without rates, events or holes."""
    panel = small_market(seed, events=False, missing=0.0)
    of = vol * np.linspace(1.0, 2.0, len(panel.names))[:, None, None]
    return replace(
        panel,
        index_iv=np.full(panel.index_iv.shape, vol),
        component_iv=np.broadcast_to(of, panel.component_iv.shape).copy(),
        rate=np.zeros(len(panel)),
        index_carry=np.zeros(len(panel)),
        carry=np.zeros_like(panel.carry),
    )


def open_legs(result, session):
    """Cohorts held on from a session, and their units, in currency."""
    cohorts = result.book.cohorts
    held = np.flatnonzero(result.book.entered & (cohorts.entry <= session) & (cohorts.last > session))
    vega = result.entry_exposure[0][held] * result.vega_per_cohort()
    return held, vega[:, None] * result.book.legs.units[held]


@pytest.mark.parametrize("hedged", [True, False])
def test_straddles_of_a_flat_market_are_revalued_by_the_closed_form(hedged):
    panel = flat(40)
    result = run(panel, hedge=None if hedged else NoHedge())
    held, units = open_legs(result, SESSION)
    legs = result.book.legs
    names = np.maximum(legs.name[held], 0)
    is_index = legs.name[held] < 0
    forward = np.where(is_index, panel.index_spot[SESSION], panel.spot[SESSION][names])
    vol = np.where(is_index, panel.index_iv[0, 0, 0], panel.component_iv[0, :, 0, 0][names])
    years = ((result.book.cohorts.expiry[held] - panel.dates[SESSION]).astype(int) / 365.0)[:, None]
    now = straddle(forward, legs.strike[held, :, 0], vol, years)
    grid = result.scenarios(panel.dates[SESSION], spot=(-0.07, 0.0, 0.03), vol=(0.0, 0.25))
    assert len(grid) == 6
    for row in grid.iter_rows(named=True):
        then = straddle(forward * (1.0 + row["spot"]), legs.strike[held, :, 0], vol * (1.0 + row["vol"]), years)
        gain = then.value - now.value - (now.delta * forward * row["spot"] if hedged else 0.0)
        gained = units * gain
        for column, here in (("pnl_index", np.s_[:, 0]), ("pnl_component", np.s_[:, 1:])):
            assert row[column] == pytest.approx(gained[here].sum(), rel=1e-9, abs=1e-4), row
        assert row["pnl_gross"] == row["pnl_index"] + row["pnl_component"]


@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: type(s).__name__)
def test_a_scenario_is_what_a_session_earns_on_which_it_happens_at_once(structure, listed):
    panel = small_market(41, listed=listed, events=False)
    date = panel.dates[SESSION]

    def moved(name, array):
        row = array[SESSION : SESSION + 1]
        if name in ("index_spot", "spot", "listed.index_forward", "listed.forward"):
            row = row * 1.04
        if name in ("index_iv", "component_iv", "listed.index_iv", "listed.iv"):
            row = (row * 1.1).astype(row.dtype)
        return np.concatenate([array[: SESSION + 1], row, array[SESSION + 1 :]])  # the date twice

    result = run(panel, structure)
    grid = result.scenarios(date, spot=(0.0, 0.04), vol=(0.0, 0.1))
    still = grid.filter((pl.col("spot") == 0.0) & (pl.col("vol") == 0.0))
    assert still["pnl_gross"].item() == pytest.approx(0.0, abs=1e-7), "rounding of values near 1e7"
    twice = run(panel.map_arrays(moved), structure, schedule=On(result.book.cohorts.entry, SESSION))
    earned = twice.explain()[SESSION + 1].sum()
    happened = grid.filter((pl.col("spot") == 0.04) & (pl.col("vol") == 0.1))["pnl_gross"].item()
    assert happened == pytest.approx(earned, rel=1e-9, abs=1e-5)
    assert abs(happened) > 1e3


@dataclass(frozen=True)
class On:
    """The same entries in a market that has a session more after one."""

    entry: np.ndarray
    session: int

    def entries(self, dates, lag):
        return np.where(self.entry > self.session, self.entry + 1, self.entry)


@pytest.mark.parametrize("gained", [0.05, -0.03])
def test_a_move_of_correlation_moves_implied_correlation_by_it_and_the_index_leg_alone(gained):
    from engine.backtest.explain.scenarios import shift

    panel = small_market(42, events=False, missing=0.02)
    move = shift(panel, panel.weights, SESSION, 0.0, 0.1, gained)
    index = move("index_iv", panel.index_iv[SESSION : SESSION + 1].astype(float))
    members = move("component_iv", panel.component_iv[SESSION : SESSION + 1].astype(float))
    weights = panel.weights[SESSION : SESSION + 1]
    before = implied_correlation(
        panel.index_iv[SESSION : SESSION + 1].astype(float),
        panel.component_iv[SESSION : SESSION + 1].astype(float),
        weights,
    ).clean
    after = implied_correlation(index, members, weights).clean
    known = np.isfinite(before)
    assert known.mean() > 0.8
    # All volatilities 10 % higher leave correlation as it is, and so a step of it.
    np.testing.assert_allclose((after - before)[known], gained, rtol=1e-9)
    result = run(panel)
    grid = result.scenarios(panel.dates[SESSION], spot=(0.0,), vol=(0.0,), correlation=(0.0, gained))
    still, shifted = grid.iter_rows(named=True)
    assert shifted["pnl_component"] == still["pnl_component"]
    assert np.sign(shifted["pnl_index"]) == -np.sign(gained), "the index is short"


def test_a_correlation_below_what_an_index_can_have_is_refused():
    panel = flat(43)
    with pytest.raises(InputError, match=r"correlation=-0.9 leaves the index no volatility"):
        run(panel).scenarios(panel.dates[SESSION], correlation=(-0.9,))


@pytest.mark.parametrize("sizing", [None, ThetaNeutral()], ids=["vega", "theta"])
@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: type(s).__name__)
def test_the_break_even_correlation_of_members_as_implied_is_the_implied_one(structure, sizing):
    panel = flat(44)
    result = run(panel, structure, schedule=Monthly(), sizing=sizing)
    for session in (SESSION, int(result.book.cohorts.entry[1])):
        found = dict(result.breakeven_correlation(panel.dates[session]).iter_rows())
        vols = panel.component_iv[session, :, 0, 0]
        implied = implied_correlation(np.array([0.2]), vols[None], panel.weights[session][None]).clean[0]
        assert found[1.0] == pytest.approx(implied, rel=1e-9)
        fresh = session == result.book.cohorts.entry[1]
        if isinstance(structure, VarianceSwap) and sizing is not None and (fresh or type(structure) is VarianceSwap):
            # Without time decay in variance what the members realise does not matter: methodology, theta-flat identity.
            assert found[0.8] == pytest.approx(found[1.2], rel=1e-9)
        elif sizing is None:
            assert found[1.2] != pytest.approx(found[1.0], rel=1e-6)


@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_at_the_break_even_correlation_of_fresh_straddles_gains_and_losses_meet(factor):
    panel = flat(45)
    session = 23
    alone = run(panel, schedule=Only(session))
    found = alone.breakeven_correlation(panel.dates[session], factors=(factor,))["correlation"].item()
    legs, weights = alone.book.legs, panel.weights[session]
    vols = panel.component_iv[session, :, 0, 0] * factor
    own = (weights**2) @ vols**2
    index_vol = np.sqrt(own + found * ((weights @ vols) ** 2 - own))
    names = np.maximum(legs.name[0], 0)
    vol = np.where(legs.name[0] < 0, index_vol, vols[names])
    worth = straddle(legs.forward[0], legs.strike[0, :, 0], vol, 28 / 365.0).value - legs.value[0, :, 0]
    gains = 1e5 * legs.units[0] * worth
    assert gains.sum() == pytest.approx(0.0, abs=1e-6 * np.abs(gains).max())
    assert np.abs(gains).max() > 1e4


@dataclass(frozen=True)
class Only:
    session: int

    def entries(self, dates, lag):
        return np.array([self.session])


def test_a_book_still_open_when_the_data_end_has_a_break_even_there():
    panel = flat(49)
    found = dict(run(panel).breakeven_correlation(panel.dates[-1]).iter_rows())
    implied = implied_correlation(np.array([0.2]), panel.component_iv[-1:, :, 0, 0], panel.weights[-1:]).clean[0]
    assert found[1.0] == pytest.approx(implied, rel=1e-9)


def test_nothing_held_breaks_even_nowhere_and_moves_by_nothing():
    panel = small_market(46)
    result = run(panel, level=0.0)
    assert result.breakeven_correlation(panel.dates[SESSION])["correlation"].is_nan().all()
    assert (result.scenarios(panel.dates[SESSION])["pnl_gross"] == 0.0).all()
    assert (result.greeks()["vega"] == 0.0).all()


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: type(s).__name__)
def test_greeks_through_time_are_those_of_what_is_held(structure):
    panel = small_market(47)
    result = run(panel, structure, level=-0.5, hedge=NoHedge())
    greeks = result.greeks()
    vega = np.zeros((len(panel), 2))
    held, cohorts = to_host(result.book.vega_held), result.book.cohorts
    for c in np.flatnonzero(result.book.entered):
        for day in range(cohorts.life[c] + 1):
            vega[cohorts.entry[c] + day] += -0.5 * result.vega_per_cohort() * held[c, day] * np.array([-1.0, 1.0])
    for leg_class, name in ((INDEX, "index"), (COMPONENT, "component")):
        found = greeks.filter(pl.col("leg_class") == name)
        # Sums in another order.
        np.testing.assert_allclose(found["vega"][:-1], vega[:-1, leg_class], rtol=1e-9, atol=1e-6)
        assert found["vega"][-1] != 0.0, "what is open when the data end is held on"
    assert greeks["date"].unique().to_list() == panel.dates.tolist()


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: type(s).__name__)
def test_greeks_are_what_small_moves_earn(structure):
    panel = flat(48)
    result = run(panel, structure, hedge=NoHedge())
    date, size = panel.dates[SESSION], 1e-4
    now = result.greeks().filter(pl.col("date") == date).select(pl.exclude("date", "leg_class")).sum()
    grid = result.scenarios(date, spot=(-size, 0.0, size), vol=(0.0,))["pnl_gross"].to_numpy()
    third = 100.0 * size * abs(now["gamma"].item())  # of the third order, all that a variance swap has
    assert now["delta"].item() == pytest.approx((grid[2] - grid[0]) / (2.0 * size), rel=1e-5, abs=2.0 * third)
    # Second differences of a size of 1e-8 of values near 1e7.
    assert now["gamma"].item() == pytest.approx(0.01 * (grid[2] + grid[0] - 2.0 * grid[1]) / size**2, rel=1e-3)
    hedged = run(panel, structure).greeks()
    assert (hedged["delta"].abs() <= 1e-9 * abs(now["delta"].item())).all(), "all of it is hedged at the close"
    assert (now["delta"].item() == 0.0) == (type(structure) in (VarianceSwap, VolatilitySwap))
