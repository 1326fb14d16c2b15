"""Season of the quarter and effect of the weekend: planted ones are found, published ones reproduced."""

import numpy as np
import pytest

from engine.calendar import sessions
from engine.correlation import implied_correlation
from engine.data import load_market_returns, load_published
from engine.errors import InputError
from engine.statistics import asymmetric_regression, hac_regression
from engine.study.seasonality import (
    PHASES,
    earnings_effect,
    expanding_factor,
    quarter_day,
    quarter_seasonality,
    season_ahead,
)
from engine.study.weekend import on_trading_days, trading_day_factor, weekend_effect

DATES = sessions("XNYS", "2010-01-01", "2019-12-31")


@pytest.fixture(scope="module")
def published(shared_data):
    series = load_published(shared_data).joined(load_market_returns(shared_data))
    return series.common("COR1M", "VIX", start="2006-01-01", end="2026-03-31"), series


def planted(low=0.8, seed=0):
    """A drifting level times a season that is lowest on trading day 10, and that season."""
    phase = np.minimum(quarter_day(DATES), PHASES)
    season = 1.0 - (1.0 - low) * np.exp(-0.5 * ((np.arange(1, PHASES + 1) - 10) / 5.0) ** 2)
    noise = np.exp(0.02 * np.random.default_rng(seed).standard_normal(len(DATES)))
    return 30.0 * np.exp(0.1 * np.arange(len(DATES)) / 252) * season[phase - 1] * noise, season / season.mean()


def test_the_trading_day_is_counted_from_the_first_session_of_the_quarter():
    found = quarter_day(DATES)
    quarter = DATES.astype("datetime64[M]").astype(int) // 3
    wanted, day = [], 0
    for t in range(len(DATES)):
        day = 1 if t == 0 or quarter[t] != quarter[t - 1] else day + 1
        wanted.append(day)
    assert found.tolist() == wanted
    # A series that starts inside a quarter, or lacks days, stays in phase.
    assert quarter_day(DATES[30:60:7]).tolist() == wanted[30:60:7]
    assert quarter_day(DATES[:0]).tolist() == []


def test_a_planted_season_is_found_at_its_place():
    level, season = planted()
    found = quarter_seasonality(level, DATES)
    # Quarters differ in length by up to three sessions, so a mean of 63 holds a little more or less of the low.
    np.testing.assert_allclose(found.factor, season, rtol=0, atol=0.015)
    assert found.low == 10
    assert found.quarters[9] == 39  # the first quarter's has no centred trend yet
    assert found.factor.mean() == pytest.approx(1.0, abs=1e-12)
    assert 0.0 < found.error.max() < 0.02


def test_a_level_of_zero_or_less_counts_as_unknown():
    level, _ = planted()
    holes = level.copy()
    holes[[100, 700]] = 0.0, -5.0
    known = level.copy()
    known[[100, 700]] = np.nan
    np.testing.assert_array_equal(quarter_seasonality(holes, DATES).factor, quarter_seasonality(known, DATES).factor)


def test_the_tradable_factor_is_the_mean_of_earlier_quarters_and_reads_nothing_later():
    level, _ = planted()
    found, phase = expanding_factor(level, DATES), np.minimum(quarter_day(DATES), PHASES)
    ratio = [level[t] / level[t - 62 : t + 1].mean() if t >= 62 else np.nan for t in range(len(level))]
    for t in (100, 400, 1000, len(level) - 1):
        past = [ratio[s] for s in range(t) if phase[s] == phase[t] and not np.isnan(ratio[s])]
        wanted = np.mean(past) if len(past) >= 4 else np.nan
        np.testing.assert_allclose(found[t], wanted, rtol=1e-12)  # sums of at most 40 ratios in another order
    poisoned = level.copy()
    poisoned[1200:] = 1e6
    np.testing.assert_array_equal(expanding_factor(poisoned, DATES)[:1201], found[:1201])


def test_the_share_of_the_season_ahead_is_counted_session_by_session():
    days, found = quarter_day(DATES), season_ahead(DATES)
    for t in range(0, 600):
        if days[t] + 21 <= 61:  # inside the quarter, whose length is known to the loop only afterwards
            assert found[t] == pytest.approx(np.mean([9 <= d <= 30 for d in days[t + 1 : t + 22]]), abs=1e-12)


@pytest.mark.parametrize("planted_effect", [-0.3, 0.2])
def test_a_planted_effect_of_earnings_has_its_sign_and_nearly_its_size(planted_effect):
    noise = np.random.default_rng(1).standard_normal(len(DATES))
    level = 30.0 * np.exp(planted_effect * season_ahead(DATES) + 0.05 * noise)
    fit = earnings_effect(level, DATES)
    # The trend takes a little of the season with it.
    assert fit.coefficients[1] == pytest.approx(planted_effect, rel=0.1)
    assert abs(fit.t[1]) > 5


def test_a_short_or_unknown_series_has_no_season():
    with pytest.raises(InputError, match="63 sessions or more"):
        quarter_seasonality(np.ones(20), DATES[:20])
    with pytest.raises(InputError, match="no window of 63"):
        quarter_seasonality(np.full(200, np.nan), DATES[:200])
    assert np.isnan(expanding_factor(np.ones(20), DATES[:20])).all()


def test_published_one_month_correlation_has_its_published_season(published):
    cor, _ = published
    found = quarter_seasonality(cor["COR1M"], cor.dates)
    # Stated as .81 to 1.15 with the low near trading day 9; other definitions of trend differ by a hundredth.
    assert found.factor.min() == pytest.approx(0.81, abs=0.01)
    assert found.factor.max() == pytest.approx(1.15, abs=0.015)
    assert abs(found.low - 9) <= 1


def test_statsmodels_finds_the_same_span_and_low(published):
    from statsmodels.tsa.seasonal import seasonal_decompose

    cor, _ = published
    theirs = seasonal_decompose(cor["COR1M"], model="multiplicative", period=PHASES).seasonal[:PHASES]
    ours = quarter_seasonality(cor["COR1M"], cor.dates)
    # Its fixed period drifts against the quarters by thirteen sessions in twenty years, which smears their turn.
    assert (theirs.min(), theirs.max()) == pytest.approx((ours.factor.min(), ours.factor.max()), abs=0.01)
    assert abs(int(theirs.argmin()) + 1 - ours.low) <= 2


def test_earnings_lower_one_month_correlation_and_leave_three_months_alone(published):
    cor, series = published
    effect = earnings_effect(cor["COR1M"], cor.dates)
    assert effect.coefficients[1] == pytest.approx(-0.34, abs=0.01)  # measured; the claim was a rise
    assert effect.t[1] < -8
    longer = series.common("COR3M", start="2006-01-01", end="2026-03-31")
    assert abs(earnings_effect(longer["COR3M"], longer.dates).t[1]) < 2
    members = series.common("VIXEQ", "VIX", end="2026-03-31")
    assert earnings_effect(members["VIXEQ"], members.dates).t[1] > 8  # why: reports raise the members' volatilities


def test_correlation_rises_when_the_market_falls_and_more_than_it_falls_when_it_rises(published):
    _, series = published
    both = series.common("COR1M", "market", start="2006-01-01", end="2026-03-31")
    change, returns = np.diff(both["COR1M"]), 100.0 * both["market"][1:]
    fit = hac_regression(change, returns)
    assert fit.coefficients[1] == pytest.approx(-1.9, abs=0.1)  # points per percent, measured
    assert fit.t[1] < -10
    sides = asymmetric_regression(change, returns)
    difference, t = sides.contrast((0, -1, 1))
    assert difference < 0.0
    assert t < -2


def test_the_clock_of_trading_days_moves_volatilities_and_no_correlation():
    dates, tenors = DATES[:8], np.array([10, 30, 91])
    rng = np.random.default_rng(2)
    index_iv, iv = rng.uniform(0.1, 0.2, (8, 3, 2)), rng.uniform(0.15, 0.5, (8, 4, 3, 2))
    weights = rng.dirichlet(np.ones(4), 8)
    clock = implied_correlation(on_trading_days(index_iv, dates, tenors), on_trading_days(iv, dates, tenors), weights)
    # Degree 0 in the volatilities: only the rounding of a factor remains.
    np.testing.assert_allclose(clock.clean, implied_correlation(index_iv, iv, weights).clean, rtol=1e-11)
    factor = trading_day_factor(dates, tenors)
    for t, date in enumerate(dates):
        for k, tenor in enumerate(tenors):
            ahead = np.isin(DATES, date + np.arange(1, tenor + 1)).sum()
            assert factor[t, k] == pytest.approx(np.sqrt(tenor / 365 * 252 / ahead), rel=1e-14)
            np.testing.assert_array_equal(on_trading_days(iv, dates, tenors)[t, :, k], iv[t, :, k] * factor[t, k])


def test_a_planted_weekend_is_found_and_long_gaps_are_not_weekends():
    monday = (DATES.astype(int) + 3) % 7 == 0
    gap = np.append(0, np.diff(DATES).astype(int))
    noise = 0.1 * np.random.default_rng(3).standard_normal(len(DATES))
    change = np.where(monday & (gap == 3), 0.5, -0.1) + noise
    level = 20.0 + np.cumsum(change)
    fit = weekend_effect(level, DATES)
    assert fit.coefficients == pytest.approx([-0.1, 0.6], abs=0.02)  # noise of 0.1 over 2,000 and 470 changes
    holed = np.delete(DATES, slice(100, 110))
    left_out = (np.diff(holed).astype(int) > 4).sum()
    assert left_out > 1  # ours, and a hurricane
    assert weekend_effect(np.delete(level, slice(100, 110)), holed).n == len(holed) - 1 - left_out


def test_the_friday_effect_is_in_volatility_and_not_in_correlation(published):
    cor, _ = published
    vix, rho = weekend_effect(cor["VIX"], cor.dates), weekend_effect(cor["COR1M"], cor.dates)
    assert vix.t[1] > 3
    assert abs(rho.t[1]) < 2
