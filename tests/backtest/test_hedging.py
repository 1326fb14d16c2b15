"""Hedges: when delta is traded and by which volatility, against loops over one leg, and in a world without premium."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from engine.backend import to_host
from engine.backtest import (
    AbstractHedge,
    Calendar,
    CorrelationSwap,
    DailyDelta,
    DeltaBand,
    EveryDays,
    IndexBeta,
    NoHedge,
    Recipe,
    Straddle,
    Strangle,
    VegaNeutral,
    Weekly,
    WhalleyWilmott,
    backtest,
    build_book,
    choose_contracts,
)
from engine.backtest.legs.legs import Legs
from engine.backtest.signals.trailing import trailing_beta, trailing_vol
from engine.correlation import AllMembers
from engine.data.panel import MarketPanel
from engine.data.records import MarketInfo, QuoteStatus
from engine.errors import InputError
from engine.kernels import switched_off
from engine.kernels.codes import LegStatus
from engine.pricing import straddle
from engine.testing import poisoned, small_market
from strategies.short_correlation import ShortCorrelation

HEDGES = {
    "every 4": EveryDays(days=4),
    "band": DeltaBand(band=0.2),
    "whalley wilmott": WhalleyWilmott(cost_bps=50.0),
    "sticky delta": DailyDelta(vol="sticky_delta"),
    "realized": DailyDelta(vol="realized", window=10),
    "index beta": IndexBeta(beta_window=15),
    "band by sticky delta": DeltaBand(vol="sticky_delta", band=0.1),
}


def book_of(panel, hedge, structure=None, **more):
    structure = structure or Straddle(25)
    cohorts = choose_contracts(panel, Weekly().entries(panel.dates, 1), structure)
    return build_book(panel, panel.weights, cohorts, Recipe(structure, VegaNeutral(), hedge), **more)


def followed(panel, structure=None):
    """The legs of a book by array code, with their sizes."""
    structure = structure or Straddle(25)
    book = book_of(panel, DailyDelta(), structure)
    return book, Legs(panel, book.cohorts, book.legs.name[:, 1:], book.days, structure)


def held_by_loop(hedge, panel, book, legs, c, leg):
    """Delta of one unit held from each close on, walking the days of one leg."""
    one, marks = legs.instruments[0], legs.marks
    session = book.cohorts.entry[c]
    asset = 0 if leg == 0 else 1 + int(book.legs.name[c, leg])
    held, path = 0.0, []
    for day in range(book.days + 1):
        forward, iv = marks.forward[c, leg, day], one.reading.iv[c, leg, day]
        years, strike = marks.years[c, leg, day], one.strike[c, leg]
        rate = legs.instruments[0].rate[c, 0, day]
        greeks = straddle(forward, strike, iv, years, rate)
        wanted = float(greeks.delta)
        if hedge.vol == "sticky_delta" and years > 0.0:
            up, down = (one.marks.at(one.strike * np.exp(s)).iv[c, leg, day] for s in (0.01, -0.01))
            wanted -= 100.0 * float(greeks.vega) * (up - down) / 0.02 / forward
        if hedge.vol == "realized":
            known = trailing_vol(panel, hedge.window)[min(session + day, len(panel) - 1), asset]
            wanted = float(straddle(forward, strike, known if np.isfinite(known) else iv, years, rate).delta)
        if isinstance(hedge, EveryDays):
            held = wanted if day % hedge.days == 0 else held
        elif isinstance(hedge, DeltaBand):
            held = wanted if abs(wanted - held) > hedge.band else held
        elif isinstance(hedge, WhalleyWilmott):
            cost = 1e-4 * hedge.cost_bps * forward * marks.forward[c, leg, 0]
            half = (1.5 * np.exp(-rate * years) * cost * float(greeks.gamma) ** 2 / hedge.aversion) ** (1 / 3)
            held = max(wanted - half, min(held, wanted + half))
        else:
            held = wanted
        path.append(held)
    return np.array(path)


@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
@pytest.mark.parametrize("rule", [name for name in HEDGES if name != "index beta"])
def test_what_a_rule_holds_is_what_a_loop_over_the_days_of_a_leg_holds(rule, listed):
    panel, hedge = small_market(80, listed=listed), HEDGES[rule]
    book, legs = followed(panel)
    found = book_of(panel, hedge)
    traded, earned = np.zeros(found.hedge_traded.shape), np.zeros(found.hedge_traded.shape)
    for c in np.flatnonzero(book.entered):
        for leg in np.flatnonzero(book.legs.units[c]):
            end, status = int(book.legs.end[c, leg]), book.legs.status[c, leg]
            held = held_by_loop(hedge, panel, book, legs, c, leg)
            held[end:] = 0.0
            units, forward = book.legs.units[c, leg], legs.marks.forward[c, leg]
            for day in range(end + 1):
                before = held[day - 1] if day else 0.0
                if held[day] != before:
                    traded[c, day, int(leg > 0)] += abs(units * (held[day] - before)) * forward[day]
                if day and not (day == end and status == LegStatus.CLOSED):
                    earned[c, day, int(leg > 0)] -= units * before * (forward[day] - forward[day - 1])
    # Sums of seven legs near 10; deltas by another order of the same operations.
    np.testing.assert_allclose(found.hedge_traded, traded, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.explain[..., 5], earned, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("hedge", [EveryDays(days=1), DeltaBand(band=0.0), WhalleyWilmott(cost_bps=0.0)])
@pytest.mark.parametrize("structure", [Straddle(25), Strangle(25)], ids=["straddle", "strangle"])
def test_a_rule_that_never_waits_is_the_daily_hedge(hedge, structure):
    panel = small_market(81)
    with switched_off():
        daily, found = (book_of(panel, each, structure) for each in (DailyDelta(), hedge))
    for name in ("explain", "hedge_traded", "hedge_held", "vega_traded"):
        np.testing.assert_array_equal(getattr(found, name), getattr(daily, name), err_msg=name)


def test_a_rule_that_never_trades_is_no_hedge():
    panel = small_market(82)
    with switched_off():
        none, never = (book_of(panel, each) for each in (NoHedge(), DeltaBand(band=1.1)))
    np.testing.assert_array_equal(never.explain, none.explain)


def test_an_index_hedge_leaves_the_cohort_without_beta_weighted_delta_and_the_members_alone():
    panel, hedge = small_market(83), HEDGES["index beta"]
    book, legs = followed(panel)
    found = book_of(panel, hedge)
    assert not found.hedge_traded[..., 1].any()
    assert not found.explain[:, :, 1, 5].any()
    beta = trailing_beta(panel, hedge.beta_window)
    c = int(np.flatnonzero(book.entered)[2])
    before = 0.0
    for day in range(int(book.cohorts.life[c])):
        cash = 0.0
        for leg in np.flatnonzero(book.legs.units[c]):
            if day < book.legs.end[c, leg]:
                slope = beta[book.cohorts.entry[c] + day, 0 if leg == 0 else 1 + int(book.legs.name[c, leg])]
                held = book.legs.units[c, leg] * legs.instruments[0].greeks.delta[c, leg, day]
                cash += held * legs.marks.forward[c, leg, day] * (slope if np.isfinite(slope) else 1.0)
        forward = legs.marks.forward[c, 0, day]
        now = cash / forward
        assert found.hedge_traded[c, day, 0] == pytest.approx(abs(now - before) * forward, rel=1e-9, abs=1e-9)
        before = now


def test_trailing_numbers_are_those_of_the_last_returns_alone():
    panel = small_market(84, events=False)
    spot = np.concatenate([panel.index_spot[:, None], panel.spot], axis=1)
    returns = spot[1:] / spot[:-1] - 1.0
    vol, beta = trailing_vol(panel, 10), trailing_beta(panel, 12)
    assert np.isnan(vol[9]).all()
    assert np.isnan(beta[11]).all()
    t = 30
    np.testing.assert_allclose(vol[t], np.sqrt(252 * (returns[t - 10 : t] ** 2).mean(axis=0)), rtol=1e-12)
    for n in range(spot.shape[1]):
        slope = np.polyfit(returns[t - 12 : t, 0], returns[t - 12 : t, n], 1)[0]
        np.testing.assert_allclose(beta[t, n], slope, rtol=1e-9, atol=1e-9)


def test_delta_of_a_smile_that_moves_along_is_the_slope_of_the_value():
    panel = small_market(85, missing=0.0, events=False)
    _, legs = followed(panel)
    one, at = legs.instruments[0], (2, 1, 3)
    forward, strike = legs.marks.forward[at], one.strike[at[0], at[1]]
    years, rate = legs.marks.years[at], one.rate[at[0], 0, at[2]]

    def worth(moved):  # the volatility at the same moneyness: that of another strike at the forward of today
        iv = legs.marks.at(one.strike * forward / moved).iv[at]
        return float(straddle(moved, strike, iv, years, rate).value)

    slope = (worth(forward * 1.01) - worth(forward / 1.01)) / (forward * 1.01 - forward / 1.01)
    from engine.backtest.legs.hedge_paths import held_deltas

    units = np.ones(legs.marks.end.shape)
    (held,) = held_deltas(legs, units, DailyDelta(vol="sticky_delta"))
    # Two secants over 2 %: the strikes between differ by the gamma of the move.
    assert held[at] == pytest.approx(slope, abs=5e-3)
    assert abs(held[at] - one.greeks.delta[at]) > 1e-3


@pytest.mark.parametrize("rule", HEDGES)
def test_a_hedge_knows_no_later_day_and_blocks_change_no_bit(rule):
    panel, hedge = small_market(86, sessions=110), HEDGES[rule]
    rules = {"basket": AllMembers(), "schedule": Weekly(), "hedge": hedge}
    truth = backtest(panel, ShortCorrelation(), **rules)
    for t in (30, 52, 80):
        with np.errstate(all="ignore"):
            other = backtest(poisoned(panel, t), ShortCorrelation(), **rules)
        for name in ("pnl_gross", "option_cost", "hedge_cost"):
            np.testing.assert_array_equal(getattr(other, name)[:, : t + 1], getattr(truth, name)[:, : t + 1])
        assert (other.pnl_gross[:, t + 1 :] != truth.pnl_gross[:, t + 1 :]).any()
    whole, cut = book_of(panel, hedge), book_of(panel, hedge, budget=1)
    np.testing.assert_array_equal(whole.explain, cut.explain)
    np.testing.assert_array_equal(whole.hedge_traded, cut.hedge_traded)


@pytest.mark.parametrize("rule", ["every 4", "index beta", "sticky delta"])
@pytest.mark.parametrize(
    "structure", [Straddle(25), Strangle(25), Calendar(20, far_tenor=60)], ids=lambda s: type(s).__name__
)
def test_views_show_the_hedge_that_the_daily_rows_earn(rule, structure):
    panel = small_market(87)
    result = backtest(panel, ShortCorrelation(), schedule=Weekly(), structure=structure, hedge=HEDGES[rule])
    daily, explained = result.daily(), result.explain()
    scale = np.abs(explained).max()
    np.testing.assert_allclose(explained.sum(axis=1), daily["pnl_gross"].to_numpy(), rtol=0, atol=1e-9 * scale)
    day = panel.dates[33]
    shown = result.day(day)
    assert shown["pnl_gross"].sum() == pytest.approx(float(daily["pnl_gross"][33]), rel=1e-9, abs=1e-9 * scale)
    assert shown["cost"].sum() == pytest.approx(float(daily["cost"][33]), rel=1e-9)
    assert result.ledger()["pnl_hedge"].sum() == pytest.approx(daily["hedge"].sum(), rel=1e-9, abs=1e-9 * scale)


def test_greeks_show_the_delta_that_is_left():
    panel = small_market(88)
    rules = {"basket": AllMembers(), "schedule": Weekly()}
    hedged, left = (backtest(panel, ShortCorrelation(), hedge=h, **rules).greeks() for h in (DailyDelta(), EveryDays()))
    np.testing.assert_array_equal(hedged["delta"].to_numpy(), 0.0)
    assert np.abs(left["delta"].to_numpy()).max() > 0.0


@dataclass(frozen=True)
class Half(AbstractHedge):
    """A rule of one's own."""

    def held(self, wanted):
        return 0.5 * wanted.delta


def test_a_rule_of_ones_own_is_followed():
    @dataclass(frozen=True)
    class Share:
        ratio: float = 0.5

    panel = small_market(89)
    with switched_off():
        expected, found = (book_of(panel, each) for each in (Share(), Half()))
    np.testing.assert_array_equal(found.explain, expected.explain)


def flat_world(seed, names, sessions=70, vol=0.2):
    """Independent lognormal walks of one volatility, which options know: no premium, one session a calendar day."""
    rng = np.random.default_rng(seed)
    dates = np.datetime64("2024-01-01") + np.arange(sessions)
    step = vol * np.sqrt(1 / 365) * rng.standard_normal((sessions, names + 1)) - 0.5 * vol**2 / 365
    price = 100.0 * np.exp(np.cumsum(step, axis=0))
    flat, deltas = np.full((sessions, names + 1, 2, 3), vol, dtype=np.float32), np.array([10, 50, 90])
    nothing, ones = np.zeros((sessions, names)), np.ones((sessions, names))
    status = np.full(flat.shape, QuoteStatus.OK, dtype=np.uint8)
    return MarketPanel(
        info=MarketInfo(name="flat", index="IDX", calendar="24/7"),
        dates=dates,
        names=np.array([f"S{n:03d}" for n in range(names)]),
        tenors=np.array([10, 91]),
        deltas=deltas,
        index_iv=flat[:, 0],
        component_iv=flat[:, 1:],
        index_status=status[:, 0],
        component_status=status[:, 1:],
        weights=ones / names,
        index_spot=price[:, 0],
        spot=price[:, 1:],
        rate=np.zeros(sessions),
        index_carry=np.zeros(sessions),
        carry=nothing,
        strike_factor=ones,
        return_factor=ones,
        settlement=np.full((sessions, names), np.nan),
    )


def test_the_error_of_a_hedge_shrinks_with_the_root_of_how_often_it_is_traded():
    structure, spread = Straddle(tenor=64), {}
    for days in (1, 4, 16):
        errors = []
        for seed in range(4):
            panel = flat_world(seed, names=200)
            cohorts = choose_contracts(panel, np.array([2]), structure)
            book = build_book(panel, panel.weights, cohorts, Recipe(structure, VegaNeutral(), EveryDays(days=days)))
            legs = book.legs
            pnl = (legs.pnl_option + legs.pnl_hedge)[0, 1:, 0] / (legs.units * legs.value[:, :, 0])[0, 1:]
            errors.append(pnl)
        pnl = np.concatenate(errors)
        assert abs(pnl.mean()) < 3.0 * pnl.std() / np.sqrt(len(pnl))  # no premium: three deviations of the mean
        spread[days] = pnl.std()
    # sqrt(4) = 2 each; 800 paths tell a deviation to 2.5 %, 3.5 % of a ratio, and 16 days of 64 are few: four errors.
    assert spread[4] / spread[1] == pytest.approx(2.0, rel=0.14)
    assert spread[16] / spread[4] == pytest.approx(2.0, rel=0.14)


def test_bands_trade_less_the_wider_they_are():
    panel = small_market(90, missing=0.0, events=False)
    traded = [book_of(panel, DeltaBand(band=band)).hedge_traded.sum() for band in (0.0, 0.1, 0.3, 0.6)]
    assert traded == sorted(traded, reverse=True)
    widths = [book_of(panel, WhalleyWilmott(cost_bps=c)).hedge_traded.sum() for c in (0.0, 1.0, 10.0, 100.0)]
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: DailyDelta(vol="mine"), r"hedge\.vol=mine is no volatility to hedge by"),
        (lambda: EveryDays(days=0), r"hedge\.days=0 is below 1"),
        (lambda: DeltaBand(band=-0.1), r"DeltaBand\.band=-0\.1 is below 0"),
        (lambda: WhalleyWilmott(aversion=0.0), r"hedge\.aversion=0 hedges nothing"),
        (lambda: IndexBeta(beta_window=2), r"hedge\.beta_window=2 is below 3"),
    ],
)
def test_a_hedge_that_cannot_be_is_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_an_imagined_session_is_refused_to_a_hedge_that_looks_back():
    panel = small_market(91)
    result = backtest(panel, ShortCorrelation(), schedule=Weekly(), hedge=DailyDelta(vol="realized"))
    for view in ("carry", "scenarios"):
        with pytest.raises(InputError, match=f"{view} imagines a session"):
            getattr(result, view)(panel.dates[40])


def test_rules_run_where_arrays_are_on_a_device(xp):
    panel = small_market(92)
    for hedge in HEDGES.values():
        found = book_of(panel.to(xp.__name__), hedge)
        np.testing.assert_allclose(to_host(found.explain), book_of(panel, hedge).explain, rtol=1e-11, atol=1e-11)


def test_a_history_before_the_panel_is_looked_back_to():
    panel = small_market(93, events=False)
    later = panel.slice(panel.dates[30], None)
    np.testing.assert_array_equal(trailing_vol(later, 20), trailing_vol(panel, 20)[30:])
    assert np.isnan(trailing_vol(replace(later, history=None, validate=False), 20)[0]).all()


def test_on_surface_marks_the_surfaces_volatility_is_the_options_own():
    market = small_market(60)
    own, surface = (
        backtest(market, ShortCorrelation(), basket=AllMembers(), hedge=DailyDelta(vol=vol)).pnl_gross
        for vol in ("own", "surface")
    )
    # One by the kernel, the other by array code.
    np.testing.assert_allclose(surface, own, rtol=0, atol=1e-9 * np.abs(own).max())
    with pytest.raises(InputError, match="no contract of one leg"):
        backtest(market, ShortCorrelation(), structure=CorrelationSwap(28), hedge=DailyDelta(vol="surface"))
