"""What a user may supply of his own: what is built in offers it, and a class that offers it is all a backtest needs."""

from dataclasses import dataclass

import numpy as np
import pytest

from engine.backtest import (
    AtForward,
    BidAsk,
    Calendar,
    CorrelationSwap,
    Costs,
    DailyDelta,
    DailyLadder,
    DeltaBand,
    DeltaNeutralStraddle,
    DeskCosts,
    EarlyExit,
    EveryDays,
    Exits,
    ForwardStart,
    GammaSwap,
    Hedge,
    HoldToExpiry,
    IndexBeta,
    IndexVega,
    Instrument,
    Kind,
    MarginScale,
    Monthly,
    NextEntry,
    NoCosts,
    NoHedge,
    OnDates,
    PremiumScale,
    Roll,
    Scale,
    Schedule,
    ShortestTenor,
    SingleOption,
    Straddle,
    Strangle,
    StressCap,
    Structure,
    VarianceSwap,
    VegaOfNav,
    VolatilitySwap,
    VolatilityTarget,
    VolPoints,
    Weekly,
    WhalleyWilmott,
    backtest,
)
from engine.correlation import AllMembers, Basket, Liquid, Names, OwnWeights, SectorBalanced, TopWeights, Tracking
from engine.testing import small_market
from strategies.short_correlation import ShortCorrelation

BUILT_IN = {
    Basket: (TopWeights(), AllMembers(), Names(("AAA",)), Liquid(), SectorBalanced(), Tracking(), OwnWeights()),
    Structure: (
        Straddle(),
        DeltaNeutralStraddle(),
        Strangle(),
        SingleOption(),
        VarianceSwap(),
        GammaSwap(),
        VolatilitySwap(),
        CorrelationSwap(),
        ForwardStart(),
        Calendar(),
    ),
    Schedule: (Monthly(), Weekly(), DailyLadder(), OnDates(), Roll()),
    Exits: (HoldToExpiry(), EarlyExit(), ShortestTenor(), NextEntry()),
    Scale: (IndexVega(), PremiumScale(), VegaOfNav(), VolatilityTarget(), StressCap(), MarginScale()),
    Hedge: (DailyDelta(), NoHedge(), EveryDays(), DeltaBand(), WhalleyWilmott(), IndexBeta()),
    Costs: (VolPoints(), NoCosts(), DeskCosts(), BidAsk()),
}


@pytest.mark.parametrize("protocol", BUILT_IN, ids=lambda protocol: protocol.__name__)
def test_what_is_built_in_offers_what_is_asked_of_a_class_of_ones_own(protocol):
    for built_in in BUILT_IN[protocol]:
        assert isinstance(built_in, protocol)
        assert not isinstance(ShortCorrelation(), protocol)


@dataclass(frozen=True)
class FirstTwo:
    label = "first two"

    def select(self, weights, names):
        chosen = np.where(np.arange(len(names)) < 2, weights, 0.0)
        return chosen / chosen.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Listed:
    tenor: int = 25
    min_days: int = 7
    min_coverage: float = 0.5
    index = members = (Instrument(Kind.PUT, AtForward(0.97)), Instrument(Kind.CALL, AtForward(1.03), ratio=2.0))


@dataclass(frozen=True)
class EveryTenth:
    def entries(self, dates, lag):
        return np.arange(lag, len(dates), 10)


@dataclass(frozen=True)
class NextDay:
    def exit_day(self, book, entry_exposure, exposure, days_left, lag, market):
        return np.broadcast_to(np.minimum(1, book.cohorts.life), entry_exposure.shape)


@dataclass(frozen=True)
class Half:
    ratio: float = 0.5


@dataclass(frozen=True)
class Flat:
    index: float = 1.0
    component: float = 1.0
    hedge_bps: float = 0.0
    delivery_bps: float = 0.0


def test_a_backtest_runs_on_classes_of_ones_own():
    panel = small_market(60)
    own = {
        "basket": FirstTwo(),
        "structure": Listed(),
        "schedule": EveryTenth(),
        "exits": NextDay(),
        "hedge": Half(),
        "costs": Flat(),
    }
    result = backtest(panel, ShortCorrelation(), **own)
    ledger = result.ledger()
    assert set(ledger["instrument"]) == {"put", "call"}
    assert set(ledger["leg"]) == {panel.info.index, *panel.names[:2]}
    assert ledger["entry_date"].is_in(panel.dates[1::10].tolist()).all()
    assert (ledger["exit_date"] > ledger["entry_date"]).all()
    assert result.option_cost.sum() > 0.0
