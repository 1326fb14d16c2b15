"""What a sweep says of its best run: from the runs' own results by day, and counting what was tried before."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine import leaderboard, load_run, load_runs
from engine.errors import InputError
from engine.runs.judgement import judge
from engine.selection import block_sums, deflated_sharpe, effective_trials, most_blocks, overfitting

GRID = ("strategy=rich_correlation", "strategy.enter=0.1,0.5", "costs.component=0.1,0.4", "schedule=monthly,weekly")


@pytest.fixture(scope="module")
def ended(command, tmp_path_factory):
    place = tmp_path_factory.mktemp("judged")
    asked = ("-m", "debug=small", "report=none", "hydra/launcher=batch", *GRID)
    first = command("run", *asked, "study=one", place=place)
    again = command("run", *asked, "study=one", "costs.index=0.1,0.3", place=place)
    assert first.code == again.code == 0, first.err + again.err
    return first, again


@pytest.fixture(scope="module")
def sweeps(ended):
    return sorted((ended[0].place / "results" / "one").iterdir())


def net_of(folder: Path) -> np.ndarray:
    runs = sorted((int(path.name), path) for path in folder.iterdir() if path.is_dir())
    return np.stack([pl.read_parquet(path / "daily.parquet")["pnl_net"].to_numpy() for _, path in runs])


@pytest.mark.parametrize("store", ["table", "folders"])
def test_sizes_alone_change_no_rank_and_the_best_is_the_one_listed_first(command, tmp_path, store):
    sizes = ",".join(f"{size}e3" for size in (70, 30, 110, 90, 50))  # ratios that rounding alone tells apart
    asked = ("strategy=rich_correlation", "strategy.enter=0.5", f"sizing.index_vega={sizes}", f"sweep.store={store}")
    ended = command("run", "-m", "debug=small", "report=none", "hydra/launcher=batch", *asked, place=tmp_path)
    (sweep,) = (folder for folder in (tmp_path / "results").glob("*/*") if folder.is_dir())
    found = judge(sweep)
    assert [Path(run).name for run, _ in found.leaders] == ["0", "1", "2", "3", "4"]
    assert Path(found.best).name == "0"
    assert leaderboard(load_runs(sweep)).frame["run"].to_list() == ["0", "1", "2", "3", "4"]
    assert ended.out.index("\n  0 ") < ended.out.index("\n  1 ")


def test_a_sweep_says_what_its_best_run_is_worth_before_it_lists_any(ended, sweeps):
    out = ended[0].out
    assert out.index("deflated Sharpe") < out.index("breakeven_cost")
    kept = json.loads((sweeps[0] / "selection.json").read_text())
    assert f"{kept['deflated']:.2f}" in out
    assert f"{kept['overfitting']:.2f}" in out


def test_what_is_no_folder_of_a_sweep_is_refused_in_words():
    with pytest.raises(InputError, match=r"judge takes the folder of a sweep, .* was given a DataFrame"):
        judge(pl.DataFrame({"run": ["0"]}))


def test_a_folder_of_several_sweeps_or_of_one_run_is_refused_with_one_to_give(sweeps, tmp_path):
    one, larger = sweeps
    for folder in (one.parent, one.parent.parent):
        with pytest.raises(InputError, match=rf"{folder} is not the folder of one sweep; .* such as {larger}"):
            judge(folder)
    with pytest.raises(InputError, match=rf"0 is not the folder of one sweep; .* such as {one}"):
        judge(one / "0")
    with pytest.raises(InputError, match=r"is not the folder of one sweep; give results/<study>/<time>$"):
        judge(tmp_path)


def test_it_is_told_from_the_results_by_day(sweeps):
    net = net_of(sweeps[0])
    found = json.loads((sweeps[0] / "selection.json").read_text())
    held = json.loads((sweeps[0] / "0" / "manifest.json").read_text())["holding_sessions"]
    assert found["runs"] == found["trials"] == 8
    assert found["independent"] == pytest.approx(effective_trials(net))
    best = int((net.mean(axis=1) / net.std(axis=1)).argmax())
    assert Path(found["best"]).name == str(best)
    assert found["deflated"] == pytest.approx(deflated_sharpe(net)[best])
    split = overfitting(block_sums(net, held))
    assert found["overfitting"] == split.probability
    assert found["later_ranks"] == list(split.later_ranks)
    assert sum(split.later_ranks[:5]) == pytest.approx(split.probability)  # counts over one number, added up
    chances = deflated_sharpe(net)
    known = {str(p): chance for p, chance in enumerate(chances) if np.isfinite(chance)}
    assert {Path(folder).name: chance for folder, chance in found["leaders"]} == pytest.approx(known)
    assert 0.0 <= found["superior"] <= 1.0


def test_trials_of_the_same_study_count_and_each_of_them_once(sweeps):
    later = json.loads((sweeps[1] / "selection.json").read_text())
    assert (later["runs"], later["trials"]) == (16, 24)
    both = np.concatenate([net_of(sweeps[0]), net_of(sweeps[1])])
    assert later["independent"] == pytest.approx(effective_trials(both))
    assert judge(sweeps[0]).trials == 24


def test_a_study_of_other_sessions_or_too_few_runs_is_not_judged(command, sweeps, tmp_path):
    asked = ("-m", "debug=small", "report=none", "hydra/launcher=batch", "study=few", "costs.component=0.1,0.4")
    ended = command("run", *asked, place=tmp_path)
    assert ended.code == 0, ended.err
    assert "deflated" not in ended.out
    with pytest.raises(InputError, match=r"of fewer than 5 runs that traded on the same sessions nothing tells luck"):
        judge(next((tmp_path / "results" / "few").iterdir()))


def test_runs_on_other_sessions_are_left_out_and_counted(command, tmp_path):
    asked = ("-m", "debug=small", "report=none", "hydra/launcher=batch", "study=spans", "start=2014-06-02,null")
    ended = command("run", *asked, "costs.component=0.1,0.2,0.3,0.4,0.5", place=tmp_path)
    assert ended.code == 0, ended.err
    (sweep,) = (tmp_path / "results" / "spans").iterdir()
    assert (judge(sweep).runs, judge(sweep).left_out) == (5, 5)
    assert "5 runs on other sessions left out" in ended.out


def test_a_table_is_judged_by_what_it_keeps_of_each_run(command, sweeps, tmp_path):
    asked = ("-m", "debug=small", "report=none", "hydra/launcher=batch", "sweep.store=table", "study=table", *GRID)
    ended = command("run", *asked, place=tmp_path)
    assert ended.code == 0, ended.err
    (sweep,) = (tmp_path / "results" / "table").iterdir()
    kept = json.loads((sweep / "selection.json").read_text())
    by_day = json.loads((sweeps[0] / "selection.json").read_text())
    assert (kept["runs"], kept["trials"]) == (8, 8)
    assert kept["superior"] == pytest.approx(by_day["superior"], abs=0.005)  # float32: a sample or two may tie
    assert [Path(run).name for run in kept["survivors"]] == [Path(run).name for run in by_day["survivors"]]
    assert Path(kept["best"]).name == Path(by_day["best"]).name
    assert kept["overfitting"] == by_day["overfitting"]
    net = net_of(sweeps[0])
    assert kept["independent"] == pytest.approx(effective_trials(net), rel=1e-5)
    assert kept["deflated"] == pytest.approx(
        deflated_sharpe(net, kept["independent"])[int(Path(kept["best"]).name)], rel=1e-6
    )


@pytest.mark.parametrize("store", ["folders", "table"])
def test_runs_held_differently_long_are_judged_above_the_risk_free_rate(command, store, tmp_path):
    grid = ("structure.tenor=30,91", "strategy=rich_correlation", "strategy.enter=0.1,0.5,1")
    asked = ("-m", "debug=small", "report=none", "hydra/launcher=batch", f"sweep.store={store}", "risk_free=0.02")
    ended = command("run", *asked, *grid, "study=mixed", place=tmp_path)
    assert ended.code == 0, ended.err
    (sweep,) = (tmp_path / "results" / "mixed").iterdir()
    found = json.loads((sweep / "selection.json").read_text())
    runs = load_runs(sweep)
    at = int(Path(found["best"]).name)
    best = runs.sort("sharpe_net", descending=True, nulls_last=True).row(0, named=True)
    assert (found["runs"], found["left_out"], runs["sharpe_net"][at]) == (6, 0, best["sharpe_net"])
    above = [
        load_run(run).daily["pnl_net"] - 0.02 / 252 * capital for run, capital in runs.select("run", "capital").rows()
    ]
    net = np.stack([days.to_numpy() for days in above])
    assert found["independent"] == pytest.approx(effective_trials(net), rel=1e-5)
    assert found["deflated"] == pytest.approx(deflated_sharpe(net)[at], rel=1e-4)
    assert found["overfitting"] == overfitting(most_blocks(net, 64)).probability  # spans are sessions here


def test_trials_count_whether_their_study_keeps_them_as_folders_or_in_tables(command, sweeps, tmp_path):
    asked = ("-m", "debug=small", "report=none", "hydra/launcher=batch", "sweep.store=table", "study=one", *GRID)
    shutil.copytree(sweeps[0], tmp_path / "results" / "one" / sweeps[0].name)
    assert command("run", *asked, "costs.index=0.1,0.3", place=tmp_path).code == 0
    assert command("run", *asked, "start=2014-06-02", "costs.index=0.2", place=tmp_path).code == 0  # other sessions
    folders, table, _ = sorted((tmp_path / "results" / "one").iterdir())
    net = np.concatenate([net_of(sweeps[0]), net_of(sweeps[1])])
    for sweep, runs in ((folders, 8), (table, 16)):
        found = judge(sweep)
        assert (found.runs, found.trials) == (runs, 24)
        assert found.independent == pytest.approx(effective_trials(net), rel=1e-5)


def test_a_table_of_before_that_knows_no_spans_is_judged_without_them(command, tmp_path):
    asked = ("-m", "debug=small", "report=none", "hydra/launcher=batch", "sweep.store=table", "study=table", *GRID)
    assert command("run", *asked, place=tmp_path).code == 0
    (sweep,) = (tmp_path / "results" / "table").iterdir()
    jobs = sweep / ".hydra" / "jobs.parquet"
    trial = pl.col("trial").struct
    pl.read_parquet(jobs).with_columns(
        pl.struct(
            *(trial.field(n) for n in ("sums", "squares", "sharpe", "skew", "kurtosis", "sessions", "counts", "span"))
        ).alias("trial")
    ).write_parquet(jobs)
    (sweep / "manifest.json").write_text(json.dumps({"files": {}}))
    found = judge(sweep)
    assert (found.superior, found.survivors, found.independent) == (None, (), 8.0)
    assert "superior" not in repr(found)


def test_a_damaged_run_of_another_sweep_takes_nothing_from_this_one(sweeps, tmp_path):
    study = tmp_path / "one"
    for sweep in sweeps:
        shutil.copytree(sweep, study / sweep.name)
    whole, other = (study / sweep.name for sweep in sweeps)
    before = judge(whole)
    (other / "0" / "manifest.json").write_text("{")
    (other / "1" / "daily.parquet").write_bytes(b"no parquet")
    found = judge(whole)
    assert (before.trials, found.trials, found.runs) == (24, 22, 8)


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(file.read_bytes()[:-9])])
def test_a_sweep_is_not_judged_without_a_run_that_was_tried(sweeps, tmp_path, damage):
    own = tmp_path / "one" / sweeps[0].name
    shutil.copytree(sweeps[0], own)
    damage(own / "3" / "daily.parquet")
    with pytest.raises(InputError, match=r"3/daily\.parquet .*run this job again"):
        judge(own)
