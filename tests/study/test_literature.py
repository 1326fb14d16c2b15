"""Published studies restated as experiments, and the lesson of one of them: a quantile of the whole sample flatters."""

import math

import numpy as np
import pytest

from engine import backtest, load_market
from engine.backtest import expanding_rank
from engine.command.backtests import backtest_objects
from engine.command.messages import CONFIGS
from engine.data import load_published
from engine.errors import InputError
from engine.study.literature import MEASURES, STUDIES, beside_published, cor1m_by_period
from tests.command.test_configs import composed, resolved
from tests.study.ivydb_files import write_ivydb, write_weights


@pytest.fixture(scope="module")
def market():
    return load_market("synthetic", years=3, names=12, progress=False)


def restated(study, market):
    config = resolved(composed("backtest", f"experiment={study}"))
    assert config["study"] == study
    return backtest(market, **backtest_objects(config))


def test_every_study_is_an_experiment():
    files = {path.stem for path in (CONFIGS / "experiment").glob("*.yaml")}
    assert set(STUDIES) <= files
    assert all(set(study.numbers) <= set(MEASURES) and study.numbers for study in STUDIES.values())


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_runs_on_the_synthetic_market_and_stands_beside_its_numbers(study, market):
    found = beside_published(study, restated(study, market))
    assert found["published"].to_list() == list(STUDIES[study].numbers.values())
    assert found["ours"].null_count() == 0


@pytest.fixture(scope="module")
def files(market, tmp_path_factory):
    """The synthetic market as OptionMetrics would sell it: its folder, and the weights beside it."""
    place = tmp_path_factory.mktemp("vendor")
    write_ivydb(market, place / "ivydb")
    write_weights(market, place / "weights.csv")
    return place / "ivydb", place / "weights.csv"


@pytest.fixture(scope="module")
def bought(files, tmp_path_factory):
    folder, weights = files
    cache = tmp_path_factory.mktemp("cache")
    return load_market("ivydb", folder, index="SYNX", weights=str(weights), cache=cache, progress=False)


def test_the_files_of_the_vendor_hold_the_market(market, bought):
    assert bought.info.name == "ivydb"
    where = [list(market.tenors).index(tenor) for tenor in bought.tenors if tenor in market.tenors]
    assert {30, 91} <= set(np.asarray(market.tenors)[where].tolist())
    ours = [list(bought.tenors).index(market.tenors[k]) for k in where]
    np.testing.assert_allclose(bought.index_iv[:, ours], market.index_iv[:, where], rtol=1e-5)
    assert bought.weights[2:].sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_runs_on_the_files_of_the_vendor_it_used(study, market, bought):
    ours, synthetic = (
        dict(beside_published(study, restated(study, panel)).select("measure", "ours").iter_rows())
        for panel in (bought, market)
    )
    assert list(ours) == [MEASURES[name][0] for name in STUDIES[study].numbers]
    assert all(math.isfinite(value) for value in ours.values())
    # Of the same volatilities, closes and weights, but for a bankruptcy that ends at a cent and a first session without
    # weights. P&L is of other marks near expiry, where the vendor has no 5 and 7 days.
    for measure, value in ours.items():
        if "correlation" in measure or measure.startswith("implied"):
            assert value == pytest.approx(synthetic[measure], abs=2e-4), measure


def test_the_command_restates_a_study_on_the_files_of_a_vendor(command, files, tmp_path):
    folder, weights = files
    market = ("market=ivydb", f"market.path={folder}", "market.index=SYNX", f"market.weights={weights}")
    ended = command("run", "experiment=driessen_maenhout_vilkov", *market, "report=none", place=tmp_path)
    assert ended.code == 0, ended.err
    assert "SYNX against all" in ended.out
    assert "Driessen, Maenhout and Vilkov" in ended.out


def test_our_numbers_are_those_of_the_summary_and_of_the_planted_premium(market):
    result = restated("replication_346_months", market)
    ours = dict(beside_published("replication_346_months", result).select("measure", "ours").iter_rows())
    summary = result.summary()
    assert ours["net P&L per unit index vega"] == summary["pnl_net_per_vega"]
    gross, cost = ours["gross P&L per unit index vega"], ours["cost per unit index vega"]
    assert gross - cost == pytest.approx(summary["pnl_net_per_vega"], rel=1e-9)
    assert ours["Sharpe ratio, net"] == summary["sharpe_net"]
    implied = result.view.implied_correlation(30)
    assert ours["implied correlation, mean"] == pytest.approx(np.nanmean(implied))
    later = result.view.realized_correlation(21)[21:]
    assert ours["implied less realised afterwards, mean"] == pytest.approx(np.nanmean(implied[:-21] - later))
    # The market is made with a premium of .07; three years of months know it to about .04 (two deviations).
    assert ours["implied less realised afterwards, mean"] == pytest.approx(0.07, abs=0.04)
    with pytest.raises(InputError, match="is no published study; there are cboe_cor"):
        beside_published("cor", result)


def test_the_command_prints_published_numbers_beside_ours(command, tmp_path):
    ended = command("run", "experiment=ferrari_poy_abate", "debug=small", "report=none", place=tmp_path)
    assert ended.code == 0, ended.err
    (line,) = [
        line for line in ended.out.splitlines() if line.lstrip().startswith("Sharpe ratio, gross") and "2.470" in line
    ]
    assert math.isfinite(float(line.split()[-1]))


def test_the_published_correlation_index_has_the_means_that_are_known(shared_data):
    found = cor1m_by_period(load_published(shared_data))
    assert found["measured"].to_list() == pytest.approx(found["known"].to_list(), abs=0.051)  # known to one decimal
    closes = load_published(shared_data).common("COR1M", end="2026-03-26")["COR1M"]
    assert closes.mean() / 100.0 == pytest.approx(STUDIES["cboe_cor"].numbers["implied"], abs=5e-4)


def gates(level, pnl, quantile, least):
    """Sharpe ratio a year of monthly P&L: always, gated by a quantile of the whole sample, and of what was known."""
    whole = level >= np.quantile(level, quantile)
    known = expanding_rank(level, least) >= quantile
    parts = [part[least:] for part in (pnl, pnl * whole, pnl * known)]
    return [math.sqrt(12) * part.mean() / (part.std(ddof=1) or 1.0) for part in parts]  # never in: 0


def test_a_gate_by_a_quantile_of_the_whole_sample_earns_where_nothing_can_be_earned():
    # 346 months of correlation as a random walk: short of it, nothing that is known forecasts the next month.
    walks = [np.cumsum(0.03 * np.random.default_rng(seed).standard_normal(347)) for seed in range(300)]
    found = np.array([gates(walk[:-1], -np.diff(walk), 0.5, 24) for walk in walks])
    (always, whole, known), error = found.mean(axis=0), found.std(axis=0, ddof=1) / math.sqrt(300)
    assert abs(always) < 3.0 * error[0]
    assert abs(known) < 3.0 * error[2]  # honest: nothing
    assert whole > 10.0 * error[1]  # months that are dear among those to come have fallen since: it knows the end
    assert (found[:, 1] > found[:, 2]).mean() > 0.8


def test_it_flatters_on_published_correlation_too(shared_data):
    closes = load_published(shared_data).common("COR1M")["COR1M"][::21]
    always, whole, known = gates(closes[:-1], -np.diff(closes), 2 / 3, 24)
    # Short the level of COR1M from month to month while it is in its dearest third; nobody can trade the level.
    assert whole == pytest.approx(0.94, abs=0.02)
    assert known == pytest.approx(0.66, abs=0.02)
    assert always == pytest.approx(0.04, abs=0.02)
