"""Structures beyond the straddle: against other formulas, other routes to the same number, and planted worlds."""

import functools
import math
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import pytest
from reference_backtest import days_between
from scipy.special import ndtri
from scipy.stats import chi2

from engine.backtest import (
    AbstractStrategy,
    Calendar,
    CorrelationSwap,
    DeltaNeutralStraddle,
    EarlyExit,
    ForwardStart,
    GammaNeutral,
    GammaSwap,
    Instrument,
    Kind,
    Monthly,
    NoCosts,
    PremiumNeutral,
    Recipe,
    SingleOption,
    Straddle,
    Strangle,
    VarianceSwap,
    VarianceTheta,
    VolatilitySwap,
    VolPoints,
    Weekly,
    backtest,
    build_book,
    choose_contracts,
)
from engine.backtest.contracts.instruments import option
from engine.backtest.contracts.structure import LegStatus
from engine.backtest.contracts.swaps import SWAPS, Opened, swap
from engine.backtest.legs.attribution import PARTS
from engine.correlation import AllMembers, implied_correlation
from engine.data.synthetic import SyntheticMarket, synthetic_market
from engine.errors import InputError
from engine.kernels import switched_off
from engine.pricing import (
    call_delta,
    model_free_vol,
    option_greeks,
    sampled_volatility,
    strike_at_delta,
    vol_at_strike,
    zero_vanna_vol,
)
from engine.testing import poisoned, small_market
from strategies.short_correlation import ShortCorrelation

DAYS = 28
SAMPLED = float(sampled_volatility(np.array(252 * DAYS / 365.0))[0])  # of a volatility, by that many closes on average
CALENDAR = Calendar(DAYS, far_tenor=60)
STRUCTURES = {
    "delta-neutral": DeltaNeutralStraddle(DAYS),
    "strangle": Strangle(DAYS),
    "wide strangle": Strangle(DAYS, width=0.05),
    "call": SingleOption(DAYS),
    "put against call": SingleOption(DAYS, index_kind="put", member_kind="call", delta=40.0),
    "variance swap": VarianceSwap(DAYS),
    "gamma swap": GammaSwap(DAYS),
    "volatility swap": VolatilitySwap(DAYS),
}
ALL = STRUCTURES | {"calendar": CALENDAR, "forward start": ForwardStart(DAYS, start=14)}


@dataclass(frozen=True)
class Constant(AbstractStrategy):
    level: float = 1.0

    def exposure(self, market):
        return np.full(len(market.dates), self.level)


def run(panel, structure, level=1.0, **choices):
    choices = {"basket": AllMembers(), "schedule": Weekly(), "costs": NoCosts()} | choices
    return backtest(panel, Constant(level), structure=structure, **choices)


@pytest.mark.parametrize("kind", [Kind.CALL, Kind.PUT])
def test_calls_and_puts_are_priced_as_by_black(kind):
    rng = np.random.default_rng(0)
    forward, strike, iv, years = (rng.uniform(*u, 500) for u in ((50, 150), (50, 150), (0.1, 0.8), (0.0, 2.0)))
    years[:50] = 0.0
    found, expected = (
        option(kind, forward, strike, iv, years, 0.03),
        option_greeks(forward, strike, iv, years, kind == Kind.CALL, 0.03),
    )
    for name in ("value", "delta", "gamma", "vega", "theta", "vanna", "volga"):
        # A far option is the difference of a straddle and a forward: rounding of their size.
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-11, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("kind", [Kind.VARIANCE, Kind.GAMMA, Kind.VOLATILITY])
def test_greeks_of_swaps_are_the_slopes_of_their_value(kind):
    opened = Opened(np.array([0.2]), np.array([100.0]))
    state = {"forward": 104.0, "strike": 0.22, "iv": 0.19, "years": 0.12, "rate": 0.03, "realised": 0.003}
    state |= {"convexity": 1.06}

    def of(**changed):
        return swap(kind, 2.5, opened, *(np.array([value]) for value in (state | changed).values()))

    def slope(field, name, step):
        up, down = (getattr(of(**{name: state[name] + way * step}), field)[0] for way in (1, -1))
        return (up - down) / (2.0 * step)

    found = of()
    assert found.delta[0] == pytest.approx(slope("value", "forward", 1e-3), rel=1e-7, abs=1e-12)
    assert found.vega[0] == pytest.approx(slope("value", "iv", 1e-5) * 0.01, rel=1e-7)
    assert found.volga[0] == pytest.approx(slope("vega", "iv", 1e-5) * 0.01, rel=1e-7)
    assert found.vanna[0] == pytest.approx(slope("vega", "forward", 1e-3), rel=1e-7, abs=1e-12)
    assert found.theta[0] == pytest.approx(-slope("value", "years", 1e-5) / 365.0, rel=1e-7)
    weight = 1.04 if kind == Kind.GAMMA else 1.0
    squares = slope("value", "realised", 1e-6) * weight  # of a return r, r^2 of them; gamma is twice that over F^2
    assert found.gamma[0] == pytest.approx(2.0 * squares / 104.0**2, rel=1e-7)
    capped = of(realised=0.2)
    most = 1.5 * 0.22 if kind == Kind.VOLATILITY else (2.5**2 - 1.0) * 0.22 / 2.0
    assert capped.value[0] == pytest.approx(math.exp(-0.03 * 0.12) * most)
    assert capped.vega[0] == capped.gamma[0] == capped.delta[0] == 0.0


@pytest.mark.parametrize("elapsed", [0.0, 0.25, 0.5, 0.75, 0.95])
@pytest.mark.parametrize(("vol_of_vol", "points"), [(0.0, 0.005), (0.25, 0.02), (0.5, 0.25)])
def test_a_mark_of_a_volatility_swap_is_the_expected_root_of_what_accrued_and_what_is_left(vol_of_vol, points, elapsed):
    """Against a double integral: of a lognormal volatility, and of the squares of that many returns that follow it."""
    total, vol, sessions = 0.25, 0.2, 63.0 * (1.0 - elapsed)
    left, accrued = total * (1.0 - elapsed), 1.1 * vol**2 * total * elapsed
    share = (np.arange(1000) + 0.5) / 1000
    volatility = vol * np.exp(vol_of_vol * ndtri(share) - 0.5 * vol_of_vol**2)[:, None]
    squares = chi2.ppf(share, sessions) / sessions
    expected = np.sqrt((accrued + volatility**2 * squares * left) / total).mean()
    state = (100.0, 0.2, vol, left, 0.0, accrued, math.exp(0.5 * vol_of_vol**2))
    found = swap(Kind.VOLATILITY, math.inf, Opened(*np.array([[total], [100.0]])), *(np.array([a]) for a in state))
    # At entry the mean is given, but for the steps of the integral. Later two points stand for a distribution
    # whose skew they lack; that volatility of three months' volatility is .25 in common markets, .5 in none.
    assert 100.0 * abs(found.value[0] + 0.2 - expected) <= (0.005 if elapsed == 0.0 else points)


@pytest.mark.parametrize("delta", [5.0, 10.0, 25.0, 33.0, 50.0, 61.8, 90.0, 97.0])
def test_a_strike_at_a_delta_has_it_on_its_own_smile(delta):
    panel = small_market(0)
    smile = np.where(np.isnan(panel.component_iv[:, :, 1]), np.nan, panel.component_iv[:, :, 1]).astype(float)
    years = np.full(smile.shape[:-1], 0.2)
    strike = strike_at_delta(delta, smile, panel.deltas, 100.0, years)
    iv, _ = vol_at_strike(smile, panel.deltas, 100.0, strike, years)
    quoted = np.isfinite(smile).any(axis=-1)
    assert quoted.mean() > 0.5
    np.testing.assert_array_equal(np.isfinite(strike), quoted)
    np.testing.assert_allclose(call_delta(100.0, strike[quoted], iv[quoted], 0.2), delta / 100.0, rtol=1e-12)


@dataclass(frozen=True)
class CallAndPut:
    """A straddle as two instruments."""

    tenor = DAYS
    min_days = 7
    min_coverage = 0.8
    index = members = (Instrument(Kind.CALL), Instrument(Kind.PUT))


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
def test_a_call_and_a_put_at_one_strike_are_the_straddle(listed, kernels):
    panel = small_market(20, listed=listed)
    panel = replace(panel, info=replace(panel.info, physical_delivery=True))
    cohorts = choose_contracts(panel, Weekly().entries(panel.dates, 1), Straddle(DAYS))
    cohorts = cohorts.until(np.where(np.arange(len(cohorts)) % 4 == 0, 8, 99))

    def book(structure):
        return build_book(panel, panel.weights, cohorts, Recipe(structure))

    if kernels:
        one, two = book(Straddle(DAYS)), book(CallAndPut())
    else:
        with switched_off():
            one, two = book(Straddle(DAYS)), book(CallAndPut())
    for name in ("explain", "vega_traded", "vega_held", "hedge_traded", "hedge_held", "delivered"):
        np.testing.assert_allclose(getattr(two, name), getattr(one, name), rtol=0, atol=1e-9, err_msg=name)
    held = one.legs.units != 0.0
    np.testing.assert_allclose(two.legs.units, one.legs.units, rtol=1e-12)
    for name in ("pnl_option", "pnl_hedge", "financing", "vega_traded", "delivered", "exit_value"):
        both = getattr(two.legs, name).sum(axis=2)
        np.testing.assert_allclose(both[held], getattr(one.legs, name)[..., 0][held], rtol=0, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(two.legs.hedge_traded[held], one.legs.hedge_traded[held], rtol=0, atol=1e-9)
    assert one.delivered.sum() > 0.0
    assert one.legs.delivered[held].sum() > 0.0


@pytest.mark.parametrize("kernels", [True, False])
def test_shares_are_delivered_where_an_option_is_exercised(kernels):
    panel = small_market(29, events=False, missing=0.0)
    panel = replace(panel, info=replace(panel.info, physical_delivery=True))
    cohorts = choose_contracts(panel, Weekly().entries(panel.dates, 1), Strangle(DAYS))
    if kernels:
        book = build_book(panel, panel.weights, cohorts, Recipe(Strangle(DAYS)))
    else:
        with switched_off():
            book = build_book(panel, panel.weights, cohorts, Recipe(Strangle(DAYS)))
    seen = set()
    for c in np.flatnonzero(book.entered & cohorts.settled):
        for leg in np.flatnonzero(book.legs.units[c]):
            final = panel.spot[cohorts.last[c], book.legs.name[c, leg]] if leg else math.nan
            put, call = book.legs.strike[c, leg]
            exercised = (final < put, final > call)
            seen.add(exercised)
            expected = abs(book.legs.units[c, leg]) * np.where(exercised, (put, call), 0.0)
            np.testing.assert_allclose(book.legs.delivered[c, leg], expected, rtol=1e-12)
    assert seen == {(True, False), (False, True), (False, False)}


def test_the_ledger_has_a_row_for_each_instrument_and_sums_to_the_daily_account():
    panel = small_market(21)
    for exits in (None, EarlyExit(stop=0.5)):
        result = backtest(
            panel, Constant(), structure=Strangle(DAYS), basket=AllMembers(), schedule=Weekly(), exits=exits
        )
        ledger, daily = result.ledger(), result.daily()
        per_leg = ledger.group_by("cohort", "leg").len()
        assert set(per_leg["len"]) == {2}
        assert set(ledger["instrument"]) == {"put", "call"}
        for column in ("pnl_gross", "cost", "pnl_net"):
            assert ledger[column].sum() == pytest.approx(daily[column].sum(), rel=1e-9)
        puts, calls = (ledger.filter(ledger["instrument"] == kind) for kind in ("put", "call"))
        assert (puts["strike"] < calls["strike"]).all()


@pytest.mark.parametrize("name", ALL)
def test_no_structure_earns_or_pays_anything_that_depends_on_later_days(name):
    panel = small_market(70, sessions=110)
    choices = {"costs": VolPoints(), "exits": EarlyExit(stop=1.0, target=1.0)}
    truth = run(panel, ALL[name], **choices)
    for t in (25, 52, 80):
        with np.errstate(all="ignore"):
            other = run(poisoned(panel, t), ALL[name], **choices)
        for part in ("pnl_gross", "option_cost", "hedge_cost"):
            np.testing.assert_array_equal(getattr(other, part)[:, : t + 1], getattr(truth, part)[:, : t + 1])
        assert (other.pnl_gross[:, t + 1 :] != truth.pnl_gross[:, t + 1 :]).any(), "the poison must reach later days"


@pytest.mark.parametrize("name", ALL)
def test_long_is_the_opposite_of_short_without_costs(name):
    panel = small_market(22)
    short, long = (run(panel, ALL[name], level) for level in (1.0, -1.0))
    np.testing.assert_array_equal(short.pnl_gross, -long.pnl_gross)
    assert short.summary()["cohorts"] > 5
    assert np.abs(short.pnl_gross).sum() > 1e4


@pytest.mark.parametrize("name", ALL)
def test_a_split_undone_in_the_data_changes_nothing(name):
    panel = small_market(23, missing=0.0)
    spot, factor = panel.spot.copy(), panel.strike_factor.copy()
    spot[30:, 0] /= 0.2
    factor[30, 0] = 1.0
    undone = replace(panel, spot=spot, strike_factor=factor, return_factor=factor.copy())
    restated, original = run(undone, ALL[name]), run(panel, ALL[name])
    scale = np.abs(original.pnl_gross).max()
    np.testing.assert_allclose(restated.pnl_gross, original.pnl_gross, rtol=0, atol=1e-9 * scale)
    ledger = original.ledger()
    assert 0.2 in ledger.filter(ledger["leg"] == "S0")["strike_factor"].to_list(), "a cohort must hold it through"


@pytest.mark.parametrize("name", ["strangle", "variance swap", "gamma swap", "volatility swap"])
def test_nothing_happens_to_a_leg_on_the_day_of_a_split_but_the_market(name):
    """The split day of a market that stands still earns what any quiet day does."""
    panel = small_market(24, events=False, missing=0.0)
    held = np.r_[0:30, 29, 31:90]
    still = panel.map_arrays(lambda field, array: array if field == "dates" else array[held])
    spot, factor = still.spot.copy(), still.strike_factor.copy()
    spot[30:, 0] *= 0.2
    factor[30, 0] = 0.2
    split = replace(still, spot=spot, strike_factor=factor, return_factor=factor.copy())
    quiet, with_split = (run(panel, STRUCTURES[name]).day(panel.dates[30]) for panel in (still, split))
    for part in PARTS:
        np.testing.assert_allclose(with_split[part], quiet[part], rtol=1e-9, atol=1e-6, err_msg=part)
    assert quiet["theta"].abs().sum() > 1e3


@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
def test_a_calendar_is_the_longer_straddle_sold_where_the_shorter_expires_less_the_shorter(listed):
    panel = small_market(31, sessions=140, listed=listed)
    panel = replace(panel, info=replace(panel.info, physical_delivery=True))
    entry = Weekly().entries(panel.dates, 1)
    near, far = (choose_contracts(panel, entry, Straddle(tenor)) for tenor in (DAYS, 60))
    # Where both find the same expiry there is nothing to trade.
    other = np.flatnonzero(near.expiry < far.expiry)
    near, far = near[other], far[other]
    near = near.until(np.where(np.arange(len(near)) % 4 == 0, 8, 99))
    far = replace(
        far, last=near.last, outcome=np.where(near.outcome == LegStatus.EXPIRED, LegStatus.EXITED, near.outcome)
    )

    def book(cohorts, structure):
        return build_book(panel, panel.weights, cohorts, Recipe(structure))

    both, long, short = book(near, CALENDAR), book(far, Straddle(60)), book(near, Straddle(DAYS))
    held = (both.legs.units != 0.0) & (long.legs.units != 0.0) & (short.legs.units != 0.0)
    assert held.sum() > 40
    assert {LegStatus.EXPIRED, LegStatus.EXITED, LegStatus.SETTLED} <= set(both.legs.status[held].tolist())
    np.testing.assert_allclose(
        both.legs.units[held] * (long.legs.vega - short.legs.vega)[held][:, 0],
        np.where(both.legs.name[held] < 0, -1.0, both.legs.units[held] * (both.legs.vega[held] @ [1.0, -1.0])),
        rtol=1e-9,
    )
    for name in ("strike", "iv", "value", "vega", "exit_value"):
        found = getattr(both.legs, name)[held]
        np.testing.assert_allclose(found[:, 0], getattr(long.legs, name)[held][:, 0], rtol=1e-9, err_msg=name)
        np.testing.assert_allclose(found[:, 1], getattr(short.legs, name)[held][:, 0], rtol=1e-9, err_msg=name)
    for name in ("pnl_option", "pnl_hedge", "financing", "vega_traded", "delivered", "hedge_traded"):
        units, sign = both.legs.units, 1.0 if name in ("vega_traded", "delivered", "hedge_traded") else -1.0
        per_unit = [
            getattr(b.legs, name)[held].reshape(held.sum(), -1)
            / (np.abs(b.legs.units[held]) if sign > 0 else b.legs.units[held])[:, None]
            for b in (long, short)
        ]
        size = np.abs(units[held]) if sign > 0 else units[held]
        found = getattr(both.legs, name)[held].reshape(held.sum(), -1)
        expected = np.concatenate([per_unit[0], sign * per_unit[1]], axis=1) * size[:, None]
        if name == "hedge_traded":  # of two expiries, with two forwards: not netted
            expected = expected.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9, err_msg=name)


def test_a_calendar_without_a_premium_earns_nothing_and_its_ledger_says_what_became_of_both():
    pnl = []
    for seed in range(2):
        settings = SyntheticMarket.no_premium(
            start="1963-01-02", years=60, names=20, tenors=(DAYS, 60), deltas=(10, 25, 50, 75, 90), dtype="float64"
        )
        panel, _ = synthetic_market(settings, seed=20 + seed)
        result = run(panel, CALENDAR, schedule=Monthly())
        settled = result.book.cohorts.settled & result.book.entered
        pnl.append(result.book.explain.sum(axis=(1, 2, 3))[settled])
    pnl = np.concatenate(pnl)
    error = pnl.std(ddof=1) / math.sqrt(len(pnl))
    assert len(pnl) > 1400
    assert abs(pnl.mean()) <= FURTHEST * error
    assert error < 0.2
    ledger = result.ledger()
    ended = {label: set(ledger.filter(ledger["instrument"] == label)["status"]) for label in set(ledger["instrument"])}
    assert ended == {"straddle": {"expired"}, "straddle 60d": {"exited"}}


def realised_variance(panel, cohorts, c, name, weighted=False):
    """Squared returns of a leg from its entry to its end, a year, by a loop over its days."""
    total = 0.0
    price = panel.index_spot if name < 0 else panel.spot[:, name]
    carry = panel.index_carry if name < 0 else panel.carry[:, name]

    def forward(t):
        return price[t] * math.exp(carry[t] * max(days_between(cohorts.expiry[c], panel.dates[t]), 0) / 365.0)

    for t in range(cohorts.entry[c] + 1, cohorts.last[c] + 1):
        factor = 1.0 if name < 0 else panel.return_factor[t, name]
        weight = forward(t) / forward(cohorts.entry[c]) if weighted else 1.0
        total += weight * math.log(price[t] / (price[t - 1] * factor)) ** 2
    return total / (days_between(cohorts.expiry[c], panel.dates[cohorts.entry[c]]) / 365.0)


def swap_payoffs(panel, cohorts, c, name, strike, cap, structure=None):
    """What a swap pays at its end."""
    variance = realised_variance(panel, cohorts, c, name, isinstance(structure, GammaSwap))
    if isinstance(structure, VolatilitySwap):
        return min(math.sqrt(variance), cap * strike) - strike
    return (min(variance, (cap * strike) ** 2) - strike**2) / (2.0 * strike)


@pytest.mark.parametrize("structure", [of(DAYS, cap=1.2) for of in (VarianceSwap, GammaSwap, VolatilitySwap)])
def test_a_swap_held_to_expiry_pays_what_was_realised_less_what_was_implied(structure):
    weighted, of_volatility = isinstance(structure, GammaSwap), isinstance(structure, VolatilitySwap)
    panel = small_market(25, sessions=120, events=False, missing=0.0)
    # The last close is not the expiry's where that is on a weekend: forwards that are spots settle it all the same.
    panel = replace(panel, rate=np.zeros(120), index_carry=np.zeros(120), carry=np.zeros_like(panel.carry))
    book = run(panel, structure).book
    capped = compared = 0
    for c in np.flatnonzero(book.cohorts.settled & book.entered):
        for leg in np.flatnonzero(book.legs.units[c]):
            n, cap = (-1, math.inf) if leg == 0 else (int(book.legs.name[c, leg]), 1.2)
            strike = book.legs.strike[c, leg, 0]
            pays = swap_payoffs(panel, book.cohorts, c, n, strike, cap, structure)
            capped += pays == pytest.approx(0.2 * strike if of_volatility else (1.44 - 1.0) * strike / 2.0)
            compared += 1
            assert book.legs.exit_value[c, leg, 0] == pytest.approx(pays, rel=1e-11, abs=1e-14)
            earned = book.legs.units[c, leg] * pays
            assert book.legs.pnl_option[c, leg, 0] == pytest.approx(earned, rel=1e-9, abs=1e-11)
            assert book.legs.vega[c, leg, 0] == pytest.approx(0.01 * (SAMPLED if of_volatility else 1.0), rel=1e-12)
            smile = panel.index_iv[book.cohorts.entry[c]] if n < 0 else panel.component_iv[book.cohorts.entry[c], n]
            smiles = smile[:2].astype(float)
            if of_volatility:
                low, high = zero_vanna_vol(smiles, panel.deltas, DAYS / 365) * SAMPLED
            else:
                low, high = model_free_vol(smiles, panel.deltas, DAYS / 365, weighted=weighted)
            assert min(low, high) * 0.999 <= strike <= max(low, high) * 1.001
    assert compared > 70
    assert 0 < capped < compared
    assert not book.legs.value[book.legs.units != 0.0].any(), "nothing is paid at entry"


@pytest.mark.parametrize("structure", [VarianceSwap(DAYS), GammaSwap(DAYS), VolatilitySwap(DAYS)])
def test_a_swap_is_not_entered_without_a_price_to_take_returns_from(structure):
    panel = small_market(71, sessions=110, events=False, missing=0.0, listed=True)
    spot = panel.spot.copy()
    spot[20:24, 1] = np.nan  # its options are quoted, and their forward
    result = run(replace(panel, spot=spot), structure)
    assert np.isfinite(result.pnl_gross).all()
    legs, entry = result.book.legs, result.book.cohorts.entry
    lacks = np.isin(entry, range(20, 24)) & result.book.entered
    assert lacks.any()
    assert not legs.units[lacks][legs.name[lacks] == 1].any()


def test_a_variance_swap_has_no_delta_and_its_squared_returns_are_gamma():
    panel = small_market(26, events=False, missing=0.0)
    flat = replace(
        panel,
        index_iv=np.full_like(panel.index_iv, 0.19, dtype=float),
        component_iv=np.full_like(panel.component_iv, 0.19, dtype=float),
        rate=np.zeros(90),
    )
    book = run(flat, VarianceSwap(DAYS)).book
    parts = dict(zip(PARTS, np.moveaxis(book.explain, -1, 0), strict=True))
    for nothing in ("delta", "hedge", "vega", "vanna_volga", "financing", "unexplained"):
        np.testing.assert_allclose(parts[nothing], 0.0, atol=1e-11, err_msg=nothing)
    c = int(np.flatnonzero(book.entered)[0])
    entry, units = book.cohorts.entry[c], book.legs.units[c, 0]
    move = math.log(panel.index_spot[entry + 1] / panel.index_spot[entry])
    per_variance = units / (2.0 * 0.19 * DAYS / 365.0)
    assert parts["gamma"][c, 1, 0] == pytest.approx(per_variance * move**2, rel=1e-9)
    assert parts["theta"][c, 1, 0] == pytest.approx(-per_variance * 0.19**2 / 365.0, rel=1e-9)


def test_a_theta_flat_variance_book_earns_the_spread_of_correlations_and_nothing_else():
    """P&L = (implied - realised variance ratio) x sum w RV, in units of the index's variance notional."""
    panel = small_market(27, sessions=150, events=False, missing=0.0)
    panel = replace(panel, rate=np.zeros(150))
    book = run(panel, VarianceSwap(DAYS, cap=1e3), sizing=VarianceTheta()).book
    compared = 0
    for c in np.flatnonzero(book.cohorts.settled & book.entered):
        legs = np.flatnonzero(book.legs.units[c])
        weight = panel.weights[book.cohorts.entry[c]][book.legs.name[c, legs[1:]]]
        strike = book.legs.strike[c, legs, 0]
        gain = np.array(
            [
                2.0 * k * swap_payoffs(panel, book.cohorts, c, int(n), k, math.inf)
                for n, k in zip(book.legs.name[c, legs], strike, strict=True)
            ]
        )
        realised = gain + strike**2
        implied_ratio = strike[0] ** 2 / (weight @ strike[1:] ** 2)
        realised_ratio = realised[0] / (weight @ realised[1:])
        notional = -book.legs.units[c, 0] / (2.0 * strike[0])
        expected = notional * (implied_ratio - realised_ratio) * (weight @ realised[1:])
        assert book.explain[c].sum() == pytest.approx(expected, rel=1e-9, abs=1e-11)
        np.testing.assert_allclose(
            book.legs.units[c, legs[1:]] / (2.0 * strike[1:]), notional * implied_ratio * weight, rtol=1e-12
        )
        compared += 1
    assert compared > 15


WORLDS = 4
PREMIA = {"correlation_premium": 0.08, "vol_premium": 0.04}
SEEDS = {"fair": range(WORLDS), "planted": range(10, 10 + WORLDS)}
# Of as many means as are tested, one is further than this many errors from its expectation once in a hundred times.
FURTHEST = NormalDist().inv_cdf(1.0 - 0.01 / (2 * 2 * len(STRUCTURES)))


@functools.cache
def world(seed: int, planted: bool):
    settings = SyntheticMarket.no_premium(
        start="1963-01-02", years=60, names=20, tenors=(DAYS,), deltas=(10, 25, 50, 75, 90), dtype="float64"
    )
    return synthetic_market(settings, seed=seed, **(PREMIA if planted else {}))


def per_cohort(name, seed, planted):
    panel, truth = world(seed, planted)
    result = backtest(
        panel,
        ShortCorrelation(),
        basket=AllMembers(),
        structure=STRUCTURES[name],
        schedule=Monthly(),
        costs=NoCosts(),
    )
    settled = result.book.cohorts.settled & result.book.entered
    return result.book.explain.sum(axis=(1, 2, 3))[settled], expected(truth, result)[settled]


def expected(truth, result):
    """Closed form: each instrument is worth, at entry, its price at fair volatility less the price paid."""
    legs, entry = result.book.legs, result.book.cohorts.entry
    names = np.maximum(legs.name, 0)
    index = truth.fair_index_variance[entry, 0][:, None]
    variance = np.where(legs.name < 0, index, truth.fair_variance[entry[:, None], names, 0])
    structure, gain = result.book.recipe.structure, 0.0
    for leg_class, instruments in enumerate((structure.index, structure.members)):
        here = slice(0, 1) if leg_class == 0 else slice(1, None)
        for i, instrument in enumerate(instruments):
            strike, value = legs.strike[:, here, i], legs.value[:, here, i]
            if instrument.kind == Kind.VOLATILITY:
                worth = np.sqrt(variance[:, here]) * SAMPLED - strike
            elif instrument.kind in SWAPS:
                worth = (variance[:, here] - strike**2) / (2.0 * strike)
            else:
                fair = np.sqrt(variance[:, here])
                worth = option(instrument.kind, legs.forward[:, here], strike, fair, DAYS / 365.0).value
            gain = gain + (legs.units[:, here] * (worth - value)).sum(axis=1)
    return gain


@pytest.mark.parametrize("planted", [False, True], ids=["fair", "planted"])
@pytest.mark.parametrize("name", STRUCTURES)
def test_a_structure_earns_what_is_planted_and_nothing_where_nothing_is(name, planted):
    pairs = [per_cohort(name, seed, planted) for seed in SEEDS["planted" if planted else "fair"]]
    pnl, theory = (np.concatenate(columns) for columns in zip(*pairs, strict=True))
    error = (pnl - theory).std(ddof=1) / math.sqrt(len(pnl))
    assert error <= 0.06 if name == "put against call" else error <= 0.05
    assert abs((pnl - theory).mean()) <= FURTHEST * error
    if planted:
        assert theory.mean() > 5.0 * error, "the premium must stand out of the noise"
    else:
        np.testing.assert_allclose(theory, 0.0, atol=1e-9)


@pytest.mark.parametrize("planted", [False, True], ids=["fair", "planted"])
def test_a_correlation_swap_earns_what_is_planted_and_nothing_where_nothing_is(planted):
    """In correlation points; realised correlations are known to 9 points in 20 closes, so the error is one of .17."""
    pnl, theory = [], []
    for seed in SEEDS["planted" if planted else "fair"]:
        panel, truth = world(seed, planted)
        book = run(panel, CorrelationSwap(DAYS), schedule=Monthly()).book
        settled = book.cohorts.settled & book.entered
        entry, weights = book.cohorts.entry[settled], book.legs.units[settled, 1:]
        index = np.sqrt(truth.fair_index_variance[entry, 0])[:, None]
        members = np.sqrt(truth.fair_variance[entry[:, None], book.legs.name[settled, 1:], 0])
        fair = implied_correlation(index, members[:, :, None], weights).clean[:, 0]
        fair = fair - fair * (1.0 - fair**2) / (2.0 * 252 * DAYS / 365.0)
        pnl.append(book.explain.sum(axis=(1, 2, 3))[settled])
        theory.append(100.0 * (book.legs.strike[settled, 0, 0] - fair))
    pnl, theory = np.concatenate(pnl), np.concatenate(theory)
    error = (pnl - theory).std(ddof=1) / math.sqrt(len(pnl))
    assert error <= 0.18
    assert abs((pnl - theory).mean()) <= FURTHEST * error
    if planted:
        assert theory.mean() > 5.0 * error
    else:
        np.testing.assert_allclose(theory, 0.0, atol=1e-9)


def test_what_has_nothing_to_balance_is_refused_and_not_held_at_size_zero():
    panel = small_market(72)
    for structure, sizing in ((VolatilitySwap(DAYS), PremiumNeutral()), (ForwardStart(DAYS, start=14), GammaNeutral())):
        with pytest.raises(InputError, match=f"{type(sizing).__name__} has no size for"):
            run(panel, structure, sizing=sizing)


def test_a_leg_of_too_many_instruments_or_sized_by_what_it_has_not_is_refused():
    panel = small_market(28)
    five = (Instrument(Kind.CALL),) * 5
    for members, words in ((five, "has 5 instruments; a leg is made of 1 to 4"), ((), "has 0 instruments")):
        own = type("Own", (), {"tenor": 28, "min_days": 7, "min_coverage": 0.8, "index": five[:1], "members": members})
        with pytest.raises(InputError, match=rf"Own\.members {words}"):
            run(panel, own())
    for far_tenor in (DAYS, 7):
        with pytest.raises(InputError, match=rf"instruments of {far_tenor} days .* more than the structure's 28"):
            run(panel, Calendar(DAYS, far_tenor=far_tenor))
    with pytest.raises(InputError, match=r"VarianceTheta sizes variance only, and Strangle\.index holds call and put"):
        run(panel, Strangle(DAYS), sizing=VarianceTheta())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Strangle(delta=50.0), "structure.delta=50.0 is no delta in percent above 0 and below 50"),
        (lambda: Strangle(width=5.0), "structure.width=5.0 is no share of the forward"),
        (lambda: SingleOption(member_kind="both"), "structure.member_kind=both is unknown; choose call or put"),
        (lambda: SingleOption(moneyness=0.0), "structure.moneyness=0.0 is no multiple of the forward"),
        (lambda: VarianceSwap(cap=1.0), "structure.cap=1.0 is no multiple of the strike above 1"),
        (lambda: VarianceSwap(cap=math.inf), "structure.cap=inf"),
        (lambda: VarianceSwap(tenor=0), "structure.tenor=0"),
    ],
)
def test_what_cannot_be_traded_is_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()
