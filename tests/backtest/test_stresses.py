"""Named stresses: their sizes against the published files, their arithmetic against loops, their bounds."""

import math

import numpy as np
import polars as pl
import pytest

from engine.backend import to_host
from engine.backtest import STRESSES, NoHedge, Straddle, Stress, Weekly, backtest
from engine.backtest.risk.crises import published
from engine.backtest.risk.stressed_vols import stressed_vols
from engine.backtest.risk.stresses import happens
from engine.correlation.pairs import lowest_correlation
from engine.data import load_market
from engine.errors import InputError
from engine.pricing import straddle
from engine.testing import small_market
from strategies.short_correlation import ShortCorrelation
from tests.backtest.reference_stress import Book
from tests.backtest.reference_stress import stressed_vols as by_loops
from tests.backtest.test_scenarios import SESSION, flat, open_legs, run

named = pytest.mark.parametrize("stress", STRESSES, ids=lambda stress: stress.name)
CLOSES = {  # name -> first and last close, and whether a file has the index itself
    "2008": ("2008-09-12", "2008-10-24"),
    "Feb 2018": ("2018-02-02", "2018-02-05"),
    "Mar 2020": ("2020-02-19", "2020-03-16"),
    "Aug 2024": ("2024-07-31", "2024-08-05"),
    "Apr 2025": ("2025-04-02", "2025-04-08"),
    "correlation down": ("2024-06-11", "2024-07-12"),
}


@pytest.mark.parametrize("name", CLOSES)
def test_the_sizes_are_those_of_the_published_closes(shared_data, name):
    days = CLOSES[name]
    frame = pl.read_parquet(shared_data / "us_history" / "cboe_indices.parquet")
    closes = {
        (row["index"], str(row["date"])): row["close"]
        for row in frame.filter(pl.col("date").cast(pl.String).is_in(days)).iter_rows(named=True)
    }

    def pair(index):
        return None if (index, days[0]) not in closes else tuple(closes[index, day] for day in days)

    index = pl.read_csv(shared_data / "skfolio" / "sp500_index.csv.gz")
    level = {date: close for date, close in index.iter_rows() if date in days}
    factors = pl.read_parquet(shared_data / "us_history" / "fama_french_daily.parquet")
    between = (pl.col("date").cast(pl.String) > days[0]) & (pl.col("date").cast(pl.String) <= days[1])
    market = factors.filter(between).select(1.0 + 0.01 * (pl.col("mkt_rf_pct") + pl.col("rf_pct_per_day")))
    spot = level[days[1]] / level[days[0]] if len(level) == 2 else math.prod(market.to_series())
    (stress,) = (stress for stress in STRESSES if stress.name == name)
    names = ("VIXEQ", "VIX", "VIX3M", "VIX6M", "COR1M", "COR3M")
    again = published(name, stress.spot, days, *(pair(index) for index in names))
    assert stress.variance == pytest.approx(again.variance, abs=0.01)  # closes are kept with two decimals
    assert stress.correlation == pytest.approx(again.correlation, abs=0.001)
    assert stress.spot == pytest.approx(spot - 1.0, abs=1e-4)
    assert (stress.towards, stress.source) == (again.towards, again.source)


@named
def test_volatilities_under_a_stress_equal_plain_loops_over_forwards_and_names(xp, stress):
    rng = np.random.default_rng(7)
    days = np.array([9.0, 30.0, 60.0, 120.0, 365.0])
    members = 0.3 + 0.1 * rng.random((6, 5, 2))
    weight, index = rng.random(6), 0.18 + 0.02 * rng.random((5, 2))
    members[2, 1], members[3, 4, 0], index[2, 1] = np.nan, np.nan, np.nan
    moves = np.arange(6) == 4 if stress.gaps else np.ones(6, dtype=bool)
    given = [xp.asarray(array) for array in (index, members, weight, moves)]
    found, of_members = stressed_vols(stress, given[0], given[1], given[2], days, given[3])
    for d in range(2):
        expected, each = by_loops(stress, index[:, d], members[:, :, d].tolist(), weight.tolist(), days.tolist(), moves)
        np.testing.assert_allclose(to_host(found)[:, d], expected, rtol=1e-12)  # sums of ten products
        np.testing.assert_allclose(to_host(of_members)[:, :, d], each, rtol=1e-12)


def test_no_move_moves_nothing():
    market = small_market(6, missing=0.02)
    still = Stress("still", 0.0, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), "none")
    move = happens(market, market.weights, SESSION, still)
    for name in ("index_iv", "component_iv", "spot", "index_spot"):
        row = getattr(market, name)[SESSION : SESSION + 1]
        np.testing.assert_allclose(move(name, row), row, rtol=1e-6)  # the last bit of a stored float32


def checked(market, weights, stress, session):
    """Assert that no forward variance turns negative; return the correlations before, after, and the lowest."""
    move = happens(market, weights, session, stress)
    here = slice(session, session + 1)
    day = np.asarray(market.tenors, dtype=float)[:, None]
    before = [np.asarray(getattr(market, name)[here][0], dtype=float) for name in ("index_iv", "component_iv")]
    after = [
        np.asarray(move(name, getattr(market, name)[here]), dtype=float)[0] for name in ("index_iv", "component_iv")
    ]
    for was, now in zip(before, after, strict=True):
        np.testing.assert_array_equal(np.isfinite(was), np.isfinite(now))
        forward = [np.diff(iv**2 * day, axis=-2) for iv in (was, now)]
        usable = np.isfinite(forward[0]) & (forward[0] >= 0.0)
        assert (forward[1][usable] >= -1e-6 * (now**2 * day).max(initial=0.0, where=np.isfinite(now))).all()
    weight = to_host(weights)[session]
    both = (np.isfinite(before[1]) & np.isfinite(after[1])) & (weight > 0.0)[:, None, None]
    w = np.where(both, weight[:, None, None], 0.0)
    w = w / np.where(w.sum(axis=0) > 0.0, w.sum(axis=0), np.nan)

    def level(index, members):
        x = np.where(both, w * np.nan_to_num(members), 0.0)
        own = (x**2).sum(axis=0)
        return (index**2 - own) / (x.sum(axis=0) ** 2 - own)

    old, new = level(before[0], before[1]), level(after[0], after[1])
    inside = np.isfinite(old) & (old <= 1.0) & (old >= lowest_correlation(both.sum(axis=0)))
    return old[inside], new[inside], lowest_correlation(both.sum(axis=0))[inside]


def held_within_bounds(market, stress, sessions):
    weights = market.weights / np.maximum(market.weights.sum(axis=1, keepdims=True), 1e-9)
    seen = 0
    for session in sessions:
        if not weights[session].any():
            continue
        old, new, lowest = checked(market, weights, stress, session)
        seen += len(old)
        assert (new <= 1.0 + 1e-6).all()  # volatilities are stored as float32
        assert (new >= lowest - 1e-6).all()
    assert seen


@named
def test_correlation_and_forward_variance_stay_within_their_bounds_on_the_default_market(stress):
    market = load_market("synthetic", progress=False)
    held_within_bounds(market, stress, range(0, len(market), 5))  # a session of each week


@named
def test_correlation_and_forward_variance_stay_within_their_bounds_on_each_real_date(nse_panel, stress):
    with np.errstate(divide="ignore", invalid="ignore"):  # dates on which one name alone is quoted have no pairs
        held_within_bounds(nse_panel, stress, range(len(nse_panel)))


@pytest.mark.parametrize("stress", STRESSES[2:], ids=lambda stress: stress.name)
def test_straddles_of_a_flat_market_are_stressed_by_the_closed_form(stress):
    panel = flat(40)
    result = run(panel, Straddle(28), hedge=NoHedge())
    held, units = open_legs(result, SESSION)
    legs, date = result.book.legs, panel.dates[SESSION]
    names, is_index = np.maximum(legs.name[held], 0), legs.name[held] < 0
    weight = to_host(result.view.weights)[SESSION]
    moves = np.arange(len(weight)) == int(np.argmax(weight)) if stress.gaps else np.ones(len(weight), dtype=bool)
    fall = np.where(is_index, stress.spot * (weight * moves).sum(), np.where(moves[names], stress.spot, 0.0))
    forward = np.where(is_index, panel.index_spot[SESSION], panel.spot[SESSION][names])
    vol = np.where(is_index, panel.index_iv[0, 0, 0], panel.component_iv[0, :, 0, 0][names])
    days = np.asarray(panel.tenors, dtype=float)
    flat_members = np.repeat(panel.component_iv[0, :, 0, :1], len(days), axis=1)
    of_index, of_members = by_loops(
        stress, panel.index_iv[0, :, 0], flat_members.tolist(), weight.tolist(), days.tolist(), moves
    )
    years = ((result.book.cohorts.expiry[held] - date).astype(int) / 365.0)[:, None]
    total = np.array([of_index, *of_members]) ** 2 * days / 365.0
    at = np.maximum(years * 365.0, days[0])  # flat volatility below the shortest tenor

    def interpolated(row):
        return np.sqrt(np.interp(at[:, 0], days, total[row] * 365.0) / at[:, 0])

    by_leg = np.stack([interpolated(0)] + [interpolated(1 + n) for n in range(len(weight))], axis=1)
    stressed = np.where(is_index, by_leg[:, :1], np.take_along_axis(by_leg, 1 + names, axis=1))
    then = straddle(forward * (1.0 + fall), legs.strike[held, :, 0], stressed, years).value
    gained = units * (then - straddle(forward, legs.strike[held, :, 0], vol, years).value)
    (row,) = result.stress(stresses=[stress], dates=[date]).iter_rows(named=True)
    assert row["pnl_index"] == pytest.approx(gained[:, 0].sum(), rel=2e-6)  # volatilities are stored as float32
    assert row["pnl_component"] == pytest.approx(gained[:, 1:].sum(), rel=2e-6)
    assert row["cohorts"] == len(held)


def held_to_loops(result, dates):
    book = Book(result)
    found = result.stress(dates=[result.dates[t] for t in dates])
    expected = [book.gain(t, stress) for t in dates for stress in STRESSES]
    gained = found.select("pnl_index", "pnl_component").to_numpy()
    # Volatilities under a stress are stored as float32: of a leg's value, 1e-7.
    scale = np.abs(expected).max()
    assert scale > 0.0
    np.testing.assert_allclose(gained, expected, rtol=0.0, atol=2e-6 * scale)


def test_the_book_of_the_default_run_is_stressed_as_plain_loops_stress_it():
    market = load_market("synthetic", progress=False)
    result = backtest(market, ShortCorrelation())
    held_to_loops(result, [*range(30, len(market), 250), len(market) - 1])


def test_the_book_of_the_indian_run_is_stressed_as_plain_loops_stress_it(nse_panel):
    result = backtest(nse_panel, ShortCorrelation(), schedule=Weekly())
    held_to_loops(result, range(2, len(nse_panel), 4))  # the last one too, on which cohorts are open


def test_every_date_has_every_stress_and_nothing_is_earned_where_nothing_is_held():
    result = run(small_market(9, events=False), Straddle(28))
    found = result.stress()
    assert found.height == len(result.dates) * len(STRESSES)
    assert found["pnl_gross"].is_finite().all()
    assert (found.filter(pl.col("cohorts") == 0)["pnl_gross"] == 0.0).all()


def test_a_date_that_is_no_session_is_refused():
    result = run(small_market(9, events=False), Straddle(28))
    with pytest.raises(InputError, match="no session"):
        result.stress(dates=["1999-01-01"])
    one = str(result.dates[5])
    assert result.stress(dates=one).equals(result.stress(dates=[one]))
