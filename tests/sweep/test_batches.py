"""Batched sweeps: the numbers of the loop, from as few books as there are ways to trade."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from omegaconf import OmegaConf

import engine.sweep.batches
from engine.backtest import (
    DailyDelta,
    DailyLadder,
    DeskCosts,
    EarlyExit,
    EveryDays,
    HoldToExpiry,
    NextEntry,
    NoHedge,
    Roll,
    Straddle,
    StressCap,
    ThetaNeutral,
    VegaNeutral,
    VegaOfNav,
    VolPoints,
    Weekly,
    backtest,
)
from engine.command.messages import CONFIGS
from engine.correlation import AllMembers, Liquid, TopWeights
from engine.sweep.batches import run_batch
from engine.sweep.jobs import Job
from engine.testing import small_market
from strategies.rich_correlation import RichCorrelation
from strategies.short_correlation import ShortCorrelation


@pytest.fixture(scope="module")
def jobs():
    """Two dozen jobs over everything that may differ, in no order."""
    base = Job(
        market=small_market(40, sessions=120),
        strategy=RichCorrelation(window=20, enter=0.5, leave=0.0),
        basket=AllMembers(),
        structure=Straddle(tenor=25),
        sizing=VegaNeutral(),
        schedule=Weekly(),
        exits=HoldToExpiry(),
        hedge=DailyDelta(),
        costs=VolPoints(),
    )
    made = [
        replace(base, strategy=RichCorrelation(window=w, enter=e, leave=v))
        for e in (0.2, 1, 1.5)
        for w in (20, 30)
        for v in (-0.5, 0.0)
    ]
    made += [replace(base, strategy=ShortCorrelation(), costs=VolPoints(component=c)) for c in (0.4, 1.2)]
    made += [replace(base, sizing=sizing) for sizing in (ThetaNeutral(5e4), VegaNeutral(2e5), ThetaNeutral(1e5))]
    made += [replace(base, hedge=NoHedge()), replace(base, basket=TopWeights(3)), replace(base, lag=2)]
    made += [replace(base, market=small_market(41, sessions=120))]
    made += [replace(base, hedge=EveryDays(days=3), scale=scale) for scale in (StressCap(2e5), StressCap(4e5))]
    made += [replace(base, scale=VegaOfNav(nav=n), costs=DeskCosts(stress=s)) for n, s in ((1e7, 0.1), (5e7, 0.0))]
    made += [replace(base, schedule=DailyLadder(5), exits=EarlyExit(sessions=s, band=0.05)) for s in (4, 9)]
    made += [replace(base, schedule=Roll(days=4), exits=NextEntry(), basket=Liquid(n=4, window=10))]
    return [made[i] for i in np.random.default_rng(0).permutation(len(made))]


def alone(job: Job):
    parts = {name: getattr(job, name) for name in job.__dataclass_fields__ if name not in ("market", "strategy")}
    return backtest(job.market, job.strategy, **parts)


@pytest.mark.parametrize("largest", [64, 2])
def test_every_job_of_a_batch_has_the_numbers_of_running_it_alone(jobs, monkeypatch, largest):
    monkeypatch.setattr(engine.sweep.batches, "LARGEST_BATCH", largest)
    done = []
    for job, (result, p) in zip(jobs, run_batch(jobs, done.append), strict=True):
        single = alone(job)
        for name in ("pnl_gross", "option_cost", "hedge_cost", "entry_exposure"):
            np.testing.assert_array_equal(getattr(result, name)[p], getattr(single, name)[0])
        assert result.summary(p) == pytest.approx(single.summary(), rel=0, abs=0, nan_ok=True)
        assert result.ledger(p).equals(single.ledger())
    assert sum(done) == len(jobs)


def test_jobs_that_trade_alike_share_one_book(jobs, monkeypatch):
    built = []
    build = engine.sweep.batches.open_book
    monkeypatch.setattr(engine.sweep.batches, "open_book", lambda *given: built.append(given) or build(*given))
    run_batch(jobs)
    # Vega, theta, no hedge, three names, lag 2, the other market; every three days, in detail, the ladder, the roll.
    assert len(built) == 10


def test_the_batch_launcher_leaves_what_the_basic_launcher_leaves(command, tmp_path):
    sweep = ("-m", "debug=small", "report=none", "strategy=rich_correlation", "strategy.window=60")
    grid = ("strategy.enter=0.2,1", "costs.component=0.4,0.8", "schedule=monthly,weekly")
    frames, files = [], []
    for name, launcher in (("basic", ()), ("batch", ("hydra/launcher=batch",))):
        place = tmp_path / name
        place.mkdir()
        ended = command("run", *sweep, *grid, *launcher, place=place, cache=tmp_path / "panels")
        assert ended.code == 0, ended.err
        (folder,) = place.glob("results/debug/*")
        frames.append(pl.read_parquet(folder / "runs.parquet").drop("run"))
        files.append({str(file.relative_to(folder)): file for file in sorted(folder.rglob("*")) if file.is_file()})
    asked = [c for c in frames[1].columns if c != "hydra/launcher"]
    assert frames[0].equals(frames[1].select(asked), null_equal=True)
    assert files[0].keys() == files[1].keys()
    assert len([name for name in files[0] if name.endswith("manifest.json")]) == 8
    for name, file in files[0].items():
        if name.endswith(("daily.parquet", "ledger.parquet")):
            assert pl.read_parquet(file).equals(pl.read_parquet(files[1][name]), null_equal=True), name
        elif name.endswith("summary.json"):
            assert file.read_text() == files[1][name].read_text()


def test_the_batch_launcher_refuses_a_mistake_before_it_runs_anything(command, tmp_path):
    ended = command("run", "-m", "debug=small", "hydra/launcher=batch", "lag=1,soon", place=tmp_path)
    ended.refuses("lag=soon")
    command("correlate", "-m", "debug=small", "hydra/launcher=batch", "min_coverage=0.5,0.8", place=tmp_path).refuses(
        "batches backtests"
    )


def test_one_command_sweeps_structure_sizing_hedge_and_strategy_into_one_leaderboard(command, tmp_path):
    asked = OmegaConf.load(CONFIGS / "sweep" / "desk.yaml").hydra.sweeper.params
    assert math.prod(len(choices.split(",")) for choices in asked.values()) == 400
    fewer = ("structure=straddle", "sizing=theta_neutral", "hedge=every_days,none")  # of 80 books two
    options = ("sweep=desk", "debug=small", "hydra/launcher=batch", "sweep.store=table", *fewer)
    ended = command("run", *options, place=tmp_path)
    assert ended.code == 0, ended.err
    (table,) = tmp_path.glob("results/*/*/runs.parquet")
    runs = pl.read_parquet(table)
    assert len(runs) == 10
    assert runs["strategy"].n_unique() == 5
    assert "The best of 10 runs" in ended.out
