"""Statistics of daily P&L: published examples, slow loops, statsmodels, and noise over many seeds."""

import math
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest

from engine import TopWeights, backtest, load_market
from engine.backtest import Weekly
from engine.backtest.metrics import sharpe
from engine.backtest.outcome.performance import drawdowns, expected_shortfall, hit_rate, parts_of, sharpe_error
from engine.backtest.outcome.track_record import track_record
from engine.backtest.signals.transforms import expanding_rank
from engine.errors import InputError
from engine.testing import small_market
from strategies.short_correlation import ShortCorrelation


@pytest.fixture(scope="module")
def result():
    market = load_market("synthetic", years=3, names=8, progress=False)
    return backtest(market, ShortCorrelation(), basket=TopWeights(8))


def with_moments(count, mean, deviation, skew, kurtosis):
    """Days of three values that have these moments but for the rounding of their shares to days."""
    root = math.sqrt(4.0 * kurtosis - 3.0 * skew**2)
    high, low = (skew + root) / 2.0, (skew - root) / 2.0
    p_high, p_low = 1.0 / (high * (high - low)), 1.0 / (low * (low - high))
    shares = [round(count * p_high), round(count * p_low)]
    days = np.concatenate([np.full(shares[0], high), np.full(shares[1], low), np.zeros(count - sum(shares))])
    return mean + deviation * (days - days.mean()) / days.std()


def test_the_error_of_the_sharpe_ratio_gives_the_published_probability():
    # Bailey and Lopez de Prado (2012): 24 months at .458 a month, skew -2.448, kurtosis 10.164; above 0 by .913.
    # The formula knows the sample by its moments alone, so many days of these moments stand for the 24 months.
    days = with_moments(1_000_000, 0.458, 1.0, -2.448, 10.164)
    error = sharpe_error(days) / math.sqrt(252) * math.sqrt((len(days) - 1) / 23)
    assert NormalDist().cdf(0.458 / error) == pytest.approx(0.913, abs=5e-4)


def test_the_error_of_the_sharpe_ratio_is_its_spread_over_many_samples():
    rng = np.random.default_rng(0)
    samples = 0.1 - rng.exponential(size=(4000, 500)) + 1.0  # skew -2, kurtosis 9
    spread = sharpe(samples).std()
    normal = math.sqrt(252 * (1 + 0.5 * 0.1**2) / 499)
    error = np.mean([sharpe_error(row) for row in samples[:200]])
    assert error == pytest.approx(spread, rel=0.03)  # 4000 samples know their spread to 1.1 %
    assert abs(normal - spread) > 2 * abs(error - spread)  # and the normal formula is further off


def test_the_tail_loss_is_the_mean_of_the_worst_days_and_parts_of_days():
    days = np.random.default_rng(0).standard_t(3, 2517)
    worst = sorted(days)
    inside = 0.05 * 2517
    by_hand = (sum(worst[:125]) + (inside - 125) * worst[125]) / inside
    assert expected_shortfall(days) == pytest.approx(by_hand, rel=1e-12)
    normal = np.random.default_rng(1).standard_normal(400_000)
    assert expected_shortfall(normal) == pytest.approx(-2.0627, abs=0.02)  # -phi(q) / .05


def plain_drawdowns(days):
    found, equity, peak, at = [], 0.0, 0.0, -1
    low = None
    for t, day in enumerate(days):
        equity += day
        if equity >= peak:
            if low is not None:
                found.append((at, low[1], t, low[0]))
            peak, at, low = equity, t, None
        elif low is None or equity - peak < low[0]:
            low = (equity - peak, t)
    return found + ([(at, low[1], None, low[0])] if low is not None else [])


@pytest.mark.parametrize("seed", range(5))
def test_drawdowns_are_the_slow_loop(seed):
    days = np.random.default_rng(seed).integers(-3, 4, 300).astype(float)  # whole numbers: highs are met exactly
    found = drawdowns(days)
    assert sorted((d.start, d.trough, d.end, d.depth) for d in found if d.end is not None) == sorted(
        d for d in plain_drawdowns(days) if d[2] is not None
    )
    assert [d.depth for d in found] == sorted(d.depth for d in found)
    assert [(d.start, d.trough) for d in found if d.end is None] == [
        d[:2] for d in plain_drawdowns(days) if d[2] is None
    ]


def test_days_without_a_trade_are_no_misses():
    assert hit_rate(np.array([0.0, 0.0, 1.0, -1.0])) == 0.5
    assert math.isnan(hit_rate(np.zeros(3)))


def test_parts_are_the_regression_on_dummies_of_statsmodels():
    regression = pytest.importorskip("statsmodels.regression.linear_model")
    rng = np.random.default_rng(2)
    days, part = rng.standard_normal(600), rng.integers(-1, 3, 600)
    found = parts_of(days, part, ("low", "middle", "high"), holding_days=22)
    known = part >= 0
    dummies = (part[known][:, None] == np.arange(3)).astype(float)
    fit = regression.OLS(days[known], dummies).fit(cov_type="HAC", cov_kwds={"maxlags": 21})
    assert found.mean == pytest.approx(fit.params)
    assert found.t == pytest.approx(fit.tvalues)
    assert found.apart == pytest.approx(float(fit.t_test([-1.0, 0.0, 1.0]).tvalue.item()))
    assert found.sessions.tolist() == dummies.sum(axis=0).tolist()


def test_parts_of_noise_are_apart_as_rarely_as_they_should_be():
    seeds = range(300)
    apart = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        signal, days = rng.standard_normal((2, 750))
        third = np.digitize(expanding_rank(signal, 63), (1 / 3, 2 / 3))
        part = np.where(np.arange(750) >= 63, third, -1)
        apart.append(parts_of(days, part, ("low", "middle", "high")).apart)
    rejected = np.mean(np.abs(apart) > 1.96)
    # .05 asymptotically; six lags of 690 days reject a little more, and 300 seeds are off by .025 (two deviations).
    assert 0.02 <= rejected <= 0.09


def test_a_planted_difference_between_parts_is_found():
    part = np.arange(900) % 3
    days = np.random.default_rng(0).standard_normal(900) + 0.5 * (part == 2)
    assert parts_of(days, part, ("low", "middle", "high")).apart > 4.0
    with pytest.raises(InputError, match="no day belongs to a part"):
        parts_of(days, np.full(900, -1), ("low",))


@pytest.mark.parametrize("sessions", [1, 2, 12])
def test_a_part_too_short_for_its_lags_has_a_mean_and_no_t(sessions):
    days = np.random.default_rng(0).standard_normal(500)
    part = (np.arange(500) < sessions).astype(int)
    found = parts_of(days, part, ("rest", "few"), holding_days=22)
    assert found.mean[1] == pytest.approx(days[:sessions].mean())
    assert math.isfinite(found.t[0])
    assert math.isnan(found.t[1])
    assert math.isnan(found.apart)


def test_a_part_without_a_trade_is_zero_and_has_no_t():
    days = np.random.default_rng(0).standard_normal(750)
    days[:250] = 0.0
    found = parts_of(days, np.repeat(np.arange(3), 250), ("low", "middle", "high"), holding_days=5)
    assert found.mean[0] == 0.0
    assert np.isnan(found.t).tolist() == [True, False, False]
    alone = np.zeros(750)
    alone[300] = 1.0
    assert np.isnan(parts_of(alone, np.repeat(np.arange(3), 250), ("low", "middle", "high")).t[[0, 2]]).all()


@pytest.mark.parametrize(("sessions", "told"), [(30, False), (42, False), (43, True)])
def test_a_sample_not_longer_than_twice_its_lags_has_values_without_errors(sessions, told):
    days = np.random.default_rng(0).standard_normal(sessions)
    dates = np.datetime64("2024-01-01") + np.arange(sessions)
    metrics = track_record(dates, days, 100.0, holding_days=22).metrics
    assert metrics["value"].null_count() == 0
    assert (metrics.select("error", "low", "high").null_count().row(0) == (12, 10, 10)) is told
    assert metrics["error"].is_null().all() is not told


def test_sharpe_ratios_of_a_record_are_above_the_risk_free_rate_as_the_summary_has_them():
    market = load_market("synthetic", years=2, names=6, progress=False)
    result = backtest(market, ShortCorrelation(), risk_free=0.03)
    record, excess = result.statistics(), result.pnl_net[0] / result.capital() - 0.03 / 252
    row = record.metrics.row(by_predicate=pl.col("metric") == "Sharpe ratio", named=True)
    assert row["value"] == pytest.approx(result.summary()["sharpe_net"])
    assert row["error"] == pytest.approx(sharpe_error(excess))
    assert row["low"] < row["value"] < row["high"]
    by_year = [
        sharpe(excess[result.dates.astype("datetime64[Y]").astype(str) == year]) for year in record.periods["year"]
    ]
    assert record.periods["sharpe"].to_list() == pytest.approx(by_year)


def test_the_expanding_rank_is_the_slow_loop_and_knows_nothing_later(xp):
    series = np.random.default_rng(0).integers(0, 9, 200).astype(float)
    series[[3, 50, 51]] = np.nan
    found = expanding_rank(xp.asarray(series), 20)
    found = found if isinstance(found, np.ndarray) else found.get()
    for t, value in enumerate(series):
        past = series[: t + 1][np.isfinite(series[: t + 1])]
        if np.isnan(value) or len(past) < 20:
            assert np.isnan(found[t])
        else:
            assert found[t] == pytest.approx(((past < value).sum() + 0.5 * (past == value).sum()) / len(past))
    poisoned = series.copy()
    poisoned[120:] = 100.0
    again = expanding_rank(poisoned, 20)
    assert np.array_equal(again[:120], found[:120], equal_nan=True)


def test_a_track_record_says_what_the_summary_says(result):
    record = result.statistics()
    metrics = {row["metric"]: row for row in record.metrics.iter_rows(named=True)}
    summary = result.summary()
    assert metrics["Sharpe ratio"]["value"] == pytest.approx(summary["sharpe_net"])
    assert metrics["t-statistic (HAC)"]["value"] == pytest.approx(summary["hac_t"])
    assert metrics["worst drawdown"]["value"] == pytest.approx(summary["max_drawdown_share"])
    assert record.drawdowns["depth"][0] == pytest.approx(summary["max_drawdown_share"])
    days = record.periods["sessions"] * record.periods["mean_annual"] / 252
    assert days.sum() == pytest.approx(summary["pnl_net"] / result.capital())
    assert metrics["Sharpe ratio"]["low"] < metrics["Sharpe ratio"]["value"] < metrics["Sharpe ratio"]["high"]
    for words in ("By regime, as known the day before", "implied correlation change", "mean of the worst 5 %"):
        assert words in repr(record)


def test_regimes_and_factors_are_of_the_market_until_the_day_before(result):
    record = result.statistics()
    assert record.regimes["regime"].unique(maintain_order=True).to_list() == ["volatility", "correlation", "trend"]
    view, daily = result.view, result.pnl_net[0] / result.capital()
    ranks = expanding_rank(view.index_iv(30), 252)
    by_hand = daily[1:][(ranks[:-1] >= 2 / 3)]
    row = record.regimes.filter(regime="volatility", state="high")
    assert row["sessions"].item() == len(by_hand)
    assert row["mean_annual"].item() == pytest.approx(252 * by_hand.mean())
    slopes = dict(record.factors.select("factor", "coefficient").iter_rows())
    x = np.stack([view.index_returns[1:], np.diff(view.index_iv(30)), np.diff(view.implied_correlation(30))], axis=1)
    known = np.isfinite(x).all(axis=1)
    by_hand = np.linalg.lstsq(np.column_stack([np.ones(known.sum()), x[known]]), daily[1:][known], rcond=None)[0]
    assert list(slopes.values()) == pytest.approx(by_hand, rel=1e-9)


def test_factors_that_stand_still_are_left_out_and_the_run_is_not_lost():
    panel = small_market(3, sessions=150, missing=0.0, events=False)
    still = panel.map_arrays(lambda name, a: np.full_like(a, 0.2) if name in ("index_iv", "component_iv") else a)
    record = backtest(still, ShortCorrelation(), schedule=Weekly()).statistics()
    assert record.factors["factor"].to_list() == ["constant", "index return"]


def test_an_account_that_never_moves_has_no_ratios():
    dates = np.arange("2024-01-01", "2024-02-10", dtype="datetime64[D]")
    record = track_record(dates, np.zeros(40), 1e6, 22)
    values = dict(record.metrics.select("metric", "value").iter_rows())
    assert values["Sharpe ratio"] is None
    assert values["worst drawdown"] == 0.0
    assert record.drawdowns.height == 0
    assert "Deepest drawdowns" in repr(record)
