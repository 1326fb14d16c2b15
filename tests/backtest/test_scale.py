"""How large cohorts are: caps and budgets are hit exactly, three margins by hand, and nothing later is known."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.backtest import (
    AbstractStrategy,
    DailyDelta,
    DeskCosts,
    EarlyExit,
    GammaSwap,
    IndexVega,
    MarginScale,
    NoHedge,
    PremiumScale,
    Straddle,
    Strangle,
    StressCap,
    VarianceSwap,
    VegaNeutral,
    VegaOfNav,
    VolatilityTarget,
    VolPoints,
    Weekly,
    backtest,
)
from engine.backtest.batch import stack
from engine.backtest.risk.margin import INDEX_MOVES, STOCK_MOVES, requirement
from engine.backtest.risk.stresses import Shock, shocked
from engine.correlation import AllMembers
from engine.errors import InputError
from engine.pricing import straddle
from engine.testing import poisoned, small_market
from strategies.short_correlation import ShortCorrelation

SCALES = {
    "premium": PremiumScale(premium=5e6),
    "vega of nav": VegaOfNav(nav=5e6, share=0.01),
    "volatility target": VolatilityTarget(target=1e6, window=10),
    "stress cap": StressCap(loss=1e5),
    "margin": MarginScale(margin=3e6),
}


class LongThenShort(AbstractStrategy):
    """Four weeks short correlation, two weeks long by a half."""

    def exposure(self, market):
        return np.where(np.arange(len(market.dates)) % 30 < 20, 1.0, -0.5)


def run(panel, scale=None, strategy=None, **choices):
    choices = {"basket": AllMembers(), "structure": Straddle(25), "schedule": Weekly()} | choices
    return backtest(panel, strategy or ShortCorrelation(), scale=scale, **choices)


def test_the_index_vega_as_it_is_changes_no_bit():
    panel = small_market(120)
    np.testing.assert_array_equal(run(panel, IndexVega()).pnl_net, run(panel).pnl_net)


@pytest.mark.parametrize("structure", [Straddle(25), Strangle(25)], ids=["straddle", "strangle"])
def test_every_cohort_has_the_premium_asked_for(structure):
    result = run(small_market(121), SCALES["premium"], LongThenShort(), structure=structure)
    premium = result.ledger().group_by("cohort").agg(premium=pl.col("premium").abs().sum()).sort("cohort")
    asked = np.abs(LongThenShort().exposure(result.view)[result.book.cohorts.entry - 1])[premium["cohort"].to_numpy()]
    np.testing.assert_allclose(premium["premium"].to_numpy(), 5e6 * asked, rtol=1e-12)


def losses(result, shocks, p=0):
    """Worst loss of each cohort at its entry, hedge included, in currency, straddle by straddle."""
    panel, book, legs = result.market, result.book, result.book.legs
    worst = np.zeros(len(book.cohorts))
    for c in np.flatnonzero(book.entered):
        t = book.cohorts.entry[c]
        years = (book.cohorts.expiry[c] - panel.dates[t]).astype(int) / 365
        pnl = np.zeros(len(shocks))
        for leg in np.flatnonzero(legs.units[c]):
            forward, strike, iv = legs.forward[c, leg], legs.strike[c, leg, 0], legs.iv[c, leg, 0]
            now = straddle(forward, strike, iv, years, panel.rate[t])
            held = float(now.delta) if result.book.recipe.hedge.ratio else 0.0
            for s, shock in enumerate(shocks):
                move, vol = (shock.index, shock.index_vol) if leg == 0 else (shock.members, shock.member_vol)
                then = straddle(forward * (1 + move), strike, iv * (1 + vol), years, panel.rate[t])
                pnl[s] += legs.units[c, leg] * (float(then.value - now.value) - held * forward * move)
        size = result.entry_exposure[p, c] * result.vega_per_cohort(p)
        worst[c] = -(size * pnl).min()
    return worst


@pytest.mark.parametrize("hedge", [DailyDelta(), NoHedge()], ids=["hedged", "not hedged"])
def test_a_stress_cap_is_hit_exactly_where_it_binds_and_changes_nothing_elsewhere(hedge):
    panel, cap = small_market(122), StressCap(loss=3e5, spot=0.1, index_vol=0.4, member_vol=0.3)
    free, capped = (run(panel, s, LongThenShort(), hedge=hedge) for s in (None, cap))
    shocks = {side: [Shock(m, m, side * 0.4, side * 0.3) for m in (0.1, -0.1)] for side in (1, -1)}
    before = np.where(free.entry_exposure[0] < 0, losses(free, shocks[-1]), losses(free, shocks[1]))
    after = np.where(free.entry_exposure[0] < 0, losses(capped, shocks[-1]), losses(capped, shocks[1]))
    full = np.abs(np.where(free.entry_exposure[0] != 0, free.entry_exposure[0], 1.0))
    bound = before / full > 3e5
    assert 2 < bound.sum() < free.book.entered.sum()
    np.testing.assert_allclose(after[bound], 3e5 * full[bound], rtol=1e-9)
    np.testing.assert_array_equal(capped.entry_exposure[0][~bound], free.entry_exposure[0][~bound])


@pytest.mark.parametrize("hedge", [DailyDelta(), NoHedge()], ids=["hedged", "not hedged"])
def test_every_cohort_needs_the_margin_asked_for(hedge):
    panel = small_market(123)
    result = run(panel, MarginScale(margin=3e6, add_on=0.25), LongThenShort(), hedge=hedge)
    moves = [Shock(float(i), float(m)) for i, m in zip(INDEX_MOVES, STOCK_MOVES, strict=True)]
    found = shocked(panel, result.book, moves)
    asked = LongThenShort().exposure(result.view)[result.book.cohorts.entry - 1]
    for c in np.flatnonzero(result.book.entered):
        needed = 1.25 * requirement(found, np.sign(asked[c]))[c] * abs(result.entry_exposure[0, c]) * 100_000.0
        assert needed == pytest.approx(3e6 * abs(asked[c]), rel=1e-9)


def without_volatility(names, index=4000.0, stock=100.0):
    """A market at rest whose options are worth next to nothing: what they lose is the move."""
    panel = small_market(0, names=max(names, 4), missing=0.0, events=False)
    flat = {name: np.full_like(getattr(panel, name), 1e-4) for name in ("index_iv", "component_iv")}
    calm = {"rate": np.zeros(len(panel)), "index_carry": np.zeros(len(panel)), "carry": np.zeros(panel.spot.shape)}
    weights = np.zeros(panel.weights.shape)
    weights[:, :names] = 1.0 / names
    spot = {"spot": np.full(panel.spot.shape, stock), "index_spot": np.full(len(panel), index), "weights": weights}
    return replace(panel, **flat, **calm, **spot, validate=False)


# A straddle struck at the forward S of a volatility of .01 % has, by .797885 S sqrt(T), a vega of 8.3530 on an index at
# 4000 and .20882 on a stock at 100, T = 25 / 365: 1 of currency per vol point is .119718 and 4.78875 straddles. It is
# worth .0835 and .0021.
INDEX_UNITS, STOCK_UNITS = (1.0 / (0.01 * 0.7978846 * spot * np.sqrt(25.0 / 365.0)) for spot in (4000.0, 100.0))


@pytest.mark.parametrize(
    ("exposure", "hedge", "names", "by_hand"),
    [
        # Short the index: 8 % down a straddle loses 320, less the .0835 it was sold for. The members gain at any of the
        # ten prices and need 37.50 for each of two contracts of 100 shares, .75 a straddle. The house adds a quarter.
        (1.0, NoHedge(), 2, 1.25 * ((320.0 - 0.0835) * INDEX_UNITS + 0.75 * STOCK_UNITS)),
        # Hedged: the delta of a straddle struck at the forward is next to nothing, .00001.
        (1.0, DailyDelta(), 4, 1.25 * ((320.0 - 0.0835) * INDEX_UNITS + 0.75 * STOCK_UNITS)),
        # Long the index, short stocks: each loses 15 a straddle, less .0021; the index needs its least, .75 a straddle.
        (-1.0, NoHedge(), 4, 1.25 * (0.75 * INDEX_UNITS + (15.0 - 0.0021) * STOCK_UNITS)),
    ],
    ids=["short index", "hedged", "long index"],
)
def test_three_books_need_the_margin_that_is_worked_out_by_hand_to_the_dollar(exposure, hedge, names, by_hand):
    panel = without_volatility(names)

    class Always(AbstractStrategy):
        def exposure(self, market):
            return np.full(len(market.dates), exposure)

    sizing, margin = VegaNeutral(1000.0), MarginScale(margin=1e6, add_on=0.25)
    result = run(panel, margin, Always(), hedge=hedge, sizing=sizing)
    assert result.book.entered[0]
    needed = 1e6 / abs(result.entry_exposure[0, 0])  # of an index vega of 1000
    assert needed == pytest.approx(1000.0 * by_hand, abs=1.0)  # to the dollar


def test_vega_follows_what_was_made_with_a_lag():
    panel, scale = small_market(124), VegaOfNav(nav=4e6, share=0.02)
    for exits in (None, EarlyExit(days_left=9)):
        for costs in (VolPoints(), DeskCosts()):
            result = run(panel, scale, LongThenShort(), exits=exits, costs=costs, lag=2)
            asked = LongThenShort().exposure(result.view)
            for c in np.flatnonzero(result.book.entered):
                t = result.book.cohorts.entry[c]
                nav = 4e6 + result.pnl_net[0, : t - 2 + 1].sum()
                expected = asked[t - 2] * max(0.02 * nav, 0.0) / 100_000.0
                assert result.entry_exposure[0, c] == pytest.approx(expected, rel=1e-9)


def test_where_nothing_is_left_nothing_is_traded():
    result = run(small_market(124), VegaOfNav(nav=1.0, share=1e6), costs=VolPoints(component=50.0))
    assert (result.entry_exposure[0] > 0.0).any()
    late = result.book.cohorts.entry > 30
    assert not result.entry_exposure[0][late].any()


def test_a_volatility_target_divides_by_what_was_seen():
    panel, scale = small_market(125), SCALES["volatility target"]
    unscaled, result = run(panel), run(panel, scale)
    for c in np.flatnonzero(result.book.entered):
        t = result.book.cohorts.entry[c]
        past = unscaled.pnl_net[0, max(t - 10, 0) : t]
        expected = 1e6 / (np.sqrt(252) * past.std()) if len(past) == 10 and past.std() else 0.0
        assert result.entry_exposure[0, c] == pytest.approx(expected, rel=1e-9)
    capped = run(panel, replace(scale, most=0.3))
    np.testing.assert_array_equal(capped.entry_exposure, np.minimum(result.entry_exposure, 0.3))


@pytest.mark.parametrize("rule", SCALES)
def test_a_scale_knows_no_later_day(rule):
    panel = small_market(126, sessions=110)
    truth = run(panel, SCALES[rule], LongThenShort())
    for t in (30, 60, 80):
        with np.errstate(all="ignore"):
            other = run(poisoned(panel, t), SCALES[rule], LongThenShort())
        np.testing.assert_array_equal(other.pnl_gross[:, : t + 1], truth.pnl_gross[:, : t + 1])
        assert (other.pnl_gross[:, t + 1 :] != truth.pnl_gross[:, t + 1 :]).any()


@pytest.mark.parametrize("rule", SCALES)
def test_scales_batch_bit_for_bit(rule):
    panel, scale = small_market(127), SCALES[rule]
    name = next(iter(scale.__dataclass_fields__))
    sets = [replace(scale, **{name: k * getattr(scale, name)}) for k in (0.5, 1.0, 2.0)]
    sizing, costs = [VegaNeutral(1e5 * (i + 1)) for i in range(3)], [VolPoints(component=0.2 * i) for i in range(3)]
    together = run(panel, stack(sets), LongThenShort(), sizing=stack(sizing), costs=stack(costs))
    for p in range(3):
        alone = run(panel, sets[p], LongThenShort(), sizing=sizing[p], costs=costs[p])
        np.testing.assert_array_equal(together.entry_exposure[p], alone.entry_exposure[0])
        np.testing.assert_array_equal(together.pnl_net[p], alone.pnl_net[0])
        assert together.summary(p) == pytest.approx(alone.summary(), rel=0, abs=0, nan_ok=True)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: PremiumScale(premium=-1.0), r"PremiumScale\.premium=-1\.0 is below 0"),
        (lambda: StressCap(spot=1.5), r"scale\.spot, scale\.index_vol and scale\.member_vol are shares below 1"),
        (lambda: VolatilityTarget(window=1), r"scale\.window=1 is below 2"),
        (lambda: MarginScale(add_on=-0.1), r"MarginScale\.add_on=-0\.1 is below 0"),
    ],
)
def test_a_scale_that_cannot_be_is_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()


@pytest.mark.parametrize("move", [0.1, -0.1])
def test_the_square_of_a_jump_is_realised_by_a_variance_swap_and_asked_margin_for(move):
    """Short a vol point of vega: - 100 ln(1 + m)^2 / (2 s T), whatever the rate."""
    market = small_market(9, events=False, missing=0.0)
    book = backtest(market, ShortCorrelation(), structure=VarianceSwap(28)).book
    found = shocked(market, book, [Shock(move, move)])
    years = (book.cohorts.expiry - market.dates[book.cohorts.entry]).astype(float) / 365.0
    expected = -100.0 * np.log1p(move) ** 2 / (2.0 * book.legs.iv[:, 0, 0] * years)
    np.testing.assert_allclose(found.pnl[:, 0, 0], expected, rtol=1e-9)  # iv is read from a stored float32 smile
    scaled = backtest(market, ShortCorrelation(), structure=GammaSwap(28), scale=MarginScale())
    assert 0.0 < scaled.entry_exposure.max() < 100.0  # a gamma swap's margin was a rounding before
