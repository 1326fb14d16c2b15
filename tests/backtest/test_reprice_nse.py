"""Two cohorts of the Indian market against plain loops over the raw rows of its files, to the rupee."""

import pytest

from engine.backtest import VegaNeutral, backtest
from engine.correlation import AllMembers
from strategies.short_correlation import ShortCorrelation
from tests.backtest.reference_nse import cohort

INDEX_VEGA = 100_000.0  # of which a cohort moves millions of rupees


@pytest.fixture(scope="module")
def ledger(nse_panel):
    market = nse_panel.slice("2026-01-01")
    return backtest(market, ShortCorrelation(), basket=AllMembers(), sizing=VegaNeutral(INDEX_VEGA)).ledger()


@pytest.mark.parametrize("month", ["2026-01", "2026-02"])
def test_a_cohort_earns_what_its_raw_rows_say_to_the_rupee(month, ledger, shared_data):
    ours = {row["leg"]: row for row in ledger.iter_rows(named=True) if row["entry_date"].isoformat().startswith(month)}
    any_leg = next(iter(ours.values()))
    expected = cohort(shared_data / "nse", any_leg["entry_date"], any_leg["expiry"], INDEX_VEGA)
    assert ours.keys() == expected.keys()
    assert len(ours) > 45
    if month == "2026-01":
        assert ours["KOTAKBANK"]["strike_factor"] == pytest.approx(0.2)  # held through its split
    for leg, (straddles, option, hedge) in expected.items():
        row = ours[leg]
        assert row["quantity"] == pytest.approx(straddles, rel=1e-6), leg  # volatilities are stored as float32
        # A hundredth of a rupee for each of a hundred thousand of vega a float32 volatility of .2 is off by.
        assert row["pnl_option"] == pytest.approx(option, abs=1.0), leg
        assert row["pnl_hedge"] == pytest.approx(hedge, abs=1.0), leg
    total = sum(option + hedge for _, option, hedge in expected.values())
    assert sum(row["pnl_gross"] for row in ours.values()) == pytest.approx(total, abs=1.0)
    assert abs(total) > 1e5
