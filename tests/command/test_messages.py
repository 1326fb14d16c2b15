"""What a user gets wrong ends with one message, exit code 2, no traceback and no folder left behind."""

import os
import shlex
import shutil
import subprocess
import sys

import polars as pl
import pytest

from engine.backend import gpu_missing
from tests.commands import ROOT

SMALL = ("debug=small", "report=none")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("stratgy=rich_correlation",), ("stratgy", "did you mean strategy?")),
        (
            ("tenor=91", "strategy=rich_correlation"),
            ("setting tenor; did you mean structure.tenor or strategy.tenor?",),
        ),
        (("strategy=rich_corelation",), ("strategy=rich_corelation", "did you mean rich_correlation?")),
        (("costs.indx=0.3",), ("costs=vol_points has no setting indx", "did you mean index?")),
        (("+costs.indx=0.3",), ("costs has no setting indx", "did you mean index?")),
        (("market=us_chain",), ("market=us_chain", "did you mean us_chains?")),
        (("market.name=synthetik",), ("market=synthetik", "did you mean synthetic?")),
        (("sizing.index_vega=large",), ("sizing.index_vega=large is not a number",)),
        (("market.years=long",), ("market.years=long is not a number",)),
        (("market.yeers=3",), ("market=synthetic has no setting yeers", "did you mean years?")),
        (("market=nse", "market.pth=x"), ("market=nse has no setting pth", "did you mean path?")),
        (("costs.index=[0.3",), ("cannot read costs.index=[0.3",)),
        (("market=nse", "market.path=a=b"), ("quoted twice: 'market.path=\"a=b\"'",)),
        (("market=nse", "market.path=~/nse"), ("quoted twice: 'market.path=\"~/nse\"'",)),
        (("market=nse", 'market.path="~/nowhere at=all"'), ("/nowhere at=all is not a folder",)),
        (("market=nse", "market.path=[12]"), ("market.path=[12] is not text", "'market.path=\"[12]\"'")),
        (("market=nse", "market.path=2024"), ("market.path=2024 is not text",)),
        (("basket=names",), ("basket.names has no value",)),
        (("basket=names", "basket.names=[ZZZZZ]", *SMALL), ("ZZZZZ", "not in the data")),
        (("backend=gpu",), ("backend=gpu", "auto, numpy or cupy")),
        (("memory_budget=0",), ("memory_budget=0", "positive number of GB")),
        (("start=soon",), ("start=soon is not a date",)),
        (("start=2090-01-01", *SMALL), ("no session", "2090-01-01", "the data covers")),
        (("lag=0", *SMALL), ("lag=0", "lag=1 or more")),
        (("market=us_chains",), ("us_chains", "market.path=")),
        (("market=nse", "market.path=nowhere"), ("market.path=nowhere",)),
        (("costs=null",), ("costs=null is no choice; costs can be bid_ask, desk, none, vol_points",)),
        (("~costs",), ("no costs; leave out '~costs'",)),
        (("~market", *SMALL), ("leave out '~market'",)),
        (("seed=-1",), ("seed=-1 is below 0",)),
        (("market.years=1e308",), ("at most 200 years",)),
        (("market.names=100000",), ("at most 200 years and 10,000 names",)),
        (("strategy.enter=1",), ("strategy=short_correlation has no setting enter", " or strategy=rich_correlation")),
        (("strategy=rich_correlation", "strategy.enter=nan"), ("strategy.enter=nan is not a finite number",)),
        (("strategy=rich_correlation", "strategy.leave=2"), ("leave=2.0 is above strategy.enter=1.0",)),
        (("sizing.index_vega=inf",), ("sizing.index_vega=inf is not a finite number",)),
        (("start=5",), ("start=5 is not a date",)),
        (("end=20150101",), ("end=20150101 is not a date",)),
        (("start=2015-06",), ("start=2015-06 is not a date",)),
        (("start=2015-06-01", "end=2015-05-01", *SMALL), ("start=2015-06-01 lies after end=2015-05-01",)),
        (("sweep=[1]",), ("sweep=[1] is no choice", "[one,two]")),
        (("hydra/launcher=[[1]]",), ("hydra/launcher=[[1]] is no choice",)),
        (("costs.component=-1",), ("costs.component=-1.0 is below 0",)),
        (("strategy=mine",), ("strategy can be correlation_premium", "configs/strategy/mine.yaml")),
        (("sweep.store=table", *SMALL), ("sweep.store, sweep.resume and sweep.shard are of sweeps", "add -m")),
        (("strategy.foo=1",), ("strategy=short_correlation has no setting foo; it has none",)),
        (("+strt=2015-01-01",), ("nothing reads strt; did you mean start?",)),
        (("+strategy@foo=rich_correlation",), ("nothing reads foo; there are basket",)),
        (("++a.b=1",), ("nothing reads a; there are basket",)),
        (("~start",), ("start cannot be taken out; leave out '~start'",)),
        (("strategy@x=rich_correlation",), ("strategy= takes the name of a choice, correlation_premium",)),
        (("hydra.job.chdir=true",), ("hydra.job.chdir=true moves the command",)),
        (("sizing.index_vega=1e300",), ("sizing.index_vega=1e+300 is more than any market has",)),
        (("--strategy", "mine"), ("--strategy is no option", "write strategy=mine")),
        (("--costs.index=1",), ("write costs.index=1",)),
        (("sweep.stor=table",), ("sweep has no setting stor", "did you mean store?")),
        (("hydra.run.dir=/proc/run",), ("/proc/run cannot be written to",)),
        (("study=" + 300 * "x",), ("File name too long",)),
    ],
)
def test_a_mistake_is_told_in_one_message(command, tmp_path, options, words):
    command("run", *options, place=tmp_path).refuses(*words)


@pytest.mark.skipif(gpu_missing() is None, reason="a CUDA device is there")
def test_a_group_of_ones_own_may_set_keys_of_the_root(command, tmp_path):
    (tmp_path / "configs" / "mine").mkdir(parents=True)
    (tmp_path / "configs" / "mine" / "slow.yaml").write_text("# @package _global_\nlag: 2\n")
    told = command("run", "+mine=slow", "--cfg", "job", place=tmp_path)
    assert (told.code, "lag: 2" in told.out) == (0, True), told.err


@pytest.mark.parametrize(
    ("where", "code", "line"),
    [(">/dev/full", 2, "error: No space left on device"), ("2>&-", 0, ""), (">&-", 0, "")],
    ids=["a full disk", "no stderr", "no stdout"],
)
def test_what_cannot_be_printed_is_told_where_it_can(panels, tmp_path, where, code, line):
    if where == ">/dev/full" and not os.path.exists("/dev/full"):
        pytest.skip("only some systems have a device that is always full")
    shell = f"{shlex.quote(sys.executable)} -m engine.run {' '.join(SMALL)} {where}"
    path = os.pathsep.join(map(str, (ROOT, ROOT / "engine" / "plugins")))
    environment = os.environ | {"DISPERSION_CACHE": str(panels), "PYTHONPATH": path}
    ended = subprocess.run(
        ["sh", "-c", shell], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "ignored" not in ended.stderr
    assert any(told.startswith(line) for told in ended.stderr.splitlines()) or not line
    assert len(list(tmp_path.glob("results/*/*/0/summary.json"))) == 1


def test_cupy_without_a_device_says_why(command, tmp_path):
    command("run", "backend=cupy", place=tmp_path).refuses("backend=cupy needs a CUDA device", "backend=numpy")


@pytest.mark.parametrize("option", ["costs.indx=1,2", "sizing.index_vega=large,larger"])
def test_a_sweep_refuses_likewise(command, tmp_path, option):
    command("run", "-m", *SMALL, option, place=tmp_path).refuses(option.partition("=")[0].rpartition(".")[2])


def test_a_sweep_keeps_the_runs_that_finished(command, tmp_path):
    ended = command("run", "-m", *SMALL, "lag=1,0", place=tmp_path)
    assert ended.code == 2
    assert "Traceback" not in ended.err
    assert [folder.name for folder in ended.folders] == ["0"]
    (parquet,) = tmp_path.glob("results/debug/*/runs.parquet")
    assert pl.read_parquet(parquet).height == 1


def test_several_grids_at_once_are_refused(command, tmp_path):
    command("run", "-m", *SMALL, "sweep=entry,costs", place=tmp_path).refuses("sweep=entry,costs", "several grids")


def test_a_group_of_another_command_is_told_so(command, tmp_path):
    command("correlate", "strategy=rich_correlation", place=tmp_path).refuses("strategy is no group of this command")


def test_resuming_with_another_grid_says_so(command, tmp_path):
    assert command("run", "-m", *SMALL, "lag=1,2", place=tmp_path).code == 0
    (sweep,) = tmp_path.glob("results/debug/*")
    resumed = f"sweep.resume={sweep.relative_to(tmp_path)}"
    ended = command("run", "-m", *SMALL, "lag=2,1", resumed, place=tmp_path)
    assert ended.code == 0
    assert "resuming with another command: before it was" in ended.err
    assert "lag=1,2" in ended.err


def test_correlate_refuses_likewise(command, tmp_path):
    command("correlate", "min_coverge=0.5", place=tmp_path).refuses("did you mean min_coverage?")


@pytest.fixture
def files(shared_data, tmp_path):
    """A copy of the Indian files that may be spoilt."""
    (tmp_path / "files" / "nse").mkdir(parents=True)
    for file in (shared_data / "nse").glob("*.parquet"):
        (tmp_path / "files" / "nse" / file.name).symlink_to(file)
    return tmp_path / "files"


def refused(command, files, tmp_path, *words):
    place = tmp_path / "place"
    place.mkdir()
    options = ("market=nse", f"market.path={files}", "report=none")
    command("run", *options, place=place, cache=tmp_path / "panels").refuses(*words)
    assert not list((tmp_path / "panels").glob("*"))


def respell(path, change):
    frame = change(pl.read_parquet(path))
    path.unlink()
    frame.write_parquet(path)


def test_a_missing_file_is_named(command, files, tmp_path):
    (files / "nse" / "weights.parquet").unlink()
    refused(command, files, tmp_path, "weights.parquet")


def test_a_missing_column_is_named(command, files, tmp_path):
    respell(files / "nse" / "cash.parquet", lambda frame: frame.drop("close"))
    refused(command, files, tmp_path, "cash.parquet", "close")


def test_a_truncated_file_is_named(command, files, tmp_path):
    whole = (files / "nse" / "index.parquet").read_bytes()
    (files / "nse" / "index.parquet").unlink()
    (files / "nse" / "index.parquet").write_bytes(whole[: len(whole) // 2])
    refused(command, files, tmp_path, "index.parquet")


def test_wrong_units_are_found(command, shared_data, tmp_path):
    (tmp_path / "files").mkdir()
    for folder in ("us2026", "us_history"):
        shutil.copytree(shared_data / folder, tmp_path / "files" / folder, copy_function=os.symlink)
    in_decimals = pl.col("call_iv_pct", "put_iv_pct") / 100.0
    respell(tmp_path / "files" / "us2026" / "chains.parquet", lambda frame: frame.with_columns(in_decimals))
    place = tmp_path / "place"
    place.mkdir()
    options = ("market=us_chains", f"market.path={tmp_path / 'files'}", "report=none")
    command("run", *options, place=place, cache=tmp_path / "panels").refuses("chains.parquet", "iv")
