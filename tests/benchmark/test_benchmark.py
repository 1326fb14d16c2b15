"""python -m engine.benchmark: every case runs, its files are whole, and their page shows what was measured."""

import json

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from engine.backtest import DailyDelta, Straddle, VegaNeutral, Weekly
from engine.backtest.cohorts.exits import HoldToExpiry
from engine.benchmark import history, tables
from engine.benchmark.cases import cases
from engine.benchmark.inputs import MISSING, Market, random_market, random_options
from engine.benchmark.limits import Limits, measure_limits
from engine.benchmark.measure import best_time
from engine.benchmark.plain_loops import plain_correlation, plain_implied_vol
from engine.benchmark.plain_sweep import plain_sweep
from engine.benchmark.sweeps import parameter_sets, sweep, sweep_lists
from engine.calendar import DAY
from engine.command.hydra import resolved
from engine.command.messages import CONFIGS
from engine.command.objects import build
from engine.correlation import TopWeights, implied_correlation
from engine.errors import InputError
from engine.pricing import InversionStatus, implied_vol
from engine.sweep.batches import run_batch
from engine.sweep.jobs import Job
from strategies.rich_correlation import RichCorrelation

ROOT = CONFIGS.parent
PUBLISHED = ROOT / "results" / "benchmarks"
FULL = sorted(file for file in PUBLISHED.glob("*.json") if "." not in file.stem and file.stem != "kernels")


def composed(*overrides):
    with initialize_config_dir(version_base="1.3", config_dir=str(CONFIGS)):
        return compose("benchmark", overrides=["benchmark=debug", *overrides])


@pytest.fixture(scope="module")
def ended(command, tmp_path_factory):
    options = ("benchmark=debug", "backend=numpy", "benchmark.options=1000", "benchmark.repeats=1")
    ended = command("benchmark", *options, place=tmp_path_factory.mktemp("benchmark"))
    assert ended.code == 0, ended.err
    return ended


@pytest.fixture(scope="module")
def result(ended):
    (file,) = ended.place.glob("results/benchmarks/*.debug.json")
    return json.loads(file.read_text())


@pytest.fixture(scope="module")
def market():
    return random_market(400, 30, [10, 30, 91], [10, 25, 50, 75, 90])


def test_every_case_of_the_table_is_measured(result):
    assert result["sizes"]["options"] == 1000, "an override of a size was not heard"
    asked = cases(build(result["sizes"] | {"_target_": "engine.benchmark.sizes.Sizes"}))
    assert [row["name"] for row in result["cases"]] == [case.name for case in asked if case.listed]
    assert len(result["growth"]) == sum(case.growth is not None for case in asked)
    assert {point["axis"] for point in result["growth"]} == {"T", "N", "P"}


def test_time_rate_share_of_the_limit_and_ratio_belong_together(result):
    limits, rows = result["limits"], {row["name"]: row for row in result["cases"]}
    for row in result["cases"]:
        # Numbers are written with six digits.
        assert row["rate"] * row["seconds"] == pytest.approx(row["count"], rel=1e-5)
        needed = {"memory": ("bytes", "bytes_per_second"), "arithmetic": ("multiply_adds", "multiply_adds_per_second")}
        amount, at_most = needed[row["limit"]]
        assert row["share_of_limit"] == pytest.approx(row[amount] / limits[at_most] / row["seconds"], rel=1e-5)
    book, loop = rows["Trade book, 30 days"], rows["Trade book, plain loop"]
    assert book["times_plain_loop"] == pytest.approx(book["rate"] / loop["rate"], rel=1e-5)
    assert loop["times_plain_loop"] is None


def test_marks_are_legs_times_days_of_the_book(result):
    row = next(row for row in result["cases"] if row["name"] == "Trade book, 30 days")
    sessions = result["sizes"]["dates"]
    whole = np.busday_offset("1996-01-01", np.arange(sessions))  # 1996 began on a Monday
    held = np.searchsorted(whole, whole[1:] + 30 * DAY, side="right") - 1 - np.arange(1, sessions)
    assert row["count"] == 51 * held.sum()


def test_the_sets_of_a_sweep_on_a_part_of_the_market_share_one_panel_and_so_one_book(market):
    sizes = build(resolved(composed("benchmark.sweep_dates=300"))["benchmark"], "benchmark")
    baskets = TopWeights(50).select(market.weights, market.names)[None]
    (jobs,) = sweep(Market(market, baskets), sizes, count=5).run.args
    assert len(jobs[0].market) == 300
    assert len({job.book for job in jobs}) == 1


def test_the_table_and_the_places_of_the_files_are_printed(ended, result):
    assert tables.text_table(result) in ended.out
    (folder,) = ended.folders
    for name in ("roofline.html", "growth.html", "history.html"):
        assert str((folder / name).relative_to(ended.place)) in ended.out
        page = (folder / name).read_text()
        assert "plotly-graph-div" in page
        assert page.count("<script>/**") == 1, "plotly.js is inlined once"


def test_a_benchmark_is_the_last_line_of_its_history(ended, result):
    (file,) = ended.place.glob("results/benchmarks/*.debug.history.jsonl")
    assert history.read(file) == [history.entry(result)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("benchmark=ful",), ("benchmark=ful", "did you mean full?")),
        (("benchmark.optoins=3",), ("benchmark=quick has no setting optoins", "did you mean options?")),
        (("strategy=rich_correlation",), ("strategy",)),
        (("backend=gpu",), ("backend=gpu", "auto, numpy or cupy")),
        (("benchmark=debug", "benchmark.dates=many"), ("benchmark.dates=many is not a whole number",)),
        (("benchmark=debug", "benchmark.sets=[]"), ("benchmark.sets=()", "above 0")),
        (("benchmark=debug", "benchmark.repeats=0"), ("benchmark.repeats=0", "above 0")),
    ],
)
def test_a_mistake_is_told_in_one_message(command, tmp_path, options, words):
    command("benchmark", *options, place=tmp_path).refuses(*words)


def test_the_plain_correlation_is_the_engines(market):
    weights = TopWeights(10).select(market.weights, market.names)
    rho = implied_correlation(market.index_iv[:5], market.component_iv[:5], weights[:5])
    members = np.moveaxis(market.component_iv[:5].astype(float), 1, -1).reshape(5, -1, 30)
    index = market.index_iv[:5].astype(float).reshape(5, -1)
    records = np.array(plain_correlation(index.tolist(), members.tolist(), weights[:5].tolist()))
    for i, name in enumerate(("clean", "dirty", "variance_ratio", "coverage", "names", "status")):
        # Sums of ten terms in another order.
        np.testing.assert_allclose(
            records[..., i].reshape(rho.clean.shape), getattr(rho, name), rtol=1e-11, err_msg=name
        )


def test_the_plain_inversion_is_the_engines():
    options = random_options(3000, "numpy")
    given = [options.price, options.forward, options.strike, options.years, options.is_call, options.rate]
    iv, status = implied_vol(*given)
    looped = np.array(plain_implied_vol(list(zip(*(column.tolist() for column in given), strict=True))))
    identified = status == InversionStatus.OK
    assert identified.mean() > 0.9
    # Where a price just determines its volatility, both may be 1e-10 off; cdfs that lose digits in wings add to it.
    np.testing.assert_allclose(looped[identified], iv[identified], rtol=1e-8)


def test_the_plain_sweep_is_the_engines(market):
    sets = parameter_sets(12)
    jobs = [
        Job(
            *(market, RichCorrelation(enter=enter, leave=leave), TopWeights(50), Straddle(), VegaNeutral(index_vega)),
            *(Weekly(), HoldToExpiry(), DailyDelta(), costs),
        )
        for enter, leave, index_vega, costs in sets
    ]
    for (result, p), looped in zip(run_batch(jobs), plain_sweep(sweep_lists(market), sets), strict=True):
        assert looped["option_cost"] > 0.0, "a set that never trades compares nothing"
        for name, found in result.accounts.statistics().items():
            # Sums over cohorts and dates in another order.
            assert found[p] == pytest.approx(looped[name], rel=1e-9), name


def test_the_random_market_misses_quotes_and_keeps_strikes_in_order(market):
    assert np.isnan(market.component_iv).mean() == pytest.approx(MISSING, abs=0.005)
    years = market.tenors[:, None] / 365.0
    spread = market.component_iv * np.sqrt(years)
    from scipy.special import ndtri

    strike = spread * (0.5 * spread - ndtri(market.deltas / 100.0))
    assert not (np.diff(strike, axis=-1) >= 0.0).any(), "the loop walks a smile from its middle, and relies on order"


def test_limits_are_measured_and_noise_only_lowers_them():
    low, high = Limits(1.0, 4.0), Limits(2.0, 3.0)
    assert low.or_better(high) == Limits(2.0, 4.0)
    assert low.or_better(None) == low
    found = measure_limits("numpy", 1)
    # A megabyte or a product of matrices takes neither a second nor a microsecond anywhere.
    assert 1e6 < found.bytes_per_second < 1e12
    assert 1e7 < found.multiply_adds_per_second < 1e15


def test_the_best_of_the_runs_counts_and_long_work_is_run_twice():
    runs = []
    assert 0.0 <= best_time(lambda: runs.append(1), "numpy", repeats=9, seconds=0.0) < 1.0
    assert len(runs) == 2
    best_time(lambda: runs.append(1), "numpy", repeats=1)
    assert len(runs) == 3


def test_the_readme_is_renewed_between_its_markers_only(result, tmp_path):
    begin, end = tables.markers("some-cpu")
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    block = tables.readme_table(result)
    tables.renew_readme(readme, "some-cpu", block)
    assert readme.read_text() == f"before\n{begin}\n{block}\n{end}\nafter\n"
    assert tables.shown(readme.read_text(), "some-cpu") == block
    with pytest.raises(InputError, match="no place for other-cpu"):
        tables.renew_readme(readme, "other-cpu", block)


def test_the_readme_shows_a_full_benchmark():
    readme = (PUBLISHED / "README.md").read_text()
    assert any(tables.shown(readme, file.stem) for file in FULL)


@pytest.mark.parametrize("file", FULL, ids=lambda file: file.stem)
def test_the_readme_shows_what_the_file_holds(file):
    result = json.loads(file.read_text())
    block = tables.shown((PUBLISHED / "README.md").read_text(), file.stem)
    assert result["benchmark"] == "full"
    assert block in (None, tables.readme_table(result))
