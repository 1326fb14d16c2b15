"""Every sizing, hedge and structure in a world without a premium: none earns anything but luck."""

import itertools

import numpy as np
import pytest
from scipy.stats import norm

from engine.backtest import (
    CorrelationWeighted,
    DailyDelta,
    DeltaBand,
    DeltaNeutralStraddle,
    EveryDays,
    GammaNeutral,
    IndexBeta,
    Monthly,
    NoCosts,
    NoHedge,
    ParallelVolNeutral,
    PremiumNeutral,
    ProportionalVolNeutral,
    Straddle,
    Strangle,
    ThetaNeutral,
    VegaNeutral,
    WhalleyWilmott,
    backtest,
)
from engine.correlation import AllMembers
from engine.data.synthetic import SyntheticMarket, synthetic_market
from strategies.short_correlation import ShortCorrelation

SIZINGS = (
    VegaNeutral(),
    ThetaNeutral(),
    GammaNeutral(),
    PremiumNeutral(),
    ProportionalVolNeutral(),
    ParallelVolNeutral(),
    CorrelationWeighted(),
)
HEDGES = (
    DailyDelta(),
    EveryDays(days=5),
    DeltaBand(band=0.2),
    WhalleyWilmott(cost_bps=5.0),
    IndexBeta(),
    DailyDelta(vol="realized"),
    NoHedge(),
)
STRUCTURES = (Straddle(tenor=30), DeltaNeutralStraddle(tenor=30), Strangle(tenor=30))
WORLDS = list(itertools.product(range(len(SIZINGS)), range(len(HEDGES)), range(len(STRUCTURES))))
# Of so many worlds the worst is beyond this by luck alone in one of a hundred: each is given .01 / their number.
BOUND = float(norm.isf(0.01 / len(WORLDS) / 2.0))


@pytest.fixture(scope="module")
def market():
    """Thirty years of a dozen names whose options cost what they come to, at a fixed seed."""
    settings = SyntheticMarket.no_premium(start="1983-01-03", years=30, names=12, tenors=(30,), deltas=(25, 50, 75))
    return synthetic_market(settings, seed=6)[0]


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize(
    "hedge", HEDGES, ids=["daily", "weekly", "band", "whalley_wilmott", "index", "realized", "none"]
)
def test_no_rule_earns_more_than_luck_where_there_is_no_premium(market, structure, hedge):
    rules = {"basket": AllMembers(), "schedule": Monthly(), "costs": NoCosts(), "structure": structure, "hedge": hedge}
    for sizing in SIZINGS:
        book = backtest(market, ShortCorrelation(), sizing=sizing, **rules).book
        settled = book.cohorts.settled & book.entered
        pnl = book.explain.sum(axis=(1, 2, 3))[settled]
        error = pnl.std(ddof=1) / np.sqrt(len(pnl))  # cohorts follow each other: independent draws
        assert len(pnl) > 300
        assert abs(pnl.mean()) <= BOUND * error, type(sizing).__name__
