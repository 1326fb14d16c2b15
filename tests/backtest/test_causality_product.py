"""Poison the future of every strategy x schedule x sizing x basket: nothing up to a day may move by a bit."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from engine.backtest import (
    AbstractStrategy,
    BetaNeutral,
    CorrelationWeighted,
    DailyLadder,
    DeskCosts,
    GammaNeutral,
    HoldToExpiry,
    MarketView,
    MinimumVariance,
    Monthly,
    OnDates,
    ParallelVolNeutral,
    PremiumNeutral,
    ProportionalVolNeutral,
    Roll,
    Straddle,
    ThetaNeutral,
    VarianceSwap,
    VarianceTheta,
    VegaNeutral,
    VolPoints,
    Weekly,
)
from engine.backtest.cohorts.recipe import Recipe
from engine.backtest.simulate import decide, open_book, simulate
from engine.correlation import AllMembers, Liquid, Names, OwnWeights, SectorBalanced, TopWeights, Tracking
from engine.data.synthetic import SyntheticMarket, synthetic_market
from engine.errors import InputError
from engine.testing import poisoned
from strategies.correlation_premium import CorrelationPremium
from strategies.correlation_skew import CorrelationSkew
from strategies.dear_correlation import DearCorrelation
from strategies.earnings_dispersion import EarningsDispersion
from strategies.external_signal import ExternalSignal
from strategies.regime_filtered import RegimeFiltered
from strategies.reverse_dispersion import ReverseDispersion
from strategies.rich_correlation import RichCorrelation
from strategies.sector_dispersion import SectorDispersion
from strategies.short_correlation import ShortCorrelation
from strategies.term_structure import TermStructure
from strategies.variance_dispersion import VarianceDispersion

DAYS = (150, 260)  # after which the future is changed, of 300 sessions; all windows are full by the first
SIZINGS = (
    *(VegaNeutral(), ThetaNeutral(), GammaNeutral(), PremiumNeutral(), ProportionalVolNeutral()),
    *(ParallelVolNeutral(), CorrelationWeighted(), BetaNeutral(window=40), MinimumVariance(window=40)),
    VarianceTheta(),
)
ROWS = ("pnl_gross", "option_cost", "hedge_cost")


@pytest.fixture(scope="module")
def market():
    return synthetic_market(SyntheticMarket(years=1.2, names=8, seed=5))[0]


@pytest.fixture(scope="module")
def files(market, tmp_path_factory):
    """A signal, earnings and weights of a user's own, known on their dates."""
    folder, rng = tmp_path_factory.mktemp("own"), np.random.default_rng(2)
    dates = [str(day) for day in market.dates]
    pl.DataFrame({"date": dates, "fear": 2.0 * rng.standard_normal(len(dates))}).write_csv(folder / "signal.csv")
    reports = [
        (str(day), str(name), str(day - np.timedelta64(40, "D")))
        for day in market.dates[30::63]
        for name in market.names
    ]
    pl.DataFrame(reports, schema=["date", "ticker", "known"], orient="row").write_csv(folder / "earnings.csv")
    shares = rng.dirichlet(np.full(5, 20.0), size=3)
    own = [
        (dates[t], str(name), share)
        for t, row in zip((0, 90, 200), shares, strict=True)
        for name, share in zip(market.names[:5], row, strict=True)
    ]
    pl.DataFrame(own, schema=["date", "ticker", "weight"], orient="row").write_csv(folder / "weights.csv")
    return folder


@pytest.fixture(scope="module")
def strategies(files):
    return (
        *(ShortCorrelation(), RichCorrelation(window=40, enter=0.3, leave=-0.3), CorrelationPremium(enter=0.0)),
        *(TermStructure(), CorrelationSkew(window=40), ReverseDispersion(window=40), SectorDispersion(window=40)),
        *(VarianceDispersion(enter=-0.02, leave=-0.05), RegimeFiltered(window=40), DearCorrelation(least=40)),
        EarningsDispersion(file=str(files / "earnings.csv")),
        ExternalSignal(file=str(files / "signal.csv"), column="fear", enter=0.5, leave=-0.5),
    )


@dataclass(frozen=True, eq=False)
class Told(AbstractStrategy):
    """What another strategy asked for, so that it is asked once for all schedules and sizings."""

    asked: np.ndarray

    def exposure(self, market):
        """Return it."""
        return self.asked


@pytest.fixture(scope="module")
def worlds(market):
    """The market, and twice the same one with another future."""
    with np.errstate(all="ignore"):
        return [market, *(poisoned(market, t) for t in DAYS)]


@pytest.fixture(scope="module")
def schedules(market):
    own = tuple(str(day) for day in market.dates[[70, 110, 111, 180, 230, 270]])
    return (Monthly(), Weekly(), DailyLadder(5), OnDates(own), Roll(days=5, band=0.03))


BASKETS = {
    "all": lambda files: AllMembers(),
    "top": lambda files: TopWeights(4),
    "names": lambda files: Names(("SYN01", "SYN03", "SYN05")),
    "liquid": lambda files: Liquid(4, window=10),
    "sector_balanced": lambda files: SectorBalanced(1),
    "tracking": lambda files: Tracking(4, window=40),
    "pca": lambda files: Tracking(6, window=40, by="pca", components=2),
    "own_weights": lambda files: OwnWeights(str(files / "weights.csv")),
}


@pytest.mark.parametrize("basket", BASKETS.values(), ids=BASKETS)
def test_no_strategy_schedule_sizing_or_basket_knows_later_days(basket, files, strategies, schedules, worlds):
    traded, moved = set(), set()
    with np.errstate(all="ignore"):
        views = [MarketView(world, basket(files)) for world in worlds]
        told = [[Told(strategy.exposure(view)) for strategy in strategies] for view in views]
        for schedule in schedules:
            for i, sizing in enumerate(SIZINGS):
                costs = (VolPoints(), DeskCosts())[i % 2]
                structure = VarianceSwap() if isinstance(sizing, VarianceTheta) else Straddle()
                recipe = Recipe(structure, sizing, detailed=isinstance(costs, DeskCosts))
                books = [open_book(view, schedule, recipe, 1) for view in views]
                for s, strategy in enumerate(strategies):
                    truth, *others = (
                        simulate(view, book, decide(asked[s], HoldToExpiry(), view, book, 1), 1e5, costs)
                        for view, book, asked in zip(views, books, told, strict=True)
                    )
                    for t, other in zip(DAYS, others, strict=True):
                        for name in ROWS:
                            before, after = (getattr(result, name)[0, : t + 1] for result in (truth, other))
                            assert np.array_equal(before, after), (schedule, sizing, strategy, name, t)
                        if (truth.pnl_gross[0, : t + 1] != 0.0).any():
                            traded.add(s)
                        moved.add((truth.pnl_gross[0, t + 1 :] != other.pnl_gross[0, t + 1 :]).any() and (s, t))
    assert len(traded) == len(strategies), "each strategy must trade for the test to mean anything"
    assert {(s, DAYS[0]) for s in traded} <= moved, "the poison must reach the days after"


def test_a_sizing_that_would_sell_members_on_every_date_is_named(worlds, schedules):
    view = MarketView(worlds[1], Tracking(4, window=40, by="pca", components=2))
    with pytest.raises(InputError, match="CorrelationWeighted has no size for tracking4"):
        open_book(view, schedules[3], Recipe(sizing=CorrelationWeighted()), 1)
