"""The trade book against a backtest written with loops, and the properties it must have whatever the market."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from reference_backtest import vega_neutral_backtest

from engine.backtest import (
    AbstractStrategy,
    DailyDelta,
    EarlyExit,
    GammaNeutral,
    NoCosts,
    NoHedge,
    Recipe,
    Straddle,
    ThetaNeutral,
    VegaNeutral,
    VolPoints,
    Weekly,
    backtest,
    build_book,
    choose_contracts,
)
from engine.backtest.contracts.structure import LegStatus
from engine.backtest.legs.attribution import PARTS
from engine.correlation import AllMembers
from engine.testing import small_market

DAILY = ("explain", "vega_traded", "vega_held", "hedge_traded", "hedge_held", "delivered", "magnitude")


class Always(AbstractStrategy):
    def exposure(self, market):
        return np.ones(len(market.dates))


def run(panel, **choices):
    choices = {"basket": AllMembers(), "structure": Straddle(tenor=25), "schedule": Weekly()} | choices
    return backtest(panel, Always(), **choices)


@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
@pytest.mark.parametrize("hedge", [DailyDelta(), NoHedge()], ids=["hedged", "unhedged"])
@pytest.mark.parametrize("seed", [0, 1])
def test_daily_pnl_and_costs_equal_the_loop_over_every_leg(listed, hedge, seed):
    panel = small_market(seed, listed=listed)
    costs = VolPoints(index=0.25, component=0.8, hedge_bps=2.0)
    result = run(panel, costs=costs, hedge=hedge)
    entries = Weekly().entries(panel.dates, 1)
    gross, cost = vega_neutral_backtest(
        panel, panel.weights, entries, np.ones(len(entries)), 25, 100_000.0, costs, hedged=hedge == DailyDelta()
    )
    # Both are float64; the largest intermediate is the index value times units, about 1e7, so 1e-5 is 12 digits.
    np.testing.assert_allclose(result.pnl_gross[0], gross, rtol=0, atol=1e-5)
    np.testing.assert_allclose(result.cost[0], cost, rtol=0, atol=1e-5)
    assert np.abs(gross).sum() > 1e5, "the comparison must be about real P&L"


@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
def test_explain_and_ledger_both_sum_to_the_daily_pnl(listed):
    result = run(small_market(2, listed=listed))
    daily, ledger = result.daily(), result.ledger()
    parts = sum(daily[part].to_numpy() for part in PARTS)
    # Eight addends of at most the gross P&L's size: 1e-9 of it is far above rounding and far below a missing part.
    scale = np.abs(daily["pnl_gross"].to_numpy()).max()
    np.testing.assert_allclose(parts, daily["pnl_gross"].to_numpy(), rtol=0, atol=1e-9 * scale)
    for column in ("pnl_gross", "cost", "pnl_net"):
        assert ledger[column].sum() == pytest.approx(daily[column].sum(), rel=1e-9)
    assert daily["cost"].min() >= 0.0


@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
def test_cutting_cohorts_into_blocks_changes_no_bit(listed):
    panel = small_market(3, listed=listed)
    cohorts = choose_contracts(panel, Weekly().entries(panel.dates, 1), Straddle(25))
    whole, cut = (
        build_book(panel, panel.weights, cohorts, Recipe(Straddle(25)), budget=budget) for budget in (2**40, 1)
    )
    for name in (*DAILY, "entered", "coverage"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(cut, name))
    for name, array in vars(whole.legs).items():
        np.testing.assert_array_equal(array, getattr(cut.legs, name))


def test_two_runs_agree_bit_for_bit():
    first, second = run(small_market(4)), run(small_market(4))
    assert first.pnl_gross.tobytes() == second.pnl_gross.tobytes()


@pytest.mark.parametrize(
    ("sizing", "greek"),
    [
        (VegaNeutral(), lambda g, f: g.vega),
        (ThetaNeutral(), lambda g, f: g.theta),
        (GammaNeutral(), lambda g, f: f**2 * g.gamma),
    ],
    ids=["vega", "theta", "gamma"],
)
def test_sizing_leaves_no_residual_of_its_greek_at_entry(sizing, greek):
    from engine.pricing import straddle

    panel = small_market(5, missing=0.0)
    result = run(panel, sizing=sizing)
    legs, entry = result.book.legs, result.book.cohorts.entry
    years = (result.book.cohorts.expiry - panel.dates[entry]).astype(float)[:, None] / 365.0
    at_entry = straddle(legs.forward, legs.strike[..., 0], legs.iv[..., 0], years, 0.04)
    held = legs.units != 0.0
    exposure = np.where(held, legs.units * greek(at_entry, legs.forward), 0.0)
    # The sum of a dozen terms cancels to rounding of the largest.
    np.testing.assert_allclose(exposure.sum(axis=1), 0.0, atol=1e-12 * np.abs(exposure).max())
    np.testing.assert_allclose(legs.units[:, 0] * legs.vega[:, 0, 0], -1.0, rtol=1e-14)


def test_a_split_undone_in_the_data_gives_the_same_pnl():
    """The market quoted in old shares for ever is the same market: strikes and prices x 5, no action."""
    panel = small_market(6, missing=0.0)
    spot, factor = panel.spot.copy(), panel.strike_factor.copy()
    spot[30:, 0] /= 0.2
    factor[30, 0] = 1.0
    undone = replace(panel, spot=spot, strike_factor=factor, return_factor=factor.copy())
    restated, original = run(undone), run(panel)
    scale = np.abs(original.pnl_gross).max()
    np.testing.assert_allclose(restated.pnl_gross, original.pnl_gross, rtol=0, atol=1e-9 * scale)
    np.testing.assert_allclose(restated.cost, original.cost, rtol=1e-9)
    ledger = original.ledger()
    assert 0.2 in ledger.filter(ledger["leg"] == "S0")["strike_factor"].to_list(), "a cohort must hold it through"


def test_legs_of_vanished_names_settle_at_intrinsic_value_or_close_at_the_last_mark():
    panel = small_market(7, missing=0.0)
    ledger = run(panel).ledger()
    for name, status, session in (("S1", "settled", 40), ("S2", "settled", 55), ("S3", "closed", 65)):
        ended = ledger.filter((ledger["leg"] == name) & (ledger["status"] == status))
        assert ended.height > 0
        assert set(ended["exit_date"].to_list()) == {panel.dates[session].astype(object)}
    merger = ledger.filter((ledger["leg"] == "S1") & (ledger["status"] == "settled"))
    intrinsic = merger["quantity"] * (panel.settlement[40, 1] - merger["strike"]).abs()
    np.testing.assert_allclose(merger["exit_value"], intrinsic, rtol=1e-12)
    bust = ledger.filter((ledger["leg"] == "S2") & (ledger["status"] == "settled"))
    np.testing.assert_allclose(bust["exit_value"], bust["quantity"] * bust["strike"], rtol=1e-12)


@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
def test_the_option_pnl_of_a_leg_is_its_exit_value_less_its_premium_however_it_ended(listed):
    panel = small_market(14, sessions=120, listed=listed)
    hole = np.r_[0:82, 100:120]
    panel = panel.map_arrays(lambda _, array: array[hole])
    ledger = pl.concat([run(panel, exits=exits).ledger() for exits in (None, EarlyExit(stop=3.0))])
    assert {"expired", "settled", "closed", "lost", "exited"} <= set(ledger["status"])
    gained = ledger["exit_value"] - ledger["premium"]
    # Daily changes of value are summed up: rounding of the largest value of a leg, near 1e7.
    np.testing.assert_allclose(ledger["pnl_option"], gained, rtol=0, atol=1e-6)


def test_cohorts_whose_expiry_lies_in_a_hole_are_lost_not_open():
    panel = small_market(15, missing=0.0)
    hole = np.r_[0:40, 65:90]
    result = run(panel.map_arrays(lambda _, array: array[hole]))
    summary = result.summary()
    assert summary["cohorts_lost"] == result.ledger().filter(pl.col("status") == "lost")["cohort"].n_unique() > 0
    assert summary["cohorts_open"] > 0
    last_open = result.dates[result.book.cohorts.last[result.book.cohorts.outcome == LegStatus.LOST]]
    assert (last_open < np.datetime64("2024-03-01")).all(), "a lost cohort ends before the hole, not at the data's end"


def test_cohorts_whose_expiry_lies_after_the_data_stay_open_and_are_marked():
    panel = small_market(8)
    result = run(panel)
    ledger = result.ledger()
    still_open = ledger.filter(ledger["status"] == "open")
    assert result.summary()["cohorts_open"] == still_open["cohort"].n_unique() > 0
    assert set(still_open["exit_date"].to_list()) == {panel.dates[-1].astype(object)}


def test_nothing_is_earned_without_exposure_and_the_other_side_earns_the_opposite():
    @__import__("dataclasses").dataclass(frozen=True)
    class Constant(AbstractStrategy):
        level: float

        def exposure(self, market):
            return np.full(len(market.dates), self.level)

    panel = small_market(9)
    short, long, flat = (
        backtest(panel, Constant(level), basket=AllMembers(), costs=NoCosts()) for level in (1.0, -1.0, 0.0)
    )
    np.testing.assert_array_equal(flat.pnl_gross, 0.0)
    np.testing.assert_array_equal(short.pnl_gross, -long.pnl_gross)
    charged = backtest(panel, Constant(-1.0), basket=AllMembers())
    assert (charged.pnl_net <= charged.pnl_gross).all()


def test_a_name_outside_the_basket_changes_nothing_whatever_its_quotes():
    panel = small_market(10)
    weights = panel.weights.copy()
    weights[:, 5] = 0.0
    iv, spot = panel.component_iv.copy(), panel.spot.copy()
    iv[:, 5], spot[:, 5] = 9.0, np.nan
    quiet = run(replace(panel, weights=weights))
    loud = run(replace(panel, weights=weights, component_iv=iv, spot=spot, validate=False))
    np.testing.assert_array_equal(quiet.pnl_gross, loud.pnl_gross)


def test_flat_vol_straddles_hedged_daily_earn_gamma_and_theta_and_nothing_else():
    panel = small_market(11, sessions=260, events=False, missing=0.0)
    flat = replace(
        panel,
        index_iv=np.full_like(panel.index_iv, 0.19),
        component_iv=np.full_like(panel.component_iv, 0.19),
        rate=np.zeros(260),
        index_carry=np.zeros(260),
        carry=np.zeros_like(panel.carry),
    )
    result = run(flat, structure=Straddle(tenor=30))
    assert 20 <= result.book.days <= 22
    parts = dict(zip(PARTS, np.moveaxis(result.book.explain, -1, 0), strict=True))
    for nothing in ("vega", "vanna_volga", "financing", "unexplained"):
        # Volatilities at a strike are interpolated between equal ones: rounding of a value near 100.
        np.testing.assert_allclose(parts[nothing], 0.0, atol=1e-11, err_msg=nothing)
    np.testing.assert_allclose(parts["delta"], -parts["hedge"], atol=1e-11)
    scale = np.abs(result.pnl_gross).max() / 100_000.0
    gained = (parts["gamma"] + parts["theta"]).sum(axis=(1, 2))
    np.testing.assert_allclose(gained, result.book.by_day["gross"].sum(axis=1), rtol=0, atol=1e-9 * scale)


def test_marks_without_a_quote_or_beyond_the_surface_are_counted():
    clean, holes = small_market(12, missing=0.0), small_market(12, missing=0.2)
    assert run(clean).summary()["stale_share"] == 0.0
    assert run(holes).summary()["stale_share"] > 0.0
    # The shortest tenor is 10 days, so the last days of every contract are marked beyond the grid.
    summary = run(clean).summary()
    assert 0.0 < summary["beyond_tenors_share"] < 1.0
    assert 0.0 < summary["beyond_deltas_share"] < 1.0 - summary["beyond_tenors_share"]
    assert run(small_market(12, missing=0.0, listed=True)).summary()["beyond_tenors_share"] == 0.0


def test_a_decision_trades_one_session_later():
    class OnlyOn(AbstractStrategy):
        def exposure(self, market):
            return (np.arange(len(market.dates)) == 7).astype(float)

    panel = small_market(13)
    assert panel.dates[8].astype(object).weekday() != 0
    later = Weekly().entries(panel.dates, 1)
    monday = later[later > 8][0]
    none = backtest(panel, OnlyOn(), basket=AllMembers(), schedule=Weekly())
    assert none.summary()["cohorts"] == (8 in later)
    taken = backtest(panel, OnlyOn(), basket=AllMembers(), schedule=Weekly(), lag=int(monday) - 7)
    assert taken.ledger()["entry_date"].unique().to_list() == [panel.dates[monday].astype(object)]


def test_a_lag_of_zero_is_refused():
    from engine.errors import InputError

    with pytest.raises(InputError, match="use lag=1 or more"):
        run(small_market(), lag=0)
