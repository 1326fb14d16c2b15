"""Books in single precision: held to their error budget against double, and said to be what they are."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from engine import kernels
from engine.backend import to_host
from engine.backtest import (
    AtForward,
    DailyDelta,
    Instrument,
    Kind,
    Monthly,
    Recipe,
    Straddle,
    Strangle,
    SurfaceMarks,
    Weekly,
    backtest,
    build_book,
    choose_contracts,
)
from engine.backtest.legs.precision import error_budget
from engine.data import load_market
from engine.errors import InputError
from engine.kernels import host
from engine.runs.manifest import config_hash
from engine.testing import small_market
from strategies.short_correlation import ShortCorrelation

SINGLE = SurfaceMarks(precision="single")
by_kernels = pytest.mark.parametrize(  # array code has no single precision
    "xp", ["numpy kernels", "stand-in kernels", pytest.param("cupy kernels", marks=pytest.mark.gpu)], indirect=True
)


@dataclass(frozen=True)
class DeepCalls:
    """Calls far in the money, whose worth is nearly all intrinsic, beside a straddle that gives the leg its vega."""

    tenor = 30
    min_days = 7
    min_coverage = 0.8
    index = (Instrument(Kind.CALL, AtForward(0.7)), Instrument(Kind.STRADDLE))
    members = (Instrument(Kind.CALL, AtForward(0.5)), Instrument(Kind.STRADDLE))


def books(panel, structure, entries):
    """The same book in double precision and in single."""
    cohorts = choose_contracts(panel, entries, structure)
    recipes = (Recipe(structure, marks=marks) for marks in (SurfaceMarks(), SINGLE))
    return [build_book(panel, panel.weights, cohorts, recipe) for recipe in recipes]


def assert_within_budget(double, single):
    """Every day, every life and every part of the explain; and it is single precision that is looked at."""
    legs = double.legs
    budget = to_host(error_budget(legs.units, legs.forward, double.recipe.structure))
    gross = [to_host(book.by_day["gross"]) for book in (double, single)]
    days = np.abs(gross[1] - gross[0])
    held = budget > 0.0
    assert held.any()
    assert (days[~held] == 0.0).all()
    assert (days <= budget[:, None]).all()
    assert (np.abs((gross[1] - gross[0]).sum(axis=1)) <= budget).all()
    parts = to_host(single.explain).sum(axis=2) - to_host(double.explain).sum(axis=2)
    assert (np.abs(parts) <= budget[:, None, None]).all()
    moved = days[held][:, 1:]
    assert np.sqrt((moved[moved > 0.0] ** 2).mean()) > 0.01 * budget[held].mean()
    for name in ("status", "end"):
        np.testing.assert_array_equal(to_host(getattr(single.legs, name)), to_host(getattr(legs, name)))


CASES = {
    "30 days": Straddle(30),
    "10 days": Straddle(10, min_days=5),
    "strangle": Strangle(30, delta=25.0),
    "deep in the money": DeepCalls(),
}


@by_kernels
@pytest.mark.parametrize("listed", [False, True], ids=["tenors", "listed"])
@pytest.mark.parametrize("case", CASES)
def test_a_book_in_single_precision_stays_within_its_error_budget(xp, case, listed):
    panel = small_market(3, sessions=90, names=9, listed=listed).to(xp.__name__)
    assert_within_budget(*books(panel, CASES[case], Weekly().entries(panel.dates, 1)))


@by_kernels
def test_a_ladder_of_91_days_stays_within_its_error_budget(xp):
    panel = small_market(4, sessions=140, names=40).to(xp.__name__)
    every = 1 if xp is np else 10  # a GPU's kernels on a CPU take their time
    assert_within_budget(*books(panel, Straddle(91), np.arange(0, 70, every)))


def test_books_of_the_default_market_stay_within_their_error_budget():
    if host.missing():
        pytest.skip(host.missing())
    panel = load_market("synthetic", progress=False)
    for structure in (Straddle(30), Straddle(7, min_days=4), Straddle(91)):
        assert_within_budget(*books(panel, structure, Monthly().entries(panel.dates, 1)))


@by_kernels
def test_the_bits_of_a_day_depend_on_no_block_and_no_later_day(xp):
    panel = small_market(6, names=9).to(xp.__name__)
    cohorts = choose_contracts(panel, Weekly().entries(panel.dates, 1), Straddle(30))
    recipe = Recipe(Straddle(30), marks=SINGLE)
    whole = to_host(build_book(panel, panel.weights, cohorts, recipe).explain)
    one_by_one = to_host(build_book(panel, panel.weights, cohorts, recipe, budget=1).explain)
    assert one_by_one.tobytes() == whole.tobytes()
    for sold in (3, 9):
        early = to_host(build_book(panel, panel.weights, cohorts.until(np.full(len(cohorts), sold)), recipe).explain)
        assert early[:, :sold].tobytes() == whole[:, :sold].tobytes()


@by_kernels
def test_sums_over_legs_and_days_are_of_doubles(xp):
    """What the legs add up to over their lives is what the days add up to, to far less than a single's rounding."""
    panel = small_market(5, names=9).to(xp.__name__)
    _, single = books(panel, Straddle(30), Weekly().entries(panel.dates, 1))
    legs = single.legs
    by_leg = to_host(legs.pnl_option.sum(axis=2) + legs.pnl_hedge.sum(axis=2) + legs.financing.sum(axis=2))
    by_day = to_host(single.by_day["gross"])
    size = np.abs(to_host(single.magnitude)[:, :, 0]).sum(axis=1)  # of the P&L of every leg on every day
    assert (np.abs(by_leg.sum(axis=1) - by_day.sum(axis=1)) <= 2.0**-22 * size).all()


def test_a_book_that_no_kernel_holds_is_refused(xp):
    panel = small_market(0).to(xp.__name__)
    cohorts = choose_contracts(panel, np.array([1]), Straddle(30))
    if kernels.usable(xp):
        recipe = Recipe(Straddle(30), hedge=DailyDelta(netted=True), marks=SINGLE)
    else:
        recipe = Recipe(Straddle(30), marks=SINGLE)
    with pytest.raises(InputError, match=r"no kernel holds this book.*use marks\.precision=double"):
        build_book(panel, panel.weights, cohorts, recipe)


def test_a_result_in_single_precision_says_so_with_its_budget():
    if host.missing():
        pytest.skip(host.missing())
    panel = small_market(1)
    said = {}
    for marks in (SurfaceMarks(), SINGLE):
        result = backtest(panel, ShortCorrelation(), structure=Straddle(25), schedule=Weekly(), marks=marks)
        said[marks.precision] = {caution.code: caution.text for caution in result.cautions()}
        legs = result.book.legs
        budget = float(error_budget(legs.units, legs.forward, result.book.recipe.structure).max())
    assert "single_precision" not in said["double"]
    assert f"within {budget:.1e} vol points per unit index vega" in said["single"]["single_precision"]


def test_precision_decides_numbers_and_is_checked():
    panel = SimpleNamespace(content_hash="abc")
    hashes = {config_hash({"marks": {"precision": precision}}, panel) for precision in ("double", "single")}
    assert len(hashes) == 2
    with pytest.raises(InputError, match=r"marks\.precision=half is unknown; choose double or single"):
        SurfaceMarks(precision="half")


def test_the_budget_is_that_of_the_formula_at_the_money():
    """Of one leg alone: eight roundings of its notional, vega being .8 F sqrt(T) a vol point of .01."""
    years, forward = 30.0 / 365.0, 4000.0
    vega = 0.01 * forward * np.sqrt(2.0 / np.pi * years)
    budget = error_budget(np.array([[-1.0 / vega]]), np.array([[forward]]), Straddle(30))
    np.testing.assert_allclose(budget, 8.0 * 2.0**-24 / (0.01 * np.sqrt(2.0 / np.pi * years)))
