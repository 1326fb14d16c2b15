"""Each strategy says when, and uses nothing of the future; a user's own file counts from the day it was known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import strategies
from engine.backtest import MarketView, Monthly, Weekly, backtest
from engine.correlation import AllMembers, Sectors, TopWeights, implied_correlation, matched_window
from engine.data.series import own_signal
from engine.errors import InputError
from engine.testing import assert_causal, look_ahead
from engine.testing.causality import planted_market
from strategies.correlation_premium import CorrelationPremium
from strategies.correlation_skew import CorrelationSkew
from strategies.dear_correlation import DearCorrelation
from strategies.earnings_dispersion import EarningsDispersion
from strategies.external_signal import ExternalSignal
from strategies.regime_filtered import RegimeFiltered
from strategies.reverse_dispersion import ReverseDispersion
from strategies.sector_dispersion import SectorDispersion
from strategies.term_structure import TermStructure
from strategies.variance_dispersion import VarianceDispersion

OF_THE_MARKET = [
    CorrelationPremium(),
    TermStructure(),
    CorrelationSkew(window=60),
    ReverseDispersion(window=60),
    SectorDispersion(window=60),
    VarianceDispersion(enter=-0.02, leave=-0.05),
    RegimeFiltered(window=60),
    DearCorrelation(least=60),
]


@pytest.fixture(scope="module")
def market():
    return planted_market()


@pytest.fixture
def earnings(market, tmp_path):
    """Every name reports four times a year; the date is known 40 days before."""
    events = market.dates[60::63].astype("datetime64[D]")
    rows = [(str(day), str(name), str(day - np.timedelta64(40, "D"))) for day in events for name in market.names]
    path = tmp_path / "earnings.csv"
    pl.DataFrame(rows, schema=["date", "ticker", "known"], orient="row").write_csv(path)
    return path


def signal_file(path, dates, values):
    pl.DataFrame({"date": [str(day) for day in dates], "fear": values}).write_csv(path)
    return str(path)


@pytest.mark.parametrize("basket", [AllMembers(), TopWeights(4)], ids=["all", "top4"])
@pytest.mark.parametrize("strategy", OF_THE_MARKET, ids=lambda strategy: type(strategy).__name__)
def test_a_strategy_uses_nothing_of_the_future(market, strategy, basket):
    assert_causal(strategy, market, basket=basket)


@pytest.mark.parametrize("strategy", OF_THE_MARKET, ids=lambda strategy: type(strategy).__name__)
def test_a_strategy_is_on_at_times_and_off_at_times(market, strategy):
    asked = strategy.exposure(MarketView(market, AllMembers()))
    side = -1.0 if isinstance(strategy, ReverseDispersion) else 1.0
    assert set(np.unique(asked[np.isfinite(asked)])) == {0.0, side}


@pytest.mark.parametrize("strategy", OF_THE_MARKET, ids=lambda strategy: type(strategy).__name__)
def test_a_signal_beyond_its_level_is_what_the_exposure_says(market, strategy):
    view = MarketView(market, AllMembers())
    asked, signal = strategy.exposure(view), strategy.signal(view)
    start, *stop = signal.levels.values()  # the one that puts it on, and the one that takes it off
    up = -1.0 if isinstance(strategy, RegimeFiltered) else 1.0
    on = up * signal.values >= up * start
    off = up * signal.values <= up * stop[0] if stop else up * signal.values < up * start
    assert on.sum() > 10
    assert off.sum() > 10
    assert (asked[on] != 0.0).all()
    assert (asked[off] == 0.0).all()


@pytest.mark.parametrize("schedule", [Monthly(), Weekly()], ids=["monthly", "weekly"])
def test_reverse_dispersion_earns_what_short_correlation_on_its_days_loses(market, schedule):
    strategy = ReverseDispersion(window=60)
    short = replace_sign(strategy)
    bought, sold = (backtest(market, each, basket=AllMembers(), schedule=schedule) for each in (strategy, short))
    np.testing.assert_array_equal(bought.pnl_gross, -sold.pnl_gross)
    np.testing.assert_array_equal(bought.option_cost, sold.option_cost)
    assert np.abs(bought.pnl_gross).sum() > 0.0


def replace_sign(strategy):
    class Negated(type(strategy)):
        def exposure(self, market):
            return -super().exposure(market)

    return Negated(window=strategy.window)


def test_the_correlation_premium_is_of_like_with_like(market):
    view = MarketView(market, AllMembers())
    premium = view.implied_correlation(30) - view.realized_correlation(matched_window(30))
    asked = CorrelationPremium(enter=0.05, leave=0.05).exposure(view)
    known = np.isfinite(premium)
    np.testing.assert_array_equal(asked[known], premium[known] >= 0.05)


def test_the_correlation_inside_sectors_is_that_of_the_sectors_with_options(market):
    view = MarketView(market, TopWeights(4))
    (sector,) = [s for s in Sectors().baskets(market) if s.index_iv is not None]
    k, d = list(market.tenors).index(30), list(market.deltas).index(50)
    assert sector.index_iv is not None
    record = implied_correlation(sector.index_iv[:, k, d], market.component_iv[:, :, k, d], sector.weights)
    thin = np.isnan(view.sector_correlation(30))
    np.testing.assert_array_equal(view.sector_correlation(30)[~thin], record.clean[~thin])
    assert thin.mean() < 0.5


def test_realised_dispersion_is_that_of_the_identity(market):
    view = MarketView(market, AllMembers())
    realized = view.realized(21)
    member = np.where(view.weights > 0.0, view.weights * realized.component_vol**2, 0.0).sum(axis=1)
    known = np.isfinite(member)
    assert known.sum() > 200
    with np.errstate(invalid="ignore"):
        expected = np.sqrt(member - realized.index_vol**2)
    np.testing.assert_allclose(view.realized_dispersion(30)[known], expected[known], rtol=1e-9)  # rounding of a sum


def test_markets_without_sectors_are_told_so(market):
    with pytest.raises(InputError, match="does not know sectors"):
        SectorDispersion().exposure(MarketView(replace(market, sectors=None)))


def test_earnings_count_from_the_day_they_are_known(market, earnings):
    strategy = EarningsDispersion(file=str(earnings))
    asked = strategy.exposure(MarketView(market, AllMembers()))
    first = market.dates[60]
    days = (first - market.dates).astype(int)
    on = (days > 0) & (days <= 30)
    assert asked[on].all()
    assert not asked[days > 40].any()
    assert_causal(strategy, market)


def test_what_is_announced_later_moves_nothing_before(market, earnings):
    truth = EarningsDispersion(file=str(earnings)).exposure(MarketView(market, AllMembers()))
    t = 300
    table = pl.read_csv(earnings)
    table.filter(pl.col("known") <= str(market.dates[t])).write_csv(earnings)
    other = EarningsDispersion(file=str(earnings)).exposure(MarketView(market, AllMembers()))
    np.testing.assert_array_equal(other[: t + 1], truth[: t + 1])
    assert (other[t + 1 :] != truth[t + 1 :]).any()


@pytest.mark.parametrize("delay", [0, 1, 3])
def test_a_signal_of_ones_own_moves_nothing_before_it_is_known(market, tmp_path, delay):
    rng = np.random.default_rng(0)
    values = rng.standard_normal(len(market))
    strategy = ExternalSignal(signal_file(tmp_path / "a.csv", market.dates, values), "fear", delay=delay)
    view = MarketView(market, AllMembers())
    truth = strategy.exposure(view)
    assert set(np.unique(truth[np.isfinite(truth)])) == {0.0, 1.0}
    t = 200
    later = market.dates + np.timedelta64(delay, "D") > market.dates[t]
    signal_file(tmp_path / "a.csv", market.dates, np.where(later, -values, values))
    other = strategy.exposure(view)
    np.testing.assert_array_equal(other[: t + 1], truth[: t + 1])
    assert (other[t + 1 :] != truth[t + 1 :]).any()
    assert look_ahead(strategy, market, AllMembers()) is None


def test_a_value_is_known_its_delay_later_and_counts_until_it_is_old(tmp_path):
    path = signal_file(tmp_path / "s.csv", ["2026-01-02", "2026-01-05"], [1.0, 2.0])
    sessions = np.arange("2026-01-01", "2026-01-12", dtype="datetime64[D]")
    nan = np.nan
    expected = [nan, nan, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, nan, nan]  # known on 3 and 6 January, for three more days
    np.testing.assert_array_equal(own_signal(path, "fear", sessions, delay=1, max_age=3), expected)


def test_a_file_without_a_row_order_or_with_other_columns_is_read(tmp_path):
    Path(tmp_path / "s.csv").write_text("Date;other;Fear\n2026-01-06;9;2\n2026-01-05;9;1\n")
    sessions = np.array(["2026-01-05", "2026-01-06"], dtype="datetime64[D]")
    assert own_signal(tmp_path / "s.csv", "fear", sessions).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("date,fear\n", "has no row"),
        ("date,fea\n2026-01-05,1\n", "fear"),
        ("date,fear\n2026-01-05,1\n2026-01-06,high\n2026-01-07,2\n", "line 3, column fear: value_not_understood"),
        ("date,fear\n2026-01-05,1\n2026-01-06,inf\n2026-01-07,2\n", "line 3, column fear: value_not_finite"),
        ("date,fear\n2026-01-05,1\n2026-01-06,1\n2026-01-06,2\n2026-01-07,2\n2026-01-08,2\n", "duplicate"),
        ("date,fear\n2026-01-05,1\n,1\n2026-01-07,2\n", "line 3, column date: no_date"),
    ],
    ids=["empty", "no column", "text", "infinite", "twice", "no date"],
)
def test_a_bad_file_is_told_in_one_message(tmp_path, text, words):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        own_signal(tmp_path / "s.csv", "fear", np.array(["2026-01-05"], dtype="datetime64[D]"))


def test_no_file_is_told(market):
    with pytest.raises(InputError, match=r"strategy\.file= is no file; give a table of date, fear"):
        ExternalSignal(column="fear").exposure(MarketView(market))


def test_no_table_of_earnings_is_told(market):
    with pytest.raises(InputError, match=r"strategy\.file=no\.csv is no file; give a table of date, ticker, known"):
        EarningsDispersion(file="no.csv").exposure(MarketView(market))


@pytest.mark.parametrize("quantile", [-0.1, 1.1, np.array([[0.5], [2.0]])], ids=["below", "above", "batch"])
def test_a_gate_that_is_always_open_or_never_is_refused(quantile):
    with pytest.raises(InputError, match=r"is not between 0 and 1; \.67 waits for the dearest third"):
        DearCorrelation(quantile=quantile)


@pytest.mark.parametrize("file", sorted(Path(strategies.__file__).parent.glob("*.py")), ids=lambda file: file.stem)
def test_a_strategy_is_short_enough_to_be_read_at_once(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) < 45, "docstrings included; move its parts to the engine"
