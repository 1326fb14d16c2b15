"""The worked cohort of the documentation, replayed number for number: by plain arithmetic, and by the engine."""

import datetime
import math
from pathlib import Path
from statistics import NormalDist

import polars as pl
import pytest

import engine
from engine import AllMembers, MarketPanel, backtest
from engine.backtest import Straddle, VegaNeutral, VolPoints
from strategies.short_correlation import ShortCorrelation

PAGE = Path(engine.__file__).parent / "docs" / "worked_cohort.md"
DATES = [datetime.date(2024, 2, day) for day in (1, 2, 5, 6, 7, 8, 9)]
ENTRY, EXPIRY = 1, 6
WEIGHTS = {"A": 0.5, "B": 0.3, "C": 0.2}
VOLS = {
    "INDEX": [0.21, 0.21, 0.22, 0.21, 0.24, 0.22, 0.21],
    "A": [0.25, 0.25, 0.26, 0.25, 0.27, 0.26, 0.25],
    "B": [0.35, 0.35, 0.35, 0.36, 0.38, 0.37, 0.36],
    "C": [0.30, 0.30, 0.30, 0.30, 0.30, 0.30, 0.30],
}
CLOSES = {
    "INDEX": [4000.0, 4000.0, 4020.0, 4010.0, 3900.0, 3950.0, 3980.0],
    "A": [100.0, 100.0, 101.0, 100.0, 97.0, 98.0, 99.0],
    "B": [50.0, 50.0, 50.5, 51.0, 49.0, 50.0, 50.0],
    "C": [80.0, 80.0, 79.0, 80.0, 78.0, 79.0, 81.0],
}
VEGA, INDEX_RATE, MEMBER_RATE, HEDGE_RATE = 1000.0, 0.25, 0.8, 1e-4
NORMAL = NormalDist()


def straddle(spot, strike, vol, days):
    """Value and delta of a straddle without interest, in plain arithmetic."""
    if days == 0:
        return abs(spot - strike), 0.0
    root = vol * math.sqrt(days / 365)
    d1 = math.log(spot / strike) / root + root / 2
    call = spot * NORMAL.cdf(d1) - strike * NORMAL.cdf(d1 - root)
    return 2 * call - (spot - strike), 2 * NORMAL.cdf(d1) - 1


def legs():
    """Units and the path of each leg: name to (units, values, deltas)."""
    out = {}
    for name, closes in CLOSES.items():
        strike, vol = closes[ENTRY], VOLS[name][ENTRY]
        root = vol * math.sqrt(7 / 365)
        vega = 2 * strike * NORMAL.pdf(root / 2) * math.sqrt(7 / 365) / 100  # per vol point
        share = -1.0 if name == "INDEX" else WEIGHTS[name]
        days = [(DATES[EXPIRY] - DATES[t]).days for t in range(ENTRY, EXPIRY + 1)]
        path = [straddle(closes[ENTRY + k], strike, VOLS[name][ENTRY + k], left) for k, left in enumerate(days)]
        out[name] = share * VEGA / vega, vega, *map(list, zip(*path, strict=True))
    return out


def account():
    """Gross P&L and cost of each session from the entry on, by plain arithmetic."""
    gross, cost = [0.0], [VEGA * INDEX_RATE + VEGA * MEMBER_RATE]
    held = legs()
    for name, (units, _, _, deltas) in held.items():
        cost[0] += HEDGE_RATE * abs(units * deltas[0]) * CLOSES[name][ENTRY]
    for k in range(1, EXPIRY - ENTRY + 1):
        gross.append(0.0)
        cost.append(0.0)
        for name, (units, _, values, deltas) in held.items():
            close, before = CLOSES[name][ENTRY + k], CLOSES[name][ENTRY + k - 1]
            gross[k] += units * (values[k] - values[k - 1] - deltas[k - 1] * (close - before))
            cost[k] += HEDGE_RATE * abs(units * (deltas[k] - deltas[k - 1])) * close
    return gross, cost


def implied(t):
    total = sum(w * VOLS[name][t] for name, w in WEIGHTS.items())
    own = sum((w * VOLS[name][t]) ** 2 for name, w in WEIGHTS.items())
    return (VOLS["INDEX"][t] ** 2 - own) / (total**2 - own)


def tables():
    """Return the rows of the page, as they stand in it."""
    rows = []
    for name, (units, vega, values, deltas) in legs().items():
        rows.append(f"| {name} | {values[0]:.4f} | {vega:.5f} | {deltas[0]:.4f} | {units:,.2f} |")
    gross, cost = account()
    for k, (made, paid) in enumerate(zip(gross, cost, strict=True)):
        date, rho = DATES[ENTRY + k], implied(ENTRY + k)
        rows.append(f"| {date} | {100 * rho:.2f} | {made:,.2f} | {paid:,.2f} | {made - paid:,.2f} |")
    rows.append(f"| in all | | {sum(gross):,.2f} | {sum(cost):,.2f} | {sum(gross) - sum(cost):,.2f} |")
    return rows


@pytest.fixture(scope="module")
def result():
    frame = [pl.DataFrame({"date": DATES, **columns}) for columns in (VOLS, CLOSES)]
    weights = pl.DataFrame({"date": DATES, **{name: [w] * len(DATES) for name, w in WEIGHTS.items()}})
    market = MarketPanel.from_frames(frame[0], weights, frame[1], index="INDEX", tenor=7, delta=50, rates=0.0)
    trade = {"structure": Straddle(tenor=7), "sizing": VegaNeutral(index_vega=VEGA), "costs": VolPoints()}
    return backtest(market, ShortCorrelation(), basket=AllMembers(), **trade)


def test_the_page_has_the_numbers_of_plain_arithmetic():
    page = PAGE.read_text(encoding="utf-8").splitlines()
    assert [row for row in tables() if row not in page] == []


def test_the_engine_makes_the_same_cohort(result):
    rows = {row["leg"]: row for row in result.ledger().iter_rows(named=True)}
    assert set(rows) == set(CLOSES)
    for name, (units, vega, values, _) in legs().items():
        # Volatilities are stored float32, which know .21 to 4e-8.
        assert rows[name]["quantity"] == pytest.approx(units, rel=1e-6)
        assert rows[name]["premium"] == pytest.approx(units * values[0], rel=1e-6)
        assert rows[name]["entry_vega"] == pytest.approx(units * vega, rel=1e-6)
        assert rows[name]["exit_value"] == pytest.approx(units * values[-1], rel=1e-6)


def test_the_engine_makes_the_same_account_day_by_day(result):
    daily = result.daily()[ENTRY:]
    gross, cost = account()
    # A day's P&L is the difference of values of 20,000, whose float32 volatilities leave up to .01 of them.
    assert daily["pnl_gross"].to_list() == pytest.approx(gross, abs=0.01)
    assert daily["cost"].to_list() == pytest.approx(cost, abs=0.01)
    rho = result.view.implied_correlation(7)[ENTRY:]
    assert rho.tolist() == pytest.approx([implied(t) for t in range(ENTRY, EXPIRY + 1)], abs=1e-6)
